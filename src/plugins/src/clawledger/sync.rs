//! `approvals.sync`: a batch of approvals, taken whole or not at all.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use domain::Repositories;
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::{Problem, Violation},
};
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    receive::approval_input,
    report::{self, Report},
    take::{Outcome, take},
};
use crate::{
    DomainAccess,
    support::{Effects, invalid},
};

/// Approvals that a batch may hold.
const MOST: usize = 1_000;

/// The handler.
pub(crate) struct Sync {
    pub(crate) access: DomainAccess,
}

/// What a batch did.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
struct Counts {
    /// Approvals in the batch.
    received: usize,
    /// Of them new.
    created: usize,
    /// Of them changed.
    updated: usize,
    /// Of them as they were, or older than what is stored.
    unchanged: usize,
}

#[async_trait]
impl Handler for Sync {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Takes a batch of up to 1000 approvals, as a list or as `{approvals: […]}`, each as an event would \
                          report it. The batch is taken whole or not at all: one that does not fit, or that contradicts a \
                          decision, refuses it, and the problem names every such place.",
            input: Some(json!({
                "title": "Batch of approvals",
                "anyOf": [
                    {"type": "array", "maxItems": MOST, "items": approval_input()},
                    {
                        "type": "object",
                        "required": ["approvals"],
                        "properties": {"approvals": {
                            "description": "The approvals", "type": "array", "maxItems": MOST, "items": approval_input(),
                        }},
                    },
                ],
            })),
            replies: vec![ReplyInfo::json::<Counts>(200, "The batch was taken")],
            problems: &[
                (409, "Approvals of the batch contradict decisions that were taken; `approval_ids` names them"),
                (422, "Approvals of the batch do not fit; `errors` names each place"),
            ],
            ..HandlerInfo::new("approvals.sync", "Take a batch of approvals", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let (body, now) = (request.value()?, context.now);
        let mut effects = Effects::default();
        let repositories = (self.access)(context.transaction().await?);
        let counts = apply(repositories, &mut effects, &body, now).await?;
        effects.flush(context).await?;
        Reply::json(StatusCode::OK, &counts)
    }
}

async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    body: &Value,
    now: Timestamp,
) -> Result<Counts, Problem> {
    let reports = read(body)?;
    let mut counts = Counts { received: reports.len(), ..Counts::default() };
    let (mut contradicted, mut violations) = (Vec::new(), Vec::new());
    for report in reports {
        match take(repositories, effects, report, now).await {
            Ok((_, Outcome::Created)) => counts.created += 1,
            Ok((_, Outcome::Updated)) => counts.updated += 1,
            Ok((_, Outcome::Unchanged)) => counts.unchanged += 1,
            Ok((approval, Outcome::Contradicts)) => contradicted.push(approval.approval_id),
            Err(problem) if !problem.errors.is_empty() => violations.extend(problem.errors),
            Err(problem) => return Err(problem),
        }
    }
    if !violations.is_empty() {
        return Err(refusal(violations));
    }
    if !contradicted.is_empty() {
        let detail = format!(
            "{} approvals of the batch contradict decisions that are final here; nothing was taken, send it without them",
            contradicted.len()
        );
        return Err(Problem::conflict(detail).with("approval_ids", contradicted));
    }
    Ok(counts)
}

/// The reports of a batch, ordered by source and id: two batches then lock the same approvals in the same order, and neither
/// waits for the other forever. Repeats of one approval keep the order in which they came.
fn read(body: &Value) -> Result<Vec<Report>, Problem> {
    let (list, at) = match body {
        Value::Array(list) => (list, ""),
        _ => match &body["approvals"] {
            Value::Array(list) => (list, "/approvals"),
            _ => return Err(invalid("", "a list of approvals, or an object with one under `approvals`, is needed here")),
        },
    };
    if list.len() > MOST {
        return Err(invalid(at, format!("a batch holds at most {MOST} approvals, this one {}", list.len())));
    }
    let (mut reports, mut violations) = (Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        match report::read(value, &format!("{at}/{index}")) {
            Ok(report) => reports.push(report),
            Err(errors) => violations.extend(errors),
        }
    }
    if !violations.is_empty() {
        return Err(refusal(violations));
    }
    reports.sort_by(|a, b| (a.source, &a.approval_id).cmp(&(b.source, &b.approval_id)));
    Ok(reports)
}

fn refusal(violations: Vec<Violation>) -> Problem {
    Problem::invalid(format!("{} places of the batch do not fit; nothing was taken", violations.len()), violations)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::testing::{Memory, at};

    fn approval(id: &str, state: &str, second: i64) -> Value {
        json!({"approval_id": id, "project_id": "eng", "task_key": "ENG-1", "title": "t", "state": state,
            "requested_at": at(1).to_string(), "updated_at": at(second).to_string()})
    }

    async fn sync(memory: &mut Memory, body: Value) -> Result<Counts, Problem> {
        apply(memory, &mut Effects::default(), &body, at(50)).await
    }

    #[tokio::test]
    async fn clawledger_sync_counts_what_it_did() {
        let mut memory = Memory::default();
        sync(&mut memory, json!([approval("a", "pending", 1), approval("b", "pending", 1)])).await.unwrap();
        let batch =
            json!({"approvals": [approval("c", "pending", 1), approval("a", "approved", 2), approval("b", "pending", 1)]});
        let counts = sync(&mut memory, batch).await.unwrap();
        assert_eq!(counts, Counts { received: 3, created: 1, updated: 1, unchanged: 1 });
        assert_eq!(sync(&mut memory, json!([])).await.unwrap(), Counts::default());
    }

    #[tokio::test]
    async fn clawledger_sync_names_every_place_that_does_not_fit() {
        let batch = json!([approval("a", "pending", 1), {"approval_id": 7}, approval("b", "maybe", 1)]);
        let problem = sync(&mut Memory::default(), batch).await.unwrap_err();
        let pointers: Vec<_> = problem.errors.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(problem.kind.status(), 422);
        assert!(pointers.contains(&"/1/approval_id") && pointers.contains(&"/2/state"), "{pointers:?}");
        let problem = sync(&mut Memory::default(), json!({"approvals": [{"approval_id": "x"}]})).await.unwrap_err();
        assert!(problem.errors.iter().any(|violation| violation.pointer == "/approvals/0/title"), "{:?}", problem.errors);
    }

    #[tokio::test]
    async fn clawledger_sync_refuses_contradictions_whole() {
        let mut memory = Memory::default();
        sync(&mut memory, json!([approval("a", "approved", 2)])).await.unwrap();
        let problem = sync(&mut memory, json!([approval("a", "rejected", 3), approval("b", "pending", 3)])).await.unwrap_err();
        assert_eq!((problem.kind.status(), &problem.extensions["approval_ids"]), (409, &json!(["a"])));
    }

    #[tokio::test]
    async fn clawledger_sync_is_bounded() {
        let batch: Vec<_> = (0..=MOST).map(|index| approval(&index.to_string(), "pending", 1)).collect();
        assert_eq!(sync(&mut Memory::default(), json!(batch)).await.unwrap_err().kind.status(), 422);
        assert_eq!(sync(&mut Memory::default(), json!("x")).await.unwrap_err().kind.status(), 422);
    }
}
