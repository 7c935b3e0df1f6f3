//! Reading an approval as an asking system reports it: the approval itself, or an event around it (`{event, approval}`). It
//! takes what is there, keeps members that it does not know in the payload, and names every member that does not fit.

use domain::{Approval, ApprovalSource, ApprovalState, Decision, Verdict, mapping::believed};
use engine::problem::Violation;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::support::{kept, text};

/// Bytes that an id may have.
const ID_LIMIT: usize = 200;
/// Members with a meaning of their own; every other one is kept in the payload.
const KNOWN: &[&str] = &[
    "approval_id",
    "source",
    "project_id",
    "task_key",
    "title",
    "summary",
    "requested_by",
    "requested_at",
    "expires_at",
    "state",
    "decision",
    "payload",
    "event",
    "updated_at",
    "occurred_at",
];

/// What was reported; `None` where nothing was said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) approval_id: String,
    pub(super) source: ApprovalSource,
    project_id: Option<String>,
    task_key: Option<String>,
    title: Option<String>,
    summary: Option<String>,
    requested_by: Option<String>,
    requested_at: Option<Timestamp>,
    expires_at: Option<Option<Timestamp>>,
    state: Option<ApprovalState>,
    decision: Option<PartialDecision>,
    payload: Option<Value>,
    at: Option<Timestamp>,
    pointer: String,
}

#[derive(Debug, Clone, PartialEq)]
struct PartialDecision {
    verdict: Verdict,
    decided_by: Option<String>,
    decided_at: Option<Timestamp>,
    note: String,
}

/// Reads members and gathers what does not fit.
struct Reader<'a> {
    members: Map<String, Value>,
    pointer: &'a str,
    violations: Vec<Violation>,
}

/// Reads a report that stands at `pointer` in the body.
pub(super) fn read(value: &Value, pointer: &str) -> Result<Report, Vec<Violation>> {
    let Some(members) = value.as_object() else {
        return Err(vec![Violation { pointer: pointer.to_owned(), detail: "an approval is an object".to_owned() }]);
    };
    let mut reader = Reader { members: unwrapped(members), pointer, violations: Vec::new() };
    let decision = reader.decision();
    let state = reader.state(decision.as_ref().map(|decision| decision.verdict));
    let report = Report {
        approval_id: reader.id("approval_id").unwrap_or_else(|| {
            reader.wrong("approval_id", "the id of the approval is missing");
            String::new()
        }),
        source: reader.word("source").unwrap_or(ApprovalSource::ClawLedger),
        project_id: reader.id("project_id"),
        task_key: reader.id("task_key"),
        title: reader.text("title").map(|title| text::title(&title)).filter(|title| !title.is_empty()),
        summary: reader.text("summary").map(|summary| text::body(&summary)),
        requested_by: reader.text("requested_by").map(|name| text::name(&name)),
        requested_at: reader.time("requested_at"),
        expires_at: reader.members.contains_key("expires_at").then(|| reader.time("expires_at")),
        at: reader.time("updated_at").or_else(|| reader.time("occurred_at")),
        payload: reader.payload(),
        pointer: pointer.to_owned(),
        state,
        decision,
    };
    if reader.violations.is_empty() { Ok(report) } else { Err(reader.violations) }
}

/// An event's own members beside those of the approval that it is around; the approval's come first.
fn unwrapped(members: &Map<String, Value>) -> Map<String, Value> {
    let Some(Value::Object(approval)) = members.get("approval") else { return members.clone() };
    let mut all = approval.clone();
    for (name, value) in members.iter().filter(|(name, _)| *name != "approval") {
        all.entry(name).or_insert_with(|| value.clone());
    }
    all
}

impl Reader<'_> {
    fn wrong(&mut self, member: &str, detail: impl Into<String>) {
        self.violations.push(Violation { pointer: format!("{}/{member}", self.pointer), detail: detail.into() });
    }

    fn text(&mut self, member: &str) -> Option<String> {
        match self.members.get(member) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.wrong(member, "a string is needed here");
                None
            }
        }
    }

    fn id(&mut self, member: &str) -> Option<String> {
        let id = self.text(member)?;
        if id.is_empty() || id.len() > ID_LIMIT || id.chars().any(char::is_control) {
            self.wrong(member, format!("an id has 1 to {ID_LIMIT} bytes and no control characters"));
            return None;
        }
        Some(id)
    }

    fn time(&mut self, member: &str) -> Option<Timestamp> {
        let text = self.text(member)?;
        text.parse().map(kept).map_err(|_| self.wrong(member, "a time as 2026-01-31T12:00:00Z is needed here")).ok()
    }

    fn word<T: std::str::FromStr<Err = String>>(&mut self, member: &str) -> Option<T> {
        let text = self.text(member)?;
        text.parse().map_err(|detail: String| self.wrong(member, detail)).ok()
    }

    fn decision(&mut self) -> Option<PartialDecision> {
        let members = match self.members.get("decision") {
            None | Some(Value::Null) => return None,
            Some(Value::Object(members)) => members.clone(),
            Some(_) => {
                self.wrong("decision", "a decision is an object");
                return None;
            }
        };
        let pointer = format!("{}/decision", self.pointer);
        let mut reader = Reader { members, pointer: &pointer, violations: Vec::new() };
        let verdict: Option<Verdict> = reader.word("verdict");
        if verdict.is_none() && reader.violations.is_empty() {
            reader.wrong("verdict", "the verdict is missing");
        }
        let decision = PartialDecision {
            verdict: verdict.unwrap_or(Verdict::Reject),
            decided_by: reader.text("decided_by").map(|name| text::name(&name)).filter(|name| !name.is_empty()),
            decided_at: reader.time("decided_at"),
            note: reader.text("note").map(|note| text::body(&note)).unwrap_or_default(),
        };
        self.violations.append(&mut reader.violations);
        Some(decision)
    }

    /// The state: as stated, else as the event's name says, else as there is a decision. All that is said has to agree.
    fn state(&mut self, verdict: Option<Verdict>) -> Option<ApprovalState> {
        let decided = verdict.map(ApprovalState::decided);
        let (member, stated) = match self.word("state") {
            Some(state) => ("state", Some(state)),
            None => ("event", self.state_of_event(decided)),
        };
        if let (Some(ApprovalState::Pending | ApprovalState::Approved | ApprovalState::Rejected), Some(decided)) =
            (stated, decided)
            && stated != Some(decided)
        {
            self.wrong(member, format!("it contradicts the decision, whose verdict means `{decided}`"));
        }
        stated.or(decided)
    }

    fn state_of_event(&mut self, decided: Option<ApprovalState>) -> Option<ApprovalState> {
        let event = self.text("event")?;
        match event.rsplit(['.', ':', '/']).next().unwrap_or_default() {
            "pending" | "requested" | "created" => Some(ApprovalState::Pending),
            "approved" => Some(ApprovalState::Approved),
            "rejected" => Some(ApprovalState::Rejected),
            "expired" => Some(ApprovalState::Expired),
            "cancelled" | "canceled" => Some(ApprovalState::Cancelled),
            "decided" if decided.is_none() => {
                self.wrong("decision", "an event that reports a decision has to carry it");
                None
            }
            _ => None,
        }
    }

    fn payload(&self) -> Option<Value> {
        let extra = self.members.iter().filter(|(name, _)| !KNOWN.contains(&name.as_str()));
        let mut payload = match self.members.get("payload") {
            Some(Value::Object(payload)) => payload.clone(),
            Some(Value::Null) | None => Map::new(),
            Some(other) => Map::from_iter([("payload".to_owned(), other.clone())]),
        };
        for (name, value) in extra {
            payload.entry(name).or_insert_with(|| value.clone());
        }
        (!payload.is_empty()).then_some(Value::Object(payload))
    }
}

impl Report {
    /// The approval that this reports: what it does not say is as it is stored. A first report has to say what it is about.
    pub(super) fn onto(self, stored: Option<&Approval>, now: Timestamp) -> Result<Approval, Vec<Violation>> {
        let mut missing = Vec::new();
        let mut needed = |said: Option<String>, member: &str, known: Option<&String>| {
            said.or_else(|| known.cloned()).unwrap_or_else(|| {
                let detail = "a first report of an approval has to say this".to_owned();
                missing.push(Violation { pointer: format!("{}/{member}", self.pointer), detail });
                String::new()
            })
        };
        let project_id = needed(self.project_id, "project_id", stored.map(|stored| &stored.project_id));
        let task_key = needed(self.task_key, "task_key", stored.map(|stored| &stored.task_key));
        let title = needed(self.title, "title", stored.map(|stored| &stored.title));
        if !missing.is_empty() {
            return Err(missing);
        }
        let state = self.state.or(stored.map(|stored| stored.state)).unwrap_or(ApprovalState::Pending);
        let expires_at = self.expires_at.unwrap_or_else(|| stored.and_then(|stored| stored.expires_at));
        let decision = decision(state, self.decision, self.source, self.at, stored, now);
        let at = self.at.or(match state {
            ApprovalState::Pending => self.requested_at,
            ApprovalState::Approved | ApprovalState::Rejected => decision.as_ref().map(|decision| decision.decided_at),
            ApprovalState::Expired => expires_at,
            ApprovalState::Cancelled => Some(now),
        });
        Ok(Approval {
            approval_id: self.approval_id,
            source: self.source,
            project_id,
            task_key,
            title,
            summary: self.summary.or_else(|| stored.map(|stored| stored.summary.clone())).unwrap_or_default(),
            requested_by: self.requested_by.or_else(|| stored.map(|stored| stored.requested_by.clone())).unwrap_or_default(),
            requested_at: self.requested_at.or(stored.map(|stored| stored.requested_at)).unwrap_or(now),
            expires_at,
            state,
            decision,
            payload: self.payload.or_else(|| stored.map(|stored| stored.payload.clone())).unwrap_or_else(|| json!({})),
            source_updated_at: at.map(|at| believed(at, now)),
        })
    }
}

/// The decision that belongs to a state. A system that reports only the state is itself named as who decided.
fn decision(
    state: ApprovalState,
    said: Option<PartialDecision>,
    source: ApprovalSource,
    at: Option<Timestamp>,
    stored: Option<&Approval>,
    now: Timestamp,
) -> Option<Decision> {
    let verdict = match state {
        ApprovalState::Approved => Verdict::Approve,
        ApprovalState::Rejected => Verdict::Reject,
        ApprovalState::Pending | ApprovalState::Expired | ApprovalState::Cancelled => return None,
    };
    let known = stored.and_then(|stored| stored.decision.clone()).filter(|known| known.verdict == verdict);
    let Some(said) = said else {
        let decided_at = at.unwrap_or(now);
        return known.or_else(|| Some(Decision { verdict, decided_by: source.to_string(), decided_at, note: String::new() }));
    };
    Some(Decision {
        verdict,
        decided_by: said.decided_by.unwrap_or_else(|| source.to_string()),
        decided_at: said.decided_at.or(at).unwrap_or(now),
        note: said.note,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::testing::at;

    fn first() -> Value {
        json!({"approval_id": "a-1", "project_id": "eng", "task_key": "ENG-1", "title": "Deploy",
            "requested_at": "1970-01-01T00:00:10Z", "expires_at": null, "cost": 7, "payload": {"risk": "low"}})
    }

    #[test]
    fn clawledger_a_report_keeps_what_it_does_not_know() {
        let approval = read(&first(), "").unwrap().onto(None, at(99)).unwrap();
        assert_eq!(approval.payload, json!({"risk": "low", "cost": 7}));
        assert_eq!((approval.state, approval.source_updated_at), (ApprovalState::Pending, Some(at(10))));
    }

    #[test]
    fn clawledger_an_event_around_an_approval_is_read_as_well() {
        let event = json!({"event": "approval.rejected", "occurred_at": "1970-01-01T00:00:20Z", "approval": first()});
        let approval = read(&event, "").unwrap().onto(None, at(99)).unwrap();
        assert_eq!((approval.state, approval.source_updated_at), (ApprovalState::Rejected, Some(at(20))));
        assert_eq!(approval.decision.unwrap().decided_by, "clawledger");
    }

    #[test]
    fn clawledger_every_member_that_does_not_fit_is_named() {
        let bad = json!({"source": "x", "title": 7, "requested_at": "soon", "state": "maybe", "decision": {"note": "n"}});
        let mut pointers: Vec<_> = read(&bad, "/3").unwrap_err().into_iter().map(|violation| violation.pointer).collect();
        pointers.sort();
        assert_eq!(pointers, ["/3/approval_id", "/3/decision/verdict", "/3/requested_at", "/3/source", "/3/state", "/3/title"]);
        assert_eq!(read(&json!([]), "/0").unwrap_err()[0].pointer, "/0");
    }

    #[test]
    fn clawledger_state_and_verdict_have_to_agree() {
        for (state, verdict, fits) in
            [("approved", "approve", true), ("approved", "reject", false), ("pending", "approve", false)]
        {
            let mut report = first();
            report["state"] = json!(state);
            report["decision"] = json!({"verdict": verdict});
            assert_eq!(read(&report, "").is_ok(), fits, "{state} {verdict}");
        }
        let mut report = first();
        report["event"] = json!("decided");
        assert_eq!(read(&report, "").unwrap_err()[0].pointer, "/decision");
    }

    #[test]
    fn clawledger_a_first_report_says_what_it_is_about() {
        let report = read(&json!({"approval_id": "a-1", "title": "t"}), "/1").unwrap();
        let pointers: Vec<_> = report.onto(None, at(1)).unwrap_err().into_iter().map(|violation| violation.pointer).collect();
        assert_eq!(pointers, ["/1/project_id", "/1/task_key"]);
    }

    #[test]
    fn clawledger_a_clock_that_is_ahead_does_not_silence_later_news() {
        let mut report = first();
        report["updated_at"] = json!("2099-01-01T00:00:00Z");
        let stored = read(&report, "").unwrap().onto(None, at(100)).unwrap();
        assert_eq!(stored.source_updated_at, Some(at(400)));
        report["updated_at"] = json!(at(500).to_string());
        report["title"] = json!("Deploy now");
        let news = read(&report, "").unwrap().onto(Some(&stored), at(500)).unwrap();
        assert!(matches!(stored.absorb(news), domain::NewsOutcome::Changed(changed) if changed.title == "Deploy now"));
    }

    #[test]
    fn clawledger_what_is_not_said_stays() {
        let stored = read(&first(), "").unwrap().onto(None, at(99)).unwrap();
        let later = json!({"approval_id": "a-1", "title": "Deploy now", "updated_at": "1970-01-01T00:00:30Z"});
        let approval = read(&later, "").unwrap().onto(Some(&stored), at(100)).unwrap();
        assert_eq!(approval, Approval { title: "Deploy now".into(), source_updated_at: Some(at(30)), ..stored });
    }
}
