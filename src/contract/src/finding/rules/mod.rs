//! Every rule, grouped by the stage that holds it; a code's hundreds are its stage. Rules that look for something absent are
//! marked in [`ABSENCES`], because they cannot be decided while a file is unreadable.

use super::Rule;

pub mod auth;
pub mod compatibility;
pub mod delivery;
pub mod environment;
pub mod examples;
pub mod handlers;
pub mod identity;
pub mod structure;
pub mod surface;
pub mod text;

/// Every rule by code. A code is never used again for another rule.
pub static RULES: &[&Rule] = &[
    &text::FOLDER_TOO_LARGE,
    &text::FILE_TOO_LARGE,
    &text::NOT_UTF8,
    &text::YAML_SYNTAX,
    &text::EMPTY_DOCUMENT,
    &text::SEVERAL_DOCUMENTS,
    &text::NESTED_TOO_DEEP,
    &text::TOO_MANY_NODES,
    &text::ALIAS_UNKNOWN,
    &text::TAG,
    &text::MERGE_KEY,
    &text::KEY_NOT_TEXT,
    &text::EMPTY_KEY,
    &text::DUPLICATE_KEY,
    &structure::UNKNOWN_KEY,
    &structure::WRONG_TYPE,
    &structure::UNKNOWN_VALUE,
    &structure::MISSING_FIELD,
    &structure::MALFORMED,
    &structure::OUT_OF_RANGE,
    &structure::WRONG_LENGTH,
    &structure::KIND_MISSING,
    &structure::KIND_AMBIGUOUS,
    &structure::KIND_NOT_FIRST,
    &structure::FORMAT_VERSION,
    &identity::SERVICE_MISSING,
    &identity::FILE_MISPLACED,
    &identity::SECTION_UNKNOWN,
    &identity::SECTION_UNTITLED,
    &identity::ID_UNLIKE_FILE,
    &identity::ID_DUPLICATE,
    &identity::FIELD_ORDER,
    &identity::PLANNED_SECTION,
    &identity::PLANNED_MOUNTS,
    &identity::NOT_PLANNED,
    &identity::SURFACE_EMPTY,
    &identity::UNVERIFIED,
    &surface::PATH_MALFORMED,
    &surface::PARAMETER_TWICE,
    &surface::ROUTE_DUPLICATE,
    &surface::ALIAS_COLLIDES,
    &surface::ROUTE_CONFLICT,
    &surface::ROUTE_WITHOUT_METHOD,
    &surface::ALIAS_PARAMETERS,
    &surface::SEE_UNMOUNTED,
    &surface::SEE_OWN_ROUTE,
    &surface::FAMILY_EMPTY,
    &surface::FAMILY_DUPLICATE_AUTH,
    &surface::OUTBOUND_WITHOUT_MEANS,
    &surface::DIRECTION_CONTRADICTED,
    &surface::SCHEDULE,
    &surface::CRON_MALFORMED,
    &surface::TOOL_NAME,
    &surface::TOOL_DUPLICATE,
    &surface::TOOL_WRITES,
    &surface::FILE_MISSING,
    &surface::EVENT_TYPE,
    &surface::SURFACE_TWICE,
    &surface::CALL_BODY_IGNORED,
    &surface::TOOL_UNSERVED,
    &surface::COMMAND_UNKNOWN,
    &surface::TEXT_MISSING,
    &auth::ROUTE_UNGUARDED,
    &auth::CARRIER_PREFERRED_IN_QUERY,
    &auth::CARRIER_DUPLICATE,
    &auth::CARRIER_RESERVED,
    &auth::CARRIER_CONTRADICTED,
    &auth::HEADER_NAME,
    &auth::PRESET_UNKNOWN,
    &auth::SIGNATURE_INCOMPLETE,
    &auth::SIGNATURE_PAYLOAD,
    &auth::SIGNATURE_SHAPE,
    &auth::SIGNATURE_SOURCE,
    &auth::TIMESTAMP_UNBOUNDED,
    &auth::TIMESTAMP_UNSIGNED,
    &auth::GUARD_WITHOUT_ROUTE,
    &auth::CREDENTIAL_UNUSED,
    &auth::CREDENTIAL_TWICE,
    &auth::AUTH_TWICE,
    &auth::AUTH_EMPTY,
    &handlers::HANDLER_UNKNOWN,
    &handlers::WITH_UNFIT,
    &handlers::WITH_UNEXPECTED,
    &handlers::TEMPLATE_INVALID,
    &handlers::TEMPLATE_PARAMETER,
    &handlers::PARAMETER_MISSING,
    &handlers::FORWARD_TARGET,
    &environment::VARIABLE_UNDECLARED,
    &environment::VARIABLE_DUPLICATE,
    &environment::VARIABLE_NAME,
    &environment::SECRET_DECLARED_OPEN,
    &environment::SECRET_WITH_DEFAULT,
    &environment::DEFAULT_NEVER_USED,
    &delivery::DURATION_MALFORMED,
    &delivery::SIZE_MALFORMED,
    &delivery::RATE_MALFORMED,
    &delivery::DURABLE_READ,
    &delivery::KEY_MALFORMED,
    &delivery::RETRY_ORDER,
    &delivery::RESPOND_UNUSED,
    &examples::EXAMPLE_UNROUTED,
    &examples::EXAMPLE_STATUS,
    &examples::FIXTURE_MISSING,
    &examples::FIXTURE_MALFORMED,
    &examples::EXAMPLE_BODY_TWICE,
    &examples::EXAMPLE_POINTER,
    &examples::EXAMPLE_CREDENTIAL,
    &examples::EXAMPLE_DUPLICATE,
    &compatibility::SINCE_MALFORMED,
    &compatibility::SUNSET_MALFORMED,
    &compatibility::SUNSET_BEFORE_SINCE,
    &compatibility::SUNSET_PAST,
    &compatibility::USE_UNKNOWN,
];

/// Rules that are broken by something not being there: while a file cannot be read whole, it may be in that file.
pub static ABSENCES: &[&Rule] = &[
    &auth::GUARD_WITHOUT_ROUTE,
    &auth::PRESET_UNKNOWN,
    &auth::ROUTE_UNGUARDED,
    &auth::SIGNATURE_INCOMPLETE,
    &auth::SIGNATURE_SOURCE,
    &auth::TIMESTAMP_UNBOUNDED,
    &compatibility::USE_UNKNOWN,
    &environment::VARIABLE_UNDECLARED,
    &examples::EXAMPLE_UNROUTED,
    &handlers::FORWARD_TARGET,
    &handlers::PARAMETER_MISSING,
    &handlers::WITH_UNFIT,
    &identity::SECTION_UNTITLED,
    &identity::SERVICE_MISSING,
    &identity::SURFACE_EMPTY,
    &identity::UNVERIFIED,
    &surface::FAMILY_EMPTY,
    &surface::OUTBOUND_WITHOUT_MEANS,
    &surface::ROUTE_WITHOUT_METHOD,
    &surface::SCHEDULE,
    &surface::SEE_UNMOUNTED,
    &surface::TOOL_WRITES,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rules_are_sorted_unique_and_documented() {
        assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code), "sort the list by code");
        let names: HashSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len(), "two rules share a name");
        for rule in RULES {
            assert!(rule.code.len() == 6 && rule.code.starts_with("MC"), "{}", rule.code);
            assert!(rule.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
            assert!(rule.explanation.len() > 30 && rule.explanation.ends_with('.'), "{} says too little", rule.code);
        }
    }
}
