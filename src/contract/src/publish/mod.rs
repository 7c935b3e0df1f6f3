//! Turns a catalog into documents: pure functions from what is mounted to text, one file for each document.
//!
//! The same catalog always gives the same bytes. Nothing here reads a clock, a file or a variable's value; what a document
//! needs beyond the catalog (which variables are set, when the process started) is handed in.

use serde::Serialize;

use crate::catalog::{Contract, Route, SurfaceItem};

mod asyncapi;
mod auth_words;
mod discovery;
mod environment;
mod events;
mod examples;
mod fabric;
mod generated;
mod integrations;
mod markdown;
pub mod metrics;
mod openapi;
mod page;
mod reference;
mod status;
mod words;

pub use asyncapi::asyncapi;
pub use discovery::{
    AuthEntry, CarrierEntry, ContractDocument, ContractEntry, ContractList, DeprecationEntry, SESSION_COOKIES, ServiceIdentity,
    SignatureEntry, SurfaceEntry, contract, contract_entry, contractz,
};
pub use environment::{env_example, environment_md};
pub use events::{CLOUD_EVENT_MEDIA_TYPE, CloudEvent};
pub use fabric::{
    ContractPromise, DeprecatedSurface, FabricCompatibility, FabricContract, FabricManifest, FabricPresence, SupportedVersions,
    fabric_compatibility, fabric_manifest, fabric_presence,
};
pub use generated::{GENERATED_FOLDERS, GeneratedInputs, generated_files};
pub use integrations::integrations_md;
pub use metrics::{MetricInfo, metrics_md};
pub use openapi::openapi;
pub use page::{contract_index, contract_page, example_command};
pub use reference::{findings_md, handlers_md};
pub use status::{AcceptedDelivery, Check, Failure, Health, ProblemDocument, Readiness, ReadyStatus, Version, healthz, versionz};

/// Version of the discovery documents' own schema.
pub const DOCUMENT_SCHEMA: u32 = 1;
/// Version of the contract manifest format.
pub const CONTRACT_SCHEMA: u32 = 1;
/// Version of the Fabric manifest schema.
pub const MANIFEST_SCHEMA: u32 = 1;

/// Pretty JSON with a final newline: documents are read by people with curl as often as by programs.
fn json_text(document: &impl Serialize) -> String {
    // These types have string keys only and no custom serialization, so this cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// JSON without spaces: for descriptions that only programs read.
fn compact_text(document: &impl Serialize) -> String {
    let mut text = serde_json::to_string(document).unwrap_or_default();
    text.push('\n');
    text
}

/// The routes that a contract mounts, aliases included, in the order written.
fn routes_of(contract: &Contract) -> impl Iterator<Item = &Route> {
    contract.surface.iter().filter_map(|item| match item {
        SurfaceItem::Route(route) => Some(&**route),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
