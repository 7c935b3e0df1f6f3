//! The handler plugins: the domain logic that no declaration can express. A folder per integration, one operation per file,
//! and one list of them all. Plugins see the domain's storage traits, never SQL, and never one another; what two of them
//! need stands in `support`.

mod clawledger;
mod plane;
mod projects;
mod support;
mod tasks;
#[cfg(test)]
mod testing;
mod warp;

use std::sync::Arc;

use domain::Repositories;
use engine::{
    handler::Handler,
    storage::{Storage, Transaction},
};

pub use warp::RecoveryReport;

/// The way from a transaction of the engine to the domain's repositories inside it; the store hands it out.
pub type DomainAccess = fn(&mut dyn Transaction) -> &mut dyn Repositories;

/// Every handler plugin, by name.
pub fn all(access: DomainAccess) -> Vec<Arc<dyn Handler>> {
    vec![
        Arc::new(clawledger::decide_task::DecideTask { access }),
        Arc::new(clawledger::decision::Decide { access }),
        Arc::new(clawledger::pending::Pending { access }),
        Arc::new(clawledger::receive::Receive { access }),
        Arc::new(clawledger::sync::Sync { access }),
        Arc::new(projects::board::ShowBoard { access }),
        Arc::new(plane::receive_event::ReceiveEvent { access }),
        Arc::new(projects::list::ListProjects { access }),
        Arc::new(projects::show::ShowProject { access }),
        Arc::new(tasks::list::ListTasks { access }),
        Arc::new(tasks::show::ShowTask { access }),
        Arc::new(tasks::upsert::UpsertTask { access }),
        Arc::new(warp::setup_import::SetupImportHandler { access }),
    ]
}

/// Finishes what a crash interrupted: files that a committed import still owes. To be called once when the service starts,
/// before or beside serving; several replicas may do so at once.
pub async fn recover(
    access: DomainAccess,
    storage: Arc<dyn Storage>,
    variable: impl Fn(&str) -> Option<String>,
) -> RecoveryReport {
    warp::recover(access, &*storage, variable).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infos() -> Vec<contract::handler::HandlerInfo> {
        all(|_| unreachable!("descriptions need no database")).iter().map(|handler| handler.info()).collect()
    }

    #[test]
    fn the_list_is_sorted_and_has_no_name_twice() {
        let infos = infos();
        assert!(
            infos.windows(2).all(|pair| pair[0].name < pair[1].name),
            "{:?}",
            infos.iter().map(|i| i.name).collect::<Vec<_>>()
        );
    }

    #[test]
    fn every_handler_is_documented() {
        for info in infos() {
            let name = info.name;
            assert!(name.split_once('.').is_some_and(|(family, verb)| !family.is_empty() && !verb.is_empty()), "{name}");
            assert!(!info.summary.is_empty() && !info.summary.ends_with('.'), "{name}: summary");
            assert!(info.summary.starts_with(char::is_uppercase), "{name}: summary");
            assert!(info.description.len() > 40, "{name}: description");
            assert!(!info.replies.is_empty(), "{name}: replies");
            assert!(info.replies.iter().all(|reply| !reply.description.is_empty()), "{name}: replies");
            assert!(info.params.iter().all(|(param, meaning)| !param.is_empty() && !meaning.is_empty()), "{name}: params");
            assert!(info.query.iter().all(|query| !query.description.is_empty()), "{name}: query");
        }
    }

    #[test]
    fn every_schema_stands_alone() {
        for info in infos() {
            let replies = info.replies.iter().filter_map(|reply| reply.schema.as_ref());
            for schema in info.input.iter().chain(&info.with).chain(replies) {
                assert!(!schema.to_string().contains("\"$ref\""), "{}: {schema}", info.name);
            }
        }
    }
}
