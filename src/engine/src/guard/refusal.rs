//! What a refused caller is told. The text for one route is made once; it lists what the route accepts and says nothing of
//! what was wrong inside a credential that was sent. The reason is for logs and metrics alone.

use std::fmt::Write as _;

use contract::catalog::{AuthMethod, Route, Scope};
use http::{HeaderValue, header};
use serde_json::Value;

use super::Lack;
use crate::{
    problem::{Problem, ProblemKind},
    storage::StorageError,
};

/// Why a request was refused: a label for metrics and a word for the log, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A variable of the contract is unset or unusable (503).
    Unconfigured,
    /// No carrier is present (401).
    Missing,
    /// A carrier is present without a value (401).
    Empty,
    /// A carrier was sent more than once (401).
    Repeated,
    /// The credential does not have its form (401).
    Malformed,
    /// The credential has its form and is not the right one (401).
    Wrong,
    /// The time of signing is too far from ours (401).
    Stale,
    /// No session or API token like that, or no longer (401).
    Unknown,
    /// The role or scope is too low (403).
    TooLow,
    /// A session was used from another site (403).
    CrossSite,
    /// The database could not be asked (503).
    Unavailable,
}

impl Reason {
    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfigured => "unconfigured",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Repeated => "repeated",
            Self::Malformed => "malformed",
            Self::Wrong => "wrong",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::TooLow => "too_low",
            Self::CrossSite => "cross_site",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A request that was turned away.
#[derive(Debug)]
pub struct Refusal {
    /// Why, for the log.
    pub reason: Reason,
    /// Position of the deciding method among the route's; `None` when no carrier was present or none was looked for.
    pub method: Option<usize>,
    /// What the caller is told.
    pub problem: Problem,
}

/// The refusals of one route.
pub(super) struct Refusals {
    contract: String,
    lacks: Vec<Lack>,
    accepted: String,
    challenges: Vec<HeaderValue>,
    scopes: Vec<Option<Scope>>,
}

impl Refusals {
    pub(super) fn new(route: &Route) -> Self {
        Self {
            contract: route.contract.clone(),
            lacks: Vec::new(),
            accepted: route.auth.iter().flat_map(carriers).collect::<Vec<_>>().join(", "),
            challenges: challenges(route),
            scopes: route
                .auth
                .iter()
                .map(|method| match method {
                    AuthMethod::Token { scope } => Some(*scope),
                    _ => None,
                })
                .collect(),
        }
    }

    pub(super) fn lacks(&mut self, lack: Lack) {
        match self.lacks.iter_mut().find(|known| known.variable == lack.variable) {
            Some(known) => known.why = known.why.take().or(lack.why),
            None => self.lacks.push(lack),
        }
    }

    pub(super) fn is_unconfigured(&self) -> bool {
        !self.lacks.is_empty()
    }

    pub(super) fn refuse(&self, reason: Reason, method: Option<usize>) -> Box<Refusal> {
        let problem = match reason {
            Reason::Unconfigured => self.unconfigured(),
            Reason::Missing => self.unauthorized(format!(
                "This route of contract `{}` asks for a credential and none was sent; it accepts: {}",
                self.contract, self.accepted
            )),
            Reason::TooLow => self.forbidden(method),
            Reason::CrossSite => Problem::new(
                ProblemKind::Forbidden,
                "A session changes nothing at the request of another site; send the request from this service's own pages, or \
                 use an API token",
            ),
            Reason::Unavailable => {
                Problem::new(ProblemKind::Unavailable, "The credential cannot be checked right now; send the request again later")
            }
            Reason::Empty | Reason::Repeated | Reason::Malformed | Reason::Wrong | Reason::Stale | Reason::Unknown => {
                self.unauthorized("A credential was sent and it is not accepted".to_owned())
            }
        };
        Box::new(Refusal { reason, method, problem })
    }

    pub(super) fn unavailable(&self, error: StorageError, method: Option<usize>) -> Box<Refusal> {
        Box::new(Refusal { reason: Reason::Unavailable, method, problem: error.into() })
    }

    fn unauthorized(&self, detail: String) -> Problem {
        let problem = Problem::new(ProblemKind::Unauthorized, detail);
        self.challenges.iter().fold(problem, |problem, challenge| problem.header(header::WWW_AUTHENTICATE, challenge.clone()))
    }

    fn forbidden(&self, method: Option<usize>) -> Problem {
        let scope = method.and_then(|index| self.scopes.get(index).copied().flatten());
        let Some(scope) = scope else {
            return Problem::new(
                ProblemKind::Forbidden,
                "Your role does not include this; ask an administrator for a higher one",
            );
        };
        let scope = scope_name(scope);
        let problem = Problem::new(
            ProblemKind::Forbidden,
            format!("The API token does not have the scope `{scope}` that this route asks for; use one that has it"),
        );
        let challenge = format!("Bearer realm=\"{}\", error=\"insufficient_scope\", scope=\"{scope}\"", quoted(&self.contract));
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }

    fn unconfigured(&self) -> Problem {
        let mut detail = format!("Contract `{}` is not configured:", self.contract);
        for (index, lack) in self.lacks.iter().enumerate() {
            let separator = if index == 0 { "" } else { ";" };
            let name = &lack.variable;
            // Writing to a String cannot fail.
            let _ = match &lack.why {
                Some(why) => write!(detail, "{separator} the value of {name} cannot be used: {why}"),
                None => write!(detail, "{separator} {name} has no value (nor does {name}_FILE name a readable file with one)"),
            };
        }
        detail.push_str(". Until the operator sets it, this route lets nobody in");
        let variables: Vec<Value> = self.lacks.iter().map(|lack| lack.variable.as_str().into()).collect();
        Problem::new(ProblemKind::Unconfigured, detail).with("variables", variables)
    }
}

/// Every carrier of a method in words.
fn carriers(method: &AuthMethod) -> Vec<String> {
    match method {
        AuthMethod::Secret { carriers, .. } => carriers.iter().map(super::deprecation::carrier_surface).collect(),
        AuthMethod::Bearer { .. } | AuthMethod::Token { .. } => vec!["header Authorization (Bearer)".to_owned()],
        AuthMethod::Signature(signature) => vec![format!("header {}", signature.header)],
        AuthMethod::Session { .. } => vec!["session cookie".to_owned()],
        AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. } | AuthMethod::External { .. } => {
            Vec::new()
        }
    }
}

/// The `WWW-Authenticate` values of a route (RFC 9110 section 11.6.1 asks for at least one): `Bearer` (RFC 6750) where a
/// bearer token is accepted, and a scheme of our own that names the other carriers.
fn challenges(route: &Route) -> Vec<HeaderValue> {
    let realm = quoted(&route.contract);
    let bearer = |method: &AuthMethod| matches!(method, AuthMethod::Bearer { .. } | AuthMethod::Token { .. });
    let others: Vec<String> = route.auth.iter().filter(|method| !bearer(method)).flat_map(carriers).collect();
    let mut texts = Vec::new();
    if route.auth.iter().any(bearer) {
        texts.push(format!("Bearer realm=\"{realm}\""));
    }
    if !others.is_empty() {
        texts.push(format!("MissionControl realm=\"{realm}\", carriers=\"{}\"", quoted(&others.join(", "))));
    }
    texts.into_iter().filter_map(|text| HeaderValue::try_from(text).ok()).collect()
}

/// The inside of a quoted string (RFC 9110 section 5.6.4). Characters that a header cannot hold are left out.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars().filter(|character| *character == ' ' || character.is_ascii_graphic()) {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Write => "write",
        Scope::Admin => "admin",
    }
}
