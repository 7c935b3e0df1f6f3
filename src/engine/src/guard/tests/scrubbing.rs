//! What must not be kept.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::catalog::{Catalog, Contract, ContractType, Direction, Service, Stability, SurfaceItem};
use http::Uri;

use super::*;
use crate::guard::{Scrubber, scrub::REDACTED};

const SECRET: &str = "correct \"horse\"/battery";
const PREVIOUS: &str = "the-one-before";

fn catalog() -> Catalog {
    let auth = vec![secret(), AuthMethod::Signature(Box::new(signature()))];
    let credential = AuthMethod::Credential { variable: "TOKEN".to_owned(), header: Some("X-API-Key".to_owned()), bearer: false };
    let own = route(vec![AuthMethod::Secret {
        variable: "KEY".to_owned(),
        carriers: vec![carrier(CarrierPlace::Query, "key", CarrierStatus::Legacy)],
    }]);
    let delivery = own.delivery.clone();
    let contract = Contract {
        id: "demo".to_owned(),
        name: "Demo".to_owned(),
        section: "external".to_owned(),
        direction: Direction::Inbound,
        kind: ContractType::Webhook,
        surface: vec![SurfaceItem::Route(Arc::new(own))],
        auth: auth.into_iter().chain([credential]).collect(),
        auth_undefined: false,
        stability: Stability::Internal,
        versioning: "none".to_owned(),
        owner: "us".to_owned(),
        mode: None,
        trigger: None,
        declares: Vec::new(),
        needs: Vec::new(),
        delivery,
        examples: Vec::new(),
        verify: Vec::new(),
        notes: Vec::new(),
        digest: String::new(),
        file: "demo.yaml".to_owned(),
    };
    let service = Service {
        name: "demo".to_owned(),
        title: "Demo".to_owned(),
        description: String::new(),
        version: String::new(),
        owner: String::new(),
        license: String::new(),
        homepage: None,
        roles: Vec::new(),
        control_plane: false,
        provides: Vec::new(),
        excludes: Vec::new(),
        sections: indexmap::IndexMap::new(),
    };
    let mut database = variable("DATABASE_URL");
    database.default = Some("sqlite://data/demo.db".to_owned());
    let variables: BTreeMap<String, Variable> = ["SECRET", "KEY", "TOKEN", "FAR_DATABASE"]
        .map(variable)
        .into_iter()
        .chain([database])
        .map(|variable| (variable.name.clone(), variable))
        .collect();
    Catalog { service, contracts: vec![Arc::new(contract)], variables, digest: String::new() }
}

fn scrubber() -> Scrubber {
    let values = [
        ("SECRET", SECRET),
        ("SECRET_PREVIOUS", PREVIOUS),
        ("KEY", "short"),
        ("TOKEN", "an-outbound-token"),
        ("FAR_DATABASE", "postgres://app:p%40ssw0rd-of-app@db/app"),
        ("DATABASE_URL", "sqlite://data/demo.db"),
    ];
    Scrubber::new(&catalog(), &environment(&values))
}

#[test]
fn carriers_are_dropped_whatever_their_value() {
    let scrubber = scrubber();
    let sent = headers([
        ("authorization", "Bearer wrong"),
        ("cookie", "mc_session=1"),
        ("proxy-authorization", "Basic x"),
        ("x-secret", "nearly"),
        ("x-other", "nearly"),
        ("x-api-key", "nearly"),
        ("x-hub-signature-256", "sha256=00"),
        ("x-plane-event", "issue"),
        ("referer", "https://far.test/?token=the-one-before"),
    ]);
    let kept = headers([("x-plane-event", "issue"), ("referer", "https://far.test/?token=[redacted]")]);
    assert_eq!(scrubber.headers(&sent), kept);
    let stored = scrubber.stored_headers(&sent);
    assert_eq!(stored.len(), 2);
    assert!(stored.contains(&("referer".to_owned(), "https://far.test/?token=[redacted]".to_owned())));
    assert_eq!(
        scrubber.query("a=1&s%65cret=x&key=short&access_token=y&b=the-one-before"),
        [("a".to_owned(), "1".to_owned()), ("b".to_owned(), REDACTED.to_owned())]
    );
}

#[test]
fn an_address_is_logged_without_credentials() {
    let scrubber = scrubber();
    for (address, expected) in [
        ("/hook?a=1&%73ecret=x&key=short&b", "/hook?a=1&%73ecret=[redacted]&key=[redacted]&b"),
        ("/hook?secret=", "/hook?secret=[redacted]"),
        ("/hook/the-one-before", "/hook/[redacted]"),
        ("/hook?x=the-one-before", "/hook?x=[redacted]"),
        ("/hook", "/hook"),
        ("https://user:pass@host/hook?a", "/hook?a"),
    ] {
        assert_eq!(scrubber.uri(&address.parse::<Uri>().unwrap()), expected);
    }
}

#[test]
fn values_are_replaced_in_every_spelling() {
    let scrubber = scrubber();
    for text in [
        SECRET.to_owned(),
        serde_json::to_string(SECRET).unwrap(),
        "correct+%22horse%22%2Fbattery".to_owned(),
        "correct%20%22horse%22%2Fbattery".to_owned(),
        "an-outbound-token".to_owned(),
        "password p@ssw0rd-of-app is wrong".to_owned(),
        "postgres://app:p%40ssw0rd-of-app@db/app".to_owned(),
    ] {
        let clean = scrubber.text(&text);
        assert!(clean.contains(REDACTED), "{clean}");
        for part in ["horse", "outbound", "ssw0rd"] {
            assert!(!clean.contains(part), "{clean}");
        }
    }
    assert_eq!(scrubber.text("short stays, so does sqlite://data/demo.db"), "short stays, so does sqlite://data/demo.db");
}

#[test]
fn a_body_without_secrets_is_not_copied() {
    let scrubber = scrubber();
    let body = Bytes::from_static(b"{\"a\":1}");
    assert_eq!(scrubber.body(&body).as_ptr(), body.as_ptr());
    let echoed = Bytes::from(serde_json::json!({"secret": SECRET, "n": 1}).to_string());
    assert_eq!(scrubber.body(&echoed), Bytes::from_static(b"{\"secret\":\"[redacted]\",\"n\":1}"));
    assert_eq!(scrubber.body(&Bytes::from_static(b"\xff\xfethe-one-before\0")), Bytes::from_static(b"\xff\xfe[redacted]\0"));
}
