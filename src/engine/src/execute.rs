//! Runs a handler: in its own transaction, within its time, and with its panics caught. Requests and durable deliveries come
//! through here alike.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use contract::handler::Effect;
use futures_util::FutureExt;
use jiff::Timestamp;

use crate::{
    Engine,
    handler::{Context, Reply, ReplyBody, Request},
    mount::{Mounted, MountedRoute},
    problem::{Problem, ProblemKind},
    storage::{Access, Claimed, KeyClaim, NewDelivery, StoredReply},
};

/// What has to be committed together with the handler's writes.
pub enum Together<'a> {
    /// Nothing.
    Nothing,
    /// The mark "done" of a delivery.
    Delivery(&'a Claimed),
    /// The key of a synchronous request, and its answer.
    Key {
        /// The request as a delivery with a key.
        delivery: &'a NewDelivery,
        /// SHA-256 of the body.
        body_digest: &'a [u8],
    },
}

/// An answer, and whether it is a repeat of an earlier one.
pub struct Outcome {
    /// The answer.
    pub reply: Reply,
    /// Whether the key had taken effect before.
    pub replayed: bool,
}

/// Calls the handler of a route. On `Ok` everything is committed, on `Err` nothing is.
pub async fn execute(
    engine: &Arc<Engine>,
    mounted: &Arc<Mounted>,
    target: &MountedRoute,
    request: &Request,
    together: Together<'_>,
    limit: Duration,
) -> Result<Outcome, Problem> {
    let mut context = Context {
        engine,
        now: Timestamp::now(),
        access: access(target, &together),
        transaction: None,
        events: Vec::new(),
        actor: request.principal.actor(),
        contract: request.contract.id.clone(),
        request_id: request.request_id.clone(),
        mounted: mounted.clone(),
        enqueued: false,
    };
    let work = AssertUnwindSafe(run(&mut context, target, request, together)).catch_unwind();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => {
            engine.metrics().panics.with_label_values(&[&target.contract.id]).inc();
            Err(Problem::internal(format!("handler `{}` panicked: {}", target.handler.info.name, panic_text(&*panic))))
        }
        Err(_) => {
            engine.metrics().limited.with_label_values(&[target.contract.id.as_str(), "timeout"]).inc();
            Err(Problem::new(
                ProblemKind::Timeout,
                format!("The work took longer than the {limit:?} it may take; nothing was changed"),
            ))
        }
    }
}

/// A reading handler reads, unless the mark "done" of its delivery (a job's) has to be written beside it.
fn access(target: &MountedRoute, together: &Together<'_>) -> Access {
    match together {
        Together::Delivery(_) => Access::Write,
        Together::Nothing | Together::Key { .. } if target.handler.info.effect == Effect::Read => Access::Read,
        Together::Nothing | Together::Key { .. } => Access::Write,
    }
}

async fn run(
    context: &mut Context<'_>,
    target: &MountedRoute,
    request: &Request,
    together: Together<'_>,
) -> Result<Outcome, Problem> {
    if let Together::Key { delivery, body_digest } = &together {
        let claim = context.transaction().await?.take_key(delivery, body_digest).await?;
        if let KeyClaim::Taken { body_digest: earlier, reply } = claim {
            return repeated(body_digest, &earlier, reply);
        }
    }
    let reply = target.handler.handler.call(context, request).await?;
    context.engine.flush_events(context).await?;
    match together {
        Together::Nothing => {}
        Together::Delivery(claimed) => {
            let now = context.now;
            if !context.transaction().await?.finish(claimed, now).await? {
                return Err(Problem::conflict("The lease of this delivery was lost; another worker has it"));
            }
        }
        Together::Key { delivery, .. } => {
            let (stored, now) = (stored_reply(&reply)?, context.now);
            context.transaction().await?.keep_reply(delivery.id, &stored, now).await?;
        }
    }
    if let Some(transaction) = context.transaction.take() {
        transaction.commit().await?;
    }
    context.engine.wake(context);
    Ok(Outcome { reply, replayed: false })
}

/// The answer to a key that took effect earlier: the same again, unless the request is another one.
fn repeated(body_digest: &[u8], earlier: &[u8], reply: StoredReply) -> Result<Outcome, Problem> {
    if body_digest != earlier {
        return Err(Problem::conflict(
            "This idempotency key was used before with another body; a new request needs a key of its own",
        ));
    }
    let status = http::StatusCode::from_u16(reply.status).map_err(Problem::internal)?;
    let media_type = http::HeaderValue::from_str(&reply.media_type).map_err(Problem::internal)?;
    let reply = if reply.body.is_empty() { Reply::empty(status) } else { Reply::bytes(status, media_type, reply.body.into()) };
    Ok(Outcome { reply, replayed: true })
}

fn stored_reply(reply: &Reply) -> Result<StoredReply, Problem> {
    let body = match &reply.body {
        ReplyBody::Empty => Vec::new(),
        ReplyBody::Bytes(bytes) => bytes.to_vec(),
        ReplyBody::Stream(_) => return Err(Problem::internal("a streamed answer cannot be kept for repeats of its key")),
    };
    let media_type = reply.headers.iter().find(|(name, _)| name == http::header::CONTENT_TYPE);
    let media_type = media_type.and_then(|(_, value)| value.to_str().ok()).unwrap_or("application/octet-stream").to_owned();
    Ok(StoredReply { status: reply.status.as_u16(), media_type, body })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
