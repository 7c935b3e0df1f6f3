//! The handlers that the fixtures name, and the options that every test resolves with.

use std::sync::{Arc, LazyLock};

use contract::{
    catalog::{Options, Resolution, resolve},
    handler::{Effect, HandlerInfo, ReplyInfo},
    manifest::Folder,
};
use serde_json::json;

/// Files of a made-up repository.
static REPOSITORY: LazyLock<Vec<String>> = LazyLock::new(|| {
    ["Cargo.toml", "README.md", "docs/GUIDE.md", "migrations/0001_start.sql", "scripts/build.sh"].map(str::to_owned).to_vec()
});

/// The handlers, by name.
pub(crate) static HANDLERS: LazyLock<Vec<Arc<HandlerInfo>>> = LazyLock::new(|| {
    let accept = HandlerInfo::new("test.accept", "Accept a delivery", Effect::Write);
    let read = HandlerInfo {
        replies: vec![ReplyInfo { status: 200, description: "what there is", media_type: "application/json", schema: None }],
        ..HandlerInfo::new("test.read", "Read things", Effect::Read)
    };
    let reply = HandlerInfo {
        replies: vec![ReplyInfo { status: 201, description: "made", media_type: "application/json", schema: None }],
        problems: &[(410, "it is over")],
        ..HandlerInfo::new("test.reply", "Make a thing", Effect::Write)
    };
    let settings = HandlerInfo {
        with: Some(json!({
            "type": "object",
            "properties": {
                "project": { "type": "string" },
                "title": { "type": "string", "maxLength": 40 },
                "count": { "type": "integer", "minimum": 1 },
                "labels": { "type": "array", "items": { "type": "string" } },
            },
            "required": ["project"],
            "additionalProperties": false,
        })),
        ..HandlerInfo::new("test.settings", "Make a task from templates", Effect::Write)
    };
    let sweep = HandlerInfo::new("test.sweep", "Sweep", Effect::Write);
    let task = HandlerInfo {
        params: &[("project_id", "the project"), ("task_key", "the task")],
        ..HandlerInfo::new("test.task", "Change a task", Effect::Write)
    };
    [accept, read, reply, settings, sweep, task].map(Arc::new).to_vec()
});

/// Resolves a folder as every test does: on 2026-11-23, version 2.0.0.
pub(crate) fn resolve_folder(folder: &Folder) -> Resolution {
    let options =
        Options { handlers: &HANDLERS, today: Some(jiff::civil::date(2026, 11, 23)), version: "2.0.0", repository: Some(&REPOSITORY) };
    resolve(folder, &options)
}
