//! Rules about who is let in and how.

use crate::finding::{Rule, Severity};

/// `route-unguarded`.
pub static ROUTE_UNGUARDED: Rule = Rule {
    code: "MC0501",
    name: "route-unguarded",
    severity: Severity::Error,
    explanation: "Every route has a method that guards it (`secret bearer signature session token`) from itself, its contract or its family, or says `auth: none`. Nothing is open because somebody forgot.",
};

/// `carrier-preferred-in-query`.
pub static CARRIER_PREFERRED_IN_QUERY: Rule = Rule {
    code: "MC0502",
    name: "carrier-preferred-in-query",
    severity: Severity::Error,
    explanation: "A secret in the query string ends up in the logs of everything on the way. It can be accepted as `compatibility` or `legacy`, never preferred. `preferred` is the default, so the status has to be written.",
};

/// `carrier-duplicate`.
pub static CARRIER_DUPLICATE: Rule = Rule {
    code: "MC0503",
    name: "carrier-duplicate",
    severity: Severity::Error,
    explanation: "The first method whose carrier is present decides. A second one with the same carrier would never be asked.",
};

/// `carrier-reserved`.
pub static CARRIER_RESERVED: Rule = Rule {
    code: "MC0504",
    name: "carrier-reserved",
    severity: Severity::Error,
    explanation: "Some headers have a meaning of their own: a token in `Authorization` is `bearer`, one in `Cookie` is `session`, and `Host`, `Content-Length` and the like belong to the transport.",
};

/// `carrier-contradicted`.
pub static CARRIER_CONTRADICTED: Rule = Rule {
    code: "MC0505",
    name: "carrier-contradicted",
    severity: Severity::Error,
    explanation: "A carrier that is deprecated is not the one to use: its status is `compatibility` or `legacy`.",
};

/// `header-name`.
pub static HEADER_NAME: Rule = Rule {
    code: "MC0506",
    name: "header-name",
    severity: Severity::Error,
    explanation: "The name of a header is a token (RFC 9110 section 5.1): letters, digits and ``!#$%&'*+-.^_`|~``.",
};

/// `preset-unknown`.
pub static PRESET_UNKNOWN: Rule = Rule {
    code: "MC0507",
    name: "preset-unknown",
    severity: Severity::Error,
    explanation: "`preset` names a file of `presets/`.",
};

/// `signature-incomplete`.
pub static SIGNATURE_INCOMPLETE: Rule = Rule {
    code: "MC0508",
    name: "signature-incomplete",
    severity: Severity::Error,
    explanation: "A signature needs at least the header that carries it, from a `preset` or from `header`.",
};

/// `signature-payload`.
pub static SIGNATURE_PAYLOAD: Rule = Rule {
    code: "MC0509",
    name: "signature-payload",
    severity: Severity::Error,
    explanation: "`payload` is text with `{body}` and, where they are signed too, `{timestamp}` and `{id}`. It always contains the body.",
};

/// `signature-shape`.
pub static SIGNATURE_SHAPE: Rule = Rule {
    code: "MC0510",
    name: "signature-shape",
    severity: Severity::Error,
    explanation: "`parse` gives the shape of a header with parts, as `t={timestamp},v1={signature}`. `{signature}` is one of them and the parts are separated by one character.",
};

/// `signature-source`.
pub static SIGNATURE_SOURCE: Rule = Rule {
    code: "MC0511",
    name: "signature-source",
    severity: Severity::Error,
    explanation: "What is signed has to be found in the request: `{timestamp}` needs `timestamp.header` or a `parse` with `{timestamp}`, `{id}` needs `id.header`.",
};

/// `timestamp-unbounded`.
pub static TIMESTAMP_UNBOUNDED: Rule = Rule {
    code: "MC0512",
    name: "timestamp-unbounded",
    severity: Severity::Error,
    explanation: "A signed time protects from replays only when it may not be old: `timestamp.tolerance` says how old, as `5m`.",
};

/// `timestamp-unsigned`.
pub static TIMESTAMP_UNSIGNED: Rule = Rule {
    code: "MC0513",
    name: "timestamp-unsigned",
    severity: Severity::Error,
    explanation: "A time that is not part of the signed payload can be changed by anybody, so checking it protects nothing.",
};

/// `guard-without-route`.
pub static GUARD_WITHOUT_ROUTE: Rule = Rule {
    code: "MC0514",
    name: "guard-without-route",
    severity: Severity::Warning,
    explanation: "`secret bearer signature session token` guard routes and tools. This contract has none that they could guard.",
};

/// `credential-unused`.
pub static CREDENTIAL_UNUSED: Rule = Rule {
    code: "MC0515",
    name: "credential-unused",
    severity: Severity::Warning,
    explanation: "`credential` and `connection` say what the far side asks of this service. In an inbound contract there is no far side to be asked by.",
};

/// `credential-twice`.
pub static CREDENTIAL_TWICE: Rule = Rule {
    code: "MC0516",
    name: "credential-twice",
    severity: Severity::Error,
    explanation: "A credential is sent in a `header` or as `bearer`, not both.",
};

/// `auth-twice`.
pub static AUTH_TWICE: Rule = Rule {
    code: "MC0517",
    name: "auth-twice",
    severity: Severity::Error,
    explanation: "The same method with the same credential stands twice; the second is never asked.",
};

/// `auth-empty`.
pub static AUTH_EMPTY: Rule = Rule {
    code: "MC0518",
    name: "auth-empty",
    severity: Severity::Error,
    explanation: "An empty list leaves open what is meant. Write `none` when everybody may call.",
};
