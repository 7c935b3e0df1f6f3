//! Durations, sizes and rates as manifests write them. Each has one way to be written back, which reads as the same value.

use std::time::Duration;

use super::model::Rate;

/// Units of time in milliseconds, largest first.
const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size in bytes, largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
/// Longest duration: a hundred years in milliseconds.
const LONGEST: u64 = 36_525 * 86_400_000;

/// Reads `250ms`, `45s`, `1h30m`: numbers with units, largest first, more than nothing. The error says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let example = "write it as `30s`, `15m` or `1h30m`";
    let (mut rest, mut total, mut last) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a duration: {example}"))?;
        let Some((_, size)) = TIMES.iter().find(|(name, _)| *name == unit) else {
            return Err(format!("`{text}` is not a duration: its units are d, h, m, s and ms; {example}"));
        };
        if *size >= last {
            return Err(format!("`{text}` is not a duration: the largest unit comes first, each once"));
        }
        let part = number.checked_mul(*size).filter(|part| *part <= LONGEST);
        total =
            part.and_then(|part| total.checked_add(part)).ok_or_else(|| format!("`{text}` is longer than a hundred years"))?;
        (last, rest) = (*size, after);
    }
    match total {
        0 => Err(format!("`{text}` is no time at all: {example}")),
        total => Ok(Duration::from_millis(total)),
    }
}

/// A duration as [`parse_duration`] reads it, to the millisecond.
pub fn format_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(LONGEST);
    let mut text = String::new();
    for (unit, size) in TIMES {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads `512B`, `256KiB`, `1MiB`: a whole number of bytes, more than none. The error says what is wrong.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let example = "write it as `256KiB` or `1MiB`";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a size: {example}"))?;
    let Some((_, size)) = SIZES.iter().find(|(name, _)| *name == unit.trim_start()) else {
        return Err(format!("`{text}` is not a size: its units are B, KiB, MiB and GiB; {example}"));
    };
    match number.checked_mul(*size).filter(|size| *size <= 1 << 40) {
        Some(0) => Err(format!("`{text}` lets nothing through: {example}")),
        Some(size) => Ok(size),
        None => Err(format!("`{text}` is more than 1024GiB")),
    }
}

/// A size as [`parse_size`] reads it, in the largest unit that leaves no remainder.
pub fn format_size(bytes: u64) -> String {
    let fitting = SIZES.iter().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size));
    fitting.map_or_else(|| format!("{bytes}B"), |(unit, size)| format!("{}{unit}", bytes / size))
}

/// Reads `120/1m`: a count and a period. The error says what is wrong.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let error = || format!("`{text}` is not a rate: write a count and a period, as `120/1m`");
    let (count, period) = text.split_once('/').ok_or_else(error)?;
    let count: u32 = count.trim().parse().map_err(|_| error())?;
    if count == 0 {
        return Err(format!("`{text}` lets nobody in: the count is at least 1"));
    }
    let period = period.trim();
    // `120/m` is how many write it.
    let period =
        if period.starts_with(|first: char| first.is_ascii_alphabetic()) { format!("1{period}") } else { period.to_owned() };
    Ok(Rate { count, period: parse_duration(&period)? })
}

/// A rate as [`parse_rate`] reads it.
pub fn format_rate(rate: Rate) -> String {
    format!("{}/{}", rate.count, format_duration(rate.period))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_as_people_mean_them() {
        assert_eq!(parse_duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_secs(5400));
        assert_eq!(parse_duration("7d").unwrap(), Duration::from_secs(7 * 86_400));
        for wrong in ["", "5", "m", "0s", "5 m", "30m1h", "1s1s", "1.5h", "-5s", "5y", "99999999999999999999s", "9999999d", "５m"]
        {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_rates_are_exact() {
        assert_eq!(parse_size("1MiB").unwrap(), 1_048_576);
        assert_eq!(parse_rate("120/m").unwrap(), Rate { count: 120, period: Duration::from_secs(60) });
        for wrong in ["", "1", "1MB", "0B", "-1B", "1.5MiB", "99999999999GiB"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "120", "0/1m", "x/1m", "120/", "120/0s", "1/1m/1"] {
            assert!(parse_rate(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn durations_round_trip(millis in 1..LONGEST) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn sizes_round_trip(bytes in 1_u64..(1 << 40)) {
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }

        #[test]
        fn rates_round_trip(count in 1_u32.., millis in 1..LONGEST) {
            let rate = Rate { count, period: Duration::from_millis(millis) };
            prop_assert_eq!(parse_rate(&format_rate(rate)), Ok(rate));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let _ = (parse_duration(&text), parse_size(&text), parse_rate(&text));
        }
    }
}
