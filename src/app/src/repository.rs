//! The files of the repository around a contracts folder: what `file`, `script` and `migrations` items are held against.
//! Names alone are read here; what is in files the check reads of those that it needs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use contract::catalog::Repository;

use crate::{output, wiring::FolderOrigin};

/// Folders that hold what was made or fetched, not what is kept.
const PASSED_OVER: &[&str] = &[".git", "node_modules", "target"];
/// Most files; a folder with more is no repository of ours.
const MOST_FILES: usize = 50_000;
/// Deepest folder.
const DEEPEST: usize = 24;

/// What shows that a folder is a repository.
const SIGNS: [&str; 2] = [".git", "Cargo.toml"];

/// The repository that the contracts folder lies in, its files sorted. `None` when there is none at hand: the contracts inside
/// the program, a folder beside which nothing shows a repository, or too many files.
pub(crate) fn files(origin: &FolderOrigin) -> anyhow::Result<Option<Repository>> {
    let FolderOrigin::Disk(folder) = origin else { return Ok(None) };
    let Some(root) = root_of(folder)? else { return Ok(None) };
    let list = list(&root, MOST_FILES).with_context(|| format!("the files of {} cannot be listed", root.display()))?;
    if list.is_none() {
        let shown = root.display();
        output::note(&format!(
            "note: {shown} has more than {MOST_FILES} files, so `file` and `script` items were not looked up in it"
        ));
    }
    Ok(list.map(|files| Repository { root, files }))
}

/// The folder that holds the contracts folder; `None` at the root of the file system and where it is no repository.
fn root_of(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let folder = folder.canonicalize().with_context(|| format!("{} cannot be found", folder.display()))?;
    let is_repository = |parent: &&Path| parent.parent().is_some() && SIGNS.iter().any(|sign| parent.join(sign).exists());
    Ok(folder.parent().filter(is_repository).map(Path::to_path_buf))
}

fn list(root: &Path, most: usize) -> io::Result<Option<Vec<String>>> {
    let mut found = Vec::new();
    let mut waiting = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            // What this user may not see is not there for this user.
            Err(error) if depth > 0 && error.kind() == io::ErrorKind::PermissionDenied => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
            let kind = entry.file_type()?;
            // A link counts as a file and is not followed: no circles, nothing from elsewhere.
            if !kind.is_dir() {
                found.push(path);
            } else if depth < DEEPEST && !PASSED_OVER.contains(&name) {
                waiting.push((entry.path(), path, depth + 1));
            }
            if found.len() > most {
                return Ok(None);
            }
        }
    }
    found.sort();
    Ok(Some(found))
}

/// The path of the contracts folder in its repository, for reports that name files: relative to the nearest folder above it
/// with a `.git`, else to the working folder, else as it was given.
pub(crate) fn prefix(origin: &FolderOrigin) -> String {
    let FolderOrigin::Disk(folder) = origin else { return String::new() };
    let Ok(whole) = folder.canonicalize() else { return folder.display().to_string() };
    let repository = whole.ancestors().find(|ancestor| ancestor.join(".git").exists()).map(Path::to_path_buf);
    let base = repository.or_else(|| std::env::current_dir().and_then(|folder| folder.canonicalize()).ok());
    let relative = base.and_then(|base| whole.strip_prefix(base).ok().map(Path::to_path_buf));
    relative.unwrap_or_else(|| folder.clone()).display().to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn repository() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in ["contracts/service.yaml", "README.md", ".ci/run", ".git/HEAD", "target/debug/x", "docs/a/b.md"] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    #[test]
    fn the_files_beside_the_contracts_are_listed_without_what_is_made() {
        let root = repository();
        let origin = FolderOrigin::Disk(root.path().join("contracts"));
        let files = files(&origin).unwrap().unwrap().files;
        assert_eq!(files, [".ci/run", "README.md", "contracts/service.yaml", "docs/a/b.md"]);
        assert_eq!(prefix(&origin), "contracts");
    }

    #[test]
    fn a_folder_without_git_or_a_package_is_no_repository() {
        let root = repository();
        fs::remove_dir_all(root.path().join(".git")).unwrap();
        let origin = FolderOrigin::Disk(root.path().join("contracts"));
        assert_eq!(files(&origin).unwrap(), None);
        fs::write(root.path().join("Cargo.toml"), "").unwrap();
        assert!(files(&origin).unwrap().is_some());
    }

    #[test]
    fn too_many_files_are_no_repository() {
        let root = repository();
        assert_eq!(list(root.path(), 2).unwrap(), None);
    }

    #[test]
    fn a_folder_at_the_root_has_no_repository() {
        assert_eq!(root_of(Path::new("/usr")).unwrap(), None);
    }
}
