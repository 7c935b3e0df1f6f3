//! Requests and what is expected of their answers. A failed expectation prints the whole answer.

use std::fmt::Write;

use reqwest::Client;
use serde_json::Value;

/// A request to be sent.
#[must_use]
pub struct Call {
    client: Client,
    /// Method token.
    pub method: String,
    /// Full URL.
    pub url: String,
    /// Headers, in order, repeats kept.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Option<Vec<u8>>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: Vec<u8>,
    request: String,
}

impl Call {
    pub(crate) fn new(client: &Client, base: &str, method: &str, path: &str) -> Self {
        Self { client: client.clone(), method: method.to_owned(), url: format!("{base}{path}"), headers: Vec::new(), body: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sends it through another client: from another address, over another protocol version.
    pub fn through(mut self, client: Client) -> Self {
        self.client = client;
        self
    }

    /// `Authorization: Bearer`.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sends it. Fails the test when no answer comes.
    pub async fn send(self) -> Answer {
        let request = format!("{} {}", self.method, self.url);
        self.try_send().await.unwrap_or_else(|error| panic!("{request}: {error:?}"))
    }

    /// Sends it; a connection may fail, as when a server is killed.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let request = format!("{} {}", self.method, self.url);
        let method = reqwest::Method::from_bytes(self.method.as_bytes()).expect("a method token");
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in &self.headers {
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            headers.append(name, reqwest::header::HeaderValue::from_bytes(value).expect("a header value"));
        }
        let mut builder = self.client.request(method, &self.url).headers(headers);
        if let Some(body) = self.body {
            builder = builder.body(body);
        }
        let response = builder.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec(), request })
    }
}

impl Answer {
    /// Expects a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.describe());
        self
    }

    /// Expects a problem document (RFC 9457) of a status.
    #[track_caller]
    pub fn expect_problem(self, status: u16) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.describe());
        let problem = answer.json();
        for member in ["type", "title", "status", "detail", "instance", "request_id"] {
            assert!(problem.get(member).is_some(), "no `{member}`: {}", answer.describe());
        }
        assert_eq!(problem["status"], status, "{}", answer.describe());
        problem
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.describe()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Everything, for a failure.
    pub fn describe(&self) -> String {
        let mut text = format!("{} answered {}\n", self.request, self.status);
        for (name, value) in &self.headers {
            let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
        let _ = write!(text, "\n{}", self.text());
        text
    }
}
