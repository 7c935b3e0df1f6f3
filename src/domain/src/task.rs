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

/// What a source says about a task. A field that is `None` is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskPatch {
    /// Title.
    pub title: Option<String>,
    /// Body.
    pub body: Option<String>,
    /// Lane.
    pub lane: Option<Lane>,
    /// Priority.
    pub priority: Option<Priority>,
    /// Labels; they replace the earlier ones.
    pub labels: Option<Vec<String>>,
    /// Assignee; `Some(None)` takes the task from whoever had it.
    pub assignee: Option<Option<String>>,
}

/// The title of a task whose source names none.
pub const UNTITLED: &str = "Untitled";

impl TaskPatch {
    /// A new task: what the patch leaves open is empty, in the backlog and without priority.
    pub fn into_task(self, id: Uuid, project_id: Uuid, key: TaskKey, now: Timestamp) -> Task {
        let blank = Task {
            id,
            project_id,
            key,
            title: String::new(),
            body: String::new(),
            lane: Lane::Backlog,
            priority: Priority::None,
            labels: Vec::new(),
            assignee: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            revision: 1,
        };
        let mut task = self.overlay(&blank);
        if task.title.is_empty() {
            UNTITLED.clone_into(&mut task.title);
        }
        task
    }

    /// The task changed by this, one revision on; `None` when it would be the same.
    pub fn apply(self, task: &Task, now: Timestamp) -> Option<Task> {
        let changed = self.overlay(task);
        (changed != *task).then(|| Task { updated_at: now, revision: task.revision + 1, ..changed })
    }

    fn overlay(self, task: &Task) -> Task {
        Task {
            title: self.title.filter(|title| !title.is_empty()).unwrap_or_else(|| task.title.clone()),
            body: self.body.unwrap_or_else(|| task.body.clone()),
            lane: self.lane.unwrap_or(task.lane),
            priority: self.priority.unwrap_or(task.priority),
            labels: self.labels.map_or_else(|| task.labels.clone(), tidy_labels),
            assignee: self.assignee.unwrap_or_else(|| task.assignee.clone()),
            ..task.clone()
        }
    }
}

impl Task {
    /// Names of the fields that differ, in the order of the type; times and revision do not count.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            ("title", self.title != other.title),
            ("body", self.body != other.body),
            ("lane", self.lane != other.lane),
            ("priority", self.priority != other.priority),
            ("labels", self.labels != other.labels),
            ("assignee", self.assignee != other.assignee),
            ("deleted_at", self.deleted_at != other.deleted_at),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }

    /// The task marked as deleted, one revision on.
    #[must_use]
    pub fn deleted(&self, now: Timestamp) -> Self {
        Self { deleted_at: Some(now), updated_at: now, revision: self.revision + 1, ..self.clone() }
    }

    /// The task back from its deletion, one revision on.
    #[must_use]
    pub fn restored(&self, now: Timestamp) -> Self {
        Self { deleted_at: None, updated_at: now, revision: self.revision + 1, ..self.clone() }
    }
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn task() -> Task {
        TaskPatch { title: Some("First".into()), ..TaskPatch::default() }.into_task(
            Uuid::from_u128(1),
            Uuid::from_u128(2),
            "ENG-1".parse().unwrap(),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_patch_that_says_nothing_new_changes_nothing() {
        let patch = TaskPatch { title: Some("First".into()), labels: Some(vec![" ".into()]), ..TaskPatch::default() };
        assert_eq!(patch.apply(&task(), Timestamp::MAX), None);
    }

    #[test]
    fn a_patch_touches_only_what_it_names() {
        let patch = TaskPatch { lane: Some(Lane::Review), title: Some(String::new()), ..TaskPatch::default() };
        let changed = patch.apply(&task(), Timestamp::MAX).unwrap();
        assert_eq!(changed.differences(&task()), ["lane"]);
        assert_eq!((changed.revision, changed.title.as_str()), (2, "First"));
    }

    #[test]
    fn a_task_is_never_without_a_title() {
        let task = TaskPatch::default().into_task(Uuid::nil(), Uuid::nil(), "ENG-2".parse().unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(task.title, UNTITLED);
    }

    #[test]
    fn keys_that_are_not_keys_are_refused() {
        for text in ["ENG", "ENG-", "ENG-0", "ENG-01", "ENG-x", "-1", "E-1", "../x-1", "ENG-99999999999999999999"] {
            assert!(text.parse::<TaskKey>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_key_reads_back(project in "[A-Z][A-Z0-9_]{1,23}", number in 1_i64..) {
            let key: TaskKey = format!("{project}-{number}").parse().unwrap();
            prop_assert_eq!(key.to_string().parse::<TaskKey>().unwrap(), key);
        }

        #[test]
        fn labels_are_sorted_without_repeats(labels in prop::collection::vec("[ab ]{0,3}", 0..8)) {
            let tidy = tidy_labels(labels);
            prop_assert!(tidy.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(tidy_labels(tidy.clone()), tidy);
        }
    }
}
