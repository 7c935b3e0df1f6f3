//! The one way out: an HTTP client that goes only where it may.
//!
//! Every target is checked twice: a literal address in the URL before anything is sent (the URL parser has made one form of
//! the decimal, octal, hexadecimal and IPv4-mapped spellings), a name when it is resolved, on the very addresses that are then
//! connected to. Redirects are not followed, proxies of the environment are not used, answers are cut at a limit. What is
//! told of a failure holds the origin of the target and no more of its URL: paths and queries of webhooks are often secrets.
//!
//! Not done here: repeating, ordering and giving up, which are the outbox's.

mod address;
mod credentials;
mod error;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::Timestamp;
use reqwest::redirect;
use url::{Host, Url};

pub use credentials::{CredentialError, credentials};
pub use error::CallError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 16;

/// Headers that belong to the connection or the framing: never taken from a caller.
const NOT_OURS_TO_SET: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// One request to the outside.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// Absolute `http` or `https` URL.
    pub url: String,
    /// Method token.
    pub method: &'static str,
    /// Headers; those of the connection and the framing are left out.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body.
    pub body: Bytes,
    /// Longest time from the first lookup to the last byte of the answer.
    pub timeout: Duration,
    /// Bytes of the answer's body that are kept.
    pub max_response_bytes: usize,
    /// Whether the operator named the target (a variable), not a user: such a target may stand on a loopback or private
    /// address. Link-local and cloud metadata addresses are out of reach for everybody.
    pub named_by_environment: bool,
}

/// An answer with a status of the 2xx class.
#[derive(Debug, Clone)]
pub struct CallResponse {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, at most `max_response_bytes` of it.
    pub body: Bytes,
    /// Whether the body is not whole: it was longer than the limit, or it stopped coming after the status was given.
    pub truncated: bool,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("{}", error::innermost(.0))]
pub struct ClientError(#[from] reqwest::Error);

/// The client. Cheap to clone; connections are shared and kept open.
#[derive(Clone)]
pub struct Client {
    named: reqwest::Client,
    /// For targets that a user named; made when it is first needed.
    public: Arc<OnceLock<reqwest::Client>>,
}

/// Makes ring the process's provider of cryptography for TLS. May be called any number of times; the first provider that was
/// installed stays.
pub fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been faster, with the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

impl Client {
    /// A client that trusts the system's certificate authorities.
    pub fn new() -> Result<Self, ClientError> {
        install_crypto_provider();
        Ok(Self { named: build(true)?, public: Arc::default() })
    }

    /// Sends a request. `Ok` is a status of the 2xx class; everything else is an error that says whether to try again.
    pub async fn send(&self, request: CallRequest) -> Result<CallResponse, CallError> {
        let url = parse(&request.url)?;
        let target = format!("{} {}", request.method, url.origin().ascii_serialization());
        check_literal(&url, request.named_by_environment)
            .map_err(|refused| CallError::Permanent { message: format!("{target}: {refused}") })?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| CallError::Permanent { message: format!("{target}: this is not an HTTP method") })?;
        let headers = request.headers.into_iter().filter(|(name, _)| !NOT_OURS_TO_SET.contains(name));
        let sent = self
            .client(request.named_by_environment)
            .map_err(|error| CallError::Permanent { message: format!("{target}: {error}") })?
            .request(method, url)
            .headers(HeaderMap::from_iter(headers))
            .timeout(request.timeout)
            .body(request.body)
            .send()
            .await;
        let response = sent.map_err(|error| error::unanswered(&target, &error, request.timeout))?;
        if !response.status().is_success() {
            return Err(error::answered(&target, response.status(), response.headers(), Timestamp::now()));
        }
        Ok(read(response, request.max_response_bytes).await)
    }

    fn client(&self, named_by_environment: bool) -> Result<&reqwest::Client, ClientError> {
        if named_by_environment {
            return Ok(&self.named);
        }
        if let Some(client) = self.public.get() {
            return Ok(client);
        }
        let client = build(false)?;
        Ok(self.public.get_or_init(|| client))
    }
}

fn build(allow_private: bool) -> Result<reqwest::Client, ClientError> {
    let builder = || {
        reqwest::Client::builder()
            .dns_resolver(Arc::new(address::Resolver { allow_private }))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .user_agent(concat!("mission-control/", env!("CARGO_PKG_VERSION")))
    };
    builder().build().or_else(|error| {
        // A machine without certificate authorities still has plain HTTP inside its network; HTTPS fails call by call.
        tracing::warn!(
            cause = error::innermost(&error),
            "no certificate authorities are installed (package ca-certificates): calls to https targets will fail"
        );
        Ok(builder().tls_certs_only([]).build()?)
    })
}

fn parse(text: &str) -> Result<Url, CallError> {
    let invalid = |why: &str| CallError::Permanent { message: format!("the target's URL cannot be used: {why}") };
    let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("it is neither http nor https"));
    }
    Ok(url)
}

/// The resolver is not asked for literal addresses, so they are checked here.
fn check_literal(url: &Url, allow_private: bool) -> Result<(), address::Refused> {
    match url.host() {
        Some(Host::Ipv4(address)) => address::check(address.into(), allow_private),
        Some(Host::Ipv6(address)) => address::check(address.into(), allow_private),
        Some(Host::Domain(_)) | None => Ok(()),
    }
}

async fn read(mut response: reqwest::Response, limit: usize) -> CallResponse {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = BytesMut::new();
    let truncated = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.len() > limit - body.len() => {
                body.extend_from_slice(&chunk[..limit - body.len()]);
                break true;
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break false,
            // The far side has accepted the request: to send it again would be worse than to lose the rest of the answer.
            Err(_) => break true,
        }
    };
    CallResponse { status, headers, body: body.freeze(), truncated }
}
