//! The durable inbox: deliveries are committed before they are answered ([`accept`]) and handled afterwards under a lease
//! ([`worker`]), with retries, dead letters and retention ([`upkeep`]).

pub mod accept;
pub mod upkeep;
pub mod worker;

use contract::template::KeyExpression;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    handler::Request,
    mount::{Mounted, MountedRoute},
    problem::{Problem, ProblemKind, Violation},
    storage::{DeliveryState, Flow, Message, NewDelivery},
};

/// Longest idempotency key; a longer one is refused rather than cut.
const LONGEST_KEY: usize = 512;

/// A request as a delivery to be stored, scrubbed.
pub fn delivery_of(
    mounted: &Mounted,
    target: &MountedRoute,
    request: &Request,
    state: DeliveryState,
) -> Result<NewDelivery, Problem> {
    let key = match &target.route.delivery.key {
        Some(expression) => key_of(expression, request)?,
        None => None,
    };
    Ok(NewDelivery {
        id: Uuid::now_v7(),
        flow: Flow::Inbound,
        contract: target.contract.id.clone(),
        target: target.stored_as.clone(),
        handler: target.handler.info.name.to_owned(),
        key_scope: key.as_ref().map(|_| key_scope(request)).unwrap_or_default(),
        key,
        subject: None,
        message: Message {
            path: request.path.clone(),
            params: request.params.clone(),
            query: request.query.clone(),
            headers: mounted.scrubber.stored_headers(&request.headers),
            body: request.body.to_vec(),
        },
        request_id: request.request_id.clone(),
        actor: request.principal.actor(),
        received_at: Timestamp::now(),
        max_attempts: target.route.delivery.attempts,
        state,
    })
}

/// A sender's key is one key for what it is sent to and for who sends it: the same message may go to two projects, and nobody
/// gets another caller's answer.
fn key_scope(request: &Request) -> String {
    let params: Vec<&str> = request.params.iter().map(|(_, value)| value.as_str()).collect();
    serde_json::json!([params, request.principal.identity()]).to_string()
}

/// The idempotency key of a request. `None` when the request lacks what the expression names: such a delivery is its own.
fn key_of(expression: &KeyExpression, request: &Request) -> Result<Option<String>, Problem> {
    let key = match expression {
        KeyExpression::Header(name) => {
            if request.headers.get_all(name.as_str()).iter().nth(1).is_some() {
                return Err(Problem::new(
                    ProblemKind::MalformedRequest,
                    format!("The header {name} stands in the request twice"),
                ));
            }
            request.header(name).map(str::to_owned)
        }
        KeyExpression::Query(name) => request.query(name).map(str::to_owned),
        KeyExpression::Path(name) => request.params.iter().find_map(|(key, value)| (key == name).then(|| value.clone())),
        KeyExpression::Body(fields) => {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
            fields.iter().try_fold(&body, |value, field| value.get(field)).and_then(key_text)
        }
        KeyExpression::Template { template, .. } => {
            template.render(&crate::settings::scope(request, Timestamp::now())).ok().as_ref().and_then(key_text)
        }
    };
    let key = key.filter(|key| !key.is_empty());
    if key.as_ref().is_some_and(|key| key.len() > LONGEST_KEY) {
        let errors = vec![Violation {
            pointer: String::new(),
            detail: format!("{} is longer than {LONGEST_KEY} bytes", expression.source()),
        }];
        return Err(Problem { errors, ..Problem::new(ProblemKind::Invalid, "The idempotency key is too long") });
    }
    Ok(key)
}

/// A scalar as key text; objects, lists and null are no keys.
fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
