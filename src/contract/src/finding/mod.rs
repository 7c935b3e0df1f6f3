//! What `check` says: findings with a code, a place and a help line, the list of all rules, and the ways to show findings.
//! Who finds what is in [`crate::manifest`] and [`crate::catalog`].

use serde::Serialize;

pub mod render;
pub mod rules;

pub use render::{render_github, render_human, render_json, render_sarif};
pub use rules::RULES;

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

impl Finding {
    /// A finding about the folder as a whole, to be completed with [`Self::at`] and [`Self::help`].
    pub fn new(rule: &'static Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into(), place: None, help: None }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same with a line that says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it fails the check.
    pub fn is_error(&self) -> bool {
        self.rule.severity == Severity::Error
    }
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

/// A "did you mean" for a word that is not known; `None` when nothing is close.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let close = |candidate: &&str| {
        let distance = strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
        distance <= (candidate.chars().count().max(word.chars().count()) / 4).max(1)
    };
    known
        .into_iter()
        .filter(close)
        .min_by_key(|candidate| strsim::damerau_levenshtein(word, candidate))
        .map(|candidate| format!("did you mean `{candidate}`?"))
}
