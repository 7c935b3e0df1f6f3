//! A decision as it is asked for in a request, and the taking of it.

use domain::{Approval, ApprovalSource, Decision, DecisionOutcome, Repositories, Verdict};
use engine::problem::{Problem, ProblemKind};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{effect, seen_at, take::contradiction};
use crate::support::{Effects, invalid, kept, refused, text};

/// How far a sender's clock may be ahead.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A decision. Its members may stand at the top or, as an approval has them, under `decision`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub(super) struct DecisionBody {
    /// Id of the approval, as the asking system gave it. Where the path names the task it is needed only when more than one
    /// approval of that task is pending.
    #[serde(default)]
    pub(super) approval_id: Option<String>,
    /// The asking system; needed only when two systems gave the same id.
    #[serde(default)]
    pub(super) source: Option<ApprovalSource>,
    /// The decision's members.
    #[serde(flatten)]
    stated: Stated,
    /// The decision's members, as an approval has them.
    #[serde(default)]
    decision: Option<Stated>,
}

/// The members of a decision.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
struct Stated {
    /// Yes or no.
    #[serde(default)]
    verdict: Option<Verdict>,
    /// Who decided, by name; the caller when it is left out.
    #[serde(default)]
    decided_by: Option<String>,
    /// Why.
    #[serde(default)]
    note: Option<String>,
    /// When (RFC 3339); now when it is left out.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    decided_at: Option<Timestamp>,
}

/// The answer to a decision: the approval as it is now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DecisionReply {
    /// The approval.
    #[serde(flatten)]
    pub(super) approval: Approval,
    /// Whether the same decision had been taken earlier.
    pub(super) replayed: bool,
}

impl DecisionBody {
    /// The decision that is asked for, `actor` being the caller.
    pub(super) fn decision(&self, actor: &str, now: Timestamp) -> Result<Decision, Problem> {
        let (at, stated) = match &self.decision {
            Some(stated) => ("/decision", stated),
            None => ("", &self.stated),
        };
        let verdict = stated.verdict.ok_or_else(|| invalid(&format!("{at}/verdict"), "`approve` or `reject` is needed here"))?;
        let decided_at = kept(stated.decided_at.unwrap_or(now));
        if decided_at > now.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX) {
            return Err(invalid(&format!("{at}/decided_at"), "a decision cannot be taken in the future"));
        }
        let decided_by = stated.decided_by.as_deref().map(text::name).filter(|name| !name.is_empty());
        Ok(Decision {
            verdict,
            decided_by: decided_by.unwrap_or_else(|| actor.to_owned()),
            decided_at,
            note: stated.note.as_deref().map(text::body).unwrap_or_default(),
        })
    }
}

/// Takes a decision on an approval. 409 when another one was taken, 410 when its time ran out.
pub(super) async fn take_decision(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    approval: Approval,
    decision: Decision,
    now: Timestamp,
) -> Result<DecisionReply, Problem> {
    match approval.decide(decision, now) {
        DecisionOutcome::Decided(decided) => {
            repositories.put_approval(&decided).await.map_err(refused)?;
            effects.note(effect("approval.decided", &decided, now));
            Ok(DecisionReply { approval: *decided, replayed: false })
        }
        DecisionOutcome::Repeated => Ok(DecisionReply { approval: seen_at(&approval, now), replayed: true }),
        DecisionOutcome::Contradicts => Err(contradiction(&approval)),
        DecisionOutcome::Expired => Err(expired(&approval)),
    }
}

fn expired(approval: &Approval) -> Problem {
    let since = approval.expires_at.map(|end| format!(" at {end}")).unwrap_or_default();
    let detail = format!(
        "Approval `{}` of {} ran out{since}; it can no longer be decided, and has to be asked for again",
        approval.approval_id, approval.source
    );
    Problem::new(ProblemKind::Gone, detail)
        .with("approval_id", approval.approval_id.as_str())
        .with("source", approval.source.as_str())
}

/// The problems of the handlers that decide.
pub(super) const PROBLEMS: &[(u16, &str)] = &[
    (404, "There is no such approval"),
    (409, "Another decision was taken, the approval was cancelled, or more than one approval is meant"),
    (410, "The approval's time ran out"),
    (422, "The verdict is missing or the time of the decision lies in the future"),
];
