//! Message authentication codes: keys, computing, encoding, and signing as a sender would. Checking is `signature`'s subject.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use contract::{
    catalog::{KeyEncoding, MacAlgorithm, MacEncoding, Signature},
    template::{PayloadPart, SignedPayload},
};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// Length of the longest MAC.
const LONGEST: usize = 64;

/// Keys come with and without padding (Standard Webhooks keys are 24 bytes or more).
const KEYS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a message could not be signed. Never holds the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The variable's value cannot be a key.
    #[error("the value of {variable} cannot be used: {why}")]
    Key {
        /// The variable.
        variable: String,
        /// What is wrong with its form.
        why: String,
    },
    /// A header cannot be made.
    #[error("`{0}` cannot be a header of a signature")]
    Header(String),
}

/// Signs a message as the sender of this signature does: the headers to add. `secret` is the variable's value as it is
/// written, `timestamp` is in Unix seconds, `id` is used where the signature names one.
pub fn sign(
    signature: &Signature,
    secret: &[u8],
    body: &[u8],
    timestamp: i64,
    id: &str,
) -> Result<Vec<(HeaderName, HeaderValue)>, SignError> {
    let key_error = |why: String| SignError::Key { variable: signature.variable.clone(), why };
    let key = Key::new(signature.algorithm, signature.key, secret).map_err(key_error)?;
    let timestamp = timestamp.to_string();
    let code = key.compute(&signature.payload, body, timestamp.as_bytes(), id.as_bytes());
    let text = format!("{}{}", signature.prefix, code.encode(signature.encoding));
    let value = signature.shape.as_ref().map_or_else(|| text.clone(), |shape| shape.write(&timestamp, &text));
    let mut headers = vec![header(&signature.header, &value)?];
    if let Some(name) = signature.timestamp.as_ref().and_then(|time| time.header.as_deref()) {
        headers.push(header(name, &timestamp)?);
    }
    if let Some(name) = &signature.id_header {
        headers.push(header(name, id)?);
    }
    Ok(headers)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), SignError> {
    match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(SignError::Header(name.to_owned())),
    }
}

/// A key, scheduled once.
#[derive(Clone)]
pub(super) enum Key {
    Sha256(Hmac<Sha256>),
    Sha1(Hmac<Sha1>),
    Sha512(Hmac<Sha512>),
}

impl Key {
    /// `Err` says what is wrong with the form of the secret, without showing it.
    pub(super) fn new(algorithm: MacAlgorithm, encoding: KeyEncoding, secret: &[u8]) -> Result<Self, String> {
        let decoded;
        let key = match encoding {
            KeyEncoding::Raw => secret,
            KeyEncoding::Base64 => {
                decoded = decode_key(secret, "base64")?;
                &decoded
            }
            KeyEncoding::Whsec => {
                decoded = decode_key(secret.strip_prefix(b"whsec_").unwrap_or(secret), "`whsec_` followed by base64")?;
                &decoded
            }
        };
        if key.is_empty() {
            return Err("the key is empty".to_owned());
        }
        let refused = |_| "the key has a length that the algorithm refuses".to_owned();
        Ok(match algorithm {
            MacAlgorithm::HmacSha256 => Self::Sha256(Hmac::new_from_slice(key).map_err(refused)?),
            MacAlgorithm::HmacSha1 => Self::Sha1(Hmac::new_from_slice(key).map_err(refused)?),
            MacAlgorithm::HmacSha512 => Self::Sha512(Hmac::new_from_slice(key).map_err(refused)?),
        })
    }

    /// The MAC of a payload.
    pub(super) fn compute(&self, payload: &SignedPayload, body: &[u8], timestamp: &[u8], id: &[u8]) -> Code {
        let parts = payload.0.iter().map(|part| match part {
            PayloadPart::Text(text) => text.as_bytes(),
            PayloadPart::Body => body,
            PayloadPart::Timestamp => timestamp,
            PayloadPart::Id => id,
        });
        match self {
            Self::Sha256(key) => Code::new(&run(key, parts).finalize().into_bytes()),
            Self::Sha1(key) => Code::new(&run(key, parts).finalize().into_bytes()),
            Self::Sha512(key) => Code::new(&run(key, parts).finalize().into_bytes()),
        }
    }

    /// Length of its codes in bytes.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Sha256(_) => 32,
            Self::Sha1(_) => 20,
            Self::Sha512(_) => 64,
        }
    }
}

fn run<'a, M: Mac + Clone>(key: &M, parts: impl Iterator<Item = &'a [u8]>) -> M {
    let mut mac = key.clone();
    parts.for_each(|part| mac.update(part));
    mac
}

fn decode_key(text: &[u8], form: &str) -> Result<Vec<u8>, String> {
    KEYS.decode(text).map_err(|_| format!("it is not {form}"))
}

/// A MAC; unused bytes are zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    pub(super) bytes: [u8; LONGEST],
    length: usize,
}

impl Code {
    fn new(from: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        bytes[..from.len()].copy_from_slice(from);
        Self { bytes, length: from.len() }
    }

    fn encode(&self, encoding: MacEncoding) -> String {
        let bytes = &self.bytes[..self.length];
        match encoding {
            MacEncoding::Hex => hex::encode(bytes),
            MacEncoding::Base64 => STANDARD.encode(bytes),
        }
    }

    /// Reads a code of exactly this length: hexadecimal in any case, base64 in its one canonical form.
    pub(super) fn decode(text: &str, encoding: MacEncoding, length: usize) -> Option<Self> {
        // Base64 decoders ask for room by an estimate that is up to two bytes above the result.
        let mut room = [0; LONGEST + 2];
        match encoding {
            MacEncoding::Hex => hex::decode_to_slice(text, room.get_mut(..length)?).ok()?,
            MacEncoding::Base64 if text.len() == length.div_ceil(3) * 4 => {
                if STANDARD.decode_slice(text, &mut room).ok()? != length {
                    return None;
                }
            }
            MacEncoding::Base64 => return None,
        }
        Some(Self::new(&room[..length]))
    }
}
