//! Operators, sessions, API tokens.

use contract::catalog::{Role, Scope};
use engine::storage::{Storage, StorageError};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::fixture::on_both;

on_both! {
    /// A session is found by its digest until it is over or ended.
    async fn sessions_end(fixture) {
        let now = Timestamp::now();
        let end = now + SignedDuration::from_hours(1);
        let id = fixture.store.add_operator("ann", Role::Admin).await.unwrap();
        let error = fixture.store.add_operator("ann", Role::Viewer).await.unwrap_err();
        assert!(matches!(error, StorageError::Conflict(_)), "{error}");
        let operators = fixture.store.operators().await.unwrap();
        assert_eq!((operators.len(), operators[0].id, operators[0].role), (1, id, Role::Admin));

        fixture.store.add_session(id, &[1; 32], end).await.unwrap();
        let session = fixture.store.session(&[1; 32], now).await.unwrap().unwrap();
        assert_eq!((session.operator_id, session.name.as_str(), session.role), (id, "ann", Role::Admin));
        assert_eq!(session.expires_at.as_microsecond(), end.as_microsecond());
        assert!(fixture.store.session(&[2; 32], now).await.unwrap().is_none());
        assert!(fixture.store.session(&[1; 32], end).await.unwrap().is_none());
        assert!(fixture.store.remove_session(&[1; 32]).await.unwrap());
        assert!(!fixture.store.remove_session(&[1; 32]).await.unwrap());
        assert!(fixture.store.session(&[1; 32], now).await.unwrap().is_none());
        assert!(fixture.store.add_session(Uuid::now_v7(), &[3; 32], end).await.is_err(), "nobody's session");
    }

    /// A token is found by its digest until it is over or revoked; its last use is noted once a minute.
    async fn tokens_end_and_their_use_is_noted(fixture) {
        let now = Timestamp::now();
        let minutes = |n: i64| now + SignedDuration::from_mins(n);
        let id = fixture.store.add_token("ci", Scope::Write, &[1; 32], Some(minutes(60))).await.unwrap();
        fixture.store.add_token("forever", Scope::Read, &[2; 32], None).await.unwrap();
        let error = fixture.store.add_token("copy", Scope::Admin, &[1; 32], None).await.unwrap_err();
        assert!(matches!(error, StorageError::Conflict(_)), "{error}");

        let last_use = async || fixture.store.tokens().await.unwrap()[0].last_used_at.map(|time| time.as_microsecond());
        assert_eq!(last_use().await, None);
        let found = fixture.store.token(&[1; 32], now).await.unwrap().unwrap();
        assert_eq!((found.id, found.name.as_str(), found.scope), (id, "ci", Scope::Write));
        assert_eq!(last_use().await, Some(now.as_microsecond()));
        fixture.store.token(&[1; 32], now + SignedDuration::from_secs(59)).await.unwrap().unwrap();
        assert_eq!(last_use().await, Some(now.as_microsecond()));
        fixture.store.token(&[1; 32], minutes(1)).await.unwrap().unwrap();
        assert_eq!(last_use().await, Some(minutes(1).as_microsecond()));

        assert!(fixture.store.token(&[1; 32], minutes(60)).await.unwrap().is_none(), "over");
        assert!(fixture.store.token(&[2; 32], minutes(999_999)).await.unwrap().is_some(), "without an end");
        assert!(fixture.store.token(&[9; 32], now).await.unwrap().is_none(), "unknown");
        assert!(fixture.store.revoke_token(id).await.unwrap());
        assert!(!fixture.store.revoke_token(id).await.unwrap());
        assert!(fixture.store.token(&[1; 32], now).await.unwrap().is_none(), "revoked");
        assert!(fixture.store.tokens().await.unwrap()[0].revoked_at.is_some());
    }
}
