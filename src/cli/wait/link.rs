//! The account that a command asks, with what it may ask.

use std::sync::Arc;

use super::super::listing::plain;
use super::super::{Exit, Failure, tell};
use super::args::Following;
use super::ends::{Ended, Ends};
use super::witness::Witness;
use crate::app;
use crate::aws::Aws;
use crate::config::Followed;
use crate::domain::ByKind;
use crate::source::{JobSource, JobStarter};
use crate::watch::{Account, Budgets, Config};

/// An account, ready to be asked.
pub(in crate::cli) struct Link {
    pub(in crate::cli) account: Account,
    pub(in crate::cli) starter: Arc<dyn JobStarter>,
    pub(in crate::cli) config: Config,
    pub(in crate::cli) budgets: ByKind<Budgets>,
    pub(super) witness: Arc<Witness>,
}

impl Link {
    /// To the account that flags and configuration name. Asks nothing yet.
    ///
    /// # Errors
    ///
    /// How the command ends without it: something is wrong, or a signal or the deadline comes first, which is said with
    /// what it means.
    pub(in crate::cli) async fn open_in_time(
        ends: &mut Ends,
        following: &Following,
        followed: &Followed,
        meaning: &str,
    ) -> Result<Self, Result<Exit, Failure>> {
        let (how, exit) = match ends.first(Self::open(following, followed)).await {
            Ended::ByItself(link) => return link.map_err(Err),
            Ended::Signal(exit) => ("stopped", exit),
            Ended::Deadline => ("the time was up", Exit::Unreachable),
        };
        let said = format!("{how} before anything could be asked; {meaning}");
        tell(format_args!("matchwatch: {}", plain(&said)));
        Err(Ok(exit))
    }

    async fn open(following: &Following, followed: &Followed) -> Result<Self, Failure> {
        let source = following.source(followed);
        let aws = Aws::trusting(followed.ca_bundle.as_ref()).map_err(Failure::usage)?;
        let connected = app::connect_to_start(&aws, "default".into(), &source).await;
        let (mut account, starter) = connected.map_err(Failure::usage)?;
        let witness = Arc::new(Witness::of(account.source));
        account.source = Arc::clone(&witness) as Arc<dyn JobSource>;
        let config = following.polling();
        let budgets = ByKind::new(|_| Budgets::new(config.get_rate, config.list_rate));
        Ok(Self { account, starter, witness, config, budgets })
    }
}
