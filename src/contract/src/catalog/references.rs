//! What the settings of the engine's own handlers name: the contract and the call that `engine.forward` relays to, and the type
//! that `engine.emit` emits. Only what is written out is looked up; a template may turn into anything.

use serde_json::Value;

use super::{
    SurfaceItem,
    handlers::{HandlerUse, is_template},
    identity::Source,
    items::{Items, is_event_type},
    routes::Operation,
};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::{handlers::FORWARD_TARGET, surface::EVENT_TYPE},
    },
    manifest::{model::SurfaceItem as Written, node::Cursor},
};

pub(super) fn check(
    contracts: &[Source<'_>],
    operations: &[Operation<'_>],
    uses: &[Option<HandlerUse>],
    items: &Items,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut check = |own: usize, handler: &str, with: &Value, at: Cursor<'_>| match handler {
        "engine.forward" => findings.extend(forward(contracts, own, with, at)),
        "engine.emit" => findings.extend(emit(with, at)),
        _ => {}
    };
    for (operation, used) in operations.iter().zip(uses) {
        if let Some(used) = used {
            check(operation.contract, used.handler.name, &used.with, operation.at);
        }
    }
    for (own, contract) in contracts.iter().enumerate() {
        for (position, _, at) in contract.items() {
            if let Some(SurfaceItem::Job(job)) = items[own].get(&position) {
                check(own, job.handler.name, &job.with, at);
            }
        }
    }
    findings
}

/// A setting that is written out.
fn literal<'v>(with: &'v Value, name: &str) -> Option<&'v str> {
    with.get(name).and_then(Value::as_str).filter(|text| !is_template(text))
}

/// `at` is at what has the key `with`.
fn forward(contracts: &[Source<'_>], own: usize, with: &Value, at: Cursor<'_>) -> Option<Finding> {
    let id = match with.get("contract") {
        None | Some(Value::Null) => contracts[own].manifest().id.as_str(),
        Some(_) => literal(with, "contract")?,
    };
    let at = at.key("with");
    let Some(target) = contracts.iter().find(|contract| contract.manifest().id == id) else {
        let finding = Finding::new(&FORWARD_TARGET, format!("there is no contract `{id}`")).at(at.key("contract").place());
        let ids = contracts.iter().map(|contract| contract.manifest().id.as_str());
        return Some(finding.help(did_you_mean(id, ids).unwrap_or_else(|| "name a contract that has a `call`".to_owned())));
    };
    let calls: Vec<&str> = target
        .items()
        .filter_map(|(_, item, _)| match item {
            Written::Call(call) => Some(call.call.as_str()),
            _ => None,
        })
        .collect();
    let named = with.get("call").filter(|call| !call.is_null());
    let (message, place) = match named {
        Some(_) => {
            let call = literal(with, "call")?;
            if calls.contains(&call) {
                return None;
            }
            (format!("`{id}` has no call `{call}`"), at.key("call").place())
        }
        None if calls.is_empty() => (format!("`{id}` has no call"), at.place()),
        None => return None,
    };
    let help = if calls.is_empty() {
        format!("add `call: VARIABLE` to the surface of `{id}`, or name another contract with `contract`")
    } else {
        format!("its calls: {}", calls.join(", "))
    };
    Some(Finding::new(&FORWARD_TARGET, message).at(place).help(help))
}

fn emit(with: &Value, at: Cursor<'_>) -> Option<Finding> {
    let kind = literal(with, "type")?;
    if is_event_type(kind) && !kind.ends_with('*') {
        return None;
    }
    let finding = Finding::new(&EVENT_TYPE, format!("`{kind}` is not an event type")).at(at.key("with").key("type").place());
    Some(finding.help("write words of letters, digits, `_` and `-`, joined by dots, as `build.finished`"))
}
