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
        Arc::new(clawledger::decide::Decide { access }),
        Arc::new(clawledger::decide_task::DecideTask { access }),
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
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::Path;

    use engine::registry::Registry;
    use serde_json::{Value, json};

    use super::*;

    fn handlers() -> Vec<Arc<dyn Handler>> {
        all(|_| unreachable!("descriptions need no database"))
    }

    fn infos() -> Vec<contract::handler::HandlerInfo> {
        handlers().iter().map(|handler| handler.info()).collect()
    }

    /// What the engine says of a body, by the pointers of its violations.
    fn refused(handler: &str, body: &Value) -> Vec<String> {
        let registry = Registry::new(handlers()).unwrap();
        let problem = registry.get(handler).unwrap().validate(body).err();
        problem.into_iter().flat_map(|problem| problem.errors).map(|violation| violation.pointer).collect()
    }

    fn fixtures(folder: &str) -> Vec<(String, Value)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/fixtures").join(folder);
        let read = |path: &Path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        paths.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
    }

    #[test]
    fn the_shipped_fixtures_fit_the_schemas() {
        for (name, body) in fixtures("plane") {
            assert!(refused("plane.receive_event", &body).is_empty(), "{name}");
        }
        for (name, body) in fixtures("warp") {
            assert!(refused("warp.setup_import", &body).is_empty(), "{name}");
        }
        for (name, body) in fixtures("clawledger") {
            let handler = match name.as_str() {
                "sync" => "approvals.sync",
                "decision" => "approvals.decide",
                "task-decision" => "approvals.decide_task",
                _ => "approvals.receive",
            };
            assert!(refused(handler, &body).is_empty(), "{name}");
        }
    }

    #[test]
    fn webhooks_refuse_no_shape_and_imports_refuse_every_unknown_one() {
        for body in [json!(null), json!([]), json!({"event": null}), json!({"got": "out"}), json!({"event": "issue", "data": 7})]
        {
            assert!(refused("plane.receive_event", &body).is_empty(), "{body}");
        }
        let (_, mut import) = fixtures("warp").remove(0);
        import["work_item"]["lane"] = json!("someday");
        import["team"]["agents"][0]["slug"] = json!("../x");
        import["links"] = json!(["javascript:alert(1)"]);
        import["import_id"] = json!("a\u{0}b");
        let pointers = refused("warp.setup_import", &import);
        for pointer in ["/work_item/lane", "/team/agents/0/slug", "/links/0", "/import_id"] {
            assert!(pointers.iter().any(|found| found == pointer), "{pointer}: {pointers:?}");
        }
        let (_, mut import) = fixtures("warp").remove(0);
        import["team"]["extra"] = json!(1);
        assert_eq!(refused("warp.setup_import", &import), ["/team/extra"]);
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
