//! A line to the PostgreSQL server that a test can cut and mend.

use std::{
    str::FromStr,
    sync::{Arc, Mutex},
};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};
use url::Url;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    Whole,
    /// Connections end, new ones too.
    Cut,
    /// Nothing gets through, and nobody is told.
    Silent,
}

pub(crate) struct Proxy {
    line: watch::Sender<Line>,
    port: u16,
    listener: JoinHandle<()>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Proxy {
    pub(crate) async fn before(url: &str) -> Self {
        let server = PgConnectOptions::from_str(url).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (line, watcher) = watch::channel(Line::Whole);
        let tasks: Arc<Mutex<Vec<JoinHandle<()>>>> = Arc::default();
        let listener = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, watcher) = (server.clone(), watcher.clone());
                tasks.lock().unwrap().push(tokio::spawn(relay(client, server, watcher)));
            }
        });
        Self { line, port, listener }
    }

    /// The same database through this line.
    pub(crate) fn url(&self, url: &Url) -> String {
        let options = PgConnectOptions::from_str(url.as_str()).unwrap();
        let mut through = Url::parse("postgres://127.0.0.1").unwrap();
        through.set_port(Some(self.port)).unwrap();
        through.set_username(options.get_username()).unwrap();
        through.set_password(Some(url.password().unwrap_or("hunter2"))).unwrap();
        through.set_path(options.get_database().unwrap());
        through.set_query(Some("sslmode=disable"));
        through.to_string()
    }

    pub(crate) fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    pub(crate) fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }

    pub(crate) fn mend(&self) {
        self.line.send_replace(Line::Whole);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Carries bytes while the line is whole; a silent line keeps its connections until it changes, and then they end.
async fn relay(mut client: TcpStream, server: PgConnectOptions, mut line: watch::Receiver<Line>) {
    if *line.borrow_and_update() != Line::Whole {
        wait_out(&mut line).await;
        return;
    }
    let mut upstream: Box<dyn Stream> = match server.get_socket() {
        Some(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
            Box::new(UnixStream::connect(path).await.unwrap())
        }
        None => Box::new(TcpStream::connect((server.get_host(), server.get_port())).await.unwrap()),
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut upstream) => {}
        _ = line.changed() => wait_out(&mut line).await,
    }
}

async fn wait_out(line: &mut watch::Receiver<Line>) {
    while *line.borrow_and_update() == Line::Silent {
        if line.changed().await.is_err() {
            return;
        }
    }
}
