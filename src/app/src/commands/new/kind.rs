//! The text of a new manifest, by kind. A manifest starts small and works: it has what the format asks for, one example where
//! one can be sent, and comments where somebody has to decide something.

use clap::ValueEnum;
use contract::handler::{Effect, HandlerInfo};
use serde_json::Value;

use super::{Plan, payload};

/// What can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Events that another system posts here, each a task to start with
    Webhook,
    /// A route that others read or write
    Api,
    /// An answer that another system posts later
    Callback,
    /// Events of this service, posted to another system
    Call,
    /// Files of this repository that others rely on
    File,
    /// An id reserved for what is not there yet
    Planned,
}

impl Kind {
    /// The word on the command line.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Api => "api",
            Self::Callback => "callback",
            Self::Call => "call",
            Self::File => "file",
            Self::Planned => "planned",
        }
    }

    /// The usual section.
    pub(super) fn section(self) -> &'static str {
        match self {
            Self::Webhook | Self::Callback | Self::Call => "external",
            Self::Api => "internal",
            Self::File => "discovery",
            Self::Planned => "planned",
        }
    }

    pub(super) fn has_route(self) -> bool {
        matches!(self, Self::Webhook | Self::Api | Self::Callback)
    }

    pub(super) fn is_guarded_by_secret(self) -> bool {
        matches!(self, Self::Webhook | Self::Callback)
    }
}

/// The manifest.
pub(super) fn manifest(plan: &Plan<'_>) -> String {
    let body = match plan.kind {
        Kind::Webhook => webhook(plan),
        Kind::Api => api(plan),
        Kind::Callback => callback(plan),
        Kind::Call => call(plan),
        Kind::File => file(plan),
        Kind::Planned => planned(plan),
    };
    format!(
        "# yaml-language-server: $schema=../../schemas/contract.schema.json\nschema: 1\nid: {}\nname: {}\n\n{body}",
        plan.id,
        scalar(&plan.title)
    )
}

/// The id without an ending that says the kind again: `acme-webhook` has routes below `acme`.
fn stem<'a>(plan: &Plan<'a>) -> &'a str {
    let ending = format!("-{}", plan.kind.word());
    plan.id.strip_suffix(ending.as_str()).unwrap_or(plan.id)
}

/// `acme-tickets` → `ACME_TICKETS_` and the ending.
fn variable(plan: &Plan<'_>, ending: &str) -> String {
    format!("{}_{ending}", stem(plan).to_ascii_uppercase().replace('-', "_"))
}

/// `acme-tickets` → `X-Acme-Tickets-` and the ending.
fn header(plan: &Plan<'_>, ending: &str) -> String {
    let words = stem(plan).split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}-", first.to_ascii_uppercase())
    });
    format!("X-{}{ending}", words.collect::<String>())
}

/// A text as a YAML scalar. JSON's strings are YAML's double-quoted ones.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.' | '/' | ',' | ';'))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Value::String(text.to_owned()).to_string() }
}

/// A variable's declaration, unless the folder has one.
fn declaration(plan: &Plan<'_>, name: &str, secret: bool, description: &str) -> String {
    if plan.declared.iter().any(|declared| declared == name) {
        return String::new();
    }
    let secret = if secret { "    secret: true\n" } else { "" };
    format!("  {name}:\n{secret}    description: {}\n", scalar(description))
}

fn environment(declarations: &[String]) -> String {
    let all = declarations.concat();
    if all.is_empty() { String::new() } else { format!("environment:\n{all}") }
}

/// The facts after the auth.
fn facts(versioning: &str, owner: &str, mode: &str, trigger: &str) -> String {
    format!(
        "stability: experimental\nversioning: {}\nowner: {}\n\nmode: {mode}\ntrigger: {}\n",
        scalar(versioning),
        scalar(owner),
        scalar(trigger)
    )
}

fn verify(plan: &Plan<'_>) -> String {
    format!("verify:\n  - GET /contractz/{}\n", plan.id)
}

fn webhook(plan: &Plan<'_>) -> String {
    let shape = payload::shape(plan.preset);
    let base = format!("/api/v1/projects/{{project_id}}/integrations/{}/webhook", stem(plan));
    let secret = variable(plan, "WEBHOOK_SECRET");
    let (route, with) = match plan.handler {
        None => (base, shape.settings()),
        Some(info) if info.name == "tasks.upsert" => (base, shape.settings()),
        Some(info) => (with_params(&base, info), required_settings(plan, info)),
    };
    let handler = plan.handler.map_or("tasks.upsert", |info| info.name);
    let durable = plan.handler.is_none_or(|info| info.effect == Effect::Write);
    let key = shape.key.map(|key| format!("  key: {key}\n")).unwrap_or_default();
    let example = if sendable(plan.handler) {
        example(
            "an event is accepted",
            &route.replace("{project_id}", "demo"),
            &shape.example_headers(),
            shape.example,
            if durable { 202 } else { 200 },
        )
    } else {
        String::new()
    };
    [
        format!("direction: {}\ntype: webhook\n{}{}", direction(plan), surface(&route, "post", handler, &with), relay(plan)),
        auth(plan, &secret),
        facts(
            &format!("local route under /api/v1; payload as {} shapes it", plan.title),
            &format!("{} emits; Mission Control validates and consumes", plan.title),
            "callback",
            &format!("events of {}", plan.title),
        ),
        environment(&[declaration(plan, &secret, true, &format!("Secret shared with {}", plan.title)), relay_declaration(plan)]),
        delivery(durable, &key),
        example,
        verify(plan),
    ]
    .concat()
}

fn callback(plan: &Plan<'_>) -> String {
    let secret = variable(plan, "CALLBACK_SECRET");
    let base = format!("/api/v1/callbacks/{}", stem(plan));
    let route = plan.handler.map_or_else(|| base.clone(), |info| with_params(&base, info));
    let with = plan.handler.map(|info| required_settings(plan, info)).unwrap_or_default();
    let handler = plan.handler.map_or("engine.accept", |info| info.name);
    let durable = plan.handler.is_none_or(|info| info.effect == Effect::Write);
    let example = if plan.handler.is_none() {
        example("an answer is stored", &route, "", "{reference: R-1, outcome: done}", 202)
    } else {
        String::new()
    };
    [
        format!("direction: {}\ntype: callback\n{}{}", direction(plan), surface(&route, "post", handler, &with), relay(plan)),
        auth(plan, &secret),
        facts(
            "local route under /api/v1",
            &format!("{} answers; Mission Control validates and consumes", plan.title),
            "callback",
            &format!("an answer of {}", plan.title),
        ),
        environment(&[declaration(plan, &secret, true, &format!("Secret shared with {}", plan.title)), relay_declaration(plan)]),
        delivery(durable, ""),
        example,
        verify(plan),
    ]
    .concat()
}

fn api(plan: &Plan<'_>) -> String {
    let base = format!("/api/v1/{}", stem(plan));
    let writes = plan.handler.is_some_and(|info| info.effect == Effect::Write);
    let (method, role, scope) = if writes { ("post", "operator", "write") } else { ("get", "viewer", "read") };
    let route = plan.handler.map_or_else(|| base.clone(), |info| with_params(&base, info));
    let (handler, with) = match plan.handler {
        Some(info) => (info.name, required_settings(plan, info)),
        None => ("engine.respond", "        body: {contract: '{{ contract.id }}', now: '{{ now }}'}\n".to_owned()),
    };
    let example = match plan.handler {
        None => format!(
            "examples:\n  - name: the answer names its contract\n    request: {{method: GET, path: {route}}}\n    \
             expect: {{status: 200, body: {{/contract: {}}}}}\n",
            plan.id
        ),
        Some(_) => String::new(),
    };
    [
        format!("direction: {}\ntype: REST API\n{}{}", direction(plan), surface(&route, method, handler, &with), relay(plan)),
        format!("auth:\n  - session: {role}\n  - token: {scope}\n"),
        facts(
            "the path prefix v1",
            "Mission Control backend",
            if writes { "read-write" } else { "read-only" },
            "a request of an operator or of a program with an API token",
        ),
        environment(&[relay_declaration(plan)]),
        example,
        verify(plan),
    ]
    .concat()
}

fn call(plan: &Plan<'_>) -> String {
    let (url, token) = (variable(plan, "URL"), variable(plan, "TOKEN"));
    [
        format!(
            "direction: outbound\ntype: webhook\nsurface:\n  - call: {url}\n    on: ['task.*']\nauth:\n  - credential: {token}\n    bearer: true\n"
        ),
        facts(
            "CloudEvents 1.0 in structured JSON",
            &format!("Mission Control emits; {} receives", plan.title),
            "control",
            "every event whose type is named under on",
        ),
        environment(&[
            declaration(plan, &url, false, &format!("Endpoint of {} that events are posted to", plan.title)),
            declaration(plan, &token, true, &format!("Token that {} asks for", plan.title)),
        ]),
        "delivery:\n  timeout: 10s\n  retry: {attempts: 8, first: 1s, max: 10m}\n".to_owned(),
        verify(plan),
    ]
    .concat()
}

fn file(plan: &Plan<'_>) -> String {
    let glob = scalar(plan.path.unwrap_or("README.md"));
    [
        format!(
            "direction: inbound\ntype: file contract\nsurface:\n  - file: {glob}\nauth:\n  - external: access to the repository\n"
        ),
        facts("with the repository", "Mission Control", "read-only", "a reader of the repository"),
        verify(plan),
    ]
    .concat()
}

fn planned(plan: &Plan<'_>) -> String {
    format!(
        "direction: outbound\ntype: other\nsurface: not implemented\nauth: not defined yet\nstability: planned\n\
         versioning: not defined yet\nowner: {}\n\nnotes:\n  - The id is reserved; nothing of it is mounted\n",
        scalar(&plan.title)
    )
}

/// What a read answers cannot be promised first and worked out afterwards.
fn delivery(durable: bool, key: &str) -> String {
    if durable { format!("delivery:\n  mode: durable\n{key}") } else { "delivery:\n  mode: sync\n".to_owned() }
}

/// A route with one method.
fn surface(route: &str, method: &str, handler: &str, with: &str) -> String {
    if with.is_empty() {
        return format!("surface:\n  - route: {route}\n    {method}: {handler}\n");
    }
    format!("surface:\n  - route: {route}\n    {method}:\n      handler: {handler}\n      with:\n{with}")
}

/// Whether the handler relays what comes in, so that the contract needs a call as well.
fn relays(plan: &Plan<'_>) -> bool {
    plan.handler.is_some_and(|info| info.name == engine::builtin::FORWARD)
}

fn direction(plan: &Plan<'_>) -> &'static str {
    if relays(plan) { "bidirectional" } else { "inbound" }
}

/// The call that a relaying handler uses.
fn relay(plan: &Plan<'_>) -> String {
    if relays(plan) { format!("  - call: {}\n", variable(plan, "FORWARD_URL")) } else { String::new() }
}

fn relay_declaration(plan: &Plan<'_>) -> String {
    if !relays(plan) {
        return String::new();
    }
    declaration(
        plan,
        &variable(plan, "FORWARD_URL"),
        false,
        &format!("Endpoint that what comes from {} is relayed to", plan.title),
    )
}

/// A signature where a preset says how, else a secret in a header of its own.
fn auth(plan: &Plan<'_>, secret: &str) -> String {
    match plan.preset {
        Some(preset) => format!("auth:\n  - signature: {secret}\n    preset: {}\n", scalar(preset)),
        None => format!("auth:\n  - secret: {secret}\n    carriers:\n      - header: {}\n", header(plan, "Secret")),
    }
}

/// The path with a segment for each parameter that the handler needs and that it lacks.
fn with_params(base: &str, info: &HandlerInfo) -> String {
    let lacking = info.params.iter().map(|(name, _)| format!("/{{{name}}}")).filter(|segment| !base.contains(&segment[1..]));
    format!("{base}{}", lacking.collect::<String>())
}

/// A line for each setting that the handler cannot do without: a template that takes it from the body.
fn required_settings(plan: &Plan<'_>, info: &HandlerInfo) -> String {
    let required = info.with.as_ref().and_then(|schema| schema["required"].as_array());
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    names
        .map(|name| match (info.name, name) {
            ("engine.emit", "type") => format!("        type: {}.received\n", stem(plan).replace('-', "_")),
            _ => format!("        {name}: '{{{{ body.{name} }}}}'\n"),
        })
        .collect()
}

/// Whether a made-up event is something that the handler can do with.
fn sendable(handler: Option<&HandlerInfo>) -> bool {
    handler.is_none_or(|info| ["tasks.upsert", "engine.accept", "engine.emit"].contains(&info.name))
}

fn example(name: &str, path: &str, headers: &str, body: &str, status: u16) -> String {
    format!(
        "examples:\n  - name: {name}\n    request:\n      method: POST\n      path: {path}\n{headers}      body: {body}\n    \
         expect: {{status: {status}}}\n"
    )
}
