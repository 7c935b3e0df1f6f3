//! `approvals.decide_task`: a decision on the approval of a task.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo, schema_of};
use domain::{Approval, ApprovalState, Repositories};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;
use jiff::Timestamp;

use super::stated::{DecisionBody, DecisionReply, PROBLEMS, take_decision};
use crate::{
    DomainAccess,
    support::{Effects, refused, text},
};

/// The handler.
pub(crate) struct DecideTask {
    pub(crate) access: DomainAccess,
}

#[async_trait]
impl Handler for DecideTask {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Takes a decision on the pending approval of a task. When more than one is pending, `approval_id` (or \
                          `source`) has to say which; when none is, the newest is meant, so that a repeat of the same \
                          decision is answered with `replayed: true` and another one is refused.",
            params: &[
                ("project_id", "The project as the asking system names it"),
                ("task_key", "The task as the asking system names it"),
            ],
            input: Some(schema_of::<DecisionBody>()),
            replies: vec![ReplyInfo::json::<DecisionReply>(200, "The decision is taken, now or earlier")],
            problems: PROBLEMS,
            ..HandlerInfo::new("approvals.decide_task", "Decide on the approval of a task", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let (body, now) = (request.json::<DecisionBody>()?, context.now);
        let task = (request.param("project_id")?, request.param("task_key")?);
        let mut effects = Effects::default();
        let repositories = (self.access)(context.transaction().await?);
        let reply = apply(repositories, &mut effects, task, &body, &request.principal.actor(), now).await?;
        effects.flush(context).await?;
        Reply::json(StatusCode::OK, &reply)
    }
}

async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    (project_id, task_key): (&str, &str),
    body: &DecisionBody,
    actor: &str,
    now: Timestamp,
) -> Result<DecisionReply, Problem> {
    let decision = body.decision(actor, now)?;
    let all = repositories.approvals_of_task(project_id, task_key).await.map_err(refused)?;
    let meant = meant(&all, body, now)?;
    let Some(meant) = meant else {
        let (project, task) = (text::excerpt(project_id), text::excerpt(task_key));
        return Err(Problem::not_found(format!("There is no such approval of task `{task}` in project `{project}`")));
    };
    // Read again under its lock: a decision may have been taken since the list was read.
    let approval = repositories.approval(meant.source, &meant.approval_id).await.map_err(refused)?;
    let approval = approval.ok_or_else(|| Problem::internal("an approval that was just listed is gone"))?;
    take_decision(repositories, effects, approval, decision, now).await
}

/// The approval that is meant, out of a task's, newest first.
fn meant<'a>(all: &'a [Approval], body: &DecisionBody, now: Timestamp) -> Result<Option<&'a Approval>, Problem> {
    let named: Vec<&Approval> = all
        .iter()
        .filter(|approval| body.approval_id.as_deref().is_none_or(|id| approval.approval_id == id))
        .filter(|approval| body.source.is_none_or(|source| approval.source == source))
        .collect();
    let pending: Vec<&Approval> =
        named.iter().copied().filter(|approval| approval.state_at(now) == ApprovalState::Pending).collect();
    match pending[..] {
        [] => Ok(named.first().copied()),
        [only] => Ok(Some(only)),
        _ => {
            let ids: Vec<&str> = pending.iter().map(|approval| approval.approval_id.as_str()).collect();
            let detail = format!("{} approvals of this task are pending; name one by its `approval_id`", ids.len());
            Err(Problem::conflict(detail).with("approval_ids", ids))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        clawledger::{report, take},
        testing::{Memory, at},
    };

    async fn memory(ids: &[(&str, Option<i64>)]) -> Memory {
        let mut memory = Memory::default();
        for (second, (id, end)) in (1..).zip(ids) {
            let value = json!({"approval_id": id, "project_id": "eng", "task_key": "ENG-1", "title": "t",
                "requested_at": at(second).to_string(), "expires_at": end.map(|end| at(end).to_string())});
            take::take(&mut memory, &mut Effects::default(), report::read(&value, "").unwrap(), at(1)).await.unwrap();
        }
        memory
    }

    async fn decide(memory: &mut Memory, task: (&str, &str), body: Value) -> Result<DecisionReply, Problem> {
        let body: DecisionBody = serde_json::from_value(body).unwrap();
        apply(memory, &mut Effects::default(), task, &body, "contract:clawledger", at(50)).await
    }

    const TASK: (&str, &str) = ("eng", "ENG-1");

    #[tokio::test]
    async fn clawledger_the_pending_approval_of_the_task_is_decided() {
        let mut memory = memory(&[("a-1", Some(40)), ("a-2", None)]).await;
        let reply = decide(&mut memory, TASK, json!({"verdict": "approve"})).await.unwrap();
        assert_eq!((reply.approval.approval_id.as_str(), reply.replayed), ("a-2", false));
        assert!(decide(&mut memory, TASK, json!({"verdict": "approve"})).await.unwrap().replayed);
        assert_eq!(decide(&mut memory, TASK, json!({"verdict": "reject"})).await.unwrap_err().kind.status(), 409);
        let named = json!({"verdict": "reject", "approval_id": "a-1"});
        assert_eq!(decide(&mut memory, TASK, named).await.unwrap_err().kind.status(), 410);
    }

    #[tokio::test]
    async fn clawledger_several_pending_approvals_need_a_name() {
        let mut memory = memory(&[("a-1", None), ("a-2", None)]).await;
        let problem = decide(&mut memory, TASK, json!({"verdict": "approve"})).await.unwrap_err();
        assert_eq!((problem.kind.status(), &problem.extensions["approval_ids"]), (409, &json!(["a-2", "a-1"])));
        let named = json!({"verdict": "approve", "approval_id": "a-1"});
        assert_eq!(decide(&mut memory, TASK, named).await.unwrap().approval.approval_id, "a-1");
    }

    #[tokio::test]
    async fn clawledger_a_task_without_approval_is_not_found() {
        let mut memory = memory(&[("a-1", None)]).await;
        for task in [("eng", "ENG-2"), ("other", "ENG-1")] {
            assert_eq!(decide(&mut memory, task, json!({"verdict": "approve"})).await.unwrap_err().kind.status(), 404);
        }
        let other = json!({"verdict": "approve", "approval_id": "b"});
        assert_eq!(decide(&mut memory, TASK, other).await.unwrap_err().kind.status(), 404);
    }
}
