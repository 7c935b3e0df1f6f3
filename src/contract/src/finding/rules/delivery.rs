//! Rules about delivery and limits.

use crate::finding::{Rule, Severity};

/// `duration-malformed`.
pub static DURATION_MALFORMED: Rule = Rule {
    code: "MC0801",
    name: "duration-malformed",
    severity: Severity::Error,
    explanation: "A duration is numbers with units, largest first: `250ms`, `45s`, `15m`, `1h30m`, `7d`. It is longer than nothing.",
};

/// `size-malformed`.
pub static SIZE_MALFORMED: Rule = Rule {
    code: "MC0802",
    name: "size-malformed",
    severity: Severity::Error,
    explanation: "A size is a number with a unit: `512B`, `256KiB`, `1MiB`. It is more than nothing.",
};

/// `rate-malformed`.
pub static RATE_MALFORMED: Rule = Rule {
    code: "MC0803",
    name: "rate-malformed",
    severity: Severity::Error,
    explanation: "A rate is a count and a period: `120/1m`.",
};

/// `durable-read`.
pub static DURABLE_READ: Rule = Rule {
    code: "MC0804",
    name: "durable-read",
    severity: Severity::Error,
    explanation: "A durable delivery is answered before its handler runs. A read has nothing to store, and its caller waits for the answer: `sync`.",
};

/// `key-malformed`.
pub static KEY_MALFORMED: Rule = Rule {
    code: "MC0805",
    name: "key-malformed",
    severity: Severity::Error,
    explanation: "The key of a delivery is `header.NAME`, `query.NAME`, `path.NAME`, `body.FIELD.FIELD` or a template with `{{ }}`, over what the request has.",
};

/// `retry-order`.
pub static RETRY_ORDER: Rule = Rule {
    code: "MC0806",
    name: "retry-order",
    severity: Severity::Error,
    explanation: "The delays between attempts grow from `first` to `max`.",
};

/// `respond-unused`.
pub static RESPOND_UNUSED: Rule = Rule {
    code: "MC0807",
    name: "respond-unused",
    severity: Severity::Warning,
    explanation: "`respond` is the status of the answer to a durable delivery. This one is `sync`: its handler gives the answer.",
};
