//! `docs/reference/findings.md` and `docs/reference/handlers.md`: what `check` may say and what manifests may name.

use std::sync::Arc;

use serde_json::Value;

use super::markdown::{self, Table, cell, code, text};
use crate::{
    finding::{Rule, Severity},
    handler::{Effect, HandlerInfo},
};

/// `docs/reference/findings.md`, sorted by code.
pub fn findings_md(rules: &[&Rule]) -> String {
    let mut rules = rules.to_vec();
    rules.sort_by_key(|rule| rule.code);
    let mut page = markdown::generated("the rules of `mission-control check`");
    page.push_str(
        "# Findings\n\nWhat `mission-control check` may say about a folder of manifests. An error fails the check and keeps a \
         catalog from being mounted; a warning is said and let pass. Every rule is proved by the fixture folder of its name.\n\n",
    );
    let mut table = Table::new(&["Code", "Rule", "Severity"]);
    for rule in &rules {
        let anchor = format!("{}-{}", rule.code.to_ascii_lowercase(), rule.name);
        table.row([format!("[{}](#{anchor})", rule.code), code(rule.name), severity(rule.severity).to_owned()]);
    }
    page.push_str(&table.finish());
    for rule in &rules {
        page.push_str(&format!(
            "\n## {} {}\n\n*{}.* {}\n",
            rule.code,
            rule.name,
            severity(rule.severity),
            rule.explanation.trim()
        ));
    }
    page
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// `docs/reference/handlers.md`, sorted by name.
pub fn handlers_md(handlers: &[Arc<HandlerInfo>]) -> String {
    let mut handlers: Vec<&HandlerInfo> = handlers.iter().map(|handler| &**handler).collect();
    handlers.sort_by_key(|handler| handler.name);
    let mut page = markdown::generated("the registered handlers");
    page.push_str(
        "# Handlers\n\nWhat a manifest may name. Routes, tools and jobs name the same handlers; strings in `with` are templates \
         over `body headers query path contract now`. Schemas are JSON Schema 2020-12.\n\n",
    );
    let mut table = Table::new(&["Handler", "Does", "State"]);
    for handler in &handlers {
        let anchor: String = handler.name.replace('.', "");
        table.row([format!("[{}](#{anchor})", code(handler.name)), text(handler.summary), effect(handler.effect).to_owned()]);
    }
    page.push_str(&table.finish());
    for handler in &handlers {
        page.push_str(&entry(handler));
    }
    page
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "reads",
        Effect::Write => "writes",
    }
}

fn entry(handler: &HandlerInfo) -> String {
    let mut entry = format!("\n## {}\n\n{}; {} state.\n", code(handler.name), text(handler.summary), effect(handler.effect));
    if !handler.description.is_empty() {
        entry.push_str(&format!("\n{}\n", handler.description.trim()));
    }
    if !handler.params.is_empty() || !handler.query.is_empty() {
        let mut table = Table::new(&["Parameter", "In", "Meaning"]);
        for (name, meaning) in handler.params {
            table.row([code(name), "path".to_owned(), text(meaning)]);
        }
        for query in &handler.query {
            table.row([code(query.name), "query".to_owned(), text(query.description)]);
        }
        entry.push_str(&format!("\n{}", table.finish()));
    }
    for (title, schema) in [("Settings (`with`)", &handler.with), ("Body", &handler.input)] {
        if let Some(schema) = schema {
            entry.push_str(&format!("\n{title}:\n\n{}", markdown::block("json", &pretty(schema))));
        }
    }
    entry.push_str(&answers(handler));
    entry
}

fn answers(handler: &HandlerInfo) -> String {
    if handler.replies.is_empty() && handler.problems.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["Status", "When", "Body"]);
    for reply in &handler.replies {
        table.row([reply.status.to_string(), cell(reply.description), code(reply.media_type)]);
    }
    for (status, when) in handler.problems {
        table.row([status.to_string(), cell(when), code("application/problem+json")]);
    }
    format!("\n{}", table.finish())
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
