//! Findings as SARIF 2.1.0 (OASIS), which code scanning services read.

use serde_json::{Value, json};

use super::machine::with_prefix;
use crate::finding::{Finding, Place, RULES, Rule, Severity};

/// One run with every rule described. `version` is the product's and `prefix` the path of the contracts folder in the
/// repository.
pub fn render_sarif(findings: &[Finding], version: &str, prefix: &str) -> String {
    let rules: Vec<Value> = RULES.iter().map(|rule| rule_json(rule)).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, prefix)).collect();
    let report = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "mission-control", "semanticVersion": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{report:#}\n")
}

fn rule_json(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": rule.name },
        "fullDescription": { "text": rule.explanation },
        "help": { "text": rule.explanation, "markdown": rule.explanation },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn result(finding: &Finding, prefix: &str) -> Value {
    let text = match &finding.help {
        Some(help) => format!("{}. {help}", finding.message),
        None => finding.message.clone(),
    };
    let mut result = json!({
        "ruleId": finding.rule.code,
        "ruleIndex": RULES.iter().position(|rule| rule.code == finding.rule.code),
        "level": level(finding.rule.severity),
        "message": { "text": text },
    });
    if let Some(place) = &finding.place {
        result["locations"] = json!([{ "physicalLocation": location(place, prefix) }]);
    }
    result
}

fn location(place: &Place, prefix: &str) -> Value {
    json!({
        "artifactLocation": { "uri": with_prefix(prefix, &place.file) },
        "region": {
            "startLine": place.line,
            "startColumn": place.column,
            "byteOffset": place.start,
            "byteLength": place.end - place.start,
        },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
