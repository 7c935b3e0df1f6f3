//! Upkeep beside the deliveries: retention, depths for the metrics, and counts of deprecated uses on their way to the
//! database.

use std::{collections::HashMap, sync::Arc, sync::Mutex, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::{
    Engine,
    storage::{DeliveryState, DeprecatedUse, Flow},
};

/// Between two rounds of counting.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds between two rounds of retention.
const RETENTION_ROUNDS: u32 = 60;
/// Rows removed in one go, so that no long lock is held.
const CHUNK: u32 = 1_000;

/// Counts of deprecated uses that the database does not have yet.
#[derive(Default)]
pub struct DeprecatedCounts(Mutex<HashMap<DeprecatedUse, u64>>);

impl DeprecatedCounts {
    /// Counts a use.
    pub fn count(&self, used: DeprecatedUse) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(used).or_default() += 1;
    }

    /// Hands the counts to the database; what cannot be stored stays.
    pub async fn flush(&self, engine: &Engine) {
        let counts: Vec<_> = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain().collect();
        if counts.is_empty() {
            return;
        }
        if let Err(error) = engine.storage().count_deprecated(&counts, Timestamp::now()).await {
            tracing::warn!(%error, "uses of deprecated surfaces are not stored yet");
            let mut kept = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            for (used, count) in counts {
                *kept.entry(used).or_default() += count;
            }
        }
    }
}

/// Runs the upkeep until `stop` says so.
pub async fn run(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut round = 0u32;
    while !*stop.borrow() {
        engine.deprecated_uses().flush(&engine).await;
        measure_depths(&engine).await;
        engine.mounted().tidy();
        if round.is_multiple_of(RETENTION_ROUNDS) {
            prune(&engine).await;
        }
        round = round.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.changed() => {}
        }
    }
    engine.deprecated_uses().flush(&engine).await;
}

async fn measure_depths(engine: &Engine) {
    let Ok(depths) = engine.storage().depths().await else { return };
    let gauge = &engine.metrics().depth;
    gauge.reset();
    for depth in depths.into_iter().filter(|depth| depth.state != DeliveryState::Done) {
        let flow = if depth.flow == Flow::Inbound { "inbound" } else { "outbound" };
        let state = match depth.state {
            DeliveryState::Pending => "pending",
            DeliveryState::Running => "running",
            DeliveryState::Done => "done",
            DeliveryState::Dead => "dead",
        };
        gauge.with_label_values(&[depth.contract.as_str(), flow, state]).set(i64::try_from(depth.count).unwrap_or(i64::MAX));
    }
}

async fn prune(engine: &Engine) {
    let now = Timestamp::now();
    let before =
        |age: Duration| SignedDuration::try_from(age).ok().and_then(|age| now.checked_sub(age).ok()).unwrap_or(Timestamp::MIN);
    let (done, dead) = (before(engine.config().keep_done), before(engine.config().keep_dead));
    loop {
        match engine.storage().prune(done, dead, CHUNK).await {
            Ok(removed) if removed >= u64::from(CHUNK) => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "old deliveries could not be removed; trying again later");
                return;
            }
        }
    }
}
