//! `signature: ENV`: a MAC over the bytes received. What stands in the headers is read first, so that a request with a bad
//! form or an old timestamp is refused before its body is read; the code itself is compared in constant time, against the
//! current and the previous key.

use contract::{
    catalog::{MacEncoding, Signature},
    template::{PayloadPart, SignatureShape, SignedPayload},
};
use http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use subtle::{Choice, ConstantTimeEq};

use super::{
    Reason,
    mac::{Code, Key},
};
use crate::environment::Secret;

/// A signature whose headers have their form; it waits for the body.
#[derive(Debug, Clone)]
pub struct Pending {
    pub(super) method: usize,
    /// As received; empty when the signature has none.
    timestamp: String,
    id: String,
    codes: Vec<Code>,
}

pub(super) struct Verifier {
    header: HeaderName,
    encoding: MacEncoding,
    prefix: String,
    payload: SignedPayload,
    shape: Option<SignatureShape>,
    /// Where the time of signing stands, when it does not stand in the signature header.
    timestamp_header: Option<HeaderName>,
    tolerance: Option<i64>,
    id_header: Option<HeaderName>,
    needs_timestamp: bool,
    needs_id: bool,
    current: Key,
    previous: Option<Key>,
}

impl Verifier {
    /// `Err` says why the variable's value (or the declaration) cannot be used. A previous secret that cannot be used is
    /// left out, with a warning.
    pub(super) fn compile(signature: &Signature, secret: &Secret, warnings: &mut Vec<String>) -> Result<Self, String> {
        let key = |value: &str| Key::new(signature.algorithm, signature.key, value.as_bytes());
        let previous = secret.previous.as_ref().and_then(|previous| {
            key(previous.expose_secret())
                .map_err(|why| warnings.push(format!("{}_PREVIOUS is left out: {why}", signature.variable)))
                .ok()
        });
        let time = signature.timestamp.as_ref();
        let tolerance = time.map(|time| i64::try_from(time.tolerance.as_secs()).unwrap_or(i64::MAX));
        Ok(Self {
            header: header_name(&signature.header)?,
            encoding: signature.encoding,
            prefix: signature.prefix.clone(),
            payload: signature.payload.clone(),
            shape: signature.shape.clone(),
            timestamp_header: time.and_then(|time| time.header.as_deref()).map(header_name).transpose()?,
            tolerance,
            id_header: signature.id_header.as_deref().map(header_name).transpose()?,
            needs_timestamp: tolerance.is_some() || signature.payload.names(&PayloadPart::Timestamp),
            needs_id: signature.payload.names(&PayloadPart::Id),
            current: key(secret.current.expose_secret())?,
            previous,
        })
    }

    /// `None` when there is no signature header.
    pub(super) fn examine(&self, method: usize, headers: &HeaderMap, now: Timestamp) -> Option<Result<Pending, Reason>> {
        let value = single(headers, &self.header)?;
        Some(value.and_then(|value| self.read(method, value, headers, now)))
    }

    fn read(&self, method: usize, value: &str, headers: &HeaderMap, now: Timestamp) -> Result<Pending, Reason> {
        let (part, codes) = self.codes(value)?;
        let timestamp = match &self.timestamp_header {
            Some(name) => single(headers, name).transpose()?,
            None => part,
        };
        let id = match &self.id_header {
            Some(name) => single(headers, name).transpose()?,
            None => None,
        };
        if (self.needs_timestamp && timestamp.is_none()) || (self.needs_id && id.is_none()) {
            return Err(Reason::Malformed);
        }
        if let (Some(tolerance), Some(timestamp)) = (self.tolerance, timestamp) {
            let distance = seconds(timestamp)?.checked_sub(now.as_second()).and_then(i64::checked_abs);
            if distance.is_none_or(|distance| distance > tolerance) {
                return Err(Reason::Stale);
            }
        }
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Pending { method, timestamp: owned(timestamp), id: owned(id), codes })
    }

    /// The timestamp part and the codes of the signature header. Of several signatures those of another form are passed over:
    /// senders add new kinds beside the old.
    fn codes<'a>(&self, value: &'a str) -> Result<(Option<&'a str>, Vec<Code>), Reason> {
        let decode = |text: &str| Code::decode(text.strip_prefix(self.prefix.as_str())?, self.encoding, self.current.length());
        let Some(shape) = &self.shape else {
            return Ok((None, vec![decode(value).ok_or(Reason::Malformed)?]));
        };
        if let Some(before) = &shape.timestamp {
            let parts = value.split(shape.separator).filter(|part| part.trim().starts_with(before.as_str()));
            if parts.count() > 1 {
                return Err(Reason::Repeated);
            }
        }
        let (timestamp, signatures) = shape.read(value);
        let codes: Vec<Code> = signatures.into_iter().filter_map(decode).collect();
        if codes.is_empty() { Err(Reason::Malformed) } else { Ok((timestamp, codes)) }
    }

    /// `Ok(true)` when the previous key made the signature.
    pub(super) fn verify(&self, pending: &Pending, body: &[u8]) -> Result<bool, Reason> {
        let matches = |key: &Key| {
            let expected = key.compute(&self.payload, body, pending.timestamp.as_bytes(), pending.id.as_bytes());
            pending.codes.iter().fold(Choice::from(0), |any, code| any | code.bytes.ct_eq(&expected.bytes))
        };
        let current = matches(&self.current);
        let previous = self.previous.as_ref().map_or(Choice::from(0), matches);
        if !bool::from(current | previous) {
            return Err(Reason::Wrong);
        }
        Ok(!bool::from(current))
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` cannot be the name of a header"))
}

/// The one value of a header; `None` when it is absent.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Result<&'h str, Reason>> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return Some(Err(Reason::Repeated));
    }
    Some(match value.to_str() {
        Ok("") => Err(Reason::Empty),
        Ok(text) => Ok(text),
        Err(_) => Err(Reason::Malformed),
    })
}

/// Unix seconds: digits and nothing else.
fn seconds(text: &str) -> Result<i64, Reason> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::Malformed);
    }
    text.parse().map_err(|_| Reason::Malformed)
}
