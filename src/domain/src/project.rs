//! The project: the operator's scope.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Project {
    /// UUIDv7.
    pub id: Uuid,
    /// Short key in upper case; the project answers to it in paths, in any case.
    pub key: ProjectKey,
    /// Title.
    pub title: String,
    /// Created at (RFC 3339, UTC).
    #[schemars(with = "String")]
    pub created_at: Timestamp,
    /// Changed at.
    #[schemars(with = "String")]
    pub updated_at: Timestamp,
}

/// Key of a project: 2 to 24 characters, a letter first, then letters, digits, `_` or `-`; kept in upper case. A key never
/// reads as a task key: it does not end in a hyphen and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectKey(String);

impl ProjectKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let characters = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
        let like_task =
            text.rsplit_once('-').is_some_and(|(_, tail)| tail.is_empty() || tail.bytes().all(|b| b.is_ascii_digit()));
        if !characters || !first || like_task || !(2..=24).contains(&text.len()) {
            return Err(format!(
                "`{}` is not a project key: 2 to 24 letters, digits, `_` or `-`, a letter first, not ending in a hyphen and digits",
                text.chars().take(40).collect::<String>()
            ));
        }
        Ok(Self(text.to_ascii_uppercase()))
    }
}

impl TryFrom<String> for ProjectKey {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ProjectKey> for String {
    fn from(key: ProjectKey) -> Self {
        key.0
    }
}

impl fmt::Display for ProjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn keys_are_kept_in_upper_case() {
        assert_eq!("jhf-pattern".parse::<ProjectKey>().unwrap().as_str(), "JHF-PATTERN");
    }

    #[test]
    fn what_reads_as_something_else_is_no_key() {
        for text in ["", "a", "1ab", "a b", "../..", "eng-1", "eng-", "a123456789012345678901234", "é-x", "a/b"] {
            assert!(text.parse::<ProjectKey>().is_err(), "{text}");
        }
    }
}
