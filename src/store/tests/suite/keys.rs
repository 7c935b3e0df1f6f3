//! Idempotency keys of synchronous requests.

use engine::storage::{Accepted, Access, DeliveryState, KeyClaim, NewDelivery, Storage, StoredReply};

use crate::fixture::{at, inbound, on_both};

fn reply(text: &str) -> StoredReply {
    StoredReply { status: 201, media_type: "application/json".to_owned(), body: text.as_bytes().to_vec() }
}

on_both! {
    /// The first request takes the key, and later ones find its answer.
    async fn a_taken_key_gives_the_first_answer(fixture) {
        let first = inbound(Some("k"));
        let mut transaction = fixture.write().await;
        assert_eq!(transaction.take_key(&first, b"digest").await.unwrap(), KeyClaim::New);
        transaction.keep_reply(first.id, &reply("one"), at(1)).await.unwrap();
        transaction.commit().await.unwrap();

        let mut transaction = fixture.write().await;
        let claim = transaction.take_key(&inbound(Some("k")), b"other").await.unwrap();
        assert_eq!(claim, KeyClaim::Taken { body_digest: b"digest".to_vec(), reply: reply("one") });
        assert_eq!(transaction.take_key(&inbound(Some("k-2")), b"other").await.unwrap(), KeyClaim::New);
        transaction.commit().await.unwrap();

        let record = fixture.store.delivery(first.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.finished_at, record.reply), (DeliveryState::Done, Some(at(1)), Some(reply("one"))));
        assert_eq!(fixture.store.accept(&[inbound(Some("k"))]).await.unwrap(), [Accepted::Repeated(first.id)]);
    }

    /// A key whose holder rolled back is free.
    async fn a_key_that_was_rolled_back_is_free(fixture) {
        let mut transaction = fixture.write().await;
        transaction.take_key(&inbound(Some("k")), b"one").await.unwrap();
        transaction.rollback().await.unwrap();
        let mut transaction = fixture.write().await;
        assert_eq!(transaction.take_key(&inbound(Some("k")), b"two").await.unwrap(), KeyClaim::New);
        drop(transaction);
        let mut transaction = fixture.write().await;
        assert_eq!(transaction.take_key(&inbound(Some("k")), b"three").await.unwrap(), KeyClaim::New);
        transaction.rollback().await.unwrap();
    }

    /// Of many at the same time one acts; the others wait for its end and get its answer.
    async fn concurrent_requests_with_one_key_act_once(fixture) {
        let work: Vec<_> = (0..8).map(|worker| {
            let fixture = fixture.clone();
            tokio::spawn(async move {
                let mut transaction = fixture.store.begin(Access::Write).await.unwrap();
                let delivery = inbound(Some("one"));
                match transaction.take_key(&delivery, b"digest").await.unwrap() {
                    KeyClaim::New if worker % 2 == 0 => {
                        // This holder fails, and the next in line gets the key.
                        transaction.rollback().await.unwrap();
                        None
                    }
                    KeyClaim::New => {
                        transaction.keep_reply(delivery.id, &reply(&worker.to_string()), at(1)).await.unwrap();
                        transaction.commit().await.unwrap();
                        Some(reply(&worker.to_string()))
                    }
                    KeyClaim::Taken { reply, .. } => Some(reply),
                }
            })
        }).collect();
        let mut replies = Vec::new();
        for worker in work {
            replies.extend(worker.await.unwrap());
        }
        assert!(replies.len() >= 4);
        assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
    }

    /// A key that a durable delivery has is taken too; there is no kept answer, so the repeat learns that it was accepted.
    async fn a_key_of_a_durable_delivery_is_taken(fixture) {
        let durable = NewDelivery { message: engine::storage::Message { body: b"abc".to_vec(), ..Default::default() }, ..inbound(Some("k")) };
        fixture.store.accept(&[durable]).await.unwrap();
        let mut transaction = fixture.write().await;
        let KeyClaim::Taken { body_digest, reply } = transaction.take_key(&inbound(Some("k")), b"x").await.unwrap() else {
            panic!("the key was given twice")
        };
        // SHA-256 of `abc`, FIPS 180-2 appendix B.1.
        assert_eq!(body_digest[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!((reply.status, reply.body.len()), (202, 0));
        transaction.rollback().await.unwrap();
    }
}
