//! The words that documents use for values of the format: durations, sizes, enumerations, deprecations.
//!
//! Everything here is text for people; what programs read is in [`super::discovery`].

use std::time::Duration;

use crate::catalog::{
    Carrier, CarrierPlace, CarrierStatus, ContractType, DeliveryMode, Deprecation, Direction, MacAlgorithm, MacEncoding, Mode,
    Role, Schedule, Scope, Stability, State,
};

pub(super) fn direction(value: Direction) -> &'static str {
    match value {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Bidirectional => "bidirectional",
    }
}

pub(super) fn kind(value: ContractType) -> &'static str {
    match value {
        ContractType::RestApi => "REST API",
        ContractType::Webhook => "webhook",
        ContractType::Callback => "callback",
        ContractType::Mcp => "MCP",
        ContractType::Database => "database contract",
        ContractType::File => "file contract",
        ContractType::Other => "other",
    }
}

pub(super) fn stability(value: Stability) -> &'static str {
    match value {
        Stability::Stable => "stable",
        Stability::Internal => "internal",
        Stability::Experimental => "experimental",
        Stability::Planned => "planned",
    }
}

pub(super) fn mode(value: Mode) -> &'static str {
    match value {
        Mode::ReadOnly => "read-only",
        Mode::ReadWrite => "read-write",
        Mode::Callback => "callback",
        Mode::Control => "control",
        Mode::Auth => "auth",
        Mode::Build => "build",
    }
}

pub(super) fn role(value: Role) -> &'static str {
    match value {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
    }
}

pub(super) fn scope(value: Scope) -> &'static str {
    match value {
        Scope::Read => "read",
        Scope::Write => "write",
        Scope::Admin => "admin",
    }
}

pub(super) fn state(value: State) -> &'static str {
    match value {
        State::Mounted => "mounted",
        State::Unconfigured => "unconfigured",
        State::Declared => "declared",
        State::Planned => "planned",
    }
}

pub(super) fn carrier_status(value: CarrierStatus) -> &'static str {
    match value {
        CarrierStatus::Preferred => "preferred",
        CarrierStatus::Compatibility => "compatibility",
        CarrierStatus::Legacy => "legacy",
    }
}

pub(super) fn place(value: CarrierPlace) -> &'static str {
    match value {
        CarrierPlace::Header => "header",
        CarrierPlace::Query => "query",
        CarrierPlace::Cookie => "cookie",
    }
}

pub(super) fn delivery_mode(value: DeliveryMode) -> &'static str {
    match value {
        DeliveryMode::Durable => "durable",
        DeliveryMode::Sync => "sync",
    }
}

pub(super) fn algorithm(value: MacAlgorithm) -> &'static str {
    match value {
        MacAlgorithm::HmacSha256 => "hmac-sha256",
        MacAlgorithm::HmacSha1 => "hmac-sha1",
        MacAlgorithm::HmacSha512 => "hmac-sha512",
    }
}

pub(super) fn encoding(value: MacEncoding) -> &'static str {
    match value {
        MacEncoding::Hex => "hex",
        MacEncoding::Base64 => "base64",
    }
}

/// `header X-Name`, as deprecations and `use` spell a carrier.
pub(super) fn carrier(value: &Carrier) -> String {
    format!("{} {}", place(value.place), value.name)
}

pub(super) fn schedule(value: &Schedule) -> String {
    match value {
        Schedule::Every(interval) => format!("every {}", duration(*interval)),
        Schedule::Cron(expression) => format!("cron `{expression}` (UTC)"),
    }
}

/// `since 2.0.0, gone after 2027-12-31; use X`.
pub(super) fn deprecation(value: &Deprecation) -> String {
    let mut text = format!("deprecated since {}", value.since);
    if let Some(sunset) = &value.sunset {
        text.push_str(&format!(", served until {sunset}"));
    }
    if let Some(replacement) = &value.replacement {
        text.push_str(&format!(", use {replacement}"));
    }
    text
}

/// A duration as manifests write it: `1h30m`, `45s`, `250ms`.
pub(super) fn duration(value: Duration) -> String {
    let (mut seconds, millis) = (value.as_secs(), value.subsec_millis());
    let mut text = String::new();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if seconds >= length {
            text.push_str(&format!("{}{unit}", seconds / length));
            seconds %= length;
        }
    }
    if millis > 0 {
        text.push_str(&format!("{millis}ms"));
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A number of bytes as manifests write it: `1MiB`, `256KiB`, `100B`.
pub(super) fn bytes(value: u64) -> String {
    match value {
        _ if value > 0 && value.is_multiple_of(1 << 20) => format!("{}MiB", value >> 20),
        _ if value > 0 && value.is_multiple_of(1 << 10) => format!("{}KiB", value >> 10),
        _ => format!("{value}B"),
    }
}

/// Lower-case words joined by `separator`: for keys made of free text.
pub(super) fn slug(text: &str, separator: char) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        match character {
            _ if character.is_ascii_alphanumeric() => slug.push(character.to_ascii_lowercase()),
            _ if slug.is_empty() || slug.ends_with(separator) => {}
            _ => slug.push(separator),
        }
    }
    slug.truncate(slug.trim_end_matches(separator).len());
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_read_as_manifests_write_them() {
        assert_eq!(duration(Duration::from_secs(5_400)), "1h30m");
        assert_eq!(duration(Duration::from_millis(45_250)), "45s250ms");
        assert_eq!(duration(Duration::ZERO), "0s");
        assert_eq!(bytes(1 << 20), "1MiB");
        assert_eq!(bytes(256 << 10), "256KiB");
        assert_eq!(bytes(100), "100B");
        assert_eq!(bytes(0), "0B");
    }

    #[test]
    fn slugs_have_no_separator_at_their_ends() {
        assert_eq!(slug(" What waits, at «Spindle»? ", '-'), "what-waits-at-spindle");
        assert_eq!(slug("/api/v1/*", '_'), "api_v1");
    }
}
