//! Deliveries: [`inbox`] stores them, [`queue`] moves them through their life, [`list`] shows them.

pub(crate) mod inbox;
pub(crate) mod list;
#[cfg(test)]
mod plans;
pub(crate) mod queue;

use engine::storage::{DeliveryState, Flow, Message, StorageResult};

use crate::sql::Row;

pub(crate) fn flow_word(flow: Flow) -> &'static str {
    match flow {
        Flow::Inbound => "inbound",
        Flow::Outbound => "outbound",
    }
}

pub(crate) fn state_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Running => "running",
        DeliveryState::Done => "done",
        DeliveryState::Dead => "dead",
    }
}

fn flow_of(row: &Row) -> StorageResult<Flow> {
    let word = row.text("flow")?;
    let all = [Flow::Inbound, Flow::Outbound];
    all.into_iter().find(|flow| flow_word(*flow) == word).ok_or_else(|| crate::error::internal(format!("`{word}` is no flow")))
}

fn state_of(row: &Row) -> StorageResult<DeliveryState> {
    let word = row.text("state")?;
    let all = [DeliveryState::Pending, DeliveryState::Running, DeliveryState::Done, DeliveryState::Dead];
    let state = all.into_iter().find(|state| state_word(*state) == word);
    state.ok_or_else(|| crate::error::internal(format!("`{word}` is no state of a delivery")))
}

/// Columns `message` and `body`.
fn message_of(row: &Row) -> StorageResult<Message> {
    Ok(Message { body: row.bytes("body")?, ..row.json("message")? })
}
