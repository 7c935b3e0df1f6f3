//! Rules about files, ids, sections and the order of fields.

use crate::finding::{Rule, Severity};

/// `service-missing`.
pub static SERVICE_MISSING: Rule = Rule {
    code: "MC0301",
    name: "service-missing",
    severity: Severity::Error,
    explanation: "`service.yaml` at the top of the folder states what this service is and in which order its sections are published. Without it the contracts belong to nobody.",
};

/// `file-misplaced`.
pub static FILE_MISPLACED: Rule = Rule {
    code: "MC0302",
    name: "file-misplaced",
    severity: Severity::Error,
    explanation: "A YAML file is `service.yaml`, `<section>/<id>.yaml`, `presets/<name>.yaml` or a body below `fixtures/`. Elsewhere nothing reads it. The ending is `.yaml`.",
};

/// `section-unknown`.
pub static SECTION_UNKNOWN: Rule = Rule {
    code: "MC0303",
    name: "section-unknown",
    severity: Severity::Error,
    explanation: "Contracts lie in the folder of their section: `internal external release discovery fabric planned`.",
};

/// `section-untitled`.
pub static SECTION_UNTITLED: Rule = Rule {
    code: "MC0304",
    name: "section-untitled",
    severity: Severity::Error,
    explanation: "`sections` of `service.yaml` gives each section that has contracts its title and its place in the documents.",
};

/// `id-unlike-file`.
pub static ID_UNLIKE_FILE: Rule = Rule {
    code: "MC0305",
    name: "id-unlike-file",
    severity: Severity::Error,
    explanation: "The id of a contract (the name of a preset) is the name of its file, so that either leads to the other.",
};

/// `id-duplicate`.
pub static ID_DUPLICATE: Rule = Rule {
    code: "MC0306",
    name: "id-duplicate",
    severity: Severity::Error,
    explanation: "An id names one contract in the whole folder, whatever its section: it is published, linked to and counted by.",
};

/// `field-order`.
pub static FIELD_ORDER: Rule = Rule {
    code: "MC0307",
    name: "field-order",
    severity: Severity::Warning,
    explanation: "The seven required fields come first among a contract's facts and in the order of the contract format: `direction type surface auth stability versioning owner`. `schema`, `id` and `name` stand before them.",
};

/// `planned-section`.
pub static PLANNED_SECTION: Rule = Rule {
    code: "MC0308",
    name: "planned-section",
    severity: Severity::Error,
    explanation: "A contract whose `stability` is `planned` lies in the section `planned`, and only such contracts do.",
};

/// `planned-mounts`.
pub static PLANNED_MOUNTS: Rule = Rule {
    code: "MC0309",
    name: "planned-mounts",
    severity: Severity::Error,
    explanation: "A planned contract reserves its id and is published as planned. It mounts nothing: its surface is `not implemented` and its auth `not defined yet`.",
};

/// `not-planned`.
pub static NOT_PLANNED: Rule = Rule {
    code: "MC0310",
    name: "not-planned",
    severity: Severity::Error,
    explanation: "`not implemented` and `not defined yet` are words for planned contracts. Any other contract states a surface and how callers prove who they are, if only with `auth: none`.",
};

/// `surface-empty`.
pub static SURFACE_EMPTY: Rule = Rule {
    code: "MC0311",
    name: "surface-empty",
    severity: Severity::Error,
    explanation: "A contract that is not planned has at least one item in its surface: else there is nothing to agree on.",
};

/// `unverified`.
pub static UNVERIFIED: Rule = Rule {
    code: "MC0312",
    name: "unverified",
    severity: Severity::Warning,
    explanation: "A stable contract makes a promise. `verify` names what proves it.",
};
