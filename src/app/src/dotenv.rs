//! `.env`: variables for the process, read from the working folder. A variable that is set already is left alone. A file that
//! cannot be understood is an error that names the line and never shows it: it may hold a secret.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context as _, bail};

/// Puts the variables of the file into the process environment. A file that is not there is nothing to do.
pub(crate) fn load(path: &Path) -> anyhow::Result<()> {
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
