//! The variables that manifests declare, as this process sees them: from the process environment, a file (`NAME_FILE`) or
//! the declared default. Values are read once when a catalog is mounted, never per request.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arc_swap::ArcSwap;
use contract::catalog::Variable;
use secrecy::{ExposeSecret, SecretString};

/// Where raw values come from: the process environment in production, a map in tests.
pub trait Source: Send + Sync + 'static {
    /// The value of a variable of the process.
    fn read(&self, name: &str) -> Option<String>;

    /// Called before variables are read anew. `Err` says what could not be read, without any value.
    fn refresh(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The environment of the process.
#[derive(Debug, Default)]
pub struct ProcessEnvironment;

impl Source for ProcessEnvironment {
    fn read(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Source for HashMap<String, String> {
    fn read(&self, name: &str) -> Option<String> {
        self.get(name).cloned()
    }
}

/// Values of declared variables. Cheap to clone; every clone sees a reload.
#[derive(Clone)]
pub struct Environment {
    source: Arc<dyn Source>,
    values: Arc<ArcSwap<Values>>,
}

#[derive(Default)]
struct Values {
    current: BTreeMap<String, SecretString>,
    previous: BTreeMap<String, SecretString>,
    unreadable: Vec<String>,
}

/// The accepted values of a secret: the current one and, while it is being rotated, the previous one.
#[derive(Debug, Clone)]
pub struct Secret {
    /// `NAME`.
    pub current: SecretString,
    /// `NAME_PREVIOUS`.
    pub previous: Option<SecretString>,
}

impl Environment {
    /// An environment that knows no variable yet.
    pub fn new(source: impl Source) -> Self {
        Self { source: Arc::new(source), values: Arc::default() }
    }

    /// Reads the declared variables anew. An empty value counts as unset. Answers the problems found (unreadable files),
    /// without any value.
    pub fn load<'a>(&self, variables: impl IntoIterator<Item = &'a Variable>) -> Vec<String> {
        let mut values = Values::default();
        let mut problems: Vec<String> = self.source.refresh().err().into_iter().collect();
        for variable in variables {
            let mut read = |name: &str| match self.read(name) {
                Ok(value) => value,
                Err(problem) => {
                    problems.push(problem);
                    None
                }
            };
            if let Some(value) = read(&variable.name).or_else(|| variable.default.clone()) {
                values.current.insert(variable.name.clone(), value.into());
            }
            if variable.secret
                && let Some(value) = read(&format!("{}_PREVIOUS", variable.name))
            {
                values.previous.insert(variable.name.clone(), value.into());
            }
        }
        values.unreadable.clone_from(&problems);
        self.values.store(Arc::new(values));
        problems
    }

    /// A variable before any catalog is there: its value, or the content of the file that `NAME_FILE` names.
    pub fn raw(&self, name: &str) -> Result<Option<String>, String> {
        self.source.refresh()?;
        self.read(name)
    }

    fn read(&self, name: &str) -> Result<Option<String>, String> {
        if let Some(value) = self.source.read(name).filter(|value| !value.is_empty()) {
            return Ok(Some(value));
        }
        let Some(path) = self.source.read(&format!("{name}_FILE")).filter(|path| !path.is_empty()) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()).filter(|text| !text.is_empty())),
            Err(error) => Err(format!("{name}_FILE names {path}, which cannot be read: {error}")),
        }
    }

    /// What could not be read the last time, without any value.
    pub fn problems(&self) -> Vec<String> {
        self.values.load().unreadable.clone()
    }

    /// Whether a variable has a value (its default counts).
    pub fn is_set(&self, name: &str) -> bool {
        self.values.load().current.contains_key(name)
    }

    /// The value of a variable. Use [`Self::secret`] for credentials.
    pub fn get(&self, name: &str) -> Option<String> {
        self.values.load().current.get(name).map(|value| value.expose_secret().to_owned())
    }

    /// The accepted values of a secret.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        let values = self.values.load();
        let current = values.current.get(name)?.clone();
        Some(Secret { current, previous: values.previous.get(name).cloned() })
    }
}
