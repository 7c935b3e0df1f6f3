//! The ties between Plane's objects and ours, and the tombstones of those that were deleted there.

use domain::{ExternalMapping, MappedKind, Repositories};
use engine::problem::Problem;
use jiff::Timestamp;
use uuid::Uuid;

use super::{SOURCE, event::Object};
use crate::support::refused;

/// The mapping of an object.
pub(super) async fn find(
    repositories: &mut dyn Repositories,
    kind: MappedKind,
    id: &str,
) -> Result<Option<ExternalMapping>, Problem> {
    repositories.mapping(SOURCE, kind, id).await.map_err(refused)
}

/// A tie between Plane's object `id` and ours.
pub(super) fn link(kind: MappedKind, id: &str, local_id: Uuid, at: Option<Timestamp>) -> ExternalMapping {
    let (source, external_id) = (SOURCE.to_owned(), id.to_owned());
    ExternalMapping { source, kind, external_id, local_id, source_updated_at: at, deleted_at: None }
}

/// Marks an object as deleted; one that was never seen too, so that its late news makes nothing. `None` when it was marked
/// before.
pub(super) async fn bury(
    repositories: &mut dyn Repositories,
    kind: MappedKind,
    news: &Object<()>,
    now: Timestamp,
) -> Result<Option<ExternalMapping>, Problem> {
    let mapping = find(repositories, kind, &news.id).await?.unwrap_or_else(|| link(kind, &news.id, Uuid::nil(), None));
    if mapping.deleted_at.is_some() {
        return Ok(None);
    }
    let source_updated_at = mapping.source_updated_at.max(news.at);
    let tombstone = ExternalMapping { source_updated_at, deleted_at: Some(now), ..mapping };
    repositories.put_mapping(&tombstone).await.map_err(refused)?;
    Ok(Some(tombstone))
}
