//! Every file that `mission-control docs` writes: paths and texts, so that writing and checking are the same function.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    ContractDocument, ContractList, FabricCompatibility, FabricManifest, FabricPresence, Health, ProblemDocument, Readiness,
    Version, contract_index, contract_page, env_example, environment_md, events::CloudEvent, findings_md, handlers_md,
    integrations_md, json_text, metrics::MetricInfo, metrics_md, status::AcceptedDelivery, status::document_schema,
};
use crate::{catalog::Catalog, finding::Rule, handler::HandlerInfo, manifest};

/// Folders in which every file is generated: one that is there and not in [`generated_files`] is a leftover.
pub const GENERATED_FOLDERS: &[&str] = &["docs/reference", "schemas"];

/// Handlers whose body has a schema of its own under `schemas/`, because other systems are built against it.
const PAYLOAD_SCHEMAS: &[(&str, &str)] = &[("warp.setup_import", "setup-import.v1")];

/// What the generated files are made of.
#[derive(Debug, Clone, Copy)]
pub struct GeneratedInputs<'a> {
    /// The catalog.
    pub catalog: &'a Catalog,
    /// Every registered handler.
    pub handlers: &'a [Arc<HandlerInfo>],
    /// Every metric.
    pub metrics: &'a [MetricInfo],
    /// Every rule of `check`.
    pub rules: &'a [&'a Rule],
}

/// Text by path, relative to the root of the repository.
pub fn generated_files(inputs: &GeneratedInputs<'_>) -> BTreeMap<String, String> {
    let catalog = inputs.catalog;
    let mut files = BTreeMap::from([
        ("docs/INTEGRATIONS.md".to_owned(), integrations_md(catalog)),
        ("docs/ENVIRONMENT_AND_RUNTIME_CONTRACT.md".to_owned(), environment_md(catalog)),
        ("docs/METRICS.md".to_owned(), metrics_md(inputs.metrics)),
        ("docs/reference/findings.md".to_owned(), findings_md(inputs.rules)),
        ("docs/reference/handlers.md".to_owned(), handlers_md(inputs.handlers)),
        ("docs/reference/contracts/README.md".to_owned(), contract_index(catalog)),
        (".env.example".to_owned(), env_example(catalog)),
    ]);
    for contract in &catalog.contracts {
        files.insert(format!("docs/reference/contracts/{}.md", contract.id), contract_page(contract, catalog));
    }
    let schemas = format_schemas().into_iter().chain(document_schemas()).chain(payload_schemas(inputs.handlers));
    files.extend(schemas.map(|(name, schema)| (format!("schemas/{name}.schema.json"), json_text(&schema))));
    files
}

/// The schemas of the format.
fn format_schemas() -> Vec<(&'static str, Value)> {
    vec![("contract", manifest::schema()), ("service", manifest::service_schema()), ("preset", manifest::preset_schema())]
}

/// The schemas of the documents that the service answers.
pub(super) fn document_schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("healthz", document_schema::<Health>("healthz")),
        ("readyz", document_schema::<Readiness>("readyz")),
        ("versionz", document_schema::<Version>("versionz")),
        ("contractz", document_schema::<ContractList>("contractz")),
        ("contractz-contract", document_schema::<ContractDocument>("contractz-contract")),
        ("fabric-manifest", document_schema::<FabricManifest>("fabric-manifest")),
        ("fabric-presencez", document_schema::<FabricPresence>("fabric-presencez")),
        ("fabric-compatibilityz", document_schema::<FabricCompatibility>("fabric-compatibilityz")),
        ("problem", document_schema::<ProblemDocument>("problem")),
        ("accepted-delivery", document_schema::<AcceptedDelivery>("accepted-delivery")),
        ("cloud-event", document_schema::<CloudEvent>("cloud-event")),
    ]
}

fn payload_schemas(handlers: &[Arc<HandlerInfo>]) -> Vec<(&'static str, Value)> {
    let input_of = |name: &str| handlers.iter().find(|handler| handler.name == name)?.input.clone();
    PAYLOAD_SCHEMAS.iter().filter_map(|(handler, name)| Some((*name, super::status::named(input_of(handler)?, name)))).collect()
}
