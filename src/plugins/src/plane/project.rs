//! Plane's projects. One is tied to the project that the webhook's path names, and gives it its title; a second Plane project
//! that sends to the same path (a webhook covers a whole workspace) is not tied and renames nothing.

use domain::{ExternalMapping, MappedKind, Project, Repositories, mapping::is_news};
use engine::problem::Problem;
use jiff::Timestamp;
use serde_json::json;

use super::{Outcome, SOURCE, event::Object};
use crate::support::{Effects, project_effect, refused};

/// Applies news of a project to `project`.
pub(super) async fn apply(
    repositories: &mut dyn Repositories,
    effects: &mut Effects,
    project: Project,
    news: Object<Option<String>>,
    now: Timestamp,
) -> Result<Outcome, Problem> {
    let tied = repositories.mappings_of(MappedKind::Project, project.id).await.map_err(refused)?;
    if tied.iter().any(|mapping| mapping.source == SOURCE && mapping.external_id != news.id) {
        return Ok(Outcome::Unchanged);
    }
    let stored = repositories.mapping(SOURCE, MappedKind::Project, &news.id).await.map_err(refused)?;
    if let Some(stored) = &stored
        && (stored.local_id != project.id || !is_news(stored.source_updated_at, news.at))
    {
        return Ok(Outcome::Unchanged);
    }
    let mapping = ExternalMapping {
        source: SOURCE.to_owned(),
        kind: MappedKind::Project,
        external_id: news.id,
        local_id: project.id,
        source_updated_at: news.at.or(stored.as_ref().and_then(|stored| stored.source_updated_at)),
        deleted_at: None,
    };
    if stored.as_ref() != Some(&mapping) {
        repositories.put_mapping(&mapping).await.map_err(refused)?;
    }
    let Some(title) = news.says.filter(|title| *title != project.title) else {
        return Ok(if stored.is_none() { Outcome::Applied } else { Outcome::Unchanged });
    };
    let details = json!({"key": project.key, "changed": ["title"]});
    let renamed = Project { title, updated_at: now, ..project };
    repositories.update_project(&renamed).await.map_err(refused)?;
    effects.note(project_effect("project.updated", &renamed, details));
    Ok(Outcome::Applied)
}
