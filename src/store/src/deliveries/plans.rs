//! Tests of SQLite's query plans: whatever is done often must not look at what is done.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use engine::storage::{Access, DeliveryFilter, DeliveryState, Flow};
use uuid::Uuid;

use super::{inbox, list, queue};
use crate::{ConnectOptions, Store, sql::Sql};

/// The steps of a statement's plan that touch deliveries. Unbound placeholders are null, which leaves the plan as it is.
async fn plan(store: &Store, statement: &str) -> Vec<String> {
    let mut link = store.db.link(Access::Read).await.unwrap();
    let rows = link.rows(Sql::Built(format!("EXPLAIN QUERY PLAN {statement}")), Vec::new()).await.unwrap();
    let steps = rows.iter().map(|row| row.text("detail").unwrap());
    steps.filter(|step| step.starts_with("SCAN") || step.starts_with("SEARCH")).collect()
}

async fn empty() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::connect(&format!("sqlite://{}/db", folder.path().display()), &ConnectOptions::default()).await.unwrap();
    store.migrate().await.unwrap();
    (folder, store)
}

/// Whether the table itself is never scanned and the index is used.
fn assert_uses(steps: &[String], index: &str) {
    assert!(steps.iter().any(|step| step.contains(index)), "{index} is not used: {steps:#?}");
    let scans = steps.iter().filter(|step| step.starts_with("SCAN deliveries") || step.starts_with("SCAN d "));
    assert_eq!(scans.filter(|step| !step.contains("INDEX")).count(), 0, "the table is scanned: {steps:#?}");
}

#[tokio::test]
async fn claims_and_pruning_use_their_indexes() {
    let (_folder, store) = empty().await;
    assert_uses(&plan(&store, queue::claim_text(Flow::Inbound, false)).await, "deliveries_due (flow=? AND due_at<?)");
    let outbound = plan(&store, queue::claim_text(Flow::Outbound, false)).await;
    assert_uses(&outbound, "deliveries_due (flow=? AND due_at<?)");
    assert_uses(&outbound, "deliveries_order (contract=? AND target=? AND subject=? AND seq<?)");
    for text in queue::prune_texts(false) {
        assert_uses(&plan(&store, text).await, "deliveries_finished (state=? AND finished_at<?)");
    }
}

#[tokio::test]
async fn repeats_are_looked_up_by_their_key() {
    let (_folder, store) = empty().await;
    let steps = plan(&store, &inbox::earlier_text(3)).await;
    assert_uses(&steps, "deliveries_key (flow=? AND contract=? AND target=? AND idempotency_key=? AND key_scope=?)");
}

#[tokio::test]
async fn counts_and_lists_use_their_indexes() {
    let (_folder, store) = empty().await;
    assert_uses(&plan(&store, list::DEPTHS).await, "COVERING INDEX deliveries_waiting");
    assert_uses(&plan(&store, list::UNFINISHED).await, "deliveries_waiting (state=? AND contract=?)");
    let newest = "COVERING INDEX deliveries_key (flow=? AND contract=? AND target=?";
    assert_uses(&plan(&store, list::NEWEST_KEY).await, newest);
    let all = DeliveryFilter { limit: 50, ..DeliveryFilter::default() };
    let of_contract = Some("c".to_owned());
    for (filter, index) in [
        (DeliveryFilter { state: Some(DeliveryState::Dead), ..all.clone() }, "deliveries_waiting (state=?)"),
        (
            DeliveryFilter { state: Some(DeliveryState::Dead), contract: of_contract.clone(), ..all.clone() },
            "deliveries_waiting (state=? AND contract=?)",
        ),
        (DeliveryFilter { contract: of_contract.clone(), ..all.clone() }, "deliveries_contract (contract=?)"),
        (
            DeliveryFilter { contract: of_contract, before: Some(Uuid::nil()), ..all.clone() },
            "deliveries_contract (contract=? AND id<?)",
        ),
        (all, "INDEX sqlite_autoindex_deliveries_1"),
    ] {
        let (text, _) = list::list_query(&filter);
        assert_uses(&plan(&store, &text).await, index);
    }
}
