//! Delivery and limits: what is written, with every default filled in.
//!
//! A delivery is durable when its operation or contract says so. When neither does, webhooks and callbacks are durable where
//! that means something: a handler that writes, behind any method but GET. Everything else is handled in the request.

use std::time::Duration;

use super::{
    ContractType, DeliveryMode, DeliveryPolicy, LimitPolicy, Method, Stage,
    auth::is_token,
    handlers::{HandlerUse, collect_path_names},
    identity::Source,
    routes::Operation,
    units::{parse_duration, parse_rate, parse_size},
};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::delivery::{
            DURABLE_READ, DURATION_MALFORMED, KEY_MALFORMED, RATE_MALFORMED, RESPOND_UNUSED, RETRY_ORDER, SIZE_MALFORMED,
        },
    },
    handler::Effect,
    manifest::{
        model::{Delivery, Limits},
        node::Cursor,
    },
    template::KeyExpression,
};

const ATTEMPTS: u32 = 8;
const FIRST: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_secs(600);
const TIMEOUT: Duration = Duration::from_secs(30);
const RESPOND: u16 = 202;
const BODY: u64 = 1024 * 1024;

/// What holds for each contract and each operation.
pub(super) struct Policies {
    /// By position of the contract.
    pub(super) contracts: Vec<DeliveryPolicy>,
    /// By position of the operation.
    pub(super) operations: Vec<(DeliveryPolicy, LimitPolicy)>,
}

/// A delivery that was read, with the mode only where one was written.
#[derive(Clone)]
struct Stated {
    mode: Option<DeliveryMode>,
    policy: DeliveryPolicy,
}

pub(super) fn resolve(contracts: &[Source<'_>], operations: &[Operation<'_>], uses: &[Option<HandlerUse>]) -> Stage<Policies> {
    let mut findings = Vec::new();
    let stated: Vec<Stated> = contracts
        .iter()
        .map(|contract| delivery(contract.manifest().delivery.as_ref(), contract.cursor().key("delivery"), &mut findings))
        .collect();
    let limited: Vec<LimitPolicy> = contracts
        .iter()
        .map(|contract| {
            let at = contract.cursor().key("limits");
            limits(contract.manifest().limits.as_ref(), &default_limits(), at, &mut findings)
        })
        .collect();
    let mut durable = vec![false; contracts.len()];
    let mut possible = vec![false; contracts.len()];
    let policies = operations
        .iter()
        .zip(uses)
        .map(|(operation, handler)| {
            let source = &contracts[operation.contract];
            let own = operation.detail.and_then(|detail| detail.delivery.as_ref());
            let at = operation.at.key("delivery");
            let writes = handler.as_ref().is_none_or(|handler| handler.handler.effect == Effect::Write);
            let can_be = operation.method != Method::Get && writes;
            let mut chosen = match own {
                Some(own) => delivery(Some(own), at, &mut findings),
                None => stated[operation.contract].clone(),
            };
            if own.is_some() && chosen.mode == Some(DeliveryMode::Durable) && !can_be {
                let what = if writes { "a GET" } else { "a handler that only reads" };
                let message = format!("the delivery to {what} is durable");
                findings.push(Finding::new(&DURABLE_READ, message).at(at.key("mode").place()).help("write `mode: sync`"));
            }
            let by_type = matches!(source.manifest().kind, ContractType::Webhook | ContractType::Callback);
            chosen.policy.mode = match chosen.mode {
                Some(DeliveryMode::Durable) | None if !can_be => DeliveryMode::Sync,
                Some(mode) => mode,
                None if by_type => DeliveryMode::Durable,
                None => DeliveryMode::Sync,
            };
            possible[operation.contract] |= can_be;
            durable[operation.contract] |= chosen.policy.mode == DeliveryMode::Durable;
            let (delivery, at) = match own {
                Some(own) => (Some(own), at),
                None => (source.manifest().delivery.as_ref(), source.cursor().key("delivery")),
            };
            key_names(chosen.policy.key.as_ref(), operation, at.key("key"), &mut findings);
            if own.is_some() {
                respond(delivery, chosen.policy.mode, at, &mut findings);
            }
            let limits = operation.detail.and_then(|detail| detail.limits.as_ref());
            let limits = self::limits(limits, &limited[operation.contract], operation.at.key("limits"), &mut findings);
            (chosen.policy, limits)
        })
        .collect();
    let contracts_policies = contracts
        .iter()
        .zip(stated)
        .enumerate()
        .map(|(position, (contract, stated))| {
            let at = contract.cursor().key("delivery");
            let has_routes = operations.iter().any(|operation| operation.contract == position);
            if has_routes && stated.mode == Some(DeliveryMode::Durable) && !possible[position] {
                let message = "the deliveries are durable, and no route of this contract writes";
                findings.push(Finding::new(&DURABLE_READ, message).at(at.key("mode").place()).help("write `mode: sync`"));
            }
            let mode = if durable[position] { DeliveryMode::Durable } else { stated.mode.unwrap_or(DeliveryMode::Sync) };
            if has_routes {
                respond(contract.manifest().delivery.as_ref(), mode, at, &mut findings);
            }
            DeliveryPolicy { mode, ..stated.policy }
        })
        .collect();
    (Policies { contracts: contracts_policies, operations: policies }, findings)
}

fn respond(delivery: Option<&Delivery>, mode: DeliveryMode, at: Cursor<'_>, findings: &mut Vec<Finding>) {
    if mode == DeliveryMode::Sync && delivery.is_some_and(|delivery| delivery.respond.is_some()) {
        let message = "`respond` has no effect: the handler gives the answer";
        let finding = Finding::new(&RESPOND_UNUSED, message).at(at.key("respond").key_place());
        findings.push(finding.help("leave it out, or write `mode: durable`"));
    }
}

fn delivery(written: Option<&Delivery>, at: Cursor<'_>, findings: &mut Vec<Finding>) -> Stated {
    let retry = written.and_then(|delivery| delivery.retry.as_ref());
    let retry_at = at.key("retry");
    let first_text = retry.and_then(|retry| retry.first.as_deref());
    let max_text = retry.and_then(|retry| retry.max.as_deref());
    let first = duration(first_text, FIRST, retry_at.key("first"), findings);
    let max = duration(max_text, MAX.max(first), retry_at.key("max"), findings);
    if first > max {
        let message = "the first delay is longer than the longest";
        findings.push(Finding::new(&RETRY_ORDER, message).at(retry_at.key("first").place()));
    }
    let key = written.and_then(|delivery| delivery.key.as_deref()).and_then(|source| {
        KeyExpression::compile(source)
            .map_err(|error| findings.push(Finding::new(&KEY_MALFORMED, error.message).at(at.key("key").place())))
            .ok()
    });
    let timeout = written.and_then(|delivery| delivery.timeout.as_deref());
    Stated {
        mode: written.and_then(|delivery| delivery.mode),
        policy: DeliveryPolicy {
            mode: DeliveryMode::Sync,
            key,
            respond: written.and_then(|delivery| delivery.respond).unwrap_or(RESPOND),
            timeout: duration(timeout, TIMEOUT, at.key("timeout"), findings),
            attempts: retry.and_then(|retry| retry.attempts).unwrap_or(ATTEMPTS),
            first,
            max,
        },
    }
}

/// The names in a key have to be ones that a request can have.
fn key_names(key: Option<&KeyExpression>, operation: &Operation<'_>, at: Cursor<'_>, findings: &mut Vec<Finding>) {
    let names: Vec<String> = match key {
        Some(KeyExpression::Header(name)) if !is_token(name) => {
            let message = format!("`{name}` is not the name of a header");
            findings.push(Finding::new(&KEY_MALFORMED, message).at(at.place()));
            return;
        }
        Some(KeyExpression::Path(name)) => vec![name.clone()],
        Some(KeyExpression::Template { source, .. }) => {
            let mut names = Vec::new();
            collect_path_names(&source.as_str().into(), String::new(), &mut names);
            names.into_iter().map(|(_, name)| name).collect()
        }
        _ => return,
    };
    for name in names.iter().filter(|name| !operation.params.contains(name)) {
        let message = format!("the key names `path.{name}`, and {} has no `{{{name}}}`", operation.path);
        let finding = Finding::new(&KEY_MALFORMED, message).at(at.place());
        findings.push(match did_you_mean(name, operation.params.iter().map(String::as_str)) {
            Some(help) => finding.help(help),
            None => finding,
        });
    }
}

fn default_limits() -> LimitPolicy {
    LimitPolicy { body: BODY, rate: None, concurrency: None, timeout: TIMEOUT }
}

fn limits(written: Option<&Limits>, inherited: &LimitPolicy, at: Cursor<'_>, findings: &mut Vec<Finding>) -> LimitPolicy {
    let Some(written) = written else { return inherited.clone() };
    let mut policy = inherited.clone();
    if let Some(text) = &written.body {
        match parse_size(text) {
            Ok(size) => policy.body = size,
            Err(message) => findings.push(Finding::new(&SIZE_MALFORMED, message).at(at.key("body").place())),
        }
    }
    if let Some(text) = &written.rate {
        match parse_rate(text) {
            Ok(rate) => policy.rate = Some(rate),
            Err(message) => findings.push(Finding::new(&RATE_MALFORMED, message).at(at.key("rate").place())),
        }
    }
    policy.concurrency = written.concurrency.or(policy.concurrency);
    policy.timeout = duration(written.timeout.as_deref(), policy.timeout, at.key("timeout"), findings);
    policy
}

fn duration(written: Option<&str>, default: Duration, at: Cursor<'_>, findings: &mut Vec<Finding>) -> Duration {
    match written.map(parse_duration) {
        None => default,
        Some(Ok(duration)) => duration,
        Some(Err(message)) => {
            findings.push(Finding::new(&DURATION_MALFORMED, message).at(at.place()));
            default
        }
    }
}
