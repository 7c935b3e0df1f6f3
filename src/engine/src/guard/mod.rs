//! The guard of one route: who may pass, decided before the handler is known to exist.
//!
//! A [`Guard`] is compiled when a catalog is mounted: header names, digests of secrets and MAC keys are computed once, and a
//! request costs lookups and one or two hashes. Examination has up to two phases, so that nothing waits for what it does not
//! need: [`Guard::examine`] reads headers and the query and decides shared secrets and bearer tokens on the spot; a
//! signature needs the body ([`Guard::verify`]), a session or an API token one read of the database ([`Guard::look_up`]).
//!
//! The rules are the same for every method (MANIFEST, "auth"): the first method whose carrier is present decides, within a
//! method the first carrier present; a wrong, empty or repeated credential is refused there and never falls through; a route
//! with an unset variable refuses everybody. What a refusal says never depends on what was wrong inside the credential.
//!
//! `bearer` and `token` share the `Authorization` header. On a route that lists both, a token that starts with
//! [`TOKEN_PREFIX`] belongs to `token` and everything else to `bearer`, whatever their order.
//!
//! Not done here: limits, reading the body, counting (the caller counts by [`Reason`] and [`Notice`]).

mod bearer;
pub mod deprecation;
mod mac;
mod query;
mod refusal;
pub mod scrub;
mod secret;
mod session;
mod signature;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use contract::catalog::{AuthMethod, Route};
use http::HeaderMap;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub use deprecation::Notice;
pub use mac::{SignError, sign};
pub use refusal::{Reason, Refusal};
pub use scrub::Scrubber;
pub use session::COOKIES as SESSION_COOKIES;
pub use signature::Pending;
pub use token::PREFIX as TOKEN_PREFIX;

use crate::{environment::Environment, handler::Principal, storage::Storage};
use refusal::Refusals;

/// The guard of one route. Holds digests and keys: it is not `Debug` on purpose.
pub struct Guard {
    contract: String,
    methods: Vec<Method>,
    refusals: Refusals,
    warnings: Vec<String>,
    notice: Option<Arc<Notice>>,
    /// Whether `bearer` and `token` both guard the route.
    shares_authorization: bool,
    /// Whether a session has to come from our own pages (every method but GET).
    checks_origin: bool,
}

enum Method {
    Secret(secret::SharedSecret),
    Bearer(bearer::Bearer),
    Signature(Box<signature::Verifier>),
    Session(session::Session),
    Token(token::Token),
}

/// What the headers and the query of a request come to.
pub enum Examination {
    /// The end of it: let in or refused. An open route (`auth: none`) lets everybody in as [`Principal::Anonymous`].
    Decided(Result<Admission, Box<Refusal>>),
    /// A signature: read the body and call [`Guard::verify`].
    NeedsBody(Pending),
    /// A session or an API token: call [`Guard::look_up`].
    NeedsLookup(Lookup),
}

/// A well-formed session or API token whose owner is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    method: usize,
    digest: [u8; 32],
}

/// A caller who was let in.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Who.
    pub principal: Principal,
    /// Position of the method that let them in among the route's; `None` when the route is open.
    pub method: Option<usize>,
    /// Whether it was the previous secret (`NAME_PREVIOUS`): counted, so that a rotation can be seen to end.
    pub previous_secret: bool,
    /// The carrier of a shared secret.
    pub carrier: Option<CarrierUse>,
}

/// The carrier that brought a shared secret.
#[derive(Debug, Clone)]
pub struct CarrierUse {
    /// Position among the method's carriers.
    pub index: usize,
    /// Set when the carrier is legacy or deprecated.
    pub notice: Option<Arc<Notice>>,
}

/// The digest under which a session or an API token is stored and looked up: SHA-256 of its text as it is presented.
pub fn digest(presented: &str) -> [u8; 32] {
    Sha256::digest(presented.as_bytes()).into()
}

/// The text of a session token made of 32 random bytes.
pub fn session_text(random: &[u8; 32]) -> String {
    session::encode(random)
}

/// The text of an API token made of 32 random bytes.
pub fn token_text(random: &[u8; 32]) -> String {
    format!("{TOKEN_PREFIX}{}", session::encode(random))
}

impl Guard {
    /// Compiles the guard of a route. A variable that is unset, or whose value cannot be a key, leaves the route
    /// unconfigured: every request is refused with 503 and the name of the variable.
    pub fn compile(route: &Route, environment: &Environment) -> Self {
        let mut guard = Self {
            contract: route.contract.clone(),
            methods: Vec::with_capacity(route.auth.len()),
            refusals: Refusals::new(route),
            warnings: Vec::new(),
            notice: Notice::of_route(route).map(Arc::new),
            shares_authorization: ["bearer", "token"].iter().all(|name| route.auth.iter().any(|method| method.name() == *name)),
            checks_origin: route.method != contract::catalog::Method::Get,
        };
        for method in &route.auth {
            match compile_method(method, route, environment, &mut guard.warnings) {
                Ok(compiled) => guard.methods.push(compiled),
                Err(lack) => guard.refusals.lacks(lack),
            }
        }
        guard
    }

    /// Adds variables that the contract as a whole needs (`Contract::needs`): where one is unset, the route answers 503.
    #[must_use]
    pub fn needing<'a>(mut self, variables: impl IntoIterator<Item = &'a String>, environment: &Environment) -> Self {
        for variable in variables {
            if !environment.is_set(variable) {
                self.refusals.lacks(Lack::unset(variable));
            }
        }
        self
    }

    /// Whether an unset or unusable variable makes the route refuse everybody.
    pub fn is_unconfigured(&self) -> bool {
        self.refusals.is_unconfigured()
    }

    /// What the log should say when the guard is mounted: previous secrets that cannot be used. Never a value.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Set when the route itself is deprecated: applies to every answer, refusals included.
    pub fn notice(&self) -> Option<&Arc<Notice>> {
        self.notice.as_ref()
    }

    /// Every notice that an admitted request gets: the route's and its carrier's.
    pub fn notices<'a>(&'a self, admission: &'a Admission) -> impl Iterator<Item = &'a Notice> {
        let carrier = admission.carrier.as_ref().and_then(|carrier| carrier.notice.as_deref());
        self.notice.as_deref().into_iter().chain(carrier)
    }

    /// The first phase: headers and the raw query, before the body is read.
    pub fn examine(&self, headers: &HeaderMap, query: &str, now: Timestamp) -> Examination {
        if self.refusals.is_unconfigured() {
            return self.refuse(Reason::Unconfigured, None);
        }
        if self.methods.is_empty() {
            let open = Admission { principal: Principal::Anonymous, method: None, previous_secret: false, carrier: None };
            return Examination::Decided(Ok(open));
        }
        for (index, method) in self.methods.iter().enumerate() {
            if let Some(examination) = self.examine_method(index, method, headers, query, now) {
                return examination;
            }
        }
        self.refuse(Reason::Missing, None)
    }

    /// `None`: no carrier of the method is present.
    fn examine_method(
        &self,
        index: usize,
        method: &Method,
        headers: &HeaderMap,
        query: &str,
        now: Timestamp,
    ) -> Option<Examination> {
        let outcome = match method {
            Method::Secret(secret) => secret
                .examine(headers, query)?
                .map(|(previous, carrier)| Examination::Decided(Ok(self.admit_contract(index, previous, Some(carrier))))),
            Method::Bearer(bearer) => bearer
                .examine(headers, self.shares_authorization)?
                .map(|previous| Examination::Decided(Ok(self.admit_contract(index, previous, None)))),
            Method::Signature(verifier) => verifier.examine(index, headers, now)?.map(Examination::NeedsBody),
            Method::Session(session) => session
                .examine(headers, self.checks_origin)?
                .map(|digest| Examination::NeedsLookup(Lookup { method: index, digest })),
            Method::Token(token) => token
                .examine(headers, self.shares_authorization)?
                .map(|digest| Examination::NeedsLookup(Lookup { method: index, digest })),
        };
        Some(outcome.unwrap_or_else(|reason| self.refuse(reason, Some(index))))
    }

    /// The second phase of a signature: the raw bytes of the body, before any decoding.
    pub fn verify(&self, pending: &Pending, body: &[u8]) -> Result<Admission, Box<Refusal>> {
        let index = pending.method;
        let Some(Method::Signature(verifier)) = self.methods.get(index) else {
            return Err(self.refusals.refuse(Reason::Wrong, Some(index)));
        };
        match verifier.verify(pending, body) {
            Ok(previous) => Ok(self.admit_contract(index, previous, None)),
            Err(reason) => Err(self.refusals.refuse(reason, Some(index))),
        }
    }

    /// The second phase of a session or an API token.
    pub async fn look_up(&self, lookup: &Lookup, storage: &dyn Storage, now: Timestamp) -> Result<Admission, Box<Refusal>> {
        let index = Some(lookup.method);
        let principal = match self.methods.get(lookup.method) {
            Some(Method::Session(session)) => session.owner(storage.session(&lookup.digest, now).await, now),
            Some(Method::Token(token)) => token.owner(storage.token(&lookup.digest, now).await, now),
            _ => Ok(Err(Reason::Wrong)),
        };
        match principal {
            Ok(Ok(principal)) => Ok(Admission { principal, method: index, previous_secret: false, carrier: None }),
            Ok(Err(reason)) => Err(self.refusals.refuse(reason, index)),
            Err(error) => Err(self.refusals.unavailable(error, index)),
        }
    }

    fn admit_contract(&self, method: usize, previous_secret: bool, carrier: Option<CarrierUse>) -> Admission {
        let principal = Principal::Contract(self.contract.clone());
        Admission { principal, method: Some(method), previous_secret, carrier }
    }

    fn refuse(&self, reason: Reason, method: Option<usize>) -> Examination {
        Examination::Decided(Err(self.refusals.refuse(reason, method)))
    }
}

/// A variable without which a route is unconfigured.
struct Lack {
    variable: String,
    /// Set when the variable has a value that cannot be used; never holds the value.
    why: Option<String>,
}

impl Lack {
    fn unset(variable: &str) -> Self {
        Self { variable: variable.to_owned(), why: None }
    }

    fn unusable(variable: &str, why: String) -> Self {
        Self { variable: variable.to_owned(), why: Some(why) }
    }
}

fn compile_method(
    method: &AuthMethod,
    route: &Route,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Method, Lack> {
    let accepted = |variable: &str| environment.secret(variable).ok_or_else(|| Lack::unset(variable));
    match method {
        AuthMethod::Secret { variable, carriers } => secret::SharedSecret::compile(carriers, &accepted(variable)?, route)
            .map(Method::Secret)
            .map_err(|why| Lack::unusable(variable, why)),
        AuthMethod::Bearer { variable } => Ok(Method::Bearer(bearer::Bearer::compile(&accepted(variable)?))),
        AuthMethod::Signature(signature) => signature::Verifier::compile(signature, &accepted(&signature.variable)?, warnings)
            .map(|verifier| Method::Signature(Box::new(verifier)))
            .map_err(|why| Lack::unusable(&signature.variable, why)),
        AuthMethod::Session { role } => Ok(Method::Session(session::Session { role: *role })),
        AuthMethod::Token { scope } => Ok(Method::Token(token::Token { scope: *scope })),
        // The catalog puts guarding methods only on a route. Should another ever stand here, the route stays shut.
        AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. } | AuthMethod::External { .. } => {
            let why = format!("`{}` cannot guard a route", method.name());
            Err(Lack::unusable(method.variable().unwrap_or("auth"), why))
        }
    }
}
