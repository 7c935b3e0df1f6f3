//! What the far side asks of us, as headers.
//!
//! `credential` with `header` or `bearer` says what to send. A contract that lists no method of the other direction
//! (`credential`, `connection`, `oidc`) sends what it lists instead: the shared secret in its first preferred header, the
//! bearer token, the signature. A contract that lists both kinds keeps the latter for its routes and never sends them out.

use contract::catalog::{AuthMethod, Carrier, CarrierPlace, CarrierStatus};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    environment::Environment,
    guard::{SignError, sign},
};

/// Why a call cannot be given its credentials. Never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The variable is unset.
    #[error("{0} is unset; set it and the call can be made")]
    Unset(String),
    /// The value cannot stand in a header.
    #[error("the value of {0} cannot be sent in a header: it holds characters that headers do not allow")]
    NotAHeader(String),
    /// No header is declared for the secret.
    #[error("{0} has no header among its carriers; secrets are not sent in a query")]
    NoHeader(String),
    /// The signature cannot be made.
    #[error(transparent)]
    Signature(#[from] SignError),
}

/// The headers that prove to the far side who we are, for one body. `id` is the message id where a signature names one. Of two
/// methods that use the same header the first is sent.
pub fn credentials(
    methods: &[AuthMethod],
    environment: &Environment,
    body: &[u8],
    now: Timestamp,
    id: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, CredentialError> {
    let describes_other_side = |method: &AuthMethod| {
        matches!(method, AuthMethod::Credential { .. } | AuthMethod::Connection { .. } | AuthMethod::Oidc { .. })
    };
    let lists_both = methods.iter().any(describes_other_side);
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for method in methods.iter().filter(|method| !(lists_both && method.guards())) {
        for (name, value) in of_method(method, environment, body, now, id)? {
            if !headers.iter().any(|(known, _)| *known == name) {
                headers.push((name, value));
            }
        }
    }
    Ok(headers)
}

fn of_method(
    method: &AuthMethod,
    environment: &Environment,
    body: &[u8],
    now: Timestamp,
    id: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, CredentialError> {
    let value = |variable: &str| {
        environment.secret(variable).map(|secret| secret.current).ok_or_else(|| CredentialError::Unset(variable.to_owned()))
    };
    Ok(match method {
        AuthMethod::Secret { variable, carriers } => {
            let carrier = header_of(carriers).ok_or_else(|| CredentialError::NoHeader(variable.clone()))?;
            vec![header(variable, &carrier.name, value(variable)?.expose_secret())?]
        }
        AuthMethod::Credential { variable, header: Some(name), .. } => {
            vec![header(variable, name, value(variable)?.expose_secret())?]
        }
        AuthMethod::Bearer { variable } | AuthMethod::Credential { variable, bearer: true, header: None } => {
            let text = format!("Bearer {}", value(variable)?.expose_secret());
            vec![header(variable, AUTHORIZATION.as_str(), &text)?]
        }
        AuthMethod::Signature(signature) => {
            let secret = value(&signature.variable)?;
            sign(signature, secret.expose_secret().as_bytes(), body, now.as_second(), id)?
        }
        // Used by the clients of their providers, or enforced elsewhere: nothing to send here.
        AuthMethod::Credential { bearer: false, header: None, .. }
        | AuthMethod::Session { .. }
        | AuthMethod::Token { .. }
        | AuthMethod::Connection { .. }
        | AuthMethod::Oidc { .. }
        | AuthMethod::External { .. } => Vec::new(),
    })
}

/// The header to send a secret in: the first preferred one, else the first.
fn header_of(carriers: &[Carrier]) -> Option<&Carrier> {
    let headers = || carriers.iter().filter(|carrier| carrier.place == CarrierPlace::Header);
    headers().find(|carrier| carrier.status == CarrierStatus::Preferred).or_else(|| headers().next())
}

fn header(variable: &str, name: &str, value: &str) -> Result<(HeaderName, HeaderValue), CredentialError> {
    let refused = || CredentialError::NotAHeader(variable.to_owned());
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
    let mut value = HeaderValue::from_str(value).map_err(|_| refused())?;
    value.set_sensitive(true);
    Ok((name, value))
}
