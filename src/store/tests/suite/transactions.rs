//! Transactions: isolation, savepoints, what a failed statement does, audit entries.

use engine::storage::{Access, AuditEntry, DeprecatedUse, Storage, StorageError};
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{at, inbound, later, on_both, outbound, project, repositories};

on_both! {
    /// A reader sees one state, whatever is committed meanwhile, and cannot write.
    async fn a_reader_sees_one_state(fixture) {
        let mut reader = fixture.store.begin(Access::Read).await.unwrap();
        assert!(repositories(&mut reader).project("ENG").await.unwrap().is_none());
        fixture.project("ENG").await;
        assert!(repositories(&mut reader).project("ENG").await.unwrap().is_none());
        let error = repositories(&mut reader).add_project(&project("OPS")).await.unwrap_err();
        assert!(matches!(error, domain::RepositoryError::Internal(_)), "{error}");
        let error = reader.enqueue(&[outbound(None)]).await.unwrap_err();
        assert!(matches!(error, StorageError::Internal(_)), "{error}");
        reader.rollback().await.unwrap();
        let mut reader = fixture.store.begin(Access::Read).await.unwrap();
        assert!(repositories(&mut reader).project("eng").await.unwrap().is_some());
        reader.commit().await.unwrap();
    }

    /// A transaction that is dropped leaves nothing, and its connection works on.
    async fn a_dropped_transaction_is_rolled_back(fixture) {
        for _ in 0..40 {
            let mut transaction = fixture.write().await;
            repositories(&mut transaction).add_project(&project("ENG")).await.unwrap();
            drop(transaction);
        }
        fixture.project("ENG").await;
    }

    /// Savepoints nest; undoing one takes back what was done since, and only that.
    async fn savepoints_nest(fixture) {
        let mut transaction = fixture.write().await;
        assert!(transaction.undo().await.is_err(), "there is none");
        assert!(transaction.keep().await.is_err(), "there is none");
        repositories(&mut transaction).add_project(&project("AAA")).await.unwrap();
        transaction.savepoint().await.unwrap();
        repositories(&mut transaction).add_project(&project("BBB")).await.unwrap();
        transaction.savepoint().await.unwrap();
        repositories(&mut transaction).add_project(&project("CCC")).await.unwrap();
        transaction.undo().await.unwrap();
        repositories(&mut transaction).add_project(&project("DDD")).await.unwrap();
        transaction.keep().await.unwrap();
        transaction.savepoint().await.unwrap();
        repositories(&mut transaction).add_project(&project("EEE")).await.unwrap();
        transaction.undo().await.unwrap();
        transaction.commit().await.unwrap();
        let mut reader = fixture.store.begin(Access::Read).await.unwrap();
        let keys: Vec<_> = repositories(&mut reader).projects(None, 9).await.unwrap().into_iter().map(|found| found.key.to_string()).collect();
        assert_eq!(keys, ["AAA", "BBB", "DDD"]);
    }

    /// After a failed statement nothing is done any more and nothing is committed, on either database.
    async fn a_failed_transaction_cannot_commit(fixture) {
        let delivery = outbound(None);
        let mut transaction = fixture.write().await;
        repositories(&mut transaction).add_project(&project("ENG")).await.unwrap();
        transaction.enqueue(std::slice::from_ref(&delivery)).await.unwrap();
        let error = transaction.enqueue(std::slice::from_ref(&delivery)).await.unwrap_err();
        assert!(matches!(error, StorageError::Conflict(_)), "{error}");
        let error = repositories(&mut transaction).project("ENG").await.unwrap_err();
        assert!(matches!(error, domain::RepositoryError::Conflict(_)), "{error}");
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(error, StorageError::Conflict(_)), "{error}");
        assert!(fixture.store.delivery(delivery.id).await.unwrap().is_none());
        fixture.project("ENG").await;
    }

    /// A failure inside a savepoint is undone with it.
    async fn a_failure_inside_a_savepoint_can_be_undone(fixture) {
        let delivery = outbound(None);
        let mut transaction = fixture.write().await;
        transaction.enqueue(std::slice::from_ref(&delivery)).await.unwrap();
        transaction.savepoint().await.unwrap();
        transaction.savepoint().await.unwrap();
        assert!(transaction.enqueue(std::slice::from_ref(&delivery)).await.is_err());
        assert!(transaction.keep().await.is_err());
        transaction.undo().await.unwrap();
        repositories(&mut transaction).add_project(&project("ENG")).await.unwrap();
        transaction.keep().await.unwrap();
        transaction.commit().await.unwrap();
        assert!(fixture.store.delivery(delivery.id).await.unwrap().is_some());
    }

    /// A conflict that was found without a failed statement leaves the transaction usable.
    async fn a_found_conflict_leaves_the_transaction_usable(fixture) {
        fixture.project("ENG").await;
        let mut transaction = fixture.write().await;
        let error = repositories(&mut transaction).add_project(&project("ENG")).await.unwrap_err();
        assert!(matches!(error, domain::RepositoryError::Conflict(_)), "{error}");
        repositories(&mut transaction).add_project(&project("OPS")).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// A call that was given up half way spoils its transaction, and the database goes on.
    async fn an_abandoned_call_spoils_its_transaction(fixture) {
        let mut transaction = fixture.write().await;
        {
            // Large enough that its end cannot come at once.
            let group: Vec<_> = (0..1000).map(|_| outbound(None)).collect();
            let mut call = std::pin::pin!(transaction.enqueue(&group));
            let ended = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context).is_ready())).await;
            assert!(!ended);
        }
        let error = transaction.commit().await.unwrap_err();
        assert!(matches!(error, StorageError::Unavailable(_)), "{error}");
        fixture.store.accept(&[inbound(None)]).await.unwrap();
        assert_eq!(fixture.store.depths().await.unwrap().len(), 1);
    }

    /// Audit entries are read newest first, page by page.
    async fn audit_entries_are_paged(fixture) {
        let entry = |n: i64| AuditEntry {
            id: Uuid::from_u128(u128::try_from(n).unwrap()),
            at: at(n),
            actor: "operator:ann".to_owned(),
            contract: "tasks-api".to_owned(),
            request_id: "r".to_owned(),
            action: "task.created".to_owned(),
            object_kind: "task".to_owned(),
            object_id: n.to_string(),
            details: json!({"n": n, "nul": "\0"}),
        };
        let mut transaction = fixture.write().await;
        for n in 1..=5 {
            transaction.audit(&entry(n)).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let page = fixture.store.audit_entries(2, None).await.unwrap();
        assert_eq!(page.iter().map(|entry| entry.object_id.as_str()).collect::<Vec<_>>(), ["5", "4"]);
        let page = fixture.store.audit_entries(9, Some(page[1].id)).await.unwrap();
        assert_eq!((page.len(), page[0].at, &page[0].details), (3, at(3), &json!({"n": 3, "nul": "\0"})));
    }

    /// Uses of deprecated surfaces add up by surface and caller.
    async fn deprecated_uses_add_up(fixture) {
        let used = |caller: &str| DeprecatedUse { contract: "c".to_owned(), surface: "query secret".to_owned(), caller: caller.to_owned() };
        fixture.store.count_deprecated(&[], at(0)).await.unwrap();
        fixture.store.count_deprecated(&[(used("b"), 2), (used("a"), 1)], at(1)).await.unwrap();
        fixture.store.count_deprecated(&[(used("b"), 3)], at(9)).await.unwrap();
        let uses = fixture.store.deprecated_uses().await.unwrap();
        let shown: Vec<_> = uses.iter().map(|used| (used.caller.as_str(), used.count, used.first_at, used.last_at)).collect();
        assert_eq!(shown, [("a", 1, at(1), at(1)), ("b", 5, at(1), later(at(1), 8))]);
    }
}
