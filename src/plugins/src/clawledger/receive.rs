//! `approvals.receive`: one event about an approval.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use domain::{Approval, Repositories};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    report, seen_at,
    take::{Outcome, contradiction, take},
};
use crate::{DomainAccess, support::Effects};

/// The handler.
pub(crate) struct Receive {
    pub(crate) access: DomainAccess,
}

/// The answer: the approval as it is stored now.
#[derive(Debug, Serialize, JsonSchema)]
struct Received {
    /// The approval.
    #[serde(flatten)]
    approval: Approval,
    /// `created`, `updated`, or `unchanged` for a repeat or old news.
    outcome: &'static str,
}

#[async_trait]
impl Handler for Receive {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Takes an event about an approval: asked for, changed, decided, cancelled or expired. The body is the \
                          approval as it is now, or an event around it (`{event, approval}`); a later event may leave out \
                          what has not changed, and members that are not known here are kept in the payload. What is older \
                          (`updated_at`, else the time of the request or the decision) does not overwrite what is newer; a \
                          decision is final.",
            input: Some(approval_input()),
            replies: vec![ReplyInfo::json::<Received>(200, "The event was taken")],
            problems: &[
                (409, "The event reports another decision than the one that was taken"),
                (422, "The approval does not fit; `errors` names each place"),
            ],
            ..HandlerInfo::new("approvals.receive", "Take an event about an approval", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let (body, now) = (request.value()?, context.now);
        let mut effects = Effects::default();
        let repositories = (self.access)(context.transaction().await?);
        let received = apply(repositories, &mut effects, &body, now).await?;
        effects.flush(context).await?;
        Reply::json(StatusCode::OK, &received)
    }
}

async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    body: &Value,
    now: Timestamp,
) -> Result<Received, Problem> {
    let report = report::read(body, "").map_err(|errors| Problem::invalid("The approval does not fit", errors))?;
    let (approval, outcome) = take(repositories, effects, report, now).await?;
    let outcome = match outcome {
        Outcome::Created => "created",
        Outcome::Updated => "updated",
        Outcome::Unchanged => "unchanged",
        Outcome::Contradicts => return Err(contradiction(&approval)),
    };
    Ok(Received { approval: seen_at(&approval, now), outcome })
}

/// An approval as it is reported. It describes; the handler itself names what does not fit.
pub(super) fn approval_input() -> Value {
    let words = |list: &[&str]| json!(list);
    json!({
        "title": "Approval event",
        "type": "object",
        "properties": {
            "event": {"description": "What happened, as `pending`, `approved`, `rejected`, `cancelled`, `expired`, or a dotted name that ends so; `state` goes before it", "examples": ["approval.requested"]},
            "approval": {"description": "The approval, when the body is an event around it", "type": ["object", "null"]},
            "updated_at": {"description": "When the approval was last changed at the sender (RFC 3339); what is older is not applied"},
            "approval_id": {"description": "The sender's id of the approval; unique by source"},
            "source": {"description": "The system that asks; `clawledger` when it is left out", "examples": words(&["clawledger", "jhf-spindle"])},
            "project_id": {"description": "The project as the sender names it; needed at first"},
            "task_key": {"description": "The task as the sender names it; needed at first"},
            "title": {"description": "What is to be decided; needed at first"},
            "summary": {"description": "More about it"},
            "requested_by": {"description": "Who asks"},
            "requested_at": {"description": "When it was asked (RFC 3339)"},
            "expires_at": {"description": "After this it can no longer be decided (RFC 3339)"},
            "state": {"description": "`pending`, `approved`, `rejected`, `expired` or `cancelled`", "examples": words(&["pending"])},
            "decision": {"description": "The decision: `verdict` (`approve` or `reject`), `decided_by`, `decided_at`, `note`"},
            "payload": {"description": "Further facts, kept as they are"},
        },
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::ApprovalState;

    use super::*;
    use crate::testing::{Memory, at};

    fn body(state: &str, second: i64) -> Value {
        json!({"approval_id": "a-1", "project_id": "eng", "task_key": "ENG-1", "title": "Deploy", "state": state,
            "requested_at": at(1).to_string(), "updated_at": at(second).to_string()})
    }

    async fn receive(memory: &mut Memory, body: &Value) -> (Result<Received, Problem>, Vec<&'static str>) {
        let mut effects = Effects::default();
        let received = apply(memory, &mut effects, body, at(50)).await;
        (received, effects.actions())
    }

    #[tokio::test]
    async fn clawledger_events_tell_the_life_of_an_approval() {
        let mut memory = Memory::default();
        for (state, second, action) in
            [("pending", 1, "approval.requested"), ("expired", 2, "approval.expired"), ("approved", 3, "approval.decided")]
        {
            let (received, actions) = receive(&mut memory, &body(state, second)).await;
            assert_eq!((received.unwrap().approval.state.as_str(), actions), (state, vec![action]));
        }
        assert_eq!(memory.approvals.len(), 1);
    }

    #[tokio::test]
    async fn clawledger_repeats_and_old_events_change_nothing() {
        let mut memory = Memory::default();
        receive(&mut memory, &body("approved", 9)).await.0.unwrap();
        let writes = memory.writes;
        for event in [body("approved", 9), body("pending", 1), body("rejected", 8)] {
            let (received, actions) = receive(&mut memory, &event).await;
            let received = received.unwrap();
            assert_eq!((received.outcome, received.approval.state, actions.len()), ("unchanged", ApprovalState::Approved, 0));
        }
        assert_eq!(memory.writes, writes);
    }

    #[tokio::test]
    async fn clawledger_times_are_kept_to_the_microsecond() {
        let mut memory = Memory::default();
        let mut event = body("pending", 1);
        event["requested_at"] = json!("2026-01-01T00:00:00.123456789Z");
        let stored = receive(&mut memory, &event).await.0.unwrap().approval.requested_at;
        assert_eq!(stored.to_string(), "2026-01-01T00:00:00.123456Z");
    }

    #[tokio::test]
    async fn clawledger_a_contradicting_event_conflicts() {
        let mut memory = Memory::default();
        receive(&mut memory, &body("approved", 9)).await.0.unwrap();
        let problem = receive(&mut memory, &body("rejected", 10)).await.0.unwrap_err();
        assert_eq!((problem.kind.status(), &problem.extensions["state"]), (409, &json!("approved")));
    }
}
