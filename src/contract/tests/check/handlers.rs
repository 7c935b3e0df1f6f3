//! The handlers that the fixtures name, and the options that every test resolves with.

use std::sync::{Arc, LazyLock};

use contract::{
    catalog::{Options, Repository, Resolution, resolve},
    handler::{Effect, HandlerInfo, ReplyInfo},
    manifest::Folder,
};
use serde_json::json;

use crate::fixtures::tests_folder;

/// Files of a made-up repository; one of them can be read.
static REPOSITORY: LazyLock<Repository> = LazyLock::new(|| {
    let files = ["Cargo.toml", "README.md", "docs/GUIDE.md", "migrations/0001_start.sql", "scripts/build.sh"];
    Repository { root: tests_folder().join("repository"), files: files.map(str::to_owned).to_vec() }
});

/// The handlers, by name.
pub(crate) static HANDLERS: LazyLock<Vec<Arc<HandlerInfo>>> = LazyLock::new(|| {
    let accept = HandlerInfo::new("test.accept", "Accept a delivery", Effect::Write);
    let (emit, forward) = engine();
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
    [accept, emit, forward, read, reply, settings, sweep, task].map(Arc::new).to_vec()
});

/// The engine's own handlers whose settings name things of the catalog.
fn engine() -> (HandlerInfo, HandlerInfo) {
    let any = json!({"type": "object"});
    let emit = HandlerInfo { with: Some(any.clone()), ..HandlerInfo::new("engine.emit", "Emit an event", Effect::Write) };
    let forward = HandlerInfo { with: Some(any), ..HandlerInfo::new("engine.forward", "Relay", Effect::Write) };
    (emit, forward)
}

/// Resolves a folder as every test does: on 2026-11-23, version 2.0.0.
pub(crate) fn resolve_folder(folder: &Folder) -> Resolution {
    let options = Options {
        handlers: &HANDLERS,
        today: Some(jiff::civil::date(2026, 11, 23)),
        version: "2.0.0",
        repository: Some(&REPOSITORY),
    };
    resolve(folder, &options)
}
