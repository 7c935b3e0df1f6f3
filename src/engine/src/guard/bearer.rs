//! `bearer: ENV`: `Authorization: Bearer` (RFC 6750 section 2.1) equal to a variable's value. The scheme's name is read in
//! any case; exactly one space parts it from the token. Any `Authorization` header counts as the carrier, so another scheme
//! is refused rather than passed over.

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest, Sha256};

use super::{Reason, TOKEN_PREFIX, secret::Accepted};
use crate::environment::Secret;

pub(super) struct Bearer {
    accepted: Accepted,
}

impl Bearer {
    pub(super) fn compile(secret: &Secret) -> Self {
        Self { accepted: Accepted::new(secret) }
    }

    /// `None` when there is no `Authorization` header, or it belongs to `token`; else whether it was the previous secret.
    pub(super) fn examine(&self, headers: &HeaderMap, shared: bool) -> Option<Result<bool, Reason>> {
        let token = match presented(headers)? {
            Ok(token) => token,
            Err(reason) => return Some(Err(reason)),
        };
        if shared && is_api_token(token) {
            return None;
        }
        Some(self.accepted.check(&Sha256::digest(token).into()))
    }
}

/// The bearer token of a request. `None` when there is no `Authorization` header.
pub(super) fn presented(headers: &HeaderMap) -> Option<Result<&[u8], Reason>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return Some(Err(Reason::Repeated));
    }
    Some(parse(value.as_bytes()))
}

/// Whether a bearer token claims to be an API token of this service.
pub(super) fn is_api_token(token: &[u8]) -> bool {
    token.starts_with(TOKEN_PREFIX.as_bytes())
}

fn parse(value: &[u8]) -> Result<&[u8], Reason> {
    const SCHEME: &[u8] = b"bearer";
    if value.is_empty() {
        return Err(Reason::Empty);
    }
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else { return Err(Reason::Malformed) };
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(Reason::Malformed);
    }
    match rest {
        [] | [b' '] => Err(Reason::Empty),
        [b' ', token @ ..] if token[0] != b' ' => Ok(token),
        _ => Err(Reason::Malformed),
    }
}
