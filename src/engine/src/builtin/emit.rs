//! `engine.emit`: emits an event of a given type to every call that asked for it.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo, schema_of};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    handler::{Context, Event, Handler, Reply, Request},
    problem::Problem,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Type of the event, as `build.finished`.
    #[serde(rename = "type")]
    kind: String,
    /// What the event is about; events of one subject are delivered in order. The contract's id when left out.
    subject: Option<String>,
    /// The CloudEvents `data`; the request's body when left out, null when there is none (as in a job).
    data: Option<Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Emitted {
    /// Type of the event.
    #[serde(rename = "type")]
    kind: String,
    /// Its subject.
    subject: String,
}

/// See the module.
pub struct Emit;

#[async_trait]
impl Handler for Emit {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Emits one event, durably: it is committed with the delivery and then sent, at least once, to every `call` whose `on` \
                          names its type.",
            with: Some(schema_of::<Settings>()),
            replies: vec![ReplyInfo::json::<Emitted>(202, "The event is committed")],
            problems: &[(422, "The request lacks what the templates name")],
            ..HandlerInfo::new("engine.emit", "Emit an event", Effect::Write)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        let settings: Settings = context.settings(request)?;
        let data = match settings.data {
            Some(data) => data,
            None if request.body.is_empty() => Value::Null,
            None => request.value()?,
        };
        let subject = settings.subject.unwrap_or_else(|| request.contract.id.clone());
        let reply = Reply::json(StatusCode::ACCEPTED, &Emitted { kind: settings.kind.clone(), subject: subject.clone() })?;
        context.emit(Event { kind: settings.kind, subject, data });
        Ok(reply)
    }
}
