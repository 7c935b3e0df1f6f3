//! How commands speak: tables, JSON, colour and errors. Colour and wrapping are for terminals alone, so that what a program
//! or a file receives is plain and complete.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, IsTerminal as _, Write as _},
};

use anyhow::Context as _;
use comfy_table::{Attribute, Cell as TableCell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;

/// What an output is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether a person sees it: tables are wrapped to the width.
    pub(crate) terminal: bool,
    /// Whether it may be coloured.
    pub(crate) colour: bool,
}

impl Look {
    /// Neither colour nor wrapping.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { terminal: false, colour: false };

    /// The look of standard output.
    pub(crate) fn stdout() -> Self {
        Self::of(io::stdout().is_terminal(), std::env::var_os("NO_COLOR"), std::env::var_os("TERM"))
    }

    /// The look of standard error.
    pub(crate) fn stderr() -> Self {
        Self::of(io::stderr().is_terminal(), std::env::var_os("NO_COLOR"), std::env::var_os("TERM"))
    }

    /// `NO_COLOR` counts when it is not empty, as its convention says.
    fn of(terminal: bool, no_color: Option<OsString>, term: Option<OsString>) -> Self {
        let colour = terminal && no_color.is_none_or(|value| value.is_empty()) && term.is_none_or(|term| term != "dumb");
        Self { terminal, colour }
    }

    /// Text in bold.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Text in the colour of a tone.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Plain => text.to_owned(),
            Tone::Good => self.paint("32", text),
            Tone::Warn => self.paint("33", text),
            Tone::Bad => self.paint("31", text),
            Tone::Dim => self.paint("2", text),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What a word means for the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing in particular.
    Plain,
    /// All is well.
    Good,
    /// Worth a look.
    Warn,
    /// Wrong.
    Bad,
    /// Less important.
    Dim,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its text.
    pub(crate) text: String,
    /// Its colour.
    pub(crate) tone: Tone,
}

impl Cell {
    /// A cell in a tone.
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// Columns that are copied or told apart at a glance, so never broken over lines.
const WHOLE: &[&str] = &["ID", "METHOD", "NAME", "RECEIVED", "STATE"];

/// A table as text with a final newline: wrapped to the terminal's width where there is one, else a line for each row.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<Cell>>, look: Look) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if look.terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty().set_content_arrangement(ContentArrangement::Disabled);
    }
    if look.colour {
        table.enforce_styling();
    }
    let title = |title: &&str| {
        let cell = styled(&Cell::from(*title), look);
        if look.colour { cell.add_attribute(Attribute::Bold) } else { cell }
    };
    table.set_header(header.iter().map(title));
    for row in rows {
        table.add_row(row.iter().map(|cell| styled(cell, look)));
    }
    for (column, title) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if WHOLE.contains(title) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Control characters in what others sent (a key, an error) are no business of a terminal.
fn styled(cell: &Cell, look: Look) -> TableCell {
    let made = TableCell::new(printable(&cell.text));
    match cell.tone {
        _ if !look.colour => made,
        Tone::Plain => made,
        Tone::Good => made.fg(Color::Green),
        Tone::Warn => made.fg(Color::Yellow),
        Tone::Bad => made.fg(Color::Red),
        Tone::Dim => made.add_attribute(Attribute::Dim),
    }
}

/// Text without control characters, so that stored data can neither steer a terminal nor break a row.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// The same for text of several lines.
pub(crate) fn printable_lines(text: &str) -> String {
    let keep = |character: &char| *character == '\n' || *character == '\t';
    let shown = |character: char| if character.is_control() && !keep(&character) { '\u{fffd}' } else { character };
    text.replace("\r\n", "\n").chars().map(shown).collect()
}

/// The word that a value has in documents: its string form in JSON.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// `1 contract`, `2 contracts`.
pub(crate) fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("the output cannot be written"),
    }
}

/// Writes indented JSON to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Writes a remark for people to standard error, where it does not mix with the output.
pub(crate) fn note(text: &str) {
    // There is nobody to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Reports why a command failed.
pub(crate) fn report(error: &anyhow::Error) {
    let head = Look::stderr().paint("1;31", "error:");
    note(&format!("{head} {}", printable_lines(&format!("{error:#}"))));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(terminal: bool, no_color: Option<&str>, term: &str) -> Look {
        Look::of(terminal, no_color.map(OsString::from), Some(term.into()))
    }

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        assert!(look(true, None, "xterm").colour);
        assert!(look(true, Some(""), "xterm").colour);
        assert!(!look(true, Some("1"), "xterm").colour);
        assert!(!look(true, None, "dumb").colour);
        assert!(!look(false, None, "xterm").colour);
    }

    #[test]
    fn a_plain_table_is_a_line_for_each_row_without_escapes() {
        let long = "x".repeat(300);
        let rows = vec![
            vec!["GET".into(), "/a".into(), Cell::new("mounted", Tone::Good)],
            vec!["POST".into(), long.as_str().into(), "b\u{1b}[2J".into()],
        ];
        let text = table(&["METHOD", "PATH", "STATE"], rows, Look::PLAIN);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.starts_with("METHOD  PATH"), "{text}");
        assert!(text.contains(&long) && !text.contains('\u{1b}'), "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }

    #[test]
    fn a_coloured_table_is_coloured() {
        let rows = vec![vec![Cell::new("dead", Tone::Bad)]];
        let text = table(&["STATE"], rows, Look { terminal: false, colour: true });
        assert!(text.contains('\u{1b}'), "{text:?}");
    }
}
