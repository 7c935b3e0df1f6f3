//! `/asyncapi.json`: AsyncAPI 3.0.0 of the events that arrive here and of those that are sent.
//!
//! A route is an event when its contract is a webhook or a callback that writes, or when its deliveries are durable. Routes
//! that only answer questions belong to the OpenAPI description alone.

use serde_json::{Map, Value, json};

use super::{
    compact_text, events, examples,
    openapi::{self, Schemas},
    words,
};
use crate::{
    catalog::{AuthMethod, Call, Catalog, Contract, ContractType, DeliveryMode, Method, Route, SurfaceItem},
    handler::Effect,
};

/// `/asyncapi.json`.
pub fn asyncapi(catalog: &Catalog) -> String {
    let mut parts = Parts::default();
    for contract in &catalog.contracts {
        for item in &contract.surface {
            match item {
                SurfaceItem::Route(route) if is_event(contract, route) => parts.receive(contract, route),
                SurfaceItem::Call(call) => parts.send(contract, call),
                _ => {}
            }
        }
    }
    let mut info = openapi::info(catalog);
    info["license"] = json!({"name": catalog.service.license});
    info["tags"] = json!([{"name": catalog.service.name}]);
    compact_text(&json!({
        "asyncapi": "3.0.0",
        "id": format!("urn:mission-control:service:{}", catalog.service.name),
        "info": info,
        "defaultContentType": "application/json",
        "servers": parts.servers(),
        "channels": parts.channels,
        "operations": parts.operations,
        "components": {
            "schemas": parts.schemas.into_map(),
            "securitySchemes": parts.security,
        },
    }))
}

fn is_event(contract: &Contract, route: &Route) -> bool {
    let writes = route.handler.effect == Effect::Write && route.method != Method::Get;
    let kind = matches!(contract.kind, ContractType::Webhook | ContractType::Callback);
    writes && (kind || route.delivery.mode == DeliveryMode::Durable) && route.alias_of.is_none()
}

#[derive(Default)]
struct Parts {
    targets: Map<String, Value>,
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    security: Map<String, Value>,
    schemas: Schemas,
}

impl Parts {
    /// This service, then every target of a `call`.
    fn servers(&mut self) -> Map<String, Value> {
        let here = json!({
            "host": "{host}",
            "protocol": "http",
            "description": "The instance that serves this document; a proxy in front of it may speak https",
            "variables": {"host": {"default": "127.0.0.1:8080", "description": "Host and port of the service"}},
        });
        let mut servers = Map::from_iter([("service".to_owned(), here)]);
        servers.extend(std::mem::take(&mut self.targets));
        servers
    }

    /// An event that arrives here.
    fn receive(&mut self, contract: &Contract, route: &Route) {
        let name = words::slug(&format!("{} {}", route.method.as_str(), route.path), '-');
        let payload = match &route.handler.input {
            Some(input) => self.schemas.put(&format!("{}.input", route.handler.name), input),
            None => json!({"type": "object", "description": "As the far side shapes it"}),
        };
        let mut message = json!({
            "name": route.handler.name,
            "title": route.summary,
            "contentType": "application/json",
            "payload": payload,
        });
        let shown = message_examples(contract, route);
        if !shown.is_empty() {
            message["examples"] = shown.into();
        }
        let mut channel = json!({
            "address": route.path,
            "title": contract.name,
            "description": route.summary,
            "servers": [{"$ref": "#/servers/service"}],
            "messages": {"delivery": message},
        });
        if !route.params.is_empty() {
            channel["parameters"] = channel_parameters(route);
        }
        self.channels.insert(name.clone(), channel);
        let operation = self.operation("receive", &name, contract, route.method.as_str(), &route.auth);
        self.operations.insert(format!("receive-{name}"), operation);
    }

    /// The events that a `call` sends.
    fn send(&mut self, contract: &Contract, call: &Call) {
        let server = words::slug(&call.variable, '-');
        self.targets.entry(server.clone()).or_insert_with(|| {
            json!({
                "host": "{target}",
                "protocol": "https",
                "description": format!("The URL in {}", call.variable),
                "variables": {"target": {"description": format!("Host of the URL in {}", call.variable)}},
            })
        });
        let name = format!("{}-{server}", contract.id);
        let events = if call.on.is_empty() { vec!["*".to_owned()] } else { call.on.clone() };
        let messages: Map<String, Value> =
            events.iter().map(|event| (words::slug(&event.replace('*', "any"), '-'), self.event(call, event))).collect();
        self.channels.insert(
            name.clone(),
            json!({
                "address": null,
                "title": contract.name,
                "description": format!("The whole URL stands in {}", call.variable),
                "servers": [{"$ref": format!("#/servers/{server}")}],
                "messages": messages,
            }),
        );
        let sent: Vec<AuthMethod> = contract.auth.iter().filter(|method| !method.guards()).cloned().collect();
        let operation = self.operation("send", &name, contract, call.method, &sent);
        self.operations.insert(format!("send-{name}"), operation);
    }

    fn event(&mut self, call: &Call, event: &str) -> Value {
        match &call.body {
            Some(_) => json!({
                "name": event,
                "contentType": "application/json",
                "payload": {"type": "object", "description": "Made by the body template of the contract"},
            }),
            None => json!({
                "name": event,
                "contentType": events::CLOUD_EVENT_MEDIA_TYPE,
                "payload": self.schemas.envelope(event),
            }),
        }
    }

    fn operation(&mut self, action: &str, channel: &str, contract: &Contract, method: &str, auth: &[AuthMethod]) -> Value {
        let mut references = Vec::new();
        for (name, scheme) in auth.iter().flat_map(openapi::schemes_of) {
            references.push(json!({"$ref": format!("#/components/securitySchemes/{name}")}));
            self.security.entry(name).or_insert_with(|| in_asyncapi(scheme));
        }
        let mut operation = json!({
            "action": action,
            "channel": {"$ref": format!("#/channels/{channel}")},
            "title": contract.name,
            "summary": contract.trigger.as_deref().unwrap_or(&contract.name),
            "tags": [{"name": contract.id}],
            "bindings": {"http": {"method": method, "bindingVersion": "0.3.0"}},
        });
        if !references.is_empty() {
            operation["security"] = references.into();
        }
        operation
    }
}

/// AsyncAPI names the key of an HTTP API otherwise than OpenAPI does.
fn in_asyncapi(mut scheme: Value) -> Value {
    if scheme["type"] == "apiKey" {
        scheme["type"] = "httpApiKey".into();
    }
    scheme
}

fn channel_parameters(route: &Route) -> Value {
    let parameters: Map<String, Value> = route
        .params
        .iter()
        .map(|name| {
            let meaning =
                route.handler.params.iter().find(|(known, _)| known == name).map_or("Segment of the path", |(_, text)| text);
            (name.clone(), json!({"description": meaning}))
        })
        .collect();
    Value::Object(parameters)
}

fn message_examples(contract: &Contract, route: &Route) -> Vec<Value> {
    examples::examples_of(contract, route)
        .into_iter()
        .filter(|example| example.example.expect.status < 400)
        .filter_map(|example| {
            let payload = examples::body_value(example)?;
            Some(json!({"name": words::slug(&example.example.name, '-'), "summary": example.example.name, "payload": payload}))
        })
        .collect()
}
