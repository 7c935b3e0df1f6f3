//! Prints how many rows per second the store commits and handles: `rates DATABASE_URL [DATABASE_URL…]`. The databases are
//! written to and should be empty ones.

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use engine::storage::{Access, DeliveryState, Flow, Message, NewDelivery, Storage};
use jiff::Timestamp;
use store::{ConnectOptions, Store};
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const WARM_UP: usize = 200;
const TIME: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    println!("{:<12}{:<44}{:>12}", "database", "work", "rows/s");
    for url in env::args().skip(1) {
        let store = Store::connect(&url, &ConnectOptions::default()).await?;
        store.migrate().await?;
        let kind = if store.name().starts_with("sqlite") { "SQLite" } else { "PostgreSQL" };
        for (group, workers) in [(1, 1), (1, 16), (16, 1), (64, 1), (64, 2), (64, 4)] {
            let rate = accept(&store, group, workers).await?;
            println!("{kind:<12}{:<44}{rate:>12.0}", format!("accept, groups of {group}, {workers} at a time"));
        }
        let waiting: u64 = store.depths().await?.iter().map(|depth| depth.count).sum();
        for workers in [1, 4] {
            let rate = handle(&store, workers).await?;
            println!("{kind:<12}{:<44}{rate:>12.0}", format!("claim 32 and finish each, {workers} at a time"));
        }
        println!("{kind:<12}{waiting} deliveries waited as the claims began");
    }
    Ok(())
}

fn delivery() -> NewDelivery {
    let id = Uuid::now_v7();
    let headers = [("content-type", "application/json"), ("x-plane-event", "issue"), ("user-agent", "autoscaler")];
    NewDelivery {
        id,
        flow: Flow::Inbound,
        contract: "plane-webhook".to_owned(),
        target: "POST /api/v1/projects/{project_id}/integrations/plane/webhook".to_owned(),
        handler: "plane.receive_event".to_owned(),
        key: Some(id.to_string()),
        key_scope: String::new(),
        subject: None,
        message: Message {
            path: "/api/v1/projects/demo/integrations/plane/webhook".to_owned(),
            params: vec![("project_id".to_owned(), "demo".to_owned())],
            query: Vec::new(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: vec![b'x'; 1024],
        },
        request_id: id.to_string(),
        actor: "contract:plane-webhook".to_owned(),
        received_at: Timestamp::now(),
        max_attempts: 8,
        state: DeliveryState::Pending,
    }
}

/// Rows per second of `workers` that each commit one group after another.
async fn accept(store: &Store, group: usize, workers: usize) -> Outcome<f64> {
    for _ in 0..WARM_UP / group + 1 {
        store.accept(&(0..group).map(|_| delivery()).collect::<Vec<_>>()).await?;
    }
    run(store, workers, move |store, counted| async move {
        let rows: Vec<_> = (0..group).map(|_| delivery()).collect();
        store.accept(&rows).await?;
        counted.fetch_add(group, Ordering::Relaxed);
        Ok(true)
    })
    .await
}

/// Rows per second of `workers` that each claim 32 and finish every one in a transaction of its own.
async fn handle(store: &Store, workers: usize) -> Outcome<f64> {
    run(store, workers, move |store, counted| async move {
        let claimed = store.claim(Flow::Inbound, 32, Duration::from_secs(60), Timestamp::now()).await?;
        for claimed in &claimed {
            let mut transaction = store.begin(Access::Write).await?;
            transaction.finish(claimed, Timestamp::now()).await?;
            transaction.commit().await?;
            counted.fetch_add(1, Ordering::Relaxed);
        }
        Ok(!claimed.is_empty())
    })
    .await
}

async fn run<F, W>(store: &Store, workers: usize, work: W) -> Outcome<f64>
where
    W: Fn(Store, Arc<AtomicUsize>) -> F + Clone + Send + 'static,
    F: Future<Output = Outcome<bool>> + Send,
{
    let began = Instant::now();
    let counted = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..workers)
        .map(|_| {
            let (store, counted, work) = (store.clone(), counted.clone(), work.clone());
            tokio::spawn(async move {
                while began.elapsed() < TIME && work(store.clone(), counted.clone()).await? {}
                Outcome::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(counted.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}
