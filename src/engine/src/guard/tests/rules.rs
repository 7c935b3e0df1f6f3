//! The rules that are the same for every method.

use super::*;
use crate::{guard::sign, handler::Principal, problem::ProblemKind};

type Pairs<'a> = &'a [(&'a str, &'a str)];

const RIGHT: (&str, &str) = ("SECRET", "correct-horse-battery");

fn secret_guard() -> Guard {
    guard(vec![secret()], &[RIGHT, ("SECRET_PREVIOUS", "the-one-before")])
}

fn reason(outcome: Result<Admission, Reason>) -> Reason {
    outcome.expect_err("refused")
}

#[test]
fn a_shared_secret_is_let_in_by_every_carrier() {
    let guard = secret_guard();
    for (position, (pairs, query)) in
        [(vec![("x-secret", RIGHT.1)], ""), (vec![("x-other", RIGHT.1)], ""), (vec![], "a=1&secret=correct-horse%2Dbattery")]
            .into_iter()
            .enumerate()
    {
        let admission = decide(&guard, &pairs, query, b"").unwrap();
        assert_eq!(admission.principal, Principal::Contract("demo".to_owned()));
        assert_eq!((admission.method, admission.previous_secret), (Some(0), false));
        let carrier = admission.carrier.as_ref().unwrap();
        assert_eq!(carrier.index, position);
        assert_eq!(guard.notices(&admission).map(|notice| notice.surface.as_str()).collect::<Vec<_>>(), {
            if position == 2 { vec!["query secret"] } else { Vec::new() }
        });
    }
    assert!(decide(&guard, &[("x-secret", "the-one-before")], "", b"").unwrap().previous_secret);
}

#[test]
fn a_shared_secret_that_is_not_right_is_refused() {
    let guard = secret_guard();
    let right = RIGHT.1;
    let cases: &[(Pairs<'_>, &str, Reason)] = &[
        (&[], "", Reason::Missing),
        (&[], "secrets=correct-horse-battery", Reason::Missing),
        (&[("authorization", "Bearer correct-horse-battery")], "x-secret=correct-horse-battery", Reason::Missing),
        (&[("x-secret", "")], "", Reason::Empty),
        (&[], "secret", Reason::Empty),
        (&[], "secret=", Reason::Empty),
        (&[("x-secret", "wrong")], "", Reason::Wrong),
        (&[("x-secret", "correct-horse-batter")], "", Reason::Wrong),
        (&[("x-secret", "correct-horse-batteryy")], "", Reason::Wrong),
        (&[("x-secret", "CORRECT-HORSE-BATTERY")], "", Reason::Wrong),
        (&[("x-secret", "correct-horse-battery, correct-horse-battery")], "", Reason::Wrong),
        (&[("x-secret", right), ("x-secret", right)], "", Reason::Repeated),
        (&[("x-secret", right), ("X-SECRET", "wrong")], "", Reason::Repeated),
        (&[], "secret=correct-horse-battery&secret=correct-horse-battery", Reason::Repeated),
        (&[], "secret=correct-horse-battery&%73ecret=x", Reason::Repeated),
        (&[], "secret=%ff%fe%00", Reason::Wrong),
        (&[], "secret=%F", Reason::Wrong),
    ];
    for (pairs, query, expected) in cases {
        assert_eq!(reason(decide(&guard, pairs, query, b"")), *expected, "{pairs:?} {query}");
    }
}

#[test]
fn of_two_carriers_the_stronger_decides() {
    let guard = secret_guard();
    assert_eq!(reason(decide(&guard, &[("x-secret", "wrong"), ("x-other", RIGHT.1)], "", b"")), Reason::Wrong);
    assert_eq!(reason(decide(&guard, &[("x-secret", ""), ("x-other", RIGHT.1)], "", b"")), Reason::Empty);
    assert_eq!(reason(decide(&guard, &[("x-other", "wrong")], "secret=correct-horse-battery", b"")), Reason::Wrong);
    assert!(decide(&guard, &[("x-secret", RIGHT.1), ("x-other", "wrong")], "secret=wrong&secret=", b"").is_ok());
}

#[test]
fn a_query_secret_is_decoded() {
    let guard = guard(vec![secret()], &[("SECRET", "a b+c%é")]);
    assert!(decide(&guard, &[], "secret=a+b%2Bc%25%C3%A9", b"").is_ok());
    assert!(decide(&guard, &[], "secret=a%20b%2bc%25%c3%a9", b"").is_ok());
    assert_eq!(reason(decide(&guard, &[], "secret=a+b+c%25%C3%A9", b"")), Reason::Wrong);
}

#[test]
fn a_wrong_credential_never_falls_through_to_another_method() {
    let methods = vec![AuthMethod::Signature(Box::new(signature())), secret(), bearer()];
    let guard = guard(methods, &[RIGHT, ("KEY", "key"), ("TOKEN", "token")]);
    let bad = ("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    assert_eq!(reason(decide(&guard, &[bad, ("x-secret", RIGHT.1)], "", b"")), Reason::Wrong);
    let unreadable = ("x-hub-signature-256", "sha256=75");
    assert_eq!(reason(decide(&guard, &[unreadable, ("x-secret", RIGHT.1)], "", b"")), Reason::Malformed);
    assert_eq!(reason(decide(&guard, &[("x-secret", "no"), ("authorization", "Bearer token")], "", b"")), Reason::Wrong);
    assert_eq!(decide(&guard, &[("x-secret", RIGHT.1), ("authorization", "Basic x")], "", b"").unwrap().method, Some(1));
    assert_eq!(decide(&guard, &[("authorization", "Bearer token")], "", b"").unwrap().method, Some(2));
}

#[test]
fn a_bearer_token_has_its_form() {
    let guard = guard(vec![bearer()], &[("TOKEN", "s3cr3t~token"), ("TOKEN_PREVIOUS", "older")]);
    for right in ["Bearer s3cr3t~token", "bearer s3cr3t~token", "BEARER s3cr3t~token"] {
        assert!(!decide(&guard, &[("authorization", right)], "", b"").unwrap().previous_secret);
    }
    assert!(decide(&guard, &[("authorization", "Bearer older")], "", b"").unwrap().previous_secret);
    for (wrong, expected) in [
        ("", Reason::Empty),
        ("Bearer", Reason::Empty),
        ("Bearer ", Reason::Empty),
        ("Bearer  s3cr3t~token", Reason::Malformed),
        ("Bearer\ts3cr3t~token", Reason::Malformed),
        ("Bearers3cr3t~token", Reason::Malformed),
        ("s3cr3t~token", Reason::Malformed),
        ("Basic s3cr3t~token", Reason::Malformed),
        ("Bearer s3cr3t~toke", Reason::Wrong),
        ("Bearer s3cr3t~token ", Reason::Wrong),
        ("Bearer s3cr3t~token, Bearer s3cr3t~token", Reason::Wrong),
    ] {
        assert_eq!(reason(decide(&guard, &[("authorization", wrong)], "", b"")), expected, "{wrong}");
    }
    let twice = [("authorization", "Bearer s3cr3t~token"), ("authorization", "Bearer s3cr3t~token")];
    assert_eq!(reason(decide(&guard, &twice, "", b"")), Reason::Repeated);
}

#[test]
fn an_unset_secret_shuts_the_route_and_names_the_variable() {
    let guard = guard(vec![bearer(), secret()], &[("TOKEN", "token"), ("SECRET_PREVIOUS", "still-set")]);
    assert!(guard.is_unconfigured());
    for pairs in [vec![], vec![("authorization", "Bearer token")], vec![("x-secret", "still-set")], vec![("x-secret", "")]] {
        let Examination::Decided(Err(refusal)) = guard.examine(&headers(pairs), "", now()) else { panic!("decided") };
        assert_eq!((refusal.reason, refusal.problem.kind), (Reason::Unconfigured, ProblemKind::Unconfigured));
        assert!(refusal.problem.detail.contains("SECRET has no value"), "{}", refusal.problem.detail);
        assert!(!refusal.problem.detail.contains("TOKEN"), "{}", refusal.problem.detail);
        assert_eq!(refusal.problem.extensions["variables"], serde_json::json!(["SECRET"]));
    }
}

#[test]
fn what_the_contract_needs_shuts_an_open_route_as_well() {
    let environment = environment(&[]);
    let open = Guard::compile(&route(Vec::new()), &environment);
    assert_eq!(decide(&open, &[], "", b"").unwrap().principal, Principal::Anonymous);
    let needing = open.needing(&["N8N_BASE_URL".to_owned()], &environment);
    assert_eq!(reason(decide(&needing, &[], "", b"")), Reason::Unconfigured);
}

#[test]
fn a_value_that_cannot_be_a_key_is_explained_and_never_shown() {
    let method = || AuthMethod::Signature(Box::new(standard_webhooks()));
    let bad = guard(vec![method()], &[("KEY", "whsec_not!base64")]);
    let Examination::Decided(Err(refusal)) = bad.examine(&HeaderMap::new(), "", now()) else { panic!("decided") };
    assert!(refusal.problem.detail.contains("the value of KEY cannot be used"), "{}", refusal.problem.detail);
    assert!(!refusal.problem.detail.contains("not!base64"));
    let previous = guard(vec![method()], &[("KEY", "whsec_AAAA"), ("KEY_PREVIOUS", "whsec_not!base64")]);
    assert!(!previous.is_unconfigured());
    assert_eq!(previous.warnings().len(), 1);
    assert!(previous.warnings()[0].contains("KEY_PREVIOUS") && !previous.warnings()[0].contains("not!base64"));
}

#[test]
fn what_was_wrong_inside_a_credential_is_not_told() {
    let guard = secret_guard();
    let told = |pairs: &[(&str, &str)], query: &str| {
        let examination = guard.examine(&headers(pairs.iter().copied()), query, now());
        let Examination::Decided(Err(refusal)) = examination else { panic!("refused") };
        assert_eq!(refusal.problem.kind, ProblemKind::Unauthorized);
        (refusal.problem.detail.clone(), refusal.problem.headers.clone())
    };
    let wrong = told(&[("x-secret", "wrong")], "");
    assert_eq!(wrong, told(&[("x-secret", "")], ""));
    assert_eq!(wrong, told(&[], "secret=a&secret=b"));
    let missing = told(&[], "");
    assert!(missing.0.ends_with("it accepts: header X-Secret, header X-Other, query secret"), "{}", missing.0);
    assert_eq!(missing.1, wrong.1);
    let challenge = "MissionControl realm=\"demo\", carriers=\"header X-Secret, header X-Other, query secret\"";
    assert_eq!(wrong.1, [(http::header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))]);
}

fn signed(signature: &Signature, key: &str, body: &[u8], at: i64, id: &str) -> HeaderMap {
    HeaderMap::from_iter(sign(signature, key.as_bytes(), body, at, id).unwrap())
}

#[test]
fn the_time_of_signing_may_be_off_by_the_tolerance_and_no_more() {
    let guard = guard(vec![AuthMethod::Signature(Box::new(stripe()))], &[("KEY", "key")]);
    for (offset, expected) in [(0, None), (-300, None), (300, None), (-301, Some(Reason::Stale)), (301, Some(Reason::Stale))] {
        let sent = signed(&stripe(), "key", b"{}", NOW + offset, "");
        assert_eq!(decide_at(&guard, &sent, "", b"{}", now()).err(), expected, "{offset}");
    }
    for time in ["", "-1", "+1800000000", " 1", "99999999999999999999", "9223372036854775807", "1e9", "0x1"] {
        let sent = headers([("stripe-signature", format!("t={time},v1={}", "0".repeat(64)).as_str())]);
        assert!(matches!(reason(decide_at(&guard, &sent, "", b"{}", now())), Reason::Malformed | Reason::Stale), "{time}");
    }
    let sent = signed(&stripe(), "key", b"{}", i64::MIN, "");
    assert!(decide_at(&guard, &sent, "", b"{}", now()).is_err());
}

#[test]
fn of_several_signatures_any_may_match() {
    let right = signed(&stripe(), "key", b"{}", NOW, "");
    let right = right["stripe-signature"].to_str().unwrap().to_owned();
    let guard = guard(vec![AuthMethod::Signature(Box::new(stripe()))], &[("KEY", "key")]);
    let other = format!("v1={}", "0".repeat(64));
    let code = right.split(',').nth(1).unwrap();
    for value in [
        format!("{right},{other}"),
        format!("{right},v0=old,v2=new"),
        format!("t={NOW},{other},{code}"),
        format!("v1=short, {code}, t={NOW}"),
    ] {
        assert!(decide(&guard, &[("stripe-signature", &value)], "", b"{}").is_ok(), "{value}");
    }
    for value in [format!("t={NOW},{other}"), code.to_owned(), format!("{right},t=1"), format!("t={NOW}"), ",".to_owned()] {
        assert!(decide(&guard, &[("stripe-signature", &value)], "", b"{}").is_err(), "{value}");
    }
}

#[test]
fn a_signature_needs_everything_it_covers_exactly_once() {
    let guard = guard(
        vec![AuthMethod::Signature(Box::new(standard_webhooks()))],
        &[("KEY", "whsec_AAAA"), ("KEY_PREVIOUS", "whsec_BBBB")],
    );
    let right = signed(&standard_webhooks(), "whsec_AAAA", b"{}", NOW, "msg_1");
    let outcome = |sent: &HeaderMap| decide_at(&guard, sent, "", b"{}", now()).map(|admission| admission.previous_secret);
    assert_eq!(outcome(&right), Ok(false));
    assert_eq!(outcome(&signed(&standard_webhooks(), "whsec_BBBB", b"{}", NOW, "msg_1")), Ok(true));
    assert_eq!(outcome(&signed(&standard_webhooks(), "whsec_CCCC", b"{}", NOW, "msg_1")), Err(Reason::Wrong));
    for name in ["webhook-id", "webhook-timestamp"] {
        let mut without = right.clone();
        without.remove(name);
        assert_eq!(outcome(&without), Err(Reason::Malformed), "{name}");
    }
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut twice = right.clone();
        twice.append(name, right[name].clone());
        assert_eq!(outcome(&twice), Err(Reason::Repeated), "{name}");
        let mut empty = right.clone();
        empty.insert(name, HeaderValue::from_static(""));
        assert_eq!(outcome(&empty), Err(Reason::Empty), "{name}");
    }
    let mut other = right.clone();
    other.insert("webhook-id", HeaderValue::from_static("msg_2"));
    assert_eq!(outcome(&other), Err(Reason::Wrong));
    let mut later = right.clone();
    later.insert("webhook-timestamp", HeaderValue::from(NOW + 1));
    assert_eq!(outcome(&later), Err(Reason::Wrong));
    let mut without = right;
    without.remove("webhook-signature");
    assert_eq!(outcome(&without), Err(Reason::Missing));
}
