//! What `check` says: findings with a code, a place and a help line.

use serde::Serialize;

/// One thing that is wrong, or that could be better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule that was broken.
    pub rule: &'static Rule,
    /// What is wrong here, in one sentence that names the culprit.
    pub message: String,
    /// Where; `None` when the finding is about the folder as a whole.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A rule of `check`.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable code: `MC` and four digits.
    pub code: &'static str,
    /// Stable name in kebab case: also the name of the fixture folder that proves the rule.
    pub name: &'static str,
    /// Whether it fails the check.
    pub severity: Severity,
    /// What the rule asks and why, in Markdown; `docs/reference/findings.md` is made of these.
    pub explanation: &'static str,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Said, and let pass.
    Warning,
    /// Fails the check; the catalog is not used.
    Error,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// File, as it was named to the loader, relative to the contracts folder.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset of the first byte.
    pub start: usize,
    /// Byte offset after the last byte.
    pub end: usize,
}
