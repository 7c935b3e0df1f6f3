//! Approvals: what another system asks an operator to decide.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lane::words;

words! {
    /// The system that asks.
    ApprovalSource {
        /// ClawLedger.
        ClawLedger = "clawledger",
        /// Spindle.
        Spindle = "jhf-spindle",
    }
}

words! {
    /// Where an approval is in its life.
    ApprovalState {
        /// Waits for a decision.
        Pending = "pending",
        /// Decided: yes.
        Approved = "approved",
        /// Decided: no.
        Rejected = "rejected",
        /// Its time ran out.
        Expired = "expired",
        /// Withdrawn by the system that asked.
        Cancelled = "cancelled",
    }
}

words! {
    /// A decision's direction.
    Verdict {
        /// Yes.
        Approve = "approve",
        /// No.
        Reject = "reject",
    }
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Approval {
    /// Id that the asking system gave; unique by source.
    pub approval_id: String,
    /// The system that asks.
    pub source: ApprovalSource,
    /// The project it is about, as the asking system names it.
    pub project_id: String,
    /// The task it is about.
    pub task_key: String,
    /// Title.
    pub title: String,
    /// Summary; untrusted.
    pub summary: String,
    /// Who asks, by name.
    pub requested_by: String,
    /// When it was asked.
    #[schemars(with = "String")]
    pub requested_at: Timestamp,
    /// After this it can no longer be decided.
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Timestamp>,
    /// State.
    pub state: ApprovalState,
    /// The decision, once there is one.
    pub decision: Option<Decision>,
    /// Further facts of the asking system, kept as they came.
    pub payload: Value,
    /// The asking system's time of the last event that was applied; not sent.
    #[serde(skip)]
    pub source_updated_at: Option<Timestamp>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Yes or no.
    pub verdict: Verdict,
    /// Who decided.
    pub decided_by: String,
    /// When.
    #[schemars(with = "String")]
    pub decided_at: Timestamp,
    /// Why.
    #[serde(default)]
    pub note: String,
}

/// What comes of a decision.
#[derive(Debug, Clone, PartialEq)]
pub enum DecisionOutcome {
    /// It is taken: the approval as it is now.
    Decided(Approval),
    /// The same decision was taken earlier.
    Repeated,
    /// Another decision was taken earlier, or the approval was cancelled.
    Contradicts,
    /// Its time ran out.
    Expired,
}

impl Approval {
    /// The state at a time: a pending approval past its end is expired.
    pub fn state_at(&self, now: Timestamp) -> ApprovalState {
        match (self.state, self.expires_at) {
            (ApprovalState::Pending, Some(end)) if now >= end => ApprovalState::Expired,
            (state, _) => state,
        }
    }

    /// Decides. The same verdict again repeats, whoever sends it; another one contradicts; after the end it is over.
    pub fn decide(&self, decision: Decision, now: Timestamp) -> DecisionOutcome {
        match self.state_at(now) {
            ApprovalState::Pending => {
                let state = match decision.verdict {
                    Verdict::Approve => ApprovalState::Approved,
                    Verdict::Reject => ApprovalState::Rejected,
                };
                DecisionOutcome::Decided(Self { state, decision: Some(decision), ..self.clone() })
            }
            ApprovalState::Approved | ApprovalState::Rejected => {
                let same = self.decision.as_ref().is_some_and(|earlier| earlier.verdict == decision.verdict);
                if same { DecisionOutcome::Repeated } else { DecisionOutcome::Contradicts }
            }
            ApprovalState::Cancelled => DecisionOutcome::Contradicts,
            ApprovalState::Expired => DecisionOutcome::Expired,
        }
    }
}
