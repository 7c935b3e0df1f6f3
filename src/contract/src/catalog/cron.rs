//! Cron expressions with five fields, in UTC: checked when the catalog is made, and asked for the next minute by whoever runs
//! jobs. As in the classic cron, a day matches when either of the two day fields does, unless one of them is `*`.

use jiff::{
    Span,
    civil::{DateTime, Weekday},
};

/// A cron expression, compiled to one bit set for each field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", first: 0, last: 59, names: &[] },
    Field { name: "hour", first: 0, last: 23, names: &[] },
    Field { name: "day of month", first: 1, last: 31, names: &[] },
    Field { name: "month", first: 1, last: 12, names: &MONTHS },
    Field { name: "day of week", first: 0, last: 7, names: &WEEKDAYS },
];

impl Cron {
    /// Reads an expression; the error names the field that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(format!("`{text}` is not five fields but {}", fields.len()));
        };
        let mut sets = [0; 5];
        for ((set, field), text) in sets.iter_mut().zip(&FIELDS).zip([minute, hour, day, month, weekday]) {
            *set = field.parse(text)?;
        }
        let [minutes, hours, days, months, weekdays] = sets;
        let cron = Self {
            minutes,
            hours,
            days,
            months,
            // Sunday is 0 and 7.
            weekdays: weekdays | weekdays >> 7 & 1,
            any_day: *day == "*",
            any_weekday: *weekday == "*",
        };
        match cron.next_after(jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0)) {
            Some(_) => Ok(cron),
            None => Err(format!("`{text}` names a day that never comes")),
        }
    }

    /// Whether it runs in the minute of a moment (UTC).
    pub fn matches(&self, moment: DateTime) -> bool {
        self.matches_day(moment) && has(self.hours, moment.hour()) && has(self.minutes, moment.minute())
    }

    /// The first minute after a moment (UTC) in which it runs; `None` when there is none within nine years.
    pub fn next_after(&self, moment: DateTime) -> Option<DateTime> {
        let mut next = moment.with().second(0).subsec_nanosecond(0).build().ok()?.checked_add(Span::new().minutes(1)).ok()?;
        let end = next.checked_add(Span::new().years(9)).ok()?;
        while next < end {
            if !self.matches_day(next) {
                next = next.date().tomorrow().ok()?.at(0, 0, 0, 0);
            } else if !has(self.hours, next.hour()) {
                next = next.with().minute(0).build().ok()?.checked_add(Span::new().hours(1)).ok()?;
            } else if !has(self.minutes, next.minute()) {
                next = next.checked_add(Span::new().minutes(1)).ok()?;
            } else {
                return Some(next);
            }
        }
        None
    }

    /// The last minute at or before a moment (UTC) in which it ran; `None` when there was none within nine years.
    pub fn last_until(&self, moment: DateTime) -> Option<DateTime> {
        let mut last = moment.with().second(0).subsec_nanosecond(0).build().ok()?;
        let start = last.checked_sub(Span::new().years(9)).ok()?;
        while last > start {
            if !self.matches_day(last) {
                last = last.date().yesterday().ok()?.at(23, 59, 0, 0);
            } else if !has(self.hours, last.hour()) {
                last = last.with().minute(59).build().ok()?.checked_sub(Span::new().hours(1)).ok()?;
            } else if !has(self.minutes, last.minute()) {
                last = last.checked_sub(Span::new().minutes(1)).ok()?;
            } else {
                return Some(last);
            }
        }
        None
    }

    fn matches_day(&self, moment: DateTime) -> bool {
        let weekday = match moment.weekday() {
            Weekday::Sunday => 0,
            other => other.to_monday_one_offset(),
        };
        let (day, weekday) = (has(self.days, moment.day()), has(self.weekdays, weekday));
        let matches = if self.any_day || self.any_weekday { day && weekday } else { day || weekday };
        matches && has(self.months, moment.month())
    }
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1)
}

impl Field {
    fn parse(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn part(&self, text: &str) -> Result<u64, String> {
        let error =
            || format!("`{text}` is not a {} of cron: write `*` or numbers from {} to {}", self.name, self.first, self.last);
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| (1..=59).contains(step)).ok_or_else(error)?),
            None => (text, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((first, last)) => (self.number(first).ok_or_else(error)?, self.number(last).ok_or_else(error)?),
            None => {
                let first = self.number(range).ok_or_else(error)?;
                (first, if text.contains('/') { self.last } else { first })
            }
        };
        if first > last {
            return Err(error());
        }
        Ok((first..=last).step_by(step as usize).fold(0, |set, value| set | 1 << value))
    }

    fn number(&self, text: &str) -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        let named = self.names.iter().position(|name| *name == lower);
        if let Some(position) = named.and_then(|position| u32::try_from(position).ok()) {
            return Some(position + self.first);
        }
        let digits = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|number| (self.first..=self.last).contains(number))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn next(expression: &str, after: DateTime) -> DateTime {
        Cron::parse(expression).unwrap().next_after(after).unwrap()
    }

    #[test]
    fn the_next_minute_is_found() {
        let now = date(2026, 11, 23).at(10, 7, 30, 0);
        assert_eq!(next("*/5 * * * *", now), date(2026, 11, 23).at(10, 10, 0, 0));
        assert_eq!(next("0 3 * * *", now), date(2026, 11, 24).at(3, 0, 0, 0));
        assert_eq!(next("0 0 1 jan *", now), date(2027, 1, 1).at(0, 0, 0, 0));
        assert_eq!(next("0 0 29 2 *", now), date(2028, 2, 29).at(0, 0, 0, 0));
        assert_eq!(next("30 9 * * sun", now), date(2026, 11, 29).at(9, 30, 0, 0));
        assert_eq!(next("30 9 * * 7", now), date(2026, 11, 29).at(9, 30, 0, 0));
        assert_eq!(next("0 0 13 * fri", now), date(2026, 11, 27).at(0, 0, 0, 0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (expression, word) in [
            ("* * * *", "five"),
            ("60 * * * *", "minute"),
            ("* 24 * * *", "hour"),
            ("* * 0 * *", "day of month"),
            ("* * * 13 *", "month"),
            ("* * * * 8", "day of week"),
            ("5-1 * * * *", "minute"),
            ("*/0 * * * *", "minute"),
            ("0 0 31 2 *", "never"),
            ("@daily", "five"),
        ] {
            let error = Cron::parse(expression).unwrap_err();
            assert!(error.contains(word), "{expression}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9*/,\\-a-z ]{0,20}") {
            let _ = Cron::parse(&text);
        }

        #[test]
        fn the_next_minute_matches(minute in 0_u8..60, hour in 0_u8..24, day in 1_u8..29) {
            let cron = Cron::parse(&format!("{minute} {hour} {day} * *")).unwrap();
            let next = cron.next_after(date(2026, 11, 23).at(10, 7, 30, 0)).unwrap();
            prop_assert!(cron.matches(next));
        }

        #[test]
        fn what_comes_next_is_what_was_last_until_the_one_after(
            fields in ["(\\*|\\*/7|[0-5]?[0-9])", "(\\*|\\*/5|1?[0-9])", "(\\*|1?[1-9])", "(\\*|[1-9])", "(\\*|[0-6])"],
            seconds in 0_i64..400 * 86_400,
        ) {
            let cron = Cron::parse(&fields.join(" ")).unwrap();
            let moment = date(2026, 1, 1).at(0, 0, 0, 0).checked_add(Span::new().seconds(seconds)).unwrap();
            let (last, next) = (cron.last_until(moment).unwrap(), cron.next_after(moment).unwrap());
            prop_assert!(last <= moment && moment < next && cron.matches(last) && cron.matches(next));
            prop_assert_eq!(cron.next_after(last), Some(next));
            prop_assert_eq!(cron.last_until(next), Some(next));
        }
    }
}
