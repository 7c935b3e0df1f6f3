//! What Fabric polls: manifest, presence and compatibility. Views of the catalog for reading; nothing here registers,
//! emits or accepts anything.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CONTRACT_SCHEMA, DOCUMENT_SCHEMA, MANIFEST_SCHEMA, json_text, routes_of, words};
use crate::catalog::{Catalog, Contract, ContractType, Deprecation, Direction, Method, Route, Stability};

/// `/fabric-manifest.json`: what this service is, provides and does not provide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FabricManifest {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// Version of the Fabric manifest schema that this document follows; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub manifest_schema: u32,
    /// Machine name of the service.
    pub service: String,
    /// Version of the product.
    pub version: String,
    /// Who owns the service.
    pub owner: String,
    /// SPDX expression of its licence.
    pub license: String,
    /// Roles that it plays.
    pub roles: Vec<String>,
    /// Whether it is a Fabric control plane.
    pub control_plane: bool,
    /// What it provides today.
    pub provides: Vec<String>,
    /// What it does not provide.
    pub excludes: Vec<String>,
    /// Paths of its discovery surfaces by name.
    pub endpoints: IndexMap<String, String>,
    /// Every contract in short.
    pub contracts: Vec<FabricContract>,
    /// Digest of the catalog.
    pub digest: String,
}

/// A contract in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FabricContract {
    /// Stable identifier.
    pub id: String,
    /// Kind of contract.
    #[serde(rename = "type")]
    pub kind: ContractType,
    /// Who opens the conversation.
    pub direction: Direction,
    /// The promise made about change.
    pub stability: Stability,
    /// What the environment makes of it.
    #[schemars(extend("enum" = ["mounted", "unconfigured", "declared", "planned"]))]
    pub state: &'static str,
    /// Digest of the contract.
    pub digest: String,
    /// Path of the whole contract; null when no route serves it.
    pub href: Option<String>,
}

/// `/fabric-presencez`: that this instance is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FabricPresence {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// Machine name of the service.
    pub service: String,
    /// Version of the product.
    pub version: String,
    /// Identifier of this process; another one after each start.
    pub instance: String,
    /// When this process started (RFC 3339, UTC).
    pub started_at: String,
    /// State of this instance: `ready`, `degraded` or `unready`, as on `/readyz`.
    pub status: String,
    /// Digest of the catalog.
    pub digest: String,
}

/// `/fabric-compatibilityz`: what a peer may rely on, and what is on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FabricCompatibility {
    /// Version of this document's schema; always 1.
    #[schemars(range(min = 1, max = 1))]
    pub schema: u32,
    /// Machine name of the service.
    pub service: String,
    /// Version of the product.
    pub version: String,
    /// Versions that are understood.
    pub supports: SupportedVersions,
    /// The promise of each contract.
    pub contracts: Vec<ContractPromise>,
    /// What is deprecated.
    pub deprecations: Vec<DeprecatedSurface>,
}

/// Versions that are understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SupportedVersions {
    /// Versions of the Fabric manifest schema.
    pub manifest_schema: Vec<u32>,
    /// Versions of the contract schema.
    pub contract_schema: Vec<u32>,
    /// Versions of the API, as they stand in paths: `v1`.
    pub api: Vec<String>,
}

/// The promise of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ContractPromise {
    /// Identifier of the contract.
    pub id: String,
    /// The promise made about change.
    pub stability: Stability,
    /// How its surface is versioned.
    pub versioning: String,
}

/// Something deprecated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeprecatedSurface {
    /// Identifier of its contract.
    pub contract: String,
    /// What it is: a method with its path, or a carrier of a credential, as `query secret`.
    pub surface: String,
    /// Version or date of the deprecation.
    pub since: String,
    /// Last day of service; null when not decided.
    pub sunset: Option<String>,
    /// What to use instead; null when there is nothing.
    #[serde(rename = "use")]
    pub replacement: Option<String>,
}

/// `/fabric-manifest.json`.
pub fn fabric_manifest(catalog: &Catalog, is_set: &dyn Fn(&str) -> bool) -> String {
    let service = &catalog.service;
    let contract_path = route_of(catalog, "discovery.contract").map(|route| route.path.clone());
    json_text(&FabricManifest {
        schema: DOCUMENT_SCHEMA,
        manifest_schema: MANIFEST_SCHEMA,
        service: service.name.clone(),
        version: service.version.clone(),
        owner: service.owner.clone(),
        license: service.license.clone(),
        roles: service.roles.clone(),
        control_plane: service.control_plane,
        provides: service.provides.clone(),
        excludes: service.excludes.clone(),
        endpoints: endpoints(catalog),
        contracts: catalog
            .contracts
            .iter()
            .map(|contract| FabricContract {
                id: contract.id.clone(),
                kind: contract.kind,
                direction: contract.direction,
                stability: contract.stability,
                state: words::state(contract.state(is_set)),
                digest: contract.digest.clone(),
                href: contract_path.as_ref().map(|path| path.replace("{contract_id}", &contract.id)),
            })
            .collect(),
        digest: catalog.digest.clone(),
    })
}

/// `/fabric-presencez`. `status` is that of `/readyz`, `started_at` an RFC 3339 time.
pub fn fabric_presence(catalog: &Catalog, instance: &str, started_at: &str, status: &str) -> String {
    json_text(&FabricPresence {
        schema: DOCUMENT_SCHEMA,
        service: catalog.service.name.clone(),
        version: catalog.service.version.clone(),
        instance: instance.to_owned(),
        started_at: started_at.to_owned(),
        status: status.to_owned(),
        digest: catalog.digest.clone(),
    })
}

/// `/fabric-compatibilityz`.
pub fn fabric_compatibility(catalog: &Catalog) -> String {
    json_text(&FabricCompatibility {
        schema: DOCUMENT_SCHEMA,
        service: catalog.service.name.clone(),
        version: catalog.service.version.clone(),
        supports: SupportedVersions {
            manifest_schema: vec![MANIFEST_SCHEMA],
            contract_schema: vec![CONTRACT_SCHEMA],
            api: api_versions(catalog),
        },
        contracts: catalog
            .contracts
            .iter()
            .map(|contract| ContractPromise {
                id: contract.id.clone(),
                stability: contract.stability,
                versioning: contract.versioning.clone(),
            })
            .collect(),
        deprecations: catalog.contracts.iter().flat_map(|contract| deprecations(contract)).collect(),
    })
}

/// Everything deprecated of a contract: aliases, then carriers.
pub(super) fn deprecations(contract: &Contract) -> Vec<DeprecatedSurface> {
    let mut found: Vec<DeprecatedSurface> = Vec::new();
    let mut note = |surface: String, deprecation: &Deprecation| {
        let entry = DeprecatedSurface {
            contract: contract.id.clone(),
            surface,
            since: deprecation.since.clone(),
            sunset: deprecation.sunset.clone(),
            replacement: deprecation.replacement.clone(),
        };
        if !found.contains(&entry) {
            found.push(entry);
        }
    };
    for route in routes_of(contract) {
        if let Some(deprecation) = &route.deprecated {
            note(format!("{} {}", route.method.as_str(), route.path), deprecation);
        }
    }
    let methods = contract.auth.iter().chain(routes_of(contract).flat_map(|route| &route.auth));
    for carrier in methods.flat_map(super::discovery::carriers) {
        if let Some(deprecation) = &carrier.deprecated {
            note(words::carrier(&carrier), deprecation);
        }
    }
    found
}

/// Paths of the discovery surfaces, by the name of their handler after `discovery.`; those with parameters are left out.
fn endpoints(catalog: &Catalog) -> IndexMap<String, String> {
    catalog
        .routes()
        .filter(|route| route.method == Method::Get && route.alias_of.is_none() && route.params.is_empty())
        .filter_map(|route| Some((route.handler.name.strip_prefix("discovery.")?.to_owned(), route.path.clone())))
        .collect()
}

fn route_of<'c>(catalog: &'c Catalog, handler: &str) -> Option<&'c Route> {
    catalog.routes().map(|route| &**route).find(|route| route.handler.name == handler && route.alias_of.is_none())
}

/// `v1` for `/api/v1/…`.
fn api_versions(catalog: &Catalog) -> Vec<String> {
    let versions: BTreeSet<String> = catalog
        .routes()
        .filter_map(|route| route.path.strip_prefix("/api/")?.split('/').next())
        .filter(|segment| segment.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok()))
        .map(str::to_owned)
        .collect();
    versions.into_iter().collect()
}
