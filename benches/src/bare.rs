//! What the route of a contract is compared with: the same answer behind the same check, written by hand with axum as a
//! careful engineer would write it, and nothing else. It has no limits, no metrics, no spans and no timeouts.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    manifests::{SECRET_HEADER, SECRET_VARIABLE},
    process::WORD,
};

#[derive(Serialize)]
struct Answer {
    status: &'static str,
    accepted: bool,
}

/// Serves until the process is ended; says where it listens on the first line of its output.
pub fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let secret = std::env::var(SECRET_VARIABLE).with_context(|| format!("{SECRET_VARIABLE} is unset"))?;
    let expected: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let router = Router::new().route("/bench/respond", post(respond)).with_state(Arc::new(expected));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        println!("{WORD}{}", listener.local_addr()?);
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router).await?;
        Ok(())
    })
}

async fn respond(State(expected): State<Arc<[u8; 32]>>, headers: HeaderMap, _body: Bytes) -> Response {
    let mut response = if is_admitted(&headers, &expected) {
        Json(Answer { status: "ok", accepted: true }).into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    };
    if let Ok(id) = HeaderValue::from_str(&Uuid::now_v7().to_string()) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// The secret has to be there once, and is compared by its digest, so that neither its bytes nor its length show in the time.
fn is_admitted(headers: &HeaderMap, expected: &[u8; 32]) -> bool {
    let mut values = headers.get_all(SECRET_HEADER).iter();
    let (Some(presented), None) = (values.next(), values.next()) else { return false };
    let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
    presented.ct_eq(expected).into()
}
