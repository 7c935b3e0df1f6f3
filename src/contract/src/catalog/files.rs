//! Files of the repository that contracts name: that they are there, and that they contain what they must. What else is in
//! them is checked by `verify`.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use regex::Regex;

use super::{Repository, identity::Source};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::surface::{FILE_MISSING, TEXT_MISSING},
    },
    manifest::{
        model::{FileItem, SurfaceItem},
        node::Cursor,
    },
};

/// Most bytes of a file that are searched.
const MOST_BYTES: u64 = 1024 * 1024;
/// Most files of one item that are searched.
const MOST_FILES: usize = 1000;

/// Nothing is checked without a repository.
pub(super) fn check(contracts: &[Source<'_>], repository: Option<&Repository>) -> Vec<Finding> {
    let Some(Repository { root, files: repository }) = repository else { return Vec::new() };
    let mut findings = Vec::new();
    for contract in contracts {
        for (_, item, at) in contract.items() {
            if let SurfaceItem::File(item) = item {
                texts(item, repository, root, at, &mut findings);
            }
        }
    }
    let mut check = |pattern: &str, at: Cursor<'_>| {
        if named(pattern, repository).next().is_none() {
            let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
            let finding = Finding::new(&FILE_MISSING, format!("nothing in the repository is named `{pattern}`")).at(at.place());
            findings.push(match did_you_mean(pattern, repository.iter().map(String::as_str)) {
                Some(help) => finding.help(help),
                None => finding.help("the path is relative to the root of the repository"),
            });
        }
    };
    for contract in contracts {
        for (_, item, at) in contract.items() {
            let version_from = match item {
                SurfaceItem::File(item) => {
                    if !item.generated {
                        check(&item.file, at.key("file"));
                    }
                    &item.version_from
                }
                SurfaceItem::Script(item) => {
                    check(&item.script, at.key("script"));
                    &item.version_from
                }
                SurfaceItem::Env(item) => {
                    if let Some(migrations) = &item.migrations {
                        check(migrations, at.key("migrations"));
                    }
                    continue;
                }
                _ => continue,
            };
            if let Some(file) = version_from {
                check(file, at.key("version_from"));
            }
        }
    }
    findings
}

/// The files that a path or a glob names.
fn named<'f>(pattern: &str, repository: &'f [String]) -> impl Iterator<Item = &'f String> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern).to_owned();
    let glob = glob(&pattern);
    repository.iter().filter(move |file| glob.as_ref().map_or(**file == pattern, |glob| glob.is_match(file)))
}

/// That every file has the texts that it must contain. One that cannot be read is passed over: it is not there for this user.
fn texts(item: &FileItem, repository: &[String], root: &Path, at: Cursor<'_>, findings: &mut Vec<Finding>) {
    if item.must_contain.is_empty() {
        return;
    }
    for file in named(&item.file, repository).take(MOST_FILES) {
        let Some(content) = beginning(&root.join(file)) else { continue };
        for (position, text) in item.must_contain.iter().enumerate() {
            if !content.contains(text.as_str()) {
                let place = at.key("must_contain").index(position).place();
                let message = format!("`{file}` does not contain `{text}`");
                findings.push(Finding::new(&TEXT_MISSING, message).at(place));
            }
        }
    }
}

fn beginning(path: &Path) -> Option<String> {
    // A pipe or a socket: opening one could wait for ever.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut content = Vec::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut content).ok()?;
    Some(String::from_utf8_lossy(&content).into_owned())
}

/// `*` within a folder, `**` across folders, `?` for one character; `None` when the pattern has none of them.
fn glob(pattern: &str) -> Option<Regex> {
    if !pattern.contains(['*', '?']) {
        return None;
    }
    let mut text = "^".to_owned();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let (piece, length) = match first {
            '*' if rest.starts_with("**/") => ("(.*/)?".to_owned(), 3),
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            other => (regex::escape(&other.to_string()), other.len_utf8()),
        };
        text.push_str(&piece);
        rest = &rest[length..];
    }
    text.push('$');
    Regex::new(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_like_a_shell() {
        let matches = |pattern: &str, file: &str| glob(pattern).is_some_and(|glob| glob.is_match(file));
        assert!(matches("docs/*.md", "docs/a.md"));
        assert!(!matches("docs/*.md", "docs/a/b.md"));
        assert!(matches("docs/**/*.md", "docs/a/b.md"));
        assert!(matches("docs/**/*.md", "docs/b.md"));
        assert!(matches("a?c", "abc"));
        assert!(!matches("docs/*.md", "docs/aXmd"));
        assert!(glob("README.md").is_none());
    }
}
