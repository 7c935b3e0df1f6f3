//! Files as typed documents: which file is what, each parsed, checked and decoded by itself. A file that cannot be read
//! hides nothing of the others.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;

use super::{
    folder::{Folder, MAX_BYTES, MAX_DEPTH, MAX_FILES, MAX_FIXTURE, is_yaml, limit_of},
    model::{Manifest, Preset, ServiceManifest},
    node::{Cursor, Node},
    parallel,
    schema::{preset_schema, schema, service_schema},
    structure::Structure,
    yaml::{self, start_of},
};
use crate::finding::{
    Finding,
    rules::{
        identity::FILE_MISPLACED,
        structure::WRONG_TYPE,
        text::{FILE_TOO_LARGE, FOLDER_TOO_LARGE},
    },
};

/// A file, understood.
#[derive(Debug)]
pub struct Document<T> {
    /// Path below the contracts folder.
    pub file: String,
    /// The text as a tree with places.
    pub root: Node,
    /// What it says; parts that do not fit the schema are left out.
    pub value: T,
}

impl<T> Document<T> {
    /// At the root of the document.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(&self.file, &self.root)
    }
}

/// Everything in a folder.
#[derive(Debug, Default)]
pub struct Documents {
    /// `service.yaml`.
    pub service: Option<Document<ServiceManifest>>,
    /// `presets/*.yaml`.
    pub presets: Vec<Document<Preset>>,
    /// `<section>/<id>.yaml`, by path.
    pub contracts: Vec<Document<Manifest>>,
    /// Whether something could not be read whole, so that what seems absent may only be unreadable.
    pub incomplete: bool,
}

/// The folder of presets.
pub const PRESETS: &str = "presets";
/// The folder of bodies.
pub const FIXTURES: &str = "fixtures";
/// The file that names the service.
pub const SERVICE: &str = "service.yaml";

static CONTRACT: LazyLock<Structure> = LazyLock::new(|| Structure::new(&schema()));
static SERVICE_STRUCTURE: LazyLock<Structure> = LazyLock::new(|| Structure::new(&service_schema()));
static PRESET: LazyLock<Structure> = LazyLock::new(|| Structure::new(&preset_schema()));

/// Reads every file of a folder.
pub fn load(folder: &Folder) -> (Documents, Vec<Finding>) {
    let mut documents = Documents::default();
    let mut findings = Vec::new();
    if folder.files.len() > MAX_FILES {
        let message = format!("the folder has more than {MAX_FILES} files; nothing was read");
        documents.incomplete = true;
        return (documents, vec![Finding::new(&FOLDER_TOO_LARGE, message)]);
    }
    if folder.size() > MAX_BYTES {
        let message =
            format!("the files of the folder have more than {} MiB together; nothing was read", MAX_BYTES / (1024 * 1024));
        documents.incomplete = true;
        return (documents, vec![Finding::new(&FOLDER_TOO_LARGE, message)]);
    }
    let mut contracts: Vec<(&str, &[u8])> = Vec::new();
    for (file, bytes) in &folder.files {
        let parts: Vec<&str> = file.split('/').collect();
        if parts.len() > MAX_DEPTH + 1 {
            let message = format!("`{file}` lies more than {MAX_DEPTH} folders deep");
            findings.push(Finding::new(&FOLDER_TOO_LARGE, message));
            continue;
        }
        match parts.as_slice() {
            [FIXTURES, ..] => findings.extend(check_fixture(file, bytes)),
            [SERVICE] => documents.service = read(file, bytes, &SERVICE_STRUCTURE).take(&mut documents.incomplete, &mut findings),
            [PRESETS, name] if name.ends_with(".yaml") => {
                let preset = read(file, bytes, &PRESET).take(&mut documents.incomplete, &mut findings);
                documents.presets.extend(preset);
            }
            [_, name] if name.ends_with(".yaml") => contracts.push((file, bytes)),
            _ if is_yaml(file) => findings.push(misplaced(file)),
            _ => {}
        }
    }
    for contract in parallel::map(&contracts, |(file, bytes)| read::<Manifest>(file, bytes, &CONTRACT)) {
        let contract = contract.take(&mut documents.incomplete, &mut findings);
        documents.contracts.extend(contract);
    }
    (documents, findings)
}

fn check_fixture(file: &str, bytes: &[u8]) -> Option<Finding> {
    (bytes.len() > limit_of(file).max(MAX_FIXTURE)).then(|| {
        let message = format!("the file is larger than {} KiB", MAX_FIXTURE / 1024);
        Finding::new(&FILE_TOO_LARGE, message).at(start_of(file))
    })
}

fn misplaced(file: &str) -> Finding {
    let finding = Finding::new(&FILE_MISPLACED, format!("nothing reads `{file}` here")).at(start_of(file));
    if file.ends_with(".yml") {
        return finding.help("name it `.yaml`");
    }
    finding.help("a contract lies in the folder of its section, as `external/<id>.yaml`")
}

/// A file that was read, as far as it could be.
struct Reading<T> {
    document: Option<Document<T>>,
    findings: Vec<Finding>,
}

impl<T> Reading<T> {
    fn take(self, incomplete: &mut bool, findings: &mut Vec<Finding>) -> Option<Document<T>> {
        *incomplete |= self.findings.iter().any(Finding::is_error);
        findings.extend(self.findings);
        self.document
    }
}

fn read<T: DeserializeOwned>(file: &str, bytes: &[u8], structure: &Structure) -> Reading<T> {
    let (root, mut findings) = yaml::parse(file, bytes);
    let Some(root) = root else { return Reading { document: None, findings } };
    let (value, problems) = structure.check(Cursor::new(file, &root));
    findings.extend(problems);
    // What passes the schema decodes; should the two ever disagree, that is said, not hidden.
    let document = match value.map(T::deserialize) {
        None => None,
        Some(Ok(value)) => Some(Document { file: file.to_owned(), root, value }),
        Some(Err(error)) => {
            let message = format!("the document cannot be understood: {error}");
            findings.push(Finding::new(&WRONG_TYPE, message).at(start_of(file)));
            None
        }
    };
    Reading { document, findings }
}
