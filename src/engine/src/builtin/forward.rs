//! `engine.forward`: relays a request to the `call` of a contract, through the outbox.

use async_trait::async_trait;
use contract::{
    catalog::SurfaceItem,
    handler::{Effect, HandlerInfo, ReplyInfo, schema_of},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    handler::{Context, Handler, Reply, Request},
    outbox,
    problem::{Problem, ProblemKind},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Id of the contract whose call is used; this contract when left out.
    contract: Option<String>,
    /// Variable of the call, when the contract has several; its first one when left out.
    call: Option<String>,
    /// What is sent, a template; the request's body as it is when left out.
    body: Option<Value>,
    /// Requests of one subject are relayed in order. The contract's id when left out.
    subject: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Forwarded {
    /// Id of the outbound delivery, a UUIDv7; the receiver gets it as `Idempotency-Key`.
    delivery_id: String,
}

/// See the module.
pub struct Forward;

#[async_trait]
impl Handler for Forward {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Puts the request's body, or a body made from a template, into the outbox for the `call` of a contract. It is sent at least \
                          once, with the contract's own auth, retries and timeout.",
            with: Some(schema_of::<Settings>()),
            replies: vec![ReplyInfo::json::<Forwarded>(202, "The relayed request is committed to the outbox")],
            problems: &[(422, "The request lacks what the templates name"), (503, "The variable of the call is unset")],
            ..HandlerInfo::new(super::FORWARD, "Relay to the call of a contract", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let settings: Settings = context.settings(request)?;
        let id = settings.contract.as_deref().unwrap_or(&request.contract.id);
        let mounted = context.mounted().clone();
        let contract = mounted.catalog.contract(id).ok_or_else(|| unknown(format!("there is no contract `{id}`")))?;
        let mut calls = contract.surface.iter().filter_map(|item| match item {
            SurfaceItem::Call(call) => Some(call),
            _ => None,
        });
        let call = calls
            .find(|call| settings.call.as_deref().is_none_or(|wanted| wanted == call.variable))
            .ok_or_else(|| unknown(format!("contract `{id}` has no such call")))?;
        if !context.engine.environment().is_set(&call.variable) {
            return Err(Problem::new(
                ProblemKind::Unconfigured,
                format!("{} is unset; set it and send the request again", call.variable),
            ));
        }
        let body = match settings.body {
            Some(body) => body.to_string().into_bytes(),
            None => request.body.to_vec(),
        };
        let subject = settings.subject.unwrap_or_else(|| request.contract.id.clone());
        let delivery = outbox::delivery(context, contract, call, super::FORWARD, &subject, body, context.now);
        let reply = Reply::json(StatusCode::ACCEPTED, &Forwarded { delivery_id: delivery.id.to_string() })?;
        context.enqueue(delivery).await?;
        Ok(reply)
    }
}

fn unknown(what: String) -> Problem {
    Problem::new(ProblemKind::Unconfigured, format!("The manifest of this route cannot be carried out: {what}"))
}
