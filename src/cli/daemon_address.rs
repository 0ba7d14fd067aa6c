//! Where a running daemon is asked, for the commands that ask it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Debug, clap::Args)]
pub(super) struct DaemonAddress {
    /// Where the daemon listens [default: taken from the configuration]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<SocketAddr>,
}

impl DaemonAddress {
    /// The address that was given.
    pub(super) const fn given(&self) -> Option<SocketAddr> {
        self.address
    }
}

/// An address that listens everywhere is asked on this machine.
pub(super) fn reachable(mut listen: SocketAddr) -> SocketAddr {
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
