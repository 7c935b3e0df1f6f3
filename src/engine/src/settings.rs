//! A handler's `with`, rendered for one request.

use contract::template::Scope;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    handler::{Context, Request},
    problem::{Problem, ProblemKind, Violation},
};

/// What a template sees of a request. A body that is not JSON is `null` to it.
pub fn scope(request: &Request, now: jiff::Timestamp) -> Scope {
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    Scope::request(
        &body,
        request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
        request.query.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        (&request.contract.id, &request.contract.name),
        &now.to_string(),
    )
}

/// Renders the route's settings. 422 when the request lacks what a template names or gives a value of the wrong type.
pub fn render<T: DeserializeOwned>(context: &Context<'_>, request: &Request) -> Result<T, Problem> {
    let misfit = |error: serde_json::Error| {
        Problem::new(
            ProblemKind::Invalid,
            format!("What contract `{}` takes from the request does not fit: {error}", request.contract.id),
        )
    };
    let templates = &request.route.templates;
    // To read the body and copy the headers for settings that name neither would be most of a small request's work.
    if let Some(constant) = templates.constant() {
        return T::deserialize(constant).map_err(misfit);
    }
    let rendered = templates.render(&scope(request, context.now)).map_err(|error| {
        Problem::invalid(
            format!("The request does not have what contract `{}` takes from it", request.contract.id),
            vec![Violation { pointer: String::new(), detail: format!("with{}: {}", error.pointer, error.message) }],
        )
    })?;
    serde_json::from_value(rendered).map_err(misfit)
}
