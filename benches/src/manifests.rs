//! Folders of contracts that are made for a measurement: beside what every service ships (its identity and the contracts of
//! its discovery surfaces), the contracts that are measured and as many others as are wanted.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Context;

/// The variable of the secret that every contract here shares.
pub const SECRET_VARIABLE: &str = "BENCH_SECRET";
/// Its value.
pub const SECRET: &str = "correct-horse-battery-staple-0123456789";
/// The header that carries it.
pub const SECRET_HEADER: &str = "x-bench-secret";

/// What every request carries: an event as Plane sends it.
pub const PAYLOAD: &str = include_str!("../../contracts/fixtures/plane/issue-updated.json");

/// `engine.respond` with an answer that never changes, behind a shared secret.
pub const RESPOND: &str = "/bench/respond";
/// `engine.accept`: stores and answers.
pub const ACCEPT: &str = "/bench/accept";
/// A durable `tasks.upsert`.
pub const UPSERT: &str = "/bench/upsert";

/// Id of the contract with [`ACCEPT`].
pub const ACCEPT_ID: &str = "bench-accept";
/// Id of the contract with [`UPSERT`].
pub const UPSERT_ID: &str = "bench-upsert";

/// The path of a contract made by [`one_of_many`].
pub fn path_of(number: usize) -> String {
    format!("/bench/many/{number}/events")
}

/// Writes a folder with the measured contracts and `more` others. `shipped` is the folder of the shipped contracts.
pub fn write_folder(folder: &Path, shipped: &Path, more: usize) -> anyhow::Result<()> {
    fs::create_dir_all(folder.join("external"))?;
    fs::create_dir_all(folder.join("discovery"))?;
    copy(&shipped.join("service.yaml"), &folder.join("service.yaml"))?;
    for entry in fs::read_dir(shipped.join("discovery")).context("the shipped contracts have no discovery surfaces")? {
        let entry = entry?;
        copy(&entry.path(), &folder.join("discovery").join(entry.file_name()))?;
    }
    for (id, text) in measured().into_iter().chain((0..more).map(one_of_many)) {
        fs::write(folder.join(format!("external/{id}.yaml")), text)?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display())).map(drop)
}

/// The contracts that are measured, by id.
fn measured() -> Vec<(String, String)> {
    let respond =
        format!("  - route: {RESPOND}\n    post: {{handler: engine.respond, with: {{body: {{status: ok, accepted: true}}}}}}\n");
    let accept = format!("  - route: {ACCEPT}\n    post: engine.accept\n");
    let upsert = format!(
        "  - route: {UPSERT}\n    post:\n      handler: tasks.upsert\n      with:\n        project: BENCH\n        \
         key: \"{{{{ headers['x-task'] }}}}\"\n        title: \"{{{{ body.data.name }}}}\"\n        \
         priority: \"{{{{ body.data.priority }}}}\"\n"
    );
    let keyed = "delivery: {mode: durable, key: header.X-Delivery}\n";
    vec![
        manifest("bench-respond", &respond, &declared_secret()),
        manifest(ACCEPT_ID, &accept, keyed),
        manifest(UPSERT_ID, &upsert, keyed),
    ]
}

/// A contract with a route behind the shared secret: its id and its text. A large installation has many such.
pub fn one_of_many(number: usize) -> (String, String) {
    let surface = format!(
        "  - route: {}\n    post: {{handler: engine.respond, with: {{body: {{status: ok, accepted: true}}}}}}\n",
        path_of(number)
    );
    manifest(&format!("bench-many-n{number}"), &surface, "")
}

/// The declaration of the shared secret; one contract of a folder has it.
pub fn declared_secret() -> String {
    format!("environment:\n  {SECRET_VARIABLE}:\n    secret: true\n    description: The secret of the benchmark\n")
}

fn manifest(id: &str, surface: &str, rest: &str) -> (String, String) {
    let mut text = format!("schema: 1\nid: {id}\nname: Contract {id}\n\ndirection: inbound\ntype: webhook\nsurface:\n{surface}");
    let _ = writeln!(text, "auth:\n  - secret: {SECRET_VARIABLE}\n    carriers:\n      - header: {SECRET_HEADER}");
    text.push_str("stability: internal\nversioning: made for one run\nowner: the benchmark\n\n");
    text.push_str("trigger: the load of a benchmark\n");
    text.push_str(rest);
    (id.to_owned(), text)
}
