//! Projects, tasks, external mappings, imports and approvals: types, rules and repository traits. No IO, no clock of its
//! own, no randomness: time and ids are parameters.

pub mod approval;
pub mod import;
pub mod lane;
pub mod mapping;
pub mod project;
pub mod repository;
pub mod task;

pub use approval::{Approval, ApprovalSource, ApprovalState, Decision, DecisionOutcome, NewsOutcome, Verdict};
pub use import::{ProjectionState, SetupImport};
pub use lane::{Lane, Priority};
pub use mapping::{ExternalMapping, MappedKind};
pub use project::{Project, ProjectKey};
pub use repository::{Repositories, RepositoryError, RepositoryResult, TaskFilter};
pub use task::{Comment, Task, TaskKey, TaskPatch};
