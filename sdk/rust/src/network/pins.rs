//! Which names the machine was told of which addresses: [`Pins`]. A rule for a name holds for these and no others.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use parking_lot::Mutex;

use super::guard::canonical;

/// Addresses remembered; the oldest are forgotten.
const MAX_ADDRESSES: usize = 4_096;
/// Names remembered of one address.
const MAX_NAMES: usize = 16;

/// What the machine's name service answered. Lock order: the one lock is a leaf.
#[derive(Debug, Default)]
pub(crate) struct Pins {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    names: HashMap<IpAddr, VecDeque<Pin>>,
    /// Addresses in the order they were first told.
    order: VecDeque<IpAddr>,
    /// What is never forgotten: as much as the embedder says.
    known: HashMap<IpAddr, Vec<String>>,
}

/// One name of an address.
#[derive(Debug)]
struct Pin {
    name: String,
    /// Whether the embedder's own network answered so, which then is what is reached there.
    is_vouched: bool,
}

impl Pins {
    /// Knows for good what a name is answered with.
    pub(crate) fn know(&self, name: &str, addresses: &[IpAddr]) {
        let mut state = self.state.lock();
        for address in addresses {
            let names = state.known.entry(canonical(*address)).or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }

    /// Remembers what a name was answered with.
    pub(crate) fn remember(&self, name: &str, addresses: &[IpAddr]) {
        self.note(name, addresses, false);
    }

    /// Remembers what the embedder's network answered.
    pub(crate) fn vouch(&self, name: &str, addresses: &[IpAddr]) {
        self.note(name, addresses, true);
    }

    fn note(&self, name: &str, addresses: &[IpAddr], is_vouched: bool) {
        let mut state = self.state.lock();
        for address in addresses {
            let address = canonical(*address);
            if !state.names.contains_key(&address) {
                state.order.push_back(address);
                if state.order.len() > MAX_ADDRESSES
                    && let Some(oldest) = state.order.pop_front()
                {
                    state.names.remove(&oldest);
                }
            }
            let names = state.names.entry(address).or_default();
            if let Some(known) = names.iter_mut().find(|known| known.name == name) {
                known.is_vouched = is_vouched;
                continue;
            }
            if names.len() >= MAX_NAMES {
                names.pop_front();
            }
            names.push_back(Pin {
                name: name.to_owned(),
                is_vouched,
            });
        }
    }

    /// The names an address was told of.
    pub(crate) fn names_of(&self, address: IpAddr) -> Vec<String> {
        let state = self.state.lock();
        let own = canonical(address);
        let known = state.known.get(&own).into_iter().flatten();
        let told = state.names.get(&own).into_iter().flatten();
        let mut names: Vec<String> = known.cloned().collect();
        for pin in told {
            if !names.contains(&pin.name) {
                names.push(pin.name.clone());
            }
        }
        names
    }

    /// The addresses that the embedder's network gave a name.
    pub(crate) fn vouched_addresses_of(&self, name: &str) -> Vec<IpAddr> {
        let state = self.state.lock();
        let is_its = |pin: &Pin| pin.is_vouched && pin.name == name;
        let addresses = state.names.iter();
        let addresses = addresses.filter(|(_, names)| names.iter().any(is_its));
        addresses.map(|(address, _)| *address).collect()
    }

    /// Those of them that the embedder's network gave.
    pub(crate) fn vouched_names_of(&self, address: IpAddr) -> Vec<String> {
        let state = self.state.lock();
        let names = state.names.get(&canonical(address));
        let vouched = names.into_iter().flatten().filter(|pin| pin.is_vouched);
        vouched.map(|pin| pin.name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_remembered_and_their_number_is_bounded() {
        let pins = Pins::default();
        let address = |number: u32| IpAddr::V4(number.into());
        pins.remember("a.test", &[address(1), address(2)]);
        pins.remember("b.test", &[address(1)]);
        pins.remember("a.test", &[address(1)]);
        assert_eq!(pins.names_of(address(1)), ["a.test", "b.test"]);
        assert_eq!(pins.names_of(address(3)), Vec::<String>::new());
        pins.know("fixed.test", &[address(7)]);
        for number in 10..20_000 {
            pins.remember("c.test", &[address(number)]);
        }
        assert_eq!(pins.names_of(address(1)), Vec::<String>::new());
        assert!(pins.state.lock().names.len() <= MAX_ADDRESSES);
        pins.remember("told.test", &[address(7)]);
        pins.remember("fixed.test", &[address(7)]);
        for number in 0..100 {
            pins.remember(&format!("{number}.test"), &[address(5)]);
        }
        assert_eq!(pins.names_of(address(5)).len(), MAX_NAMES);
        assert_eq!(pins.names_of(address(7)), ["fixed.test", "told.test"]);
    }
}
