//! Lanes and priorities of tasks.

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum $name { $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// Every value in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it, as stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!("`{word}` is none of {}", [$($word,)*].join(", "))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The one lane that a task is in.
    Lane {
        /// Not yet chosen.
        Backlog = "backlog",
        /// Chosen, not begun.
        Ready = "ready",
        /// Begun.
        InProgress = "in_progress",
        /// Waits for review.
        Review = "review",
        /// Cannot go on.
        Blocked = "blocked",
        /// Finished or dropped.
        Done = "done",
    }
}

words! {
    /// Urgency of a task.
    Priority {
        /// Not stated.
        None = "none",
        /// Low.
        Low = "low",
        /// Medium.
        Medium = "medium",
        /// High.
        High = "high",
        /// Urgent.
        Urgent = "urgent",
    }
}
