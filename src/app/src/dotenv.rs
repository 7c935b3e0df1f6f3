//! `.env`: variables for the process, read from the working folder. A variable that is set already is left alone. A file that
//! cannot be understood is an error that names the line and never shows it: it may hold a secret.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use anyhow::{Context as _, bail};
use engine::environment::Source;

/// Names that the process was given; `.env` never replaces them, at the start or later.
static GIVEN: OnceLock<HashSet<String>> = OnceLock::new();

/// The process environment over a `.env` that is read anew with each reload, so that a secret can come or change without a
/// restart.
pub(crate) struct Variables {
    path: PathBuf,
    file: Mutex<HashMap<String, String>>,
}

impl Variables {
    /// The variables of the process and of the `.env` in the working folder.
    pub(crate) fn new() -> Self {
        Self { path: PathBuf::from(".env"), file: Mutex::default() }
    }
}

impl Source for Variables {
    fn read(&self, name: &str) -> Option<String> {
        if GIVEN.get().is_none_or(|given| given.contains(name)) {
            return std::env::var(name).ok();
        }
        self.file.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn refresh(&self) -> Result<(), String> {
        let file = match dotenvy::from_path_iter(&self.path) {
            Ok(lines) => lines
                .collect::<Result<HashMap<_, _>, _>>()
                .map_err(|_| format!("{} has a line that is not NAME=value; its earlier values go on", self.path.display()))?,
            Err(error) if error.not_found() => HashMap::new(),
            Err(_) => return Err(format!("{} cannot be read; its earlier values go on", self.path.display())),
        };
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }
}

/// Puts the variables of the file into the process environment. A file that is not there is nothing to do.
pub(crate) fn load(path: &Path) -> anyhow::Result<()> {
    GIVEN.get_or_init(|| std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect());
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
    };
    match dotenvy::from_path(path) {
        Ok(()) => Ok(()),
        Err(dotenvy::Error::LineParse(line, _)) => bail!("{}", broken(path, &text, &line)),
        Err(_) => bail!("{} cannot be read; every line is NAME=value, a comment or empty", path.display()),
    }
}

fn broken(path: &Path, text: &str, line: &str) -> String {
    let first = line.lines().next().unwrap_or(line).trim();
    let number = text.lines().position(|candidate| candidate.trim() == first).map(|index| format!(" line {}", index + 1));
    format!(
        "{}{} is not NAME=value; put a value with spaces, quotes, `#` or `$` in single quotes, or begin a comment with `#`",
        path.display(),
        number.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_missing_file_is_no_error() {
        load(Path::new("/nowhere/.env")).unwrap();
    }

    #[test]
    fn a_broken_line_is_named_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "# fine\n\nMC_DOTENV_TEST 'canary-7f3a\n").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains(".env line 3 is not NAME=value"), "{error}");
        assert!(!error.contains("canary-7f3a"), "{error}");
    }
}
