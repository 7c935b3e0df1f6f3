//! `mission-control explain`: how one request is guarded and handled, step by step, or all that a contract can be touched by.
//! What is shown is the resolved catalog and which variables are set, never a value.

mod auth;
mod contract;
mod find;
mod route;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

pub(super) use find::contract as find_contract;

use crate::{
    loaded::{self, Loaded},
    output::{self, Look, Tone},
};
use find::Target;

/// Show how a request is guarded and handled, or all of a contract
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mission-control explain plane-webhook\n  mission-control explain 'POST /api/setup-import'\n  \
                        mission-control explain GET /api/v1/projects/demo/board"
)]
pub(crate) struct Explain {
    /// A contract's id, a path, or a method and a path; the path may be a template or one that a caller would send
    #[arg(value_name = "CONTRACT or METHOD /PATH", required = true, num_args = 1..=2)]
    target: Vec<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Folder of manifests; MISSION_CONTROL_CONTRACTS, `contracts` or the copy inside the program when left out
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
}

/// A part of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Step {
    /// What it is about.
    title: &'static str,
    /// What happens, a sentence or a fact in each line; deeper ones begin with two spaces.
    lines: Vec<String>,
}

impl Step {
    fn new(title: &'static str, lines: Vec<String>) -> Self {
        Self { title, lines }
    }
}

/// An explanation of a route or a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Explanation {
    /// `POST /path` or the contract's id.
    title: String,
    /// The contract.
    contract: String,
    /// `mounted`, `unconfigured`, `declared` or `planned`.
    state: String,
    /// Variables that it needs and that are unset.
    unset: Vec<String>,
    /// Step by step.
    steps: Vec<Step>,
}

impl Explain {
    /// Writes the explanation.
    pub(crate) fn run(self) -> anyhow::Result<bool> {
        let loaded = loaded::load(self.contracts.as_deref())?;
        let explanations = explain(&loaded, &self.target.join(" "))?;
        if self.json {
            output::print_json(&explanations)?;
        } else {
            let look = Look::stdout();
            output::print(&explanations.iter().map(|explanation| text(explanation, look)).collect::<Vec<_>>().join("\n"))?;
        }
        Ok(true)
    }
}

/// Explains what a text names; a path without a method is every method there.
fn explain(loaded: &Loaded, target: &str) -> anyhow::Result<Vec<Explanation>> {
    let is_set = |name: &str| loaded.environment.is_set(name);
    Ok(match find::target(&loaded.catalog, target)? {
        Target::Contract(found) => vec![contract::explain(found, &loaded.catalog, &is_set)],
        Target::Routes(found) => found.iter().map(|matched| route::explain(matched, &loaded.catalog, &is_set)).collect(),
    })
}

fn text(explanation: &Explanation, look: Look) -> String {
    let mut text = format!("{}\n", look.bold(&explanation.title));
    let tone = match explanation.state.as_str() {
        "mounted" => Tone::Good,
        "unconfigured" => Tone::Warn,
        _ => Tone::Dim,
    };
    let unset = match explanation.unset.as_slice() {
        [] => String::new(),
        names => format!(": {} unset", names.join(", ")),
    };
    text.push_str(&format!("contract {}, {}{unset}\n", explanation.contract, look.tone(tone, &explanation.state)));
    for (number, step) in explanation.steps.iter().enumerate() {
        text.push_str(&format!("\n{}. {}\n", number + 1, look.bold(step.title)));
        text.extend(step.lines.iter().map(|line| format!("   {}\n", output::printable(line))));
    }
    text
}

/// The contracts inside the program, for the tests of the commands that show a catalog.
#[cfg(test)]
pub(super) fn embedded() -> Loaded {
    embedded_with(None)
}

/// The same with one more manifest.
#[cfg(test)]
fn embedded_with(more: Option<(&str, &str)>) -> Loaded {
    use crate::wiring;
    let registry = wiring::registry().expect("the handlers register");
    let mut folder = wiring::FolderOrigin::Embedded.read().expect("the program holds its contracts");
    folder.files.extend(more.map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec())));
    let resolution = wiring::resolve(&folder, &registry, None);
    let catalog = resolution.catalog.unwrap_or_else(|| panic!("{:#?}", resolution.findings));
    let environment = engine::environment::Environment::new(std::collections::HashMap::<String, String>::new());
    environment.load(catalog.variables.values());
    Loaded { registry, catalog, environment }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn shown(target: &str) -> String {
        let explanations = explain(&embedded(), target).unwrap();
        explanations.iter().map(|explanation| text(explanation, Look::PLAIN)).collect()
    }

    #[test]
    fn a_request_is_explained_from_match_to_answers() {
        let text = shown("POST /api/v1/projects/demo/integrations/plane/webhook?secret=canary");
        for part in [
            "contract plane-webhook, unconfigured: PLANE_WEBHOOK_SECRET unset",
            "1. Match",
            "project_id = demo",
            "signature over the body, key in PLANE_WEBHOOK_SECRET (unset)",
            "header X-Webhook-Secret (compatibility)",
            "query secret (legacy",
            "committed before it is answered 200",
            "header.X-Plane-Delivery",
            "plane.receive_event",
            "413",
        ] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn a_path_alone_is_every_method_there_and_an_open_route_says_so() {
        let text = shown("/healthz");
        assert!(text.starts_with("GET /healthz\n") && text.contains("open to everybody"), "{text}");
    }

    #[test]
    fn a_contract_is_explained_with_all_its_surface() {
        let text = shown("plane-webhook");
        for part in ["plane-webhook", "POST /api/v1/projects/{project_id}/integrations/plane/webhook", "Guard", "secret, unset"] {
            assert!(text.contains(part), "{part} is missing from\n{text}");
        }
        let own = shown("frontend-to-backend");
        assert!(own.contains("guarded in its own way:\n     a)"), "{own}");
        assert!(shown("fabric-registration").contains("planned"), "a planned contract is explained");
    }

    #[test]
    fn an_open_route_of_a_guarded_contract_says_so() {
        let manifest = "schema: 1\nid: half-open\nname: Half open\n\ndirection: inbound\ntype: REST API\nsurface:\n  \
                        - route: /half\n    get: {handler: projects.list, auth: none}\n    post: engine.accept\nauth:\n  \
                        - token: write\nstability: internal\nversioning: with the product\nowner: Test\n";
        let loaded = embedded_with(Some(("external/half-open.yaml", manifest)));
        let text = text(&explain(&loaded, "half-open").unwrap()[0], Look::PLAIN);
        assert!(text.contains("     open to everybody") && !text.contains("in its own way"), "{text}");
    }

    #[test]
    fn every_contract_and_route_can_be_explained() {
        let loaded = embedded();
        for contract in &loaded.catalog.contracts {
            explain(&loaded, &contract.id).unwrap();
        }
        for route in loaded.catalog.routes() {
            let target = format!("{} {}", route.method.as_str(), route.path);
            let explanations = explain(&loaded, &target).unwrap();
            assert_eq!(explanations[0].title, target);
        }
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is_close() {
        let error = |target: &str| explain(&embedded(), target).unwrap_err().to_string();
        assert!(error("plane-webhok").contains("did you mean `plane-webhook`?"), "{}", error("plane-webhok"));
        assert!(error("/healthx").contains("/healthz"), "{}", error("/healthx"));
        assert!(error("DELETE /healthz").contains("GET"), "{}", error("DELETE /healthz"));
        assert!(error("FETCH /healthz").contains("FETCH"), "{}", error("FETCH /healthz"));
    }
}
