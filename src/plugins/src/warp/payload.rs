//! The body of a setup import, version `v1`. Its JSON Schema is part of the contract, so unknown members are refused here, as
//! nowhere else among the webhooks: what Warp sets up must not be half understood.

use std::fmt::Write as _;

use domain::{Lane, Priority, ProjectKey, TaskPatch};
use engine::problem::{Problem, Violation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::text;

/// A setup import as Warp sends it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Setup import, version 1")]
pub(super) struct Payload {
    /// Version of this shape.
    pub(super) contract_version: ContractVersion,
    /// Warp's id of the import. The same id with the same body takes effect once; with another body it is refused.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^\x00-\x1f\x7f]+$"))]
    pub(super) import_id: String,
    /// The sender.
    pub(super) source: Sender,
    /// The project that the work item belongs to; made when its key is new.
    pub(super) project: ProjectPart,
    /// The work item.
    pub(super) work_item: WorkItem,
    /// Who works on it.
    pub(super) team: Team,
    /// What the lead does next, on its own.
    #[schemars(length(min = 1, max = 20_000))]
    pub(super) next_action: String,
    /// Addresses that belong to the work item.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(super) links: Vec<Link>,
}

/// Versions of the payload.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum ContractVersion {
    /// The only one so far.
    #[serde(rename = "v1")]
    V1,
}

/// Senders of setup imports.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
pub(super) enum Sender {
    /// Warp.
    #[serde(rename = "jhf-warp")]
    Warp,
}

/// The project of an import.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProjectPart {
    /// Key, in any case.
    #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_-]{1,23}$"))]
    pub(super) key: String,
    /// Name; the title of a project that is made.
    #[schemars(length(min = 1, max = 500))]
    pub(super) name: String,
}

/// The work item of an import.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkItem {
    /// Warp's key of the work item, the same in every import of it.
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[^\x00-\x1f\x7f]+$"))]
    pub(super) key: String,
    /// Title.
    #[schemars(length(min = 1, max = 500))]
    pub(super) title: String,
    /// What it is about, in Markdown.
    #[serde(default)]
    #[schemars(length(max = 100_000))]
    pub(super) summary: String,
    /// Urgency; a work item that exists keeps its own when this is left out.
    #[serde(default)]
    pub(super) priority: Option<Priority>,
    /// Lane; a work item that exists keeps its own when this is left out, a new one begins in the backlog.
    #[serde(default)]
    pub(super) lane: Option<Lane>,
    /// What has to hold for it to be done.
    #[serde(default)]
    #[schemars(length(max = 200), inner(length(min = 1, max = 2_000)))]
    pub(super) acceptance: Vec<String>,
    /// Labels; a work item that exists keeps its own when these are left out.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(min = 1, max = 100)))]
    pub(super) labels: Option<Vec<String>>,
}

/// The team of an import.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Team {
    /// The lead, by slug.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub(super) lead: String,
    /// The agents.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(super) agents: Vec<Agent>,
}

/// An agent of a team.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    /// Its slug.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"))]
    pub(super) slug: String,
    /// What it does in the team.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub(super) role: String,
    /// The profile that it runs with.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub(super) profile: String,
}

/// An address: as it is, or with a title.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Link {
    /// The address alone.
    Plain(
        #[schemars(length(max = 2_000), regex(pattern = r"^https?://[^\s<>]+$"))]
        String,
    ),
    /// The address with a title.
    Titled(TitledLink),
}

/// An address with a title.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TitledLink {
    /// The address.
    #[schemars(length(max = 2_000), regex(pattern = r"^https?://[^\s<>]+$"))]
    pub(super) url: String,
    /// What stands there.
    #[serde(default)]
    #[schemars(length(max = 500))]
    pub(super) title: String,
}

impl Payload {
    /// The project's key. 422 for what the schema's pattern lets through but is no key.
    pub(super) fn project_key(&self) -> Result<ProjectKey, Problem> {
        self.project.key.parse().map_err(|detail: String| {
            Problem::invalid("The project's key cannot be used", vec![Violation { pointer: "/project/key".to_owned(), detail }])
        })
    }

    /// What it says about the task.
    pub(super) fn patch(&self) -> TaskPatch {
        let item = &self.work_item;
        TaskPatch {
            title: Some(text::title(&item.title)),
            body: Some(self.body()),
            lane: item.lane,
            priority: item.priority,
            labels: item.labels.as_ref().map(|labels| labels.iter().map(|label| text::name(label)).collect()),
            assignee: Some(Some(text::name(&self.team.lead))),
        }
    }

    fn body(&self) -> String {
        let mut body = self.work_item.summary.clone();
        if !self.work_item.acceptance.is_empty() {
            body.push_str("\n\n## Acceptance\n");
        }
        for condition in &self.work_item.acceptance {
            // Writing to a string cannot fail.
            let _ = write!(body, "\n- {}", text::title(condition));
        }
        text::body(&body)
    }
}

/// SHA-256 of a JSON value with the members of every object in the order of their names and no space between tokens: the
/// same for bodies that differ in layout alone.
pub(super) fn digest(value: &Value) -> Vec<u8> {
    let mut canonical = String::new();
    write_canonical(value, &mut canonical);
    Sha256::digest(canonical.as_bytes()).to_vec()
}

fn write_canonical(value: &Value, text: &mut String) {
    let mut separator = "";
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in members {
                text.push_str(separator);
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
                separator = ",";
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                text.push_str(separator);
                write_canonical(item, text);
                separator = ",";
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    /// A full import.
    pub(in crate::warp) fn body(import_id: &str, key: &str, title: &str) -> Value {
        json!({
            "contract_version": "v1", "import_id": import_id, "source": "jhf-warp",
            "project": {"key": "demo", "name": "Demo"},
            "work_item": {"key": key, "title": title, "summary": "Make it so", "priority": "high", "lane": "ready",
                "acceptance": ["it works"], "labels": ["setup"]},
            "team": {"lead": "pm-lead", "agents": [{"slug": "dev-1", "role": "engineer", "profile": "rust"}]},
            "next_action": "Read the task and plan it",
            "links": ["https://example.test/a", {"url": "https://example.test/b", "title": "B"}],
        })
    }

    #[test]
    fn layout_and_order_do_not_change_the_digest() {
        let one: Value = serde_json::from_str(r#"{"a": [1, {"c": null, "b": "é\n"}], "d": true}"#).unwrap();
        let two: Value = serde_json::from_str("{\"d\":true,\n\"a\":[1,{\"b\":\"\\u00e9\\n\",\"c\":null}]}").unwrap();
        assert_eq!(digest(&one), digest(&two));
        assert_ne!(digest(&one), digest(&json!({"a": [{"c": null, "b": "é\n"}, 1], "d": true})));
    }

    #[test]
    fn unknown_members_versions_and_senders_are_refused() {
        let good = body("i", "DEMO-1", "t");
        assert!(serde_json::from_value::<Payload>(good.clone()).is_ok());
        for (pointer, value) in [("/extra", json!(1)), ("/contract_version", json!("v2")), ("/source", json!("someone"))] {
            let mut bad = good.clone();
            bad[&pointer[1..]] = value;
            assert!(serde_json::from_value::<Payload>(bad).is_err(), "{pointer}");
        }
        for part in ["project", "work_item", "team"] {
            let mut bad = good.clone();
            bad[part]["extra"] = json!(1);
            assert!(serde_json::from_value::<Payload>(bad).is_err(), "{part}");
        }
    }

    #[test]
    fn the_optional_members_can_be_left_out() {
        let mut lean = body("i", "DEMO-1", "t");
        lean.as_object_mut().unwrap().remove("links");
        lean["team"].as_object_mut().unwrap().remove("agents");
        lean["work_item"] = json!({"key": "DEMO-1", "title": "t"});
        let payload: Payload = serde_json::from_value(lean).unwrap();
        assert_eq!(payload.patch().body.as_deref(), Some(""));
    }

    #[test]
    fn a_key_that_is_none_is_refused_with_its_place() {
        let mut bad = body("i", "DEMO-1", "t");
        bad["project"]["key"] = json!("demo-1");
        let payload: Payload = serde_json::from_value(bad).unwrap();
        assert_eq!(payload.project_key().unwrap_err().errors[0].pointer, "/project/key");
    }
}
