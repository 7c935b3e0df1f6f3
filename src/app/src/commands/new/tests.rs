//! Every kind of manifest is clean under `check`, with and without options, in the folder that the program carries.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use clap::ValueEnum as _;
use contract::catalog::Repository;

use super::*;

fn new(kind: Kind, id: &str) -> New {
    New {
        kind,
        id: id.to_owned(),
        name: None,
        section: None,
        preset: None,
        handler: None,
        path: None,
        dry_run: true,
        contracts: None,
    }
}

/// The findings that the manifest brings, as text, and the folder's resolution with it.
fn made(command: &New) -> (String, String, Resolution) {
    let registry = wiring::registry().unwrap();
    let mut folder = FolderOrigin::Embedded.read().unwrap();
    let files = Repository { root: std::path::PathBuf::new(), files: vec!["README.md".to_owned()] };
    let before = wiring::resolve(&folder, &registry, None);
    let plan = command.plan(&registry, &before).unwrap();
    let text = kind::manifest(&plan);
    folder.files.insert(plan.file(), text.clone().into_bytes());
    let repository = (command.kind == Kind::File).then_some(&files);
    let after = wiring::resolve(&folder, &registry, repository);
    let own: Vec<Finding> = after
        .findings
        .iter()
        .filter(|finding| finding.place.as_ref().is_some_and(|place| place.file == plan.file()))
        .cloned()
        .collect();
    (render_human(&own, &folder, false), text, after)
}

fn assert_clean(command: &New) -> (String, Resolution) {
    let (findings, text, after) = made(command);
    assert!(findings.is_empty(), "{command:?}\n{findings}\n{text}");
    assert!(text.starts_with("# yaml-language-server: $schema=../../schemas/contract.schema.json\nschema: 1\n"), "{text}");
    (text, after)
}

#[test]
fn every_kind_is_clean() {
    for kind in Kind::value_variants() {
        assert_clean(&new(*kind, "acme-tickets"));
        assert_clean(&New { name: Some("Acme: \"Tickets\" & more".to_owned()), ..new(*kind, "a1") });
    }
}

#[test]
fn every_preset_is_clean() {
    let folder = FolderOrigin::Embedded.read().unwrap();
    let presets = folder.files.keys().filter_map(|file| file.strip_prefix("presets/")?.strip_suffix(".yaml").map(str::to_owned));
    let presets: Vec<String> = presets.collect();
    assert!(presets.iter().any(|preset| preset == "standard-webhooks"), "{presets:?}");
    for preset in presets {
        assert_clean(&New { preset: Some(preset.clone()), ..new(Kind::Webhook, "acme-webhook") });
        assert_clean(&New { preset: Some(preset), ..new(Kind::Callback, "acme") });
    }
}

#[test]
fn every_handler_is_clean_behind_every_kind_of_route() {
    for info in wiring::registry().unwrap().infos() {
        for kind in [Kind::Webhook, Kind::Callback, Kind::Api] {
            assert_clean(&New { handler: Some(info.name.to_owned()), ..new(kind, "acme") });
        }
    }
}

#[test]
fn a_standard_webhook_becomes_a_task_and_says_how_to_try_it() {
    let command = New { preset: Some("standard-webhooks".to_owned()), ..new(Kind::Webhook, "acme-tickets") };
    let (text, after) = assert_clean(&command);
    for part in [
        "handler: tasks.upsert",
        "preset: standard-webhooks",
        "key: header.webhook-id",
        "mode: durable",
        "ACME_TICKETS_WEBHOOK_SECRET:",
    ] {
        assert!(text.contains(part), "{part} is missing from\n{text}");
    }
    let path = Path::new("contracts/external/acme-tickets.yaml");
    let steps = steps::text(path, Kind::Webhook, "acme-tickets", after.catalog.as_ref());
    for part in [
        "wrote contracts/external/acme-tickets.yaml",
        "mission-control check contracts",
        "export ACME_TICKETS_WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)",
        "/api/v1/projects/demo/integrations/acme-tickets/webhook",
        "webhook-signature: v1,$SIGNATURE",
        "deliveries list --contract acme-tickets",
    ] {
        assert!(steps.contains(part), "{part} is missing from\n{steps}");
    }
}

#[test]
fn what_cannot_be_made_is_refused_with_words() {
    let registry = wiring::registry().unwrap();
    let before = wiring::resolve(&FolderOrigin::Embedded.read().unwrap(), &registry, None);
    let refused = |command: New| command.plan(&registry, &before).map(drop).unwrap_err().to_string();
    assert!(refused(new(Kind::Webhook, "Acme")).contains("is not an id"));
    assert!(refused(New { preset: Some("github".to_owned()), ..new(Kind::Planned, "a") }).contains("--preset means nothing"));
    let misspelt = New { handler: Some("tasks.upser".to_owned()), ..new(Kind::Webhook, "a") };
    assert!(refused(misspelt).contains("did you mean `tasks.upsert`?"));
}

#[test]
fn a_file_is_made_once_and_a_bad_one_never() {
    let root = tempfile::tempdir().unwrap();
    let contracts = root.path().join("contracts");
    for (path, bytes) in FolderOrigin::Embedded.read().unwrap().files {
        let path = contracts.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let command = || New { dry_run: false, contracts: Some(contracts.clone()), ..new(Kind::Webhook, "acme") };
    command().run().unwrap();
    assert!(contracts.join("external/acme.yaml").exists());
    assert!(command().run().unwrap_err().to_string().contains("is there already"));

    let nowhere = New { section: Some("elsewhere".to_owned()), id: "other".to_owned(), ..command() };
    assert!(nowhere.run().unwrap_err().to_string().contains("nothing was written"));
    assert!(!contracts.join("elsewhere").exists());
}
