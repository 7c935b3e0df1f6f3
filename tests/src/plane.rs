//! A Plane instance as this service sees one: it signs bodies and posts them. The signature is computed here from the
//! description of Plane, not by the code under test.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use uuid::Uuid;

use crate::{Call, Server, program};

/// The variable with the webhook's secret.
pub const VARIABLE: &str = "PLANE_WEBHOOK_SECRET";
/// The webhook's secret.
pub const SECRET: &str = "plane_wh_7c1d9f04b2e84a6d8f35";
/// The webhook of the project `demo`.
pub const WEBHOOK: &str = "/api/v1/projects/demo/integrations/plane/webhook";

/// Lower-case hex of the HMAC-SHA256 over the body.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// A signed event under a delivery id of its own, to the project `demo`.
pub fn event(server: &Server, body: &Value) -> Call {
    delivery(server, WEBHOOK, &Uuid::now_v7().to_string(), body["event"].as_str(), body.to_string().as_bytes())
}

/// A signed event as Plane sends it.
pub fn delivery(server: &Server, path: &str, id: &str, event: Option<&str>, body: &[u8]) -> Call {
    let mut call = server.post(path).header("content-type", "application/json").header("x-plane-delivery", id);
    if let Some(event) = event {
        call = call.header("x-plane-event", event);
    }
    call.header("x-plane-signature", signature(SECRET, body)).body(body)
}

/// A body of `contracts/fixtures/plane/`.
pub fn fixture(name: &str) -> Value {
    let path = program::repository().join("contracts/fixtures/plane").join(format!("{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("a fixture is JSON")
}

/// The same event about another object.
pub fn about(mut event: Value, id: &str) -> Value {
    let place = if event["event"] == "issue_comment" { "issue" } else { "id" };
    event["data"][place] = id.into();
    event
}
