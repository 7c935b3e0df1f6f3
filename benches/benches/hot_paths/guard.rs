//! The decision of a guard, for each auth method with the right credential: what an honest request costs. A signature is
//! computed over the payload; a session and an API token are examined up to the question to the database.

use bench::manifests::PAYLOAD;
use contract::catalog::AuthMethod;
use criterion::Criterion;
use engine::guard::{Examination, sign};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use std::hint::black_box;

use crate::mounted::{METHODS, SECRET, mounted};

pub(crate) fn benchmark(criterion: &mut Criterion) {
    let mounted = mounted();
    let mut group = criterion.benchmark_group("guard");
    for (name, _) in METHODS {
        let path = format!("/{name}");
        let (endpoint, _) = mounted.at(&path).expect("the method has a route");
        let route = &endpoint.routes[0];
        let now = Timestamp::now();
        let headers = credentials(&route.route.auth[0], now);
        let decide = |headers: &HeaderMap| match route.guard.examine(headers, "", now) {
            Examination::Decided(decision) => decision.is_ok(),
            Examination::NeedsBody(pending) => route.guard.verify(&pending, PAYLOAD.as_bytes()).is_ok(),
            Examination::NeedsLookup(lookup) => {
                black_box(lookup);
                true
            }
        };
        assert!(decide(&headers), "{name} refuses the right credential");
        group.bench_function(name, |bencher| bencher.iter(|| decide(black_box(&headers))));
    }
    group.finish();
}

/// The headers of a request that is let in, beside those that every request has.
fn credentials(method: &AuthMethod, now: Timestamp) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [("host", "bench"), ("content-type", "application/json"), ("user-agent", "bench"), ("accept", "*/*")] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let random = [7_u8; 32];
    let text = |text: String| HeaderValue::from_str(&text).expect("a header");
    match method {
        AuthMethod::Secret { .. } => drop(headers.insert("x-bench-secret", HeaderValue::from_static(SECRET))),
        AuthMethod::Bearer { .. } => drop(headers.insert(header::AUTHORIZATION, text(format!("Bearer {SECRET}")))),
        AuthMethod::Signature(signature) => {
            let signed = sign(signature, SECRET.as_bytes(), PAYLOAD.as_bytes(), now.as_second(), "msg_1");
            headers.extend(signed.expect("the payload is signed").into_iter().map(|(name, value)| (Some(name), value)));
        }
        AuthMethod::Session { .. } => {
            let cookie = format!("mc_session={}", engine::guard::session_text(&random));
            headers.insert(header::COOKIE, text(cookie));
        }
        AuthMethod::Token { .. } => {
            let bearer = format!("Bearer {}", engine::guard::token_text(&random));
            headers.insert(header::AUTHORIZATION, text(bearer));
        }
        other => panic!("`{}` guards no route", other.name()),
    }
    headers
}
