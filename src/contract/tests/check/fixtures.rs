//! Folders of bad manifests under `tests/fixtures/`, each with the findings that it has to give in `expected.txt`. A new rule
//! needs a folder of its name and no code: run once with `UPDATE_EXPECTED=1` and read what it wrote.
//!
//! A folder is laid over `tests/base/` (which has the `service.yaml`), unless it holds a file `.alone`. Lines `COUNT PATH
//! TEXT` of a file `.generate` stand for files that would be too large to keep.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use contract::{
    finding::{RULES, render_human},
    manifest::Folder,
};

use crate::handlers::resolve_folder;

pub(crate) fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A fixture folder over the base.
pub(crate) fn read_fixture(name: &str) -> Folder {
    let path = tests_folder().join("fixtures").join(name);
    let mut folder = Folder::read(&path).expect("the fixture can be read");
    folder.files.remove("expected.txt");
    if !path.join(".alone").exists() {
        for (file, content) in Folder::read(&tests_folder().join("base")).expect("the base can be read").files {
            folder.files.entry(file).or_insert(content);
        }
    }
    for line in fs::read_to_string(path.join(".generate")).unwrap_or_default().lines() {
        let mut parts = line.splitn(3, ' ');
        let count: usize = parts.next().and_then(|count| count.parse().ok()).expect("a count");
        let (file, text) = (parts.next().expect("a path"), parts.next().expect("a text"));
        folder.files.insert(file.to_owned(), text.repeat(count).into_bytes());
    }
    folder
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(tests_folder().join("fixtures")).expect("there are fixtures");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[test]
fn every_folder_gives_the_findings_that_it_expects() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for name in names() {
        let folder = read_fixture(&name);
        let found = render_human(&resolve_folder(&folder).findings, &folder, false);
        let path = tests_folder().join("fixtures").join(&name).join("expected.txt");
        if update {
            fs::write(&path, &found).expect("the expectation can be written");
        } else if fs::read_to_string(&path).unwrap_or_default() != found {
            wrong.push(format!("== {name}\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "run with UPDATE_EXPECTED=1 when this is right:\n\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_is_proved_by_the_folder_of_its_name() {
    let names: BTreeSet<String> = names().into_iter().collect();
    let mut unproved = Vec::new();
    for rule in RULES {
        let proved = names.contains(rule.name)
            && resolve_folder(&read_fixture(rule.name)).findings.iter().any(|finding| finding.rule == *rule);
        if !proved {
            unproved.push(rule.name);
        }
    }
    assert!(unproved.is_empty(), "no fixture folder proves {unproved:?}");
    assert!(names.len() >= RULES.len());
}

#[test]
fn no_finding_stands_alone_without_a_place_or_help_where_one_is_possible() {
    for name in names() {
        for finding in resolve_folder(&read_fixture(&name)).findings {
            let placed = finding.place.is_some() || ["service-missing", "folder-too-large"].contains(&finding.rule.name);
            assert!(placed, "{name}: {finding:?}");
            assert!(!finding.message.ends_with('.'), "{name}: {}", finding.message);
        }
    }
}
