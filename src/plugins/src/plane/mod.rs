//! Plane: what a Plane instance tells us through its webhook becomes projects, tasks and comments here.
//!
//! Plane sends one webhook for each changed field, each with the whole object; it repeats one under a new delivery id, and
//! they may arrive in any order. So nothing here trusts the delivery id or the order: every object is tied to its Plane id by
//! an external mapping, the mapping keeps the newest `updated_at` that was applied, and a deleted object stays deleted.

mod comment;
mod event;
mod issue;
mod mapping;
mod project;
pub(crate) mod receive_event;

/// The source of the external mappings of this integration.
const SOURCE: &str = "plane";

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Something is different now.
    Applied,
    /// A repeat, old news, or news of something deleted.
    Unchanged,
    /// An event of a kind that is only counted.
    Counted,
}
