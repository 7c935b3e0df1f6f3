//! How long and how often is measured, and with what. A plan is made once and handed to every measurement.

use std::path::PathBuf;

/// Connections of every load run.
pub const CONNECTIONS: u32 = 64;

/// A run of the benchmark.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program that is measured.
    pub program: PathBuf,
    /// This program: it serves the hand-written handler too.
    pub itself: PathBuf,
    /// Folder for databases, manifests and logs, on the disk whose commits are measured.
    pub work: PathBuf,
    /// URL of a PostgreSQL database that may be filled.
    pub postgres: String,
    /// The shipped contracts.
    pub contracts: PathBuf,
    /// The other programs, when they are measured too.
    pub peers: Option<Peers>,
    /// Times that two servers are measured in turn.
    pub rounds: usize,
    /// Seconds of a turn.
    pub turn: u32,
    /// Seconds of a run that fills a database or reloads contracts.
    pub long: u32,
    /// Times that a short thing is repeated: loading, starting.
    pub repeats: usize,
    /// The processors of servers and of the load, when there are two or more.
    pub processors: Option<Processors>,
}

/// The other programs.
#[derive(Debug, Clone)]
pub struct Peers {
    /// Debian's `webhook`.
    pub webhook: PathBuf,
    /// Python with FastAPI and uvicorn.
    pub python: PathBuf,
    /// Folder with their settings.
    pub settings: PathBuf,
}

/// Lists of processors as `taskset` takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processors {
    /// Of a server.
    pub server: String,
    /// Of the load.
    pub load: String,
    /// Threads of the load.
    pub load_threads: usize,
}

impl Processors {
    /// Shares `count` processors: one half serves, the other one asks. `None` when there is one only.
    pub fn share(count: usize) -> Option<Self> {
        let load_threads = count / 2;
        let last = count.checked_sub(1)?;
        let first_of_load = count - load_threads;
        (load_threads > 0).then(|| Self { server: span(0, first_of_load - 1), load: span(first_of_load, last), load_threads })
    }
}

fn span(first: usize, last: usize) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

impl Plan {
    /// Threads of the load when nothing is pinned.
    pub fn load_threads(&self) -> usize {
        self.processors.as_ref().map_or(1, |processors| processors.load_threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_shared_in_halves() {
        assert_eq!(Processors::share(1), None);
        let two = Processors { server: "0".to_owned(), load: "1".to_owned(), load_threads: 1 };
        assert_eq!(Processors::share(2), Some(two));
        let five = Processors { server: "0-2".to_owned(), load: "3-4".to_owned(), load_threads: 2 };
        assert_eq!(Processors::share(5), Some(five));
    }
}
