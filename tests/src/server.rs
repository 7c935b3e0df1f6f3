//! A running `mission-control serve`.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::request::Call;

/// How long anything may take that has to happen: generous, because a busy machine is slow, and never waited for in full when
/// all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A server process; killed when it is dropped.
pub struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
    /// Sends requests to it.
    pub client: reqwest::Client,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts a process and waits for the line with its address.
    pub async fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let mut errors = child.stderr.take().expect("its errors are piped");
        let collected = log.clone();
        std::thread::spawn(move || {
            let mut chunk = [0u8; 8192];
            while let Ok(length @ 1..) = errors.read(&mut chunk) {
                collected.lock().expect("the log").push_str(&String::from_utf8_lossy(&chunk[..length]));
            }
        });
        let output = child.stdout.take().expect("its output is piped");
        let mut lines = BufReader::new(output);
        let mut line = String::new();
        let read = tokio::task::spawn_blocking(move || {
            let outcome = lines.read_line(&mut line).map(|_| line);
            (outcome, lines)
        });
        let (line, mut rest) =
            tokio::time::timeout(PATIENCE, read).await.expect("the server starts in time").expect("the reader");
        let line = line.expect("its output is text");
        let Some(base) = line.split_whitespace().find(|word| word.starts_with("http://")) else {
            let _ = child.wait();
            let log = log.lock().expect("the log");
            panic!("the server did not start: {line}{log}");
        };
        let base = base.trim_end_matches('/').to_owned();
        std::thread::spawn(move || drop(std::io::copy(&mut rest, &mut std::io::sink())));
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
        Self { child, base, client: client.expect("a client"), log }
    }

    /// A request to be sent.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, &self.base, method, path)
    }

    /// GET.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// POST.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name: `TERM`, `HUP`, `STOP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().expect("kill starts");
        assert!(status.success(), "the signal was not sent");
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and waits until it ended.
    pub async fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait().await
    }

    /// Waits until it ended.
    pub async fn wait(&mut self) -> ExitStatus {
        eventually("the server ends", async || self.child.try_wait().expect("its state")).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks until there is an answer; fails with `what` when there is none in time.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    loop {
        ticks.tick().await;
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
    }
}
