//! `/openapi.json`: OpenAPI 3.1.0 of every mounted route, aliases included, and of the events that are sent.
//!
//! Built as JSON, because the handlers' schemas are JSON Schema 2020-12 and go in exactly as the handlers state them.

mod operation;
mod security;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    events, json_text,
    status::{AcceptedDelivery, ProblemDocument},
    words,
};
pub(super) use security::schemes_of;

use crate::catalog::{Call, Catalog, Contract, Route, SurfaceItem};

/// `/openapi.json`.
pub fn openapi(catalog: &Catalog) -> String {
    let mut schemas = Schemas::default();
    schemas.put("Problem", crate::handler::schema_of::<ProblemDocument>());
    let paths = paths(catalog, &mut schemas);
    let webhooks = webhooks(catalog, &mut schemas);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info(catalog),
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/", "description": "The instance that serves this document"}],
        "tags": tags(catalog),
        "paths": paths,
    });
    if !webhooks.is_empty() {
        document["webhooks"] = Value::Object(webhooks);
    }
    document["components"] = json!({
        "schemas": schemas.0,
        "responses": operation::problem_responses(),
        "headers": headers(),
        "securitySchemes": security::schemes(catalog),
    });
    document["x-tagGroups"] = tag_groups(catalog);
    json_text(&document)
}

pub(super) fn info(catalog: &Catalog) -> Value {
    let service = &catalog.service;
    let mut info = json!({
        "title": service.title,
        "version": service.version,
        "description": service.description,
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
        contract.owner,
        contract.versioning
    );
    for note in &contract.notes {
        text.push_str(&format!("\n\n- {note}"));
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
    json!(paths)
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

fn headers() -> Value {
    json!({
        "X-Request-Id": {
            "description": "Id of the request, as the log names it; the caller's own when it sent a usable one",
            "required": true,
            "schema": {"type": "string"},
        },
        "X-Contract-Digest": {
            "description": "Digest of the catalog that answered",
            "required": true,
            "schema": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        },
        "Deprecation": {
            "description": "Since when what was used is deprecated (RFC 9745)",
            "schema": {"type": "string", "pattern": "^@-?[0-9]+$"},
        },
        "Sunset": {
            "description": "When what was used goes away, as an HTTP date (RFC 8594)",
            "schema": {"type": "string"},
        },
        "Link": {
            "description": "What to use instead, with the relation successor-version (RFC 5829)",
            "schema": {"type": "string"},
        },
        "Retry-After": {
            "description": "Seconds to wait before the next attempt (RFC 9110 section 10.2.3)",
            "schema": {"type": "integer", "minimum": 0},
        },
        "WWW-Authenticate": {
            "description": "How to authenticate (RFC 9110 section 11.6.1)",
            "schema": {"type": "string"},
        },
        "Idempotent-Replayed": {
            "description": "Present and true when this is the stored answer of an earlier request with the same key",
            "schema": {"const": "true"},
        },
    })
}

/// Schemas of a document's components.
#[derive(Default)]
pub(super) struct Schemas(Map<String, Value>);

impl Schemas {
    /// Puts a schema under a name, unless it is there, and answers a reference to it.
    pub(super) fn put(&mut self, name: &str, mut schema: Value) -> Value {
        let name: String = name
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() || "._-".contains(character) { character } else { '_' })
            .collect();
        let place = format!("#/components/schemas/{name}");
        if !self.0.contains_key(&name) {
            rebase(&mut schema, &place);
            self.0.insert(name, schema);
        }
        json!({"$ref": place})
    }

    /// A reference to the schema of the answer to a durable delivery.
    fn accepted_delivery(&mut self) -> Value {
        self.put("AcceptedDelivery", crate::handler::schema_of::<AcceptedDelivery>())
    }

    /// A reference to the schema of an event envelope.
    pub(super) fn envelope(&mut self, event: &str) -> Value {
        let name = format!("CloudEvent.{}", words::slug(&event.replace('*', "any"), '_'));
        self.put(&name, events::envelope_schema(event))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_keeps_its_local_references_when_it_moves() {
        let mut schemas = Schemas::default();
        let reference = schemas.put("a tree", json!({"$schema": "x", "items": {"$ref": "#/$defs/Leaf"}, "not": {"$ref": "#"}}));
        assert_eq!(reference, json!({"$ref": "#/components/schemas/a_tree"}));
        let expected = json!({
            "items": {"$ref": "#/components/schemas/a_tree/$defs/Leaf"},
            "not": {"$ref": "#/components/schemas/a_tree"},
        });
        assert_eq!(schemas.into_map()["a_tree"], expected);
    }
}
