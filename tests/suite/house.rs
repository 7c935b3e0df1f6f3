//! Who may know whom: the table of `docs/ARCHITECTURE.md`, held to what Cargo says.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use black_box::program;
use serde_json::Value;

/// Direct dependencies of every crate of the workspace, by name; dependencies of tests are left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(program::repository());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let direct = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), direct(package))).collect()
}

/// Crates of this house, and which of them each may know.
const HOUSE: [(&str, &[&str]); 8] = [
    ("contract", &[]),
    ("domain", &[]),
    ("engine", &["contract"]),
    ("store", &["contract", "domain", "engine"]),
    ("plugins", &["contract", "domain", "engine"]),
    ("mission-control", &["contract", "domain", "engine", "plugins", "store"]),
    ("black-box", &["contract", "domain", "engine", "plugins", "store"]),
    ("bench", &["contract", "domain", "engine", "plugins", "store"]),
];

#[test]
fn crates_know_only_whom_they_may() {
    let dependencies = dependencies();
    let ours: BTreeSet<&str> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(ours, HOUSE.iter().map(|(name, _)| *name).collect(), "every crate has its line in the table");
    for (name, may) in HOUSE {
        let known: Vec<&String> = dependencies[name].iter().filter(|dependency| ours.contains(dependency.as_str())).collect();
        let too_many: Vec<_> = known.iter().filter(|dependency| !may.contains(&dependency.as_str())).collect();
        assert!(too_many.is_empty(), "{name} knows {too_many:?} and may know {may:?}");
    }
}

#[test]
fn the_pure_crates_know_no_runtime_server_database_or_client() {
    let dependencies = dependencies();
    for name in ["contract", "domain"] {
        for barred in ["axum", "hyper", "reqwest", "sqlx", "tokio"] {
            assert!(!dependencies[name].contains(barred), "{name} depends on {barred}");
        }
    }
    for name in ["engine", "plugins"] {
        assert!(!dependencies[name].contains("sqlx"), "{name} depends on sqlx");
    }
}

#[test]
fn the_architecture_names_every_crate() {
    let text = std::fs::read_to_string(program::repository().join("docs/ARCHITECTURE.md")).unwrap();
    for (name, _) in HOUSE {
        // The folders of the last three are named otherwise than their packages.
        let shown = match name {
            "mission-control" => "app",
            "black-box" => "tests",
            "bench" => "benches",
            other => other,
        };
        assert!(text.contains(&format!("| `{shown}` |")), "docs/ARCHITECTURE.md has no line for `{shown}`");
    }
}

#[test]
fn the_plugins_know_nothing_of_one_another() {
    let folder = program::repository().join("src/plugins/src");
    let plugins = ["clawledger", "plane", "projects", "tasks", "warp"];
    for plugin in plugins {
        for entry in std::fs::read_dir(folder.join(plugin)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for other in plugins.iter().filter(|other| **other != plugin) {
                assert!(!text.contains(&format!("crate::{other}::")), "{} names `{other}`", path.display());
            }
        }
    }
}
