//! One operation of the description: parameters, body, answers, problems, security.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    super::{events, examples, markdown, words},
    Schemas, security,
};
use crate::{
    catalog::{AuthMethod, Call, Contract, ContractType, DeliveryMode, Method, Route},
    handler::Effect,
    template::KeyExpression,
};

/// The problems that the engine itself answers: status, name and when.
const ENGINE_PROBLEMS: &[(u16, &str, &str)] = &[
    (400, "MalformedRequest", "The request cannot be read: the body is not JSON or ended early, or a parameter is malformed"),
    (401, "Unauthorized", "The credential is missing, wrong or sent twice"),
    (403, "Forbidden", "The credential is good but does not allow this"),
    (408, "RequestTimeout", "The body did not arrive in time"),
    (413, "PayloadTooLarge", "The body is larger than the limit of this route"),
    (415, "UnsupportedMediaType", "The body is not application/json"),
    (422, "Invalid", "The body is JSON but does not fit; `errors` says where"),
    (429, "TooManyRequests", "This caller sent more requests than the limit of this route; `Retry-After` says when to go on"),
    (500, "Internal", "Something went wrong here; the log has it under the request id"),
    (503, "Unavailable", "The contract is not configured, or the service cannot do this right now; nothing was changed"),
    (504, "Timeout", "The request took longer than the limit of this route"),
];

/// The engine's problems as shared responses.
pub(super) fn problem_responses() -> Map<String, Value> {
    ENGINE_PROBLEMS.iter().map(|(status, name, when)| ((*name).to_owned(), problem(*status, when))).collect()
}

/// The operation of a route.
pub(super) fn operation(contract: &Contract, route: &Route, id: &str, schemas: &mut Schemas) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), id.into());
    operation.insert("tags".into(), json!([contract.id]));
    operation.insert("summary".into(), route.summary.as_str().into());
    let description = description(route);
    if !description.is_empty() {
        operation.insert("description".into(), description.into());
    }
    if route.deprecated.is_some() {
        operation.insert("deprecated".into(), true.into());
    }
    let parameters = parameters(contract, route);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = request_body(contract, route, schemas) {
        operation.insert("requestBody".into(), body);
    }
    operation.insert("responses".into(), responses(contract, route, schemas));
    operation.insert("security".into(), security::requirements(&route.auth).into());
    operation.insert("x-handler".into(), route.handler.name.into());
    Value::Object(operation)
}

/// An event that this service sends.
pub(super) fn webhook(contract: &Contract, call: &Call, event: &str, name: &str, schemas: &mut Schemas) -> Value {
    let (media_type, schema) = match &call.body {
        Some(_) => ("application/json", json!({"type": "object", "description": "Made by the body template of the contract"})),
        None => (events::CLOUD_EVENT_MEDIA_TYPE, schemas.envelope(event)),
    };
    let sent = contract.auth.iter().filter(|method| !method.guards());
    json!({
        "operationId": words::slug(name, '_'),
        "tags": [contract.id],
        "summary": format!("Sends {event} to the URL in {}", call.variable),
        "description": format!(
            "At least once, in order for each subject, up to {} attempts of {} each; a receiver drops repeats by the event's id.",
            contract.delivery.attempts,
            words::duration(contract.delivery.timeout),
        ),
        "requestBody": {"required": true, "content": { media_type: {"schema": schema} }},
        "responses": {
            "2XX": {"description": "The event is taken"},
            "4XX": {"description": "The event is refused"},
            "5XX": {"description": "The event is sent again later, after `Retry-After` when that is given"},
        },
        "security": security::requirements(sent),
    })
}

fn description(route: &Route) -> String {
    let mut paragraphs = Vec::new();
    if !route.handler.description.is_empty() {
        paragraphs.push(route.handler.description.to_owned());
    }
    if is_durable(route) {
        paragraphs.push(
            "The delivery is committed before it is answered and handled afterwards, with retries; what its handling comes \
             to is seen in the deliveries."
                .to_owned(),
        );
    }
    if let Some(key) = &route.delivery.key {
        paragraphs.push(format!("Idempotency key: `{}`. The same key takes effect once.", key.source()));
    }
    if let Some(deprecation) = &route.deprecated {
        paragraphs.push(format!("This path is {}.", markdown::text(&words::deprecation(deprecation))));
    } else if let Some(canonical) = &route.alias_of {
        paragraphs.push(format!("Another path to `{canonical}`."));
    }
    paragraphs.join("\n\n")
}

fn is_durable(route: &Route) -> bool {
    route.delivery.mode == DeliveryMode::Durable
}

fn parameters(contract: &Contract, route: &Route) -> Vec<Value> {
    let mut parameters: Vec<Value> = route.params.iter().map(|name| path_parameter(contract, route, name)).collect();
    for query in &route.handler.query {
        parameters.push(json!({
            "name": query.name,
            "in": "query",
            "description": query.description,
            "schema": query.schema,
        }));
    }
    match &route.delivery.key {
        Some(KeyExpression::Header(name)) => parameters.push(json!({
            "name": name,
            "in": "header",
            "description": "Idempotency key: the same value takes effect once",
            "schema": {"type": "string"},
        })),
        Some(KeyExpression::Query(name)) => parameters.push(json!({
            "name": name,
            "in": "query",
            "description": "Idempotency key: the same value takes effect once",
            "schema": {"type": "string"},
        })),
        Some(KeyExpression::Path(_) | KeyExpression::Body(_) | KeyExpression::Template { .. }) | None => {}
    }
    parameters
}

fn path_parameter(contract: &Contract, route: &Route, name: &str) -> Value {
    let meaning = route.handler.params.iter().find(|(known, _)| *known == name).map_or("Segment of the path", |(_, text)| text);
    let mut parameter = json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": meaning,
        "schema": {"type": "string", "minLength": 1},
    });
    let example = examples::examples_of(contract, route).into_iter().find_map(|example| {
        let values = examples::path_values(&route.path, &example.example.request.path)?;
        values.into_iter().find_map(|(known, value)| (known == name).then(|| value.to_owned()))
    });
    if let Some(example) = example {
        parameter["example"] = example.into();
    }
    parameter
}

/// Whether a body is read: a handler that states one, or an engine handler with a method and contract that bring one.
fn takes_body(contract: &Contract, route: &Route) -> bool {
    let method = matches!(route.method, Method::Post | Method::Put | Method::Patch);
    let events = matches!(contract.kind, ContractType::Webhook | ContractType::Callback);
    route.handler.input.is_some() || (method && (events || !route.templates.is_constant()))
}

fn request_body(contract: &Contract, route: &Route, schemas: &mut Schemas) -> Option<Value> {
    if !takes_body(contract, route) {
        return None;
    }
    let mut media = Map::new();
    if let Some(input) = &route.handler.input {
        media.insert("schema".into(), schemas.put(&format!("{}.input", route.handler.name), input));
    }
    let mut shown = Map::new();
    for example in examples::examples_of(contract, route) {
        let Some(value) = examples::body_value(example) else { continue };
        if example.example.expect.status < 400 {
            let name = words::slug(&example.example.name, '-');
            shown.insert(name, json!({"summary": example.example.name, "value": value}));
        }
    }
    if !shown.is_empty() {
        media.insert("examples".into(), Value::Object(shown));
    }
    Some(json!({
        "required": route.handler.input.is_some(),
        "description": format!("At most {}", words::bytes(route.limits.body)),
        "content": {"application/json": media},
    }))
}

fn responses(contract: &Contract, route: &Route, schemas: &mut Schemas) -> Value {
    let mut responses: BTreeMap<u16, Value> = BTreeMap::new();
    if is_durable(route) {
        let content = json!({"application/json": {"schema": schemas.accepted_delivery()}});
        let answer = json!({"description": "The delivery is stored", "headers": reply_headers(route), "content": content});
        responses.insert(route.delivery.respond, answer);
    } else {
        success_responses(route, schemas, &mut responses);
    }
    for (status, response) in problems(contract, route) {
        responses.entry(status).or_insert(response);
    }
    let by_status: Map<String, Value> = responses.into_iter().map(|(status, response)| (status.to_string(), response)).collect();
    Value::Object(by_status)
}

fn success_responses(route: &Route, schemas: &mut Schemas, responses: &mut BTreeMap<u16, Value>) {
    for reply in &route.handler.replies {
        let response = responses
            .entry(reply.status)
            .or_insert_with(|| json!({"description": reply.description, "headers": reply_headers(route)}));
        if reply.media_type.is_empty() || reply.status == 204 || reply.status == 304 {
            continue;
        }
        let media = match &reply.schema {
            Some(schema) => {
                json!({"schema": schemas.put(&format!("{}.{}", route.handler.name, reply.status), schema)})
            }
            None => json!({}),
        };
        response["content"][reply.media_type] = media;
    }
    if responses.is_empty() {
        responses.insert(200, json!({"description": "The request took effect", "headers": reply_headers(route)}));
    }
}

/// The problems of a route: the engine's that can occur here, and for a handler in the request its own.
fn problems(contract: &Contract, route: &Route) -> BTreeMap<u16, Value> {
    let mut own: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    if !is_durable(route) {
        for (status, when) in route.handler.problems {
            own.entry(*status).or_default().push(when);
        }
    }
    let mut found = BTreeMap::new();
    for (status, name, when) in ENGINE_PROBLEMS {
        if !can_occur(*status, contract, route) {
            continue;
        }
        let response = match own.remove(status) {
            None => json!({"$ref": format!("#/components/responses/{name}")}),
            Some(mut reasons) => {
                reasons.insert(0, when);
                problem(*status, &reasons.join(". "))
            }
        };
        found.insert(*status, response);
    }
    found.extend(own.into_iter().map(|(status, reasons)| (status, problem(status, &reasons.join(". ")))));
    found
}

/// Whether the engine can answer this status here.
fn can_occur(status: u16, contract: &Contract, route: &Route) -> bool {
    let body = takes_body(contract, route);
    let stored = route.auth.iter().any(|method| matches!(method, AuthMethod::Session { .. } | AuthMethod::Token { .. }));
    match status {
        400 => body || !route.params.is_empty() || !route.handler.query.is_empty(),
        401 => !route.auth.is_empty(),
        403 => stored,
        408 => body,
        413 | 500 => true,
        415 => route.handler.input.is_some(),
        422 => route.handler.input.is_some() || !route.templates.is_constant(),
        429 => route.limits.rate.is_some(),
        503 => {
            stored
                || is_durable(route)
                || route.handler.effect == Effect::Write
                || route.limits.concurrency.is_some()
                || !contract.needs.is_empty()
        }
        504 => !is_durable(route),
        _ => false,
    }
}

fn problem(status: u16, when: &str) -> Value {
    let mut headers = common_headers();
    match status {
        401 => headers.push("WWW-Authenticate"),
        429 | 503 => headers.push("Retry-After"),
        _ => {}
    }
    json!({
        "description": when,
        "headers": header_references(&headers),
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

fn common_headers() -> Vec<&'static str> {
    vec!["X-Request-Id", "X-Contract-Digest"]
}

fn reply_headers(route: &Route) -> Value {
    let mut headers = common_headers();
    let carriers = route.auth.iter().flat_map(super::super::discovery::carriers);
    let deprecated_carrier = carriers.into_iter().any(|carrier| carrier.deprecated.is_some());
    if route.deprecated.is_some() || deprecated_carrier {
        headers.extend(["Deprecation", "Sunset", "Link"]);
    }
    if route.delivery.key.is_some() && !is_durable(route) {
        headers.push("Idempotent-Replayed");
    }
    header_references(&headers)
}

fn header_references(names: &[&str]) -> Value {
    let references: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}))).collect();
    Value::Object(references)
}
