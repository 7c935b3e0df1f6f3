//! The JSON Schemas (2020-12) of the format, generated from the types of [`super::model`]. Editors complete from them, and
//! [`super::structure`] checks documents against the very same ones, so that what an editor accepts the loader accepts.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::model::{Manifest, Preset, ServiceManifest};

/// The schema of a contract manifest: `schemas/contract.schema.json`.
pub fn schema() -> Value {
    generate::<Manifest>("contract", "Contract manifest, format 1")
}

/// The schema of `contracts/service.yaml`: `schemas/service.schema.json`.
pub fn service_schema() -> Value {
    generate::<ServiceManifest>("service", "Service manifest, format 1")
}

/// The schema of a file of `contracts/presets/`: `schemas/preset.schema.json`.
pub fn preset_schema() -> Value {
    generate::<Preset>("preset", "Signature preset, format 1")
}

fn generate<T: JsonSchema>(name: &str, title: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    refine(&mut schema);
    let Value::Object(body) = schema else { return schema };
    let mut ordered = Map::new();
    ordered.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    ordered.insert("$id".to_owned(), json!(format!("https://helpifyr.com/schemas/mission-control/{name}.schema.json")));
    ordered.insert("title".to_owned(), json!(title));
    ordered.extend(body.into_iter().filter(|(key, _)| key != "$schema" && key != "title"));
    Value::Object(ordered)
}

/// Takes out what the format does not mean: an absent field is left out, never `null`, an integer's Rust width is no
/// business of an editor, and where a comment's line ends says nothing.
fn refine(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(refine),
        Value::Object(map) => {
            map.values_mut().for_each(refine);
            drop_null(map);
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if map.get("type").is_some_and(|kind| kind == "integer") {
                map.remove("format");
            }
            if map.get("default").is_some_and(is_empty) {
                map.remove("default");
            }
        }
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn drop_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = map.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            map.insert("type".to_owned(), kind);
        }
    }
    let Some(Value::Array(variants)) = map.get_mut("anyOf") else { return };
    variants.retain(|variant| variant != &json!({ "type": "null" }));
    if let [Value::Object(only)] = variants.as_slice() {
        let only = only.clone();
        map.remove("anyOf");
        map.extend(only);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` with every schema inside of `schema` and the way there.
    fn walk(schema: &Value, way: &str, visit: &mut dyn FnMut(&Value, &str)) {
        visit(schema, way);
        match schema {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{way}/{index}"), visit));
            }
            Value::Object(map) => map.iter().for_each(|(key, item)| walk(item, &format!("{way}/{key}"), visit)),
            _ => {}
        }
    }

    #[test]
    fn every_property_and_definition_is_described() {
        for schema in [schema(), service_schema(), preset_schema()] {
            let mut bare = Vec::new();
            walk(&schema, "", &mut |item, way| {
                let named = way.ends_with("/properties") || way.ends_with("/$defs");
                let Some(map) = item.as_object().filter(|_| named) else { return };
                for (name, property) in map {
                    if property["description"].as_str().is_none_or(|text| text.len() <= 3) {
                        bare.push(format!("{way}/{name}"));
                    }
                }
            });
            assert!(bare.is_empty(), "without a description: {bare:#?}");
        }
    }

    #[test]
    fn every_object_refuses_unknown_keys() {
        walk(&schema(), "", &mut |item, way| {
            if item.get("properties").is_some() && !way.ends_with("/properties") {
                assert_eq!(item.get("additionalProperties"), Some(&json!(false)), "{way}");
            }
        });
    }

    #[test]
    fn the_schemas_are_schemas() {
        for schema in [schema(), service_schema(), preset_schema()] {
            assert!(jsonschema::draft202012::meta::is_valid(&schema));
            assert!(jsonschema::validator_for(&schema).is_ok());
        }
    }
}
