//! The workspace folder: locked, written file by file so that a reader, and a crash, sees each file old or new and never half.
//!
//! A file is written beside its place, synced, renamed over it, and its folder synced. Below the root no symbolic link is
//! followed: a folder that is one is refused, a file that is one is replaced. Folders `tasks/LIVE-*` and entries of an
//! earlier board that this service does not know are what runtimes left before Warp's imports came here; agents must not go
//! on with them, so both are removed.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::projection::{BOARD, FileText};

const LOCK: &str = ".lock";
const TEMPORARY: &str = ".mission-control.tmp";
const STALE_PREFIX: &str = "LIVE-";
/// How long another writer is waited for, and how often it is asked.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A locked workspace. The lock ends with the value, or with the process.
#[derive(Debug)]
pub(super) struct Workspace {
    root: PathBuf,
    _lock: File,
}

/// Makes the folder when it is missing and locks it against every other writer. Blocks for up to ten seconds.
#[expect(clippy::disallowed_methods, reason = "this runs on a thread for blocking work, where no request waits but its own")]
pub(super) fn open(root: &Path) -> io::Result<Workspace> {
    fs::create_dir_all(root)?;
    let root = root.canonicalize()?;
    let path = root.join(LOCK);
    if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("{} is not a plain file", path.display())));
    }
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Workspace { root, _lock: lock }),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other(format!("another process holds {} for too long", path.display())));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

impl Workspace {
    /// The text of the board that is there; empty when there is none.
    pub(super) fn board(&self) -> io::Result<String> {
        match fs::read(self.root.join(BOARD)) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// Writes the files in their order, then removes the folders `tasks/LIVE-*` other than those of `own` task keys.
    pub(super) fn write(&self, files: &[FileText], own: &BTreeSet<String>) -> io::Result<()> {
        for (path, text) in files {
            self.replace(path, text).map_err(|error| at(&self.root.join(path), &error))?;
        }
        self.remove_stale(own)
    }

    fn replace(&self, path: &str, text: &str) -> io::Result<()> {
        let (folder, name) = self.folder_of(path)?;
        sweep(&folder)?;
        let temporary = folder.join(format!(".{name}.{}{TEMPORARY}", Uuid::now_v7().simple()));
        let written = write_synced(&temporary, text).and_then(|()| fs::rename(&temporary, folder.join(name)));
        if written.is_err() {
            // What cannot be removed now is swept by the next write.
            let _ = fs::remove_file(&temporary);
        }
        written?;
        File::open(&folder)?.sync_all()
    }

    /// The folder of a path below the root, made when missing, and the file's name.
    fn folder_of<'a>(&self, path: &'a str) -> io::Result<(PathBuf, &'a str)> {
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        if Path::new(path).components().any(|part| !matches!(part, Component::Normal(_))) || name.is_empty() {
            return Err(io::Error::other("the path leaves the workspace"));
        }
        let mut folder = self.root.clone();
        for part in Path::new(parents).components() {
            let parent = folder.clone();
            folder.push(part);
            match fs::symlink_metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => return Err(io::Error::other(format!("{} is not a folder; remove it", folder.display()))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir(&folder)?;
                    File::open(&parent)?.sync_all()?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok((folder, name))
    }

    fn remove_stale(&self, own: &BTreeSet<String>) -> io::Result<()> {
        let tasks = self.root.join("tasks");
        if !fs::symlink_metadata(&tasks).is_ok_and(|found| found.is_dir()) {
            return Ok(());
        }
        for entry in fs::read_dir(&tasks)? {
            let entry = entry?;
            let name = entry.file_name();
            let stale = name.to_str().is_some_and(|name| name.starts_with(STALE_PREFIX) && !own.contains(name));
            if !stale {
                continue;
            }
            // Neither call follows a symbolic link.
            let removed =
                if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
            removed.map_err(|error| at(&entry.path(), &error))?;
        }
        File::open(&tasks)?.sync_all()
    }
}

/// Removes what a crash left beside its place.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(TEMPORARY));
        if ours && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn one(path: &str, text: &str) -> Vec<FileText> {
        vec![(path.to_owned(), text.to_owned())]
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn setup_import_files_are_replaced_whole_and_leave_nothing_beside() {
        let root = tempfile::tempdir().unwrap();
        let workspace = open(&root.path().join("a/b")).unwrap();
        workspace.write(&one("tasks/DEMO-1/TASK.md", "long text"), &BTreeSet::new()).unwrap();
        let folder = root.path().join("a/b/tasks/DEMO-1");
        fs::write(folder.join(".TASK.md.1.mission-control.tmp"), "left by a crash").unwrap();
        workspace.write(&one("tasks/DEMO-1/TASK.md", "new"), &BTreeSet::new()).unwrap();
        assert_eq!(fs::read_to_string(folder.join("TASK.md")).unwrap(), "new");
        assert_eq!(names(&folder), BTreeSet::from(["TASK.md".to_owned()]));
    }

    #[test]
    fn setup_import_paths_do_not_leave_the_workspace() {
        let root = tempfile::tempdir().unwrap();
        let workspace = open(&root.path().join("w")).unwrap();
        for path in ["../x", "tasks/../../x", "/etc/x", "", "tasks/", "./x"] {
            assert!(workspace.write(&one(path, "x"), &BTreeSet::new()).is_err(), "{path}");
        }
        assert_eq!(names(root.path()), BTreeSet::from(["w".to_owned()]));
    }

    #[test]
    fn setup_import_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("board.json"), "theirs").unwrap();
        let workspace = open(root.path()).unwrap();
        symlink(outside.path(), root.path().join("tasks")).unwrap();
        let refused = workspace.write(&one("tasks/DEMO-1/TASK.md", "x"), &BTreeSet::new()).unwrap_err();
        assert!(refused.to_string().contains("is not a folder"), "{refused}");
        symlink(outside.path().join("board.json"), root.path().join("board.json")).unwrap();
        workspace.write(&one("board.json", "ours"), &BTreeSet::new()).unwrap();
        assert_eq!(fs::read_to_string(outside.path().join("board.json")).unwrap(), "theirs");
        assert_eq!(workspace.board().unwrap(), "ours");
    }

    #[test]
    fn setup_import_removes_live_folders_but_not_its_own() {
        let root = tempfile::tempdir().unwrap();
        let keep = tempfile::tempdir().unwrap();
        fs::write(keep.path().join("kept"), "").unwrap();
        for name in ["LIVE-1", "LIVE-2", "OTHER-1"] {
            fs::create_dir_all(root.path().join("tasks").join(name)).unwrap();
        }
        symlink(keep.path(), root.path().join("tasks/LIVE-3")).unwrap();
        let workspace = open(root.path()).unwrap();
        workspace.write(&one("board.json", "{}"), &BTreeSet::from(["LIVE-2".to_owned()])).unwrap();
        assert_eq!(names(&root.path().join("tasks")), BTreeSet::from(["LIVE-2".to_owned(), "OTHER-1".to_owned()]));
        assert!(keep.path().join("kept").exists());
    }

    #[test]
    fn setup_import_writers_wait_for_one_another() {
        let root = tempfile::tempdir().unwrap();
        let first = open(root.path()).unwrap();
        let path = root.path().to_owned();
        let second = std::thread::spawn(move || open(&path).unwrap().board().unwrap());
        first.write(&one("board.json", "first"), &BTreeSet::new()).unwrap();
        drop(first);
        assert_eq!(second.join().unwrap(), "first");
    }
}
