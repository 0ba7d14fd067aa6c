//! `matchwatch health`: asks a running daemon whether it lives, for a container's health check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::anyhow;

use super::config_args::ConfigArgs;
use super::{Exit, Failure};
use crate::http;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// Where the daemon listens [default: taken from the configuration]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<SocketAddr>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let address = match args.address {
        Some(address) => address,
        None => configured(&args.config)?,
    };
    http::ask_health(address)
        .await
        .map_err(|error| Failure { exit: Exit::Failed, error: error.into() })?;
    Ok(Exit::Success)
}

fn configured(config: &ConfigArgs) -> Result<SocketAddr, Failure> {
    config.load_listen()?.map(reachable).ok_or_else(|| {
        Failure::usage(anyhow!("nothing to ask: set [http] listen in {}", config.path.display()))
    })
}

/// An address that listens everywhere is asked on this machine.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    listen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_listens_everywhere_is_asked_on_this_machine() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:9464"), "127.0.0.1:9464");
        assert_eq!(asked("[::]:9464"), "[::1]:9464");
        assert_eq!(asked("10.1.2.3:9464"), "10.1.2.3:9464");
    }
}
