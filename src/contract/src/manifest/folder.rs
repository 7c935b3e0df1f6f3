//! The files of a contracts folder, from a disk or from bytes built into the binary. Nothing is parsed here.
//!
//! Reading is bounded: a file is read up to one byte past its limit and a folder up to one entry past its own, so that what
//! is too large is reported by [`super::load()`] with a place instead of filling the memory.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Largest YAML file in bytes.
pub const MAX_YAML: usize = 256 * 1024;
/// Largest other file (a fixture) in bytes.
pub const MAX_FIXTURE: usize = 1024 * 1024;
/// Most files in a folder.
pub const MAX_FILES: usize = 20_000;
/// Most bytes of all files together.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most folders below one another.
pub const MAX_DEPTH: usize = 8;

/// The files of a contracts folder by their path below it, parts joined by `/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// Path and content of each file.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl FromIterator<(String, Vec<u8>)> for Folder {
    fn from_iter<T: IntoIterator<Item = (String, Vec<u8>)>>(files: T) -> Self {
        Self { files: files.into_iter().collect() }
    }
}

impl Folder {
    /// A folder of files that are already in memory.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        files.into_iter().map(|(path, content)| (path.to_owned(), content.to_vec())).collect()
    }

    /// Reads a folder from the disk. Names that start with a dot are passed over and symbolic links are followed, so that a
    /// mounted Kubernetes ConfigMap (files linked through `..data`) reads as what it shows; a directory that several links
    /// lead to is read once. The error names the path.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut reader = Reader::default();
        reader.read(root, "", 0)?;
        Ok(reader.folder)
    }

    /// Bytes of all files together.
    pub fn size(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }

    /// The text of a file; `None` when it does not exist or is not UTF-8.
    pub fn text(&self, file: &str) -> Option<&str> {
        self.files.get(file).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// The largest size that a file of this name may have.
pub fn limit_of(path: &str) -> usize {
    if is_yaml(path) { MAX_YAML } else { MAX_FIXTURE }
}

/// Whether a file of this name is YAML.
pub fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

#[derive(Default)]
struct Reader {
    folder: Folder,
    /// Entries looked at.
    entries: usize,
    /// Bytes read.
    bytes: usize,
    /// Directories read, by their true path.
    directories: HashSet<PathBuf>,
}

impl Reader {
    fn is_full(&self) -> bool {
        self.entries > MAX_FILES * 2 || self.folder.files.len() > MAX_FILES || self.bytes > MAX_BYTES
    }

    fn read(&mut self, directory: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        let place = fs::canonicalize(directory).map_err(|error| at(directory, &error))?;
        if !self.directories.insert(place) {
            return Ok(());
        }
        for name in self.names(directory)? {
            if self.is_full() {
                return Ok(());
            }
            let path = directory.join(&name);
            let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let metadata = fs::metadata(&path).map_err(|error| at(&path, &error))?;
            if metadata.is_file() {
                let content = read_bounded(&path, limit_of(&relative)).map_err(|error| at(&path, &error))?;
                self.bytes += content.len();
                self.folder.files.insert(relative, content);
            } else if !metadata.is_dir() {
                // A pipe or a socket: opening one could wait for ever.
                continue;
            } else if depth >= MAX_DEPTH {
                // An empty stand-in whose path is too deep: `load` reports it.
                self.folder.files.insert(format!("{relative}/…"), Vec::new());
            } else {
                self.read(&path, &relative, depth + 1)?;
            }
        }
        Ok(())
    }

    /// The names in a directory, sorted; none when there are too many.
    fn names(&mut self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory).map_err(|error| at(directory, &error))? {
            self.entries += 1;
            if self.is_full() {
                return Ok(Vec::new());
            }
            let name = entry.map_err(|error| at(directory, &error))?.file_name();
            match name.into_string() {
                Ok(name) if name.starts_with('.') => {}
                Ok(name) => names.push(name),
                Err(name) => {
                    let message = format!("the name {} is not UTF-8", name.display());
                    return Err(at(directory, &io::Error::new(io::ErrorKind::InvalidData, message)));
                }
            }
        }
        names.sort();
        Ok(names)
    }
}

fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_config_map_reads_as_what_it_shows() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("..2026_11_23");
        fs::create_dir_all(data.join("external")).unwrap();
        fs::write(data.join("service.yaml"), "schema: 1\n").unwrap();
        fs::write(data.join("external/a.yaml"), "id: a\n").unwrap();
        symlink("..2026_11_23", root.path().join("..data")).unwrap();
        symlink("..data/service.yaml", root.path().join("service.yaml")).unwrap();
        symlink("..data/external", root.path().join("external")).unwrap();

        let folder = Folder::read(root.path()).unwrap();

        assert_eq!(folder.files.keys().collect::<Vec<_>>(), ["external/a.yaml", "service.yaml"]);
        assert_eq!(folder.text("external/a.yaml"), Some("id: a\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_circle_of_links_ends() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.yaml"), "a").unwrap();
        for name in ["one", "two", "three"] {
            std::os::unix::fs::symlink(".", root.path().join(name)).unwrap();
        }
        let folder = Folder::read(root.path()).unwrap();
        assert_eq!(folder.files.keys().collect::<Vec<_>>(), ["a.yaml"]);
    }

    #[test]
    fn reading_ends_where_there_are_too_many_bytes() {
        let root = tempfile::tempdir().unwrap();
        for number in 0..70 {
            File::create(root.path().join(format!("{number:02}.json"))).unwrap().set_len(1024 * 1024).unwrap();
        }
        let folder = Folder::read(root.path()).unwrap();
        assert_eq!(folder.files.len(), 65);
        let (documents, findings) = crate::manifest::load(&folder);
        assert!(documents.incomplete && findings[0].message.contains("64 MiB"), "{findings:?}");
    }

    #[test]
    fn a_large_file_is_read_one_byte_past_its_limit() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.yaml"), vec![b'#'; MAX_YAML + 100]).unwrap();
        assert_eq!(Folder::read(root.path()).unwrap().files["a.yaml"].len(), MAX_YAML + 1);
    }

    #[test]
    fn an_error_names_the_path() {
        let error = Folder::read(Path::new("/nowhere/contracts")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/contracts: "), "{error}");
    }
}
