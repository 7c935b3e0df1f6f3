//! The last step: everything that the stages made, put together. Nothing is decided and nothing found here.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    AuthMethod, Catalog, Contract, Route, SurfaceItem, Variable,
    auth::ContractAuth,
    delivery::Policies,
    digest,
    examples::Examples,
    handlers::HandlerUse,
    identity::{Identity, Source},
    items::Items,
    routes::{Mountable, Operation, in_order},
};
use crate::manifest::{Document, model::ServiceManifest};

/// What the stages made of the contracts, each list by the position of the contract or the operation.
pub(super) struct Parts<'a> {
    pub(super) digests: Vec<String>,
    pub(super) operations: Vec<Operation<'a>>,
    pub(super) auth: Vec<ContractAuth>,
    pub(super) guards: Vec<Vec<AuthMethod>>,
    pub(super) uses: Vec<Option<HandlerUse>>,
    pub(super) policies: Policies,
    pub(super) items: Items,
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) examples: Examples,
}

/// The catalog. `None` only when a part is missing, which a finding has said.
pub(super) fn catalog(identity: Identity<'_>, service: Option<&Document<ServiceManifest>>, parts: Parts<'_>) -> Option<Catalog> {
    let Parts { digests, operations, auth, guards, uses, policies, items, variables, examples } = parts;
    let mut routes = routes(&identity, &operations, &auth, &guards, uses, &policies)?;
    let named = identity.contracts.iter().map(|contract| contract.manifest().id.as_str());
    let mut pairs: Vec<(&str, &str)> = named.zip(digests.iter().map(String::as_str)).collect();
    let digest = digest::of_catalog(service.map(|document| &document.value), &mut pairs);
    let mut contracts = Vec::with_capacity(identity.contracts.len());
    let parts = auth.into_iter().zip(policies.contracts).zip(items).zip(examples).zip(digests);
    for (position, (source, ((((auth, delivery), mut items), examples), digest))) in
        identity.contracts.iter().zip(parts).enumerate()
    {
        let mut surface = Vec::new();
        for (item, _, _) in source.items() {
            match routes.remove(&(position, item)) {
                Some(routes) => surface.extend(routes.into_iter().map(SurfaceItem::Route)),
                None => surface.push(items.remove(&item)?),
            }
        }
        let needs = needs(&surface, &auth.methods);
        let manifest = source.manifest().clone();
        contracts.push(Arc::new(Contract {
            id: manifest.id,
            name: manifest.name,
            section: source.section.to_owned(),
            direction: manifest.direction,
            kind: manifest.kind,
            surface,
            auth: auth.methods,
            auth_undefined: auth.undefined,
            stability: manifest.stability,
            versioning: manifest.versioning,
            owner: manifest.owner,
            mode: manifest.mode,
            trigger: manifest.trigger,
            declares: manifest.environment.into_keys().collect(),
            needs,
            delivery,
            examples,
            verify: manifest.verify,
            notes: manifest.notes,
            digest,
            file: source.document.file.clone(),
        }));
    }
    Some(Catalog { service: identity.service, contracts, variables, digest })
}

/// The routes of each item, in the order of publication.
type Routes = HashMap<(usize, usize), Vec<Arc<Route>>>;

fn routes(
    identity: &Identity<'_>,
    operations: &[Operation<'_>],
    auth: &[ContractAuth],
    guards: &[Vec<AuthMethod>],
    uses: Vec<Option<HandlerUse>>,
    policies: &Policies,
) -> Option<Routes> {
    let uses: Vec<HandlerUse> = uses.into_iter().collect::<Option<_>>()?;
    let mut routes = Routes::new();
    for mountable in in_order(operations) {
        let operation = mountable.operation;
        let source = &identity.contracts[operation.contract];
        let guard = &guards[mountable.position];
        let of_contract = auth[operation.contract].methods.iter().filter(|method| method.guards());
        let own_auth = !of_contract.eq(guard.iter());
        let route = route(source, mountable, &uses[mountable.position], guard.clone(), own_auth, policies);
        routes.entry((operation.contract, operation.item)).or_default().push(Arc::new(route));
    }
    Some(routes)
}

fn route(
    source: &Source<'_>,
    mountable: Mountable<'_, '_>,
    handler: &HandlerUse,
    auth: Vec<AuthMethod>,
    own_auth: bool,
    policies: &Policies,
) -> Route {
    let operation = mountable.operation;
    let (delivery, limits) = policies.operations[mountable.position].clone();
    let written = operation.detail.and_then(|detail| detail.summary.clone());
    Route {
        contract: source.manifest().id.clone(),
        method: operation.method,
        path: mountable.path.to_owned(),
        params: match mountable.alias {
            None => operation.params.clone(),
            // The same names, perhaps in another order.
            Some(_) => super::paths::parameters(mountable.path).unwrap_or_default(),
        },
        handler: Arc::clone(&handler.handler),
        with: handler.with.clone(),
        templates: handler.templates.clone(),
        summary: written.unwrap_or_else(|| handler.handler.summary.to_owned()),
        auth,
        own_auth,
        delivery,
        limits,
        alias_of: mountable.alias.map(|_| operation.path.to_owned()),
        deprecated: mountable.alias.and_then(|alias| alias.deprecated.cloned()),
    }
}

/// The variables without which the contract is unconfigured, in the order in which they are met.
fn needs(surface: &[SurfaceItem], auth: &[AuthMethod]) -> Vec<String> {
    let mut needs: Vec<String> = Vec::new();
    let mut need = |variable: Option<&str>| {
        if let Some(variable) = variable.filter(|variable| !needs.iter().any(|known| known == variable)) {
            needs.push(variable.to_owned());
        }
    };
    let tools = surface.iter().any(|item| matches!(item, SurfaceItem::Tool(_)));
    for item in surface {
        match item {
            SurfaceItem::Route(route) => route.auth.iter().for_each(|method| need(method.variable())),
            SurfaceItem::Call(call) => need(Some(&call.variable)),
            _ => {}
        }
    }
    auth.iter().filter(|method| tools || !method.guards()).for_each(|method| need(method.variable()));
    needs
}
