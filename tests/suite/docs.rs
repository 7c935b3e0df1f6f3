//! Generated documents are what the contracts and the program imply, and what the contracts cite as proof is there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output},
};

use black_box::{
    World,
    database::Kind,
    program,
    world::{run, write},
};
use contract::catalog::{Catalog, Method, Stability};

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs `docs` over the files below `root`.
fn docs(world: &World, root: &Path, arguments: &[&str]) -> Output {
    let contracts = program::repository().join("contracts");
    let mut command = world.command();
    command.arg("docs").args(arguments).args(["--root", root.to_str().unwrap(), "--contracts", contracts.to_str().unwrap()]);
    command.output().unwrap()
}

#[test]
fn the_documents_of_the_repository_are_up_to_date() {
    run(Kind::Sqlite, |world| async move {
        let output = docs(&world, &program::repository(), &["--check"]);
        assert!(output.status.success(), "{}", text(&output));
    });
}

#[test]
fn a_document_that_drifted_fails_with_a_diff_and_the_remedy() {
    run(Kind::Sqlite, |world| async move {
        let root = world.folder().join("repository");
        std::fs::create_dir(&root).unwrap();
        let written = docs(&world, &root, &[]);
        assert!(written.status.success(), "{}", text(&written));
        for file in [
            "docs/INTEGRATIONS.md",
            "docs/METRICS.md",
            "docs/ENVIRONMENT_AND_RUNTIME_CONTRACT.md",
            "docs/reference/findings.md",
            "docs/reference/contracts/plane-webhook.md",
            "schemas/contract.schema.json",
            "schemas/setup-import.v1.schema.json",
            ".env.example",
        ] {
            assert!(root.join(file).is_file(), "{file}: {}", text(&written));
        }
        assert!(docs(&world, &root, &["--check"]).status.success());
        assert!(text(&docs(&world, &root, &[])).contains(" 0 written"), "nothing is written twice");

        let metrics = root.join("docs/METRICS.md");
        let before = std::fs::read_to_string(&metrics).unwrap();
        write(&metrics, &before.replace("HTTP requests answered", "Something else"));
        std::fs::remove_file(root.join(".env.example")).unwrap();
        write(&root.join("schemas/gone.schema.json"), "{}");
        let drifted = docs(&world, &root, &["--check"]);
        assert_eq!(drifted.status.code(), Some(1), "{}", text(&drifted));
        for part in [
            "--- a/docs/METRICS.md",
            "+++ b/docs/METRICS.md",
            "Something else",
            "+++ b/.env.example",
            "--- a/schemas/gone.schema.json",
            "mission-control docs",
        ] {
            assert!(text(&drifted).contains(part), "{part} is missing from\n{}", text(&drifted));
        }
        assert!(std::fs::read_to_string(&metrics).unwrap().contains("Something else"), "--check writes nothing");
        assert!(docs(&world, &root, &[]).status.success());
        assert_eq!(std::fs::read_to_string(&metrics).unwrap(), before);
        assert!(docs(&world, &root, &["--check"]).status.success());
    });
}

#[test]
fn documents_are_the_same_each_time_and_hold_no_value_of_the_environment() {
    run(Kind::Sqlite, |world| async move {
        let (one, other) = (world.folder().join("one"), world.folder().join("other"));
        for (root, secret) in [(&one, None), (&other, Some("canary-6b1d"))] {
            std::fs::create_dir(root).unwrap();
            let contracts = program::repository().join("contracts");
            let mut command = world.command();
            command.args(["docs", "--root", root.to_str().unwrap(), "--contracts", contracts.to_str().unwrap()]);
            command.envs(secret.map(|secret| ("PLANE_WEBHOOK_SECRET", secret)));
            let output = command.output().unwrap();
            assert!(output.status.success() && !text(&output).contains("canary-6b1d"), "{}", text(&output));
        }
        let compared = Command::new("diff").arg("-r").args([&one, &other]).output().unwrap();
        assert!(compared.status.success(), "{}", text(&compared));
    });
}

/// Names of the tests of this program.
fn tests() -> BTreeSet<String> {
    let list = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output().unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Whether a GET of a path is served by a route of the catalog.
fn is_served(catalog: &Catalog, path: &str) -> bool {
    catalog.routes().any(|route| route.method == Method::Get && route.path == path)
}

#[test]
fn every_proof_that_a_contract_cites_exists() {
    run(Kind::Sqlite, |world| async move {
        let (catalog, tests) = (world.catalog(&world.contracts), tests());
        let mut cited = 0;
        for contract in &catalog.contracts {
            for proof in &contract.verify {
                cited += 1;
                let known = match (proof.strip_prefix("cargo test -p black-box "), proof.strip_prefix("GET ")) {
                    (Some(filter), _) => tests.iter().any(|test| test.contains(filter)),
                    (_, Some(path)) => is_served(&catalog, path),
                    _ => false,
                };
                assert!(known, "{} cites `{proof}`, and there is no such test or route", contract.id);
            }
        }
        assert!(cited > 15, "{cited} proofs are cited");
        let mounted = catalog.contracts.iter().filter(|contract| contract.stability != Stability::Planned);
        let unproven: Vec<&String> = mounted.filter(|contract| contract.verify.is_empty()).map(|contract| &contract.id).collect();
        assert!(unproven.is_empty(), "without a proof: {unproven:?}");
    });
}
