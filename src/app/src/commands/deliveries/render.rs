//! Deliveries as a person and as a program reads them. What others sent is shown without control characters.

use engine::storage::{DeliveryRecord, DeliveryState, Message};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::output::{self, Cell, Look, Tone, count, word};

fn state_tone(state: DeliveryState) -> Tone {
    match state {
        DeliveryState::Pending => Tone::Warn,
        DeliveryState::Running => Tone::Plain,
        DeliveryState::Done => Tone::Good,
        DeliveryState::Dead => Tone::Bad,
    }
}

/// Deliveries as a table.
pub(super) fn list(records: &[DeliveryRecord], look: Look) -> String {
    let mut header = vec!["ID", "RECEIVED", "FLOW", "CONTRACT", "HANDLER", "STATE", "TRIES"];
    // Where nothing failed, the room is better spent.
    let failed = records.iter().any(|record| record.last_error.is_some());
    if failed {
        header.push("LAST ERROR");
    }
    let cells = |record: &DeliveryRecord| -> Vec<Cell> {
        let mut cells = vec![
            record.id.to_string().into(),
            second(record.received_at).into(),
            word(&record.flow).into(),
            record.contract.as_str().into(),
            record.handler.as_str().into(),
            Cell::new(word(&record.state), state_tone(record.state)),
            format!("{}/{}", record.attempts, record.max_attempts).into(),
        ];
        if failed {
            cells.push(Cell::new(shortened(record.last_error.as_deref().unwrap_or_default()), Tone::Dim));
        }
        cells
    };
    output::table(&header, records.iter().map(cells).collect(), look)
}

/// The beginning of an error, for a row; `show` has all of it.
fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A delivery with its message as JSON.
pub(super) fn details(record: &DeliveryRecord) -> Value {
    let mut document = json!(record);
    document["message"] = record.message.as_ref().map_or(Value::Null, |message| {
        let mut shown = json!(message);
        shown["body"] = body(message).unwrap_or(Value::Null);
        shown
    });
    if let Some(reply) = &record.reply {
        document["reply"]["body"] = json!(String::from_utf8_lossy(&reply.body));
    }
    document
}

/// The body as JSON where it is JSON, else as text.
fn body(message: &Message) -> Option<Value> {
    if message.body.is_empty() {
        return None;
    }
    Some(serde_json::from_slice(&message.body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&message.body))))
}

/// A delivery with its message for people.
pub(super) fn text(record: &DeliveryRecord, look: Look) -> String {
    let time = |time: Option<Timestamp>| time.map(second).unwrap_or_default();
    let state = word(&record.state);
    let due = matches!(record.state, DeliveryState::Pending).then(|| second(record.due_at));
    let fields = [
        ("state", state.clone()),
        ("flow", word(&record.flow)),
        ("contract", record.contract.clone()),
        ("target", record.target.clone()),
        ("handler", record.handler.clone()),
        ("key", record.key.clone().unwrap_or_default()),
        ("subject", record.subject.clone().unwrap_or_default()),
        ("attempts", format!("{} of {}", record.attempts, record.max_attempts)),
        ("received", second(record.received_at)),
        ("due", due.unwrap_or_default()),
        ("finished", time(record.finished_at)),
        ("request", record.request_id.clone()),
        ("caller", record.actor.clone()),
        ("answer", record.reply.as_ref().map(|reply| format!("{} {}", reply.status, reply.media_type)).unwrap_or_default()),
        ("last error", record.last_error.clone().unwrap_or_default()),
    ];
    let mut text = format!("{}\n", look.bold(&format!("delivery {}", record.id)));
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let shown = output::printable(value);
        let shown = if *name == "state" { look.tone(state_tone(record.state), &shown) } else { shown };
        text.push_str(&format!("  {name:<10}  {shown}\n"));
    }
    if let Some(message) = &record.message {
        text.push_str(&message_text(message, look));
    }
    text
}

fn message_text(message: &Message, look: Look) -> String {
    let mut text = String::new();
    let pairs =
        [("Path parameters", &message.params, " = "), ("Query", &message.query, " = "), ("Headers", &message.headers, ": ")];
    if !message.path.is_empty() {
        text.push_str(&format!("\n{}\n  {}\n", look.bold("Path"), output::printable(&message.path)));
    }
    for (title, pairs, joint) in pairs.iter().filter(|(_, pairs, _)| !pairs.is_empty()) {
        text.push_str(&format!("\n{}\n", look.bold(title)));
        for (name, value) in *pairs {
            text.push_str(&format!("  {}{joint}{}\n", output::printable(name), output::printable(value)));
        }
    }
    text.push_str(&format!("\n{} ({})\n", look.bold("Body"), count(message.body.len(), "byte")));
    let body = match body(message) {
        None => return text,
        Some(Value::String(raw)) => raw,
        Some(json) => format!("{json:#}"),
    };
    text.extend(output::printable_lines(&body).lines().map(|line| format!("  {line}\n")));
    text
}

/// A time to the second, in UTC.
fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn a_long_error_is_shortened_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ä".repeat(200)).chars().count(), 101);
    }
}
