//! Rules about deprecations.

use crate::finding::{Rule, Severity};

/// `since-malformed`.
pub static SINCE_MALFORMED: Rule = Rule {
    code: "MC1001",
    name: "since-malformed",
    severity: Severity::Error,
    explanation: "`since` is a product version (`2.0.0`) or a date (`2026-11-01`).",
};

/// `sunset-malformed`.
pub static SUNSET_MALFORMED: Rule = Rule {
    code: "MC1002",
    name: "sunset-malformed",
    severity: Severity::Error,
    explanation: "`sunset` is a day that exists, as `2027-12-31`.",
};

/// `sunset-before-since`.
pub static SUNSET_BEFORE_SINCE: Rule = Rule {
    code: "MC1003",
    name: "sunset-before-since",
    severity: Severity::Error,
    explanation: "Something is deprecated first and goes afterwards.",
};

/// `sunset-past`.
pub static SUNSET_PAST: Rule = Rule {
    code: "MC1004",
    name: "sunset-past",
    severity: Severity::Error,
    explanation: "The last day of service has passed: take it out, or give it more time and say so.",
};

/// `use-unknown`.
pub static USE_UNKNOWN: Rule = Rule {
    code: "MC1005",
    name: "use-unknown",
    severity: Severity::Warning,
    explanation: "`use` says what to use instead. A path that is written there should be mounted.",
};
