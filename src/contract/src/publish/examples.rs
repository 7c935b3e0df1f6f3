//! Which route answers an example, and how its body reads: shared by the descriptions and the pages.

use serde_json::Value;

use super::routes_of;
use crate::{
    catalog::{Contract, Method, ResolvedExample, Route},
    manifest::model::ExampleMethod,
};

/// The examples of a contract that this route answers.
pub(super) fn examples_of<'c>(contract: &'c Contract, route: &Route) -> Vec<&'c ResolvedExample> {
    contract
        .examples
        .iter()
        .filter(|example| {
            route_of(contract, example).is_some_and(|found| found.method == route.method && found.path == route.path)
        })
        .collect()
}

/// The route of its contract that answers an example: the one with the fewest parameters that matches, as the router decides.
pub(super) fn route_of<'c>(contract: &'c Contract, example: &ResolvedExample) -> Option<&'c Route> {
    let request = &example.example.request;
    let method = match request.method {
        ExampleMethod::Get | ExampleMethod::Head => Method::Get,
        ExampleMethod::Post => Method::Post,
        ExampleMethod::Put => Method::Put,
        ExampleMethod::Patch => Method::Patch,
        ExampleMethod::Delete => Method::Delete,
    };
    routes_of(contract)
        .filter(|route| route.method == method && path_values(&route.path, &request.path).is_some())
        .min_by_key(|route| route.params.len())
}

/// The values of a template's parameters in a path; `None` when it does not match. The query is passed over.
pub(super) fn path_values<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let (wanted, given) = (template.split('/'), path.split('/'));
    if wanted.clone().count() != given.clone().count() {
        return None;
    }
    let mut values = Vec::new();
    for (wanted, given) in wanted.zip(given) {
        match wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !given.is_empty() => values.push((name, given)),
            Some(_) => return None,
            None if wanted == given => {}
            None => return None,
        }
    }
    Some(values)
}

/// The body of an example as JSON; text that is not JSON as a string. `None` when there is no body.
pub(super) fn body_value(example: &ResolvedExample) -> Option<Value> {
    let body = example.body.as_deref()?;
    Some(serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned())))
}

#[cfg(test)]
mod tests {
    use super::path_values;

    #[test]
    fn a_path_gives_the_values_of_its_template() {
        assert_eq!(path_values("/a/{x}/b", "/a/1/b?limit=2"), Some(vec![("x", "1")]));
        assert_eq!(path_values("/a/{x}/b", "/a//b"), None);
        assert_eq!(path_values("/a/{x}", "/a/1/b"), None);
        assert_eq!(path_values("/a", "/a"), Some(Vec::new()));
    }
}
