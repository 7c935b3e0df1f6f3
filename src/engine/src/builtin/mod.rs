//! The engine's own handlers. Many integrations need nothing else, and so no Rust at all.

mod accept;
mod assets;
mod contracts;
mod deliveries;
mod discovery;
mod emit;
mod forward;
mod respond;

use std::sync::Arc;

use crate::handler::Handler;

/// Name of the handler that only stores.
pub const ACCEPT: &str = "engine.accept";
/// Name of the handler that relays; its outbound deliveries carry it, and their bodies are sent as they are.
pub const FORWARD: &str = "engine.forward";

/// Every handler of the engine, in alphabetical order of their names.
pub fn all() -> Vec<Arc<dyn Handler>> {
    vec![
        Arc::new(contracts::ListDeprecatedUses),
        Arc::new(contracts::List),
        Arc::new(contracts::Reload),
        Arc::new(contracts::Show),
        Arc::new(deliveries::List),
        Arc::new(deliveries::Replay),
        Arc::new(deliveries::Show),
        Arc::new(assets::Asset),
        Arc::new(discovery::AsyncApi),
        Arc::new(discovery::Contract),
        Arc::new(discovery::Contracts),
        Arc::new(assets::Docs),
        Arc::new(discovery::FabricCompatibility),
        Arc::new(discovery::FabricManifest),
        Arc::new(discovery::FabricPresence),
        Arc::new(discovery::Health),
        Arc::new(discovery::Metrics),
        Arc::new(discovery::OpenApi),
        Arc::new(discovery::Ready),
        Arc::new(assets::Redoc),
        Arc::new(discovery::Version),
        Arc::new(accept::Accept),
        Arc::new(emit::Emit),
        Arc::new(forward::Forward),
        Arc::new(respond::Respond),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_is_alphabetical_and_described() {
        let infos: Vec<_> = super::all().iter().map(|handler| handler.info()).collect();
        assert!(infos.is_sorted_by(|a, b| a.name < b.name), "{:?}", infos.iter().map(|info| info.name).collect::<Vec<_>>());
        for info in infos {
            assert!(!info.summary.is_empty() && !info.description.is_empty(), "{} is not described", info.name);
            assert!(!info.replies.is_empty(), "{} states no answer", info.name);
        }
    }
}
