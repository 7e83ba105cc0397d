//! What the embedder allowed by word, kept outside the process that asked: [`Leaves`], each good once and not for long.
//!
//! Where rules ask, the machine's process puts the question and is told the answer. It may be one that a guest has taken over, so whoever acts
//! on the answer outside (the broker, the embedder's network) does not take its word for it.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::guard::canonical;

/// How long a leave is good: a machine acts at once.
const GOOD: Duration = Duration::from_secs(60);
/// Leaves kept; more are not given.
const MOST: usize = 65_536;

/// What was allowed.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Leave {
    /// One connection, or one datagram.
    Connect(SocketAddr),
    /// One look-up.
    Resolve(String),
    /// One request of HTTP.
    Http { url: String, method: String },
}

impl Leave {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::Connect(SocketAddr::new(canonical(to.ip()), to.port()))
    }
}

/// Leaves that were given and not taken. Lock order: the one lock is a leaf.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    given: Mutex<Given>,
}

#[derive(Debug, Default)]
struct Given {
    of: HashMap<Leave, VecDeque<Instant>>,
    count: usize,
}

impl Given {
    /// Lets go of those that are good no more.
    fn tidy(&mut self, now: Instant) {
        self.of.retain(|_, given| {
            given.retain(|at| now.duration_since(*at) < GOOD);
            !given.is_empty()
        });
        self.count = self.of.values().map(VecDeque::len).sum();
    }
}

impl Leaves {
    /// The embedder allowed this, once.
    pub(crate) fn give(&self, leave: Leave) {
        self.give_at(leave, Instant::now());
    }

    /// Whether it was allowed; it is not any more then.
    pub(crate) fn take(&self, leave: &Leave) -> bool {
        self.take_at(leave, Instant::now())
    }

    fn give_at(&self, leave: Leave, now: Instant) {
        let mut given = self.given.lock();
        if given.count >= MOST {
            given.tidy(now);
        }
        if given.count >= MOST {
            tracing::warn!(target: "cenote::net", "a machine asks for much more than it uses");
            return;
        }
        given.count += 1;
        given.of.entry(leave).or_default().push_back(now);
    }

    fn take_at(&self, leave: &Leave, now: Instant) -> bool {
        let mut given = self.given.lock();
        let Some(of) = given.of.get_mut(leave) else {
            return false;
        };
        let before = of.len();
        let mut is_good = false;
        while let Some(at) = of.pop_front() {
            is_good = now.duration_since(at) < GOOD;
            if is_good {
                break;
            }
        }
        let (taken, is_empty) = (before - of.len(), of.is_empty());
        given.count -= taken;
        if is_empty {
            given.of.remove(leave);
        }
        is_good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leave_is_good_once_for_what_it_names_and_not_for_long() {
        let leaves = Leaves::default();
        let to = |text: &str| Leave::connect(text.parse().unwrap());
        let now = Instant::now();
        leaves.give_at(to("[::ffff:8.8.8.8]:53"), now);
        assert!(!leaves.take_at(&to("8.8.8.8:54"), now));
        assert!(leaves.take_at(&to("8.8.8.8:53"), now));
        assert!(!leaves.take_at(&to("8.8.8.8:53"), now));
        leaves.give_at(Leave::Resolve("a.test".into()), now);
        assert!(!leaves.take_at(&Leave::Resolve("a.test".into()), now + GOOD));
        assert_eq!(leaves.given.lock().count, 0);
    }

    #[test]
    fn leaves_that_nobody_takes_are_bounded() {
        let leaves = Leaves::default();
        let now = Instant::now();
        for number in 0..MOST + 10 {
            leaves.give_at(Leave::Resolve(number.to_string()), now);
        }
        assert_eq!(leaves.given.lock().count, MOST);
        leaves.give_at(Leave::Resolve("late".into()), now + GOOD);
        assert!(leaves.take_at(&Leave::Resolve("late".into()), now + GOOD));
        assert_eq!(leaves.given.lock().count, 0);
    }
}
