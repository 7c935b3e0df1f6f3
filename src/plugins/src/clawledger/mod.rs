//! ClawLedger: approvals that other systems ask for, and the decisions on them.
//!
//! The asking systems report approvals as events (`receive`) or in batches (`sync`); whoever decides does so by the approval's
//! id (`decide`) or by its task (`decide_task`). What is final and what contradicts is a rule of the domain
//! ([`domain::approval`]); here is the reading of reports and the finding of the approval that is meant. Nothing here sends a
//! decision back: the event `approval.decided` does, where a contract has a call for it.

pub(crate) mod decide;
pub(crate) mod decide_task;
pub(crate) mod pending;
pub(crate) mod receive;
mod report;
mod stated;
pub(crate) mod sync;
mod take;

use domain::Approval;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::Effect;

/// The approval as it is at this time: one that ran out is shown as expired.
fn seen_at(approval: &Approval, now: Timestamp) -> Approval {
    Approval { state: approval.state_at(now), ..approval.clone() }
}

fn effect(action: &'static str, approval: &Approval, now: Timestamp) -> Effect {
    let id = format!("{}/{}", approval.source, approval.approval_id);
    let details: Value = json!({
        "project_id": approval.project_id, "task_key": approval.task_key, "state": approval.state, "decision": approval.decision,
    });
    Effect {
        action,
        kind: "approval",
        subject: format!("approval/{id}"),
        id,
        details,
        data: json!({ "approval": seen_at(approval, now) }),
    }
}
