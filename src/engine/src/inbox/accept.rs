//! The acknowledging half of the inbox: deliveries that arrive at the same time are committed together, and each is answered
//! only after its group is committed. One commit then serves many callers, which is what makes durable acknowledgements
//! cheaper than one committed row each.

use std::{sync::Arc, time::Instant};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::{
    observe::Metrics,
    problem::{Problem, ProblemKind},
    storage::{Accepted, NewDelivery, Storage, StorageError, StorageResult},
};

/// Most deliveries of one commit.
const MOST_IN_GROUP: usize = 256;
/// Deliveries that may wait for their commit; further ones are answered 503.
const MOST_WAITING: usize = 4_096;

/// Takes deliveries and answers once they are committed.
#[derive(Clone)]
pub struct Committer {
    sender: mpsc::Sender<Waiting>,
}

struct Waiting {
    delivery: NewDelivery,
    answer: oneshot::Sender<StorageResult<Accepted>>,
}

impl Committer {
    /// Starts `parallel` committing tasks in `tasks`. They end when every `Committer` is gone.
    pub fn start(storage: Arc<dyn Storage>, metrics: Arc<Metrics>, parallel: usize, tasks: &mut JoinSet<()>) -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
        for _ in 0..parallel.max(1) {
            tasks.spawn(commit_groups(storage.clone(), metrics.clone(), receiver.clone()));
        }
        Self { sender }
    }

    /// Commits one delivery, together with whatever else arrives meanwhile. 503 when the database or the queue is not able to.
    pub async fn commit(&self, delivery: NewDelivery) -> Result<Accepted, Problem> {
        let (answer, committed) = oneshot::channel();
        let overloaded = |_| {
            Problem::new(
                ProblemKind::Unavailable,
                "More deliveries wait to be stored than may; nothing was stored, send it again",
            )
        };
        self.sender.try_send(Waiting { delivery, answer }).map_err(overloaded)?;
        let lost = |_| Problem::new(ProblemKind::Unavailable, "The service is stopping; nothing was acknowledged, send it again");
        Ok(committed.await.map_err(lost)??)
    }
}

async fn commit_groups(
    storage: Arc<dyn Storage>,
    metrics: Arc<Metrics>,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting>>>,
) {
    let mut waiting = Vec::with_capacity(MOST_IN_GROUP);
    loop {
        if receiver.lock().await.recv_many(&mut waiting, MOST_IN_GROUP).await == 0 {
            return;
        }
        let (deliveries, answers): (Vec<_>, Vec<_>) = waiting.drain(..).map(|waiting| (waiting.delivery, waiting.answer)).unzip();
        let started = Instant::now();
        let outcome = storage.accept(&deliveries).await;
        metrics.groups.with_label_values::<&str>(&[]).observe(started.elapsed().as_secs_f64());
        match outcome {
            Ok(accepted) => answers.into_iter().zip(accepted).for_each(|(answer, accepted)| drop(answer.send(Ok(accepted)))),
            Err(StorageError::Internal(_)) if deliveries.len() > 1 => commit_singly(&*storage, &deliveries, answers).await,
            Err(error) => answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone())))),
        }
    }
}

/// One delivery that the database refuses must not take its group with it.
async fn commit_singly(
    storage: &dyn Storage,
    deliveries: &[NewDelivery],
    answers: Vec<oneshot::Sender<StorageResult<Accepted>>>,
) {
    for (delivery, answer) in deliveries.iter().zip(answers) {
        let outcome = storage.accept(std::slice::from_ref(delivery)).await;
        let outcome = outcome.and_then(|mut accepted| accepted.pop().ok_or_else(|| StorageError::Internal("no answer".into())));
        drop(answer.send(outcome));
    }
}
