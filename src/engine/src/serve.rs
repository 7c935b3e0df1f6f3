//! The server: accepts connections, runs the workers and the upkeep beside them, and shuts down in order: no new
//! connections, what runs is finished, leases are handed back, then the end, all within the drain time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{Engine, inbox, jobs, reload, storage::Flow};

/// A request's head has to arrive within this time.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// Connections open at once; further ones wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 10_000;
/// Streams of one HTTP/2 connection.
const MOST_STREAMS: u32 = 64;
/// What an HTTP/2 connection begins with (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves on `listener` until `stop` becomes true, then shuts down. `tasks` holds the engine's committing tasks.
pub async fn run(engine: Arc<Engine>, listener: TcpListener, stop: watch::Receiver<bool>, mut tasks: JoinSet<()>) {
    let mut background = JoinSet::new();
    background.spawn(inbox::worker::work(engine.clone(), Flow::Inbound, stop.clone()));
    background.spawn(inbox::worker::work(engine.clone(), Flow::Outbound, stop.clone()));
    background.spawn(inbox::upkeep::run(engine.clone(), stop.clone()));
    background.spawn(jobs::run(engine.clone(), stop.clone()));
    background.spawn(reload::watch_folder(engine.clone(), stop.clone()));
    let drained = accept_connections(&engine, listener, stop).await;
    let drain = engine.config().drain;
    let finish = async {
        drained.await;
        while background.join_next().await.is_some() {}
    };
    if tokio::time::timeout(drain, finish).await.is_err() {
        tracing::warn!(?drain, "the shutdown took too long; what still ran is cut off and will be tried again");
    }
    background.abort_all();
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
}

/// Accepts until `stop`, then answers a future that ends when every connection has.
async fn accept_connections(
    engine: &Arc<Engine>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> impl Future<Output = ()> + use<> {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).pipeline_flush(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    loop {
        let accept = async {
            let permit = room.clone().acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, (stream, peer)) = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = accept => match accepted {
                (Ok(permit), Ok(accepted)) => (permit, accepted),
                (Err(_), _) => break,
                (_, Err(error)) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        let (watcher, mut stop) = (graceful.watcher(), stop.clone());
        let (engine, builder) = (engine.clone(), builder.clone());
        tokio::spawn(async move {
            let gauge = engine.metrics().connections.clone();
            gauge.inc();
            let spoke = tokio::select! {
                spoke = tokio::time::timeout(HEAD_TIME, speaks(&stream)) => matches!(spoke, Ok(Ok(true))),
                () = stopped(&mut stop) => false,
            };
            if spoke && let Err(error) = watcher.watch(connection(engine, &builder, stream, peer)).await {
                tracing::debug!(%peer, %error, "connection ended early");
            }
            gauge.dec();
            drop(permit);
        });
    }
    drop(listener);
    engine.start_draining();
    graceful.shutdown()
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Waits until it is clear which HTTP the far side speaks; `false` when it says nothing and leaves. From then on the time of
/// the head (HTTP/1) or the keep-alive (HTTP/2) ends a connection that falls silent.
async fn speaks(stream: &TcpStream) -> std::io::Result<bool> {
    let mut begin = [0u8; PREFACE.len()];
    loop {
        let length = stream.peek(&mut begin).await?;
        if length == 0 {
            return Ok(false);
        }
        if length == PREFACE.len() || begin[..length] != PREFACE[..length] {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn connection(
    engine: Arc<Engine>,
    builder: &auto::Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = Box<dyn std::error::Error + Send + Sync>> + Send + use<> {
    // Small answers must not wait for more to come.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let engine = engine.clone();
        async move { Ok::<_, std::convert::Infallible>(engine.handle(request, peer.ip()).await) }
    });
    builder.serve_connection(TokioIo::new(stream), service).into_owned()
}

/// Running out of file descriptors passes; anything else concerns one connection only.
async fn pause_after(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    if !matches!(error.kind(), std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
