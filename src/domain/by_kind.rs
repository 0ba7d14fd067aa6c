//! One of something for each kind of jobs.

use super::job::JobKind;

/// One of something for each kind of jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByKind<T> {
    /// That of matching jobs.
    pub matching: T,
    /// That of ID mapping jobs.
    pub id_mapping: T,
}

impl<T> ByKind<T> {
    /// What `make` makes for each kind.
    pub fn new(make: impl Fn(JobKind) -> T) -> Self {
        Self { matching: make(JobKind::Matching), id_mapping: make(JobKind::IdMapping) }
    }

    /// That of `kind`.
    pub const fn of(&self, kind: JobKind) -> &T {
        match kind {
            JobKind::Matching => &self.matching,
            JobKind::IdMapping => &self.id_mapping,
        }
    }

    /// That of `kind`, to be changed.
    pub const fn of_mut(&mut self, kind: JobKind) -> &mut T {
        match kind {
            JobKind::Matching => &mut self.matching,
            JobKind::IdMapping => &mut self.id_mapping,
        }
    }
}
