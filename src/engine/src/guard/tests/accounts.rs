//! Sessions and API tokens: the methods that ask the database.

use std::sync::Mutex;

use async_trait::async_trait;
use contract::catalog::{Role, Scope};
use uuid::Uuid;

use super::*;
use crate::{
    guard::{Lookup, digest, session_text, token_text},
    handler::Principal,
    problem::ProblemKind,
    storage::{
        Accepted, Access, Claimed, DeliveryFilter, DeliveryRecord, DeprecatedUse, DeprecatedUses, Flow, NewDelivery, QueueDepth,
        SessionRecord, Storage, StorageError, StorageResult, TokenRecord, Transaction, Verdict,
    },
};

fn accounts_guard(auth: Vec<AuthMethod>) -> Guard {
    guard(auth, &[("TOKEN", "shared-token")])
}

async fn decide_account(guard: &Guard, pairs: &[(&str, &str)], accounts: &Accounts) -> Result<Principal, Reason> {
    match guard.examine(&headers(pairs.iter().copied()), "", now()) {
        Examination::Decided(outcome) => outcome.map(|admission| admission.principal).map_err(|refusal| refusal.reason),
        Examination::NeedsLookup(lookup) => {
            guard.look_up(&lookup, accounts, now()).await.map(|admission| admission.principal).map_err(|refusal| refusal.reason)
        }
        Examination::NeedsBody(_) => panic!("no signature here"),
    }
}

#[tokio::test]
async fn a_session_is_looked_up_by_its_digest() {
    let text = session_text(&[7; 32]);
    let accounts = Accounts::with(&text, Role::Operator, Scope::Read);
    let session = |role| accounts_guard(vec![AuthMethod::Session { role }]);
    let cookie = |value: &str| format!("theme=dark; mc_session={value}; x=y");
    let right = cookie(&text);
    for role in [Role::Viewer, Role::Operator] {
        let principal = decide_account(&session(role), &[("cookie", &right)], &accounts).await.unwrap();
        assert_eq!(principal.actor(), "operator:Ada");
    }
    assert_eq!(decide_account(&session(Role::Admin), &[("cookie", &right)], &accounts).await, Err(Reason::TooLow));
    let split = [("cookie", "a=b"), ("cookie", &*format!("__Host-mc_session={text}"))];
    assert!(decide_account(&session(Role::Viewer), &split, &accounts).await.is_ok());

    let asked = accounts.asked();
    let cut = cookie(&text[1..]);
    let twice = format!("{right}; mc_session={text}");
    let stronger = format!("__Host-mc_session=x; mc_session={text}");
    for (line, expected) in [
        ("a=b", Reason::Missing),
        ("mc_session", Reason::Missing),
        ("xmc_session=1", Reason::Missing),
        ("mc_session=", Reason::Empty),
        (&*cut, Reason::Malformed),
        (&*twice, Reason::Repeated),
        (&*stronger, Reason::Malformed),
    ] {
        assert_eq!(decide_account(&session(Role::Viewer), &[("cookie", line)], &accounts).await, Err(expected), "{line}");
    }
    assert_eq!(accounts.asked(), asked, "a session without its form costs no read");
    let unknown = cookie(&session_text(&[8; 32]));
    assert_eq!(decide_account(&session(Role::Viewer), &[("cookie", &unknown)], &accounts).await, Err(Reason::Unknown));
}

#[tokio::test]
async fn another_site_cannot_use_a_session() {
    let text = session_text(&[7; 32]);
    let accounts = Accounts::with(&text, Role::Admin, Scope::Read);
    let guard = accounts_guard(vec![AuthMethod::Session { role: Role::Viewer }]);
    let cookie = format!("mc_session={text}");
    for (further, expected) in [
        (vec![], None),
        (vec![("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")], None),
        (vec![("sec-fetch-site", "none")], None),
        (vec![("sec-fetch-site", "cross-site")], Some(Reason::CrossSite)),
        (vec![("sec-fetch-site", "same-site")], Some(Reason::CrossSite)),
        (vec![("origin", "https://mc.test:8443"), ("host", "mc.test:8443")], None),
        (vec![("origin", "https://evil.test"), ("host", "mc.test")], Some(Reason::CrossSite)),
        (vec![("origin", "null"), ("host", "mc.test")], Some(Reason::CrossSite)),
        (vec![("origin", "https://mc.test")], Some(Reason::CrossSite)),
    ] {
        let pairs: Vec<_> = std::iter::once(("cookie", &*cookie)).chain(further).collect();
        assert_eq!(decide_account(&guard, &pairs, &accounts).await.err(), expected, "{pairs:?}");
    }
}

#[tokio::test]
async fn an_api_token_has_its_scope() {
    let text = token_text(&[9; 32]);
    let accounts = Accounts::with(&text, Role::Viewer, Scope::Write);
    let token = |scope| accounts_guard(vec![AuthMethod::Token { scope }]);
    let right = format!("Bearer {text}");
    let principal = decide_account(&token(Scope::Write), &[("authorization", &right)], &accounts).await.unwrap();
    assert_eq!(principal.actor(), "token:ci");
    assert_eq!(decide_account(&token(Scope::Admin), &[("authorization", &right)], &accounts).await, Err(Reason::TooLow));
    let unknown = format!("Bearer {}", token_text(&[1; 32]));
    assert_eq!(decide_account(&token(Scope::Read), &[("authorization", &unknown)], &accounts).await, Err(Reason::Unknown));
    let asked = accounts.asked();
    for wrong in ["Bearer mc_", "Bearer something-else", "Bearer mc_x", &right[..right.len() - 1]] {
        assert_eq!(decide_account(&token(Scope::Read), &[("authorization", wrong)], &accounts).await, Err(Reason::Malformed));
    }
    assert_eq!(accounts.asked(), asked);
}

#[tokio::test]
async fn an_authorization_header_belongs_to_one_of_two_methods() {
    let text = token_text(&[9; 32]);
    let accounts = Accounts::with(&text, Role::Viewer, Scope::Write);
    let token = AuthMethod::Token { scope: Scope::Read };
    let api = format!("Bearer {text}");
    for methods in [vec![bearer(), token.clone()], vec![token, bearer()]] {
        let guard = accounts_guard(methods);
        let decide = async |value: &str| decide_account(&guard, &[("authorization", value)], &accounts).await;
        assert_eq!(decide(&api).await.unwrap().actor(), "token:ci");
        assert_eq!(decide("Bearer shared-token").await.unwrap().actor(), "contract:demo");
        assert_eq!(decide("Bearer other").await, Err(Reason::Wrong));
        assert_eq!(decide("Bearer mc_shared-token").await, Err(Reason::Malformed));
        assert_eq!(decide("Basic x").await, Err(Reason::Malformed));
        assert_eq!(decide("").await, Err(Reason::Empty));
    }
}

#[tokio::test]
async fn a_database_that_is_down_lets_nobody_in() {
    let text = session_text(&[7; 32]);
    let accounts = Accounts { down: true, ..Accounts::with(&text, Role::Admin, Scope::Admin) };
    let guard = accounts_guard(vec![AuthMethod::Session { role: Role::Viewer }]);
    let lookup = Lookup { method: 0, digest: digest(&text) };
    let refusal = guard.look_up(&lookup, &accounts, now()).await.expect_err("refused");
    assert_eq!((refusal.reason, refusal.problem.kind), (Reason::Unavailable, ProblemKind::Unavailable));
}

/// One session and one API token under the same digest; every other question is a mistake of the guard.
struct Accounts {
    digest: [u8; 32],
    role: Role,
    scope: Scope,
    down: bool,
    asked: Mutex<u32>,
}

impl Accounts {
    fn with(text: &str, role: Role, scope: Scope) -> Self {
        Self { digest: digest(text), role, scope, down: false, asked: Mutex::new(0) }
    }

    fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }

    fn ask(&self, asked: &[u8; 32]) -> StorageResult<bool> {
        *self.asked.lock().unwrap() += 1;
        if self.down { Err(StorageError::Unavailable("down".to_owned())) } else { Ok(*asked == self.digest) }
    }
}

#[async_trait]
impl Storage for Accounts {
    async fn session(&self, token_digest: &[u8; 32], now: Timestamp) -> StorageResult<Option<SessionRecord>> {
        Ok(self.ask(token_digest)?.then(|| SessionRecord {
            operator_id: Uuid::nil(),
            name: "Ada".to_owned(),
            role: self.role,
            expires_at: now + Duration::from_secs(1),
        }))
    }

    async fn token(&self, token_digest: &[u8; 32], _: Timestamp) -> StorageResult<Option<TokenRecord>> {
        let record = TokenRecord { id: Uuid::nil(), name: "ci".to_owned(), scope: self.scope, expires_at: None };
        Ok(self.ask(token_digest)?.then_some(record))
    }

    async fn begin(&self, _: Access) -> StorageResult<Box<dyn Transaction>> {
        unreachable!()
    }
    async fn ping(&self) -> StorageResult<String> {
        unreachable!()
    }
    async fn accept(&self, _: &[NewDelivery]) -> StorageResult<Vec<Accepted>> {
        unreachable!()
    }
    async fn claim(&self, _: Flow, _: u32, _: Duration, _: Timestamp) -> StorageResult<Vec<Claimed>> {
        unreachable!()
    }
    async fn fail(&self, _: &Claimed, _: &str, _: Verdict, _: Timestamp) -> StorageResult<bool> {
        unreachable!()
    }
    async fn release(&self, _: &[Claimed]) -> StorageResult<()> {
        unreachable!()
    }
    async fn deliveries(&self, _: &DeliveryFilter) -> StorageResult<Vec<DeliveryRecord>> {
        unreachable!()
    }
    async fn delivery(&self, _: Uuid) -> StorageResult<Option<DeliveryRecord>> {
        unreachable!()
    }
    async fn replay(&self, _: Uuid, _: Timestamp) -> StorageResult<bool> {
        unreachable!()
    }
    async fn prune(&self, _: Timestamp, _: Timestamp, _: u32) -> StorageResult<u64> {
        unreachable!()
    }
    async fn newest_key(&self, _: &str, _: &str) -> StorageResult<Option<String>> {
        unreachable!()
    }
    async fn has_unfinished(&self, _: &str, _: &str, _: &str) -> StorageResult<bool> {
        unreachable!()
    }
    async fn depths(&self) -> StorageResult<Vec<QueueDepth>> {
        unreachable!()
    }
    async fn count_deprecated(&self, _: &[(DeprecatedUse, u64)], _: Timestamp) -> StorageResult<()> {
        unreachable!()
    }
    async fn deprecated_uses(&self) -> StorageResult<Vec<DeprecatedUses>> {
        unreachable!()
    }
}
