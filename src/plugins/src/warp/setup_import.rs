//! `warp.setup_import`: a setup import of Warp, in the database and in the workspace.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo, schema_of};
use domain::{ProjectionState, TaskKey};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
    storage::Storage,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::{
    import::{self, Imported},
    payload::Payload,
    projection,
    recovery::{self, ROOT_VARIABLE},
};
use crate::{DomainAccess, support::Effects};

/// The handler.
pub(crate) struct SetupImportHandler {
    pub(crate) access: DomainAccess,
}

/// The answer to an import.
#[derive(Debug, Serialize, JsonSchema)]
struct Answer {
    /// Id of the project here.
    project_id: Uuid,
    /// Key of the work item here.
    task_key: TaskKey,
    /// The files that were written.
    projection: Projection,
    /// Whether the same import had taken effect earlier.
    replayed: bool,
}

/// The files of an import.
#[derive(Debug, Serialize, JsonSchema)]
struct Projection {
    /// The folder that they stand in.
    root: String,
    /// The revision of the project that this import made, as the files name it: `r3`.
    revision: String,
    /// Their paths below the root.
    files: Vec<String>,
}

#[async_trait]
impl Handler for SetupImportHandler {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Takes a setup import of Warp, version `v1`: makes the project when its key is new, makes or updates \
                          the work item, and projects it into the OpenClaw workspace under `OPENCLAW_WORKSPACE_ROOT` \
                          (`board.json`, `tasks/KEY/TASK.md`, `tasks/KEY/NEXT_AUTONOMOUS_ACTION.md`, \
                          `NEXT_AUTONOMOUS_ACTION.md`). Each file is replaced whole and names the revision that it came \
                          from.\n\nThe same `import_id` with the same body takes effect once. When the files cannot be \
                          written the work item stays, the answer is 503, and the same request, or the next start of the \
                          service, finishes. The work item gets the key that Warp names when it is a free key of that \
                          project, else the next one.",
            input: Some(schema_of::<Payload>()),
            replies: vec![
                ReplyInfo::json::<Answer>(201, "The import took effect"),
                ReplyInfo::json::<Answer>(200, "The same import had taken effect earlier; `replayed` is true"),
            ],
            problems: &[
                (409, "The `import_id` was taken with another body"),
                (503, "The work item is stored, but its files could not be written; send the same request again"),
            ],
            ..HandlerInfo::new("warp.setup_import", "Take a setup import and project its work item", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let payload: Payload = request.json()?;
        let (body, now) = (request.value()?, context.now);
        let mut effects = Effects::default();
        let repositories = (self.access)(context.transaction().await?);
        let imported = import::apply(repositories, &mut effects, &payload, body, now).await?;
        effects.flush(context).await?;
        context.commit().await?;
        let setting = context.variable(ROOT_VARIABLE);
        let root = self.project(context.engine.storage(), setting.as_deref(), &imported).await?;
        let answer = Answer {
            project_id: imported.import.project_id,
            projection: Projection {
                root,
                revision: projection::revision_name(imported.import.revision),
                files: projection::paths(&imported.task.key),
            },
            task_key: imported.task.key,
            replayed: imported.replayed,
        };
        Reply::json(if imported.replayed { StatusCode::OK } else { StatusCode::CREATED }, &answer)
    }
}

impl SetupImportHandler {
    /// Writes the files that the import still owes; answers the root.
    async fn project(&self, storage: &dyn Storage, setting: Option<&str>, imported: &Imported) -> Result<String, Problem> {
        if imported.import.projection == ProjectionState::Written {
            return Ok(recovery::root_of(setting)?.display().to_string());
        }
        match recovery::finish(self.access, storage, setting, &imported.import).await {
            Ok(root) => Ok(root.display().to_string()),
            Err(problem) => Err(explain(problem, imported)),
        }
    }
}

/// Says in front of a problem with the files what is done already.
fn explain(problem: Problem, imported: &Imported) -> Problem {
    let detail = format!(
        "Work item {} is stored, but its files are not all written yet. {}. Send the same request again to finish.",
        imported.task.key,
        problem.detail.trim_end_matches('.')
    );
    Problem { detail, ..problem }.with("task_key", imported.task.key.to_string()).with("projection", "pending")
}
