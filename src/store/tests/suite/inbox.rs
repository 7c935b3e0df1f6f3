//! Storing deliveries: groups, repeats, outbound ones inside a transaction, what a stored delivery looks like.

use engine::storage::{Accepted, DeliveryFilter, DeliveryState, Flow, NewDelivery, QueueDepth, Storage, StorageError};
use uuid::Uuid;

use crate::fixture::{at, inbound, on_both, outbound};

on_both! {
    /// A delivery reads back as it was offered.
    async fn a_stored_delivery_is_whole(fixture) {
        let offered = NewDelivery { subject: Some("task/1".to_owned()), ..inbound(Some("k-1")) };
        assert_eq!(fixture.store.accept(std::slice::from_ref(&offered)).await.unwrap(), [Accepted::Stored]);
        let stored = fixture.store.delivery(offered.id).await.unwrap().unwrap();
        assert_eq!(stored.message.unwrap(), offered.message);
        assert_eq!((stored.key, stored.subject, stored.state), (offered.key, offered.subject, DeliveryState::Pending));
        assert_eq!((stored.received_at, stored.due_at, stored.finished_at), (at(0), at(0), None));
        assert_eq!((stored.attempts, stored.max_attempts, stored.last_error, stored.reply), (0, 3, None, None));
        assert_eq!(fixture.store.delivery(Uuid::now_v7()).await.unwrap().map(|found| found.id), None);
    }

    /// Repeats of stored keys and repeats inside the group name the one delivery that counts.
    async fn a_group_stores_each_key_once(fixture) {
        let first = inbound(Some("a"));
        fixture.store.accept(std::slice::from_ref(&first)).await.unwrap();
        let elsewhere = NewDelivery { target: "POST /other".to_owned(), ..inbound(Some("a")) };
        let group = [inbound(Some("a")), inbound(Some("b")), inbound(None), inbound(Some("b")), inbound(None), elsewhere];
        let answers = fixture.store.accept(&group).await.unwrap();
        let expected = [
            Accepted::Repeated(first.id),
            Accepted::Stored,
            Accepted::Stored,
            Accepted::Repeated(group[1].id),
            Accepted::Stored,
            Accepted::Stored,
        ];
        assert_eq!(answers, expected);
        let filter = DeliveryFilter { limit: 100, ..DeliveryFilter::default() };
        assert_eq!(fixture.store.deliveries(&filter).await.unwrap().len(), 5);
        assert_eq!(fixture.store.accept(&[]).await.unwrap(), []);
    }

    /// Groups of every size, above the size of one statement too, and half of them known.
    async fn a_group_may_have_any_size(fixture) {
        for size in [1_usize, 2, 5, 63, 64, 65, 150, 700] {
            let group: Vec<_> = (0..size).map(|n| inbound(Some(&format!("{size}-{n}")))).collect();
            let answers = fixture.store.accept(&group).await.unwrap();
            assert!(answers.iter().all(|answer| *answer == Accepted::Stored), "{size}");
            let again: Vec<_> = (0..size).map(|n| inbound(Some(&format!("{size}-{}", n * 2)))).collect();
            let answers = fixture.store.accept(&again).await.unwrap();
            for (n, answer) in answers.iter().enumerate() {
                let expected = group.get(n * 2).map_or(Accepted::Stored, |first| Accepted::Repeated(first.id));
                assert_eq!(*answer, expected, "{size}, {n}");
            }
        }
    }

    /// A failure in a group keeps nothing of it.
    async fn a_group_is_stored_whole_or_not_at_all(fixture) {
        let taken = inbound(None);
        fixture.store.accept(std::slice::from_ref(&taken)).await.unwrap();
        let mut group: Vec<_> = (0..70).map(|_| inbound(None)).collect();
        group.push(taken);
        let error = fixture.store.accept(&group).await.unwrap_err();
        assert!(matches!(error, StorageError::Conflict(_)), "{error}");
        assert!(fixture.store.delivery(group[0].id).await.unwrap().is_none());
        fixture.store.accept(&group[..70]).await.unwrap();
    }

    /// Many acceptors with the same keys in different orders: each key is stored once, and nobody waits for ever.
    async fn concurrent_groups_store_each_key_once(fixture) {
        let work = (0..8_usize).map(|worker| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let mut stored = 0;
                for round in 0..10_usize {
                    let key = |n: usize| format!("{round}-{}", if worker % 2 == 0 { n } else { 19 - n });
                    let group: Vec<_> = (0..20).map(|n| inbound(Some(&key(n)))).collect();
                    let answers = fixture.store.accept(&group).await.unwrap();
                    stored += answers.iter().filter(|answer| **answer == Accepted::Stored).count();
                }
                stored
            })
        });
        let mut stored = 0;
        for worker in work.collect::<Vec<_>>() {
            stored += worker.await.unwrap();
        }
        assert_eq!(stored, 200);
    }

    /// What needs no handling is finished as it arrives and is never claimed.
    async fn done_deliveries_are_kept_but_not_handled(fixture) {
        let done = NewDelivery { state: DeliveryState::Done, ..inbound(None) };
        fixture.store.accept(std::slice::from_ref(&done)).await.unwrap();
        assert!(fixture.claim(Flow::Inbound, 10, at(1)).await.is_empty());
        assert_eq!(fixture.store.delivery(done.id).await.unwrap().unwrap().finished_at, Some(at(0)));
    }

    /// Keys and texts that a database would refuse are kept in a form that still repeats.
    async fn long_keys_and_nul_characters_are_kept(fixture) {
        for key in ["x".repeat(100_000), "a\0b".to_owned()] {
            let first = inbound(Some(&key));
            assert_eq!(fixture.store.accept(std::slice::from_ref(&first)).await.unwrap(), [Accepted::Stored]);
            assert_eq!(fixture.store.accept(&[inbound(Some(&key))]).await.unwrap(), [Accepted::Repeated(first.id)]);
        }
        let odd = NewDelivery { actor: "a\0b".to_owned(), subject: Some("s".repeat(9000)), ..outbound(None) };
        fixture.store.accept(std::slice::from_ref(&odd)).await.unwrap();
        assert_eq!(fixture.store.delivery(odd.id).await.unwrap().unwrap().actor, "a\u{fffd}b");
    }

    /// Outbound deliveries commit and vanish with their transaction.
    async fn enqueued_deliveries_follow_their_transaction(fixture) {
        let (lost, kept) = (outbound(Some("task/1")), outbound(Some("task/1")));
        let mut transaction = fixture.write().await;
        transaction.enqueue(std::slice::from_ref(&lost)).await.unwrap();
        transaction.enqueue(&[]).await.unwrap();
        transaction.rollback().await.unwrap();
        let mut transaction = fixture.write().await;
        transaction.enqueue(std::slice::from_ref(&kept)).await.unwrap();
        transaction.commit().await.unwrap();
        assert!(fixture.store.delivery(lost.id).await.unwrap().is_none());
        assert_eq!(fixture.state(kept.id).await, DeliveryState::Pending);
    }

    /// Lists are newest first, filtered and paged; depths count what is not done.
    async fn lists_are_filtered_and_paged(fixture) {
        let mut group: Vec<_> = (0..6).map(|_| inbound(None)).collect();
        group.extend((0..2).map(|_| outbound(None)));
        fixture.store.accept(&group).await.unwrap();
        for claimed in fixture.claim(Flow::Inbound, 2, at(1)).await {
            assert!(fixture.finish(&claimed, at(2)).await);
        }
        fixture.claim(Flow::Outbound, 1, at(1)).await;
        let list = async |filter: DeliveryFilter| -> Vec<Uuid> {
            fixture.store.deliveries(&filter).await.unwrap().into_iter().map(|record| record.id).collect()
        };
        let all = DeliveryFilter { limit: 100, ..DeliveryFilter::default() };
        let ids: Vec<Uuid> = group.iter().rev().map(|delivery| delivery.id).collect();
        assert_eq!(list(all.clone()).await, ids);
        assert_eq!(list(DeliveryFilter { limit: 3, before: Some(ids[1]), ..all.clone() }).await, ids[2..5]);
        assert_eq!(list(DeliveryFilter { flow: Some(Flow::Outbound), ..all.clone() }).await, ids[..2]);
        assert_eq!(list(DeliveryFilter { contract: Some("plane-webhook".to_owned()), ..all.clone() }).await, ids[2..]);
        assert_eq!(list(DeliveryFilter { state: Some(DeliveryState::Done), ..all.clone() }).await, ids[6..]);
        let pending = DeliveryFilter { state: Some(DeliveryState::Pending), contract: Some("n8n".to_owned()), ..all };
        assert_eq!(list(pending).await, ids[..1]);

        let depth = |contract: &str, flow, state, count| QueueDepth { contract: contract.to_owned(), flow, state, count };
        let expected = [
            depth("n8n", Flow::Outbound, DeliveryState::Pending, 1),
            depth("n8n", Flow::Outbound, DeliveryState::Running, 1),
            depth("plane-webhook", Flow::Inbound, DeliveryState::Pending, 4),
        ];
        assert_eq!(fixture.store.depths().await.unwrap(), expected);
    }
}
