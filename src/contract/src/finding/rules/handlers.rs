//! Rules about handlers and their settings.

use crate::finding::{Rule, Severity};

/// `handler-unknown`.
pub static HANDLER_UNKNOWN: Rule = Rule {
    code: "MC0601",
    name: "handler-unknown",
    severity: Severity::Error,
    explanation: "A handler is registered by name in this build; `mission-control handlers` lists them.",
};

/// `with-unfit`.
pub static WITH_UNFIT: Rule = Rule {
    code: "MC0602",
    name: "with-unfit",
    severity: Severity::Error,
    explanation: "The settings under `with` have to fit the schema that the handler states. A string with a template in it may turn into anything, so only the rest is held to the schema.",
};

/// `with-unexpected`.
pub static WITH_UNEXPECTED: Rule = Rule {
    code: "MC0603",
    name: "with-unexpected",
    severity: Severity::Error,
    explanation: "The handler takes no settings, so nothing would read what stands under `with`.",
};

/// `template-invalid`.
pub static TEMPLATE_INVALID: Rule = Rule {
    code: "MC0604",
    name: "template-invalid",
    severity: Severity::Error,
    explanation: "A string in settings is a MiniJinja template over `body headers query path contract now` (in the body of a call: `event contract now`). It has to parse, it cannot name what does not exist (a filter, a test, a member of `contract` other than `id` and `name`), and it has no `*`, `**` and `tojson` with an indent, by which a request could fill the memory.",
};

/// `template-parameter`.
pub static TEMPLATE_PARAMETER: Rule = Rule {
    code: "MC0605",
    name: "template-parameter",
    severity: Severity::Error,
    explanation: "`path.NAME` in a template is a parameter of the route's path.",
};

/// `parameter-missing`.
pub static PARAMETER_MISSING: Rule = Rule {
    code: "MC0606",
    name: "parameter-missing",
    severity: Severity::Error,
    explanation: "The handler needs a path parameter that the path does not have.",
};

/// `forward-target`.
pub static FORWARD_TARGET: Rule = Rule {
    code: "MC0607",
    name: "forward-target",
    severity: Severity::Error,
    explanation: "`engine.forward` relays to a `call` of a contract: of its own, or of the one that `contract` names, and of several to the one whose variable `call` names. They have to exist.",
};
