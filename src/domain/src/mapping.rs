//! External mappings: each ties a local object to one remote object.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::lane::words;

words! {
    /// What kind of local object a mapping points at.
    MappedKind {
        /// A project.
        Project = "project",
        /// A task.
        Task = "task",
        /// A comment.
        Comment = "comment",
    }
}

/// A tie between a local and a remote object. `(source, kind, external_id)` is unique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExternalMapping {
    /// The remote system, as `plane` or `contract:acme-tickets`.
    pub source: String,
    /// Kind of the local object.
    pub kind: MappedKind,
    /// Id of the remote object in its system.
    pub external_id: String,
    /// Id of the local object; the nil UUID for a remote object that was deleted before it was ever seen.
    pub local_id: Uuid,
    /// The remote object's own time of change that was last applied: what is older is not applied.
    #[schemars(with = "Option<String>")]
    pub source_updated_at: Option<Timestamp>,
    /// Set when the remote object was deleted: later news of an earlier time does not bring it back.
    #[schemars(with = "Option<String>")]
    pub deleted_at: Option<Timestamp>,
}

/// How far the clock of a sender may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The time of change that a sender states, as it is kept and compared: one that lies further ahead than clocks differ would
/// make everything later look old, for ever.
pub fn believed(stated: Timestamp, now: Timestamp) -> Timestamp {
    now.checked_add(AHEAD).map_or(stated, |latest| stated.min(latest))
}

/// Whether news of `incoming` may be applied over what was applied at `applied`: the newest wins, equal times apply again
/// (a webhook per changed field carries one time), and news without a time always applies.
pub fn is_news(applied: Option<Timestamp>, incoming: Option<Timestamp>) -> bool {
    match (applied, incoming) {
        (Some(applied), Some(incoming)) => incoming >= applied,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_wins_and_equal_times_apply_again() {
        let (early, late) = (Some(Timestamp::UNIX_EPOCH), Some(Timestamp::MAX));
        assert!(is_news(early, late) && is_news(early, early) && !is_news(late, early));
        assert!(is_news(None, early) && is_news(late, None) && is_news(None, None));
    }

    #[test]
    fn a_clock_far_ahead_is_not_believed() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        assert_eq!(believed(at(1_000), at(2_000)), at(1_000));
        assert_eq!(believed(at(2_300), at(2_000)), at(2_300));
        assert_eq!(believed(Timestamp::MAX, at(2_000)), at(2_300));
        assert_eq!(believed(at(5), Timestamp::MAX), at(5));
    }
}
