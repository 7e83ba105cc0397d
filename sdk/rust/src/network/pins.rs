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
    names: HashMap<IpAddr, VecDeque<String>>,
    /// Addresses in the order they were first told.
    order: VecDeque<IpAddr>,
}

impl Pins {
    /// Remembers what a name was answered with.
    pub(crate) fn remember(&self, name: &str, addresses: &[IpAddr]) {
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
            if names.iter().any(|known| known == name) {
                continue;
            }
            if names.len() >= MAX_NAMES {
                names.pop_front();
            }
            names.push_back(name.to_owned());
        }
    }

    /// The names an address was told of.
    pub(crate) fn names_of(&self, address: IpAddr) -> Vec<String> {
        let state = self.state.lock();
        let names = state.names.get(&canonical(address));
        names.into_iter().flatten().cloned().collect()
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
        for number in 10..20_000 {
            pins.remember("c.test", &[address(number)]);
        }
        assert_eq!(pins.names_of(address(1)), Vec::<String>::new());
        assert!(pins.state.lock().names.len() <= MAX_ADDRESSES);
        for number in 0..100 {
            pins.remember(&format!("{number}.test"), &[address(5)]);
        }
        assert_eq!(pins.names_of(address(5)).len(), MAX_NAMES);
    }
}
