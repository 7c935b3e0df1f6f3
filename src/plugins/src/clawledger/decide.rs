//! `approvals.decide`: a decision on an approval that is named by its id.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo, schema_of};
use domain::{Approval, Repositories};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;
use jiff::Timestamp;

use super::stated::{DecisionBody, DecisionReply, PROBLEMS, take_decision};
use crate::{
    DomainAccess,
    support::{Effects, invalid, refused, text},
};

/// The handler.
pub(crate) struct Decide {
    pub(crate) access: DomainAccess,
}

#[async_trait]
impl Handler for Decide {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Takes a decision on the approval with this `approval_id`. The same verdict again, whoever sends it, \
                          is answered with `replayed: true`; the opposite one is refused, as is every decision after the \
                          approval's end.",
            input: Some(schema_of::<DecisionBody>()),
            replies: vec![ReplyInfo::json::<DecisionReply>(200, "The decision is taken, now or earlier")],
            problems: PROBLEMS,
            ..HandlerInfo::new("approvals.decide", "Decide on an approval", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let (body, now) = (request.json::<DecisionBody>()?, context.now);
        let mut effects = Effects::default();
        let repositories = (self.access)(context.transaction().await?);
        let reply = apply(repositories, &mut effects, &body, &request.principal.actor(), now).await?;
        effects.flush(context).await?;
        Reply::json(StatusCode::OK, &reply)
    }
}

async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    body: &DecisionBody,
    actor: &str,
    now: Timestamp,
) -> Result<DecisionReply, Problem> {
    let decision = body.decision(actor, now)?;
    let approval = find(repositories, body).await?;
    take_decision(repositories, effects, approval, decision, now).await
}

/// The approval that is meant. Its row is locked by the last look-up, so that two decisions follow one another.
async fn find(repositories: &mut dyn Repositories, body: &DecisionBody) -> Result<Approval, Problem> {
    let id = body.approval_id.as_deref().filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| invalid("/approval_id", "the id of the approval is needed here"))?;
    let source = match body.source {
        Some(source) => source,
        None => match &repositories.approvals_by_id(id).await.map_err(refused)?[..] {
            [] => return Err(unknown(id)),
            [only] => only.source,
            several => {
                let sources: Vec<&str> = several.iter().map(|approval| approval.source.as_str()).collect();
                let detail = format!("Approval `{}` exists in {}; name the `source`", text::excerpt(id), sources.join(" and "));
                return Err(Problem::conflict(detail).with("sources", sources));
            }
        },
    };
    repositories.approval(source, id).await.map_err(refused)?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("There is no approval `{}`", text::excerpt(id)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::ApprovalState;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        clawledger::{report, take},
        testing::{Memory, at},
    };

    async fn pending(source: &str, expires_at: Option<&str>) -> Memory {
        let mut memory = Memory::default();
        add(&mut memory, source, expires_at).await;
        memory
    }

    async fn add(memory: &mut Memory, source: &str, expires_at: Option<&str>) {
        let value = json!({"approval_id": "a-1", "source": source, "project_id": "eng", "task_key": "ENG-1", "title": "t",
            "requested_at": "1970-01-01T00:00:01Z", "expires_at": expires_at});
        take::take(memory, &mut Effects::default(), report::read(&value, "").unwrap(), at(1)).await.unwrap();
    }

    async fn decide(memory: &mut Memory, body: Value, second: i64) -> Result<DecisionReply, Problem> {
        let body: DecisionBody = serde_json::from_value(body).unwrap();
        apply(memory, &mut Effects::default(), &body, "contract:clawledger", at(second)).await
    }

    #[tokio::test]
    async fn clawledger_the_same_decision_replays_and_another_conflicts() {
        let mut memory = pending("clawledger", None).await;
        let approve = json!({"approval_id": "a-1", "verdict": "approve", "decided_by": "ann", "note": "fine"});
        let first = decide(&mut memory, approve.clone(), 5).await.unwrap();
        assert_eq!((first.approval.state, first.replayed), (ApprovalState::Approved, false));
        let writes = memory.writes;
        let second = decide(&mut memory, approve, 6).await.unwrap();
        assert!(second.replayed && second.approval == first.approval && memory.writes == writes);
        let opposite = json!({"approval_id": "a-1", "decision": {"verdict": "reject", "decided_by": "bob"}});
        assert_eq!(decide(&mut memory, opposite, 7).await.unwrap_err().kind.status(), 409);
    }

    #[tokio::test]
    async fn clawledger_after_the_end_it_is_gone() {
        let mut memory = pending("clawledger", Some("1970-01-01T00:01:00Z")).await;
        let approve = json!({"approval_id": "a-1", "verdict": "approve", "decided_at": "1970-01-01T00:00:30Z"});
        assert_eq!(decide(&mut memory, approve.clone(), 60).await.unwrap_err().kind.status(), 410);
        let decided = decide(&mut memory, approve.clone(), 59).await.unwrap();
        assert_eq!(decided.approval.decision.unwrap().decided_by, "contract:clawledger");
        assert!(decide(&mut memory, approve, 600).await.unwrap().replayed);
    }

    #[tokio::test]
    async fn clawledger_an_id_of_two_systems_needs_the_source() {
        let mut memory = pending("clawledger", None).await;
        add(&mut memory, "jhf-spindle", None).await;
        let body = json!({"approval_id": "a-1", "verdict": "reject"});
        let problem = decide(&mut memory, body, 5).await.unwrap_err();
        assert_eq!((problem.kind.status(), &problem.extensions["sources"]), (409, &json!(["clawledger", "jhf-spindle"])));
        let body = json!({"approval_id": "a-1", "source": "jhf-spindle", "verdict": "reject"});
        assert_eq!(decide(&mut memory, body, 5).await.unwrap().approval.state, ApprovalState::Rejected);
    }

    #[tokio::test]
    async fn clawledger_what_is_missing_or_unknown_is_said() {
        let mut memory = pending("clawledger", None).await;
        for (body, status) in [
            (json!({"approval_id": "other", "verdict": "approve"}), 404),
            (json!({"approval_id": "other", "source": "clawledger", "verdict": "approve"}), 404),
            (json!({"approval_id": "a-1"}), 422),
            (json!({"verdict": "approve"}), 422),
            (json!({"approval_id": "a-1", "verdict": "approve", "decided_at": "1980-01-01T00:00:00Z"}), 422),
        ] {
            assert_eq!(decide(&mut memory, body.clone(), 5).await.unwrap_err().kind.status(), status, "{body}");
        }
    }
}
