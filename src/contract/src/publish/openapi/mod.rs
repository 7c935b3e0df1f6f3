//! `/openapi.json`: OpenAPI 3.1.0 of every mounted route, aliases included, and of the events that are sent.
//!
//! Built as JSON, because the handlers' schemas are JSON Schema 2020-12 and go in exactly as the handlers state them.

mod operation;
mod security;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    compact_text, events, markdown,
    status::{AcceptedDelivery, ProblemDocument},
    words,
};
pub(super) use security::schemes_of;

use crate::catalog::{Call, Catalog, Contract, Route, SurfaceItem};

/// `/openapi.json`.
pub fn openapi(catalog: &Catalog) -> String {
    let mut schemas = Schemas::default();
    schemas.put_with("Problem", crate::handler::schema_of::<ProblemDocument>);
    let paths = paths(catalog, &mut schemas);
    let webhooks = webhooks(catalog, &mut schemas);
    let mut responses = operation::problem_responses();
    responses.retain(uses([&paths], "responses"));
    let responses = Value::Object(responses);
    let mut headers = headers();
    headers.retain(uses([&paths, &responses], "headers"));

    // Inserted one by one: `json!` would copy the paths, which are most of the document.
    let mut document = Map::new();
    document.insert("openapi".into(), "3.1.0".into());
    document.insert("info".into(), info(catalog));
    document.insert("jsonSchemaDialect".into(), "https://json-schema.org/draft/2020-12/schema".into());
    document.insert("servers".into(), json!([{"url": "/", "description": "The instance that serves this document"}]));
    document.insert("tags".into(), tags(catalog).into());
    document.insert("x-tagGroups".into(), tag_groups(catalog));
    document.insert("paths".into(), paths);
    if !webhooks.is_empty() {
        document.insert("webhooks".into(), Value::Object(webhooks));
    }
    let components = [
        ("schemas", Value::Object(schemas.into_map())),
        ("responses", responses),
        ("headers", Value::Object(headers)),
        ("securitySchemes", Value::Object(security::schemes(catalog))),
    ];
    document.insert("components".into(), components.into_iter().map(|(name, part)| (name.to_owned(), part)).collect());
    compact_text(&document)
}

pub(super) fn info(catalog: &Catalog) -> Value {
    let service = &catalog.service;
    let mut info = json!({
        "title": service.title,
        "version": service.version,
        "description": markdown::text(&service.description),
        "contact": {"name": service.owner},
        "license": {"name": service.license, "identifier": service.license},
        "x-contract-digest": catalog.digest,
    });
    if let Some(homepage) = &service.homepage {
        info["contact"]["url"] = homepage.as_str().into();
    }
    info
}

/// A tag for each contract that has something here.
fn tags(catalog: &Catalog) -> Vec<Value> {
    described(catalog)
        .map(|contract| {
            json!({
                "name": contract.id,
                "x-displayName": contract.name,
                "description": description_of(contract),
            })
        })
        .collect()
}

fn described(catalog: &Catalog) -> impl Iterator<Item = &Contract> {
    catalog
        .contracts
        .iter()
        .map(|contract| &**contract)
        .filter(|contract| contract.surface.iter().any(|item| matches!(item, SurfaceItem::Route(_) | SurfaceItem::Call(_))))
}

fn description_of(contract: &Contract) -> String {
    let mut text = format!(
        "{}, {}, {}. Owner: {}. Versioning: {}.",
        capitalized(words::kind(contract.kind)),
        words::direction(contract.direction),
        words::stability(contract.stability),
        markdown::text(&contract.owner),
        markdown::text(&contract.versioning)
    );
    for note in &contract.notes {
        text.push_str(&format!("\n\n- {}", markdown::text(note)));
    }
    text
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

fn tag_groups(catalog: &Catalog) -> Value {
    let mut groups = Vec::new();
    for (section, title) in &catalog.service.sections {
        let tags: Vec<&str> =
            described(catalog).filter(|contract| &contract.section == section).map(|contract| contract.id.as_str()).collect();
        if !tags.is_empty() {
            groups.push(json!({"name": title, "tags": tags}));
        }
    }
    Value::Array(groups)
}

fn paths(catalog: &Catalog, schemas: &mut Schemas) -> Value {
    let ids = operation_ids(catalog);
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for contract in &catalog.contracts {
        for route in super::routes_of(contract) {
            let id = ids.get(&key(route)).map_or("", String::as_str);
            let operation = operation::operation(contract, route, id, schemas);
            paths.entry(&route.path).or_default().insert(route.method.as_str().to_ascii_lowercase(), operation);
        }
    }
    paths.into_iter().map(|(path, operations)| (path.to_owned(), Value::Object(operations))).collect()
}

fn key(route: &Route) -> (&'static str, &str) {
    (route.method.as_str(), &route.path)
}

/// An id for each operation, made of its method and path alone, so that a new route never renames another one.
fn operation_ids(catalog: &Catalog) -> BTreeMap<(&'static str, &str), String> {
    let mut taken = BTreeSet::new();
    let mut ids = BTreeMap::new();
    for route in catalog.routes() {
        let path = route.path.replace('{', "by_");
        let wanted = format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words::slug(&path, '_'));
        let id = (1..)
            .map(|number| if number == 1 { wanted.clone() } else { format!("{wanted}_{number}") })
            .find(|id| !taken.contains(id))
            .unwrap_or(wanted);
        taken.insert(id.clone());
        ids.insert(key(route), id);
    }
    ids
}

/// What this service sends: one webhook for each event type of a `call`.
fn webhooks(catalog: &Catalog, schemas: &mut Schemas) -> Map<String, Value> {
    let mut webhooks = Map::new();
    for contract in &catalog.contracts {
        for item in &contract.surface {
            let SurfaceItem::Call(call) = item else { continue };
            let events = if call.on.is_empty() { vec!["*".to_owned()] } else { call.on.clone() };
            for event in events {
                let name = webhook_name(contract, call, &event);
                let method = call.method.to_ascii_lowercase();
                let operation = operation::webhook(contract, call, &event, &name, schemas);
                webhooks.insert(name, json!({ method: operation }));
            }
        }
    }
    webhooks
}

/// `contract.VARIABLE.task_created`.
pub(super) fn webhook_name(contract: &Contract, call: &Call, event: &str) -> String {
    let event = words::slug(&event.replace('*', "any"), '_');
    format!("{}.{}.{event}", contract.id, call.variable)
}

/// Whether a component of this kind is referred to from these parts of the document.
fn uses<'v, const N: usize>(parts: [&'v Value; N], kind: &str) -> impl FnMut(&String, &mut Value) -> bool + use<'v, N> {
    let mut used = BTreeSet::new();
    for part in parts {
        references(part, &format!("#/components/{kind}/"), &mut used);
    }
    move |name, _| used.contains(name.as_str())
}

fn references<'v>(value: &'v Value, prefix: &str, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(prefix)));
            members.values().for_each(|member| references(member, prefix, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, prefix, found)),
        _ => {}
    }
}

/// Headers of answers.
fn headers() -> Map<String, Value> {
    let headers = [
        (
            "X-Request-Id",
            json!({
                "description": "Id of the request, as the log names it; the caller's own when it sent a usable one",
                "required": true,
                "schema": {"type": "string"},
            }),
        ),
        (
            "X-Contract-Digest",
            json!({
                "description": "Digest of the catalog that answered",
                "required": true,
                "schema": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            }),
        ),
        (
            "Deprecation",
            json!({
                "description": "Since when what was used is deprecated (RFC 9745)",
                "schema": {"type": "string", "pattern": "^@-?[0-9]+$"},
            }),
        ),
        (
            "Sunset",
            json!({
                "description": "When what was used goes away, as an HTTP date (RFC 8594)",
                "schema": {"type": "string"},
            }),
        ),
        (
            "Link",
            json!({
                "description": "What to use instead, with the relation successor-version (RFC 5829)",
                "schema": {"type": "string"},
            }),
        ),
        (
            "Retry-After",
            json!({
                "description": "Seconds to wait before the next attempt (RFC 9110 section 10.2.3)",
                "schema": {"type": "integer", "minimum": 0},
            }),
        ),
        (
            "WWW-Authenticate",
            json!({
                "description": "How to authenticate (RFC 9110 section 11.6.1)",
                "schema": {"type": "string"},
            }),
        ),
        (
            "Idempotent-Replayed",
            json!({
                "description": "Present and true when this is the stored answer of an earlier request with the same key",
                "schema": {"const": "true"},
            }),
        ),
    ];
    headers.into_iter().map(|(name, header)| (name.to_owned(), header)).collect()
}

/// Schemas of a document's components.
#[derive(Default)]
pub(super) struct Schemas(Map<String, Value>);

impl Schemas {
    /// Puts a schema under a name, unless it is there, and answers a reference to it.
    pub(super) fn put(&mut self, name: &str, schema: &Value) -> Value {
        self.put_with(name, || schema.clone())
    }

    /// The same, for a schema that is only made when it is needed.
    fn put_with(&mut self, name: &str, make: impl FnOnce() -> Value) -> Value {
        let name: String = name
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() || "._-".contains(character) { character } else { '_' })
            .collect();
        let place = format!("#/components/schemas/{name}");
        if !self.0.contains_key(&name) {
            let mut schema = make();
            rebase(&mut schema, &place);
            self.0.insert(name, schema);
        }
        json!({"$ref": place})
    }

    /// A reference to the schema of the answer to a durable delivery.
    fn accepted_delivery(&mut self) -> Value {
        self.put_with("AcceptedDelivery", crate::handler::schema_of::<AcceptedDelivery>)
    }

    /// A reference to the schema of an event envelope.
    pub(super) fn envelope(&mut self, event: &str) -> Value {
        let name = format!("CloudEvent.{}", words::slug(&event.replace('*', "any"), '_'));
        self.put_with(&name, || events::envelope_schema(event))
    }

    /// The schemas by name.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

/// A schema stands alone where its handler states it; inside this document its local references begin elsewhere.
fn rebase(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(members) => {
            members.shift_remove("$schema");
            flatten_choice(members);
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        if let Some(local) = target.strip_prefix('#') {
                            *target = format!("{place}{local}");
                        }
                    }
                    _ => rebase(member, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rebase(item, place)),
        _ => {}
    }
}

/// A choice of one is no choice: schemas of enumerations that may grow look so while they have one value.
fn flatten_choice(members: &mut Map<String, Value>) {
    let Some([Value::Object(choice)]) = members.get("oneOf").and_then(Value::as_array).map(Vec::as_slice) else { return };
    let choice = choice.clone();
    members.shift_remove("oneOf");
    for (name, member) in choice {
        members.entry(name).or_insert(member);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_keeps_its_local_references_when_it_moves() {
        let mut schemas = Schemas::default();
        let reference = schemas.put("a tree", &json!({"$schema": "x", "items": {"$ref": "#/$defs/Leaf"}, "not": {"$ref": "#"}}));
        assert_eq!(reference, json!({"$ref": "#/components/schemas/a_tree"}));
        let expected = json!({
            "items": {"$ref": "#/components/schemas/a_tree/$defs/Leaf"},
            "not": {"$ref": "#/components/schemas/a_tree"},
        });
        assert_eq!(schemas.into_map()["a_tree"], expected);
    }
}
