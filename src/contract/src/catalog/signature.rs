//! Signatures: presets under their names, settings merged with them, and whether what is left can protect anything.

use std::{collections::HashMap, time::Duration};

use super::{KeyEncoding, MacAlgorithm, MacEncoding, Signature, SignedTime, Stage, units::parse_duration};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::{
            auth::{
                PRESET_UNKNOWN, SIGNATURE_INCOMPLETE, SIGNATURE_PAYLOAD, SIGNATURE_SHAPE, SIGNATURE_SOURCE, TIMESTAMP_UNBOUNDED,
                TIMESTAMP_UNSIGNED,
            },
            delivery::DURATION_MALFORMED,
        },
    },
    manifest::{
        Documents,
        model::{Preset, SignatureAuth},
        node::Cursor,
    },
    template::{PayloadPart, SignatureShape, SignedPayload},
};

/// The presets of a folder by name.
pub(super) type Presets<'a> = HashMap<&'a str, &'a Preset>;

/// Presets by name, each held to the same rules as settings in place.
pub(super) fn presets(documents: &Documents) -> Stage<Presets<'_>> {
    let mut findings = Vec::new();
    for document in &documents.presets {
        let settings = merge(&blank(), Some(&document.value));
        resolve(&settings, document.cursor(), &mut findings);
    }
    (documents.presets.iter().map(|document| (document.value.name.as_str(), &document.value)).collect(), findings)
}

fn blank() -> SignatureAuth {
    SignatureAuth {
        signature: String::new(),
        preset: None,
        header: None,
        algorithm: None,
        encoding: None,
        prefix: None,
        payload: None,
        timestamp: None,
        id: None,
        parse: None,
        key: None,
    }
}

/// The settings with everything filled in that only the preset states.
pub(super) fn merge(written: &SignatureAuth, preset: Option<&Preset>) -> SignatureAuth {
    let Some(preset) = preset else { return written.clone() };
    let written = written.clone();
    SignatureAuth {
        header: written.header.or_else(|| Some(preset.header.clone())),
        algorithm: written.algorithm.or(Some(preset.algorithm)),
        encoding: written.encoding.or(Some(preset.encoding)),
        prefix: written.prefix.or_else(|| preset.prefix.clone()),
        payload: written.payload.or_else(|| preset.payload.clone()),
        timestamp: written.timestamp.or_else(|| preset.timestamp.clone()),
        id: written.id.or_else(|| preset.id.clone()),
        parse: written.parse.or_else(|| preset.parse.clone()),
        key: written.key.or(preset.key),
        signature: written.signature,
        preset: written.preset,
    }
}

/// A signature as a contract writes it; `None` when it cannot be used.
pub(super) fn method(
    written: &SignatureAuth,
    presets: &Presets<'_>,
    at: Cursor<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Signature> {
    let preset = match &written.preset {
        None => None,
        Some(name) => match presets.get(name.as_str()) {
            Some(preset) => Some(*preset),
            None => {
                let mut known: Vec<&str> = presets.keys().copied().collect();
                known.sort_unstable();
                let help = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
                    [] => format!("write `presets/{name}.yaml`"),
                    known => format!("there are {}; another is a file `presets/{name}.yaml`", known.join(", ")),
                });
                let message = format!("there is no preset `{name}`");
                findings.push(Finding::new(&PRESET_UNKNOWN, message).at(at.key("preset").place()).help(help));
                return None;
            }
        },
    };
    // What only the preset states was checked in its own file; here only the merged whole counts.
    let mut found = Vec::new();
    let signature = resolve(&merge(written, preset), at, &mut found);
    findings.extend(found);
    signature
}

fn resolve(settings: &SignatureAuth, at: Cursor<'_>, findings: &mut Vec<Finding>) -> Option<Signature> {
    let before = findings.len();
    let Some(header) = &settings.header else {
        let message = "nothing says which header carries the signature";
        let finding = Finding::new(&SIGNATURE_INCOMPLETE, message).at(at.key("signature").place());
        findings.push(finding.help("add `preset:` or `header:`"));
        return None;
    };
    let payload = SignedPayload::parse(settings.payload.as_deref().unwrap_or("{body}"))
        .map_err(|message| findings.push(Finding::new(&SIGNATURE_PAYLOAD, message).at(at.key("payload").place())))
        .ok();
    let shape = settings.parse.as_deref().and_then(|parse| {
        SignatureShape::parse(parse)
            .map_err(|message| findings.push(Finding::new(&SIGNATURE_SHAPE, message).at(at.key("parse").place())))
            .ok()
    });
    let timestamp = timestamp(settings, shape.as_ref(), at, findings);
    let payload = payload?;
    sources(settings, &payload, shape.as_ref(), at, findings);
    (findings.len() == before).then(|| Signature {
        variable: settings.signature.clone(),
        preset: settings.preset.clone(),
        header: header.clone(),
        algorithm: settings.algorithm.unwrap_or(MacAlgorithm::HmacSha256),
        encoding: settings.encoding.unwrap_or(MacEncoding::Hex),
        prefix: settings.prefix.clone().unwrap_or_default(),
        payload,
        timestamp,
        id_header: settings.id.as_ref().map(|id| id.header.clone()),
        shape,
        key: settings.key.unwrap_or(KeyEncoding::Raw),
    })
}

fn timestamp(
    settings: &SignatureAuth,
    shape: Option<&SignatureShape>,
    at: Cursor<'_>,
    findings: &mut Vec<Finding>,
) -> Option<SignedTime> {
    let in_shape = shape.is_some_and(|shape| shape.timestamp.is_some());
    let tolerance: Option<(&str, Cursor<'_>)> = match &settings.timestamp {
        None if in_shape => None,
        None => return None,
        Some(source) => source.tolerance.as_deref().map(|text| (text, at.key("timestamp").key("tolerance"))),
    };
    let Some((text, tolerance_at)) = tolerance else {
        let place = if settings.timestamp.is_some() { at.key("timestamp").key_place() } else { at.key("parse").place() };
        let finding = Finding::new(&TIMESTAMP_UNBOUNDED, "nothing says how old the signature may be").at(place);
        findings.push(finding.help("add `timestamp: {tolerance: 5m}`"));
        return None;
    };
    let tolerance: Duration = match parse_duration(text) {
        Ok(tolerance) => tolerance,
        Err(message) => {
            findings.push(Finding::new(&DURATION_MALFORMED, message).at(tolerance_at.place()));
            return None;
        }
    };
    Some(SignedTime { header: settings.timestamp.as_ref().and_then(|source| source.header.clone()), tolerance })
}

/// What the payload names has to be in the request, and a time that is checked has to be in the payload.
fn sources(
    settings: &SignatureAuth,
    payload: &SignedPayload,
    shape: Option<&SignatureShape>,
    at: Cursor<'_>,
    findings: &mut Vec<Finding>,
) {
    let in_header = settings.timestamp.as_ref().is_some_and(|source| source.header.is_some());
    let found = in_header || shape.is_some_and(|shape| shape.timestamp.is_some());
    let signed = payload.names(&PayloadPart::Timestamp);
    let wanted = signed || settings.timestamp.is_some();
    if wanted && !found && settings.parse.is_some() == shape.is_some() {
        let message = "the time of signing is used, and nothing says where it stands";
        let place = if signed { at.key("payload").place() } else { at.key("timestamp").key_place() };
        let finding = Finding::new(&SIGNATURE_SOURCE, message).at(place);
        findings.push(finding.help("add `timestamp: {header: …}`, or `{timestamp}` to `parse`"));
    }
    if found && !signed {
        let message = "the time of signing is checked and not signed, so anybody can change it";
        let place = if in_header { at.key("timestamp").key_place() } else { at.key("parse").place() };
        let finding = Finding::new(&TIMESTAMP_UNSIGNED, message).at(place);
        findings.push(finding.help("put `{timestamp}` where the vendor signs it, as `payload: \"{timestamp}.{body}\"`"));
    }
    if payload.names(&PayloadPart::Id) && settings.id.is_none() {
        let message = "the payload has the id of the message, and nothing says where it stands";
        let finding = Finding::new(&SIGNATURE_SOURCE, message).at(at.key("payload").place());
        findings.push(finding.help("add `id: {header: …}`"));
    }
}
