//! `engine.respond`: answers with a template. For the challenges and handshakes that vendors ask for when a webhook is set up.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use contract::handler::{Effect, HandlerInfo, ReplyInfo, schema_of};
use http::{HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// Status of the answer; 200 when left out.
    #[schemars(range(min = 200, max = 599))]
    status: Option<u16>,
    /// Headers of the answer.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Body: a text is sent as `text/plain`, anything else as JSON. No body when left out.
    body: Option<Value>,
}

/// See the module.
pub struct Respond;

#[async_trait]
impl Handler for Respond {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Answers with a body made from a template over the request and changes nothing, for challenges and handshakes.",
            with: Some(schema_of::<Settings>()),
            replies: vec![ReplyInfo {
                status: 200,
                description: "The answer that the manifest states",
                media_type: "*/*",
                schema: None,
            }],
            problems: &[(422, "The request lacks what the templates name")],
            ..HandlerInfo::new("engine.respond", "Answer with a template", Effect::Read)
        }
    }

    async fn call(&self, context: &mut Context<'_>, request: &Request) -> Result<Reply, Problem> {
        // What is the same for every request is answered without being copied first.
        if let Some(Value::Object(settings)) = request.route.templates.constant()
            && !settings.contains_key("headers")
        {
            let status = settings.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
            return reply(status, settings.get("body").filter(|body| !body.is_null()));
        }
        let settings: Settings = context.settings(request)?;
        let mut reply = reply(settings.status, settings.body.as_ref())?;
        for (name, value) in settings.headers {
            let (Ok(name), Ok(value)) = (HeaderName::try_from(&name), HeaderValue::try_from(&value)) else {
                return Err(Problem::invalid(
                    format!("The answer's header `{name}` cannot be made from this request"),
                    Vec::new(),
                ));
            };
            reply.headers.retain(|(known, _)| *known != name);
            reply = reply.header(name, value);
        }
        Ok(reply)
    }
}

fn reply(status: Option<u16>, body: Option<&Value>) -> Result<Reply, Problem> {
    let status = StatusCode::from_u16(status.unwrap_or(200)).map_err(Problem::internal)?;
    match body {
        None => Ok(Reply::empty(status)),
        Some(Value::String(text)) => {
            let text = Bytes::copy_from_slice(text.as_bytes());
            Ok(Reply::bytes(status, HeaderValue::from_static("text/plain; charset=utf-8"), text))
        }
        Some(value) => Reply::json(status, value),
    }
}
