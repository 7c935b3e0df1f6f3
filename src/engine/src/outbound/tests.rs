//! The client against real sockets, and the credentials it sends.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::HashMap, net::SocketAddr};

use contract::{
    catalog::{AuthMethod, Carrier, CarrierPlace, CarrierStatus, KeyEncoding, MacAlgorithm, MacEncoding, Signature, Variable},
    template::SignedPayload,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::environment::Environment;

/// Answers one connection and hands back what was sent on it.
async fn answer(response: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<String>) {
    let response = response.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = receive(&mut stream).await;
        stream.write_all(&response).await.unwrap();
        stream.shutdown().await.unwrap();
        request
    });
    (address, served)
}

/// Reads a request whose body has a length.
async fn receive(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return text;
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request ended early: {text}");
    }
}

fn call(url: String) -> CallRequest {
    CallRequest {
        url,
        method: "POST",
        headers: vec![(HeaderName::from_static("x-test"), HeaderValue::from_static("yes"))],
        body: Bytes::from_static(b"{\"a\":1}"),
        timeout: Duration::from_secs(20),
        max_response_bytes: 16,
        named_by_environment: true,
    }
}

fn client() -> Client {
    Client::new().unwrap()
}

fn message(error: &CallError) -> &str {
    match error {
        CallError::Transient { message, .. } | CallError::Permanent { message } => message,
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made() {
    let (address, served) = answer("HTTP/1.1 202 Accepted\r\nX-Far: 1\r\nContent-Length: 4\r\n\r\ndone").await;
    let mut request = call(format!("http://{address}/hook?a=1"));
    request.headers.push((header::HOST, HeaderValue::from_static("elsewhere.test")));
    request.headers.push((header::TRANSFER_ENCODING, HeaderValue::from_static("chunked")));
    let response = client().send(request).await.unwrap();
    assert_eq!((response.status, &*response.body, response.truncated), (202, &b"done"[..], false));
    assert_eq!(response.headers["x-far"], "1");
    let sent = served.await.unwrap();
    assert!(sent.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("x-test: yes\r\n") && sent.contains("user-agent: mission-control/"), "{sent}");
    assert!(sent.contains(&format!("host: {address}\r\n")), "{sent}");
    assert!(!sent.contains("elsewhere") && !sent.contains("chunked"), "{sent}");
    assert!(sent.ends_with("\r\n\r\n{\"a\":1}"), "{sent}");
}

#[tokio::test]
async fn an_answer_is_cut_at_its_limit_and_says_so() {
    for (length, kept, truncated) in [(15, 15, false), (16, 16, false), (17, 16, true), (100_000, 16, true)] {
        let body = "x".repeat(length);
        let (address, served) = answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")).await;
        let response = client().send(call(format!("http://{address}/"))).await.unwrap();
        assert_eq!((response.body.len(), response.truncated), (kept, truncated), "{length}");
        drop(served);
    }
    let (address, _served) = answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    let response = client().send(call(format!("http://{address}/"))).await.unwrap();
    assert_eq!((&*response.body, response.truncated), (&b"half"[..], true));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (address, served) = answer("HTTP/1.1 302 Found\r\nLocation: /elsewhere?secret=x\r\nContent-Length: 0\r\n\r\n").await;
    let error = client().send(call(format!("http://{address}/"))).await.unwrap_err();
    assert_eq!(
        error,
        CallError::Permanent {
            message: format!("POST http://{address}: the answer is 302 (Found); redirects are not followed, name the final URL")
        }
    );
    served.await.unwrap();
}

#[tokio::test]
async fn a_busy_far_side_says_when_to_come_back() {
    let (address, _served) = answer("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").await;
    let error = client().send(call(format!("http://{address}/hook/T0K3N?secret=x"))).await.unwrap_err();
    let message = format!("POST http://{address}: the answer is 503 (Service Unavailable)");
    assert_eq!(error, CallError::Transient { message, retry_after: Some(Duration::from_secs(7)) });
}

#[tokio::test]
async fn what_is_told_of_a_failure_holds_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://user:passw0rd@{address}/hook/T0K3N?secret=canary#x");

    let mut silent = call(url.clone());
    silent.timeout = Duration::from_millis(20);
    let timed_out = client().send(silent).await.unwrap_err();
    assert_eq!(message(&timed_out), format!("POST http://{address}: no answer within 20ms"));

    drop(listener);
    let refused = client().send(call(url)).await.unwrap_err();
    assert!(message(&refused).starts_with(&format!("POST http://{address}: Connection refused")), "{refused}");

    let unknown = client().send(call("http://user:passw0rd@nowhere.invalid/T0K3N?secret=canary".to_owned())).await.unwrap_err();
    let broken = client().send(call("http://user:passw0rd@[::1/T0K3N?secret=canary".to_owned())).await.unwrap_err();
    for error in [&timed_out, &refused, &unknown, &broken] {
        for secret in ["passw0rd", "T0K3N", "canary"] {
            assert!(!format!("{error:?} {error}").contains(secret), "{error:?}");
        }
    }
    assert!(matches!(timed_out, CallError::Transient { retry_after: None, .. }));
    assert!(matches!(refused, CallError::Transient { .. }));
    assert!(matches!(unknown, CallError::Transient { .. }));
    assert!(matches!(broken, CallError::Permanent { .. }));
}

#[tokio::test]
async fn a_target_that_a_user_named_is_public() {
    let (address, served) = answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let port = address.port();
    for host in ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"] {
        let mut request = call(format!("http://{host}:{port}/"));
        request.named_by_environment = false;
        let error = client().send(request).await.unwrap_err();
        assert!(matches!(error, CallError::Permanent { .. }), "{host}: {error}");
        assert!(
            message(&error)
                .ends_with("the address is not public, and the target was not named by the operator: it is not called")
        );
    }
    assert!(!served.is_finished(), "nothing was connected to");
    client().send(call(format!("http://localhost:{port}/"))).await.unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn metadata_services_are_out_of_reach_for_everybody() {
    for host in [
        "169.254.169.254",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.16689662",
        "[::ffff:a9fe:a9fe]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "0.0.0.0",
        "0",
    ] {
        let error = client().send(call(format!("http://{host}/latest/meta-data"))).await.unwrap_err();
        assert!(message(&error).ends_with("it is never called"), "{host}: {error}");
        assert!(matches!(error, CallError::Permanent { .. }), "{host}");
    }
}

#[tokio::test]
async fn a_far_side_that_speaks_no_tls_is_an_error_and_no_panic() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut hello = Vec::new();
        stream.read_buf(&mut hello).await.unwrap();
        hello
    });
    let error = client().send(call(format!("https://{address}/T0K3N"))).await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert!(message(&error).starts_with(&format!("POST https://{address}: ")), "{error}");
    assert_eq!(served.await.unwrap()[0], 0x16, "what came was a TLS handshake");
}

#[tokio::test]
async fn only_http_is_spoken() {
    for url in ["file:///etc/passwd", "ftp://far.test/", "unix:/run/x.sock", "far.test/hook", "", "http://"] {
        let error = client().send(call(url.to_owned())).await.unwrap_err();
        assert!(message(&error).starts_with("the target's URL cannot be used"), "{url}: {error}");
    }
}

// ---- credentials ----

fn environment(values: &[(&str, &str)]) -> Environment {
    let source: HashMap<String, String> = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = Environment::new(source);
    let variables = ["SECRET", "TOKEN", "KEY"].map(|name| Variable {
        name: name.to_owned(),
        secret: true,
        required: false,
        default: None,
        example: None,
        description: "A secret".to_owned(),
        contract: None,
    });
    assert!(environment.load(&variables).is_empty());
    environment
}

fn secret(carriers: &[(CarrierPlace, &str, CarrierStatus)]) -> AuthMethod {
    let carriers = carriers
        .iter()
        .map(|(place, name, status)| Carrier { place: *place, name: (*name).to_owned(), status: *status, deprecated: None })
        .collect();
    AuthMethod::Secret { variable: "SECRET".to_owned(), carriers }
}

fn credential(header: Option<&str>, bearer: bool) -> AuthMethod {
    AuthMethod::Credential { variable: "TOKEN".to_owned(), header: header.map(str::to_owned), bearer }
}

fn signature() -> AuthMethod {
    AuthMethod::Signature(Box::new(Signature {
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
    }))
}

fn sent(methods: &[AuthMethod], values: &[(&str, &str)]) -> Result<Vec<(String, String)>, CredentialError> {
    let headers = credentials(methods, &environment(values), b"Hello, World!", Timestamp::UNIX_EPOCH, "id")?;
    Ok(headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect())
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn what_a_contract_lists_is_sent() {
    let values = [("SECRET", "s3cret"), ("TOKEN", "t0ken"), ("KEY", "It's a Secret to Everybody")];
    let carriers = [
        (CarrierPlace::Header, "X-Old", CarrierStatus::Compatibility),
        (CarrierPlace::Header, "X-Secret", CarrierStatus::Preferred),
        (CarrierPlace::Query, "secret", CarrierStatus::Legacy),
    ];
    let bearer = AuthMethod::Bearer { variable: "TOKEN".to_owned() };
    assert_eq!(
        sent(&[secret(&carriers), bearer, signature()], &values).unwrap(),
        [
            pair("x-secret", "s3cret"),
            pair("authorization", "Bearer t0ken"),
            pair("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
        ]
    );
    assert_eq!(sent(&[credential(Some("X-API-Key"), false)], &values).unwrap(), [pair("x-api-key", "t0ken")]);
    assert_eq!(sent(&[credential(None, true)], &values).unwrap(), [pair("authorization", "Bearer t0ken")]);
    assert_eq!(sent(&[secret(&carriers), credential(None, true)], &values).unwrap(), [pair("authorization", "Bearer t0ken")]);
    assert_eq!(sent(&[signature(), credential(None, false)], &values).unwrap(), []);
}

#[test]
fn a_credential_that_cannot_be_sent_is_named_and_not_shown() {
    let query = [(CarrierPlace::Query, "secret", CarrierStatus::Legacy)];
    assert_eq!(sent(&[secret(&query)], &[("SECRET", "x")]), Err(CredentialError::NoHeader("SECRET".to_owned())));
    assert_eq!(sent(&[credential(None, true)], &[]), Err(CredentialError::Unset("TOKEN".to_owned())));
    let broken = sent(&[credential(None, true)], &[("TOKEN", "two\nlines")]).unwrap_err();
    assert_eq!(broken, CredentialError::NotAHeader("TOKEN".to_owned()));
    assert!(!broken.to_string().contains("lines"));
}
