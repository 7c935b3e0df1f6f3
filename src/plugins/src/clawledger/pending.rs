//! `approvals.pending`: the approvals that wait for a decision.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo, schema_of};
use domain::{Approval, ApprovalSource, ApprovalState, Repositories};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    DomainAccess,
    support::{Page, refused},
};

/// Approvals that one answer holds; more than that wait for nobody's eyes.
const MOST: u32 = 10_000;

/// The handler.
pub(crate) struct Pending {
    pub(crate) access: DomainAccess,
}

/// Settings of `approvals.pending`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Only approvals that this system asked for; those of every system when it is left out.
    #[serde(default)]
    source: Option<ApprovalSource>,
}

#[async_trait]
impl Handler for Pending {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Lists the approvals that wait for a decision, by time of request and then id; those whose time ran \
                          out are left out. The setting `source` keeps to one asking system.",
            with: Some(schema_of::<Settings>()),
            replies: vec![ReplyInfo::json::<Page<Approval>>(200, "The pending approvals, all of them in one page")],
            ..HandlerInfo::new("approvals.pending", "List pending approvals", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let settings = context.settings::<Option<Settings>>(request)?.unwrap_or_default();
        let now = context.now;
        let repositories = (self.access)(context.transaction().await?);
        Reply::json(StatusCode::OK, &list(repositories, settings.source, now).await?)
    }
}

async fn list(
    repositories: &mut dyn Repositories,
    source: Option<ApprovalSource>,
    now: Timestamp,
) -> Result<Page<Approval>, Problem> {
    let mut items = repositories.pending_approvals(source, MOST).await.map_err(refused)?;
    items.retain(|approval| approval.state_at(now) == ApprovalState::Pending);
    Ok(Page { items, next_cursor: None })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::{
        clawledger::{report, take},
        support::Effects,
        testing::{Memory, at},
    };

    #[tokio::test]
    async fn clawledger_pending_leaves_out_what_ran_out_and_other_sources() {
        let mut memory = Memory::default();
        for (id, source, requested, end) in
            [("c", "clawledger", 3, 100), ("b", "jhf-spindle", 2, 100), ("a", "clawledger", 2, 100), ("z", "clawledger", 1, 9)]
        {
            let value = json!({"approval_id": id, "source": source, "project_id": "p", "task_key": "t", "title": "t",
                "requested_at": at(requested).to_string(), "expires_at": at(end).to_string()});
            take::take(&mut memory, &mut Effects::default(), report::read(&value, "").unwrap(), at(1)).await.unwrap();
        }
        let ids = |page: Page<Approval>| page.items.into_iter().map(|approval| approval.approval_id).collect::<Vec<_>>();
        assert_eq!(ids(list(&mut memory, None, at(50)).await.unwrap()), ["a", "b", "c"]);
        assert_eq!(ids(list(&mut memory, Some(ApprovalSource::Spindle), at(50)).await.unwrap()), ["b"]);
        assert!(list(&mut memory, None, at(100)).await.unwrap().items.is_empty());
    }
}
