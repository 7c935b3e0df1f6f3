//! Runs jobs: each tick of a schedule becomes a delivery in the inbox, whose key is the tick's time.
//!
//! Every process works out the same ticks from the same clock, and the key lets one of them store each: that is all there is
//! to running once across the fleet. Workers, retries, dead letters and retention are those of every other delivery, and the
//! list of deliveries is the history of the runs.
//!
//! A tick is skipped while an earlier one of the same job is not over. After a stop only the newest tick that was missed is
//! made up for, and only of a job that ran before: a new job waits for its next tick.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use contract::catalog::ticks::Ticks;
use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    Engine,
    mount::{MountedJob, MountedRoute},
    problem::Problem,
    storage::{Accepted, DeliveryState, Flow, Message, NewDelivery, StorageError},
};

/// The longest pause between two looks at the clock: reloads and changes of the clock are noticed by then.
const LOOK: Duration = Duration::from_secs(1);

/// The caller that deliveries of jobs name.
const ACTOR: &str = "schedule";

/// A job by its contract and target.
type Name = (String, String);

/// Stores ticks until `stop` says so.
pub async fn run(engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
    let mut progress: HashMap<Name, Progress> = HashMap::new();
    while !*stop.borrow() {
        let mounted = engine.mounted();
        let names: HashSet<Name> = mounted.jobs().iter().map(name).collect();
        progress.retain(|name, _| names.contains(name));
        let mut pause = LOOK;
        for job in mounted.jobs() {
            look_at(&engine, job, &mut progress).await;
            pause = pause.min(until_next(&job.ticks, Timestamp::now()));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

fn name(job: &MountedJob) -> Name {
    (job.route.contract.id.clone(), job.route.target.clone())
}

/// How long it is until the next tick, and a little more: a timer that fires early would have to be set again.
fn until_next(ticks: &Ticks, now: Timestamp) -> Duration {
    let next = ticks.next_after(now).and_then(|next| Duration::try_from(next.duration_since(now)).ok());
    next.map_or(LOOK, |next| next + Duration::from_millis(1))
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Ticks up to this one are dealt with.
    settled: Timestamp,
    /// The tick that could not be stored yet.
    failing: Option<Timestamp>,
}

impl Progress {
    /// Of a job that was not looked at before. `newest` is the newest tick that the database has: an older one than the
    /// current means that the current one was missed.
    fn begin(newest: Option<Timestamp>, current: Timestamp) -> Self {
        Self { settled: newest.map_or(current, |newest| newest.min(current)), failing: None }
    }

    /// Whether a tick is still to be stored.
    fn wants(&self, tick: Timestamp) -> bool {
        tick > self.settled
    }

    fn settle(&mut self, tick: Timestamp) {
        *self = Self { settled: tick, failing: None };
    }

    /// Notes that a tick could not be stored. `true` when it is the first try.
    fn fail(&mut self, tick: Timestamp) -> bool {
        self.failing.replace(tick) != Some(tick)
    }

    /// The tick that is given up because a newer one has come.
    fn given_up(&self, tick: Timestamp) -> Option<Timestamp> {
        self.failing.filter(|failing| *failing < tick)
    }
}

/// Brings one job up to date.
async fn look_at(engine: &Engine, job: &MountedJob, progress: &mut HashMap<Name, Progress>) {
    let route = &job.route;
    let Some(tick) = job.ticks.last_until(Timestamp::now()) else { return };
    let count =
        |outcome: &str| engine.metrics().ticks.with_label_values(&[route.contract.id.as_str(), &route.target, outcome]).inc();
    let name = name(job);
    let progress = match progress.get_mut(&name) {
        Some(known) => known,
        None => match newest(engine, route).await {
            Ok(newest) => progress.entry(name).or_insert(Progress::begin(newest, tick)),
            Err(error) => {
                tracing::debug!(contract = route.contract.id, job = route.target, %error, "the last run is not known yet");
                return;
            }
        },
    };
    if !progress.wants(tick) {
        return;
    }
    if let Some(given_up) = progress.given_up(tick) {
        count("failed");
        tracing::error!(contract = route.contract.id, job = route.target, tick = %given_up, "the job did not run: its tick could not be stored before the next one");
    }
    match store(engine, route, tick).await {
        Ok(outcome) => {
            progress.settle(tick);
            match outcome {
                Outcome::Stored => count("stored"),
                Outcome::Known => {}
                Outcome::Skipped => {
                    count("skipped");
                    tracing::warn!(contract = route.contract.id, job = route.target, %tick, "the job is not run at this tick: its earlier run is not over");
                }
            }
        }
        Err(error) => {
            if progress.fail(tick) {
                tracing::warn!(contract = route.contract.id, job = route.target, %tick, %error, "the tick of a job could not be stored; trying again until the next one");
            }
        }
    }
}

async fn newest(engine: &Engine, route: &MountedRoute) -> Result<Option<Timestamp>, StorageError> {
    let key = engine.storage().newest_key(&route.contract.id, &route.target).await?;
    Ok(key.and_then(|key| key.parse().ok()))
}

/// What became of a tick.
enum Outcome {
    /// It is in the inbox.
    Stored,
    /// It was there before: another process stored it.
    Known,
    /// The job still runs.
    Skipped,
}

async fn store(engine: &Engine, route: &MountedRoute, tick: Timestamp) -> Result<Outcome, Problem> {
    let key = tick.to_string();
    if engine.storage().has_unfinished(&route.contract.id, &route.target, &key).await? {
        return Ok(Outcome::Skipped);
    }
    let delivery = NewDelivery {
        id: Uuid::now_v7(),
        flow: Flow::Inbound,
        contract: route.contract.id.clone(),
        target: route.target.clone(),
        handler: route.handler.info.name.to_owned(),
        key: Some(key),
        key_scope: String::new(),
        subject: None,
        message: Message::default(),
        request_id: Uuid::now_v7().to_string(),
        actor: ACTOR.to_owned(),
        received_at: Timestamp::now(),
        max_attempts: route.route.delivery.attempts,
        state: DeliveryState::Pending,
    };
    if engine.committer().commit(delivery).await? != Accepted::Stored {
        return Ok(Outcome::Known);
    }
    engine.wake_inbox();
    Ok(Outcome::Stored)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-23T{text}Z").parse().unwrap()
    }

    fn hourly() -> Ticks {
        Ticks::compile(&contract::catalog::Schedule::Every(Duration::from_secs(3600))).unwrap()
    }

    #[test]
    fn a_new_job_waits_for_its_next_tick() {
        let current = hourly().last_until(at("10:20:00")).unwrap();
        let mut progress = Progress::begin(None, current);
        assert!(!progress.wants(current));
        let next = hourly().last_until(at("11:00:00")).unwrap();
        assert!(progress.wants(next));
        progress.settle(next);
        assert!(!progress.wants(hourly().last_until(at("11:59:59")).unwrap()));
    }

    #[test]
    fn of_the_ticks_that_were_missed_only_the_newest_is_made_up_for() {
        let current = hourly().last_until(at("10:20:00")).unwrap();
        let mut progress = Progress::begin(Some(at("03:00:00")), current);
        assert!(progress.wants(current));
        progress.settle(current);
        assert!(!progress.wants(current));
        let stored_by_another = Progress::begin(Some(at("10:00:00")), current);
        assert!(!stored_by_another.wants(current));
    }

    #[test]
    fn a_clock_that_is_set_back_repeats_nothing() {
        let progress = Progress::begin(Some(at("10:00:00")), at("10:00:00"));
        assert!(!progress.wants(hourly().last_until(at("09:30:00")).unwrap()));
        let ahead = Progress::begin(Some(at("12:00:00")), at("10:00:00"));
        assert!(ahead.wants(at("11:00:00")) && !ahead.wants(at("10:00:00")));
    }

    #[test]
    fn a_tick_that_cannot_be_stored_is_tried_until_the_next() {
        let mut progress = Progress::begin(None, at("10:00:00"));
        assert!(progress.fail(at("11:00:00")) && !progress.fail(at("11:00:00")));
        assert!(progress.wants(at("11:00:00")));
        assert_eq!(progress.given_up(at("11:00:00")), None);
        assert_eq!(progress.given_up(at("12:00:00")), Some(at("11:00:00")));
        progress.settle(at("12:00:00"));
        assert_eq!(progress.given_up(at("13:00:00")), None);
    }

    #[test]
    fn the_pause_ends_after_the_tick() {
        let pause = until_next(&hourly(), at("10:59:59.5"));
        assert_eq!(pause, Duration::from_millis(501));
    }
}
