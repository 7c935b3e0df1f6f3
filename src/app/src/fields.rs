//! The fields of text log lines, as `name=value`. Every request opens a span whose fields are written down whether or not a line
//! follows, so this does no more work than it must; the looks are those of `tracing_subscriber` without a terminal.
//!
//! Nothing that a caller sent may act on a terminal or begin a line of its own: texts are quoted and escaped as Rust does,
//! control characters of everything else are escaped. Only a message may have several lines.

use std::{
    error::Error,
    fmt::{self, Debug, Write},
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

/// Writes the fields of spans and events.
#[derive(Debug, Clone, Copy)]
pub struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { writer, begun: false, outcome: Ok(()) };
        fields.record(&mut visitor);
        visitor.outcome
    }
}

struct Visitor<'writer> {
    writer: Writer<'writer>,
    begun: bool,
    outcome: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Escaping<'_, '_>) -> fmt::Result) {
        if self.outcome.is_ok() {
            self.outcome = self.try_write(field.name(), value);
            self.begun = true;
        }
    }

    fn try_write(&mut self, name: &str, value: impl FnOnce(&mut Escaping<'_, '_>) -> fmt::Result) -> fmt::Result {
        if self.begun {
            self.writer.write_char(' ')?;
        }
        let is_message = name == "message";
        if !is_message {
            self.writer.write_str(name.strip_prefix("r#").unwrap_or(name))?;
            self.writer.write_char('=')?;
        }
        value(&mut Escaping { writer: &mut self.writer, lines: is_message })
    }
}

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_message = field.name() == "message";
        self.write(field, |out| match value {
            _ if is_message => out.write_str(value),
            _ if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) => {
                out.writer.write_char('"')?;
                out.writer.write_str(value)?;
                out.writer.write_char('"')
            }
            _ => write!(out, "{value:?}"),
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field, |out| {
            write!(out, "{value}")?;
            let mut source = value.source();
            while let Some(error) = source {
                write!(out, ": {error}")?;
                source = error.source();
            }
            Ok(())
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |out| write!(out, "{value:?}"));
    }
}

/// Escapes control characters on their way.
struct Escaping<'a, 'writer> {
    writer: &'a mut Writer<'writer>,
    /// Whether ends of lines are let through.
    lines: bool,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.writer.write_str(text);
        }
        for character in text.chars() {
            match character {
                '\n' | '\t' if self.lines => self.writer.write_char(character)?,
                _ if character.is_control() => write!(self.writer, "{}", character.escape_default())?,
                _ => self.writer.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the log").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(work: impl FnOnce()) -> String {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt().with_writer(kept.clone()).with_ansi(false).without_time();
        tracing::subscriber::with_default(subscriber.fmt_fields(PlainFields).finish(), work);
        let text = kept.0.lock().expect("the log").clone();
        String::from_utf8(text).expect("the log is text")
    }

    #[test]
    fn a_line_names_its_span_and_its_fields() {
        let text = logged(|| {
            let span = tracing::info_span!("request", id = %"r1", contract = "plane-webhook", status = tracing::field::Empty);
            span.record("status", 401);
            span.in_scope(|| tracing::info!(reason = "wrong", count = 2, "refused"));
        });
        assert!(
            text.ends_with("request{id=r1 contract=\"plane-webhook\" status=401}: mission_control::fields::tests: refused reason=\"wrong\" count=2\n"),
            "{text}"
        );
    }

    #[test]
    fn nothing_that_was_sent_acts_on_a_terminal_or_begins_a_line() {
        let text = logged(|| tracing::info!(sent = "\u{1b}[2J\n", shown = %"a\n\u{1b}\u{9b}b", "two\nlines\u{1b}"));
        assert!(text.ends_with("two\nlines\\u{1b} sent=\"\\u{1b}[2J\\n\" shown=a\\n\\u{1b}\\u{9b}b\n"), "{text:?}");
    }
}
