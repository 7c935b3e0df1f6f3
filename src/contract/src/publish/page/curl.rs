//! Examples as curl commands. Secrets stand in them as `$VARIABLES`, and signatures are computed with openssl, so that a
//! command works as it is printed.

use super::super::discovery;
use crate::{
    catalog::{AuthMethod, Carrier, CarrierPlace, MacAlgorithm, MacEncoding, ResolvedExample, Route, Signature},
    manifest::model::{ExampleMethod, KeyEncoding},
    template::PayloadPart,
};

const TO_HEX: &str = "od -An -vtx1 | tr -d ' \\n'";

/// The command of an example. Its credential is that of the route's first guarding method that a shell can bring.
pub(super) fn command(example: &ResolvedExample, route: Option<&Route>) -> String {
    let methods = route.map_or(&[][..], |route| &route.auth);
    let method = methods.iter().find(|method| !matches!(method, AuthMethod::Session { .. })).or(methods.first());
    let mut lines = Vec::new();
    let mut arguments = Vec::new();
    let mut url = format!("$MISSION_CONTROL_URL{}", in_double_quotes(&example.example.request.path));

    let has_body = example.body.is_some();
    let signed = matches!(method, Some(AuthMethod::Signature(_)));
    if has_body || signed {
        lines.extend(body_lines(example));
    }
    if has_body {
        arguments.push("-H 'Content-Type: application/json'".to_owned());
    }
    for (name, value) in &example.example.request.headers {
        arguments.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
    }
    match method {
        Some(AuthMethod::Signature(signature)) => {
            lines.extend(signature_lines(signature));
            arguments.extend(signature_headers(signature));
        }
        Some(method) => arguments.extend(credential(method, &mut url)),
        None => {}
    }
    if has_body {
        arguments.push("--data-binary \"@$BODY\"".to_owned());
    }
    lines.push(curl(example.example.request.method, &url, &arguments));
    lines.join("\n")
}

fn curl(method: ExampleMethod, url: &str, arguments: &[String]) -> String {
    let verb = match method {
        ExampleMethod::Get => "curl -i",
        ExampleMethod::Head => "curl -I",
        ExampleMethod::Post => "curl -i -X POST",
        ExampleMethod::Put => "curl -i -X PUT",
        ExampleMethod::Patch => "curl -i -X PATCH",
        ExampleMethod::Delete => "curl -i -X DELETE",
    };
    let mut command = format!("{verb} \"{url}\"");
    for argument in arguments {
        command.push_str(&format!(" \\\n  {argument}"));
    }
    command
}

/// Puts the body into a file named by `$BODY`: the fixture itself, or a file made of the written body.
fn body_lines(example: &ResolvedExample) -> Vec<String> {
    match (&example.example.request.body_file, &example.body) {
        (Some(file), _) => vec![format!("BODY=contracts/{}", bare_or_quoted(file))],
        (None, Some(body)) => {
            vec!["BODY=$(mktemp)".to_owned(), format!("printf '%s' {} > \"$BODY\"", quoted(&String::from_utf8_lossy(body)))]
        }
        (None, None) => vec!["BODY=/dev/null".to_owned()],
    }
}

/// The arguments of a method other than a signature; a secret in the query joins the URL.
fn credential(method: &AuthMethod, url: &mut String) -> Option<String> {
    match method {
        AuthMethod::Secret { variable, carriers } => secret(variable, carriers.first()?, url),
        AuthMethod::Bearer { variable } => Some(format!("-H \"Authorization: Bearer ${variable}\"")),
        AuthMethod::Token { .. } => Some("-H \"Authorization: Bearer $MISSION_CONTROL_TOKEN\"".to_owned()),
        AuthMethod::Session { .. } => Some(format!("--cookie \"{}=$MISSION_CONTROL_SESSION\"", discovery::SESSION_COOKIES[1])),
        AuthMethod::Signature(_)
        | AuthMethod::Credential { .. }
        | AuthMethod::Connection { .. }
        | AuthMethod::Oidc { .. }
        | AuthMethod::External { .. } => None,
    }
}

fn secret(variable: &str, carrier: &Carrier, url: &mut String) -> Option<String> {
    match carrier.place {
        CarrierPlace::Header => Some(format!("-H \"{}: ${variable}\"", carrier.name)),
        CarrierPlace::Cookie => Some(format!("--cookie \"{}=${variable}\"", carrier.name)),
        CarrierPlace::Query => {
            let joint = if url.contains('?') { '&' } else { '?' };
            url.push_str(&format!("{joint}{}=${variable}", carrier.name));
            None
        }
    }
}

/// Computes `$SIGNATURE` (and `$TIMESTAMP` and `$ID` where they are signed).
fn signature_lines(signature: &Signature) -> Vec<String> {
    let mut lines = Vec::new();
    if signature.timestamp.is_some() {
        lines.push("TIMESTAMP=$(date +%s)".to_owned());
    }
    if signature.id_header.is_some() {
        lines.push("ID=$(cat /proc/sys/kernel/random/uuid)".to_owned());
    }
    let digest = match signature.algorithm {
        MacAlgorithm::HmacSha256 => "-sha256",
        MacAlgorithm::HmacSha1 => "-sha1",
        MacAlgorithm::HmacSha512 => "-sha512",
    };
    let key = match signature.key {
        KeyEncoding::Raw => format!("-hmac \"${}\"", signature.variable),
        KeyEncoding::Base64 => decoded_key(&format!("${}", signature.variable)),
        KeyEncoding::Whsec => decoded_key(&format!("${{{}#whsec_}}", signature.variable)),
    };
    let encode = match signature.encoding {
        MacEncoding::Hex => TO_HEX,
        MacEncoding::Base64 => "openssl base64 -A",
    };
    let payload = payload(signature);
    lines.push(format!("SIGNATURE=$({payload} | openssl dgst {digest} {key} -binary | {encode})"));
    lines
}

fn decoded_key(value: &str) -> String {
    format!("-mac HMAC -macopt \"hexkey:$(printf '%s' \"{value}\" | openssl base64 -d -A | {TO_HEX})\"")
}

/// A command that writes what is signed.
fn payload(signature: &Signature) -> String {
    if signature.payload.0 == [PayloadPart::Body] {
        return "cat \"$BODY\"".to_owned();
    }
    let mut commands: Vec<String> = Vec::new();
    let mut words = String::new();
    let flush = |words: &mut String, commands: &mut Vec<String>| {
        if !words.is_empty() {
            commands.push(format!("printf '%s' {};", std::mem::take(words)));
        }
    };
    for part in &signature.payload.0 {
        match part {
            PayloadPart::Text(text) => words.push_str(&quoted(text)),
            PayloadPart::Timestamp => words.push_str("\"$TIMESTAMP\""),
            PayloadPart::Id => words.push_str("\"$ID\""),
            PayloadPart::Body => {
                flush(&mut words, &mut commands);
                commands.push("cat \"$BODY\";".to_owned());
            }
        }
    }
    flush(&mut words, &mut commands);
    format!("{{ {} }}", commands.join(" "))
}

fn signature_headers(signature: &Signature) -> Vec<String> {
    let value = in_double_quotes(&discovery::signature_format(signature))
        .replace("{signature}", "$SIGNATURE")
        .replace("{timestamp}", "$TIMESTAMP");
    let mut headers = vec![format!("-H \"{}: {value}\"", signature.header)];
    if let Some(header) = signature.timestamp.as_ref().and_then(|time| time.header.as_ref()) {
        headers.push(format!("-H \"{header}: $TIMESTAMP\""));
    }
    if let Some(header) = &signature.id_header {
        headers.push(format!("-H \"{header}: $ID\""));
    }
    headers
}

/// A word in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn bare_or_quoted(text: &str) -> String {
    let bare = text.chars().all(|character| character.is_ascii_alphanumeric() || "._-/".contains(character));
    if bare { text.to_owned() } else { quoted(text) }
}

fn in_double_quotes(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if matches!(character, '"' | '$' | '`' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_quotes() {
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(in_double_quotes("a\"$b`"), "a\\\"\\$b\\`");
        assert_eq!(bare_or_quoted("fixtures/a b.json"), "'fixtures/a b.json'");
    }
}
