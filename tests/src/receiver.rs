//! A far side: a small HTTP server in the test that notes what it is sent and answers as it was told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::{net::TcpListener, sync::Semaphore, task::AbortHandle};

use crate::server::eventually;

/// A request as it was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

/// The server; it ends when it is dropped.
pub struct Receiver {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    notes: Notes,
    task: AbortHandle,
}

#[derive(Clone)]
struct Notes {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    /// Each answer takes one.
    permits: Arc<Semaphore>,
}

impl Receiver {
    /// Starts one that answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let permits = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let notes = Notes { received: Arc::default(), answers: Arc::default(), permits };
        let router = Router::new().fallback(note).with_state(notes.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }).abort_handle();
        Self { url, notes, task }
    }

    /// Answers the next requests with these statuses, one after the other, and 200 afterwards.
    pub fn answer(&self, statuses: &[u16]) {
        self.notes.answers.lock().expect("the answers").extend(statuses);
    }

    /// Leaves further requests without an answer until [`Self::release`].
    pub fn hold(&self) {
        self.notes.permits.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Answers this many requests, those that wait first.
    pub fn release(&self, count: usize) {
        self.notes.permits.add_permits(count);
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.notes.received.lock().expect("the notes").clone()
    }

    /// Waits until this many requests have come and answers them.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        eventually("the far side is called", async || Some(self.received()).filter(|received| received.len() >= count)).await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Received {
    /// A header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

async fn note(State(notes): State<Notes>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    notes.received.lock().expect("the notes").push(Received { method, uri, headers, body: body.into() });
    notes.permits.acquire().await.expect("the semaphore is never closed").forget();
    let status = notes.answers.lock().expect("the answers").pop_front().unwrap_or(200);
    StatusCode::from_u16(status).expect("a status")
}
