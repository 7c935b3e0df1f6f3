//! Databases that go away or are busy: calls say so, nothing is acknowledged, and the store recovers alone.

use std::time::{Duration, Instant};

use engine::storage::{Accepted, Access, Storage, StorageError};
use sqlx::Connection as _;
use store::{ConnectOptions, Store};

use crate::{
    fixture::{Blank, Fixture, inbound, project, repositories},
    proxy::Proxy,
};

fn impatient() -> ConnectOptions {
    ConnectOptions {
        max_connections: 2,
        acquire_timeout: Duration::from_millis(400),
        busy_timeout: Duration::from_millis(200),
        statement_timeout: Duration::from_millis(500),
        ..ConnectOptions::default()
    }
}

fn is_unavailable<T: std::fmt::Debug>(outcome: &Result<T, StorageError>) -> bool {
    matches!(outcome, Err(StorageError::Unavailable(_)))
}

/// Calls until one succeeds; fails after ten seconds.
async fn until_it_works(store: &Store) {
    let began = Instant::now();
    while let Err(error) = store.accept(&[inbound(None)]).await {
        assert!(matches!(error, StorageError::Unavailable(_)), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10), "it does not recover: {error}");
    }
}

async fn through_a_proxy() -> (Fixture, Proxy, Store) {
    let fixture = Fixture::postgres().await;
    let Blank::Postgres { url } = &fixture.blank else { unreachable!() };
    let proxy = Proxy::before(url.as_str()).await;
    let store = Store::connect(&proxy.url(url), &impatient()).await.unwrap();
    (fixture, proxy, store)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_postgres_is_unavailable_and_comes_back() {
    let (fixture, proxy, store) = through_a_proxy().await;
    fixture
        .run(async move |fixture| {
            store.accept(&[inbound(None)]).await.unwrap();
            let mut transaction = store.begin(Access::Write).await.unwrap();
            repositories(&mut transaction).add_project(&project("ENG")).await.unwrap();
            let unseen = inbound(Some("k"));
            proxy.cut();
            assert!(is_unavailable(&transaction.commit().await));
            for _ in 0..3 {
                assert!(is_unavailable(&store.accept(std::slice::from_ref(&unseen)).await));
            }
            let outcome = store.ping().await;
            assert!(is_unavailable(&outcome));
            assert!(!outcome.unwrap_err().to_string().contains("hunter2"));
            assert!(is_unavailable(&store.begin(Access::Read).await.map(drop)));
            assert!(fixture.store.delivery(unseen.id).await.unwrap().is_none());
            fixture.project("ENG").await;
            proxy.mend();
            until_it_works(&store).await;
            assert_eq!(store.accept(&[unseen]).await.unwrap(), [Accepted::Stored]);
            store.ping().await.unwrap();
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_postgres_does_not_hang_us() {
    let (fixture, proxy, store) = through_a_proxy().await;
    fixture
        .run(async move |_| {
            store.accept(&[inbound(None)]).await.unwrap();
            proxy.silence();
            let began = Instant::now();
            assert!(is_unavailable(&store.accept(&[inbound(None)]).await));
            assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
            proxy.mend();
            until_it_works(&store).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backends_ended_by_the_server_are_replaced() {
    Fixture::postgres().await.run(async move |fixture| {
        let store = fixture.second_store(&impatient()).await;
        let mut transaction = store.begin(Access::Write).await.unwrap();
        repositories(&mut transaction).add_project(&project("ENG")).await.unwrap();
        let Blank::Postgres { url } = &fixture.blank else { unreachable!() };
        let mut admin = sqlx::PgConnection::connect(url.as_str()).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(end).execute(&mut admin).await.unwrap();
        assert!(is_unavailable(&transaction.commit().await));
        until_it_works(&store).await;
        let mut reader = store.begin(Access::Read).await.unwrap();
        assert!(repositories(&mut reader).project("ENG").await.unwrap().is_none());
    }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_waits_too_long_is_unavailable() {
    Fixture::postgres()
        .await
        .run(async move |fixture| {
            let store = fixture.second_store(&impatient()).await;
            let mut holder = fixture.write().await;
            holder.take_key(&inbound(Some("k")), b"one").await.unwrap();
            let mut waiter = store.begin(Access::Write).await.unwrap();
            assert!(is_unavailable(&waiter.take_key(&inbound(Some("k")), b"two").await));
            waiter.rollback().await.unwrap();
            holder.rollback().await.unwrap();
            until_it_works(&store).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_connections_in_use_is_unavailable() {
    Fixture::postgres()
        .await
        .run(async move |fixture| {
            let store = fixture.second_store(&impatient()).await;
            let held = [store.begin(Access::Write).await.unwrap(), store.begin(Access::Write).await.unwrap()];
            assert!(is_unavailable(&store.accept(&[inbound(None)]).await));
            for transaction in held {
                transaction.rollback().await.unwrap();
            }
            until_it_works(&store).await;
        })
        .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_cannot_be_opened() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = Store::connect(&format!("postgres://ann:hunter2@127.0.0.1:{port}/mc"), &impatient()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    assert!(error.to_string().contains(&format!("postgres://ann@127.0.0.1:{port}/mc")), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_sqlite_is_unavailable_and_comes_back() {
    Fixture::sqlite()
        .await
        .run(async move |fixture| {
            let other_process = fixture.second_store(&impatient()).await;
            let holder = fixture.write().await;
            assert!(is_unavailable(&other_process.accept(&[inbound(None)]).await));
            assert!(is_unavailable(&other_process.begin(Access::Write).await.map(drop)));
            assert!(is_unavailable(&other_process.ping().await));
            holder.rollback().await.unwrap();
            until_it_works(&other_process).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_writer_in_this_process_is_unavailable() {
    Fixture::sqlite()
        .await
        .run(async move |fixture| {
            let store = fixture.second_store(&impatient()).await;
            let holder = store.begin(Access::Write).await.unwrap();
            assert!(is_unavailable(&store.accept(&[inbound(None)]).await));
            drop(holder);
            until_it_works(&store).await;
        })
        .await;
}
