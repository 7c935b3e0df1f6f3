//! What a target names: a contract by its id, or the routes that a request would reach, found by the router's own rules.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{anyhow, bail};
use contract::{
    catalog::{Catalog, Contract, Route},
    finding::did_you_mean,
};

/// What was found.
pub(super) enum Target<'c> {
    /// A contract.
    Contract(&'c Arc<Contract>),
    /// Routes of one path, and what its parameters would be.
    Routes(Vec<Matched<'c>>),
}

/// A route that a request would reach.
pub(super) struct Matched<'c> {
    /// The route.
    pub(super) route: &'c Arc<Route>,
    /// Parameters that the path fills in; empty for a path that is a template itself.
    pub(super) params: Vec<(String, String)>,
}

/// Finds what a text names.
pub(super) fn target<'c>(catalog: &'c Catalog, text: &str) -> anyhow::Result<Target<'c>> {
    let text = text.trim();
    match text.split_once(char::is_whitespace) {
        Some((method, path)) => routes(catalog, Some(&method.to_ascii_uppercase()), path.trim()),
        None if text.contains('/') => routes(catalog, None, text),
        None => contract(catalog, text).map(Target::Contract),
    }
}

/// The contract with this id.
pub(crate) fn contract<'c>(catalog: &'c Catalog, id: &str) -> anyhow::Result<&'c Arc<Contract>> {
    catalog.contract(id).ok_or_else(|| {
        let hint = did_you_mean(id, catalog.contracts.iter().map(|contract| contract.id.as_str()));
        anyhow!(
            "there is no contract `{id}`; {}",
            hint.unwrap_or_else(|| "`mission-control routes` lists what is mounted".to_owned())
        )
    })
}

fn routes<'c>(catalog: &'c Catalog, method: Option<&str>, given: &str) -> anyhow::Result<Target<'c>> {
    if let Some(method) = method
        && !["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method)
    {
        bail!("`{method}` is not a method that routes have; write it as 'POST /path', or name a contract or a path alone");
    }
    let path = path_of(given);
    let mut by_path: BTreeMap<&str, Vec<&Arc<Route>>> = BTreeMap::new();
    for route in catalog.routes() {
        by_path.entry(&route.path).or_default().push(route);
    }
    let mut router = matchit::Router::new();
    for (template, routes) in &by_path {
        router.insert(*template, routes).map_err(|error| anyhow!("the route {template} cannot be mounted: {error}"))?;
    }
    let Ok(found) = router.at(path) else {
        let hint = did_you_mean(path, by_path.keys().copied());
        bail!(
            "nothing is mounted at `{path}`: it would be answered 404; {}",
            hint.unwrap_or_else(|| "`mission-control routes` lists what is".to_owned())
        );
    };
    let filled = found.params.iter().filter(|(name, value)| *value != format!("{{{name}}}"));
    let params: Vec<(String, String)> = filled.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let wanted = |route: &&&Arc<Route>| match method {
        None => true,
        Some("HEAD") => route.method.as_str() == "GET",
        Some(method) => route.method.as_str() == method,
    };
    let matched: Vec<Matched<'c>> =
        found.value.iter().filter(wanted).map(|route| Matched { route, params: params.clone() }).collect();
    if matched.is_empty() {
        let there: Vec<&str> = found.value.iter().map(|route| route.method.as_str()).collect();
        bail!("`{path}` is mounted for {} only: it would be answered 405", there.join(", "));
    }
    Ok(Target::Routes(matched))
}

/// The path in a path or URL, without query and fragment, which may hold a secret.
fn path_of(given: &str) -> &str {
    let path = match given.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => given,
    };
    path.split(['?', '#']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn a_url_gives_its_path() {
        assert_eq!(path_of("http://127.0.0.1:8080/a/b?secret=x"), "/a/b");
        assert_eq!(path_of("https://example.org"), "/");
        assert_eq!(path_of("/a#b"), "/a");
    }
}
