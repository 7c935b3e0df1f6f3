//! Reading Plane's webhook bodies: JSON in, [`News`] out, no IO. It takes whatever shape the sending version gives: actions
//! in either spelling, states, labels and people as objects or bare ids, fields that are missing. Only the id of an object
//! that is to be changed cannot be missing.

use domain::{Lane, Priority, TaskPatch, mapping::believed};
use engine::problem::Problem;
use jiff::Timestamp;
use serde_json::Value;

use crate::support::{invalid, kept, text};

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// An issue was created or changed.
    Issue(Object<TaskPatch>),
    /// An issue was deleted.
    IssueDeleted(Object<()>),
    /// A comment was created or changed.
    Comment(Object<CommentNews>),
    /// A comment was deleted.
    CommentDeleted(Object<()>),
    /// A project was created or changed.
    Project(Object<Option<String>>),
    /// Anything else: `cycle.created`, or `none` for a body that names no event.
    Unknown(String),
}

impl News {
    /// The news with a time that is not ahead of ours by more than clocks differ.
    pub(super) fn believed(mut self, now: Timestamp) -> Self {
        let at = match &mut self {
            Self::Issue(object) => &mut object.at,
            Self::IssueDeleted(object) | Self::CommentDeleted(object) => &mut object.at,
            Self::Comment(object) => &mut object.at,
            Self::Project(object) => &mut object.at,
            Self::Unknown(_) => return self,
        };
        *at = at.map(|at| kept(believed(at, now)));
        self
    }
}

/// An object of Plane and what is said about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object<T> {
    /// Its id there.
    pub(super) id: String,
    /// When it was changed there.
    pub(super) at: Option<Timestamp>,
    /// What is said.
    pub(super) says: T,
}

/// What is said about a comment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CommentNews {
    /// The issue that it is on.
    pub(super) issue: String,
    /// Its text, when stated.
    pub(super) body: Option<String>,
    /// Who wrote it, when the event tells their name.
    pub(super) author: Option<String>,
}

/// Reads a body.
pub(super) fn read(body: &Value) -> Result<News, Problem> {
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_ascii_lowercase();
    let (event, action) = (word("event"), word("action"));
    let data = &body["data"];
    let deleted = matches!(action.as_str(), "delete" | "deleted") || data["deleted_at"].is_string();
    let known = deleted || matches!(action.as_str(), "create" | "created" | "update" | "updated");
    match event.as_str() {
        "issue" if known && deleted => Ok(News::IssueDeleted(object(data, ())?)),
        "issue" if known => Ok(News::Issue(object(data, issue(data))?)),
        "issue_comment" if known && deleted => Ok(News::CommentDeleted(object(data, ())?)),
        "issue_comment" if known => Ok(News::Comment(object(data, comment(body)?)?)),
        "project" if known && !deleted => Ok(News::Project(object(data, filled(&data["name"]).map(text::title))?)),
        _ => Ok(News::Unknown(kind(&event, &action))),
    }
}

/// The name under which an event that is not handled is counted; bounded, since the sender chooses it.
fn kind(event: &str, action: &str) -> String {
    let plain = |word: &str| -> String {
        word.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(40).collect()
    };
    match (plain(event), plain(action)) {
        (event, _) if event.is_empty() => "none".to_owned(),
        (event, action) if action.is_empty() => event,
        (event, action) => format!("{event}.{action}"),
    }
}

fn object<T>(data: &Value, says: T) -> Result<Object<T>, Problem> {
    let id = filled(&data["id"]).ok_or_else(|| invalid("/data/id", "the event does not say which object it is about"))?;
    if id.len() > 200 {
        return Err(invalid("/data/id", "an id of more than 200 bytes is none of Plane's"));
    }
    let time = |name: &str| data[name].as_str().and_then(|time| time.parse().ok().map(kept));
    Ok(Object { id: text::name(id), at: time("updated_at").max(time("deleted_at")), says })
}

/// A string with something in it.
fn filled(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

fn issue(data: &Value) -> TaskPatch {
    TaskPatch {
        title: filled(&data["name"]).map(text::title),
        body: issue_body(data),
        lane: lane(&data["state"]),
        priority: data["priority"].as_str().and_then(|word| word.to_ascii_lowercase().parse::<Priority>().ok()),
        labels: named(&data["labels"]),
        assignee: named(&data["assignees"]).map(|people| Some(people.join(", ")).filter(|people| !people.is_empty())),
    }
}

/// Plane states a description as text and as HTML. The text is preferred; an empty text beside HTML that has some is a
/// version that does not fill it.
fn issue_body(data: &Value) -> Option<String> {
    let stripped = data["description_stripped"].as_str();
    let html = data["description_html"].as_str();
    match (stripped, html) {
        (Some(stripped), _) if !stripped.trim().is_empty() => Some(text::body(stripped)),
        (_, Some(html)) => Some(text::body(&text::from_html(html))),
        (Some(_), None) => Some(String::new()),
        (None, None) => None,
    }
}

/// The lane for a state: by its group, and for work that is open by its name too. A state that tells no group (a bare id)
/// says nothing about the lane.
fn lane(state: &Value) -> Option<Lane> {
    let name = state["name"].as_str().unwrap_or_default().to_lowercase();
    match state["group"].as_str()?.to_ascii_lowercase().as_str() {
        "backlog" | "triage" => Some(Lane::Backlog),
        "unstarted" if name.contains("block") => Some(Lane::Blocked),
        "unstarted" => Some(Lane::Ready),
        "started" if name.contains("block") => Some(Lane::Blocked),
        "started" if name.contains("review") => Some(Lane::Review),
        "started" => Some(Lane::InProgress),
        "completed" | "cancelled" | "canceled" => Some(Lane::Done),
        _ => None,
    }
}

/// The names in a list of labels or people. `None` when there is no list, or when it has bare ids, which say who or what only
/// to Plane: taking those for "nobody" would wipe what is known.
fn named(list: &Value) -> Option<Vec<String>> {
    let list = list.as_array()?;
    let names: Vec<String> = list.iter().filter_map(person_or_label).map(text::name).collect();
    (names.len() == list.len()).then_some(names)
}

fn person_or_label(value: &Value) -> Option<&str> {
    ["display_name", "name", "first_name", "email"].into_iter().find_map(|field| filled(&value[field]))
}

fn comment(body: &Value) -> Result<CommentNews, Problem> {
    let data = &body["data"];
    let issue = filled(&data["issue"]).or_else(|| filled(&data["issue"]["id"])).or_else(|| filled(&data["issue_id"]));
    let Some(issue) = issue.filter(|issue| issue.len() <= 200) else {
        return Err(invalid("/data/issue", "the event does not say which issue the comment is on"));
    };
    let stripped = filled(&data["comment_stripped"]).map(text::body);
    let html = data["comment_html"].as_str().map(|html| text::body(&text::from_html(html)));
    Ok(CommentNews { issue: text::name(issue), body: stripped.or(html), author: author(data, &body["activity"]["actor"]) })
}

/// The name of a comment's author. The event names whoever acted; that is the author only when the ids say so or no id is
/// given.
fn author(data: &Value, acting: &Value) -> Option<String> {
    let by = &data["actor"];
    if let Some(name) = person_or_label(by) {
        return Some(text::name(name));
    }
    let same = match (by.as_str().or(data["created_by"].as_str()), acting["id"].as_str()) {
        (Some(by), Some(acting)) => by == acting,
        _ => true,
    };
    if same { person_or_label(acting).map(text::name) } else { None }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn states_become_lanes() {
        for (group, name, lane) in [
            ("backlog", "Backlog", Some(Lane::Backlog)),
            ("triage", "Triage", Some(Lane::Backlog)),
            ("unstarted", "Todo", Some(Lane::Ready)),
            ("unstarted", "Blocked by legal", Some(Lane::Blocked)),
            ("started", "In Progress", Some(Lane::InProgress)),
            ("started", "In Review", Some(Lane::Review)),
            ("started", "BLOCKED", Some(Lane::Blocked)),
            ("completed", "Review done", Some(Lane::Done)),
            ("cancelled", "Cancelled", Some(Lane::Done)),
            ("unheard-of", "x", None),
        ] {
            assert_eq!(super::lane(&json!({"group": group, "name": name})), lane, "{group} {name}");
        }
        assert_eq!(super::lane(&json!("e203dae3-c58d-484b-aaeb-0b5f476699e7")), None);
    }

    #[test]
    fn both_spellings_of_actions_are_read() {
        let body = |action: &str| json!({"event": "issue", "action": action, "data": {"id": "i"}});
        for action in ["create", "created", "update", "updated", "CREATED"] {
            assert!(matches!(read(&body(action)).unwrap(), News::Issue(_)), "{action}");
        }
        for action in ["delete", "deleted"] {
            assert!(matches!(read(&body(action)).unwrap(), News::IssueDeleted(_)), "{action}");
        }
        assert_eq!(read(&body("archived")).unwrap(), News::Unknown("issue.archived".into()));
    }

    #[test]
    fn what_is_not_an_event_is_counted_under_a_bounded_name() {
        for body in [json!({"got": "out"}), json!(null), json!([]), json!({"event": null}), json!({"event": 7, "action": {}})] {
            assert_eq!(read(&body).unwrap(), News::Unknown("none".into()), "{body}");
        }
        let News::Unknown(kind) = read(&json!({"event": "x\u{0}/".repeat(900), "action": "y"})).unwrap() else { panic!() };
        assert!(kind.len() < 90 && kind.ends_with(".y"), "{kind}");
    }

    #[test]
    fn an_object_without_an_id_is_refused_with_its_place() {
        let problem = read(&json!({"event": "issue", "action": "created", "data": {}})).unwrap_err();
        assert_eq!(problem.errors[0].pointer, "/data/id");
        assert!(!problem.kind.is_transient());
    }

    #[test]
    fn bare_ids_do_not_wipe_what_is_known() {
        assert_eq!(named(&json!(["5d1f2a0e-0000-0000-0000-000000000000"])), None);
        assert_eq!(named(&json!([])), Some(vec![]));
        assert_eq!(named(&json!([{"name": "bug"}, {"display_name": "ann"}])), Some(vec!["bug".into(), "ann".into()]));
    }

    #[test]
    fn the_acting_person_is_the_author_only_of_what_they_wrote() {
        let acting = json!({"id": "a", "display_name": "ann"});
        assert_eq!(author(&json!({"actor": "a"}), &acting), Some("ann".into()));
        assert_eq!(author(&json!({"actor": "b"}), &acting), None);
        assert_eq!(author(&json!({"actor": {"display_name": "bob"}}), &acting), Some("bob".into()));
    }
}
