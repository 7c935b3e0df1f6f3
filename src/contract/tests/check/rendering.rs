//! The ways to show findings.

use contract::finding::{RULES, render_github, render_human, render_json, render_sarif};
use serde_json::Value;

use crate::{fixtures::read_fixture, handlers::resolve_folder};

#[test]
fn colours_only_where_they_are_wanted() {
    let folder = read_fixture("unknown-key");
    let findings = resolve_folder(&folder).findings;
    assert!(!render_human(&findings, &folder, false).contains('\u{1b}'));
    assert!(render_human(&findings, &folder, true).contains('\u{1b}'));
    assert_eq!(render_human(&[], &folder, true), "");
}

#[test]
fn github_gets_one_command_a_line() {
    let folder = read_fixture("duplicate-key");
    let text = render_github(&resolve_folder(&folder).findings, "contracts");
    insta::assert_snapshot!(text);
}

#[test]
fn json_is_complete() {
    let folder = read_fixture("service-missing");
    let report: Value = serde_json::from_str(&render_json(&resolve_folder(&folder).findings)).expect("JSON");
    insta::assert_json_snapshot!(report);
}

#[test]
fn sarif_refers_to_its_rules() {
    let folder = read_fixture("unknown-value");
    let report: Value =
        serde_json::from_str(&render_sarif(&resolve_folder(&folder).findings, "2.0.0", "contracts/")).expect("JSON");
    let run = &report["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), RULES.len());
    for result in run["results"].as_array().expect("results") {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("an index");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(uri, "contracts/external/orders.yaml");
    }
    insta::assert_json_snapshot!(run["results"][0]);
}
