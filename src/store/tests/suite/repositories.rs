//! The domain's repositories: everything reads back as it was written, and conflicts are seen.

use domain::{
    Approval, ApprovalSource, ApprovalState, Comment, Decision, ExternalMapping, Lane, MappedKind, ProjectionState,
    RepositoryError, SetupImport, Task, TaskFilter, Verdict,
};
use engine::storage::{Access, Storage};
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{at, on_both, project, repositories, task};

fn approval(source: ApprovalSource, id: &str) -> Approval {
    Approval {
        approval_id: id.to_owned(),
        source,
        project_id: "eng".to_owned(),
        task_key: "ENG-1".to_owned(),
        title: "Deploy".to_owned(),
        summary: "To production".to_owned(),
        requested_by: "lead".to_owned(),
        requested_at: at(10),
        expires_at: Some(at(100)),
        state: ApprovalState::Pending,
        decision: None,
        payload: json!({"risk": ["high", null]}),
        source_updated_at: None,
    }
}

on_both! {
    /// Projects are found by id and by key in any case, listed by key, and changed.
    async fn projects_are_kept(fixture) {
        let eng = fixture.project("eng").await;
        let ops = fixture.project("OPS").await;
        let mut transaction = fixture.write().await;
        let repositories = repositories(&mut transaction);
        for name in ["ENG", "eng", "Eng", &eng.id.to_string()] {
            assert_eq!(repositories.project(name).await.unwrap().as_ref(), Some(&eng), "{name}");
        }
        assert_eq!(repositories.project(&Uuid::now_v7().to_string()).await.unwrap(), None);
        assert_eq!(repositories.projects(None, 9).await.unwrap(), [eng.clone(), ops.clone()]);
        assert_eq!(repositories.projects(Some("eng"), 9).await.unwrap(), [ops]);
        assert_eq!(repositories.projects(None, 1).await.unwrap(), std::slice::from_ref(&eng));
        let renamed = domain::Project { title: "Engines\0".to_owned(), updated_at: at(50), ..eng };
        repositories.update_project(&renamed).await.unwrap();
        let stored = repositories.project("ENG").await.unwrap().unwrap();
        assert_eq!((stored.title.as_str(), stored.updated_at), ("Engines\u{fffd}", at(50)));
        assert!(matches!(repositories.update_project(&project("NIL")).await, Err(RepositoryError::Internal(_))));
    }

    /// Tasks are found, listed by number with every filter, and kept when deleted.
    async fn tasks_are_kept(fixture) {
        let eng = fixture.project("ENG").await;
        let ops = fixture.project("OPS").await;
        let mut transaction = fixture.write().await;
        let repositories = repositories(&mut transaction);
        let one = task(&eng, 1);
        let two = Task { lane: Lane::Done, labels: vec![",".to_owned(), "nul\0".to_owned()], assignee: None, ..task(&eng, 2) };
        let three = Task { deleted_at: Some(at(9)), ..task(&eng, 3) };
        for task in [&one, &two, &three, &task(&ops, 1)] {
            repositories.add_task(task).await.unwrap();
        }
        let two = Task { labels: vec![",".to_owned(), "nul\u{fffd}".to_owned()], ..two };
        assert_eq!(repositories.task(one.id).await.unwrap().as_ref(), Some(&one));
        assert_eq!(repositories.task_by_key(&"ENG-3".parse().unwrap()).await.unwrap().as_ref(), Some(&three));
        assert_eq!(repositories.task_by_key(&"ENG-4".parse().unwrap()).await.unwrap(), None);
        let all = TaskFilter { limit: 9, ..TaskFilter::default() };
        assert_eq!(repositories.tasks(eng.id, &all).await.unwrap(), [one.clone(), two.clone()]);
        let in_done = TaskFilter { lane: Some(Lane::Done), ..all.clone() };
        assert_eq!(repositories.tasks(eng.id, &in_done).await.unwrap(), std::slice::from_ref(&two));
        assert_eq!(repositories.tasks(eng.id, &TaskFilter { after: Some(1), ..all.clone() }).await.unwrap(), std::slice::from_ref(&two));
        assert_eq!(repositories.tasks(eng.id, &TaskFilter { limit: 1, ..all.clone() }).await.unwrap(), std::slice::from_ref(&one));
        for (label, expected) in [("it's \"quoted\"", vec![&one]), (",", vec![&two]), ("nul\0", vec![&two]), ("back", vec![])] {
            let labelled = TaskFilter { label: Some(label.to_owned()), ..all.clone() };
            assert_eq!(repositories.tasks(eng.id, &labelled).await.unwrap().iter().collect::<Vec<_>>(), expected, "{label}");
        }
        assert!(matches!(repositories.add_task(&task(&eng, 1)).await, Err(RepositoryError::Conflict(_))));
    }

    /// A change has to know the revision that it changes.
    async fn a_stale_revision_is_a_conflict(fixture) {
        let eng = fixture.project("ENG").await;
        let mut transaction = fixture.write().await;
        let repositories = repositories(&mut transaction);
        let first = task(&eng, 1);
        repositories.add_task(&first).await.unwrap();
        let second = Task { revision: 2, lane: Lane::Review, labels: vec![], deleted_at: Some(at(8)), ..first.clone() };
        repositories.update_task(&second).await.unwrap();
        assert_eq!(repositories.task(first.id).await.unwrap(), Some(second.clone()));
        assert!(matches!(repositories.update_task(&second).await, Err(RepositoryError::Conflict(_))));
        assert!(matches!(repositories.update_task(&Task { revision: 4, ..first }).await, Err(RepositoryError::Conflict(_))));
        assert_eq!(repositories.task(second.id).await.unwrap(), Some(second));
    }

    /// A number is given once, and the counter can be raised but not lowered.
    async fn task_numbers_are_given_once(fixture) {
        let eng = fixture.project("ENG").await;
        let work: Vec<_> = (0..10).map(|_| {
            let (fixture, project) = (fixture.clone(), eng.id);
            tokio::spawn(async move {
                let mut transaction = fixture.write().await;
                let number = repositories(&mut transaction).next_task_number(project).await.unwrap();
                transaction.commit().await.unwrap();
                number
            })
        }).collect();
        let mut numbers = Vec::new();
        for worker in work {
            numbers.push(worker.await.unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
        let mut transaction = fixture.write().await;
        let repositories = repositories(&mut transaction);
        repositories.raise_task_number(eng.id, 20).await.unwrap();
        repositories.raise_task_number(eng.id, 5).await.unwrap();
        assert_eq!(repositories.next_task_number(eng.id).await.unwrap(), 21);
        assert!(repositories.next_task_number(Uuid::now_v7()).await.is_err());
        assert!(repositories.raise_task_number(Uuid::now_v7(), 5).await.is_err());
    }

    /// Comments are written whole, listed oldest first, and left out once deleted.
    async fn comments_are_kept(fixture) {
        let eng = fixture.project("ENG").await;
        let mut transaction = fixture.write().await;
        let repositories = repositories(&mut transaction);
        let on = task(&eng, 1);
        repositories.add_task(&on).await.unwrap();
        let comment = |second| Comment {
            id: Uuid::now_v7(), task_id: on.id, author: "ann".to_owned(), body: "Hm".to_owned(),
            created_at: at(second), updated_at: at(second), deleted_at: None,
        };
        let (late, early) = (comment(9), comment(5));
        repositories.put_comment(&late).await.unwrap();
        repositories.put_comment(&early).await.unwrap();
        assert_eq!(repositories.comments(on.id).await.unwrap(), [early.clone(), late.clone()]);
        let deleted = Comment { body: "Changed".to_owned(), deleted_at: Some(at(11)), ..early };
        repositories.put_comment(&deleted).await.unwrap();
        assert_eq!(repositories.comments(on.id).await.unwrap(), [late]);
        assert_eq!(repositories.comment(deleted.id).await.unwrap(), Some(deleted));
        assert_eq!(repositories.comment(Uuid::now_v7()).await.unwrap(), None);
        assert!(repositories.put_comment(&Comment { task_id: Uuid::now_v7(), ..comment(1) }).await.is_err(), "on no task");
    }

    /// Mappings are written whole and found from both sides.
    async fn mappings_are_kept(fixture) {
        let mut transaction = fixture.write().await;
        let mappings = repositories(&mut transaction);
        let mapping = ExternalMapping {
            source: "plane".to_owned(), kind: MappedKind::Task, external_id: "a\0b".to_owned(), local_id: Uuid::nil(),
            source_updated_at: Some(at(5)), deleted_at: None,
        };
        assert_eq!(mappings.mapping("plane", MappedKind::Task, "a\0b").await.unwrap(), None);
        mappings.put_mapping(&mapping).await.unwrap();
        let mapping = ExternalMapping { local_id: Uuid::now_v7(), source_updated_at: None, deleted_at: Some(at(6)), ..mapping };
        mappings.put_mapping(&mapping).await.unwrap();
        let kept = ExternalMapping { external_id: "a\u{fffd}b".to_owned(), ..mapping };
        assert_eq!(mappings.mapping("plane", MappedKind::Task, "a\0b").await.unwrap().as_ref(), Some(&kept));
        assert_eq!(mappings.mapping("plane", MappedKind::Comment, "a\0b").await.unwrap(), None);
        assert_eq!(mappings.mappings_of(MappedKind::Task, kept.local_id).await.unwrap().as_slice(), std::slice::from_ref(&kept));
        assert_eq!(mappings.mappings_of(MappedKind::Project, kept.local_id).await.unwrap(), []);
        transaction.commit().await.unwrap();
        let mut reader = fixture.store.begin(Access::Read).await.unwrap();
        let found = repositories(&mut reader).mapping("plane", MappedKind::Task, "a\0b").await.unwrap();
        assert_eq!(found, Some(kept), "readers take no locks");
    }

    /// Imports are kept once, and the newest of each task are listed.
    async fn imports_are_kept(fixture) {
        let (eng, ops) = (fixture.project("ENG").await, fixture.project("OPS").await);
        let mut transaction = fixture.write().await;
        let imports = repositories(&mut transaction);
        let tasks = [task(&eng, 1), task(&eng, 2), task(&ops, 1)];
        for task in &tasks {
            imports.add_task(task).await.unwrap();
        }
        let import = |id: &str, on: &Task, revision| SetupImport {
            import_id: id.to_owned(), source: "jhf-warp".to_owned(), digest: vec![0, 255, 7], project_id: on.project_id,
            task_id: on.id, payload: json!({"a": [1, "\0"]}), revision, projection: ProjectionState::Pending, created_at: at(revision),
        };
        let all = [import("i-1", &tasks[0], 1), import("i-2", &tasks[1], 2), import("i-3", &tasks[0], 3), import("i-1b", &tasks[2], 1)];
        assert_eq!(imports.import("jhf-warp", "i-1").await.unwrap(), None);
        assert_eq!(imports.last_import_revision(eng.id).await.unwrap(), 0);
        for import in &all {
            imports.add_import(import).await.unwrap();
        }
        assert_eq!(imports.import("jhf-warp", "i-1").await.unwrap().as_ref(), Some(&all[0]));
        assert_eq!(imports.last_import_revision(eng.id).await.unwrap(), 3);
        assert_eq!(imports.newest_imports().await.unwrap(), [all[1].clone(), all[2].clone(), all[3].clone()]);
        assert!(matches!(imports.add_import(&import("i-1", &tasks[0], 9)).await, Err(RepositoryError::Conflict(_))));
        assert!(matches!(imports.add_import(&import("i-9", &tasks[0], 3)).await, Err(RepositoryError::Conflict(_))));
        imports.set_projection("jhf-warp", "i-2", ProjectionState::Written).await.unwrap();
        assert!(imports.set_projection("jhf-warp", "i-9", ProjectionState::Written).await.is_err());
        let pending: Vec<_> = imports.pending_projections().await.unwrap().into_iter().map(|import| import.import_id).collect();
        assert_eq!(pending, ["i-1", "i-1b", "i-3"]);
    }

    /// Approvals are written whole and found by id, by task and while they wait.
    async fn approvals_are_kept(fixture) {
        let mut transaction = fixture.write().await;
        let approvals = repositories(&mut transaction);
        let one = approval(ApprovalSource::ClawLedger, "a");
        let same_id = Approval { requested_at: at(5), expires_at: None, ..approval(ApprovalSource::Spindle, "a") };
        let two = Approval { requested_at: at(7), source_updated_at: Some(at(8)), ..approval(ApprovalSource::ClawLedger, "b") };
        assert_eq!(approvals.approval(ApprovalSource::ClawLedger, "a").await.unwrap(), None);
        for approval in [&one, &same_id, &two] {
            approvals.put_approval(approval).await.unwrap();
        }
        assert_eq!(approvals.approval(ApprovalSource::ClawLedger, "a").await.unwrap().as_ref(), Some(&one));
        assert_eq!(approvals.approvals_by_id("a").await.unwrap(), [one.clone(), same_id.clone()]);
        assert_eq!(approvals.pending_approvals(None, 9).await.unwrap(), [same_id.clone(), two.clone(), one.clone()]);
        assert_eq!(approvals.pending_approvals(None, 1).await.unwrap(), std::slice::from_ref(&same_id));
        let of_ledger = approvals.pending_approvals(Some(ApprovalSource::ClawLedger), 9).await.unwrap();
        assert_eq!(of_ledger, [two.clone(), one.clone()]);
        assert_eq!(approvals.approvals_of_task("eng", "ENG-1").await.unwrap(), [one.clone(), two.clone(), same_id.clone()]);
        assert_eq!(approvals.approvals_of_task("eng", "ENG-2").await.unwrap(), []);
        let decision = Decision { verdict: Verdict::Approve, decided_by: "ann".to_owned(), decided_at: at(20), note: "ok\0".to_owned() };
        let decided = Approval { state: ApprovalState::Approved, decision: Some(decision), ..one };
        approvals.put_approval(&decided).await.unwrap();
        let stored = approvals.approval(ApprovalSource::ClawLedger, "a").await.unwrap().unwrap();
        assert_eq!(stored.decision.as_ref().unwrap().note, "ok\u{fffd}");
        assert_eq!((stored.state, stored.payload), (ApprovalState::Approved, decided.payload));
        assert_eq!(approvals.pending_approvals(None, 9).await.unwrap(), [same_id, two]);
    }

    /// Events that nothing handles are counted, whatever they are called.
    async fn unknown_events_are_counted(fixture) {
        let mut transaction = fixture.write().await;
        let events = repositories(&mut transaction);
        for kind in ["cycle.created", "cycle.created", &"x".repeat(50_000), "a\0"] {
            events.count_unknown_event("plane", kind, at(1)).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
}
