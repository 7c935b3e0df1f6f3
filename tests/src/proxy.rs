//! A line to the PostgreSQL server that a test can cut and mend.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};

/// The password that the URL through the line carries; a server that trusts its callers takes any.
pub const PASSWORD: &str = "hunter2-9d41f6";

/// The line. Dropped, it is gone.
pub struct Proxy {
    whole: watch::Sender<bool>,
    refused: watch::Receiver<bool>,
    /// `DATABASE_URL` through the line.
    pub url: String,
    listener: JoinHandle<()>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Proxy {
    /// A line to the database of this URL.
    pub async fn before(url: &str) -> Self {
        let server = PgConnectOptions::from_str(url).expect("the database's URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its port").port();
        let (user, database) = (server.get_username(), server.get_database().expect("the database's name"));
        let url = format!("postgres://{user}:{PASSWORD}@127.0.0.1:{port}/{database}?sslmode=disable");
        let (whole, watcher) = watch::channel(true);
        let (refusing, refused) = watch::channel(false);
        let listener = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *watcher.borrow() {
                    tokio::spawn(relay(client, server.clone(), watcher.clone()));
                } else {
                    refusing.send_replace(true);
                }
            }
        });
        Self { whole, refused, url, listener }
    }

    /// Ends every connection, new ones too.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Waits until a connection was refused.
    pub async fn refused(&self) {
        self.refused.clone().wait_for(|refused| *refused).await.expect("the line is there");
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn relay(mut client: TcpStream, server: PgConnectOptions, mut whole: watch::Receiver<bool>) {
    let mut upstream: Box<dyn Stream> = match server.get_socket() {
        Some(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
            Box::new(UnixStream::connect(path).await.expect("the server's socket"))
        }
        None => Box::new(TcpStream::connect((server.get_host(), server.get_port())).await.expect("the server's port")),
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut upstream) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}
