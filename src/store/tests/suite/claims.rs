//! The life of a delivery: claims, leases, failures, order, replay, pruning.

use std::{collections::HashSet, time::Duration};

use engine::storage::{DeliveryFilter, DeliveryState, Flow, NewDelivery, Storage, Verdict};
use jiff::Timestamp;
use uuid::Uuid;

use crate::fixture::{at, inbound, later, on_both, outbound};

on_both! {
    /// A claimed delivery carries everything, and its success is final.
    async fn a_claim_is_whole_and_its_finish_final(fixture) {
        let offered = inbound(Some("k"));
        fixture.store.accept(std::slice::from_ref(&offered)).await.unwrap();
        assert!(fixture.claim(Flow::Inbound, 10, later(at(0), -1)).await.is_empty(), "not due yet");
        assert!(fixture.claim(Flow::Outbound, 10, at(1)).await.is_empty(), "the other direction");
        assert!(fixture.claim(Flow::Inbound, 0, at(1)).await.is_empty());
        let claimed = fixture.claim(Flow::Inbound, 10, at(1)).await.remove(0);
        assert_eq!(claimed.message, offered.message);
        assert_eq!((claimed.id, claimed.attempt, claimed.max_attempts), (offered.id, 1, 3));
        assert_eq!((&claimed.handler, &claimed.actor, claimed.received_at), (&offered.handler, &offered.actor, at(0)));
        assert!(fixture.claim(Flow::Inbound, 10, at(2)).await.is_empty(), "it is leased");
        assert!(fixture.finish(&claimed, at(3)).await);
        assert!(!fixture.finish(&claimed, at(4)).await, "twice");
        let record = fixture.store.delivery(offered.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.finished_at, record.attempts), (DeliveryState::Done, Some(at(3)), 1));
        assert!(fixture.claim(Flow::Inbound, 10, later(at(0), 1_000_000)).await.is_empty());
    }

    /// What is asked before a job's tick is stored: the newest tick, and whether an earlier one is not done yet.
    async fn the_ticks_of_a_job_are_known(fixture) {
        let tick = |minute: i32| {
            let key = format!("2026-11-23T10:{minute:02}:00Z");
            NewDelivery { contract: "sweeper".to_owned(), target: "JOB sweep".to_owned(), key: Some(key), ..inbound(None) }
        };
        let known = async || {
            let newest = fixture.store.newest_key("sweeper", "JOB sweep").await.unwrap();
            (newest, fixture.store.has_unfinished("sweeper", "JOB sweep", "2026-11-23T10:02:00Z").await.unwrap())
        };
        let elsewhere = NewDelivery { target: "POST /sweep".to_owned(), ..tick(5) };
        fixture.store.accept(&[elsewhere, NewDelivery { contract: "other".to_owned(), ..tick(6) }]).await.unwrap();
        assert_eq!(known().await, (None, false), "of another target and another contract");
        fixture.store.accept(&[tick(2)]).await.unwrap();
        assert_eq!(known().await, (tick(2).key, false), "its own delivery is left out");
        let earlier = tick(1);
        fixture.store.accept(std::slice::from_ref(&earlier)).await.unwrap();
        assert_eq!(known().await, (tick(2).key, true), "pending");
        let claimed = fixture.claim(Flow::Inbound, 10, at(1)).await;
        assert_eq!(known().await, (tick(2).key, true), "running");
        for claimed in claimed {
            let dead = claimed.id == earlier.id;
            if dead {
                assert!(fixture.store.fail(&claimed, "broken", Verdict::Dead, at(2)).await.unwrap());
            } else {
                assert!(fixture.finish(&claimed, at(2)).await);
            }
        }
        assert_eq!(known().await, (tick(2).key, false), "done or dead");
    }

    /// Concurrent workers share the work and never one delivery.
    async fn concurrent_claims_share_the_work(fixture) {
        let group: Vec<_> = (0..300).map(|_| inbound(None)).collect();
        fixture.store.accept(&group).await.unwrap();
        let work: Vec<_> = (0..6).map(|_| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = fixture.claim(Flow::Inbound, 7, at(1)).await;
                    if claimed.is_empty() {
                        return mine;
                    }
                    for claimed in claimed {
                        assert!(fixture.finish(&claimed, at(2)).await);
                        mine.push(claimed.id);
                    }
                }
            })
        }).collect();
        let mut all = Vec::new();
        for worker in work {
            all.extend(worker.await.unwrap());
        }
        let unique: HashSet<Uuid> = all.iter().copied().collect();
        assert_eq!((all.len(), unique.len()), (300, 300));
    }

    /// The oldest come first.
    async fn the_oldest_are_claimed_first(fixture) {
        let group: Vec<_> = (0..9).map(|n| NewDelivery { received_at: at(8 - n), ..inbound(None) }).collect();
        fixture.store.accept(&group).await.unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.extend(fixture.claim(Flow::Inbound, 3, at(60)).await.into_iter().map(|claimed| claimed.received_at));
        }
        let mut batches: Vec<Vec<Timestamp>> = seen.chunks(3).map(<[Timestamp]>::to_vec).collect();
        batches.iter_mut().for_each(|batch| batch.sort());
        assert_eq!(batches.concat(), (0..9).map(at).collect::<Vec<_>>());
    }

    /// A lease that ran out is someone else's; its former holder can change nothing any more.
    async fn an_expired_lease_is_claimed_again_and_the_stale_holder_is_powerless(fixture) {
        let offered = inbound(None);
        fixture.store.accept(std::slice::from_ref(&offered)).await.unwrap();
        let stale = fixture.claim(Flow::Inbound, 1, at(0)).await.remove(0);
        assert!(fixture.claim(Flow::Inbound, 1, at(59)).await.is_empty());
        let fresh = fixture.claim(Flow::Inbound, 1, at(60)).await.remove(0);
        assert_eq!((fresh.attempt, fresh.id), (2, offered.id));
        assert_ne!(fresh.lease, stale.lease);
        assert!(!fixture.finish(&stale, at(61)).await);
        assert!(!fixture.store.fail(&stale, "late", Verdict::Dead, at(61)).await.unwrap());
        fixture.store.release(std::slice::from_ref(&stale)).await.unwrap();
        let record = fixture.store.delivery(offered.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.attempts, record.last_error), (DeliveryState::Running, 2, None));
        assert!(fixture.finish(&fresh, at(62)).await);
    }

    /// A delivery that ends the process each time is given up when its attempts are spent.
    async fn a_crash_loop_ends(fixture) {
        let deadly = NewDelivery { max_attempts: 2, ..inbound(None) };
        let harmless = NewDelivery { received_at: at(100), ..inbound(None) };
        fixture.store.accept(&[deadly.clone(), harmless.clone()]).await.unwrap();
        assert_eq!(fixture.claim(Flow::Inbound, 1, at(0)).await[0].attempt, 1);
        assert_eq!(fixture.claim(Flow::Inbound, 1, at(60)).await[0].attempt, 2);
        let claimed = fixture.claim(Flow::Inbound, 10, at(120)).await;
        assert_eq!(claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>(), [harmless.id]);
        let record = fixture.store.delivery(deadly.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.attempts, record.finished_at), (DeliveryState::Dead, 2, Some(at(120))));
        assert_eq!(record.last_error.as_deref(), Some("the process died during the attempt"));
        assert!(fixture.claim(Flow::Inbound, 10, at(170)).await.is_empty());
    }

    /// Failures wait for their next time or end; the reason is kept, however long.
    async fn failures_are_retried_or_given_up(fixture) {
        fixture.store.accept(&[inbound(None)]).await.unwrap();
        let first = fixture.claim(Flow::Inbound, 1, at(0)).await.remove(0);
        assert!(fixture.store.fail(&first, "no answer\0", Verdict::Retry(at(10)), at(1)).await.unwrap());
        assert!(!fixture.store.fail(&first, "again", Verdict::Retry(at(10)), at(1)).await.unwrap());
        let record = fixture.store.delivery(first.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.due_at), (DeliveryState::Pending, at(10)));
        assert_eq!(record.last_error.as_deref(), Some("no answer\u{fffd}"));
        assert!(fixture.claim(Flow::Inbound, 1, at(9)).await.is_empty());
        let second = fixture.claim(Flow::Inbound, 1, at(10)).await.remove(0);
        assert_eq!(second.attempt, 2);
        assert!(fixture.store.fail(&second, &"é".repeat(9000), Verdict::Dead, at(11)).await.unwrap());
        let record = fixture.store.delivery(first.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.finished_at), (DeliveryState::Dead, Some(at(11))));
        assert_eq!(record.last_error.unwrap().len(), 4000);
    }

    /// A released delivery is due at once and has lost no attempt.
    async fn released_leases_cost_no_attempt(fixture) {
        fixture.store.accept(&[inbound(None), inbound(None)]).await.unwrap();
        let claimed = fixture.claim(Flow::Inbound, 2, at(0)).await;
        fixture.store.release(&claimed).await.unwrap();
        fixture.store.release(&claimed).await.unwrap();
        fixture.store.release(&[]).await.unwrap();
        let again = fixture.claim(Flow::Inbound, 2, at(0)).await;
        assert_eq!(again.iter().map(|claimed| claimed.attempt).collect::<Vec<_>>(), [1, 1]);
    }

    /// Events of one subject go out one at a time and in order; other subjects, and events without one, do not wait.
    async fn outbound_events_of_a_subject_keep_their_order(fixture) {
        let (one, two, other) = (outbound(Some("task/1")), outbound(Some("task/1")), outbound(Some("task/2")));
        let elsewhere = NewDelivery { target: "OTHER_URL".to_owned(), ..outbound(Some("task/1")) };
        let (free, free_too) = (outbound(None), outbound(None));
        let mut transaction = fixture.write().await;
        let group = [one.clone(), two.clone(), other.clone(), elsewhere.clone(), free.clone(), free_too.clone()];
        transaction.enqueue(&group).await.unwrap();
        transaction.commit().await.unwrap();

        let claimed = fixture.claim(Flow::Outbound, 10, at(1)).await;
        let ids: Vec<Uuid> = claimed.iter().map(|claimed| claimed.id).collect();
        assert_eq!(ids, [one.id, other.id, elsewhere.id, free.id, free_too.id]);
        assert!(fixture.claim(Flow::Outbound, 10, at(1)).await.is_empty(), "the first is under way");
        fixture.store.fail(&claimed[0], "503", Verdict::Retry(at(30)), at(2)).await.unwrap();
        assert!(fixture.claim(Flow::Outbound, 10, at(3)).await.is_empty(), "the first waits for its next attempt");
        let again = fixture.claim(Flow::Outbound, 10, at(30)).await;
        assert_eq!(again.len(), 1);
        fixture.store.fail(&again[0], "410", Verdict::Dead, at(31)).await.unwrap();
        let next = fixture.claim(Flow::Outbound, 10, at(31)).await;
        assert_eq!(next.iter().map(|claimed| claimed.id).collect::<Vec<_>>(), [two.id], "the dead do not block");
    }

    /// The order is that of storing, not of ids: clocks of replicas differ.
    async fn outbound_order_is_the_order_of_storing(fixture) {
        let (later_id, earlier_id) = (Uuid::from_u128(2), Uuid::from_u128(1));
        for id in [later_id, earlier_id] {
            let mut transaction = fixture.write().await;
            transaction.enqueue(&[NewDelivery { id, ..outbound(Some("task/1")) }]).await.unwrap();
            transaction.commit().await.unwrap();
        }
        assert_eq!(fixture.claim(Flow::Outbound, 10, at(1)).await[0].id, later_id);
    }

    /// Concurrent dispatchers keep the order too.
    async fn concurrent_dispatchers_keep_the_order(fixture) {
        let mut transaction = fixture.write().await;
        let group: Vec<_> = (0..60).map(|n| outbound(Some(&format!("task/{}", n % 3)))).collect();
        transaction.enqueue(&group).await.unwrap();
        transaction.commit().await.unwrap();
        let sent = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let work: Vec<_> = (0..4).map(|_| {
            let (fixture, sent) = (fixture.clone(), sent.clone());
            tokio::spawn(async move {
                while sent.lock().unwrap().len() < 60 {
                    for claimed in fixture.claim(Flow::Outbound, 5, at(1)).await {
                        sent.lock().unwrap().push((claimed.subject.clone(), claimed.id));
                        assert!(fixture.finish(&claimed, at(1)).await);
                    }
                }
            })
        }).collect();
        for worker in work {
            worker.await.unwrap();
        }
        let sent = sent.lock().unwrap().clone();
        for subject in 0..3 {
            let subject = Some(format!("task/{subject}"));
            let seen: Vec<_> = sent.iter().filter(|(of, _)| *of == subject).map(|(_, id)| *id).collect();
            let expected: Vec<_> = group.iter().filter(|offered| offered.subject == subject).map(|offered| offered.id).collect();
            assert_eq!(seen, expected);
        }
    }

    /// A replay starts anew; what is on its way is left alone.
    async fn a_replay_starts_anew(fixture) {
        let offered = NewDelivery { max_attempts: 1, ..inbound(Some("k")) };
        fixture.store.accept(std::slice::from_ref(&offered)).await.unwrap();
        assert!(!fixture.store.replay(offered.id, at(1)).await.unwrap(), "pending");
        let claimed = fixture.claim(Flow::Inbound, 1, at(1)).await.remove(0);
        assert!(!fixture.store.replay(offered.id, at(1)).await.unwrap(), "running");
        fixture.store.fail(&claimed, "broken", Verdict::Dead, at(2)).await.unwrap();
        assert!(fixture.store.replay(offered.id, at(3)).await.unwrap());
        let record = fixture.store.delivery(offered.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.attempts, record.due_at, record.finished_at), (DeliveryState::Pending, 0, at(3), None));
        let claimed = fixture.claim(Flow::Inbound, 1, at(3)).await.remove(0);
        assert_eq!(claimed.attempt, 1);
        assert!(fixture.finish(&claimed, at(4)).await);
        assert!(fixture.store.replay(offered.id, at(5)).await.unwrap(), "done");
        assert!(!fixture.store.replay(Uuid::now_v7(), at(5)).await.unwrap(), "missing");
    }

    /// Pruning removes what ended long ago, a bounded number at a time, and nothing else; its key is free again.
    async fn pruning_is_bounded_and_spares_what_is_open(fixture) {
        let group: Vec<_> = (0..12).map(|n| inbound(Some(&n.to_string()))).collect();
        fixture.store.accept(&group).await.unwrap();
        let claimed = fixture.claim(Flow::Inbound, 10, at(1)).await;
        for (n, claimed) in claimed.iter().enumerate() {
            match n {
                0..6 => assert!(fixture.finish(claimed, at(10 + i64::try_from(n).unwrap())).await),
                6..9 => assert!(fixture.store.fail(claimed, "x", Verdict::Dead, at(10)).await.unwrap()),
                _ => {}
            }
        }
        let (done_before, dead_before) = (at(14), at(10));
        assert_eq!(fixture.store.prune(done_before, dead_before, 3).await.unwrap(), 3);
        assert_eq!(fixture.store.prune(done_before, dead_before, 3).await.unwrap(), 1);
        assert_eq!(fixture.store.prune(done_before, later(dead_before, 1), 2).await.unwrap(), 2);
        assert_eq!(fixture.store.prune(done_before, later(dead_before, 1), 2).await.unwrap(), 1);
        assert_eq!(fixture.store.prune(done_before, later(dead_before, 1), 2).await.unwrap(), 0);
        assert_eq!(fixture.store.prune(at(1000), at(1000), 0).await.unwrap(), 0);
        let rest = fixture.store.deliveries(&DeliveryFilter { limit: 100, ..DeliveryFilter::default() }).await.unwrap();
        assert_eq!(rest.len(), 12 - 7);
        fixture.store.accept(&[inbound(Some("0"))]).await.unwrap();
    }

    /// A lease is as long as was asked.
    async fn a_lease_has_its_length(fixture) {
        fixture.store.accept(&[inbound(None)]).await.unwrap();
        fixture.store.claim(Flow::Inbound, 1, Duration::from_millis(1500), at(0)).await.unwrap();
        let record = &fixture.store.deliveries(&DeliveryFilter { limit: 1, ..DeliveryFilter::default() }).await.unwrap()[0];
        assert_eq!(record.due_at.duration_since(at(0)).as_millis(), 1500);
    }
}
