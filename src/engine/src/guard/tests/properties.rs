//! Whatever a caller sends: nothing panics, and nothing but the right credential is let in.

use proptest::prelude::*;

use super::*;
use crate::guard::sign;

fn strict() -> Guard {
    let methods = vec![
        AuthMethod::Signature(Box::new(stripe())),
        AuthMethod::Signature(Box::new(standard_webhooks())),
        AuthMethod::Signature(Box::new(signature())),
        secret(),
        bearer(),
    ];
    guard(methods, &[("KEY", "whsec_AAAA"), ("SECRET", "correct-horse-battery"), ("TOKEN", "correct-token")])
}

const NAMES: [&str; 9] = [
    "stripe-signature",
    "webhook-signature",
    "webhook-timestamp",
    "webhook-id",
    "x-hub-signature-256",
    "x-secret",
    "x-other",
    "authorization",
    "cookie",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "(v1,|v1=|t=|sha256=|Bearer |=|,| ){0,4}[0-9a-fA-F+/=]{0,70}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn nothing_that_is_sent_panics_or_is_let_in(
        sent in proptest::collection::vec((0..NAMES.len(), value()), 0..6),
        query in "([a-z%=&+]|secret=|%ff|é){0,12}",
        body in proptest::collection::vec(any::<u8>(), 0..64),
        at in any::<i32>(),
    ) {
        let mut map = HeaderMap::new();
        for (name, value) in sent {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(NAMES[name], value);
            }
        }
        let now = Timestamp::from_second(i64::from(at)).unwrap();
        prop_assert!(decide_at(&strict(), &map, &query, &body, now).is_err());
    }

    #[test]
    fn an_altered_byte_is_refused(
        body in proptest::collection::vec(any::<u8>(), 1..200),
        position in any::<prop::sample::Index>(),
        bit in 0..8u8,
        kind in 0..3usize,
    ) {
        let signature = vec![signature(), standard_webhooks(), stripe()].swap_remove(kind);
        let guard = guard(vec![AuthMethod::Signature(Box::new(signature.clone()))], &[("KEY", "whsec_AAAA")]);
        let sent = HeaderMap::from_iter(sign(&signature, b"whsec_AAAA", &body, NOW, "msg_1").unwrap());
        prop_assert!(decide_at(&guard, &sent, "", &body, now()).is_ok());
        let mut altered = body;
        let position = position.index(altered.len());
        altered[position] ^= 1 << bit;
        prop_assert_eq!(decide_at(&guard, &sent, "", &altered, now()).err(), Some(Reason::Wrong));
    }

    #[test]
    fn only_the_whole_secret_is_let_in(presented in "[ -~]{0,30}", cut in 0..21usize) {
        let guard = guard(vec![secret()], &[("SECRET", "correct-horse-battery")]);
        let right = presented == "correct-horse-battery";
        prop_assert_eq!(decide(&guard, &[("x-secret", &presented)], "", b"").is_ok(), right);
        prop_assert!(decide(&guard, &[("x-secret", &"correct-horse-battery"[..cut])], "", b"").is_err());
        let query: String = url::form_urlencoded::byte_serialize(presented.as_bytes()).collect();
        prop_assert_eq!(decide(&guard, &[], &format!("secret={query}"), b"").is_ok(), right);
    }
}
