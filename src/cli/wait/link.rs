//! The account that a command asks, with what it may ask.

use std::sync::Arc;

use super::super::Failure;
use super::args::Following;
use super::witness::Witness;
use crate::app;
use crate::aws::Aws;
use crate::config::Followed;
use crate::domain::ByKind;
use crate::source::JobSource;
use crate::watch::{Account, Budgets, Config};

/// An account, ready to be asked.
pub(in crate::cli) struct Link {
    pub(super) account: Account,
    pub(super) witness: Arc<Witness>,
    pub(super) config: Config,
    pub(super) budgets: ByKind<Budgets>,
}

impl Link {
    /// To the account that flags and configuration name for these jobs. Asks nothing yet.
    pub(in crate::cli) async fn open(
        following: &Following,
        followed: &Followed,
        job_ids: &[Arc<str>],
    ) -> Result<Self, Failure> {
        let source = following.source(followed, job_ids).map_err(Failure::usage)?;
        let aws = Aws::trusting(followed.ca_bundle.as_ref()).map_err(Failure::usage)?;
        let mut account =
            app::connect(&aws, "default".into(), &source).await.map_err(Failure::usage)?;
        let witness = Arc::new(Witness::of(account.source));
        account.source = Arc::clone(&witness) as Arc<dyn JobSource>;
        let config = following.polling();
        let budgets = ByKind::new(|_| Budgets::new(config.get_rate, config.list_rate));
        Ok(Self { account, witness, config, budgets })
    }
}
