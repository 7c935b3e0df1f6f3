//! Taking in a report: the approval is made or changed as the domain's rules say.

use domain::{Approval, ApprovalState, NewsOutcome, Repositories};
use engine::problem::Problem;
use jiff::Timestamp;

use super::{effect, report::Report};
use crate::support::{Effects, kept, refused};

/// What a report did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The approval is new.
    Created,
    /// The approval is another than before.
    Updated,
    /// A repeat, old news, or nothing that a final state lets in.
    Unchanged,
    /// It reports another decision than the one that was taken; nothing was changed.
    Contradicts,
}

/// Takes in one report; answers the approval as it is stored now.
pub(super) async fn take(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    report: Report,
    now: Timestamp,
) -> Result<(Approval, Outcome), Problem> {
    let now = kept(now);
    let stored = repositories.approval(report.source, &report.approval_id).await.map_err(refused)?;
    let news =
        report.onto(stored.as_ref(), now).map_err(|violations| Problem::invalid("The approval is not complete", violations))?;
    let Some(stored) = stored else {
        repositories.put_approval(&news).await.map_err(refused)?;
        effects.note(effect(action(None, news.state), &news, now));
        return Ok((news, Outcome::Created));
    };
    match stored.absorb(news) {
        NewsOutcome::Unchanged => Ok((stored, Outcome::Unchanged)),
        NewsOutcome::Contradicts => Ok((stored, Outcome::Contradicts)),
        NewsOutcome::Changed(changed) => {
            repositories.put_approval(&changed).await.map_err(refused)?;
            effects.note(effect(action(Some(stored.state), changed.state), &changed, now));
            Ok((*changed, Outcome::Updated))
        }
    }
}

fn action(before: Option<ApprovalState>, after: ApprovalState) -> &'static str {
    if before == Some(after) {
        return "approval.updated";
    }
    match after {
        ApprovalState::Pending => "approval.requested",
        ApprovalState::Approved | ApprovalState::Rejected => "approval.decided",
        ApprovalState::Expired => "approval.expired",
        ApprovalState::Cancelled => "approval.cancelled",
    }
}

/// The problem of a report that contradicts what was decided.
pub(super) fn contradiction(approval: &Approval) -> Problem {
    let detail = format!(
        "Approval `{}` of {} is {} here, and that is final; another decision cannot follow",
        approval.approval_id, approval.source, approval.state
    );
    Problem::conflict(detail)
        .with("approval_id", approval.approval_id.as_str())
        .with("source", approval.source.as_str())
        .with("state", approval.state.as_str())
}
