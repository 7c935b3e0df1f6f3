//! `session: ROLE`: an operator's session cookie. A request that may change something has to come from our own pages: browsers
//! say so in `Sec-Fetch-Site`, older ones in `Origin`; a client that sends neither is no browser and cannot be led astray.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::catalog::Role;
use http::{HeaderMap, header};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::Reason;
use crate::{
    handler::Principal,
    storage::{SessionRecord, StorageResult},
};

/// Names of the session cookie, the stronger first: the first serves HTTPS, the second plain HTTP on a loopback address.
pub const COOKIES: [&str; 2] = contract::publish::SESSION_COOKIES;

/// Length of 32 bytes in base64url without padding.
const TEXT_LENGTH: usize = 43;

pub(super) struct Session {
    pub(super) role: Role,
}

impl Session {
    /// `None` when there is no session cookie; else the digest to look up.
    pub(super) fn examine(&self, headers: &HeaderMap, checks_origin: bool) -> Option<Result<[u8; 32], Reason>> {
        let value = match COOKIES.iter().find_map(|name| cookie(headers, name))? {
            Ok(value) => value,
            Err(reason) => return Some(Err(reason)),
        };
        if value.is_empty() {
            return Some(Err(Reason::Empty));
        }
        if !is_well_formed(value) {
            return Some(Err(Reason::Malformed));
        }
        if checks_origin && is_cross_site(headers) {
            return Some(Err(Reason::CrossSite));
        }
        Some(Ok(Sha256::digest(value).into()))
    }

    /// The operator of a session that was looked up.
    pub(super) fn owner(
        &self,
        found: StorageResult<Option<SessionRecord>>,
        now: Timestamp,
    ) -> StorageResult<Result<Principal, Reason>> {
        Ok(match found? {
            None => Err(Reason::Unknown),
            Some(record) if record.expires_at <= now => Err(Reason::Unknown),
            Some(record) if record.role < self.role => Err(Reason::TooLow),
            Some(record) => Ok(Principal::Operator { id: record.operator_id, name: record.name, role: record.role }),
        })
    }
}

/// 32 bytes as text.
pub(super) fn encode(random: &[u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(random)
}

/// Whether a text is 32 bytes in base64url: the only form in which sessions and tokens are issued.
pub(super) fn is_well_formed(text: &[u8]) -> bool {
    let mut buffer = [0; TEXT_LENGTH];
    text.len() == TEXT_LENGTH && URL_SAFE_NO_PAD.decode_slice(text, &mut buffer) == Ok(32)
}

/// The value of a cookie (RFC 6265 section 4.2). HTTP/2 may part the cookies over several headers (RFC 9113 section 8.2.3).
fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<Result<&'h [u8], Reason>> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    let value = found.next()?;
    Some(if found.next().is_some() { Err(Reason::Repeated) } else { Ok(value) })
}

/// Whether a browser says that another site made it send the request.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let host = headers.get(header::HOST).map(|host| host.as_bytes());
    let authority = origin.as_bytes().splitn(3, |byte| *byte == b'/').nth(2);
    authority.is_none() || authority != host
}
