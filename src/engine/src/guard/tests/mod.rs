//! The guard held to its rules: `rules` for the order of methods and carriers, `accounts` for sessions
//! and API tokens, `vectors` for published signatures,
//! `properties` for whatever else a caller may send, `scrubbing` for what must not be kept.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod properties;
mod rules;
mod scrubbing;
mod vectors;

use std::{collections::HashMap, sync::Arc, time::Duration};

use contract::{
    catalog::{
        AuthMethod, Carrier, CarrierPlace, CarrierStatus, DeliveryMode, DeliveryPolicy, Deprecation, KeyEncoding, LimitPolicy,
        MacAlgorithm, MacEncoding, Method, Route, Signature, SignedTime, Variable,
    },
    handler::{Effect, HandlerInfo},
    template::{SignatureShape, SignedPayload, Templates},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;

use super::{Admission, Examination, Guard, Reason};
use crate::environment::Environment;

pub(super) const NOW: i64 = 1_800_000_000;

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

pub(super) fn route(auth: Vec<AuthMethod>) -> Route {
    let second = Duration::from_secs(1);
    Route {
        contract: "demo".to_owned(),
        method: Method::Post,
        path: "/demo".to_owned(),
        params: Vec::new(),
        handler: Arc::new(HandlerInfo::new("engine.accept", "Accept", Effect::Write)),
        with: Value::Null,
        templates: Templates::compile(&Value::Null, &[]).unwrap(),
        summary: "Accept".to_owned(),
        auth,
        own_auth: false,
        delivery: DeliveryPolicy {
            mode: DeliveryMode::Sync,
            key: None,
            respond: 202,
            timeout: second,
            attempts: 1,
            first: second,
            max: second,
        },
        limits: LimitPolicy { body: 1024, rate: None, concurrency: None, timeout: second },
        alias_of: None,
        deprecated: None,
    }
}

pub(super) fn environment(values: &[(&str, &str)]) -> Environment {
    let source: HashMap<String, String> = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Environment::new(source);
    let variables: Vec<Variable> =
        values.iter().map(|(name, _)| variable(name)).chain(["SECRET", "KEY", "TOKEN"].map(variable)).collect();
    assert_eq!(environment.load(&variables), Vec::<String>::new());
    environment
}

pub(super) fn variable(name: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        secret: true,
        required: false,
        default: None,
        example: None,
        description: "A secret".to_owned(),
        contract: None,
    }
}

pub(super) fn guard(auth: Vec<AuthMethod>, values: &[(&str, &str)]) -> Guard {
    Guard::compile(&route(auth), &environment(values))
}

pub(super) fn carrier(place: CarrierPlace, name: &str, status: CarrierStatus) -> Carrier {
    let deprecated = (status == CarrierStatus::Legacy).then(|| Deprecation {
        since: "2.0.0".to_owned(),
        sunset: Some("2027-12-31".to_owned()),
        replacement: Some("header X-Secret".to_owned()),
    });
    Carrier { place, name: name.to_owned(), status, deprecated }
}

/// A secret in `X-Secret`, `X-Other` or `?secret=`, as the Plane webhook has it.
pub(super) fn secret() -> AuthMethod {
    AuthMethod::Secret {
        variable: "SECRET".to_owned(),
        carriers: vec![
            carrier(CarrierPlace::Header, "X-Secret", CarrierStatus::Preferred),
            carrier(CarrierPlace::Header, "X-Other", CarrierStatus::Compatibility),
            carrier(CarrierPlace::Query, "secret", CarrierStatus::Legacy),
        ],
    }
}

pub(super) fn bearer() -> AuthMethod {
    AuthMethod::Bearer { variable: "TOKEN".to_owned() }
}

/// A signature in the manner of GitHub.
pub(super) fn signature() -> Signature {
    Signature {
        variable: "KEY".to_owned(),
        preset: None,
        header: "X-Hub-Signature-256".to_owned(),
        algorithm: MacAlgorithm::HmacSha256,
        encoding: MacEncoding::Hex,
        prefix: "sha256=".to_owned(),
        payload: SignedPayload::parse("{body}").unwrap(),
        timestamp: None,
        id_header: None,
        shape: None,
        key: KeyEncoding::Raw,
    }
}

pub(super) fn standard_webhooks() -> Signature {
    Signature {
        header: "webhook-signature".to_owned(),
        encoding: MacEncoding::Base64,
        prefix: String::new(),
        payload: SignedPayload::parse("{id}.{timestamp}.{body}").unwrap(),
        timestamp: Some(SignedTime { header: Some("webhook-timestamp".to_owned()), tolerance: Duration::from_secs(300) }),
        id_header: Some("webhook-id".to_owned()),
        shape: Some(SignatureShape::parse("v1,{signature}").unwrap()),
        key: KeyEncoding::Whsec,
        ..signature()
    }
}

pub(super) fn stripe() -> Signature {
    Signature {
        header: "Stripe-Signature".to_owned(),
        prefix: String::new(),
        payload: SignedPayload::parse("{timestamp}.{body}").unwrap(),
        timestamp: Some(SignedTime { header: None, tolerance: Duration::from_secs(300) }),
        shape: Some(SignatureShape::parse("t={timestamp},v1={signature}").unwrap()),
        ..signature()
    }
}

pub(super) fn headers<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    pairs
        .into_iter()
        .map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .fold(HeaderMap::new(), |mut map, (name, value)| {
            map.append(name, value);
            map
        })
}

/// The end of an examination that needs no database; a signature is verified over `body`.
pub(super) fn decide_at(
    guard: &Guard,
    headers: &HeaderMap,
    query: &str,
    body: &[u8],
    now: Timestamp,
) -> Result<Admission, Reason> {
    match guard.examine(headers, query, now) {
        Examination::Decided(outcome) => outcome.map_err(|refusal| refusal.reason),
        Examination::NeedsBody(pending) => guard.verify(&pending, body).map_err(|refusal| refusal.reason),
        Examination::NeedsLookup(_) => panic!("this test knows no database"),
    }
}

pub(super) fn decide(guard: &Guard, pairs: &[(&str, &str)], query: &str, body: &[u8]) -> Result<Admission, Reason> {
    decide_at(guard, &headers(pairs.iter().copied()), query, body, now())
}
