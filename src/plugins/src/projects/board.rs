//! `board.show`: a project's tasks by lane.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use domain::{Lane, Project, Repositories, Task, TaskFilter};
use engine::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    DomainAccess,
    support::{self, refused},
};

/// Tasks that are read at a time.
const PAGE: u32 = 500;

/// The handler.
pub(crate) struct ShowBoard {
    pub(crate) access: DomainAccess,
}

/// A board.
#[derive(Debug, Serialize, JsonSchema)]
struct Board {
    /// The project.
    project: Project,
    /// Every lane, in order, empty ones too.
    lanes: Vec<LaneOfBoard>,
}

/// A lane with its tasks.
#[derive(Debug, Serialize, JsonSchema)]
struct LaneOfBoard {
    /// The lane.
    lane: Lane,
    /// Its tasks: the most urgent first, then by number.
    tasks: Vec<Task>,
}

#[async_trait]
impl Handler for ShowBoard {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Shows the board of a project: every lane in order, each with its tasks, the most urgent first.",
            params: &[("project_id", "Id or key of the project")],
            replies: vec![ReplyInfo::json::<Board>(200, "The board")],
            problems: &[(404, "There is no such project")],
            ..HandlerInfo::new("board.show", "Show the board of a project", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let repositories = (self.access)(context.transaction().await?);
        Reply::json(StatusCode::OK, &board(repositories, request.param("project_id")?).await?)
    }
}

async fn board(repositories: &mut dyn Repositories, project: &str) -> Result<Board, Problem> {
    let project = support::project(repositories, project).await?;
    let mut lanes: Vec<LaneOfBoard> = Lane::ALL.iter().map(|lane| LaneOfBoard { lane: *lane, tasks: Vec::new() }).collect();
    let mut filter = TaskFilter { limit: PAGE, ..TaskFilter::default() };
    loop {
        let page = repositories.tasks(project.id, &filter).await.map_err(refused)?;
        let full = page.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
        filter.after = page.last().map(|task| task.key.number);
        for task in page {
            lanes.iter_mut().filter(|lane| lane.lane == task.lane).for_each(|lane| lane.tasks.push(task.clone()));
        }
        if !full {
            break;
        }
    }
    for lane in &mut lanes {
        lane.tasks.sort_by_key(|task| (std::cmp::Reverse(task.priority), task.key.number));
    }
    Ok(Board { project, lanes })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use domain::{Priority, TaskPatch};

    use super::*;
    use crate::{
        support::{Effects, tasks},
        testing::{Memory, at},
    };

    #[tokio::test]
    async fn board_show_sorts_every_task_into_its_lane() {
        let mut memory = Memory::default();
        let project = support::project_or_new(&mut memory, &mut Effects::default(), "demo", "Demo", at(1)).await.unwrap();
        for number in 1..=1_100 {
            let lane = if number % 2 == 0 { Lane::Done } else { Lane::Ready };
            let priority = if number == 1_099 { Priority::Urgent } else { Priority::None };
            let patch = TaskPatch { lane: Some(lane), priority: Some(priority), ..TaskPatch::default() };
            tasks::add(&mut memory, &mut Effects::default(), &project, patch, at(1)).await.unwrap();
        }
        let board = board(&mut memory, "demo").await.unwrap();
        let sizes: Vec<_> = board.lanes.iter().map(|lane| (lane.lane, lane.tasks.len())).collect();
        assert_eq!(
            sizes,
            [
                (Lane::Backlog, 0),
                (Lane::Ready, 550),
                (Lane::InProgress, 0),
                (Lane::Review, 0),
                (Lane::Blocked, 0),
                (Lane::Done, 550)
            ]
        );
        let ready: Vec<_> = board.lanes[1].tasks.iter().take(3).map(|task| task.key.number).collect();
        assert_eq!(ready, [1_099, 1, 3]);
    }
}
