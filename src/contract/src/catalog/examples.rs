//! Examples: that each can be executed as it is written, and their bodies read in.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    AuthMethod, CarrierPlace, DeliveryMode, Method, ResolvedExample, Stage,
    auth::header_name,
    delivery::Policies,
    handlers::HandlerUse,
    identity::Source,
    routes::{Mounts, Operation},
};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::examples::{
            EXAMPLE_BODY_TWICE, EXAMPLE_CREDENTIAL, EXAMPLE_DUPLICATE, EXAMPLE_POINTER, EXAMPLE_STATUS, EXAMPLE_UNROUTED,
            FIXTURE_MALFORMED, FIXTURE_MISSING,
        },
    },
    manifest::{
        Folder,
        load::FIXTURES,
        model::{Example, ExampleMethod},
        node::Cursor,
    },
};

/// Statuses that the engine itself answers on any route.
const ENGINE: [u16; 14] = [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 500, 503, 504];

/// The examples of each contract.
pub(super) type Examples = Vec<Vec<ResolvedExample>>;

pub(super) fn resolve(
    contracts: &[Source<'_>],
    operations: &[Operation<'_>],
    mounts: &Mounts<'_>,
    guards: &[Vec<AuthMethod>],
    uses: &[Option<HandlerUse>],
    policies: &Policies,
    folder: &Folder,
) -> Stage<Examples> {
    let mut stage = Checker { operations, mounts, guards, uses, policies, folder, findings: Vec::new() };
    let examples = contracts.iter().enumerate().map(|(position, contract)| stage.contract(position, contract)).collect();
    (examples, stage.findings)
}

struct Checker<'s, 'a> {
    operations: &'s [Operation<'a>],
    mounts: &'s Mounts<'a>,
    guards: &'s [Vec<AuthMethod>],
    uses: &'s [Option<HandlerUse>],
    policies: &'s Policies,
    folder: &'s Folder,
    findings: Vec<Finding>,
}

impl Checker<'_, '_> {
    fn contract(&mut self, position: usize, contract: &Source<'_>) -> Vec<ResolvedExample> {
        let mut names = HashSet::new();
        let mut resolved = Vec::new();
        for (index, example) in contract.manifest().examples.iter().enumerate() {
            let at = contract.cursor().key("examples").index(index);
            if !names.insert(example.name.as_str()) {
                let message = format!("two examples are named `{}`", example.name);
                self.findings.push(Finding::new(&EXAMPLE_DUPLICATE, message).at(at.key("name").place()));
            }
            if let Some(operation) = self.route(position, example, at) {
                self.status(operation, example, at);
                self.credentials(operation, example, at);
            }
            for pointer in example.expect.body.keys() {
                if !pointer.is_empty() && !pointer.starts_with('/') {
                    let message = format!("`{pointer}` is not a JSON pointer");
                    let place = at.key("expect").key("body").place_of_key(pointer);
                    let help = format!("write `/{}`", pointer.replace('.', "/"));
                    self.findings.push(Finding::new(&EXAMPLE_POINTER, message).at(place).help(help));
                }
            }
            let body = self.body(example, at.key("request"));
            resolved.push(ResolvedExample { example: example.clone(), body });
        }
        resolved
    }

    /// The operation of this contract that answers the example.
    fn route(&mut self, contract: usize, example: &Example, at: Cursor<'_>) -> Option<usize> {
        let request = at.key("request");
        let path = example.request.path.split(['?', '#']).next().unwrap_or_default();
        let method = method(example.request.method);
        let Some(mount) = self.mounts.answering(path) else {
            let finding = Finding::new(&EXAMPLE_UNROUTED, format!("no route answers `{path}`")).at(request.key("path").place());
            self.findings.push(finding);
            return None;
        };
        let Some(mounted) = mount.methods.get(&method) else {
            let mut methods: Vec<&str> = mount.methods.keys().map(|method| method.as_str()).collect();
            methods.sort_unstable();
            let message = format!("`{}` answers {}, not {}", mount.path, methods.join(", "), method.as_str());
            self.findings.push(Finding::new(&EXAMPLE_UNROUTED, message).at(request.key("method").place()));
            return None;
        };
        if self.operations[mounted.operation].contract != contract {
            let message = format!("`{path}` is answered by another contract");
            let finding = Finding::new(&EXAMPLE_UNROUTED, message).at(request.key("path").place());
            self.findings.push(finding.help("move the example to the contract that mounts the route"));
            return None;
        }
        Some(mounted.operation)
    }

    fn status(&mut self, operation: usize, example: &Example, at: Cursor<'_>) {
        let status = example.expect.status;
        let Some(handler) = &self.uses[operation] else { return };
        let (delivery, _) = &self.policies.operations[operation];
        let mut possible: Vec<u16> = handler.handler.problems.iter().map(|(status, _)| *status).collect();
        if delivery.mode == DeliveryMode::Durable {
            possible.push(delivery.respond);
        } else {
            if handler.handler.replies.is_empty() {
                return;
            }
            possible.extend(handler.handler.replies.iter().map(|reply| reply.status));
            // A handler that answers with a template says its status in its settings.
            possible.extend(handler.with.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok()));
            if handler.with.get("status").is_some_and(Value::is_string) {
                return;
            }
        }
        if possible.contains(&status) || ENGINE.contains(&status) {
            return;
        }
        possible.sort_unstable();
        possible.dedup();
        let list: Vec<String> = possible.iter().filter(|status| **status < 400).map(u16::to_string).collect();
        let message = format!("`{}` never answers {status}", handler.handler.name);
        let finding = Finding::new(&EXAMPLE_STATUS, message).at(at.key("expect").key("status").place());
        let durable = if delivery.mode == DeliveryMode::Durable { ", because its delivery is durable" } else { "" };
        self.findings.push(finding.help(format!("on success it answers {}{durable}", list.join(" or "))));
    }

    fn credentials(&mut self, operation: usize, example: &Example, at: Cursor<'_>) {
        let headers = at.key("request").key("headers");
        for name in example.request.headers.keys() {
            let place = headers.key(name);
            if !header_name(name, place, &mut self.findings) {
                continue;
            }
            if self.guards[operation].iter().any(|method| carries(method, CarrierPlace::Header, name)) {
                let message = format!("the example carries a credential in `{name}`");
                self.findings.push(Finding::new(&EXAMPLE_CREDENTIAL, message).at(place.key_place()).help("leave it out"));
            }
        }
        let query = example.request.path.split_once('?').map_or("", |(_, query)| query);
        for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
            if self.guards[operation].iter().any(|method| carries(method, CarrierPlace::Query, &name)) {
                let message = format!("the example carries a credential in `?{name}=`");
                let place = at.key("request").key("path").place();
                self.findings.push(Finding::new(&EXAMPLE_CREDENTIAL, message).at(place).help("leave it out"));
            }
        }
    }

    fn body(&mut self, example: &Example, at: Cursor<'_>) -> Option<Vec<u8>> {
        let Some(file) = &example.request.body_file else {
            return example.request.body.as_ref().map(|body| body.to_string().into_bytes());
        };
        let place = at.key("body_file").place();
        if example.request.body.is_some() {
            let message = "the example has a body and a body file";
            self.findings
                .push(Finding::new(&EXAMPLE_BODY_TWICE, message).at(at.key("body_file").key_place()).help("keep one of them"));
        }
        let Some(bytes) = self.folder.files.get(file) else {
            let fixtures = self.folder.files.keys().filter(|name| name.starts_with(FIXTURES)).map(String::as_str);
            let help = did_you_mean(file, fixtures)
                .unwrap_or_else(|| "name a file below the contracts folder, as `fixtures/…`".to_owned());
            self.findings.push(Finding::new(&FIXTURE_MISSING, format!("there is no file `{file}`")).at(place).help(help));
            return None;
        };
        if file.ends_with(".json")
            && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
        {
            let message = format!("`{file}` is not JSON: {error}");
            self.findings.push(Finding::new(&FIXTURE_MALFORMED, message).at(place));
        }
        Some(bytes.clone())
    }
}

fn method(method: ExampleMethod) -> Method {
    match method {
        ExampleMethod::Get | ExampleMethod::Head => Method::Get,
        ExampleMethod::Post => Method::Post,
        ExampleMethod::Put => Method::Put,
        ExampleMethod::Patch => Method::Patch,
        ExampleMethod::Delete => Method::Delete,
    }
}

/// Whether a method looks for its credential there.
fn carries(method: &AuthMethod, place: CarrierPlace, name: &str) -> bool {
    match method {
        AuthMethod::Secret { carriers, .. } => carriers.iter().any(|carrier| {
            carrier.place == place
                && if place == CarrierPlace::Header { carrier.name.eq_ignore_ascii_case(name) } else { carrier.name == name }
        }),
        AuthMethod::Bearer { .. } | AuthMethod::Token { .. } => {
            place == CarrierPlace::Header && name.eq_ignore_ascii_case("authorization")
        }
        AuthMethod::Signature(signature) => place == CarrierPlace::Header && signature.header.eq_ignore_ascii_case(name),
        AuthMethod::Session { .. } => place == CarrierPlace::Header && name.eq_ignore_ascii_case("cookie"),
        AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. } | AuthMethod::External { .. } => {
            false
        }
    }
}
