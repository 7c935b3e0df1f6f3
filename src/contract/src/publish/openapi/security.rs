//! Methods of auth as security schemes: one scheme for each carrier, so that an operation lists its carriers as alternatives.

use serde_json::{Map, Value, json};

use super::super::{discovery, routes_of, words};
use crate::catalog::{AuthMethod, Carrier, Catalog, Signature};

/// The schemes of every method of the catalog.
pub(in crate::publish) fn schemes(catalog: &Catalog) -> Map<String, Value> {
    let mut schemes = Map::new();
    for contract in &catalog.contracts {
        for method in contract.auth.iter().chain(routes_of(contract).flat_map(|route| &route.auth)) {
            for (name, scheme) in schemes_of(method) {
                schemes.entry(name).or_insert(scheme);
            }
        }
    }
    schemes
}

/// The alternatives of a route: one requirement for each carrier of each method.
pub(in crate::publish) fn requirements<'a>(methods: impl IntoIterator<Item = &'a AuthMethod>) -> Vec<Value> {
    methods
        .into_iter()
        .flat_map(|method| {
            let roles: Vec<&str> = match method {
                AuthMethod::Session { role } => vec![words::role(*role)],
                AuthMethod::Token { scope } => vec![words::scope(*scope)],
                _ => Vec::new(),
            };
            schemes_of(method).into_iter().map(move |(name, _)| json!({ name: roles }))
        })
        .collect()
}

/// The schemes of one method by name; none for what cannot be put into a request.
pub(in crate::publish) fn schemes_of(method: &AuthMethod) -> Vec<(String, Value)> {
    match method {
        AuthMethod::Secret { variable, carriers } => carriers.iter().map(|carrier| secret_scheme(variable, carrier)).collect(),
        AuthMethod::Bearer { variable } => vec![(
            format!("{variable}.bearer"),
            json!({"type": "http", "scheme": "bearer", "description": format!("The value of {variable}")}),
        )],
        AuthMethod::Signature(signature) => vec![signature_scheme(signature)],
        AuthMethod::Session { .. } => {
            let [secure, loopback] = discovery::SESSION_COOKIES;
            vec![
                session_scheme("session", secure, "HTTPS"),
                session_scheme("session.loopback", loopback, "HTTP on a loopback address"),
            ]
        }
        AuthMethod::Token { .. } => vec![(
            "token".to_owned(),
            json!({
                "type": "http",
                "scheme": "bearer",
                "description": "API token issued by this service; the requirement names its scope",
            }),
        )],
        AuthMethod::Credential { variable, header: Some(header), .. } => vec![(
            format!("{variable}.header.{header}"),
            json!({
                "type": "apiKey",
                "in": "header",
                "name": header,
                "description": format!("Sent by this service: the value of {variable}"),
            }),
        )],
        AuthMethod::Credential { variable, bearer: true, .. } => vec![(
            format!("{variable}.bearer"),
            json!({
                "type": "http",
                "scheme": "bearer",
                "description": format!("Sent by this service: the value of {variable}"),
            }),
        )],
        AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. } | AuthMethod::External { .. } => {
            Vec::new()
        }
    }
}

fn session_scheme(name: &str, cookie: &str, transport: &str) -> (String, Value) {
    let description = format!("Session of an operator over {transport}; the requirement names the least role");
    (name.to_owned(), json!({"type": "apiKey", "in": "cookie", "name": cookie, "description": description}))
}

fn secret_scheme(variable: &str, carrier: &Carrier) -> (String, Value) {
    let place = words::place(carrier.place);
    let mut description = format!("The value of {variable}; {} carrier", words::carrier_status(carrier.status));
    if let Some(deprecation) = &carrier.deprecated {
        description.push_str(&format!(", {}", words::deprecation(deprecation)));
    }
    let mut scheme = json!({"type": "apiKey", "in": place, "name": carrier.name, "description": description});
    if carrier.deprecated.is_some() {
        scheme["x-deprecated"] = true.into();
    }
    (format!("{variable}.{place}.{}", carrier.name), scheme)
}

fn signature_scheme(signature: &Signature) -> (String, Value) {
    let entry = discovery::auth_entry(&AuthMethod::Signature(Box::new(signature.clone())));
    let mut description = format!(
        "Signature of the request: {} of `{}` with the key in {}, {}-encoded, sent as `{}`",
        words::algorithm(signature.algorithm),
        signature.payload,
        signature.variable,
        words::encoding(signature.encoding),
        discovery::signature_format(signature),
    );
    if let Some(header) = &signature.id_header {
        description.push_str(&format!("; the id of the message stands in {header}"));
    }
    if let Some(time) = &signature.timestamp {
        match &time.header {
            Some(header) => description.push_str(&format!("; the time of signing stands in {header}")),
            None => description.push_str("; the time of signing is part of the header"),
        }
        description.push_str(&format!(" and may be {} from now", words::duration(time.tolerance)));
    }
    let scheme = json!({
        "type": "apiKey",
        "in": "header",
        "name": signature.header,
        "description": description,
        "x-signature": entry.signature,
    });
    (format!("{}.signature.{}", signature.variable, signature.header), scheme)
}
