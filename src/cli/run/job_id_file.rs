//! A file that holds a job's id as soon as there is one.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;

/// The file, open and empty.
#[derive(Debug)]
pub(super) struct JobIdFile {
    path: PathBuf,
    file: File,
}

impl JobIdFile {
    /// Opens it, and empties it: an id of an earlier run is none of this one.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let file = File::create(&path)
            .with_context(|| format!("--job-id-file: cannot write {}", path.display()))?;
        Ok(Self { path, file })
    }

    /// Writes the id; it is safe from a crash of this machine when this returns.
    pub(super) fn write(&mut self, job_id: &str) -> anyhow::Result<()> {
        let mut write = || -> io::Result<()> {
            self.file.write_all(format!("{job_id}\n").as_bytes())?;
            // A pipe cannot be synced, and need not be.
            match self.file.sync_all() {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
                synced => synced,
            }
        };
        write().with_context(|| format!("--job-id-file: cannot write {}", self.path.display()))
    }
}
