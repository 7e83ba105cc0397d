//! `--inspect`, `--inspect-brk`, `--inspect-wait`: a program that can be debugged from the host. Node opens its inspector inside the
//! machine; a port of the host leads to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use clap::Args;

use crate::options::Publish;

/// The port Node uses, and the first that it accepts.
const DEFAULT_PORT: u16 = 9229;
const FIRST_PORT: u16 = 1024;

/// Where on the host debuggers connect: `[ADDRESS:]PORT`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DebugAddress(SocketAddr);

impl FromStr for DebugAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = match text.parse::<u16>() {
            Ok(port) => (Ipv4Addr::LOCALHOST, port).into(),
            Err(_) => text
                .parse::<SocketAddr>()
                .map_err(|_| "expected [ADDRESS:]PORT, e.g. 9230 or 127.0.0.1:9230")?,
        };
        Ok(Self(address))
    }
}

/// What a debugger may do with the program.
#[derive(Args, Clone, Copy, Debug, Default)]
#[group(multiple = false)]
pub(crate) struct InspectOptions {
    /// Let a debugger connect (Chrome, VS Code), on 127.0.0.1:9229 of the host unless another place is named
    #[arg(long, value_name = "[ADDRESS:]PORT", num_args = 0..=1, require_equals = true, default_missing_value = "9229")]
    inspect: Option<DebugAddress>,
    /// The same, and pause before the first line until one has connected
    #[arg(long, value_name = "[ADDRESS:]PORT", num_args = 0..=1, require_equals = true, default_missing_value = "9229")]
    inspect_brk: Option<DebugAddress>,
    /// The same, and wait until one has connected, without a pause
    #[arg(long, value_name = "[ADDRESS:]PORT", num_args = 0..=1, require_equals = true, default_missing_value = "9229")]
    inspect_wait: Option<DebugAddress>,
}

impl InspectOptions {
    fn given(&self) -> Option<(&'static str, SocketAddr)> {
        let options = [
            ("--inspect", self.inspect),
            ("--inspect-brk", self.inspect_brk),
            ("--inspect-wait", self.inspect_wait),
        ];
        options
            .into_iter()
            .find_map(|(name, address)| Some((name, address?.0)))
    }

    /// The port inside the machine: the host's if Node accepts it, so that the address Node prints is the host's, too.
    fn guest_port(address: SocketAddr) -> u16 {
        match address.port() {
            port if port >= FIRST_PORT => port,
            _ => DEFAULT_PORT,
        }
    }

    /// Node's own option for it.
    pub(crate) fn node_option(&self) -> Option<String> {
        let (name, address) = self.given()?;
        Some(format!("{name}=127.0.0.1:{}", Self::guest_port(address)))
    }

    /// The port of the host that leads there.
    pub(crate) fn publish(&self) -> Option<Publish> {
        let (_, host) = self.given()?;
        Some(Publish {
            host,
            guest: Self::guest_port(host),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{DebugAddress, InspectOptions};

    #[test]
    fn host_and_machine_use_one_port_where_node_accepts_it() {
        for (text, option) in [
            ("9230", "--inspect-brk=127.0.0.1:9230"),
            ("0.0.0.0:0", "--inspect-brk=127.0.0.1:9229"),
            ("127.0.0.1:80", "--inspect-brk=127.0.0.1:9229"),
        ] {
            let options = InspectOptions {
                inspect_brk: Some(text.parse::<DebugAddress>().expect(text)),
                ..InspectOptions::default()
            };
            assert_eq!(options.node_option().as_deref(), Some(option));
        }
        assert!("somewhere".parse::<DebugAddress>().is_err());
    }
}
