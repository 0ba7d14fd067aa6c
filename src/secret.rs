//! Values that must never be shown.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// A string that no debug print, log or error shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Where a secret is kept: never in the configuration itself.
///
/// In TOML: `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Place")]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file, without its trailing line break.
    File(PathBuf),
}

/// How [`SecretRef`] is written. Whatever else is there is refused without being shown.
#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected { env = \"NAME\" } or { file = \"/path\" } in place of the secret itself"
)]
enum Place {
    Env { env: String },
    File { file: PathBuf },
}

impl From<Place> for SecretRef {
    fn from(place: Place) -> Self {
        match place {
            Place::Env { env } => Self::Env(env),
            Place::File { file } => Self::File(file),
        }
    }
}

impl SecretRef {
    /// Fetches the secret.
    ///
    /// # Errors
    ///
    /// The variable is not set, the file cannot be read, or the value is empty.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        let value = match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|_| SecretError::NotSet { name: name.clone() })?
            }
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|source| SecretError::Unreadable { path: path.clone(), source })?,
        };
        match value.trim_end_matches(['\r', '\n']) {
            "" => Err(SecretError::Empty { place: self.to_string() }),
            value => Ok(Secret::new(value)),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// A value that may be a secret: written down where it is none, kept elsewhere where it is one.
///
/// In TOML: `"value"`, `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a string, { env = \"NAME\" } or { file = \"/path\" }")]
pub enum MaybeSecret {
    /// The value itself.
    Plain(String),
    /// Where the value is kept.
    Kept(SecretRef),
}

impl MaybeSecret {
    /// Fetches the value. It is treated as a secret either way.
    ///
    /// # Errors
    ///
    /// As [`SecretRef::resolve`].
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Plain(value) => Ok(Secret::new(value.as_str())),
            Self::Kept(place) => place.resolve(),
        }
    }
}

/// Shows where the value is kept, and never the value: nobody can tell whether it is a secret.
impl fmt::Debug for MaybeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain([redacted])"),
            Self::Kept(place) => f.debug_tuple("Kept").field(place).finish(),
        }
    }
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or is not Unicode.
    #[error("environment variable {name} is not set")]
    NotSet {
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("{place} is empty")]
    Empty {
        /// The variable or file.
        place: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_by_no_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "[redacted] [redacted]");
        assert_eq!(format!("{:?}", MaybeSecret::Plain("hunter2".into())), "Plain([redacted])");
    }

    #[test]
    fn a_file_gives_its_content_without_the_last_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        assert_eq!(SecretRef::File(path).resolve().unwrap().expose(), "hunter2");
    }

    #[test]
    fn what_is_missing_or_empty_is_named() {
        let missing = SecretRef::Env("MATCHWATCH_TEST_NOT_SET".into()).resolve().unwrap_err();
        assert_eq!(missing.to_string(), "environment variable MATCHWATCH_TEST_NOT_SET is not set");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("empty");
        std::fs::write(&path, "\n").unwrap();
        assert!(SecretRef::File(path).resolve().unwrap_err().to_string().ends_with("is empty"));
    }
}
