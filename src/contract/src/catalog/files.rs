//! Files of the repository that contracts name: that they are there. What is in them is checked by `verify`.

use regex::Regex;

use super::identity::Source;
use crate::{
    finding::{Finding, did_you_mean, rules::surface::FILE_MISSING},
    manifest::{model::SurfaceItem, node::Cursor},
};

/// `repository` holds the paths of its files; nothing is checked without.
pub(super) fn check(contracts: &[Source<'_>], repository: Option<&[String]>) -> Vec<Finding> {
    let Some(repository) = repository else { return Vec::new() };
    let mut findings = Vec::new();
    let mut check = |pattern: &str, at: Cursor<'_>| {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        let there = match glob(pattern) {
            Some(glob) => repository.iter().any(|file| glob.is_match(file)),
            None => repository.iter().any(|file| file == pattern),
        };
        if !there {
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
