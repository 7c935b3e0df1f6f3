//! Ways to show findings: for people, for programs, for code scanning and for a workflow's log. No way shows the value of a
//! variable: a finding never knows one.

mod human;
mod machine;
mod sarif;

pub use human::render_human;
pub use machine::{render_github, render_json};
pub use sarif::render_sarif;

use super::Finding;

/// How many errors and warnings there are, in words.
pub(crate) fn summary(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    format!("{}, {}", count(errors, "error"), count(findings.len() - errors, "warning"))
}
