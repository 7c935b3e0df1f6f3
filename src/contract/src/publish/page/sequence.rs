//! The way of one request (or event) of a contract as a Mermaid sequence diagram.

use super::super::{markdown, routes_of};
use crate::{
    catalog::{Call, Contract, DeliveryMode, Route, SurfaceItem},
    handler::Effect,
};

/// The diagram of the contract's most telling route, or of its first call.
fn diagram_of(contract: &Contract) -> Option<String> {
    if let Some(route) = telling_route(contract) {
        let diagram = if route.delivery.mode == DeliveryMode::Durable { durable(route) } else { in_request(route) };
        return Some(diagram);
    }
    contract.surface.iter().find_map(|item| match item {
        SurfaceItem::Call(call) => Some(outgoing(contract, call)),
        _ => None,
    })
}

/// The section, or nothing.
pub(super) fn section(contract: &Contract) -> String {
    diagram_of(contract).map(|diagram| super::section("Sequence", &markdown::block("mermaid", &diagram))).unwrap_or_default()
}

/// A durable route tells the most, then one that writes, then the first.
fn telling_route(contract: &Contract) -> Option<&Route> {
    routes_of(contract)
        .filter(|route| route.alias_of.is_none())
        .min_by_key(|route| (route.delivery.mode != DeliveryMode::Durable, route.handler.effect != Effect::Write))
}

struct Diagram(Vec<String>);

impl Diagram {
    fn of(participants: &[(&str, &str)]) -> Self {
        let mut lines = vec!["sequenceDiagram".to_owned()];
        for (name, label) in participants {
            lines.push(format!("    participant {name} as {}", label_of(label)));
        }
        Self(lines)
    }

    fn line(&mut self, depth: usize, text: &str) {
        self.0.push(format!("{}{text}", "    ".repeat(depth)));
    }

    fn says(&mut self, depth: usize, from: &str, arrow: &str, to: &str, text: &str) {
        self.line(depth, &format!("{from}{arrow}{to}: {}", label_of(text)));
    }

    fn finish(self) -> String {
        self.0.join("\n")
    }
}

/// Text in a diagram: `;` and `#` have a meaning of their own there.
fn label_of(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '#' => "#35;".to_owned(),
            ';' => "#59;".to_owned(),
            '<' => "#lt;".to_owned(),
            '>' => "#gt;".to_owned(),
            '\n' | '\r' => " ".to_owned(),
            _ => character.to_string(),
        })
        .collect()
}

/// What a guard refuses, then `rest` for what it lets pass.
fn guarded(diagram: &mut Diagram, route: &Route, rest: impl FnOnce(&mut Diagram, usize)) {
    let names: Vec<&str> = route.auth.iter().map(|method| method.name()).collect();
    if names.is_empty() {
        rest(diagram, 1);
        return;
    }
    diagram.line(1, "alt credential missing, wrong or sent twice");
    diagram.says(2, "Guard", "-->>", "Caller", "401 problem document");
    if route.auth.iter().any(|method| method.variable().is_some()) {
        diagram.line(1, "else its variable is unset");
        diagram.says(2, "Guard", "-->>", "Caller", "503 problem document that names the variable");
    }
    diagram.line(1, &format!("else let in by {}", label_of(&names.join(" or "))));
    rest(diagram, 2);
    diagram.line(1, "end");
}

fn request_line(route: &Route) -> String {
    format!("{} {}", route.method.as_str(), route.path)
}

fn durable(route: &Route) -> String {
    let mut diagram = Diagram::of(&[
        ("Caller", "Caller"),
        ("Guard", "Guard"),
        ("Inbox", "Inbox"),
        ("Database", "Database"),
        ("Handler", route.handler.name),
    ]);
    diagram.says(1, "Caller", "->>", "Guard", &request_line(route));
    let policy = &route.delivery;
    guarded(&mut diagram, route, |diagram, depth| {
        diagram.says(depth, "Guard", "->>", "Inbox", "delivery, credentials dropped");
        diagram.says(depth, "Inbox", "->>", "Database", "commit the delivery, once for its key");
        diagram.says(depth, "Inbox", "-->>", "Caller", &policy.respond.to_string());
        diagram.line(depth, &format!("loop until done, at most {} attempts", policy.attempts));
        diagram.says(depth + 1, "Inbox", "->>", "Handler", "hand over under a lease");
        diagram.says(depth + 1, "Handler", "->>", "Database", "effect, events and the mark done in one transaction");
        diagram.line(depth, "end");
    });
    diagram.finish()
}

fn in_request(route: &Route) -> String {
    let writes = route.handler.effect == Effect::Write;
    let mut participants = vec![("Caller", "Caller")];
    if !route.auth.is_empty() {
        participants.push(("Guard", "Guard"));
    }
    participants.push(("Handler", route.handler.name));
    if writes {
        participants.push(("Database", "Database"));
    }
    let mut diagram = Diagram::of(&participants);
    if !route.auth.is_empty() {
        diagram.says(1, "Caller", "->>", "Guard", &request_line(route));
    }
    let status = route.handler.replies.first().map_or(200, |reply| reply.status);
    guarded(&mut diagram, route, |diagram, depth| {
        match route.auth.is_empty() {
            true => diagram.says(depth, "Caller", "->>", "Handler", &request_line(route)),
            false => diagram.says(depth, "Guard", "->>", "Handler", "request, credentials dropped"),
        }
        if writes {
            diagram.says(depth, "Handler", "->>", "Database", "effect and events in one transaction");
        }
        diagram.says(depth, "Handler", "-->>", "Caller", &status.to_string());
    });
    diagram.finish()
}

fn outgoing(contract: &Contract, call: &Call) -> String {
    let target = format!("URL in {}", call.variable);
    let mut diagram =
        Diagram::of(&[("Domain", "Domain"), ("Outbox", "Outbox"), ("Dispatcher", "Dispatcher"), ("Target", &target)]);
    diagram.says(1, "Domain", "->>", "Outbox", "event, in the transaction of its change");
    diagram.line(1, &format!("loop until taken, at most {} attempts", contract.delivery.attempts));
    diagram.says(2, "Dispatcher", "->>", "Outbox", "claim under a lease, in order for each subject");
    diagram.says(2, "Dispatcher", "->>", "Target", &format!("{} with the event's stable id", call.method));
    diagram.says(2, "Target", "-->>", "Dispatcher", "2xx, or later again");
    diagram.line(1, "end");
    diagram.finish()
}
