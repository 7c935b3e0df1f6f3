//! `mission-control handlers`: the names that a manifest may write, and what each takes and answers.

use anyhow::bail;
use clap::Args;
use contract::{
    finding::did_you_mean,
    handler::{Effect, HandlerInfo},
};
use serde_json::{Value, json};

use crate::{
    output::{self, Cell, Look, Tone},
    wiring,
};

/// List the handlers that a manifest can name, or show one of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control handlers tasks.upsert\n  mission-control handlers --json")]
pub(crate) struct Handlers {
    /// Show this handler: its settings, its input and its answers
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Handlers {
    /// Writes the list or the handler.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let infos = wiring::registry()?.infos();
        let Some(name) = &self.name else {
            if self.json {
                output::print_json(&infos.iter().map(|info| summary(info)).collect::<Vec<_>>())?;
            } else {
                output::print(&list(infos.iter().map(|info| &**info), Look::stdout()))?;
            }
            return Ok(true);
        };
        let Some(info) = infos.iter().find(|info| info.name == name) else {
            let hint = did_you_mean(name, infos.iter().map(|info| info.name));
            bail!("there is no handler `{name}`; {}", hint.unwrap_or_else(|| "`mission-control handlers` lists them".to_owned()));
        };
        if self.json {
            output::print_json(&details(info))?;
        } else {
            output::print(&text(info, Look::stdout()))?;
        }
        Ok(true)
    }
}

fn effect(info: &HandlerInfo) -> &'static str {
    match info.effect {
        Effect::Read => "read",
        Effect::Write => "write",
    }
}

fn list<'a>(infos: impl Iterator<Item = &'a HandlerInfo>, look: Look) -> String {
    let cells = |info: &HandlerInfo| -> Vec<Cell> {
        let tone = if info.effect == Effect::Read { Tone::Dim } else { Tone::Plain };
        vec![info.name.into(), Cell::new(effect(info), tone), info.summary.into()]
    };
    output::table(&["NAME", "EFFECT", "SUMMARY"], infos.map(cells).collect(), look)
}

fn summary(info: &HandlerInfo) -> Value {
    json!({"name": info.name, "effect": effect(info), "summary": info.summary})
}

fn details(info: &HandlerInfo) -> Value {
    let query =
        info.query.iter().map(|query| json!({"name": query.name, "description": query.description, "schema": query.schema}));
    let replies = info.replies.iter().map(|reply| {
        let (media_type, description) = (reply.media_type, reply.description);
        json!({"status": reply.status, "description": description, "media_type": media_type, "schema": reply.schema})
    });
    json!({
        "name": info.name,
        "effect": effect(info),
        "summary": info.summary,
        "description": info.description,
        "params": info.params.iter().map(|(name, meaning)| json!({"name": name, "description": meaning})).collect::<Vec<_>>(),
        "query": query.collect::<Vec<_>>(),
        "with": info.with,
        "input": info.input,
        "replies": replies.collect::<Vec<_>>(),
        "problems": info.problems.iter().map(|(status, when)| json!({"status": status, "description": when})).collect::<Vec<_>>(),
    })
}

fn text(info: &HandlerInfo, look: Look) -> String {
    let mut text = format!("{}  {}\n", look.bold(info.name), look.tone(Tone::Dim, effect(info)));
    text.push_str(&format!("{}\n", info.summary));
    if !info.description.is_empty() {
        text.push_str(&format!("\n{}\n", info.description));
    }
    let pairs = |pairs: Vec<(String, String)>| {
        let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        pairs.iter().map(|(name, meaning)| format!("  {name:width$}  {meaning}\n")).collect::<String>()
    };
    let params = info.params.iter().map(|(name, meaning)| (format!("{{{name}}}"), (*meaning).to_owned())).collect();
    let query = info.query.iter().map(|query| (query.name.to_owned(), query.description.to_owned())).collect();
    let replies =
        info.replies.iter().map(|reply| (reply.status.to_string(), format!("{} ({})", reply.description, reply.media_type)));
    let problems = info.problems.iter().map(|(status, when)| (status.to_string(), (*when).to_owned()));
    let sections = [
        ("Path parameters", pairs(params)),
        ("Query parameters", pairs(query)),
        ("Settings (with)", info.with.as_ref().map(schema).unwrap_or_default()),
        ("Body", info.input.as_ref().map(schema).unwrap_or_default()),
        ("Answers", pairs(replies.chain(problems).collect())),
    ];
    for (title, body) in sections.iter().filter(|(_, body)| !body.is_empty()) {
        text.push_str(&format!("\n{}\n{body}", look.bold(title)));
    }
    text
}

/// A schema as indented JSON: it is what `check` and the documents go by, so nothing of it is left out.
fn schema(schema: &Value) -> String {
    format!("{schema:#}").lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_handler_is_shown_with_its_settings_and_answers() {
        let registry = wiring::registry().unwrap();
        let info = &registry.get("engine.emit").unwrap().info;
        let text = text(info, Look::PLAIN);
        for part in ["engine.emit  write", "Settings (with)", "\"subject\"", "Answers", "202"] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
        assert_eq!(details(info)["with"], *info.with.as_ref().unwrap());
    }

    #[test]
    fn the_list_has_a_line_for_each() {
        let infos = wiring::registry().unwrap().infos();
        let list = list(infos.iter().map(|info| &**info), Look::PLAIN);
        assert_eq!(list.lines().count(), infos.len() + 1, "{list}");
    }
}
