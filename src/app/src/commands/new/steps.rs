//! What to do with a new manifest: set its variables, start, try it, look. Commands are made to be copied.

use std::path::Path;

use contract::{
    catalog::{AuthMethod, Catalog, Contract, Signature},
    manifest::model::KeyEncoding,
    publish::example_command,
};

use super::Kind;

/// The next steps. `catalog` is there when the whole folder is clean.
pub(super) fn text(path: &Path, kind: Kind, id: &str, catalog: Option<&Catalog>) -> String {
    let contract = catalog.and_then(|catalog| catalog.contract(id));
    let mut text = format!("wrote {}\n\nnext:\n", path.display());
    let mut steps: Vec<String> = Vec::new();
    steps.push(format!("Make it say what you need, then hold it to the rules:\n\n   mission-control check {}", folder(path)));
    if let (Some(contract), Some(catalog)) = (contract, catalog) {
        steps.extend(variables(contract, catalog));
    }
    if matches!(kind, Kind::Webhook | Kind::Callback | Kind::Api | Kind::Call) {
        steps.push("Start the service. One that runs mounts the file by itself, and reads .env anew then and on SIGHUP; a variable of its shell takes a new start:\n\n   mission-control serve".to_owned());
    }
    if let Some(contract) = contract {
        steps.extend(request(contract));
    }
    steps.push(look(kind, id));
    for (number, step) in steps.iter().enumerate() {
        text.push_str(&format!("\n{}. {step}\n", number + 1));
    }
    text
}

/// The contracts folder: two above the file.
fn folder(path: &Path) -> String {
    path.parent().and_then(Path::parent).map_or_else(|| "contracts".to_owned(), |folder| folder.display().to_string())
}

fn variables(contract: &Contract, catalog: &Catalog) -> Option<String> {
    let signature = contract.auth.iter().find_map(|method| match method {
        AuthMethod::Signature(signature) => Some(&**signature),
        _ => None,
    });
    let line = |name: &String| {
        let secret = catalog.variables.get(name).is_some_and(|variable| variable.secret);
        let value = if secret { fresh_secret(signature) } else { "https://…" };
        format!("\n   export {name}={value}")
    };
    let lines: String = contract.needs.iter().map(line).collect();
    let hint = if contract.needs.is_empty() {
        return None;
    } else {
        "Set what it needs, here or in .env; the far side has to know the same secret:"
    };
    Some(format!("{hint}\n{lines}"))
}

/// A command that makes a secret of the form that the key has.
fn fresh_secret(signature: Option<&Signature>) -> &'static str {
    match signature.map(|signature| signature.key) {
        Some(KeyEncoding::Whsec) => "whsec_$(openssl rand -base64 32)",
        Some(KeyEncoding::Base64) => "$(openssl rand -base64 32)",
        Some(KeyEncoding::Raw) | None => "$(openssl rand -hex 32)",
    }
}

/// The first example as a command.
fn request(contract: &Contract) -> Option<String> {
    let example = contract.examples.first()?;
    let token = contract.auth.iter().any(|method| matches!(method, AuthMethod::Token { .. }));
    let token = if token {
        "   MISSION_CONTROL_TOKEN=$(mission-control operator token create try --scope write --expires 1d)\n"
    } else {
        ""
    };
    let command: String = example_command(contract, example).lines().map(|line| format!("   {line}\n")).collect();
    let status = example.example.expect.status;
    Some(format!(
        "Send it something; it answers {status}:\n\n   MISSION_CONTROL_URL=http://127.0.0.1:8080\n{token}{}",
        command.trim_end()
    ))
}

fn look(kind: Kind, id: &str) -> String {
    let more = match kind {
        Kind::Webhook | Kind::Callback | Kind::Call => format!("\n   mission-control deliveries list --contract {id}"),
        Kind::Api | Kind::File | Kind::Planned => String::new(),
    };
    format!(
        "See what it is and what became of it; `mission-control docs` writes its pages:\n\n   mission-control explain {id}{more}"
    )
}
