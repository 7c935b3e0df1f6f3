//! `secret: ENV`: a shared secret in one of several headers or query parameters.
//!
//! Secrets are compared by their SHA-256 digests in constant time, always against the current and the previous one: the work
//! depends on the length of what was sent, never on how near it came or on the length of the secret.

use std::sync::Arc;

use contract::catalog::{Carrier, CarrierPlace, Route};
use http::{HeaderMap, HeaderName};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::{CarrierUse, Notice, Reason, query};
use crate::environment::Secret;

/// The digests of the accepted values of a secret.
pub(super) struct Accepted {
    current: [u8; 32],
    /// Zeroes when there is none; then `has_previous` is 0.
    previous: [u8; 32],
    has_previous: u8,
}

impl Accepted {
    pub(super) fn new(secret: &Secret) -> Self {
        let digest = |text: &str| -> [u8; 32] { Sha256::digest(text.as_bytes()).into() };
        Self {
            current: digest(secret.current.expose_secret()),
            previous: secret.previous.as_ref().map_or([0; 32], |previous| digest(previous.expose_secret())),
            has_previous: u8::from(secret.previous.is_some()),
        }
    }

    /// `Ok(true)` when it is the previous secret.
    pub(super) fn check(&self, presented: &[u8; 32]) -> Result<bool, Reason> {
        let current = presented.ct_eq(&self.current);
        let previous = presented.ct_eq(&self.previous) & Choice::from(self.has_previous);
        if !bool::from(current | previous) {
            return Err(Reason::Wrong);
        }
        Ok(!bool::from(current))
    }
}

pub(super) struct SharedSecret {
    accepted: Accepted,
    places: Vec<Place>,
}

struct Place {
    carrier: Source,
    notice: Option<Arc<Notice>>,
}

enum Source {
    Header(HeaderName),
    Query(String),
}

impl SharedSecret {
    pub(super) fn compile(carriers: &[Carrier], secret: &Secret, route: &Route) -> Result<Self, String> {
        let places = carriers.iter().map(|carrier| compile_place(carrier, route)).collect::<Result<_, _>>()?;
        Ok(Self { accepted: Accepted::new(secret), places })
    }

    /// `None` when no carrier is present; else whether it was the previous secret, and the carrier.
    pub(super) fn examine(&self, headers: &HeaderMap, query: &str) -> Option<Result<(bool, CarrierUse), Reason>> {
        self.places.iter().enumerate().find_map(|(index, place)| {
            let presented = match &place.carrier {
                Source::Header(name) => from_header(headers, name)?,
                Source::Query(name) => from_query(query, name)?,
            };
            let carrier = || CarrierUse { index, notice: place.notice.clone() };
            Some(presented.and_then(|digest| self.accepted.check(&digest)).map(|previous| (previous, carrier())))
        })
    }
}

fn compile_place(carrier: &Carrier, route: &Route) -> Result<Place, String> {
    let name = &carrier.name;
    let source = match carrier.place {
        CarrierPlace::Header => Source::Header(
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` cannot be the name of a header"))?,
        ),
        CarrierPlace::Query => Source::Query(name.clone()),
        CarrierPlace::Cookie => return Err("a shared secret cannot stand in a cookie".to_owned()),
    };
    Ok(Place { carrier: source, notice: Notice::of_carrier(carrier, route).map(Arc::new) })
}

fn from_header(headers: &HeaderMap, name: &HeaderName) -> Option<Result<[u8; 32], Reason>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    Some(match values.next() {
        Some(_) => Err(Reason::Repeated),
        None if value.is_empty() => Err(Reason::Empty),
        None => Ok(Sha256::digest(value.as_bytes()).into()),
    })
}

fn from_query(query: &str, name: &str) -> Option<Result<[u8; 32], Reason>> {
    if query.is_empty() {
        return None;
    }
    let mut values = query::values(query, name);
    let value = values.next()?;
    Some(match values.next() {
        Some(_) => Err(Reason::Repeated),
        None if value.is_empty() => Err(Reason::Empty),
        None => {
            let hash = query::decoded(value).fold(Sha256::new(), |hash, byte| hash.chain_update([byte]));
            Ok(hash.finalize().into())
        }
    })
}
