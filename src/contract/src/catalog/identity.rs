//! Who this service is, which contracts there are and in which order: files against ids, sections, the order of fields and
//! what a planned contract may say.

use std::collections::HashMap;

use indexmap::IndexMap;

use super::{Service, Stability, Stage};
use crate::{
    finding::{
        Finding, did_you_mean,
        rules::identity::{
            FIELD_ORDER, ID_DUPLICATE, ID_UNLIKE_FILE, NOT_PLANNED, PLANNED_MOUNTS, PLANNED_SECTION, SECTION_UNKNOWN,
            SECTION_UNTITLED, SERVICE_MISSING, SURFACE_EMPTY, UNVERIFIED,
        },
    },
    manifest::{
        Document, Documents,
        model::{Auth, AuthWord, Manifest, Surface, SurfaceItem},
        node::Cursor,
    },
};

/// The sections that there can be, in their usual order.
pub(super) const SECTIONS: [&str; 6] = ["internal", "external", "release", "discovery", "fabric", "planned"];

/// The fields of a manifest in the order of the contract format.
const ORDER: [&str; 10] = ["schema", "id", "name", "direction", "type", "surface", "auth", "stability", "versioning", "owner"];

/// The service and its contracts.
pub(super) struct Identity<'a> {
    pub(super) service: Service,
    /// In the order in which they are published.
    pub(super) contracts: Vec<Source<'a>>,
}

/// A contract as it was written.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) section: &'a str,
    pub(super) document: &'a Document<Manifest>,
}

impl<'a> Source<'a> {
    pub(super) fn manifest(&self) -> &'a Manifest {
        &self.document.value
    }

    pub(super) fn cursor(&self) -> Cursor<'a> {
        self.document.cursor()
    }

    /// The items of the surface with their places; none when it is not implemented.
    pub(super) fn items(&self) -> impl Iterator<Item = (usize, &'a SurfaceItem, Cursor<'a>)> {
        let items = match &self.document.value.surface {
            Surface::Items(items) => items.as_slice(),
            Surface::NotImplemented(_) => &[],
        };
        let at = self.cursor().key("surface");
        items.iter().enumerate().map(move |(position, item)| (position, item, at.index(position)))
    }
}

pub(super) fn resolve<'a>(documents: &'a Documents, version: &str) -> Stage<Identity<'a>> {
    let mut findings = Vec::new();
    let service = service(documents, version, &mut findings);
    let mut contracts: Vec<Source<'a>> = documents.contracts.iter().map(source).collect();
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for contract in &contracts {
        section(contract, &service.sections, &mut findings);
        id(contract, &mut seen, &mut findings);
        order(contract, &mut findings);
        planned(contract, &mut findings);
        if contract.manifest().stability == Stability::Stable && contract.manifest().verify.is_empty() {
            let message = format!("`{}` is stable, and nothing proves it", contract.manifest().id);
            let finding = Finding::new(&UNVERIFIED, message).at(contract.cursor().key("stability").place());
            findings.push(finding.help("name a test or an endpoint under `verify`"));
        }
    }
    presets(documents, &mut findings);
    let rank = |contract: &Source<'_>| service.sections.get_index_of(contract.section).unwrap_or(usize::MAX);
    contracts.sort_by(|left, right| (rank(left), &left.manifest().id).cmp(&(rank(right), &right.manifest().id)));
    (Identity { service, contracts }, findings)
}

fn source(document: &Document<Manifest>) -> Source<'_> {
    Source { section: document.file.split('/').next().unwrap_or_default(), document }
}

fn service(documents: &Documents, version: &str, findings: &mut Vec<Finding>) -> Service {
    let Some(document) = &documents.service else {
        let finding = Finding::new(&SERVICE_MISSING, "there is no `service.yaml` in this folder");
        let help = "it says who the service is: `schema service title description owner license roles provides excludes sections`; \
                    copy the one of Mission Control's own contracts folder and make it yours";
        findings.push(finding.help(help));
        return Service { version: version.to_owned(), ..Service::default() };
    };
    let at = document.cursor().key("sections");
    for section in document.value.sections.keys() {
        if !SECTIONS.contains(&section.as_str()) {
            let message = format!("`{section}` is not a section");
            let finding = Finding::new(&SECTION_UNKNOWN, message).at(at.place_of_key(section));
            findings.push(finding.help(did_you_mean(section, SECTIONS).unwrap_or_else(sections)));
        }
    }
    let value = document.value.clone();
    Service {
        name: value.service,
        title: value.title,
        description: value.description,
        version: version.to_owned(),
        owner: value.owner,
        license: value.license,
        homepage: value.homepage,
        roles: value.roles,
        control_plane: value.control_plane,
        provides: value.provides,
        excludes: value.excludes,
        sections: value.sections,
    }
}

fn sections() -> String {
    format!("the sections are {}", SECTIONS.join(", "))
}

fn section(contract: &Source<'_>, titled: &IndexMap<String, String>, findings: &mut Vec<Finding>) {
    let section = contract.section;
    let place = contract.cursor().key("id").place();
    if !SECTIONS.contains(&section) {
        let message = format!("`{section}` is not a section, so nothing publishes the contract in it");
        let help = did_you_mean(section, SECTIONS).unwrap_or_else(sections);
        findings.push(Finding::new(&SECTION_UNKNOWN, message).at(place).help(help));
        return;
    }
    if !titled.is_empty() && !titled.contains_key(section) {
        let message = format!("the section `{section}` has no title in `service.yaml`");
        findings
            .push(Finding::new(&SECTION_UNTITLED, message).at(place.clone()).help(format!("add `{section}:` to its `sections`")));
    }
    let planned = contract.manifest().stability == Stability::Planned;
    if planned != (section == "planned") {
        let place = contract.cursor().key("stability").place();
        let (message, help) = if planned {
            (format!("a planned contract lies in the section `{section}`"), "move the file to `planned/`")
        } else {
            ("a contract that is not planned lies in the section `planned`".to_owned(), "move the file to its section")
        };
        findings.push(Finding::new(&PLANNED_SECTION, message).at(place).help(help));
    }
}

fn id<'a>(contract: &Source<'a>, seen: &mut HashMap<&'a str, &'a str>, findings: &mut Vec<Finding>) {
    let (id, file) = (contract.manifest().id.as_str(), contract.document.file.as_str());
    let place = contract.cursor().key("id").place();
    if Some(id) != stem(file) {
        let message = format!("the id `{id}` is not the name of its file");
        let help = format!("name the file `{}/{id}.yaml`, or change the id", contract.section);
        findings.push(Finding::new(&ID_UNLIKE_FILE, message).at(place.clone()).help(help));
    }
    if let Some(other) = seen.insert(id, file) {
        let message = format!("the id `{id}` is also that of `{other}`");
        findings.push(Finding::new(&ID_DUPLICATE, message).at(place));
    }
}

fn stem(file: &str) -> Option<&str> {
    file.rsplit('/').next()?.strip_suffix(".yaml")
}

fn presets(documents: &Documents, findings: &mut Vec<Finding>) {
    for preset in &documents.presets {
        let name = preset.value.name.as_str();
        if Some(name) != stem(&preset.file) {
            let message = format!("the name `{name}` is not the name of its file");
            let finding = Finding::new(&ID_UNLIKE_FILE, message).at(preset.cursor().key("name").place());
            findings.push(finding.help(format!("name the file `presets/{name}.yaml`, or change the name")));
        }
    }
}

/// Reports the first field that stands before one that it should follow.
fn order(contract: &Source<'_>, findings: &mut Vec<Finding>) {
    let rank = |key: &str| ORDER.iter().position(|field| *field == key).unwrap_or(ORDER.len());
    let mut furthest: Option<(&str, usize)> = None;
    for entry in contract.document.root.entries() {
        let rank = rank(&entry.key);
        match furthest {
            Some((before, reached)) if rank < reached => {
                let message = format!("`{}` stands after `{before}`", entry.key);
                let place = contract.cursor().place_of_key(&entry.key);
                let help = format!("the order is {}", ORDER.join(", "));
                findings.push(Finding::new(&FIELD_ORDER, message).at(place).help(help));
                return;
            }
            _ => furthest = Some((&entry.key, rank)),
        }
    }
}

fn planned(contract: &Source<'_>, findings: &mut Vec<Finding>) {
    let manifest = contract.manifest();
    let undefined = matches!(manifest.auth, Auth::Word(AuthWord::NotDefinedYet));
    let unimplemented = matches!(manifest.surface, Surface::NotImplemented(_));
    let at = contract.cursor();
    if manifest.stability == Stability::Planned {
        if !unimplemented {
            let finding = Finding::new(&PLANNED_MOUNTS, "a planned contract has a surface").at(at.key("surface").key_place());
            findings.push(finding.help("write `surface: not implemented`, or change the stability"));
        }
        if !undefined {
            let finding = Finding::new(&PLANNED_MOUNTS, "a planned contract has an auth").at(at.key("auth").key_place());
            findings.push(finding.help("write `auth: not defined yet`, or change the stability"));
        }
        return;
    }
    if unimplemented {
        let message = "the surface of a contract that is not planned is `not implemented`";
        let finding = Finding::new(&NOT_PLANNED, message).at(at.key("surface").place());
        findings.push(finding.help("list what it mounts and calls, or write `stability: planned`"));
    }
    if undefined {
        let message = "the auth of a contract that is not planned is `not defined yet`";
        let finding = Finding::new(&NOT_PLANNED, message).at(at.key("auth").place());
        findings.push(finding.help("list its methods, or write `auth: none` when everybody may call"));
    }
    if matches!(&manifest.surface, Surface::Items(items) if items.is_empty()) {
        findings.push(Finding::new(&SURFACE_EMPTY, "the surface is empty").at(at.key("surface").place()));
    }
}
