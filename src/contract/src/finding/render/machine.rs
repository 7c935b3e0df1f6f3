//! Findings for programs: JSON, and the commands that a workflow on GitHub reads from a log.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::finding::{Finding, Severity};

/// `{findings: [{code, rule, severity, message, help, file, line, column, start, end}], errors, warnings}`, indented.
pub fn render_json(findings: &[Finding]) -> String {
    let list: Vec<Value> = findings.iter().map(finding_json).collect();
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let report = json!({ "schema": 1, "findings": list, "errors": errors, "warnings": findings.len() - errors });
    format!("{report:#}\n")
}

fn finding_json(finding: &Finding) -> Value {
    let place = finding.place.as_ref();
    json!({
        "code": finding.rule.code,
        "rule": finding.rule.name,
        "severity": finding.rule.severity,
        "message": finding.message,
        "help": finding.help,
        "file": place.map(|place| &place.file),
        "line": place.map(|place| place.line),
        "column": place.map(|place| place.column),
        "start": place.map(|place| place.start),
        "end": place.map(|place| place.end),
    })
}

/// One workflow command for each finding: `::error file=…,line=…,col=…,title=MC0101::message`. `prefix` is the path of the
/// contracts folder in the repository, so that the annotation lands on the file.
pub fn render_github(findings: &[Finding], prefix: &str) -> String {
    let mut text = String::new();
    for finding in findings {
        let command = match finding.rule.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut properties = String::new();
        if let Some(place) = &finding.place {
            let file = property(&with_prefix(prefix, &place.file));
            let _ = write!(properties, "file={file},line={},col={},", place.line, place.column);
        }
        let help = finding.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
        let message = data(&format!("{}{help}", finding.message));
        let _ = writeln!(text, "::{command} {properties}title={}::{message}", property(finding.rule.code));
    }
    text
}

/// A file's path below `prefix`.
pub(super) fn with_prefix(prefix: &str, file: &str) -> String {
    match prefix.trim_end_matches('/') {
        "" | "." => file.to_owned(),
        prefix => format!("{prefix}/{file}"),
    }
}

/// Escapes the text of a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
