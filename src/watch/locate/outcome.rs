//! Why a search found nothing.

use std::fmt;

use crate::domain::JobKind;
use crate::source::{Operation, SourceError};

/// Why a job's workflow was not found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LocateError {
    /// None of the workflows that could be asked knows the job.
    #[error("{0}")]
    NotFound(Searched),
    /// The workflows where the job is looked for first may not be asked.
    #[error("{0}")]
    Denied(Searched),
    /// The service refused an answer that the search cannot do without.
    #[error(transparent)]
    Source(SourceError),
}

/// Where a search has been, kind by kind in its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Searched(pub(super) Vec<Visit>);

/// What a search found out about the workflows of one kind: none of them is known to have the job.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Visit {
    /// They may not be listed.
    Unlisted(SourceError),
    /// They were asked.
    Asked {
        kind: JobKind,
        /// How many say that they do not have it.
        without: usize,
        /// Those that may not be asked.
        denied: Vec<String>,
    },
}

impl Visit {
    /// Whether nobody was there who may be asked.
    fn is_denied(&self) -> bool {
        match self {
            Self::Unlisted(_) => true,
            Self::Asked { without, denied, .. } => *without == 0 && !denied.is_empty(),
        }
    }

    fn without(&self) -> usize {
        match self {
            Self::Unlisted(_) => 0,
            Self::Asked { without, .. } => *without,
        }
    }
}

impl Searched {
    /// Whether to list workflows is what was missing.
    pub fn is_unlisted(&self) -> bool {
        self.0.iter().any(|visit| matches!(visit, Visit::Unlisted(_)))
    }

    /// What it comes to.
    pub(super) fn error(self) -> LocateError {
        let first_is_denied = self.0.first().is_some_and(Visit::is_denied);
        let nobody_spoke = self.0.iter().all(|visit| visit.without() == 0);
        if first_is_denied || (nobody_spoke && self.0.iter().any(Visit::is_denied)) {
            return LocateError::Denied(self);
        }
        LocateError::NotFound(self)
    }
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut asked, mut clauses) = (Vec::new(), Vec::new());
        for visit in &self.0 {
            match visit {
                Visit::Unlisted(error) => clauses.push(error.to_string()),
                Visit::Asked { kind, without, denied } => {
                    if *without > 0 || denied.is_empty() {
                        let s = if *without == 1 { "" } else { "s" };
                        asked.push(format!("{without} {} workflow{s}", kind.in_words()));
                    }
                    if !denied.is_empty() {
                        let (get, denied) = (Operation::get_job(*kind), denied.join(", "));
                        clauses.push(format!(
                            "entityresolution:{get} is denied on {denied}: the job may be theirs"
                        ));
                    }
                }
            }
        }
        if !asked.is_empty() {
            clauses.insert(0, format!("none of {} has the job", asked.join(" and ")));
        }
        f.write_str(&clauses.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Scope;

    fn asked(kind: JobKind, without: usize, denied: &[&str]) -> Visit {
        let denied = denied.iter().map(|&name| name.to_owned()).collect();
        Visit::Asked { kind, without, denied }
    }

    fn unlisted(kind: JobKind) -> Visit {
        let operation = Operation::list_workflows(kind);
        Visit::Unlisted(SourceError::AccessDenied {
            scope: Scope::Question,
            message: format!("no {operation}"),
        })
    }

    fn told(visits: &[Visit]) -> (bool, String) {
        let error = Searched(visits.to_vec()).error();
        (matches!(error, LocateError::Denied(_)), error.to_string())
    }

    #[test]
    fn both_kinds_are_named_where_both_were_asked() {
        let visits = [asked(JobKind::Matching, 3, &[]), asked(JobKind::IdMapping, 1, &[])];
        let words = "none of 3 matching workflows and 1 ID mapping workflow has the job";
        assert_eq!(told(&visits), (false, words.to_owned()));
    }

    #[test]
    fn what_may_not_be_asked_is_named_with_the_permission() {
        let visits =
            [asked(JobKind::Matching, 1, &["a"]), asked(JobKind::IdMapping, 0, &["b", "c"])];
        let words = "none of 1 matching workflow has the job; entityresolution:GetMatchingJob is denied on a: the \
                     job may be theirs; entityresolution:GetIdMappingJob is denied on b, c: the job may be theirs";
        assert_eq!(told(&visits), (false, words.to_owned()));
    }

    #[test]
    fn it_is_a_denial_where_the_first_kind_may_not_be_asked_or_nobody_at_all() {
        let (matching, id_mapping) = (JobKind::Matching, JobKind::IdMapping);
        assert!(told(&[asked(matching, 0, &["a"]), asked(id_mapping, 2, &[])]).0);
        assert!(told(&[unlisted(matching), asked(id_mapping, 2, &[])]).0);
        assert!(told(&[asked(matching, 0, &[]), unlisted(id_mapping)]).0);
        assert!(!told(&[asked(matching, 0, &[]), asked(id_mapping, 0, &[])]).0);
        assert!(!told(&[asked(matching, 1, &[]), unlisted(id_mapping)]).0);
    }
}
