//! `deliveries.*`: the inbox and the outbox for operators.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, QueryParam, ReplyInfo};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    handler::{Context, Handler, Reply, Request},
    problem::{Problem, Violation},
    storage::{DeliveryFilter, DeliveryRecord, DeliveryState, Flow},
};

/// Items of a page when the caller does not say.
const PAGE: u32 = 50;
/// Most items of a page.
const LARGEST_PAGE: u32 = 200;

/// A delivery as operators see it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeliveryView {
    /// UUIDv7.
    pub id: String,
    /// `inbound` or `outbound`.
    pub flow: String,
    /// Contract.
    pub contract: String,
    /// Inbound: method and route. Outbound: the variable of the call.
    pub target: String,
    /// Inbound: the handler. Outbound: the type of the event.
    pub handler: String,
    /// Idempotency key.
    pub key: Option<String>,
    /// `pending`, `running`, `done` or `dead`.
    pub state: String,
    /// Attempts made.
    pub attempts: u32,
    /// Attempts allowed.
    pub max_attempts: u32,
    /// When it arrived (RFC 3339).
    pub received_at: String,
    /// When the next attempt is due.
    pub due_at: String,
    /// When it was done or given up.
    pub finished_at: Option<String>,
    /// The last failure.
    pub last_error: Option<String>,
    /// Request that caused it.
    pub request_id: String,
    /// Caller.
    pub actor: String,
    /// The stored message, credentials dropped; only when one delivery is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageView>,
}

/// A stored message.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MessageView {
    /// Path.
    pub path: String,
    /// Query parameters.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body as text; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl From<DeliveryRecord> for DeliveryView {
    fn from(record: DeliveryRecord) -> Self {
        Self {
            id: record.id.to_string(),
            flow: match record.flow {
                Flow::Inbound => "inbound".to_owned(),
                Flow::Outbound => "outbound".to_owned(),
            },
            contract: record.contract,
            target: record.target,
            handler: record.handler,
            key: record.key,
            state: state_name(record.state).to_owned(),
            attempts: record.attempts,
            max_attempts: record.max_attempts,
            received_at: record.received_at.to_string(),
            due_at: record.due_at.to_string(),
            finished_at: record.finished_at.map(|at| at.to_string()),
            last_error: record.last_error,
            request_id: record.request_id,
            actor: record.actor,
            message: record.message.map(|message| MessageView {
                path: message.path,
                query: message.query,
                headers: message.headers,
                body: String::from_utf8_lossy(&message.body).into_owned(),
            }),
        }
    }
}

fn state_name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Running => "running",
        DeliveryState::Done => "done",
        DeliveryState::Dead => "dead",
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct DeliveryList {
    /// Newest first.
    items: Vec<DeliveryView>,
    /// Cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

fn word<T: Copy>(request: &Request, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Problem> {
    let Some(given) = request.query(name) else { return Ok(None) };
    match words.iter().find(|(word, _)| *word == given) {
        Some((_, value)) => Ok(Some(*value)),
        None => {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Err(query_problem(name, format!("it is one of {}", known.join(", "))))
        }
    }
}

fn query_problem(name: &str, detail: String) -> Problem {
    Problem::invalid(
        format!("The query parameter `{name}` is wrong: {detail}"),
        vec![Violation { pointer: format!("/{name}"), detail }],
    )
}

fn id_of(request: &Request) -> Result<Uuid, Problem> {
    let id = request.param("delivery_id")?;
    id.parse().map_err(|_| Problem::not_found(format!("There is no delivery `{id}`")))
}

/// `deliveries.list`.
pub struct List;

#[async_trait]
impl Handler for List {
    fn info(&self) -> HandlerInfo {
        let text = || json!({"type": "string"});
        HandlerInfo {
            description: "Deliveries of the inbox and the outbox, newest first.",
            query: vec![
                QueryParam { name: "contract", description: "Only of this contract", schema: text() },
                QueryParam {
                    name: "state",
                    description: "Only in this state",
                    schema: json!({"type": "string", "enum": ["pending", "running", "done", "dead"]}),
                },
                QueryParam {
                    name: "flow",
                    description: "Only of this direction",
                    schema: json!({"type": "string", "enum": ["inbound", "outbound"]}),
                },
                QueryParam { name: "cursor", description: "Where the last page ended", schema: text() },
                QueryParam {
                    name: "limit",
                    description: "Items of a page; 50 when left out",
                    schema: json!({"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE}),
                },
            ],
            replies: vec![ReplyInfo::json::<DeliveryList>(200, "A page of deliveries")],
            problems: &[(422, "A filter is wrong")],
            ..HandlerInfo::new("deliveries.list", "List deliveries", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        use DeliveryState::{Dead, Done, Pending, Running};
        let limit = match request.query("limit").map(str::parse::<u32>) {
            None => PAGE,
            Some(Ok(limit)) if (1..=LARGEST_PAGE).contains(&limit) => limit,
            Some(_) => return Err(query_problem("limit", format!("it is a number from 1 to {LARGEST_PAGE}"))),
        };
        let before = match request.query("cursor").map(str::parse::<Uuid>) {
            None => None,
            Some(Ok(cursor)) => Some(cursor),
            Some(Err(_)) => return Err(query_problem("cursor", "it is not a cursor of this list".to_owned())),
        };
        let filter = DeliveryFilter {
            contract: request.query("contract").map(str::to_owned),
            state: word(request, "state", &[("pending", Pending), ("running", Running), ("done", Done), ("dead", Dead)])?,
            flow: word(request, "flow", &[("inbound", Flow::Inbound), ("outbound", Flow::Outbound)])?,
            before,
            limit: limit + 1,
        };
        let mut records = context.engine.storage().deliveries(&filter).await?;
        let more = records.len() > limit as usize;
        records.truncate(limit as usize);
        let next_cursor = records.last().filter(|_| more).map(|record| record.id.to_string());
        Reply::json(StatusCode::OK, &DeliveryList { items: records.into_iter().map(Into::into).collect(), next_cursor })
    }
}

/// `deliveries.show`.
pub struct Show;

#[async_trait]
impl Handler for Show {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "One delivery with its stored message.",
            params: &[("delivery_id", "Id of the delivery")],
            replies: vec![ReplyInfo::json::<DeliveryView>(200, "The delivery")],
            problems: &[(404, "There is no such delivery")],
            ..HandlerInfo::new("deliveries.show", "Show a delivery", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let id = id_of(request)?;
        let record = context
            .engine
            .storage()
            .delivery(id)
            .await?
            .ok_or_else(|| Problem::not_found(format!("There is no delivery `{id}`")))?;
        Reply::json(StatusCode::OK, &DeliveryView::from(record))
    }
}

/// `deliveries.replay`.
pub struct Replay;

#[async_trait]
impl Handler for Replay {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Makes a done or given-up delivery pending again, with all its attempts.",
            params: &[("delivery_id", "Id of the delivery")],
            replies: vec![ReplyInfo::json::<DeliveryView>(202, "The delivery, on its way again")],
            problems: &[(404, "There is no such delivery"), (409, "The delivery is on its way already")],
            ..HandlerInfo::new("deliveries.replay", "Replay a delivery", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let id = id_of(request)?;
        let (engine, now) = (context.engine, context.now);
        let storage = engine.storage();
        let missing = || Problem::not_found(format!("There is no delivery `{id}`"));
        if storage.delivery(id).await?.ok_or_else(missing)?.reply.is_some() {
            let detail = format!(
                "Delivery `{id}` was answered in its request; its caller knows that it took effect, so it is not replayed"
            );
            return Err(Problem::conflict(detail));
        }
        if !storage.replay(id, now).await? {
            return Err(Problem::conflict(format!("Delivery `{id}` is on its way already; there is nothing to replay")));
        }
        context.audit("delivery.replayed", "delivery", &id.to_string(), json!({})).await?;
        engine.wake_all();
        let record = storage.delivery(id).await?.ok_or_else(missing)?;
        Reply::json(StatusCode::ACCEPTED, &DeliveryView { message: None, ..DeliveryView::from(record) })
    }
}
