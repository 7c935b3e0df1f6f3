//! `docs/INTEGRATIONS.md`: the whole contract document, every contract with its required fields in their order, then the
//! optional ones.

use std::collections::BTreeSet;

use super::{
    auth_words,
    markdown::{self, code, list, text},
    routes_of, words,
};
use crate::catalog::{AuthMethod, Catalog, Contract, SurfaceItem};

const FORMAT: &str = "## Contract format

Every entry states the same seven fields first, in this order:

| Field | Says | Values |
| --- | --- | --- |
| Direction | who opens the conversation | `inbound`, `outbound`, `bidirectional` |
| Type | what kind of contract it is | `REST API`, `webhook`, `callback`, `MCP`, `database contract`, `file contract`, `other` |
| Surface | where it can be touched | endpoint, file, script, variable or route family |
| Auth | what is really asked of a caller today | methods in the order they are tried, or none |
| Stability | the promise made about change | `stable`, `internal`, `experimental`, `planned` |
| Versioning | how the surface is versioned today | in words |
| Owner | the system that owns the surface | in words |

Further fields follow where they make an entry clearer: mode, trigger, secret transport, protected routes, tool families,
verify path and notes. The manifests behind this document are described by `schemas/contract.schema.json`.

";

/// `docs/INTEGRATIONS.md`.
pub fn integrations_md(catalog: &Catalog) -> String {
    let mut page = markdown::generated("`contracts/`");
    page.push_str(&format!(
        "# Integrations\n\nEvery contract of {} in one document. What is written here is what is mounted: routes, guards, \
         descriptions and this text come from the same manifests.\n\nSee also: [one page for each \
         contract](reference/contracts/README.md), [environment and runtime](ENVIRONMENT_AND_RUNTIME_CONTRACT.md), \
         [metrics](METRICS.md), [handlers](reference/handlers.md), [findings of the check](reference/findings.md).\n\n",
        text(&catalog.service.title)
    ));
    page.push_str(FORMAT);
    let mut positioned = false;
    for (section, title) in &catalog.service.sections {
        if section == "fabric" {
            page.push_str(&positioning(catalog));
            positioned = true;
        }
        let contracts: Vec<&Contract> =
            catalog.contracts.iter().map(|contract| &**contract).filter(|contract| &contract.section == section).collect();
        if contracts.is_empty() {
            continue;
        }
        page.push_str(&format!("## {}\n\n", text(title)));
        for contract in contracts {
            page.push_str(&entry(contract));
        }
    }
    if !positioned {
        page.push_str(&positioning(catalog));
    }
    page.push_str(&verify_paths(catalog));
    page.push_str(&format!("## Licence\n\n{}\n", text(&catalog.service.license)));
    if let Some(homepage) = &catalog.service.homepage {
        page.push_str(&format!("\n{}\n", text(homepage)));
    }
    page
}

fn entry(contract: &Contract) -> String {
    let mut text_ = format!(
        "### {}\n\nContract {}, on [its own page](reference/contracts/{}.md).\n\n",
        text(&contract.name),
        code(&contract.id),
        contract.id
    );
    text_.push_str(&list(fields(contract)));
    text_.push('\n');
    text_
}

/// The fields of an entry: the required ones in their order, then the optional ones that it has.
pub(super) fn fields(contract: &Contract) -> Vec<String> {
    let mut fields = vec![
        one("Direction", words::direction(contract.direction)),
        one("Type", words::kind(contract.kind)),
        many("Surface", surface_lines(contract)),
        many("Auth", auth_words::lines(contract)),
        one("Stability", words::stability(contract.stability)),
        one("Versioning", &text(&contract.versioning)),
        one("Owner", &text(&contract.owner)),
    ];
    if let Some(mode) = contract.mode {
        fields.push(one("Mode", words::mode(mode)));
    }
    if let Some(trigger) = &contract.trigger {
        fields.push(one("Trigger", &text(trigger)));
    }
    let optional = [
        ("Secret transport", auth_words::transports(contract)),
        ("Protected routes", protected_routes(contract)),
        ("Tool families", tool_families(contract)),
        ("Verify path", contract.verify.iter().map(|line| code(line)).collect()),
        ("Notes", contract.notes.iter().map(|note| text(note)).collect()),
    ];
    fields.extend(optional.into_iter().filter(|(_, lines)| !lines.is_empty()).map(|(name, lines)| many(name, lines)));
    fields
}

fn one(name: &str, value: &str) -> String {
    format!("**{name}:** {value}")
}

fn many(name: &str, mut lines: Vec<String>) -> String {
    if lines.len() == 1 {
        return one(name, &lines.remove(0));
    }
    let items: String = lines.into_iter().map(|line| format!("\n  - {line}")).collect();
    format!("**{name}:**{items}")
}

/// The surface, a line for each item; aliases stand with the protected routes and on the contract's page.
fn surface_lines(contract: &Contract) -> Vec<String> {
    if contract.surface.is_empty() {
        return vec!["not implemented".to_owned()];
    }
    contract.surface.iter().filter_map(surface_line).collect()
}

/// One item of a surface in Markdown; `None` for an alias.
pub(super) fn surface_line(item: &SurfaceItem) -> Option<String> {
    Some(match item {
        SurfaceItem::Route(route) if route.alias_of.is_some() => return None,
        SurfaceItem::Route(route) => {
            let path = code(&format!("{} {}", route.method.as_str(), route.path));
            if route.own_auth { format!("{path}, {}", auth_words::sentence(&route.auth)) } else { path }
        }
        SurfaceItem::Call(call) if call.on.is_empty() => {
            format!("{} to the URL in {}", code(call.method), code(&call.variable))
        }
        SurfaceItem::Call(call) => {
            let events: Vec<String> = call.on.iter().map(|event| code(event)).collect();
            format!("{} to the URL in {} on {}", code(call.method), code(&call.variable), events.join(", "))
        }
        SurfaceItem::Job(job) => format!("job {}, {}", code(job.handler.name), words::schedule(&job.schedule)),
        SurfaceItem::Tool(tool) => format!("tool {}", code(&tool.name)),
        SurfaceItem::Command(command) => format!("command {}", code(command)),
        SurfaceItem::Env { name, migrations: None } => code(name),
        SurfaceItem::Env { name, migrations: Some(glob) } => format!("{}, versioned by {}", code(name), code(glob)),
        SurfaceItem::File { glob, generated: true, .. } => format!("{}, generated", code(glob)),
        SurfaceItem::File { glob, .. } => code(glob),
        SurfaceItem::Script { path, .. } => code(path),
        SurfaceItem::Family { pattern, routes } => format!("{}, a family of {} routes", code(pattern), routes.len()),
        SurfaceItem::See { path, contract } => {
            format!("{}, mounted by {}", code(path), code(contract))
        }
    })
}

/// The routes behind a shared secret where there are several, aliases included.
fn protected_routes(contract: &Contract) -> Vec<String> {
    if !contract.auth.iter().any(|method| matches!(method, AuthMethod::Secret { .. })) {
        return Vec::new();
    }
    let guarded: Vec<_> = routes_of(contract).filter(|route| !route.auth.is_empty()).collect();
    if guarded.len() < 2 {
        return Vec::new();
    }
    guarded
        .iter()
        .map(|route| {
            let path = code(&format!("{} {}", route.method.as_str(), route.path));
            match (&route.alias_of, &route.deprecated) {
                (Some(canonical), Some(deprecation)) => {
                    format!("{path}, alias of {}, {}", code(canonical), text(&words::deprecation(deprecation)))
                }
                (Some(canonical), None) => format!("{path}, alias of {}", code(canonical)),
                (None, _) if route.own_auth => format!("{path}, {}", auth_words::sentence(&route.auth)),
                (None, _) => path,
            }
        })
        .collect()
}

fn tool_families(contract: &Contract) -> Vec<String> {
    let mut seen = BTreeSet::new();
    contract
        .surface
        .iter()
        .filter_map(|item| match item {
            SurfaceItem::Tool(tool) => tool.family.as_deref(),
            _ => None,
        })
        .filter(|family| seen.insert(*family))
        .map(text)
        .collect()
}

fn positioning(catalog: &Catalog) -> String {
    let service = &catalog.service;
    let standing = if service.control_plane { "is a Fabric control plane" } else { "is not a Fabric control plane" };
    let roles: Vec<String> = service.roles.iter().map(|role| code(role)).collect();
    format!(
        "## Position towards Fabric\n\n{} {standing}. Its roles: {}.\n\nIt provides today:\n\n{}\nIt does not provide:\n\n{}\n",
        text(&service.title),
        roles.join(", "),
        list(service.provides.iter().map(|line| text(line))),
        list(service.excludes.iter().map(|line| text(line))),
    )
}

/// Every endpoint and command that some contract names as its proof, endpoints first.
fn verify_paths(catalog: &Catalog) -> String {
    let mut seen = BTreeSet::new();
    let lines: Vec<&str> = catalog
        .contracts
        .iter()
        .flat_map(|contract| &contract.verify)
        .map(String::as_str)
        .filter(|line| seen.insert(*line))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let (endpoints, commands): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|line| line.contains(" /"));
    format!(
        "## Verify paths\n\nWhat is documented here can be verified through:\n\n{}\nThese paths verify. They are no contract \
         by which Fabric would control this service.\n\n",
        list(endpoints.into_iter().chain(commands).map(code))
    )
}
