//! Rules about files and YAML, before anything is known of the format.

use crate::finding::{Rule, Severity};

/// `folder-too-large`.
pub static FOLDER_TOO_LARGE: Rule = Rule {
    code: "MC0101",
    name: "folder-too-large",
    severity: Severity::Error,
    explanation: "A folder may hold 20,000 files of 64 MiB together, eight folders deep. More is a mistake (a whole repository, a circle of links), and reading it all would only delay the message.",
};

/// `file-too-large`.
pub static FILE_TOO_LARGE: Rule = Rule {
    code: "MC0102",
    name: "file-too-large",
    severity: Severity::Error,
    explanation: "A YAML file may have 256 KiB and a fixture 1 MiB. A manifest declares one integration; what is larger belongs elsewhere.",
};

/// `not-utf8`.
pub static NOT_UTF8: Rule = Rule {
    code: "MC0103",
    name: "not-utf8",
    severity: Severity::Error,
    explanation: "YAML files are UTF-8 text. Save the file in that encoding.",
};

/// `yaml-syntax`.
pub static YAML_SYNTAX: Rule = Rule {
    code: "MC0104",
    name: "yaml-syntax",
    severity: Severity::Error,
    explanation: "The file cannot be read as YAML. Nothing in it can be checked until that is mended; the other files are checked all the same.",
};

/// `empty-file`.
pub static EMPTY_DOCUMENT: Rule = Rule {
    code: "MC0105",
    name: "empty-file",
    severity: Severity::Error,
    explanation: "A YAML file has to hold a document. Delete the file, or write its contract.",
};

/// `several-documents`.
pub static SEVERAL_DOCUMENTS: Rule = Rule {
    code: "MC0106",
    name: "several-documents",
    severity: Severity::Error,
    explanation: "A file holds one document: the name of the file is the id of its contract. Split the file where `---` stands.",
};

/// `nested-too-deep`.
pub static NESTED_TOO_DEEP: Rule = Rule {
    code: "MC0107",
    name: "nested-too-deep",
    severity: Severity::Error,
    explanation: "Lists and maps may be nested 32 deep. The format needs a third of that.",
};

/// `too-many-values`.
pub static TOO_MANY_NODES: Rule = Rule {
    code: "MC0108",
    name: "too-many-values",
    severity: Severity::Error,
    explanation: "A file may have 20,000 values, counted after aliases are filled in. This bounds what a few lines of nested aliases can grow into.",
};

/// `alias-unknown`.
pub static ALIAS_UNKNOWN: Rule = Rule {
    code: "MC0109",
    name: "alias-unknown",
    severity: Severity::Error,
    explanation: "An alias (`*name`) repeats a value that was anchored (`&name`) and finished before it. A value cannot contain itself.",
};

/// `yaml-tag`.
pub static TAG: Rule = Rule {
    code: "MC0110",
    name: "yaml-tag",
    severity: Severity::Error,
    explanation: "Tags (`!!str`, `!custom`) change what a value is without it being seen. The schema already says what each field holds; put a value in quotes to make it text.",
};

/// `merge-key`.
pub static MERGE_KEY: Rule = Rule {
    code: "MC0111",
    name: "merge-key",
    severity: Severity::Error,
    explanation: "A merge key (`<<`) copies keys from somewhere else in the file, so a reader of the route cannot see what guards it. Write the keys out, or use an alias for a single value.",
};

/// `key-not-text`.
pub static KEY_NOT_TEXT: Rule = Rule {
    code: "MC0112",
    name: "key-not-text",
    severity: Severity::Error,
    explanation: "The keys of a map are plain text; a list or a map cannot be one.",
};

/// `empty-key`.
pub static EMPTY_KEY: Rule = Rule {
    code: "MC0113",
    name: "empty-key",
    severity: Severity::Error,
    explanation: "A key has to have a name: nothing can be said under an empty one.",
};

/// `duplicate-key`.
pub static DUPLICATE_KEY: Rule = Rule {
    code: "MC0114",
    name: "duplicate-key",
    severity: Severity::Error,
    explanation: "A key stands once in a map; of two, one would be lost without a word. Keys are compared as text: `1` and `'1'` are the same.",
};
