//! The variables that programs of a machine start with: [`Environment`].
//!
//! What rules decide is decided when the machine is made. What the embedder's code decides is asked for when the first program starts: a
//! machine in another process cannot ask before it is there.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::ask::Permit;

/// Variables by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    certain: Variables,
    undecided: Variables,
    settled: OnceLock<Variables>,
}

impl Environment {
    /// The machine's own variables, with those of the embedder over them that it may give.
    pub(crate) fn new(own: Variables, given: &Variables, permit: &Permit) -> Self {
        let (mut certain, mut undecided) = (own, Variables::new());
        for (name, value) in given {
            if permit.asks_about_env(name) {
                undecided.insert(name.clone(), value.clone());
            } else if permit.env(name, value) {
                certain.insert(name.clone(), value.clone());
            }
        }
        Self {
            certain,
            undecided,
            settled: OnceLock::new(),
        }
    }

    /// All of them, settled now.
    pub(crate) fn of(variables: Variables) -> Self {
        Self {
            certain: variables,
            ..Self::default()
        }
    }

    /// The variables; asks the embedder's code when it has not been asked yet, on this thread.
    pub(crate) fn settle(&self, permit: &Permit) -> &Variables {
        if self.undecided.is_empty() {
            return &self.certain;
        }
        self.settled.get_or_init(|| {
            let mut all = self.certain.clone();
            let asked = self.undecided.iter();
            let allowed = asked.filter(|(name, value)| permit.env(name, value));
            all.extend(allowed.map(|(name, value)| (name.clone(), value.clone())));
            all
        })
    }
}
