//! Reasons of refusals that guests are told: [`Refusals`].
//!
//! A [`SysError`](cenote_base::SysError) is small and carries a number; the text lies here until a runtime has room for it in an error, or
//! newer ones take its place. One table a machine: nobody reads another machine's reasons.
//!
//! Lock order: the one lock is a leaf.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use parking_lot::Mutex;

/// Reasons kept.
const KEPT: usize = 64;
/// Bytes kept of each.
const LENGTH: usize = 1_000;

/// The last reasons of one machine, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: u32,
    kept: VecDeque<(NonZeroU32, String)>,
}

impl Refusals {
    /// Keeps a reason for a while.
    pub(crate) fn keep(&self, reason: &str) -> NonZeroU32 {
        let mut ends = (0..=LENGTH.min(reason.len())).rev();
        let text = ends.find_map(|end| reason.get(..end)).unwrap_or_default();
        let mut state = self.0.lock();
        state.last = state.last.checked_add(1).unwrap_or(1);
        let number = NonZeroU32::new(state.last).unwrap_or(NonZeroU32::MIN);
        if state.kept.len() >= KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back((number, text.to_owned()));
        number
    }

    /// The reason of that number, if it is still there.
    pub(crate) fn reason(&self, number: NonZeroU32) -> Option<String> {
        let state = self.0.lock();
        let found = state.kept.iter().rev().find(|(kept, _)| *kept == number);
        found.map(|(_, reason)| reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_kept_until_newer_ones_take_their_place() {
        let refusals = Refusals::default();
        let first = refusals.keep("first");
        assert_eq!(refusals.reason(first).as_deref(), Some("first"));
        let long = refusals.keep(&"é".repeat(LENGTH));
        assert_eq!(refusals.reason(long).unwrap().len(), LENGTH);
        for _ in 0..KEPT {
            refusals.keep("another");
        }
        assert_eq!(refusals.reason(first), None);
    }
}
