//! `engine.accept`: stores the delivery and answers. The pipeline commits the delivery before it answers and leaves nothing
//! to handle, so this handler's own code only runs when such a delivery is replayed.

use async_trait::async_trait;
use contract::handler::{Effect, HandlerInfo, ReplyInfo};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    handler::{Context, Handler, Reply, Request},
    problem::Problem,
};

/// The answer to a stored delivery.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Acknowledgement {
    /// Id of the delivery, a UUIDv7; of the earlier one when it is a repeat.
    pub delivery_id: String,
    /// Always `accepted`.
    pub status: String,
    /// Whether the idempotency key was known.
    pub replayed: bool,
}

/// See the module.
pub struct Accept;

#[async_trait]
impl Handler for Accept {
    fn info(&self) -> HandlerInfo {
        HandlerInfo {
            description: "Commits the delivery to the inbox and answers. Nothing is handled afterwards: the stored deliveries are there to be \
                          looked at, exported or handled by a later manifest.",
            replies: vec![ReplyInfo::json::<Acknowledgement>(202, "The delivery is stored")],
            ..HandlerInfo::new(super::ACCEPT, "Store the delivery and answer", Effect::Write)
        }
    }

    async fn call(&self, _: &mut Context<'_>, _: &Request) -> Result<Reply, Problem> {
        Ok(Reply::empty(StatusCode::ACCEPTED))
    }
}
