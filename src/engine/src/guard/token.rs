//! `token: SCOPE`: an API token issued by this service, sent as bearer. Its form is checked before the database is asked, so
//! that garbage costs nothing.

use contract::catalog::Scope;
use http::HeaderMap;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Reason, bearer, session};
use crate::{
    handler::Principal,
    storage::{StorageResult, TokenRecord},
};

/// What every API token starts with; 43 characters of base64url (32 bytes) follow.
pub const PREFIX: &str = "mc_";

pub(super) struct Token {
    pub(super) scope: Scope,
}

impl Token {
    /// `None` when there is no `Authorization` header, or it belongs to `bearer`; else the digest to look up.
    pub(super) fn examine(&self, headers: &HeaderMap, shared: bool) -> Option<Result<[u8; 32], Reason>> {
        let token = match bearer::presented(headers)? {
            Ok(token) => token,
            Err(reason) => return Some(Err(reason)),
        };
        match token.strip_prefix(PREFIX.as_bytes()) {
            None if shared => None,
            Some(random) if session::is_well_formed(random) => Some(Ok(Sha256::digest(token).into())),
            _ => Some(Err(Reason::Malformed)),
        }
    }

    /// The holder of a token that was looked up.
    pub(super) fn owner(
        &self,
        found: StorageResult<Option<TokenRecord>>,
        now: Timestamp,
    ) -> StorageResult<Result<Principal, Reason>> {
        Ok(match found? {
            None => Err(Reason::Unknown),
            Some(record) if record.expires_at.is_some_and(|end| end <= now) => Err(Reason::Unknown),
            Some(record) if record.scope < self.scope => Err(Reason::TooLow),
            Some(record) => Ok(Principal::Token { id: record.id, name: record.name, scope: record.scope }),
        })
    }
}
