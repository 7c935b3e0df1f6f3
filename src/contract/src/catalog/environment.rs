//! Variables: each declared once, under a name that means nothing else, and every one that a manifest names among them.

use std::collections::{BTreeMap, HashMap};

use super::{Stage, Variable, identity::Source};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::environment::{
            DEFAULT_NEVER_USED, SECRET_DECLARED_OPEN, SECRET_WITH_DEFAULT, VARIABLE_DUPLICATE, VARIABLE_NAME, VARIABLE_UNDECLARED,
        },
    },
    manifest::{
        Documents,
        model::{Auth, AuthMethod, Operation, SurfaceItem, VariableDeclaration},
        node::Cursor,
    },
};

/// Endings that make another name for the variable before them.
const SUFFIXES: [&str; 2] = ["_FILE", "_PREVIOUS"];

pub(super) fn resolve(documents: &Documents, contracts: &[Source<'_>]) -> Stage<BTreeMap<String, Variable>> {
    let mut stage = Declarations { variables: BTreeMap::new(), places: HashMap::new(), findings: Vec::new() };
    if let Some(service) = &documents.service {
        stage.declare(&service.value.environment, None, service.cursor().key("environment"));
    }
    for contract in contracts {
        let manifest = contract.manifest();
        stage.declare(&manifest.environment, Some(&manifest.id), contract.cursor().key("environment"));
    }
    for contract in contracts {
        for (name, secret, at) in used(contract) {
            stage.use_of(name, secret, at);
        }
    }
    (stage.variables, stage.findings)
}

struct Declarations<'a> {
    variables: BTreeMap<String, Variable>,
    places: HashMap<String, Cursor<'a>>,
    findings: Vec<Finding>,
}

impl<'a> Declarations<'a> {
    fn declare(&mut self, declared: &indexmap::IndexMap<String, VariableDeclaration>, contract: Option<&str>, at: Cursor<'a>) {
        for (name, declaration) in declared {
            let here = at.key(name);
            self.check(name, declaration, here);
            if let Some(other) = self.places.get(name) {
                let place = other.key_place();
                let message = format!("`{name}` is declared twice");
                let finding = Finding::new(&VARIABLE_DUPLICATE, message).at(here.key_place());
                self.findings.push(finding.help(format!("the first is at {}:{}", place.file, place.line)));
                continue;
            }
            self.places.insert(name.clone(), here);
            let VariableDeclaration { secret, required, default, example, description } = declaration.clone();
            let contract = contract.map(str::to_owned);
            let variable = Variable { name: name.clone(), secret, required, default, example, description, contract };
            self.variables.insert(name.clone(), variable);
        }
    }

    fn check(&mut self, name: &str, declaration: &VariableDeclaration, at: Cursor<'_>) {
        if !is_name(name) {
            let message = format!("`{name}` is not the name of a variable");
            let finding = Finding::new(&VARIABLE_NAME, message).at(at.key_place());
            self.findings.push(finding.help("write it in upper case, as `PLANE_BASE_URL`"));
        } else if let Some(suffix) = SUFFIXES.iter().find(|suffix| name.ends_with(**suffix)) {
            let stem = name.trim_end_matches(suffix);
            let message = format!("`{name}` is taken: it is another way to give `{stem}`");
            self.findings.push(Finding::new(&VARIABLE_NAME, message).at(at.key_place()));
        }
        if declaration.secret && declaration.default.as_deref().is_some_and(|default| !names_a_local_file(default)) {
            let message = format!("the secret `{name}` has a default, which everybody can read");
            self.findings.push(Finding::new(&SECRET_WITH_DEFAULT, message).at(at.key("default").key_place()));
        } else if declaration.required && declaration.default.is_some() {
            let message = format!("`{name}` is required, so its default is never used");
            self.findings.push(Finding::new(&DEFAULT_NEVER_USED, message).at(at.key("default").key_place()));
        }
    }

    fn use_of(&mut self, name: &str, secret: bool, at: Cursor<'_>) {
        let Some(variable) = self.variables.get(name) else {
            let message = format!("`{name}` is declared nowhere");
            let known = self.variables.keys().map(String::as_str);
            let help =
                did_you_mean(name, known).unwrap_or_else(|| format!("add `{name}:` with a description under `environment`"));
            self.findings.push(Finding::new(&VARIABLE_UNDECLARED, message).at(at.place()).help(help));
            return;
        };
        if secret && !variable.secret {
            let message = format!("`{name}` holds a secret, and is declared without `secret: true`");
            let place = self.places.get(name).map_or_else(|| at.place(), |declared| declared.key_place());
            self.findings.push(Finding::new(&SECRET_DECLARED_OPEN, message).at(place).help("add `secret: true`"));
        }
    }
}

fn is_name(name: &str) -> bool {
    name.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The variables that a contract names, whether each holds a secret, and where.
fn used<'a>(contract: &Source<'a>) -> Vec<(&'a str, bool, Cursor<'a>)> {
    let mut used = Vec::new();
    of_auth(&contract.manifest().auth, contract.cursor().key("auth"), &mut used);
    for (_, item, at) in contract.items() {
        match item {
            SurfaceItem::Call(item) => used.push((item.call.as_str(), false, at.key("call"))),
            SurfaceItem::Env(item) => used.push((item.env.as_str(), false, at.key("env"))),
            SurfaceItem::Family(item) => {
                if let Some(auth) = &item.auth {
                    of_auth(auth, at.key("auth"), &mut used);
                }
            }
            SurfaceItem::Route(route) => {
                let operations = [
                    ("get", &route.get),
                    ("post", &route.post),
                    ("put", &route.put),
                    ("patch", &route.patch),
                    ("delete", &route.delete),
                ];
                for (key, operation) in operations {
                    let Some(Operation::Detailed(detail)) = operation else { continue };
                    if let Some(auth) = &detail.auth {
                        of_auth(auth, at.key(key).key("auth"), &mut used);
                    }
                }
            }
            SurfaceItem::Job(_)
            | SurfaceItem::Tool(_)
            | SurfaceItem::Command(_)
            | SurfaceItem::File(_)
            | SurfaceItem::Script(_)
            | SurfaceItem::See(_) => {}
        }
    }
    used
}

fn of_auth<'a>(auth: &'a Auth, at: Cursor<'a>, used: &mut Vec<(&'a str, bool, Cursor<'a>)>) {
    let Auth::Methods(methods) = auth else { return };
    for (position, method) in methods.iter().enumerate() {
        let at = at.index(position);
        match method {
            AuthMethod::Secret(method) => used.push((&method.secret, true, at.key("secret"))),
            AuthMethod::Bearer(method) => used.push((&method.bearer, true, at.key("bearer"))),
            AuthMethod::Signature(method) => used.push((&method.signature, true, at.key("signature"))),
            AuthMethod::Credential(method) => used.push((&method.credential, true, at.key("credential"))),
            AuthMethod::Oidc(method) => used.push((&method.oidc, false, at.key("oidc"))),
            AuthMethod::Session(_) | AuthMethod::Token(_) | AuthMethod::Connection(_) | AuthMethod::External(_) => {}
        }
    }
}

/// Whether a default only names a file of this machine, as `sqlite://data/app.db`: an address that may hold credentials, but in
/// this form has none to give away.
fn names_a_local_file(default: &str) -> bool {
    default.starts_with("sqlite:") && !default.contains('@')
}
