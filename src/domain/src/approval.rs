//! Approvals: what another system asks an operator to decide.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    lane::words,
    mapping::{believed, is_news},
};

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
    Decided(Box<Approval>),
    /// The same decision was taken earlier.
    Repeated,
    /// Another decision was taken earlier, or the approval was cancelled.
    Contradicts,
    /// Its time ran out.
    Expired,
}

/// What comes of news from the asking system.
#[derive(Debug, Clone, PartialEq)]
pub enum NewsOutcome {
    /// It says nothing new, or it is older than what is stored.
    Unchanged,
    /// The approval as it is now.
    Changed(Box<Approval>),
    /// It reports another decision than the one that was taken here.
    Contradicts,
}

impl ApprovalState {
    /// The state that a decision leads to.
    pub fn decided(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approve => Self::Approved,
            Verdict::Reject => Self::Rejected,
        }
    }
}

impl Approval {
    /// Takes in what the asking system reports. What is older than the stored news is not applied. A decision is final:
    /// later news neither reopens nor withdraws it, and the opposite decision contradicts it. A cancelled approval stays
    /// cancelled, and a decision on it contradicts. An expired one may still be prolonged or turn out to have been decided.
    pub fn absorb(&self, news: Self) -> NewsOutcome {
        use ApprovalState::{Approved, Cancelled, Expired, Pending, Rejected};
        if !is_news(self.source_updated_at, news.source_updated_at) {
            return NewsOutcome::Unchanged;
        }
        match (self.state, news.state) {
            (Pending | Expired, _) => {
                let time = news.source_updated_at.or(self.source_updated_at);
                let news = Self { source_updated_at: time, ..news };
                if news == *self { NewsOutcome::Unchanged } else { NewsOutcome::Changed(Box::new(news)) }
            }
            (Approved, Rejected) | (Rejected, Approved) | (Cancelled, Approved | Rejected) => NewsOutcome::Contradicts,
            (Approved | Rejected | Cancelled, _) => NewsOutcome::Unchanged,
        }
    }

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
                let source_updated_at = self.source_updated_at.max(Some(believed(decision.decided_at, now)));
                let state = ApprovalState::decided(decision.verdict);
                DecisionOutcome::Decided(Box::new(Self { state, decision: Some(decision), source_updated_at, ..self.clone() }))
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::ToSpan;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pending() -> Approval {
        Approval {
            approval_id: "a-1".into(),
            source: ApprovalSource::ClawLedger,
            project_id: "eng".into(),
            task_key: "ENG-1".into(),
            title: "Deploy".into(),
            summary: String::new(),
            requested_by: "lead".into(),
            requested_at: at(10),
            expires_at: Some(at(100)),
            state: ApprovalState::Pending,
            decision: None,
            payload: Value::Null,
            source_updated_at: Some(at(10)),
        }
    }

    fn decision(verdict: Verdict) -> Decision {
        Decision { verdict, decided_by: "ann".into(), decided_at: at(20), note: String::new() }
    }

    fn decided(verdict: Verdict) -> Approval {
        let DecisionOutcome::Decided(approval) = pending().decide(decision(verdict), at(20)) else { panic!("not decided") };
        *approval
    }

    #[test]
    fn the_same_decision_repeats_and_another_contradicts() {
        let approved = decided(Verdict::Approve);
        assert_eq!(approved.state, ApprovalState::Approved);
        assert_eq!(approved.decide(decision(Verdict::Approve), at(500)), DecisionOutcome::Repeated);
        assert_eq!(approved.decide(decision(Verdict::Reject), at(21)), DecisionOutcome::Contradicts);
    }

    #[test]
    fn the_end_itself_is_too_late() {
        assert_eq!(pending().state_at(at(100) - 1.nanosecond()), ApprovalState::Pending);
        assert_eq!(pending().decide(decision(Verdict::Approve), at(100)), DecisionOutcome::Expired);
    }

    #[test]
    fn a_cancelled_approval_cannot_be_decided() {
        let cancelled = Approval { state: ApprovalState::Cancelled, ..pending() };
        assert_eq!(cancelled.decide(decision(Verdict::Approve), at(20)), DecisionOutcome::Contradicts);
    }

    #[test]
    fn old_and_repeated_news_change_nothing() {
        let older = Approval { title: "Old".into(), source_updated_at: Some(at(9)), ..pending() };
        assert_eq!(pending().absorb(older), NewsOutcome::Unchanged);
        assert_eq!(pending().absorb(pending()), NewsOutcome::Unchanged);
        assert_eq!(decided(Verdict::Approve).absorb(pending()), NewsOutcome::Unchanged);
    }

    #[test]
    fn a_decision_is_final() {
        let mut opposite = decided(Verdict::Reject);
        opposite.source_updated_at = Some(at(90));
        assert_eq!(decided(Verdict::Approve).absorb(opposite), NewsOutcome::Contradicts);
        let cancelled = Approval { state: ApprovalState::Cancelled, source_updated_at: Some(at(90)), ..pending() };
        assert_eq!(decided(Verdict::Approve).absorb(cancelled), NewsOutcome::Unchanged);
    }

    #[test]
    fn an_expired_approval_can_be_prolonged() {
        let expired = Approval { state: ApprovalState::Expired, ..pending() };
        let prolonged = Approval { expires_at: Some(at(900)), source_updated_at: Some(at(110)), ..pending() };
        assert_eq!(expired.absorb(prolonged.clone()), NewsOutcome::Changed(Box::new(prolonged)));
    }

    proptest! {
        #[test]
        fn the_order_of_events_does_not_matter(
            order in Just((0..4_usize).collect::<Vec<_>>()).prop_shuffle(),
            repeats in prop::collection::vec(0..4_usize, 0..6),
        ) {
            let late = |second, approval: Approval| Approval { source_updated_at: Some(at(second)), ..approval };
            let events = [
                late(10, pending()),
                late(11, Approval { title: "Deploy it".into(), ..pending() }),
                late(12, Approval { expires_at: None, ..pending() }),
                late(20, decided(Verdict::Approve)),
            ];
            let end = |indices: &[usize]| indices.iter().fold(None::<Approval>, |stored, index| {
                let event = events[*index].clone();
                match stored {
                    None => Some(event),
                    Some(stored) => match stored.absorb(event) {
                        NewsOutcome::Changed(changed) => Some(*changed),
                        _ => Some(stored),
                    },
                }
            });
            let shuffled: Vec<usize> = order.into_iter().chain(repeats).collect();
            prop_assert_eq!(end(&shuffled), end(&[0, 1, 2, 3]));
        }
    }
}
