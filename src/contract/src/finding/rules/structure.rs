//! Rules about the shape of a document: what the JSON Schema says of each field.

use crate::finding::{Rule, Severity};

/// `unknown-key`.
pub static UNKNOWN_KEY: Rule = Rule {
    code: "MC0201",
    name: "unknown-key",
    severity: Severity::Error,
    explanation: "The format knows every key that it takes; another one is most often misspelt, and would change nothing while its author believes that it does.",
};

/// `wrong-type`.
pub static WRONG_TYPE: Rule = Rule {
    code: "MC0202",
    name: "wrong-type",
    severity: Severity::Error,
    explanation: "The value is of another kind than the field takes. Text that looks like a number or a boolean has to stand in quotes; a field that is not needed is left out, not left empty.",
};

/// `unknown-value`.
pub static UNKNOWN_VALUE: Rule =
    Rule { code: "MC0203", name: "unknown-value", severity: Severity::Error, explanation: "The field takes one of a few words." };

/// `missing-field`.
pub static MISSING_FIELD: Rule = Rule {
    code: "MC0204",
    name: "missing-field",
    severity: Severity::Error,
    explanation: "A required field is not there. The seven fields that every contract states are `direction type surface auth stability versioning owner`.",
};

/// `malformed`.
pub static MALFORMED: Rule = Rule {
    code: "MC0205",
    name: "malformed",
    severity: Severity::Error,
    explanation: "The text does not have the form that the field asks for: an id is lower-case words joined by hyphens, a variable is upper-case, a path starts with `/`.",
};

/// `out-of-range`.
pub static OUT_OF_RANGE: Rule = Rule {
    code: "MC0206",
    name: "out-of-range",
    severity: Severity::Error,
    explanation: "The number is smaller or larger than the field takes.",
};

/// `wrong-length`.
pub static WRONG_LENGTH: Rule = Rule {
    code: "MC0207",
    name: "wrong-length",
    severity: Severity::Error,
    explanation: "The text or the list is shorter or longer than the field takes; a text that is empty says nothing.",
};

/// `kind-missing`.
pub static KIND_MISSING: Rule = Rule {
    code: "MC0208",
    name: "kind-missing",
    severity: Severity::Error,
    explanation: "An item of a surface, a method of auth and a carrier are told apart by their first key: `route`, `call`, `secret`, `header`, … An item without any of them cannot be read.",
};

/// `kind-ambiguous`.
pub static KIND_AMBIGUOUS: Rule = Rule {
    code: "MC0209",
    name: "kind-ambiguous",
    severity: Severity::Error,
    explanation: "An item is one thing: it has exactly one of the keys that say a kind. Write two items.",
};

/// `kind-not-first`.
pub static KIND_NOT_FIRST: Rule = Rule {
    code: "MC0210",
    name: "kind-not-first",
    severity: Severity::Warning,
    explanation: "The key that says the kind of an item comes first, so that a reader knows at once what the item is.",
};

/// `format-version`.
pub static FORMAT_VERSION: Rule = Rule {
    code: "MC0211",
    name: "format-version",
    severity: Severity::Error,
    explanation: "`schema` names the version of the manifest format. This build reads version 1.",
};
