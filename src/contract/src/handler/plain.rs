//! Schemas that a validator can explain. What `schemars` writes for a choice of words or for an optional value is right, but a
//! value that does not fit it is told "not valid under any of the schemas": here a choice becomes one `enum`, and `null`
//! another type of the value itself, so that messages name what would fit.

use serde_json::{Map, Value, json};

/// Keywords under which a schema may have something against `null`, whatever its type.
const HELD: [&str; 9] = ["$ref", "allOf", "anyOf", "const", "dependentSchemas", "if", "not", "oneOf", "enum"];

/// The same schema, told plainly all the way down.
pub(super) fn plain(schema: Value) -> Value {
    match schema {
        Value::Object(mut members) => {
            let choice = choose(&mut members);
            if let Some(inner) = optional(&members) {
                members.shift_remove("anyOf");
                lift(inner, &mut members);
            }
            if !choice {
                choose(&mut members);
            }
            // Values that look like schemas are not.
            let keep = |key: &str| matches!(key, "enum" | "const" | "default" | "examples");
            Value::Object(
                members.into_iter().map(|(key, value)| if keep(&key) { (key, value) } else { (key, plain(value)) }).collect(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(plain).collect()),
        other => other,
    }
}

/// The value that `members` make optional, with `null` among its types.
fn optional(members: &Map<String, Value>) -> Option<Map<String, Value>> {
    let [Value::Object(inner), null] = members.get("anyOf")?.as_array()?.as_slice() else { return None };
    if *null != json!({"type": "null"}) {
        return None;
    }
    let mut inner = inner.clone();
    choose(&mut inner);
    let kind = inner.get("type")?.as_str()?.to_owned();
    if let Some(Value::Array(words)) = inner.get_mut("enum") {
        words.push(Value::Null);
    } else if HELD.iter().any(|key| inner.contains_key(*key)) {
        return None;
    }
    inner.insert("type".to_owned(), json!([kind, "null"]));
    Some(inner)
}

/// Adds the members of an inner schema; what is said outside goes before, but for the meaning of words.
fn lift(inner: Map<String, Value>, members: &mut Map<String, Value>) {
    let meanings =
        inner.get("description").and_then(Value::as_str).and_then(|text| text.find(MEANINGS).map(|at| text[at..].to_owned()));
    if let (Some(Value::String(outer)), Some(meanings)) = (members.get_mut("description"), meanings) {
        outer.push_str(&meanings);
    }
    for (key, value) in inner {
        members.entry(key).or_insert(value);
    }
}

/// Begins the meanings of words in a description.
const MEANINGS: &str = " (`";

/// Turns a `oneOf` of words into an `enum`; the words' meanings go into the description. Whether it was one.
fn choose(members: &mut Map<String, Value>) -> bool {
    let Some(Value::Array(choices)) = members.get("oneOf") else { return false };
    let Some(choices) = choices.iter().map(words).collect::<Option<Vec<_>>>() else { return false };
    let meanings: Vec<String> = choices
        .iter()
        .filter_map(|(words, meaning)| match (words.as_slice(), meaning) {
            ([word], Some(meaning)) => Some(format!("`{word}`: {}", meaning.trim_end_matches('.'))),
            _ => None,
        })
        .collect();
    let words: Vec<String> = choices.into_iter().flat_map(|(words, _)| words).collect();
    members.shift_remove("oneOf");
    members.insert("type".to_owned(), "string".into());
    members.insert("enum".to_owned(), words.into());
    if !meanings.is_empty() {
        let meanings = format!("({})", meanings.join("; "));
        let text = match members.get("description").and_then(Value::as_str) {
            Some(text) => format!("{text} {meanings}"),
            None => meanings,
        };
        members.insert("description".to_owned(), text.into());
    }
    true
}

/// The words that a choice stands for and what they mean; `None` when it is more than words.
fn words(choice: &Value) -> Option<(Vec<String>, Option<&str>)> {
    let choice = choice.as_object()?;
    let is_plain = |key: &String| matches!(key.as_str(), "type" | "const" | "enum" | "description");
    if choice.get("type").and_then(Value::as_str) != Some("string") || !choice.keys().all(is_plain) {
        return None;
    }
    let words = match (choice.get("const"), choice.get("enum")) {
        (Some(word), None) => vec![word.as_str()?.to_owned()],
        (None, Some(Value::Array(words))) => {
            words.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    Some((words, choice.get("description").and_then(Value::as_str)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use crate::handler::{misfit, schema_of};

    /// How soon.
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Urgency {
        /// Some day.
        Low,
        /// Today.
        High,
        Other,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        urgency: Urgency,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(i64),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Settings {
        /// When it is due.
        urgency: Option<Urgency>,
        inner: Option<Inner>,
        several: Vec<Urgency>,
        either: Option<Either>,
    }

    #[test]
    fn choices_are_enums_and_null_is_a_type() {
        let schema = schema_of::<Settings>();
        let urgency = &schema["properties"]["urgency"];
        assert_eq!(urgency["type"], json!(["string", "null"]));
        let mut words: Vec<_> = urgency["enum"].as_array().unwrap().iter().map(ToString::to_string).collect();
        words.sort();
        assert_eq!(words, [r#""high""#, r#""low""#, r#""other""#, "null"]);
        assert_eq!(urgency["description"], "When it is due. (`low`: Some day; `high`: Today)");
        assert_eq!(schema["properties"]["several"]["items"]["type"], "string");
        assert_eq!(schema["properties"]["inner"]["type"], json!(["object", "null"]));
        assert!(schema["properties"]["either"]["anyOf"].is_array(), "{schema:#}");
    }

    #[test]
    fn messages_name_what_would_fit() {
        let validator = jsonschema::draft202012::new(&schema_of::<Settings>()).unwrap();
        let told = |value| {
            let errors: Vec<String> =
                validator.iter_errors(&value).map(|error| format!("{} {}", error.instance_path(), misfit(&error))).collect();
            errors.join("\n")
        };
        assert_eq!(told(json!({"several": ["low"], "urgency": null, "inner": null, "either": 1})), "");
        let text = told(json!({"several": [], "urgency": "soon"}));
        assert_eq!(text, r#"/urgency the value is none of "other", "low", "high", null"#);
        let text = told(json!({"several": [], "inner": {"urgencie": "low"}}));
        assert!(text.contains("/inner ") && text.contains("urgencie") && text.contains(r#""urgency""#), "{text}");
    }
}
