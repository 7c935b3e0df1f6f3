//! `mission-control deliveries`: the inbox and the outbox, straight from the database, whether or not the service runs.
//! Stored messages never hold a declared credential, so what is shown here is safe to share with whoever may see the payload.

mod render;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use engine::storage::{DeliveryFilter, DeliveryState, Flow, Storage as _};
use jiff::Timestamp;
use serde_json::json;
use store::Store;
use uuid::Uuid;

use crate::{
    database,
    output::{self, Look},
};

/// Dead letters that are read at a time while all of them are replayed.
const PAGE: u32 = 200;

/// List, show and replay what is in the inbox and the outbox
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  mission-control deliveries list --state dead\n  \
                        mission-control deliveries replay --all-dead --contract plane-webhook")]
pub(crate) struct Deliveries {
    #[command(subcommand)]
    command: DeliveriesCommand,
}

#[derive(Debug, Subcommand)]
enum DeliveriesCommand {
    /// List deliveries, newest first
    #[command(after_help = "Example:\n  mission-control deliveries list --contract plane-webhook --state dead --limit 20")]
    List(List),
    /// Show one delivery with its stored headers and body; credentials were dropped when it arrived
    #[command(after_help = "Example:\n  mission-control deliveries show 0198c0de-0000-7000-8000-000000000000")]
    Show(Show),
    /// Make done or dead deliveries pending again, with all their attempts
    ///
    /// A running service picks them up within its next look at the queue. Exit 1 when one of them could not be replayed.
    #[command(after_help = "Examples:\n  mission-control deliveries replay 0198c0de-0000-7000-8000-000000000000\n  \
                            mission-control deliveries replay --all-dead --contract plane-webhook")]
    Replay(Replay),
}

#[derive(Debug, Args)]
struct List {
    /// Only of this contract
    #[arg(long, value_name = "ID")]
    contract: Option<String>,
    /// Only in this state
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Only in this direction
    #[arg(long, value_enum)]
    flow: Option<Direction>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only what is older than this delivery, to read on from there
    #[arg(long, value_name = "DELIVERY")]
    before: Option<Uuid>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    /// The delivery, as `deliveries list` shows it
    #[arg(value_name = "DELIVERY")]
    id: Uuid,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Replay {
    /// The deliveries
    #[arg(value_name = "DELIVERY", required_unless_present = "all_dead", conflicts_with = "all_dead")]
    ids: Vec<Uuid>,
    /// Every dead letter
    #[arg(long)]
    all_dead: bool,
    /// With --all-dead: only those of this contract
    #[arg(long, value_name = "ID", requires = "all_dead")]
    contract: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Where a delivery is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    /// Waits for its time
    Pending,
    /// Is being handled
    Running,
    /// Took effect
    Done,
    /// Was given up
    Dead,
}

impl From<State> for DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Running => Self::Running,
            State::Done => Self::Done,
            State::Dead => Self::Dead,
        }
    }
}

/// Which way a delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// Received here
    Inbound,
    /// Owed to the outside
    Outbound,
}

impl From<Direction> for Flow {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => Self::Inbound,
            Direction::Outbound => Self::Outbound,
        }
    }
}

impl Deliveries {
    /// Runs the command below this one.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        database::run(async {
            let store = database::ready().await?;
            match self.command {
                DeliveriesCommand::List(command) => command.run(&store).await,
                DeliveriesCommand::Show(command) => command.run(&store).await,
                DeliveriesCommand::Replay(command) => command.run(&store).await,
            }
        })
    }
}

impl List {
    async fn run(self, store: &Store) -> anyhow::Result<bool> {
        let filter = DeliveryFilter {
            contract: self.contract,
            state: self.state.map(Into::into),
            flow: self.flow.map(Into::into),
            before: self.before,
            limit: self.limit,
        };
        let records = store.deliveries(&filter).await?;
        if self.json {
            output::print_json(&records)?;
        } else if records.is_empty() {
            output::note("there are no such deliveries");
        } else {
            output::print(&render::list(&records, Look::stdout()))?;
            if records.len() == self.limit as usize
                && let Some(last) = records.last()
            {
                output::note(&format!("there may be more: read on with --before {}", last.id));
            }
        }
        Ok(true)
    }
}

impl Show {
    async fn run(self, store: &Store) -> anyhow::Result<bool> {
        let id = self.id;
        let Some(record) = store.delivery(id).await? else {
            bail!("there is no delivery {id} in {}; `mission-control deliveries list` shows them", store.name());
        };
        if self.json {
            output::print_json(&render::details(&record))?;
        } else {
            output::print(&render::text(&record, Look::stdout()))?;
        }
        Ok(true)
    }
}

/// What came of replaying one delivery.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct Outcome {
    id: Uuid,
    replayed: bool,
    /// Why not.
    reason: Option<&'static str>,
}

impl Replay {
    async fn run(self, store: &Store) -> anyhow::Result<bool> {
        let outcomes =
            if self.all_dead { replay_dead(store, self.contract).await? } else { replay_each(store, &self.ids).await? };
        if self.json {
            output::print_json(&outcomes)?;
        } else {
            let lines = outcomes.iter().map(|Outcome { id, reason, .. }| match reason {
                None => format!("{id} is pending again\n"),
                Some(reason) => format!("{id} was not replayed: {reason}\n"),
            });
            let replayed = outcomes.iter().filter(|outcome| outcome.replayed).count();
            output::print(&format!("{}{} replayed\n", lines.collect::<String>(), deliveries(replayed)))?;
        }
        Ok(outcomes.iter().all(|outcome| outcome.replayed))
    }
}

fn deliveries(number: usize) -> String {
    if number == 1 { "1 delivery".to_owned() } else { format!("{number} deliveries") }
}

async fn replay_each(store: &Store, ids: &[Uuid]) -> anyhow::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for &id in ids {
        outcomes.push(replay(store, id).await?);
    }
    Ok(outcomes)
}

/// Every dead letter there is now, page by page: older than the last one seen, so that one that dies again meanwhile is not
/// replayed twice.
async fn replay_dead(store: &Store, contract: Option<String>) -> anyhow::Result<Vec<Outcome>> {
    let mut filter = DeliveryFilter { contract, state: Some(DeliveryState::Dead), limit: PAGE, ..DeliveryFilter::default() };
    let mut outcomes = Vec::new();
    loop {
        let page = store.deliveries(&filter).await?;
        let Some(last) = page.last() else { return Ok(outcomes) };
        filter.before = Some(last.id);
        for record in &page {
            outcomes.push(replay(store, record.id).await?);
        }
    }
}

async fn replay(store: &Store, id: Uuid) -> anyhow::Result<Outcome> {
    let Some(record) = store.delivery(id).await? else {
        return Ok(Outcome { id, replayed: false, reason: Some("there is no such delivery") });
    };
    if !store.replay(id, Timestamp::now()).await? {
        return Ok(Outcome { id, replayed: false, reason: Some("it is on its way already") });
    }
    database::audit(store, &record.contract, "delivery.replayed", ("delivery", &id.to_string()), json!({})).await?;
    Ok(Outcome { id, replayed: true, reason: None })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use engine::storage::{Message, NewDelivery, Verdict};
    use store::ConnectOptions;

    use super::*;

    fn delivery(contract: &str, state: DeliveryState) -> NewDelivery {
        NewDelivery {
            id: Uuid::now_v7(),
            flow: Flow::Inbound,
            contract: contract.to_owned(),
            target: "POST /hook".to_owned(),
            handler: "engine.emit".to_owned(),
            key: None,
            key_scope: String::new(),
            subject: None,
            message: Message {
                path: "/hook".to_owned(),
                headers: vec![("x-event".to_owned(), "issue".to_owned())],
                body: br#"{"title":"one\u001b[2J"}"#.to_vec(),
                ..Message::default()
            },
            request_id: "r".to_owned(),
            actor: "secret A".to_owned(),
            received_at: Timestamp::now(),
            max_attempts: 1,
            state,
        }
    }

    /// A database with a dead letter of each of two contracts and one that is done.
    async fn database() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("a.db").display());
        let store = Store::connect(&url, &ConnectOptions::default()).await.unwrap();
        store.migrate().await.unwrap();
        let group = [delivery("a", DeliveryState::Pending), delivery("b", DeliveryState::Pending)];
        store.accept(&group).await.unwrap();
        let now = Timestamp::now();
        for claimed in store.claim(Flow::Inbound, 10, Duration::from_secs(60), now).await.unwrap() {
            assert!(store.fail(&claimed, "it broke", Verdict::Dead, now).await.unwrap());
        }
        store.accept(&[delivery("a", DeliveryState::Done)]).await.unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn dead_letters_are_listed_shown_and_replayed() {
        let (_folder, store) = database().await;
        let filter = DeliveryFilter { state: Some(DeliveryState::Dead), limit: 10, ..DeliveryFilter::default() };
        let dead = store.deliveries(&filter).await.unwrap();
        let listed = render::list(&dead, Look::PLAIN);
        assert_eq!(listed.lines().count(), 3, "{listed}");
        assert!(listed.contains("it broke"), "{listed}");

        let record = store.delivery(dead[0].id).await.unwrap().unwrap();
        let shown = render::text(&record, Look::PLAIN);
        assert!(shown.contains("x-event: issue") && shown.contains("\"title\""), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert_eq!(render::details(&record)["message"]["body"]["title"], "one\u{1b}[2J");

        let outcomes = replay_dead(&store, Some("a".to_owned())).await.unwrap();
        assert_eq!(outcomes.len(), 1);
        assert!(outcomes[0].replayed);
        let again = replay_each(&store, &[outcomes[0].id, Uuid::nil()]).await.unwrap();
        assert_eq!(again[0].reason, Some("it is on its way already"));
        assert_eq!(again[1].reason, Some("there is no such delivery"));
        assert_eq!(store.audit_entries(10, None).await.unwrap()[0].action, "delivery.replayed");
        assert_eq!(replay_dead(&store, None).await.unwrap().len(), 1);
    }
}
