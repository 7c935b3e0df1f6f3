//! Whatever the text, the loader answers; what it accepts, it accepts again.

use std::sync::LazyLock;

use contract::{
    finding::{render_github, render_human, render_json, render_sarif},
    manifest::Folder,
    template::{KeyExpression, ROOTS, SignatureShape, SignedPayload, Templates},
};
use proptest::{prelude::*, sample::Index};

use crate::{fixtures::read_fixture, handlers::resolve_folder};

/// Resolves and shows everything, so that nothing on the way may panic; every place lies in its file.
fn survives(folder: &Folder) {
    let resolution = resolve_folder(folder);
    let errors = resolution.findings.iter().any(contract::finding::Finding::is_error);
    assert_eq!(resolution.catalog.is_none(), errors, "{:#?}", resolution.findings);
    for finding in &resolution.findings {
        if let Some(place) = &finding.place {
            let length = folder.files.get(&place.file).map_or(0, Vec::len);
            assert!(place.start <= place.end.max(place.start) && place.start <= length + 1, "{finding:?}");
        }
    }
    let _ = render_human(&resolution.findings, folder, true);
    let _ = render_json(&resolution.findings);
    let _ = render_github(&resolution.findings, "contracts");
    let _ = render_sarif(&resolution.findings, "2.0.0", "contracts");
}

static CLEAN: LazyLock<Folder> = LazyLock::new(|| read_fixture("clean"));

fn with(file: &str, bytes: Vec<u8>) -> Folder {
    let mut folder = CLEAN.clone();
    folder.files.insert(file.to_owned(), bytes);
    folder
}

/// Pieces that YAML and the format care about.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n".to_owned()),
        Just("\n  ".to_owned()),
        Just("- ".to_owned()),
        Just(": ".to_owned()),
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just("&a ".to_owned()),
        Just("*a".to_owned()),
        Just("!t ".to_owned()),
        Just("\"".to_owned()),
        Just("'".to_owned()),
        Just("#".to_owned()),
        Just("| ".to_owned()),
        Just("? ".to_owned()),
        Just("---\n".to_owned()),
        Just("{{ body.x }}".to_owned()),
        Just("surface".to_owned()),
        Just("auth".to_owned()),
        Just("route".to_owned()),
        Just("ä\u{feff}\r\n".to_owned()),
        "[a-z0-9/{}]{1,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn arbitrary_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(&with("external/any.yaml", bytes));
    }

    #[test]
    fn arbitrary_yaml_is_answered(pieces in prop::collection::vec(piece(), 0..60)) {
        survives(&with("external/any.yaml", pieces.concat().into_bytes()));
    }

    #[test]
    fn mutated_manifests_are_answered(file in any::<Index>(), at in any::<Index>(), cut in 0_usize..30, put in prop::collection::vec(piece(), 0..4)) {
        let mut folder = CLEAN.clone();
        let names: Vec<String> = folder.files.keys().filter(|name| name.ends_with(".yaml")).cloned().collect();
        let name = file.get(&names).clone();
        let text = String::from_utf8(folder.files[&name].clone()).expect("text");
        let characters: Vec<char> = text.chars().collect();
        let start = at.index(characters.len());
        let rest = characters.iter().skip((start + cut).min(characters.len()));
        let mutated: String = characters[..start].iter().copied().chain(put.concat().chars()).chain(rest.copied()).collect();
        folder.files.insert(name, mutated.into_bytes());
        survives(&folder);
    }

    #[test]
    fn lines_taken_out_are_answered(file in any::<Index>(), line in any::<Index>()) {
        let mut folder = CLEAN.clone();
        let names: Vec<String> = folder.files.keys().cloned().collect();
        let name = file.get(&names).clone();
        let text = String::from_utf8(folder.files[&name].clone()).expect("text");
        let mut lines: Vec<&str> = text.lines().collect();
        lines.remove(line.index(lines.len()));
        folder.files.insert(name, lines.join("\n").into_bytes());
        survives(&folder);
    }

    #[test]
    fn a_shape_reads_what_it_writes(
        time in "[0-9]{1,12}", signature in "[a-f0-9]{8,64}", before in "[a-z]{1,4}=", label in "[u-z][0-9]{1,2}[=:]", separator in "[,; ]",
    ) {
        prop_assume!(!label.starts_with(&before) && !before.starts_with(&label));
        let source = format!("{before}{{timestamp}}{separator}{label}{{signature}}");
        let shape = SignatureShape::parse(&source).expect("a shape");
        prop_assert_eq!(shape.to_string(), source);
        let written = shape.write(&time, &signature);
        let (read_time, read_signatures) = shape.read(&written);
        prop_assert_eq!(read_time, Some(time.as_str()));
        prop_assert_eq!(read_signatures, vec![signature.as_str()]);
    }

    #[test]
    fn a_payload_is_written_as_it_was_read(parts in prop::collection::vec(prop_oneof![Just("{body}"), Just("{timestamp}"), Just("{id}"), Just("v0:"), Just(".")], 0..6)) {
        let source = format!("{}{{body}}", parts.concat());
        prop_assert_eq!(SignedPayload::parse(&source).expect("a payload").to_string(), source);
    }

    #[test]
    fn the_small_languages_answer_any_text(text in "\\PC{0,40}") {
        let _ = SignatureShape::parse(&text);
        let _ = SignedPayload::parse(&text);
        if let Ok(key) = KeyExpression::compile(&text) {
            prop_assert_eq!(key.source(), text.clone());
        }
        let _ = Templates::compile(&serde_json::Value::String(text), ROOTS);
    }
}
