//! Published signatures: what the vendors print in their documents has to be let in as it stands, and what we sign has to be
//! the same bytes.

use std::time::Duration;

use contract::{
    catalog::{AuthMethod, KeyEncoding, MacAlgorithm, MacEncoding, Signature, SignedTime},
    template::SignedPayload,
};
use http::HeaderMap;
use jiff::Timestamp;

use super::*;
use crate::guard::sign;

struct Vector {
    signature: Signature,
    key: &'static str,
    at: i64,
    id: &'static str,
    body: &'static [u8],
    headers: &'static [(&'static str, &'static str)],
}

fn slack() -> Signature {
    Signature {
        header: "X-Slack-Signature".to_owned(),
        prefix: "v0=".to_owned(),
        payload: SignedPayload::parse("v0:{timestamp}:{body}").unwrap(),
        timestamp: Some(SignedTime { header: Some("X-Slack-Request-Timestamp".to_owned()), tolerance: Duration::from_secs(300) }),
        ..signature()
    }
}

fn vectors() -> Vec<Vector> {
    vec![
        // docs.github.com, "Validating webhook deliveries", "Testing the webhook payload validation".
        Vector {
            signature: signature(),
            key: "It's a Secret to Everybody",
            at: NOW,
            id: "",
            body: b"Hello, World!",
            headers: &[("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
        },
        // The vector that the Standard Webhooks libraries share.
        Vector {
            signature: standard_webhooks(),
            key: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            at: 1_614_265_330,
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            body: br#"{"test": 2432232314}"#,
            headers: &[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ],
        },
        // api.slack.com, "Verifying requests from Slack", the example of the step-by-step walk.
        Vector {
            signature: slack(),
            key: "8f742231b10e8888abcd99yyyzzz85a5",
            at: 1_531_420_618,
            id: "",
            body: b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
            headers: &[
                ("X-Slack-Request-Timestamp", "1531420618"),
                ("X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            ],
        },
        // Stripe's scheme, computed apart with Python's hmac; the `whsec_` of Stripe's keys is part of the key.
        Vector {
            signature: stripe(),
            key: "whsec_test_secret",
            at: 1_492_774_577,
            id: "",
            body: br#"{"id":"evt_1"}"#,
            headers: &[("Stripe-Signature", "t=1492774577,v1=799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f")],
        },
        // Shopify's scheme, computed apart with Python's hmac.
        Vector {
            signature: Signature {
                header: "X-Shopify-Hmac-Sha256".to_owned(),
                encoding: MacEncoding::Base64,
                prefix: String::new(),
                ..signature()
            },
            key: "hush",
            at: NOW,
            id: "",
            body: br#"{"id":820982911946154508}"#,
            headers: &[("X-Shopify-Hmac-Sha256", "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I=")],
        },
        // RFC 2202 section 3, test case 2.
        Vector {
            signature: Signature { algorithm: MacAlgorithm::HmacSha1, prefix: "sha1=".to_owned(), ..signature() },
            key: "Jefe",
            at: NOW,
            id: "",
            body: b"what do ya want for nothing?",
            headers: &[("X-Hub-Signature-256", "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")],
        },
        // RFC 4231 section 4.3.
        Vector {
            signature: Signature {
                algorithm: MacAlgorithm::HmacSha512,
                prefix: String::new(),
                key: KeyEncoding::Base64,
                ..signature()
            },
            key: "SmVmZQ==",
            at: NOW,
            id: "",
            body: b"what do ya want for nothing?",
            headers: &[(
                "X-Hub-Signature-256",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34\
                 d4a6b4b636e070a38bce737",
            )],
        },
    ]
}

fn at(vector: &Vector) -> Timestamp {
    Timestamp::from_second(vector.at).unwrap()
}

fn vector_guard(vector: &Vector) -> Guard {
    guard(vec![AuthMethod::Signature(Box::new(vector.signature.clone()))], &[("KEY", vector.key)])
}

#[test]
fn published_signatures_are_let_in_and_made() {
    for vector in vectors() {
        let sent = headers(vector.headers.iter().copied());
        let admission = decide_at(&vector_guard(&vector), &sent, "", vector.body, at(&vector));
        let name = &vector.signature.header;
        assert!(admission.is_ok_and(|admission| !admission.previous_secret), "{name}");
        let signed = sign(&vector.signature, vector.key.as_bytes(), vector.body, vector.at, vector.id).unwrap();
        assert_eq!(HeaderMap::from_iter(signed), sent, "{name}");
    }
}

#[test]
fn any_altered_byte_of_a_published_message_is_refused() {
    for vector in vectors() {
        let guard = vector_guard(&vector);
        let sent = headers(vector.headers.iter().copied());
        for position in 0..vector.body.len() {
            let mut body = vector.body.to_vec();
            body[position] ^= 1;
            assert!(decide_at(&guard, &sent, "", &body, at(&vector)).is_err());
        }
        for (name, value) in vector.headers {
            for position in 0..value.len() {
                let mut altered = value.as_bytes().to_vec();
                altered[position] ^= 1;
                let mut sent = sent.clone();
                let Ok(altered) = HeaderValue::from_bytes(&altered) else { continue };
                sent.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), altered);
                let outcome = decide_at(&guard, &sent, "", vector.body, at(&vector));
                assert!(outcome.is_err(), "{name}: byte {position} of {value}");
            }
        }
    }
}

#[test]
fn an_upper_case_signature_is_the_same_signature() {
    let vector = &vectors()[0];
    let value = vector.headers[0].1.to_uppercase().replace("SHA256=", "sha256=");
    assert!(decide(&vector_guard(vector), &[(vector.headers[0].0, &value)], "", vector.body).is_ok());
}
