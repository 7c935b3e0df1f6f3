//! The table: one row for each thing measured, with what it should be and whether it is. It is Markdown that is also easy to
//! read on a terminal.

use std::fmt;

/// One line of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The result with its unit.
    pub result: String,
    /// Median and 99th percentile of the latency in microseconds.
    pub latency: Option<(f64, f64)>,
    /// Processor time of the server in microseconds for each request.
    pub processor: Option<f64>,
    /// The goal and whether it was met; `None` for what the others are compared with.
    pub goal: Option<(String, bool)>,
}

impl Row {
    /// A row without a goal.
    pub fn new(what: impl Into<String>, result: impl Into<String>) -> Self {
        Self { what: what.into(), result: result.into(), ..Self::default() }
    }

    /// Sets the goal and the verdict.
    #[must_use]
    pub fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goal = Some((goal.into(), met));
        self
    }

    /// Sets the latency.
    #[must_use]
    pub fn latency(mut self, median: f64, p99: f64) -> Self {
        self.latency = Some((median, p99));
        self
    }

    /// Sets the processor time.
    #[must_use]
    pub fn processor(mut self, micros: f64) -> Self {
        self.processor = Some(micros);
        self
    }
}

/// All rows.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

const TITLES: [&str; 7] = ["Measured", "Result", "p50", "p99", "Server CPU per request", "Goal", "Verdict"];

impl Table {
    /// Adds rows and says them at once, so that a long run shows how it goes.
    pub fn add(&mut self, rows: Vec<Row>) {
        for row in rows {
            let verdict = row.goal.as_ref().map(|(goal, met)| format!(" (goal: {goal}; {})", verdict(*met))).unwrap_or_default();
            eprintln!("  {}: {}{verdict}", row.what, row.result);
            self.rows.push(row);
        }
    }

    /// Goals that were missed.
    pub fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.goal.as_ref().is_some_and(|(_, met)| !met)).count()
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "**missed**" }
}

fn cells(row: &Row) -> [String; 7] {
    let (goal, verdict) =
        row.goal.as_ref().map_or((String::new(), String::new()), |(goal, met)| (goal.clone(), verdict(*met).to_owned()));
    let (p50, p99) = row.latency.map_or((String::new(), String::new()), |(median, p99)| (time(median), time(p99)));
    let processor = row.processor.map(|micros| format!("{micros:.1} µs")).unwrap_or_default();
    [row.what.clone(), row.result.clone(), p50, p99, processor, goal, verdict]
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![TITLES.map(str::to_owned)];
        lines.extend(self.rows.iter().map(cells));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 7] = std::array::from_fn(width);
        for (index, line) in lines.iter().enumerate() {
            for (cell, width) in line.iter().zip(widths) {
                write!(formatter, "| {cell:width$} ")?;
            }
            writeln!(formatter, "|")?;
            if index == 0 {
                for width in widths {
                    write!(formatter, "| {} ", "-".repeat(width))?;
                }
                writeln!(formatter, "|")?;
            }
        }
        Ok(())
    }
}

/// A time in the unit that suits it.
pub fn time(micros: f64) -> String {
    match micros {
        micros if micros < 1_000.0 => format!("{micros:.0} µs"),
        micros if micros < 1_000_000.0 => format!("{:.2} ms", micros / 1_000.0),
        micros => format!("{:.2} s", micros / 1_000_000.0),
    }
}

/// A whole number with its thousands apart.
pub fn count(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::default();
        table.add(vec![
            Row::new("bare", "1,000 req/s").latency(500.0, 1_500.0),
            Row::new("ours", "900 req/s").processor(10.04).goal("at least 0.90", true),
        ]);
        let text = table.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].starts_with("| ---"));
        assert!(lines[2].contains("| 500 µs | 1.50 ms |"), "{text}");
        assert!(lines[3].contains("| 10.0 µs "), "{text}");
        assert!(lines[3].ends_with("| at least 0.90 | met     |"), "{text}");
        assert_eq!(table.missed(), 0);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(count(1_234_567.2), "1,234,567");
        assert_eq!(count(123.0), "123");
        assert_eq!(time(2_500_000.0), "2.50 s");
    }
}
