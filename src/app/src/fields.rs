//! The fields of text log lines, as `name=value`. Every request opens a span whose fields are written down whether or not a line
//! follows, so this does no more work than it must; the looks are those of `tracing_subscriber` without a terminal.
//!
//! Nothing that a caller sent may act on a terminal or begin a line of its own: texts that are not one plain word are quoted and
//! escaped as Rust does, control characters of everything else are escaped. Only a message may have several lines.

use std::{
    cell::Cell,
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
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        // The writer grows from nothing with each piece that it is given, so it is given all of them at once.
        let mut visitor = Visitor { text: SPARE.take(), outcome: Ok(()) };
        fields.record(&mut visitor);
        let Visitor { mut text, outcome } = visitor;
        let outcome = outcome.and_then(|()| writer.write_str(&text));
        text.clear();
        if text.capacity() <= MOST_SPARE {
            SPARE.set(text);
        }
        outcome
    }
}

/// Room that is kept for the next fields, at most.
const MOST_SPARE: usize = 4096;

thread_local! {
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

struct Visitor {
    text: String,
    outcome: fmt::Result,
}

impl Visitor {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Escaping<'_>) -> fmt::Result) {
        if self.outcome.is_err() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        let is_message = is_message(field);
        if !is_message {
            let name = field.name();
            self.text.push_str(name.strip_prefix("r#").unwrap_or(name));
            self.text.push('=');
        }
        self.outcome = value(&mut Escaping { text: &mut self.text, lines: is_message });
    }
}

fn is_message(field: &Field) -> bool {
    field.name() == "message"
}

/// Whether a text can be told from what stands around it without quotes.
fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:{}*+@".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

impl Visit for Visitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        let unquoted = is_message(field) || is_word(value);
        self.write(field, |out| if unquoted { out.write_str(value) } else { write!(out, "{value:?}") });
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
struct Escaping<'a> {
    text: &'a mut String,
    /// Whether ends of lines are let through.
    lines: bool,
}

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            self.text.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            match character {
                '\n' | '\t' if self.lines => self.text.push(character),
                _ if character.is_control() => self.text.extend(character.escape_default()),
                _ => self.text.push(character),
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
            span.in_scope(|| tracing::info!(reason = "not right", count = 2, "refused"));
        });
        assert!(
            text.ends_with(
                "request{id=r1 contract=plane-webhook status=401}: mission_control::fields::tests: refused reason=\"not right\" count=2\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn nothing_that_was_sent_acts_on_a_terminal_or_begins_a_line() {
        let text = logged(|| tracing::info!(sent = "\u{1b}[2J\n", shown = %"a\n\u{1b}\u{9b}b", "two\nlines\u{1b}"));
        assert!(text.ends_with("two\nlines\\u{1b} sent=\"\\u{1b}[2J\\n\" shown=a\\n\\u{1b}\\u{9b}b\n"), "{text:?}");
    }
}
