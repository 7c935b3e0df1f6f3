//! One request, step by step, in the order in which the engine's pipeline takes the steps.

use contract::catalog::{
    AuthMethod, Catalog, DeliveryMode, Method, Route, State,
    units::{format_duration, format_rate, format_size},
};

use super::{
    Explanation, Step,
    auth::{self, IsSet},
    find::Matched,
};
use crate::output::word;

/// Explains a route.
pub(super) fn explain(matched: &Matched<'_>, catalog: &Catalog, is_set: IsSet<'_>) -> Explanation {
    let route = matched.route;
    let contract = catalog.contract(&route.contract);
    let state = contract.map_or(State::Mounted, |contract| contract.state(is_set));
    let needs = contract.map(|contract| contract.needs.as_slice()).unwrap_or_default();
    Explanation {
        title: format!("{} {}", route.method.as_str(), route.path),
        contract: route.contract.clone(),
        state: word(&state),
        unset: needs.iter().filter(|name| !is_set(name)).cloned().collect(),
        steps: steps(route, &matched.params, is_set),
    }
}

/// The steps of a route.
fn steps(route: &Route, params: &[(String, String)], is_set: IsSet<'_>) -> Vec<Step> {
    vec![
        Step::new("Match", matching(route, params)),
        Step::new("Limits", limits(route)),
        Step::new("Guard", guard(route, is_set)),
        Step::new("Body", body(route)),
        Step::new("Delivery", delivery(route)),
        Step::new("Handler", handler(route)),
        Step::new("Answers", answers(route)),
    ]
}

fn matching(route: &Route, params: &[(String, String)]) -> Vec<String> {
    let mut lines = vec![format!("contract {}: {}", route.contract, route.summary)];
    if let Some(canonical) = &route.alias_of {
        lines.push(format!("alias of {canonical}"));
    }
    if let Some(deprecation) = &route.deprecated {
        lines.push(format!("{}; answers carry Deprecation headers and uses are counted", auth::deprecation(deprecation)));
    }
    lines.extend(params.iter().map(|(name, value)| format!("{name} = {value}")));
    if route.method == Method::Get {
        lines.push("HEAD is answered from it".to_owned());
    }
    lines
}

fn limits(route: &Route) -> Vec<String> {
    let limits = &route.limits;
    let rate = limits.rate.map(|rate| format!("{} requests for each caller, else 429 with Retry-After", format_rate(rate)));
    let concurrency = limits.concurrency.map(|most| format!("{most} requests at a time, else 503"));
    let body = format!("a body of at most {}, else 413; one that announces more is refused unread", format_size(limits.body));
    let time = format!("{} for the whole request, else 408 or 504", format_duration(limits.timeout));
    rate.into_iter().chain(concurrency).chain([body, time]).collect()
}

/// The methods that guard a route, in the order tried.
pub(super) fn guard(route: &Route, is_set: IsSet<'_>) -> Vec<String> {
    if route.auth.is_empty() {
        return vec!["open to everybody, on purpose (auth: none)".to_owned()];
    }
    let mut lines = vec!["the first of these whose credential is present decides; a wrong one is refused there, 401:".to_owned()];
    lines.extend(methods(&route.auth, is_set));
    let mut unset: Vec<&str> = route.auth.iter().filter_map(AuthMethod::variable).filter(|name| !is_set(name)).collect();
    unset.dedup();
    if !unset.is_empty() {
        lines.push(format!("{} unset: every request is answered 503 until it is set", unset.join(", ")));
    }
    lines
}

/// Methods as a list with letters.
pub(super) fn methods(methods: &[AuthMethod], is_set: IsSet<'_>) -> Vec<String> {
    let lettered = |(index, method): (usize, &AuthMethod)| {
        let letter = char::from(b'a' + u8::try_from(index % 26).unwrap_or(0));
        let lines = auth::method(method, is_set).into_iter().enumerate();
        lines
            .map(move |(line, text)| if line == 0 { format!("{letter}) {text}") } else { format!("   {text}") })
            .collect::<Vec<_>>()
    };
    methods.iter().enumerate().flat_map(lettered).collect()
}

fn body(route: &Route) -> Vec<String> {
    if route.handler.input.is_some() {
        return vec![
            "JSON that fits the handler's schema".to_owned(),
            "else 415 (another media type), 400 (not JSON) or 422 (does not fit, with a pointer to each place)".to_owned(),
        ];
    }
    match route.method {
        Method::Get | Method::Delete => vec!["none is needed".to_owned()],
        Method::Post | Method::Put | Method::Patch => vec!["taken as it comes; the handler says what it needs of it".to_owned()],
    }
}

fn delivery(route: &Route) -> Vec<String> {
    let policy = &route.delivery;
    let key = policy.key.as_ref().map(contract::template::KeyExpression::source);
    if policy.mode == DeliveryMode::Sync {
        let repeat = key.map(|key| format!("the same {key} again gets the first answer and takes no further effect"));
        return std::iter::once("sync: handled in the request, in one transaction".to_owned()).chain(repeat).collect();
    }
    let afterwards = if route.handler.name == engine::builtin::ACCEPT {
        "nothing is handled afterwards: it is kept (`mission-control deliveries`)".to_owned()
    } else {
        format!(
            "handled afterwards: up to {} attempts of {} each, {} to {} apart, then a dead letter (`mission-control deliveries`)",
            policy.attempts,
            format_duration(policy.timeout),
            format_duration(policy.first),
            format_duration(policy.max)
        )
    };
    vec![
        format!("durable: committed before it is answered {}; 503 and nothing kept while the database is down", policy.respond),
        match key {
            Some(key) => format!("the same {key} again is acknowledged and takes no further effect"),
            None => "without a key: every request is a delivery of its own".to_owned(),
        },
        afterwards,
    ]
}

fn handler(route: &Route) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", route.handler.name, route.handler.summary)];
    if let serde_json::Value::Object(settings) = &route.with {
        for (name, value) in settings {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            lines.push(format!("  {name}: {value}"));
        }
    }
    lines
}

/// Successes first, then what the handler refuses; what the steps before refuse is said there.
fn answers(route: &Route) -> Vec<String> {
    let mut lines = Vec::new();
    if route.delivery.mode == DeliveryMode::Durable {
        lines.push(format!("{}: the delivery is stored; the body names its id", route.delivery.respond));
    } else {
        lines.extend(route.handler.replies.iter().map(|reply| format!("{}: {}", reply.status, reply.description)));
        lines.extend(route.handler.problems.iter().map(|(status, when)| format!("{status}: {when}")));
    }
    lines.push("anything else is a problem document (application/problem+json) with the request id".to_owned());
    lines
}
