//! The same work on many things, on all cores. Used where each piece is independent and there may be thousands; the results
//! keep the order of what they were made of, so nothing depends on how many threads there were.

use std::{num::NonZero, panic, thread};

/// Fewer things than this are not worth a thread.
const WORTHWHILE: usize = 64;
/// More threads than this only wait for memory.
const MOST_THREADS: usize = 8;

/// What `work` makes of each item, in order. A panic in `work` goes on in the caller.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
    if threads == 1 || items.len() < WORTHWHILE {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let chunks = items.chunks(items.len().div_ceil(threads));
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>())).collect();
        let joined = running.into_iter().map(|thread| thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload)));
        joined.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept() {
        let numbers: Vec<usize> = (0..1000).collect();
        assert_eq!(map(&numbers, |number| number * 2), (0..2000).step_by(2).collect::<Vec<_>>());
        assert_eq!(map(&numbers[..3], |number| number + 1), [1, 2, 3]);
    }
}
