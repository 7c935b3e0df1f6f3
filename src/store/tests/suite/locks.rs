//! Two first events of one remote object: the second waits for the first and then sees what it made.

use domain::{Approval, ApprovalSource, ApprovalState, ExternalMapping, MappedKind, ProjectionState, SetupImport};
use engine::storage::Transaction;
use serde_json::Value;
use uuid::Uuid;

use crate::fixture::{at, on_both, repositories, task};

on_both! {
    /// Many workers with the first news of one object make one local object.
    async fn a_missing_mapping_is_made_once(fixture) {
        let work: Vec<_> = (0..8).map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let mut transaction: Box<dyn Transaction> = fixture.write().await;
                let mappings = repositories(&mut transaction);
                if let Some(found) = mappings.mapping("plane", MappedKind::Task, "x").await.unwrap() {
                    return found.local_id;
                }
                let local_id = Uuid::now_v7();
                let mapping = ExternalMapping {
                    source: "plane".to_owned(), kind: MappedKind::Task, external_id: "x".to_owned(), local_id,
                    source_updated_at: None, deleted_at: None,
                };
                mappings.put_mapping(&mapping).await.unwrap();
                transaction.commit().await.unwrap();
                local_id
            })
        }).collect();
        let mut ids = Vec::new();
        for worker in work {
            ids.push(worker.await.unwrap());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }

    /// Read, compare, write on one mapping: no news is lost.
    async fn a_found_mapping_is_held(fixture) {
        let mapping = |time| ExternalMapping {
            source: "plane".to_owned(), kind: MappedKind::Task, external_id: "x".to_owned(), local_id: Uuid::nil(),
            source_updated_at: Some(at(time)), deleted_at: None,
        };
        let mut transaction = fixture.write().await;
        repositories(&mut transaction).put_mapping(&mapping(0)).await.unwrap();
        transaction.commit().await.unwrap();
        let work: Vec<_> = (0..10).map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let mut transaction = fixture.write().await;
                let mappings = repositories(&mut transaction);
                let found = mappings.mapping("plane", MappedKind::Task, "x").await.unwrap().unwrap();
                let seconds = found.source_updated_at.unwrap().duration_since(at(0)).as_secs();
                mappings.put_mapping(&mapping(seconds + 1)).await.unwrap();
                transaction.commit().await.unwrap();
            })
        }).collect();
        for worker in work {
            worker.await.unwrap();
        }
        let mut transaction = fixture.write().await;
        let found = repositories(&mut transaction).mapping("plane", MappedKind::Task, "x").await.unwrap().unwrap();
        assert_eq!(found.source_updated_at, Some(at(10)));
    }

    /// The same for imports, whose revisions follow one another.
    async fn a_missing_import_is_made_once_and_revisions_follow(fixture) {
        let project = fixture.project("ENG").await;
        let on = task(&project, 1);
        let mut transaction = fixture.write().await;
        repositories(&mut transaction).add_task(&on).await.unwrap();
        transaction.commit().await.unwrap();
        let work: Vec<_> = (0..8).map(|worker| {
            let (fixture, on) = (fixture.clone(), on.clone());
            tokio::spawn(async move {
                let mut transaction = fixture.write().await;
                let imports = repositories(&mut transaction);
                let import_id = format!("i-{}", worker % 4);
                if imports.import("jhf-warp", &import_id).await.unwrap().is_some() {
                    return None;
                }
                let revision = imports.last_import_revision(on.project_id).await.unwrap() + 1;
                let import = SetupImport {
                    import_id, source: "jhf-warp".to_owned(), digest: vec![1], project_id: on.project_id, task_id: on.id,
                    payload: Value::Null, revision, projection: ProjectionState::Pending, created_at: at(0),
                };
                imports.add_import(&import).await.unwrap();
                transaction.commit().await.unwrap();
                Some(revision)
            })
        }).collect();
        let mut revisions = Vec::new();
        for worker in work {
            revisions.extend(worker.await.unwrap());
        }
        revisions.sort_unstable();
        assert_eq!(revisions, [1, 2, 3, 4]);
    }

    /// The same for approvals.
    async fn a_missing_approval_is_made_once(fixture) {
        let work: Vec<_> = (0..6).map(|worker| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let mut transaction = fixture.write().await;
                let approvals = repositories(&mut transaction);
                if let Some(found) = approvals.approval(ApprovalSource::Spindle, "a").await.unwrap() {
                    return found.title;
                }
                let approval = Approval {
                    approval_id: "a".to_owned(), source: ApprovalSource::Spindle, project_id: "p".to_owned(), task_key: "t".to_owned(),
                    title: worker.to_string(), summary: String::new(), requested_by: String::new(), requested_at: at(0),
                    expires_at: None, state: ApprovalState::Pending, decision: None, payload: Value::Null, source_updated_at: None,
                };
                approvals.put_approval(&approval).await.unwrap();
                transaction.commit().await.unwrap();
                approval.title
            })
        }).collect();
        let mut titles = Vec::new();
        for worker in work {
            titles.push(worker.await.unwrap());
        }
        titles.dedup();
        assert_eq!(titles.len(), 1);
    }
}
