//! Rules about paths, calls, jobs, tools, files and the direction they make.

use crate::finding::{Rule, Severity};

/// `path-malformed`.
pub static PATH_MALFORMED: Rule = Rule {
    code: "MC0401",
    name: "path-malformed",
    severity: Severity::Error,
    explanation: "A path is `/` and segments joined by `/`, each either plain characters or one parameter in braces (`{task_key}`). A segment that starts with `:` or `*`, an empty one and a trailing `/` mean other things to other routers.",
};

/// `parameter-twice`.
pub static PARAMETER_TWICE: Rule = Rule {
    code: "MC0402",
    name: "parameter-twice",
    severity: Severity::Error,
    explanation: "A name stands for one segment of a path: with two of them nobody could say which is meant.",
};

/// `route-duplicate`.
pub static ROUTE_DUPLICATE: Rule = Rule {
    code: "MC0403",
    name: "route-duplicate",
    severity: Severity::Error,
    explanation: "A method on a path is mounted once. Paths are compared by shape: `/a/{x}` and `/a/{y}` are the same place.",
};

/// `alias-collides`.
pub static ALIAS_COLLIDES: Rule = Rule {
    code: "MC0404",
    name: "alias-collides",
    severity: Severity::Error,
    explanation: "An alias is a route of its own, so it cannot lie where another route or alias lies.",
};

/// `route-conflict`.
pub static ROUTE_CONFLICT: Rule = Rule {
    code: "MC0405",
    name: "route-conflict",
    severity: Severity::Error,
    explanation: "One place has one spelling. `/a/{x}` for one method and `/a/{y}` for another cannot be mounted together, nor documented as one path.",
};

/// `route-without-method`.
pub static ROUTE_WITHOUT_METHOD: Rule = Rule {
    code: "MC0406",
    name: "route-without-method",
    severity: Severity::Error,
    explanation: "A route names a handler for at least one of `get post put patch delete`; otherwise nothing answers there.",
};

/// `alias-parameters`.
pub static ALIAS_PARAMETERS: Rule = Rule {
    code: "MC0407",
    name: "alias-parameters",
    severity: Severity::Error,
    explanation: "An alias leads to the same handlers, so it has the same parameters as its route.",
};

/// `see-unmounted`.
pub static SEE_UNMOUNTED: Rule = Rule {
    code: "MC0408",
    name: "see-unmounted",
    severity: Severity::Error,
    explanation: "`see` points at a route that another contract mounts. Nobody mounts this one.",
};

/// `see-own-route`.
pub static SEE_OWN_ROUTE: Rule = Rule {
    code: "MC0409",
    name: "see-own-route",
    severity: Severity::Warning,
    explanation: "`see` is for the routes of other contracts. This contract mounts the route itself, so the item says nothing new.",
};

/// `family-empty`.
pub static FAMILY_EMPTY: Rule = Rule {
    code: "MC0410",
    name: "family-empty",
    severity: Severity::Error,
    explanation: "A route family is published with the routes found below it. Below this one there are none.",
};

/// `family-auth-twice`.
pub static FAMILY_DUPLICATE_AUTH: Rule = Rule {
    code: "MC0411",
    name: "family-auth-twice",
    severity: Severity::Error,
    explanation: "Two contracts state an auth for the same family, so it would be left to chance which one guards its routes.",
};

/// `outbound-without-means`.
pub static OUTBOUND_WITHOUT_MEANS: Rule = Rule {
    code: "MC0412",
    name: "outbound-without-means",
    severity: Severity::Error,
    explanation: "An outbound contract reaches the far side through a `call`, a `job`, an `env` or a `script`. Without one it does nothing.",
};

/// `direction-contradicted`.
pub static DIRECTION_CONTRADICTED: Rule = Rule {
    code: "MC0413",
    name: "direction-contradicted",
    severity: Severity::Error,
    explanation: "An outbound contract mounts no routes and an inbound one makes no calls. A contract that does both is `bidirectional`.",
};

/// `schedule-unclear`.
pub static SCHEDULE: Rule = Rule {
    code: "MC0414",
    name: "schedule-unclear",
    severity: Severity::Error,
    explanation: "A job runs `every` so many full seconds or by a `cron` expression: one of the two.",
};

/// `cron-malformed`.
pub static CRON_MALFORMED: Rule = Rule {
    code: "MC0415",
    name: "cron-malformed",
    severity: Severity::Error,
    explanation: "A cron expression has five fields (minute, hour, day of month, month, day of week), each `*`, a number, a range, a list or a step, within its bounds. Times are UTC.",
};

/// `tool-name`.
pub static TOOL_NAME: Rule = Rule {
    code: "MC0416",
    name: "tool-name",
    severity: Severity::Error,
    explanation: "The name of a tool has at most 64 characters out of letters, digits, `_` and `-`: clients refuse others.",
};

/// `tool-duplicate`.
pub static TOOL_DUPLICATE: Rule = Rule {
    code: "MC0417",
    name: "tool-duplicate",
    severity: Severity::Error,
    explanation: "A tool is known to its clients by its name alone, so a name stands for one tool.",
};

/// `tool-writes`.
pub static TOOL_WRITES: Rule = Rule {
    code: "MC0418",
    name: "tool-writes",
    severity: Severity::Error,
    explanation: "A tool whose handler changes state says `writes: true`; that keeps it away from read-only tokens. A tool that only reads does not say so.",
};

/// `file-missing`.
pub static FILE_MISSING: Rule = Rule {
    code: "MC0419",
    name: "file-missing",
    severity: Severity::Error,
    explanation: "A `file`, `script`, `migrations` or `version_from` names something in the repository that is not there. Files marked `generated` may still have to be written.",
};

/// `event-type`.
pub static EVENT_TYPE: Rule = Rule {
    code: "MC0420",
    name: "event-type",
    severity: Severity::Error,
    explanation: "An event type is words joined by dots, optionally ending in `*`: `task.moved`, `task.*`.",
};

/// `surface-twice`.
pub static SURFACE_TWICE: Rule = Rule {
    code: "MC0421",
    name: "surface-twice",
    severity: Severity::Warning,
    explanation: "The same item stands twice in a surface, so it would be published twice.",
};

/// `call-body-ignored`.
pub static CALL_BODY_IGNORED: Rule = Rule {
    code: "MC0422",
    name: "call-body-ignored",
    severity: Severity::Warning,
    explanation: "A GET request has no body, so the template of this call is never sent.",
};

/// `tool-unserved`.
pub static TOOL_UNSERVED: Rule = Rule {
    code: "MC0423",
    name: "tool-unserved",
    severity: Severity::Warning,
    explanation: "This release has no MCP server, so a `tool` is published and nothing runs it.",
};

/// `command-unknown`.
pub static COMMAND_UNKNOWN: Rule = Rule {
    code: "MC0424",
    name: "command-unknown",
    severity: Severity::Error,
    explanation: "A `command` is a program of this package, which has one: `mission-control`.",
};

/// `text-missing`.
pub static TEXT_MISSING: Rule = Rule {
    code: "MC0425",
    name: "text-missing",
    severity: Severity::Error,
    explanation: "Every file that a `file` item names has to contain each of its `must_contain` texts. Of a file its first MiB is read; a generated file that is not written yet is passed over.",
};
