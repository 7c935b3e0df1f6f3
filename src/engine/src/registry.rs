//! The handlers by name. Descriptions and validators are made once here, not per request or per reload.

use std::{collections::BTreeMap, sync::Arc};

use contract::handler::{HandlerInfo, misfit};
use jsonschema::{Validator, error::ValidationErrorKind};
use serde_json::Value;

use crate::{
    handler::Handler,
    problem::{Problem, Violation},
};

/// Most violations that one answer names.
const MOST_VIOLATIONS: usize = 50;

/// A registered handler with what is derived from its description.
pub struct Registered {
    /// The handler.
    pub handler: Arc<dyn Handler>,
    /// Its description.
    pub info: Arc<HandlerInfo>,
    input: Option<Validator>,
}

/// All handlers by name.
pub struct Registry {
    handlers: BTreeMap<&'static str, Arc<Registered>>,
}

/// A registry that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Two handlers of one name.
    #[error("two handlers are named `{0}`")]
    Duplicate(&'static str),
    /// The input schema of a handler is not a JSON Schema.
    #[error("the input schema of handler `{0}` is not valid: {1}")]
    Schema(&'static str, String),
}

impl Registry {
    /// A registry of the engine's own handlers and these.
    pub fn new(plugins: impl IntoIterator<Item = Arc<dyn Handler>>) -> Result<Self, RegistryError> {
        let mut handlers = BTreeMap::new();
        for handler in crate::builtin::all().into_iter().chain(plugins) {
            let info = handler.info();
            let name = info.name;
            let input = match &info.input {
                Some(schema) => Some(validator(name, schema)?),
                None => None,
            };
            let registered = Arc::new(Registered { handler, info: Arc::new(info), input });
            if handlers.insert(name, registered).is_some() {
                return Err(RegistryError::Duplicate(name));
            }
        }
        Ok(Self { handlers })
    }

    /// The handler of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Registered>> {
        self.handlers.get(name)
    }

    /// The descriptions in alphabetical order.
    pub fn infos(&self) -> Vec<Arc<HandlerInfo>> {
        self.handlers.values().map(|registered| registered.info.clone()).collect()
    }
}

fn validator(name: &'static str, schema: &Value) -> Result<Validator, RegistryError> {
    jsonschema::options()
        .should_validate_formats(true)
        .build(schema)
        .map_err(|error| RegistryError::Schema(name, error.to_string()))
}

impl Registered {
    /// Whether the handler takes a JSON body of a stated shape.
    pub fn takes_json(&self) -> bool {
        self.input.is_some()
    }

    /// Holds a body to the input schema; 422 with a pointer for each violation.
    pub fn validate(&self, body: &Value) -> Result<(), Problem> {
        let Some(validator) = &self.input else { return Ok(()) };
        if validator.is_valid(body) {
            return Ok(());
        }
        let violations = validator.iter_errors(body).flat_map(|error| violations(&error)).take(MOST_VIOLATIONS).collect();
        Err(Problem::invalid(
            "The body does not fit the schema of this request; each failure is named under `errors`",
            violations,
        ))
    }
}

/// A failure as the places where something has to change: a member that is missing or not known is pointed at itself, not at
/// the object around it.
fn violations(error: &jsonschema::ValidationError<'_>) -> Vec<Violation> {
    let at = error.instance_path().to_string();
    let member = |name: &str, detail: &str| Violation {
        pointer: format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
        detail: detail.to_owned(),
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| member(name, "This member is not known here")).collect()
        }
        ValidationErrorKind::Required { property } => {
            vec![member(property.as_str().unwrap_or_default(), "This member is required and missing")]
        }
        _ => vec![Violation { pointer: at, detail: misfit(error) }],
    }
}
