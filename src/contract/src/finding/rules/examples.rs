//! Rules about examples.

use crate::finding::{Rule, Severity};

/// `example-unrouted`.
pub static EXAMPLE_UNROUTED: Rule = Rule {
    code: "MC0901",
    name: "example-unrouted",
    severity: Severity::Error,
    explanation: "An example is executed, so a route of its contract has to answer its method and path.",
};

/// `example-status`.
pub static EXAMPLE_STATUS: Rule = Rule {
    code: "MC0902",
    name: "example-status",
    severity: Severity::Error,
    explanation: "The status that an example expects is one that the engine or the route's handler can answer.",
};

/// `fixture-missing`.
pub static FIXTURE_MISSING: Rule = Rule {
    code: "MC0903",
    name: "fixture-missing",
    severity: Severity::Error,
    explanation: "`body_file` names a file below the contracts folder.",
};

/// `fixture-malformed`.
pub static FIXTURE_MALFORMED: Rule = Rule {
    code: "MC0904",
    name: "fixture-malformed",
    severity: Severity::Error,
    explanation: "A body file that ends in `.json` holds JSON.",
};

/// `example-body-twice`.
pub static EXAMPLE_BODY_TWICE: Rule = Rule {
    code: "MC0905",
    name: "example-body-twice",
    severity: Severity::Error,
    explanation: "An example has its body in place (`body`) or in a file (`body_file`).",
};

/// `example-pointer`.
pub static EXAMPLE_POINTER: Rule = Rule {
    code: "MC0906",
    name: "example-pointer",
    severity: Severity::Error,
    explanation: "What is expected of a body stands under JSON pointers (RFC 6901): empty for the whole body, else each part after a `/`.",
};

/// `example-credential`.
pub static EXAMPLE_CREDENTIAL: Rule = Rule {
    code: "MC0907",
    name: "example-credential",
    severity: Severity::Error,
    explanation: "The engine adds the credentials when it runs an example. Written out, one would be sent twice, and published.",
};

/// `example-duplicate`.
pub static EXAMPLE_DUPLICATE: Rule = Rule {
    code: "MC0908",
    name: "example-duplicate",
    severity: Severity::Error,
    explanation: "Examples are told apart by their names.",
};
