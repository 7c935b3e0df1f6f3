//! Digests: what a contract says, as one number that changes exactly when its meaning can. The canonical form is the typed
//! manifest as JSON with sorted keys, presets filled in and bodies by their own digest; so neither the environment, nor the
//! order of files, nor the formatting of the YAML is in it.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    examples::Examples,
    identity::Source,
    signature::{Presets, merge},
};
use crate::manifest::{
    model::{Auth, AuthMethod, Manifest, Operation, ServiceManifest, Surface, SurfaceItem},
    parallel,
};

/// The digest of each contract.
pub(super) fn digests(contracts: &[Source<'_>], presets: &Presets<'_>, examples: &Examples) -> Vec<String> {
    let pairs: Vec<_> = contracts.iter().zip(examples).collect();
    parallel::map(&pairs, |(contract, examples)| {
        let manifest = with_presets(contract.manifest().clone(), presets);
        let bodies: Vec<Value> =
            examples.iter().map(|example| example.body.as_ref().map_or(Value::Null, |body| json!(sha256(body)))).collect();
        digest(&json!({ "section": contract.section, "manifest": manifest, "bodies": bodies }))
    })
}

/// The digest of a whole catalog: the service and every contract, by id.
pub(super) fn of_catalog(service: Option<&ServiceManifest>, contracts: &mut [(&str, &str)]) -> String {
    contracts.sort_unstable();
    digest(&json!({ "service": service, "contracts": contracts }))
}

fn digest(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    sha256(text.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// JSON without spaces, keys sorted by their bytes. Numbers and texts are written as serde_json does.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (position, (key, item)) in entries.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::String(key.clone()));
                canonical(item, out);
            }
            out.push('}');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

/// The manifest with the settings of presets in place of their names alone.
fn with_presets(mut manifest: Manifest, presets: &Presets<'_>) -> Manifest {
    fill(&mut manifest.auth, presets);
    let Surface::Items(items) = &mut manifest.surface else { return manifest };
    for item in items {
        match item {
            SurfaceItem::Route(route) => {
                let operations = [&mut route.get, &mut route.post, &mut route.put, &mut route.patch, &mut route.delete];
                for operation in operations.into_iter().flatten() {
                    if let Operation::Detailed(detail) = operation
                        && let Some(auth) = &mut detail.auth
                    {
                        fill(auth, presets);
                    }
                }
            }
            SurfaceItem::Family(family) => {
                if let Some(auth) = &mut family.auth {
                    fill(auth, presets);
                }
            }
            _ => {}
        }
    }
    manifest
}

fn fill(auth: &mut Auth, presets: &Presets<'_>) {
    let Auth::Methods(methods) = auth else { return };
    for method in methods {
        if let AuthMethod::Signature(signature) = method {
            let preset = signature.preset.as_deref().and_then(|name| presets.get(name).copied());
            *signature = merge(signature, preset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_form_sorts_keys_at_every_depth() {
        let mut text = String::new();
        canonical(&json!({"b": [1, {"d": null, "c": "x\"y"}], "a": 1.5}), &mut text);
        assert_eq!(text, r#"{"a":1.5,"b":[1,{"c":"x\"y","d":null}]}"#);
    }
}
