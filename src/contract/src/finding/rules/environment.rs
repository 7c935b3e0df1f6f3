//! Rules about variables.

use crate::finding::{Rule, Severity};

/// `variable-undeclared`.
pub static VARIABLE_UNDECLARED: Rule = Rule {
    code: "MC0701",
    name: "variable-undeclared",
    severity: Severity::Error,
    explanation: "Every variable that a manifest names is declared under `environment` of one contract or of `service.yaml`, so that operators find it in the documents and in `.env.example`.",
};

/// `variable-duplicate`.
pub static VARIABLE_DUPLICATE: Rule = Rule {
    code: "MC0702",
    name: "variable-duplicate",
    severity: Severity::Error,
    explanation: "A variable is declared once: two declarations could say different things.",
};

/// `variable-name`.
pub static VARIABLE_NAME: Rule = Rule {
    code: "MC0703",
    name: "variable-name",
    severity: Severity::Error,
    explanation: "A variable is named in upper case, and not `…_FILE` or `…_PREVIOUS`: these endings belong to the variable before them (a value read from a file, the secret before the current one).",
};

/// `secret-declared-open`.
pub static SECRET_DECLARED_OPEN: Rule = Rule {
    code: "MC0704",
    name: "secret-declared-open",
    severity: Severity::Error,
    explanation: "A variable that holds a secret is declared with `secret: true`; only then is its value kept out of documents and logs.",
};

/// `secret-with-default`.
pub static SECRET_WITH_DEFAULT: Rule = Rule {
    code: "MC0705",
    name: "secret-with-default",
    severity: Severity::Error,
    explanation: "A secret with a default is known to everybody who can read this file. A default that only names a local file (`sqlite://data/app.db`) gives nothing away and is let pass.",
};

/// `default-never-used`.
pub static DEFAULT_NEVER_USED: Rule = Rule {
    code: "MC0706",
    name: "default-never-used",
    severity: Severity::Warning,
    explanation: "A variable that is required has to be set, so its default is never used.",
};
