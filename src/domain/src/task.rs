//! The task: the work item with one current lane.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Lane, Priority, ProjectKey};

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Task {
    /// UUIDv7.
    pub id: Uuid,
    /// Project.
    pub project_id: Uuid,
    /// `KEY-12`: the project's key and a number that is never given twice.
    pub key: TaskKey,
    /// Title; never empty.
    pub title: String,
    /// Body in Markdown; untrusted.
    pub body: String,
    /// Lane.
    pub lane: Lane,
    /// Priority.
    pub priority: Priority,
    /// Labels, sorted, no repeats.
    pub labels: Vec<String>,
    /// Who has it, by name.
    pub assignee: Option<String>,
    /// Created at.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Changed at.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// Set when it was deleted; such a task is in no list.
    #[schemars(with = "Option<String>")]
    pub deleted_at: Option<Timestamp>,
    /// Grows by one with each change.
    pub revision: i64,
}

/// A comment on a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Comment {
    /// UUIDv7.
    pub id: Uuid,
    /// Task.
    pub task_id: Uuid,
    /// Who wrote it, by name.
    pub author: String,
    /// Text in Markdown; untrusted.
    pub body: String,
    /// Created at.
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Changed at.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
    /// Set when it was deleted.
    #[schemars(with = "Option<String>")]
    pub deleted_at: Option<Timestamp>,
}

/// Key of a task: the project's key, a hyphen and a number from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TaskKey {
    /// Project.
    pub project: ProjectKey,
    /// Number.
    pub number: i64,
}

impl FromStr for TaskKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a task key such as KEY-12", text.chars().take(60).collect::<String>());
        let (project, number) = text.rsplit_once('-').ok_or_else(wrong)?;
        if number.is_empty() || number.starts_with('0') || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        Ok(Self { project: project.parse().map_err(|_| wrong())?, number: number.parse().map_err(|_| wrong())? })
    }
}

impl TryFrom<String> for TaskKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TaskKey> for String {
    fn from(key: TaskKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.project, self.number)
    }
}

/// Labels in their kept form: trimmed, sorted, none empty, no repeats.
pub fn tidy_labels(labels: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut labels: Vec<String> =
        labels.into_iter().map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect();
    labels.sort();
    labels.dedup();
    labels
}
