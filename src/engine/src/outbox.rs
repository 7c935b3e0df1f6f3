//! Durable out: events become outbound deliveries in the transaction that caused them, one for each call that asked for
//! their type; a worker sends each at least once, in order per subject, with a stable id for the receiver to drop repeats.

use std::sync::Arc;

use contract::{
    catalog::{Call, Contract},
    template::Scope,
};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Engine, builtin,
    handler::{Context, Event},
    inbox::worker::LONGEST_ATTEMPT,
    outbound::{self, CallError, CallRequest},
    problem::{Problem, ProblemKind},
    storage::{Claimed, DeliveryState, Flow, Message, NewDelivery},
};

/// Bytes of an answer that are read.
const MOST_OF_ANSWER: usize = 64 * 1024;

/// The events of a context as outbound deliveries. Calls whose variable is unset have nobody to send to and are owed nothing.
pub fn deliveries(context: &Context<'_>, events: &[Event]) -> Vec<NewDelivery> {
    let mut deliveries = Vec::new();
    for event in events {
        let id = Uuid::now_v7();
        for (contract, call) in context.mounted.calls_for(&event.kind) {
            if !context.engine.environment().is_set(&call.variable) {
                continue;
            }
            let body = envelope(context, event, id).to_string().into_bytes();
            deliveries.push(delivery(context, contract, call, &event.kind, &event.subject, body, context.now));
        }
    }
    deliveries
}

/// One outbound delivery of a call.
pub fn delivery(
    context: &Context<'_>,
    contract: &Contract,
    call: &Call,
    kind: &str,
    subject: &str,
    body: Vec<u8>,
    now: Timestamp,
) -> NewDelivery {
    NewDelivery {
        id: Uuid::now_v7(),
        flow: Flow::Outbound,
        contract: contract.id.clone(),
        target: call.variable.clone(),
        handler: kind.to_owned(),
        key: None,
        key_scope: String::new(),
        subject: Some(subject.to_owned()),
        message: Message { body, ..Message::default() },
        request_id: context.request_id.clone(),
        actor: context.actor.clone(),
        received_at: now,
        max_attempts: contract.delivery.attempts,
        state: DeliveryState::Pending,
    }
}

/// CloudEvents 1.0, JSON format.
fn envelope(context: &Context<'_>, event: &Event, id: Uuid) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("urn:service:{}", context.mounted.catalog.service.name),
        "type": event.kind,
        "subject": event.subject,
        "time": context.now.to_string(),
        "datacontenttype": "application/json",
        "data": event.data,
    })
}

/// Sends a claimed delivery to its call and marks it done.
pub async fn send(engine: &Arc<Engine>, contract: &Contract, call: &Call, claimed: &Claimed) -> Result<(), Problem> {
    let Some(url) = engine.environment().get(&call.variable) else {
        return Err(Problem::new(
            ProblemKind::Unconfigured,
            format!("{} is unset; set it and this delivery goes out", call.variable),
        ));
    };
    let (body, media_type) = body_of(contract, call, claimed)?;
    let now = Timestamp::now();
    let mut headers = vec![(http::header::CONTENT_TYPE, media_type)];
    for (name, value) in [("x-request-id", claimed.request_id.as_str()), ("idempotency-key", &claimed.id.to_string())] {
        headers.extend(HeaderValue::from_str(value).ok().map(|value| (HeaderName::from_static(name), value)));
    }
    let credentials = outbound::credentials(&contract.auth, engine.environment(), &body, now, &claimed.id.to_string())
        .map_err(|error| Problem::new(ProblemKind::Unconfigured, error.to_string()))?;
    headers.extend(credentials);
    let request = CallRequest {
        url,
        method: call.method,
        headers,
        body: body.into(),
        timeout: contract.delivery.timeout.min(engine.config().lease.mul_f64(LONGEST_ATTEMPT)),
        max_response_bytes: MOST_OF_ANSWER,
        named_by_environment: true,
    };
    let answer = engine.client().send(request).await.map_err(problem_of)?;
    tracing::debug!(status = answer.status, "sent");
    let mut transaction = engine.storage().begin(crate::storage::Access::Write).await?;
    if !transaction.finish(claimed, Timestamp::now()).await? {
        return Err(Problem::conflict("The lease of this delivery was lost while it was sent; another worker has it"));
    }
    Ok(transaction.commit().await?)
}

/// What goes over the wire: a forwarded body as it is, else the call's template over the event, else the CloudEvent.
fn body_of(contract: &Contract, call: &Call, claimed: &Claimed) -> Result<(Vec<u8>, HeaderValue), Problem> {
    if claimed.handler == builtin::FORWARD {
        return Ok((claimed.message.body.clone(), HeaderValue::from_static("application/json")));
    }
    let Some(template) = &call.body else {
        return Ok((claimed.message.body.clone(), HeaderValue::from_static("application/cloudevents+json")));
    };
    let event: Value = serde_json::from_slice(&claimed.message.body).map_err(Problem::internal)?;
    let scope = Scope::event(&event, (&contract.id, &contract.name), &Timestamp::now().to_string());
    let body = template.render(&scope).map_err(|error| {
        Problem::new(
            ProblemKind::Invalid,
            format!("The body template of {} does not fit event `{}`: {error}", call.variable, claimed.handler),
        )
    })?;
    Ok((body.to_string().into_bytes(), HeaderValue::from_static("application/json")))
}

fn problem_of(error: CallError) -> Problem {
    match error {
        CallError::Transient { message, retry_after } => {
            let problem = Problem::new(ProblemKind::BadGateway, message);
            match retry_after {
                Some(wait) => problem.header(http::header::RETRY_AFTER, HeaderValue::from(wait.as_secs())),
                None => problem,
            }
        }
        CallError::Permanent { message } => Problem::new(ProblemKind::Invalid, message),
    }
}
