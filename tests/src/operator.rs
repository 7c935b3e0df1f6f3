//! An operator with an API token: reads what the service shows, waits until deliveries are settled, and reads counters.

use contract::catalog::{Role, Scope};
use engine::{guard, storage::AuditEntry};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use crate::{Answer, Call, Server, World, credentials::random, server::eventually};

/// An operator at a server.
pub struct Operator {
    client: reqwest::Client,
    base: String,
    /// The API token.
    pub token: String,
}

impl World {
    /// The text of a new API token.
    pub async fn token(&self, scope: Scope) -> String {
        let text = guard::token_text(&random());
        let store = self.store().await;
        store.add_token("suite", scope, &guard::digest(&text), None).await.expect("the token is added");
        store.close().await;
        text
    }

    /// The cookie of a new session.
    pub async fn session(&self, role: Role) -> String {
        let text = guard::session_text(&random());
        let store = self.store().await;
        let operator = store.add_operator(&format!("suite {role:?}"), role).await.expect("the operator is added");
        let end = Timestamp::now() + SignedDuration::from_hours(1);
        store.add_session(operator, &guard::digest(&text), end).await.expect("the session is added");
        store.close().await;
        format!("mc_session={text}")
    }

    /// Every audit entry, newest first.
    pub async fn audit(&self) -> Vec<AuditEntry> {
        let store = self.store().await;
        let (mut entries, mut before) = (Vec::new(), None::<Uuid>);
        loop {
            let page = store.audit_entries(500, before).await.expect("the audit is read");
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            entries.extend(page);
        }
        store.close().await;
        entries
    }

    /// An operator at a server, with a token that may do everything.
    pub async fn operator(&self, server: &Server) -> Operator {
        Operator { client: server.client.clone(), base: server.base.clone(), token: self.token(Scope::Admin).await }
    }
}

impl Operator {
    /// The same operator at another server.
    #[must_use]
    pub fn at(&self, server: &Server) -> Self {
        Self { client: server.client.clone(), base: server.base.clone(), token: self.token.clone() }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, &self.base, method, path)
    }

    /// GET with the token.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path).bearer(&self.token)
    }

    /// POST with the token.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path).bearer(&self.token)
    }

    /// Reads a document that is there.
    pub async fn reads(&self, path: &str) -> Value {
        self.get(path).send().await.expect(200).json()
    }

    /// The items of a list, page after page.
    pub async fn lists(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let more = cursor.map(|cursor| format!("{mark}cursor={cursor}")).unwrap_or_default();
            let page = self.reads(&format!("{path}{more}")).await;
            items.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }

    /// Waits until the delivery of an acknowledgement is done or dead, and answers it.
    pub async fn settled(&self, acknowledgement: &Answer) -> Value {
        let id = delivery_id(acknowledgement);
        eventually("the delivery is settled", async || {
            let delivery = self.reads(&format!("/api/v1/deliveries/{id}")).await;
            matches!(delivery["state"].as_str(), Some("done" | "dead")).then_some(delivery)
        })
        .await
    }

    /// Waits until a delivery took effect.
    pub async fn done(&self, acknowledgement: &Answer) {
        let delivery = self.settled(acknowledgement).await;
        assert_eq!(delivery["state"], "done", "{delivery:#}");
    }

    /// Waits until nothing is on its way. Pending comes first: what it leaves was running, done or dead by then. The newest
    /// deliveries are then looked at in one list, since a failed attempt goes back from running to pending.
    pub async fn all_settled(&self) {
        eventually("every delivery is settled", async || {
            for state in ["pending", "running"] {
                let page = self.reads(&format!("/api/v1/deliveries?state={state}&limit=1")).await;
                if page["items"].as_array().is_some_and(|items| !items.is_empty()) {
                    return None;
                }
            }
            let newest = self.reads("/api/v1/deliveries?limit=200").await;
            let settled = |delivery: &Value| matches!(delivery["state"].as_str(), Some("done" | "dead"));
            newest["items"].as_array().is_some_and(|items| items.iter().all(settled)).then_some(())
        })
        .await;
    }

    /// The sum of a metric's series that have these labels, written as `name="value"`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.call("GET", "/metrics").send().await.expect(200).text();
        let series = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        let matching = series.filter(|line| labels.iter().all(|label| line.contains(label)));
        matching.map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a value")).sum()
    }
}

/// The id of the delivery that was acknowledged.
pub fn delivery_id(acknowledgement: &Answer) -> String {
    acknowledgement.json()["delivery_id"].as_str().expect("an acknowledgement names its delivery").to_owned()
}
