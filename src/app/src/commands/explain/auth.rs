//! Methods of auth in words: what the far side has to bring, where, and which variable decides.

use contract::catalog::{AuthMethod, Carrier, CarrierPlace, CarrierStatus, Deprecation, Signature, units::format_duration};

use crate::output::word;

/// Whether a variable is set.
pub(super) type IsSet<'a> = &'a dyn Fn(&str) -> bool;

/// `NAME (set)`.
pub(super) fn variable(name: &str, is_set: IsSet<'_>) -> String {
    format!("{name} ({})", if is_set(name) { "set" } else { "unset" })
}

/// A method in lines; the ones after the first are about the first and begin with two spaces.
pub(super) fn method(method: &AuthMethod, is_set: IsSet<'_>) -> Vec<String> {
    let one = |line: String| vec![line];
    match method {
        AuthMethod::Secret { variable: name, carriers } => {
            let head = format!("shared secret equal to {}, in the first of these that is present:", variable(name, is_set));
            std::iter::once(head).chain(carriers.iter().map(|carrier| format!("  {}", self::carrier(carrier)))).collect()
        }
        AuthMethod::Bearer { variable: name } => one(format!("`Authorization: Bearer` equal to {}", variable(name, is_set))),
        AuthMethod::Signature(signature) => self::signature(signature, is_set),
        AuthMethod::Session { role } => one(format!("operator session cookie of a role of at least `{}`", word(role))),
        AuthMethod::Token { scope } => {
            one(format!("API token of this service with the scope `{}`, as `Authorization: Bearer`", word(scope)))
        }
        AuthMethod::Credential { variable: name, header, bearer } => {
            let sent = match (header, bearer) {
                (Some(header), _) => format!(", sent in the header {header}"),
                (None, true) => ", sent as `Authorization: Bearer`".to_owned(),
                (None, false) => String::new(),
            };
            one(format!("outbound: credential from {}{sent}", variable(name, is_set)))
        }
        AuthMethod::Connection { provider } => one(format!("outbound: the connection to {provider} that the project stored")),
        AuthMethod::Oidc { variable: name } => one(format!("OpenID sign-in at the issuer in {}", variable(name, is_set))),
        AuthMethod::External { text } => one(format!("enforced outside this service: {text}")),
    }
}

fn carrier(carrier: &Carrier) -> String {
    let place = match carrier.place {
        CarrierPlace::Header => "header",
        CarrierPlace::Query => "query",
        CarrierPlace::Cookie => "cookie",
    };
    let mut remarks = vec![word(&carrier.status)];
    remarks.extend(carrier.deprecated.as_ref().map(deprecation));
    if carrier.status == CarrierStatus::Legacy || carrier.deprecated.is_some() {
        remarks.push("uses are counted and answered with Deprecation headers".to_owned());
    }
    format!("{place} {} ({})", carrier.name, remarks.join("; "))
}

/// `deprecated since 2.0.0, gone after 2027-12-31, use X`.
pub(super) fn deprecation(deprecation: &Deprecation) -> String {
    let mut text = format!("deprecated since {}", deprecation.since);
    if let Some(sunset) = &deprecation.sunset {
        text.push_str(&format!(", gone after {sunset}"));
    }
    if let Some(replacement) = &deprecation.replacement {
        text.push_str(&format!(", use {replacement}"));
    }
    text
}

fn signature(signature: &Signature, is_set: IsSet<'_>) -> Vec<String> {
    let over = if signature.payload.to_string() == "{body}" { "the body".to_owned() } else { signature.payload.to_string() };
    let preset = signature.preset.as_ref().map(|name| format!(", preset {name}")).unwrap_or_default();
    let form = match &signature.shape {
        Some(shape) => shape.to_string(),
        None => format!("{}{{signature}}", signature.prefix),
    };
    let mut lines = vec![
        format!("signature over {over}, key in {}{preset}", variable(&signature.variable, is_set)),
        format!("  header {}: {form} ({}, {})", signature.header, word(&signature.algorithm), word(&signature.encoding)),
    ];
    if let Some(header) = &signature.id_header {
        lines.push(format!("  header {header}: id of the message"));
    }
    if let Some(time) = &signature.timestamp {
        let place =
            time.header.as_ref().map_or_else(|| "in the signature header".to_owned(), |header| format!("in header {header}"));
        lines.push(format!("  time of signing {place}, at most {} from ours", format_duration(time.tolerance)));
    }
    lines
}
