//! A database of its own for each test, and the things that tests put into it.

use std::{str::FromStr, sync::Arc, time::Duration};

use domain::{Lane, Priority, Project, Repositories, Task, TaskKey};
use engine::storage::{Access, Claimed, DeliveryState, Flow, Message, NewDelivery, Storage, Transaction};
use jiff::{SignedDuration, Timestamp};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use store::{ConnectOptions, Store};
use tempfile::TempDir;
use url::Url;
use uuid::Uuid;

/// The variable with the URL of a PostgreSQL server on which tests may make databases.
const SERVER: &str = "MISSION_CONTROL_TEST_POSTGRES_URL";

/// Defines each test twice: on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($(#[doc = $text:literal])* async fn $name:ident($fixture:ident) $body:block)*) => {$(
        $(#[doc = $text])*
        mod $name {
            use super::*;

            async fn check($fixture: std::sync::Arc<crate::fixture::Fixture>) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                crate::fixture::Fixture::sqlite().await.run(check).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                crate::fixture::Fixture::postgres().await.run(check).await;
            }
        }
    )*};
}
pub(crate) use on_both;

/// A database without a schema.
pub(crate) enum Blank {
    Sqlite { folder: TempDir },
    Postgres { url: Url },
}

impl Blank {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite { folder: TempDir::new().unwrap() }
    }

    pub(crate) async fn postgres() -> Self {
        let mut url = server();
        let name = format!("mc_{}", Uuid::now_v7().simple());
        server_does(&format!("CREATE DATABASE {name}")).await;
        url.set_path(&name);
        Self::Postgres { url }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite { folder } => format!("sqlite://{}/new/mission-control.db", folder.path().display()),
            Self::Postgres { url } => url.to_string(),
        }
    }

    pub(crate) async fn remove(&self) {
        if let Self::Postgres { url } = self {
            server_does(&format!("DROP DATABASE {} WITH (FORCE)", url.path().trim_start_matches('/'))).await;
        }
    }
}

fn server() -> Url {
    let url = std::env::var(SERVER)
        .unwrap_or_else(|_| panic!("{SERVER} is not set, and no test is skipped: run scripts/test, which starts a PostgreSQL"));
    Url::from_str(&url).unwrap()
}

async fn server_does(statement: &str) {
    let mut connection = PgConnection::connect(server().as_str()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A database with the schema.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) blank: Blank,
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        Self::on(Blank::sqlite()).await
    }

    pub(crate) async fn postgres() -> Self {
        Self::on(Blank::postgres().await).await
    }

    async fn on(blank: Blank) -> Self {
        let store = Store::connect(&blank.url(), &ConnectOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, blank }
    }

    /// Another process's view of the same database.
    pub(crate) async fn second_store(&self, options: &ConnectOptions) -> Store {
        Store::connect(&self.blank.url(), options).await.unwrap()
    }

    /// Runs a check and removes the database, however the check ends.
    pub(crate) async fn run<F: Future<Output = ()> + Send + 'static>(self, check: impl FnOnce(Arc<Self>) -> F) {
        let fixture = Arc::new(self);
        let outcome = tokio::spawn(check(fixture.clone())).await;
        fixture.blank.remove().await;
        if let Err(panicked) = outcome {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }

    pub(crate) async fn write(&self) -> Box<dyn Transaction> {
        self.store.begin(Access::Write).await.unwrap()
    }

    /// Claims what is due now, each with a lease of a minute.
    pub(crate) async fn claim(&self, flow: Flow, limit: u32, now: Timestamp) -> Vec<Claimed> {
        self.store.claim(flow, limit, Duration::from_secs(60), now).await.unwrap()
    }

    /// Finishes a delivery in a transaction of its own.
    pub(crate) async fn finish(&self, claimed: &Claimed, now: Timestamp) -> bool {
        let mut transaction = self.write().await;
        let held = transaction.finish(claimed, now).await.unwrap();
        transaction.commit().await.unwrap();
        held
    }

    pub(crate) async fn state(&self, id: Uuid) -> DeliveryState {
        self.store.delivery(id).await.unwrap().unwrap().state
    }

    /// A stored project.
    pub(crate) async fn project(&self, key: &str) -> Project {
        let project = project(key);
        let mut transaction = self.write().await;
        repositories(&mut transaction).add_project(&project).await.unwrap();
        transaction.commit().await.unwrap();
        project
    }
}

pub(crate) fn repositories(transaction: &mut Box<dyn Transaction>) -> &mut dyn Repositories {
    let access: store::DomainAccess = store::repositories;
    access(transaction.as_mut())
}

/// A time that both databases keep exactly.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_microsecond(1_800_000_000_000_000 + second * 1_000_000 + 123_456).unwrap()
}

pub(crate) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}

pub(crate) fn inbound(key: Option<&str>) -> NewDelivery {
    NewDelivery {
        id: Uuid::now_v7(),
        flow: Flow::Inbound,
        contract: "plane-webhook".to_owned(),
        target: "POST /hooks/plane".to_owned(),
        handler: "plane.receive_event".to_owned(),
        key: key.map(str::to_owned),
        key_scope: String::new(),
        subject: None,
        message: Message {
            path: "/hooks/plane".to_owned(),
            params: vec![("project".to_owned(), "é\0 \"x\"".to_owned())],
            query: vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())],
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: vec![0, 159, 146, 150, b'{'],
        },
        request_id: "request-1".to_owned(),
        actor: "contract:plane-webhook".to_owned(),
        received_at: at(0),
        max_attempts: 3,
        state: DeliveryState::Pending,
    }
}

pub(crate) fn outbound(subject: Option<&str>) -> NewDelivery {
    NewDelivery {
        flow: Flow::Outbound,
        contract: "n8n".to_owned(),
        target: "N8N_URL".to_owned(),
        handler: "task.created".to_owned(),
        subject: subject.map(str::to_owned),
        ..inbound(None)
    }
}

pub(crate) fn project(key: &str) -> Project {
    Project {
        id: Uuid::now_v7(),
        key: key.parse().unwrap(),
        title: format!("Project {key}"),
        created_at: at(1),
        updated_at: at(2),
    }
}

pub(crate) fn task(project: &Project, number: i64) -> Task {
    Task {
        id: Uuid::now_v7(),
        project_id: project.id,
        key: TaskKey { project: project.key.clone(), number },
        title: format!("Task {number}"),
        body: "Some *text*".to_owned(),
        lane: Lane::InProgress,
        priority: Priority::High,
        labels: vec!["back,end".to_owned(), "it's \"quoted\"".to_owned()],
        assignee: Some("ann".to_owned()),
        created_at: at(3),
        updated_at: at(4),
        deleted_at: None,
        revision: 1,
    }
}
