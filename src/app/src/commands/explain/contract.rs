//! All of a contract: who opens the conversation, its whole surface, its auth, what it needs and what proves it.

use contract::catalog::{Catalog, Contract, Schedule, SurfaceItem, ticks::Ticks, units::format_duration};
use jiff::Timestamp;

use super::{
    Explanation, Step,
    auth::{self, IsSet},
    route,
};
use crate::output::word;

/// Explains a contract.
pub(super) fn explain(contract: &Contract, catalog: &Catalog, is_set: IsSet<'_>) -> Explanation {
    let parts = [
        Step::new("What it is", identity(contract)),
        Step::new("Surface", surface(contract, is_set)),
        Step::new("Guard", guard(contract, is_set)),
        Step::new("Variables", variables(contract, catalog, is_set)),
        Step::new("Proof", contract.verify.clone()),
        Step::new("Notes", contract.notes.clone()),
    ];
    Explanation {
        title: format!("{} ({})", contract.name, contract.id),
        contract: contract.id.clone(),
        state: word(&contract.state(is_set)),
        unset: contract.needs.iter().filter(|name| !is_set(name)).cloned().collect(),
        steps: parts.into_iter().filter(|step| !step.lines.is_empty()).collect(),
    }
}

fn identity(contract: &Contract) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {}, {}, section {}",
        word(&contract.direction),
        word(&contract.kind),
        word(&contract.stability),
        contract.section
    )];
    lines.extend(contract.mode.map(|mode| format!("mode: {}", word(&mode))));
    lines.extend(contract.trigger.as_ref().map(|trigger| format!("trigger: {trigger}")));
    lines.push(format!("owner: {}", contract.owner));
    lines.push(format!("versioning: {}", contract.versioning));
    lines.push(format!("file: {}", contract.file));
    lines
}

fn surface(contract: &Contract, is_set: IsSet<'_>) -> Vec<String> {
    if contract.surface.is_empty() {
        return vec!["not implemented: the id is reserved and nothing is mounted".to_owned()];
    }
    let mut lines: Vec<String> = contract.surface.iter().flat_map(|item| self::item(item, is_set)).collect();
    if contract.surface.iter().any(|item| matches!(item, SurfaceItem::Route(_))) {
        lines.push("`mission-control explain 'METHOD /path'` goes through one of them step by step".to_owned());
    }
    lines
}

fn item(item: &SurfaceItem, is_set: IsSet<'_>) -> Vec<String> {
    let one = |line: String| vec![line];
    match item {
        SurfaceItem::Route(route) => {
            let alias = if route.alias_of.is_some() { " (alias)" } else { "" };
            let mut lines = vec![format!("{} {}{alias} → {}", route.method.as_str(), route.path, route.handler.name)];
            if route.own_auth && route.auth.is_empty() {
                lines.extend(route::guard(route, is_set).into_iter().map(|line| format!("  {line}")));
            } else if route.own_auth {
                lines.push("  guarded in its own way:".to_owned());
                lines.extend(route::guard(route, is_set).into_iter().skip(1).map(|line| format!("  {line}")));
            }
            lines
        }
        SurfaceItem::Call(call) => {
            let on = if call.on.is_empty() { String::new() } else { format!(" on {}", call.on.join(", ")) };
            one(format!("call {} {}{on}", call.method, auth::variable(&call.variable, is_set)))
        }
        SurfaceItem::Job(job) => {
            let when = match &job.schedule {
                Schedule::Every(interval) => format!("every {}", format_duration(*interval)),
                Schedule::Cron(expression) => format!("at `{expression}` (UTC)"),
            };
            let next = Ticks::compile(&job.schedule).ok().and_then(|ticks| ticks.next_after(Timestamp::now()));
            let next = next.map(|next| format!(", next at {next}")).unwrap_or_default();
            one(format!("job {} {when}{next}", job.handler.name))
        }
        SurfaceItem::Tool(tool) => {
            one(format!("tool {} → {}{}", tool.name, tool.handler.name, if tool.writes { " (writes)" } else { "" }))
        }
        SurfaceItem::Command(name) => one(format!("command {name}")),
        SurfaceItem::Env { name, migrations } => {
            let migrations = migrations.as_ref().map(|glob| format!(", versioned by {glob}")).unwrap_or_default();
            one(format!("variable {}{migrations}", auth::variable(name, is_set)))
        }
        SurfaceItem::File { glob, generated, .. } => one(format!("file {glob}{}", if *generated { " (generated)" } else { "" })),
        SurfaceItem::Script { path, .. } => one(format!("script {path}")),
        SurfaceItem::Family { pattern, routes } => {
            let count = crate::output::count(routes.len(), "route");
            std::iter::once(format!("family {pattern}: {count} below it"))
                .chain(routes.iter().map(|route| format!("  {route}")))
                .collect()
        }
        SurfaceItem::See { path, contract } => one(format!("see {path} (mounted by {contract})")),
    }
}

fn guard(contract: &Contract, is_set: IsSet<'_>) -> Vec<String> {
    if contract.auth_undefined {
        return vec!["not defined yet".to_owned()];
    }
    if contract.auth.is_empty() {
        return vec!["none: open to everybody, on purpose".to_owned()];
    }
    route::methods(&contract.auth, is_set)
}

/// The variables that the contract declares or needs, with their standing and never a value.
fn variables(contract: &Contract, catalog: &Catalog, is_set: IsSet<'_>) -> Vec<String> {
    let mut names: Vec<&String> = contract.declares.iter().collect();
    names.extend(contract.needs.iter().filter(|name| !contract.declares.contains(name)));
    let line = |name: &String| {
        let state = if is_set(name) { "set" } else { "unset" };
        match catalog.variables.get(name) {
            Some(variable) => {
                let secret = if variable.secret { "secret, " } else { "" };
                format!("{name} ({secret}{state}): {}", variable.description)
            }
            None => format!("{name} ({state})"),
        }
    };
    names.into_iter().map(line).collect()
}
