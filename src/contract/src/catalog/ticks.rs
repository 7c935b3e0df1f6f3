//! The moments at which a job runs, worked out from its schedule and the time alone: every process that looks at the same
//! time sees the same ticks. Nothing here runs anything.

use jiff::{Timestamp, tz::Offset};

use super::{Schedule, cron::Cron};

/// A schedule, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ticks {
    /// Each multiple of a number of seconds since 1970.
    Every(i64),
    /// The beginning of each minute that an expression names.
    Cron(Cron),
}

impl Ticks {
    /// Compiles a schedule. The catalog has checked it, so an error means that it was made by other means.
    pub fn compile(schedule: &Schedule) -> Result<Self, String> {
        match schedule {
            Schedule::Every(period) => match i64::try_from(period.as_secs()) {
                Ok(seconds @ 1..) if period.subsec_nanos() == 0 => Ok(Self::Every(seconds)),
                _ => Err(format!("{period:?} is not a whole number of seconds")),
            },
            Schedule::Cron(expression) => Cron::parse(expression).map(Self::Cron),
        }
    }

    /// The newest tick at or before a moment.
    pub fn last_until(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(seconds) => Timestamp::from_second(floor(moment).div_euclid(*seconds) * seconds).ok(),
            Self::Cron(cron) => Offset::UTC.to_timestamp(cron.last_until(Offset::UTC.to_datetime(moment))?).ok(),
        }
    }

    /// The first tick after a moment.
    pub fn next_after(&self, moment: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(seconds) => {
                let tick = floor(moment).div_euclid(*seconds).checked_add(1)?.checked_mul(*seconds)?;
                Timestamp::from_second(tick).ok()
            }
            Self::Cron(cron) => Offset::UTC.to_timestamp(cron.next_after(Offset::UTC.to_datetime(moment))?).ok(),
        }
    }
}

/// Whole seconds since 1970, rounded towards the past.
fn floor(moment: Timestamp) -> i64 {
    moment.as_millisecond().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn ticks(schedule: Schedule, now: &str) -> (String, String) {
        let (ticks, now) = (Ticks::compile(&schedule).unwrap(), now.parse().unwrap());
        (ticks.last_until(now).unwrap().to_string(), ticks.next_after(now).unwrap().to_string())
    }

    #[test]
    fn a_tick_lies_at_or_before_the_moment_and_the_next_after_it() {
        let quarter = || Schedule::Every(Duration::from_secs(900));
        for (schedule, now, last, next) in [
            (quarter(), "2026-11-23T10:07:30.5Z", "2026-11-23T10:00:00Z", "2026-11-23T10:15:00Z"),
            (quarter(), "2026-11-23T10:15:00Z", "2026-11-23T10:15:00Z", "2026-11-23T10:30:00Z"),
            (quarter(), "2026-11-23T10:14:59.999Z", "2026-11-23T10:00:00Z", "2026-11-23T10:15:00Z"),
            (Schedule::Every(Duration::from_secs(1)), "1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z"),
            (Schedule::Cron("30 3 * * mon".into()), "2026-11-23T03:29:59Z", "2026-11-16T03:30:00Z", "2026-11-23T03:30:00Z"),
            (Schedule::Cron("30 3 * * mon".into()), "2026-11-23T03:30:00Z", "2026-11-23T03:30:00Z", "2026-11-30T03:30:00Z"),
        ] {
            assert_eq!(ticks(schedule, now), (last.to_owned(), next.to_owned()), "at {now}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for every in [Duration::ZERO, Duration::from_millis(1500)] {
            assert!(Ticks::compile(&Schedule::Every(every)).unwrap_err().contains("whole number"));
        }
        assert!(Ticks::compile(&Schedule::Cron("@daily".into())).is_err());
    }

    proptest! {
        #[test]
        fn every_moment_lies_between_two_neighbours(seconds in 1_u64..10_000_000, millis in 0_i64..4_000_000_000_000) {
            let ticks = Ticks::compile(&Schedule::Every(Duration::from_secs(seconds))).unwrap();
            let now = Timestamp::from_millisecond(millis).unwrap();
            let (last, next) = (ticks.last_until(now).unwrap(), ticks.next_after(now).unwrap());
            prop_assert!(last <= now && now < next);
            prop_assert_eq!(ticks.next_after(last), Some(next));
            prop_assert_eq!(next.as_second() - last.as_second(), i64::try_from(seconds).unwrap());
        }
    }
}
