//! Handlers: that each operation names one that exists, gives it settings that fit, and has the path parameters it needs.
//! Schemas are compiled once for each handler, templates once for each operation.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock},
};

use jsonschema::{Validator, error::ValidationErrorKind};
use minijinja::Environment;
use serde_json::{Map, Value};

use super::{Registry, Stage, routes::Operation};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::handlers::{
            HANDLER_UNKNOWN, PARAMETER_MISSING, TEMPLATE_INVALID, TEMPLATE_PARAMETER, WITH_UNEXPECTED, WITH_UNFIT,
        },
    },
    handler::{HandlerInfo, misfit},
    manifest::node::Cursor,
    template::{ROOTS, Templates},
};

/// A handler with the settings it is used with.
pub(super) struct HandlerUse {
    pub(super) handler: Arc<HandlerInfo>,
    pub(super) with: Value,
    pub(super) templates: Templates,
}

/// Settings as a manifest holds them.
pub(super) type Settings = indexmap::IndexMap<String, Value>;

/// The handler of each operation; `None` when it cannot be used.
pub(super) fn resolve(operations: &[Operation<'_>], registry: &Registry<'_>) -> Stage<Vec<Option<HandlerUse>>> {
    let mut checker = Checker { registry, validators: HashMap::new(), findings: Vec::new() };
    let uses = operations.iter().map(|operation| checker.operation(operation)).collect();
    (uses, checker.findings)
}

/// Looks handlers up and holds their settings to them.
pub(super) struct Checker<'a> {
    pub(super) registry: &'a Registry<'a>,
    pub(super) validators: HashMap<&'static str, Option<Validator>>,
    pub(super) findings: Vec<Finding>,
}

impl Checker<'_> {
    fn operation(&mut self, operation: &Operation<'_>) -> Option<HandlerUse> {
        let handler = self.handler(operation.handler, operation.handler_at())?;
        for (name, meaning) in handler.params {
            if !operation.params.iter().any(|param| param == name) {
                let message =
                    format!("`{}` needs the path parameter `{{{name}}}` ({meaning}), which the path lacks", handler.name);
                self.findings.push(Finding::new(&PARAMETER_MISSING, message).at(operation.handler_at().place()));
            }
        }
        let with = operation.detail.and_then(|detail| detail.with.as_ref());
        let (with, templates) = self.settings(&handler, with, ROOTS, operation.at)?;
        self.path_names(&with, &operation.params, operation.at.key("with"));
        Some(HandlerUse { handler, with, templates })
    }

    /// The handler of a name.
    pub(super) fn handler(&mut self, name: &str, at: Cursor<'_>) -> Option<Arc<HandlerInfo>> {
        if let Some(handler) = self.registry.get(name) {
            return Some(Arc::clone(handler));
        }
        let mut names: Vec<&str> = self.registry.keys().copied().collect();
        names.sort_unstable();
        let help = did_you_mean(name, names).unwrap_or_else(|| "`mission-control handlers` lists them".to_owned());
        let message = format!("there is no handler `{name}`");
        self.findings.push(Finding::new(&HANDLER_UNKNOWN, message).at(at.place()).help(help));
        None
    }

    /// Settings that fit the handler, as written and compiled. `at` is at what has the key `with`.
    pub(super) fn settings(
        &mut self,
        handler: &HandlerInfo,
        with: Option<&Settings>,
        roots: &[&str],
        at: Cursor<'_>,
    ) -> Option<(Value, Templates)> {
        let settings =
            Value::Object(with.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>());
        let before = self.findings.len();
        self.fits(handler, with.is_some(), &settings, at);
        let templates = match Templates::compile(&settings, roots) {
            Ok(templates) => Some(templates),
            Err(errors) => {
                for error in errors {
                    let place = at.key("with").pointer(&error.pointer).place();
                    self.findings.push(Finding::new(&TEMPLATE_INVALID, error.message).at(place));
                }
                None
            }
        };
        templates.filter(|_| self.findings.len() == before).map(|templates| (settings, templates))
    }

    fn fits(&mut self, handler: &HandlerInfo, written: bool, settings: &Value, at: Cursor<'_>) {
        let Some(schema) = &handler.with else {
            if written {
                let message = format!("`{}` takes no settings", handler.name);
                self.findings.push(Finding::new(&WITH_UNEXPECTED, message).at(at.key("with").key_place()));
            }
            return;
        };
        let validator = self.validators.entry(handler.name).or_insert_with(|| jsonschema::draft202012::new(schema).ok());
        let Some(validator) = validator else { return };
        if validator.is_valid(settings) {
            return;
        }
        let with = at.key("with");
        for error in validator.iter_errors(settings) {
            let pointer = error.instance_path().as_str();
            if may_become_anything(settings, pointer, error.kind()) {
                continue;
            }
            let here = with.pointer(pointer);
            let field = pointer.rsplit('/').find(|field| field.parse::<usize>().is_err()).filter(|field| !field.is_empty());
            let subject = match field {
                Some(field) if pointer.ends_with(field) => format!("`{field}`"),
                Some(field) => format!("an item of `{field}`"),
                None => format!("the settings of `{}`", handler.name),
            };
            match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    for key in unexpected {
                        let message = format!("`{key}` is not a key of {subject}");
                        let finding = Finding::new(&WITH_UNFIT, message).at(here.place_of_key(key));
                        let known = schema.pointer(&format!("{}/properties", parent(error.schema_path().as_str())));
                        let known = known.and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str);
                        let known: Vec<&str> = known.collect();
                        let help = did_you_mean(key, known.iter().copied())
                            .or_else(|| (!known.is_empty()).then(|| format!("it takes {}", known.join(", "))));
                        self.findings.push(match help {
                            Some(help) => finding.help(help),
                            None => finding,
                        });
                    }
                }
                ValidationErrorKind::Required { property } => {
                    let name = property.as_str().unwrap_or_default();
                    let message = format!("{subject} lack `{name}`");
                    let message = if field.is_some() { format!("{subject} lacks `{name}`") } else { message };
                    let place = if written { here.place() } else { at.place() };
                    self.findings.push(Finding::new(&WITH_UNFIT, message).at(place));
                }
                _ => {
                    let message = format!("{subject} does not fit `{}`: {}", handler.name, misfit(&error));
                    self.findings.push(Finding::new(&WITH_UNFIT, message).at(here.place()));
                }
            }
        }
    }

    /// `path.NAME` in a template has to be a parameter of the path.
    fn path_names(&mut self, with: &Value, params: &[String], at: Cursor<'_>) {
        let mut names = Vec::new();
        collect_path_names(with, String::new(), &mut names);
        for (pointer, name) in names {
            if !params.contains(&name) {
                let message = format!("the template names `path.{name}`, and the path has no `{{{name}}}`");
                let finding = Finding::new(&TEMPLATE_PARAMETER, message).at(at.pointer(&pointer).place());
                let help = did_you_mean(&name, params.iter().map(String::as_str));
                self.findings.push(match help {
                    Some(help) => finding.help(help),
                    None => finding,
                });
            }
        }
    }
}

fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether an error is about a value that a template may still turn into one that fits.
fn may_become_anything(settings: &Value, pointer: &str, kind: &ValidationErrorKind) -> bool {
    let Some(value) = settings.pointer(pointer) else { return false };
    match value {
        Value::String(text) => is_template(text),
        Value::Array(_) | Value::Object(_) => {
            let depends = matches!(
                kind,
                ValidationErrorKind::AnyOf { .. }
                    | ValidationErrorKind::OneOfNotValid { .. }
                    | ValidationErrorKind::OneOfMultipleValid { .. }
                    | ValidationErrorKind::Not { .. }
                    | ValidationErrorKind::Contains
                    | ValidationErrorKind::UniqueItems
            );
            depends && holds_template(value)
        }
        _ => false,
    }
}

fn holds_template(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(holds_template),
        Value::Object(map) => map.values().any(holds_template),
        _ => false,
    }
}

/// Whether a text has something to fill in.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

static PARSER: LazyLock<Environment<'static>> = LazyLock::new(Environment::new);

/// The `NAME`s of `path.NAME` in the templates of a value, each with the pointer of its text.
pub(super) fn collect_path_names(value: &Value, pointer: String, names: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if is_template(text) && text.contains("path") => {
            let Ok(template) = PARSER.template_from_str(text) else { return };
            let nested: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
            for name in nested.iter().filter_map(|name| name.strip_prefix("path.")) {
                names.push((pointer.clone(), name.split('.').next().unwrap_or_default().to_owned()));
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect_path_names(item, format!("{pointer}/{index}"), names));
        }
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            collect_path_names(item, format!("{pointer}/{}", crate::template::escape_pointer(key)), names)
        }),
        _ => {}
    }
}
