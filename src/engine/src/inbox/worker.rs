//! The handling half of the inbox and the sending half of the outbox: due deliveries are leased in batches and worked on one
//! by one, each in its own transaction that also carries the mark "done".
//!
//! A crash leaves a lease that runs out; the delivery is then due again, and since nothing of the first attempt was committed
//! it takes effect once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use rand::RngExt;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tracing::Instrument;

use crate::{
    Engine,
    execute::{Together, execute},
    handler::{DeliveryContext, Principal, Request},
    mount::{Mounted, MountedRoute},
    outbox,
    problem::{Problem, ProblemKind},
    storage::{Claimed, Flow, StorageError, Verdict},
};

/// Inbound deliveries that are claimed ahead.
const BATCH: usize = 32;
/// How long an idle worker waits before it looks again: for due retries, and for deliveries stored by other replicas.
const IDLE: Duration = Duration::from_millis(500);
/// The part of a lease in which an attempt has to begin.
const LATEST_BEGIN: f64 = 0.2;
/// The part of a lease that an attempt may take: begun as late as it may, it still ends before the lease does.
pub(crate) const LONGEST_ATTEMPT: f64 = 0.7;
/// Longest text of a stored failure.
const LONGEST_ERROR: usize = 2_000;

/// Works on deliveries of a direction until `stop` says so, then finishes what runs and hands back the rest.
///
/// Deliveries are claimed as room becomes free, so that a slow one holds up nothing but its own place. Handling is cheap to
/// claim for in batches; sending waits for the far side and claims only what begins at once.
pub async fn work(engine: Arc<Engine>, flow: Flow, mut stop: watch::Receiver<bool>) {
    let (places, at_once) = match flow {
        Flow::Inbound => (BATCH, engine.config().workers.max(1)),
        Flow::Outbound => (engine.config().senders.max(1), engine.config().senders.max(1)),
    };
    let wanted = if places > at_once { places / 2 } else { 1 };
    let (room, turns) = (Arc::new(Semaphore::new(places)), Arc::new(Semaphore::new(at_once)));
    let mut attempts = JoinSet::new();
    let mut failures = 0u32;
    while !*stop.borrow() {
        while attempts.try_join_next().is_some() {}
        tokio::select! {
            _ = stop.changed() => continue,
            permits = room.acquire_many(u32::try_from(wanted).unwrap_or(1)) => drop(permits),
        }
        let free = u32::try_from(room.available_permits()).unwrap_or(1);
        let claimed_at = Instant::now();
        let claimed = engine.storage().claim(flow, free, engine.config().lease, Timestamp::now()).await;
        let pause = match claimed {
            Ok(claimed) => {
                failures = 0;
                let pause = claimed.is_empty().then_some(IDLE);
                for delivery in claimed {
                    let place = room.clone().acquire_owned().await;
                    let (engine, turns, stop) = (engine.clone(), turns.clone(), stop.clone());
                    attempts.spawn(async move {
                        begin(&engine, delivery, &turns, claimed_at, stop).await;
                        drop(place);
                    });
                }
                pause
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::error!(%error, ?flow, "deliveries cannot be claimed; trying again until the database is back");
                }
                Some((IDLE * failures.min(10)).min(Duration::from_secs(5)))
            }
        };
        if let Some(pause) = pause {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = engine.woken(flow) => {}
                _ = stop.changed() => {}
            }
        }
    }
    while attempts.join_next().await.is_some() {}
}

/// Waits for its turn, then makes an attempt. A delivery whose turn comes so late that its lease might run out in the middle
/// is handed back untried, as is one that a shutdown finds waiting.
async fn begin(engine: &Arc<Engine>, claimed: Claimed, turns: &Semaphore, claimed_at: Instant, mut stop: watch::Receiver<bool>) {
    let turn = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => None,
        turn = turns.acquire() => turn.ok(),
    };
    if turn.is_none() || claimed_at.elapsed() > engine.config().lease.mul_f64(LATEST_BEGIN) {
        if let Err(error) = engine.storage().release(std::slice::from_ref(&claimed)).await {
            tracing::warn!(delivery = %claimed.id, %error, "a lease could not be handed back; it runs out by itself");
        }
        return;
    }
    let span = tracing::info_span!(
        "delivery", delivery = %claimed.id, contract = %claimed.contract, target = %claimed.target,
        request_id = %claimed.request_id, attempt = claimed.attempt,
    );
    attempt(engine, &claimed).instrument(span).await;
}

/// One attempt and its outcome.
async fn attempt(engine: &Arc<Engine>, claimed: &Claimed) {
    let mounted = engine.mounted();
    let (result, policy) = match claimed.flow {
        Flow::Inbound => match mounted.by_target(&claimed.contract, &claimed.target) {
            Some(target) => (handle(engine, &mounted, target, claimed).await, target.route.delivery.clone()),
            None => (Err(not_mounted(claimed)), fallback_policy()),
        },
        Flow::Outbound => match mounted.call(&claimed.contract, &claimed.target) {
            Some((contract, call)) => (outbox::send(engine, contract, call, claimed).await, contract.delivery.clone()),
            None => (Err(not_mounted(claimed)), fallback_policy()),
        },
    };
    let flow = match claimed.flow {
        Flow::Inbound => "inbound",
        Flow::Outbound => "outbound",
    };
    let count = |outcome: &str| engine.metrics().attempts.with_label_values(&[claimed.contract.as_str(), flow, outcome]).inc();
    let problem = match result {
        Ok(()) => {
            count("done");
            tracing::debug!("delivery done");
            return;
        }
        Err(problem) => problem,
    };
    let verdict = verdict(&problem, claimed, policy.first, policy.max);
    let text = problem.to_string();
    let text: String = mounted.scrubber.text(&text).chars().take(LONGEST_ERROR).collect();
    match engine.storage().fail(claimed, &text, verdict.clone(), Timestamp::now()).await {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(error = %text, "the lease of this delivery was lost; another worker has it, and this attempt left nothing");
            return;
        }
        Err(error) => {
            tracing::error!(%error, "the failure could not be stored; the lease runs out and the delivery is tried again")
        }
    }
    match verdict {
        Verdict::Dead => {
            count("dead");
            tracing::error!(error = %text, "delivery given up; `mission-control deliveries show` tells more, `replay` tries again");
        }
        Verdict::Retry(at) => {
            count("retry");
            tracing::warn!(error = %text, next = %at, "delivery failed and will be tried again");
        }
    }
}

fn not_mounted(claimed: &Claimed) -> Problem {
    Problem::new(
        ProblemKind::Unavailable,
        format!(
            "Contract `{}` does not mount `{}` any more; bring it back, or let this delivery go to the dead letters",
            claimed.contract, claimed.target
        ),
    )
}

fn fallback_policy() -> contract::catalog::DeliveryPolicy {
    contract::catalog::DeliveryPolicy {
        mode: contract::catalog::DeliveryMode::Durable,
        key: None,
        respond: 202,
        timeout: Duration::from_secs(30),
        attempts: 8,
        first: Duration::from_secs(5),
        max: Duration::from_secs(600),
    }
}

/// Exponential backoff with full jitter over what is above the first delay; a stated `Retry-After` is waited for.
fn verdict(problem: &Problem, claimed: &Claimed, first: Duration, max: Duration) -> Verdict {
    if !problem.kind.is_transient() {
        return Verdict::Dead;
    }
    if claimed.attempt >= claimed.max_attempts {
        return Verdict::Dead;
    }
    let doubled = first.saturating_mul(1u32.checked_shl(claimed.attempt - 1).unwrap_or(u32::MAX)).min(max.max(first));
    let jittered = doubled.mul_f64(rand::rng().random_range(1.0..=1.25));
    let asked = problem.headers.iter().find(|(name, _)| name == http::header::RETRY_AFTER);
    let asked = asked.and_then(|(_, value)| value.to_str().ok()?.parse::<u64>().ok()).map(Duration::from_secs);
    let delay = jittered.max(asked.unwrap_or_default().min(Duration::from_secs(86_400)));
    let delay = jiff::SignedDuration::try_from(delay).unwrap_or(jiff::SignedDuration::from_secs(60));
    Verdict::Retry(Timestamp::now().checked_add(delay).unwrap_or(Timestamp::MAX))
}

async fn handle(engine: &Arc<Engine>, mounted: &Arc<Mounted>, target: &MountedRoute, claimed: &Claimed) -> Result<(), Problem> {
    let limit = target.route.delivery.timeout.min(engine.config().lease.mul_f64(LONGEST_ATTEMPT));
    let request = request_of(target, claimed)?;
    execute(engine, mounted, target, &request, Together::Delivery(claimed), limit).await?;
    Ok(())
}

/// A stored delivery as a request again.
fn request_of(target: &MountedRoute, claimed: &Claimed) -> Result<Request, Problem> {
    let mut headers = HeaderMap::with_capacity(claimed.message.headers.len());
    for (name, value) in &claimed.message.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|error| StorageError::Internal(error.to_string()))?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|error| StorageError::Internal(error.to_string()))?;
        headers.append(name, value);
    }
    Ok(Request {
        method: Method::from_bytes(target.route.method.as_str().as_bytes()).map_err(Problem::internal)?,
        path: claimed.message.path.clone(),
        params: claimed.message.params.clone(),
        query: claimed.message.query.clone(),
        headers,
        body: claimed.message.body.clone().into(),
        route: target.route.clone(),
        contract: target.contract.clone(),
        request_id: claimed.request_id.clone(),
        principal: Principal::Recorded(claimed.actor.clone()),
        delivery: Some(DeliveryContext { id: claimed.id, received_at: claimed.received_at, attempt: claimed.attempt }),
    })
}
