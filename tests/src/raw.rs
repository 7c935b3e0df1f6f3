//! HTTP/1.1 by hand, for what no client sends: odd paths, slow bodies, many headers, and a look at the bytes of an answer.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{Server, server::PATIENCE};

/// A connection.
pub struct Raw {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    /// Status; 0 when the connection ended without an answer.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Raw {
    /// Connects.
    pub async fn connect(server: &Server) -> std::io::Result<Self> {
        let address = server.base.trim_start_matches("http://");
        Ok(Self { stream: TcpStream::connect(address).await?, buffer: Vec::new() })
    }

    /// Sends bytes. A server that has answered already may have closed the connection, which is no failure.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads one answer. `bodiless` says that it has no body whatever its headers say, as one to HEAD.
    pub async fn answer(&mut self, bodiless: bool) -> RawAnswer {
        timeout(PATIENCE, self.read(bodiless)).await.expect("an answer comes in time")
    }

    /// Whether the server closes the connection.
    pub async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(timeout(PATIENCE, self.stream.read(&mut byte)).await, Ok(Ok(0) | Err(_)))
    }

    async fn read(&mut self, bodiless: bool) -> RawAnswer {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if !self.more().await {
                return RawAnswer { status: 0, headers: Vec::new(), body: std::mem::take(&mut self.buffer) };
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status line");
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
        let length: usize = if bodiless { 0 } else { length.unwrap_or(0) };
        self.buffer.drain(..end + 4);
        while self.buffer.len() < length && self.more().await {}
        let body = self.buffer.drain(..length.min(self.buffer.len())).collect();
        RawAnswer { status, headers, body }
    }

    async fn more(&mut self) -> bool {
        let mut chunk = [0; 8192];
        match self.stream.read(&mut chunk).await {
            Ok(length @ 1..) => {
                self.buffer.extend_from_slice(&chunk[..length]);
                true
            }
            _ => false,
        }
    }
}

impl RawAnswer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

/// Sends bytes over a connection of their own and reads the answer.
pub async fn exchange(server: &Server, bytes: impl AsRef<[u8]>) -> RawAnswer {
    let mut raw = Raw::connect(server).await.expect("the server listens");
    raw.send(bytes).await;
    raw.answer(false).await
}
