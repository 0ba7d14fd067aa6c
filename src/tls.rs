//! Whom TLS trusts besides the roots of this machine. Certificates are always verified: there is no way around it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Certificates of authorities, in PEM, that both kinds of HTTP clients can use.
#[derive(Clone, PartialEq, Eq)]
pub struct CaBundle {
    path: PathBuf,
    pem: Arc<[u8]>,
}

impl CaBundle {
    /// Reads a file, and makes sure that each certificate in it can be trusted: the clients' own libraries take
    /// that for granted.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no PEM, or holds no usable certificate.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, CaBundleError> {
        let path = path.into();
        let why = |reason: Reason| CaBundleError { path: path.clone(), reason };
        let pem = std::fs::read(&path).map_err(|error| why(Reason::Unreadable(error)))?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| why(Reason::NotPem(error.to_string())))?;
        if certificates.is_empty() {
            return Err(why(Reason::Empty));
        }
        let mut roots = RootCertStore::empty();
        for (index, certificate) in certificates.into_iter().enumerate() {
            roots
                .add(certificate)
                .map_err(|error| why(Reason::Unusable(index + 1, error.to_string())))?;
        }
        Ok(Self { path, pem: pem.into() })
    }

    /// The bundle that `AWS_CA_BUNDLE` names, as for the AWS CLI. An empty value names none.
    ///
    /// # Errors
    ///
    /// As [`CaBundle::read`].
    pub fn of_aws_environment() -> Result<Option<Self>, CaBundleError> {
        match std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
            Some(path) => Self::read(path).map(Some),
            None => Ok(None),
        }
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was read.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }
}

impl fmt::Debug for CaBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CaBundle").field(&self.path).finish()
    }
}

/// Why a bundle cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{} {reason}", path.display())]
pub struct CaBundleError {
    path: PathBuf,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("is no PEM file: {0}; write certificates as -----BEGIN CERTIFICATE----- blocks")]
    NotPem(String),
    #[error("holds no certificate; write them as -----BEGIN CERTIFICATE----- blocks")]
    Empty,
    #[error("has a bad certificate, number {0}: {1}; take it out or replace it")]
    Unusable(usize, String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let error = CaBundle::read(file.path()).unwrap_err().to_string();
        error.replace(&file.path().display().to_string(), "ca.pem")
    }

    #[test]
    fn a_bundle_is_read_whole_and_shown_by_its_path() {
        let path = "tests/fixtures/tls/ca.pem";
        let bundle = CaBundle::read(path).unwrap();
        assert_eq!(bundle.pem(), std::fs::read(path).unwrap());
        assert_eq!(format!("{bundle:?}"), "CaBundle(\"tests/fixtures/tls/ca.pem\")");
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_refused_with_what_to_do() {
        let good = std::fs::read_to_string("tests/fixtures/tls/ca.pem").unwrap();
        let begin = "-----BEGIN CERTIFICATE-----";
        assert!(refusal("hello\n").starts_with("ca.pem holds no certificate; write"));
        assert!(refusal(&good[..good.len() / 2]).starts_with("ca.pem is no PEM file: "));
        let bad = format!("{good}{begin}\nAAAA\n-----END CERTIFICATE-----\n");
        assert!(refusal(&bad).starts_with("ca.pem has a bad certificate, number 2: "));
        let missing = CaBundle::read("/no/such/ca.pem").unwrap_err().to_string();
        assert!(missing.starts_with("/no/such/ca.pem cannot be read: No such file"), "{missing}");
    }
}
