//! A sorted map of numbers whose copies share everything until one side changes: [`Trie`].
//!
//! Copying one takes a moment, however large it is; a change after that copies the few branches on the way to it. Five bits of the
//! number choose the way at each branch, the highest first; what is alone below a branch is kept in the branch. The height follows the
//! largest number, so small numbers and scattered ones both have short ways.

use std::sync::Arc;

/// The bits of a number that one branch looks at.
const BITS: u32 = 5;

/// Numbers and what they stand for.
#[derive(Clone, Debug)]
pub(super) struct Trie<T> {
    root: Option<Arc<Branch<T>>>,
    /// How many branches lie on the longest way.
    levels: u32,
}

#[derive(Clone, Debug)]
struct Branch<T> {
    /// Which of the 32 ways are there; the slots are in their order.
    bitmap: u32,
    slots: Vec<Slot<T>>,
}

#[derive(Clone, Debug)]
enum Slot<T> {
    Leaf(u64, T),
    Branch(Arc<Branch<T>>),
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self {
            root: None,
            levels: 1,
        }
    }
}

/// How many levels a number needs.
fn levels_of(key: u64) -> u32 {
    (u64::BITS - key.leading_zeros()).div_ceil(BITS).max(1)
}

/// The way that a number takes at a level, counted from below.
fn digit(key: u64, level: u32) -> u32 {
    // Five bits fit.
    u32::try_from(key >> (BITS * level) & 31).unwrap_or(0)
}

impl<T> Branch<T> {
    fn new() -> Self {
        Self {
            bitmap: 0,
            slots: Vec::new(),
        }
    }

    /// The bit of a way, and where its slot is or would be.
    fn place(&self, digit: u32) -> (u32, usize) {
        let bit = 1 << digit;
        (bit, (self.bitmap & (bit - 1)).count_ones() as usize)
    }

    fn slot(&self, digit: u32) -> Option<&Slot<T>> {
        let (bit, index) = self.place(digit);
        if self.bitmap & bit == 0 {
            return None;
        }
        self.slots.get(index)
    }

    /// Tells what lies at or after `from`, or everything; answers whether to go on.
    fn visit(
        &self,
        level: u32,
        from: u64,
        is_bound: bool,
        tell: &mut dyn FnMut(u64, &T) -> bool,
    ) -> bool {
        let first = if is_bound { digit(from, level) } else { 0 };
        let mut ways = self.bitmap;
        for slot in &self.slots {
            let way = ways.trailing_zeros();
            ways &= ways.wrapping_sub(1);
            if way < first {
                continue;
            }
            let goes_on = match slot {
                Slot::Leaf(key, value) => *key < from || tell(*key, value),
                Slot::Branch(branch) => branch.visit(
                    level.saturating_sub(1),
                    from,
                    is_bound && way == first,
                    tell,
                ),
            };
            if !goes_on {
                return false;
            }
        }
        true
    }
}

impl<T: Clone> Branch<T> {
    fn insert(&mut self, level: u32, key: u64, value: T) -> Option<T> {
        let (bit, index) = self.place(digit(key, level));
        if self.bitmap & bit == 0 {
            self.bitmap |= bit;
            self.slots.insert(index, Slot::Leaf(key, value));
            return None;
        }
        let slot = self.slots.get_mut(index)?;
        if let Slot::Leaf(held, before) = slot {
            if *held == key {
                return Some(std::mem::replace(before, value));
            }
            let leaf = std::mem::replace(slot, Slot::Branch(Arc::new(Self::new())));
            if let (Slot::Leaf(held, before), Slot::Branch(branch)) = (leaf, &mut *slot) {
                let branch = Arc::make_mut(branch);
                branch.insert(level.saturating_sub(1), held, before);
            }
        }
        match slot {
            Slot::Branch(branch) => {
                Arc::make_mut(branch).insert(level.saturating_sub(1), key, value)
            }
            Slot::Leaf(..) => None,
        }
    }

    /// Removes a number that is there.
    fn remove(&mut self, level: u32, key: u64) -> Option<T> {
        let (bit, index) = self.place(digit(key, level));
        let slot = self.slots.get_mut(index)?;
        let Slot::Branch(branch) = slot else {
            self.bitmap &= !bit;
            return match self.slots.remove(index) {
                Slot::Leaf(_, value) => Some(value),
                Slot::Branch(_) => None,
            };
        };
        let branch = Arc::make_mut(branch);
        let removed = branch.remove(level.saturating_sub(1), key);
        // A leaf that is alone moves up, so that no way is longer than it must be.
        let is_alone = matches!(branch.slots.as_slice(), [Slot::Leaf(..)]);
        if is_alone && let Some(leaf) = branch.slots.pop() {
            *slot = leaf;
        }
        removed
    }
}

impl<T> Trie<T> {
    pub(super) fn get(&self, key: u64) -> Option<&T> {
        if levels_of(key) > self.levels {
            return None;
        }
        let mut branch = self.root.as_ref()?;
        let mut level = self.levels;
        loop {
            level = level.checked_sub(1)?;
            match branch.slot(digit(key, level))? {
                Slot::Leaf(held, value) => return (*held == key).then_some(value),
                Slot::Branch(next) => branch = next,
            }
        }
    }

    /// Tells what lies at or after `from`, in order, until `tell` answers false.
    pub(super) fn visit_from(&self, from: u64, tell: &mut dyn FnMut(u64, &T) -> bool) {
        if levels_of(from) <= self.levels
            && let Some(root) = &self.root
        {
            root.visit(self.levels.saturating_sub(1), from, true, tell);
        }
    }
}

impl<T: Clone> Trie<T> {
    pub(super) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        // What is not there must not cost a copy of the way to it.
        self.get(key)?;
        let mut branch = Arc::make_mut(self.root.as_mut()?);
        let mut level = self.levels;
        loop {
            level = level.checked_sub(1)?;
            let (_, index) = branch.place(digit(key, level));
            match branch.slots.get_mut(index)? {
                Slot::Leaf(_, value) => return Some(value),
                Slot::Branch(next) => branch = Arc::make_mut(next),
            }
        }
    }

    /// Sets what a number stands for; answers what it stood for before.
    pub(super) fn insert(&mut self, key: u64, value: T) -> Option<T> {
        let levels = levels_of(key);
        match &mut self.root {
            None => self.levels = levels,
            Some(root) => {
                while self.levels < levels {
                    let lower = std::mem::replace(root, Arc::new(Branch::new()));
                    let upper = Arc::make_mut(root);
                    upper.bitmap = 1;
                    upper.slots.push(Slot::Branch(lower));
                    self.levels += 1;
                }
            }
        }
        let root = self.root.get_or_insert_with(|| Arc::new(Branch::new()));
        Arc::make_mut(root).insert(self.levels.saturating_sub(1), key, value)
    }

    pub(super) fn remove(&mut self, key: u64) -> Option<T> {
        self.get(key)?;
        let root = self.root.as_mut()?;
        let removed = Arc::make_mut(root).remove(self.levels.saturating_sub(1), key);
        if root.slots.is_empty() {
            *self = Self::default();
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn all(trie: &Trie<u64>, from: u64) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        trie.visit_from(from, &mut |key, value| {
            found.push((key, *value));
            true
        });
        found
    }

    #[test]
    fn matches_a_sorted_map_and_copies_stay_as_they_were() {
        let mut seed = 99_u64;
        let mut next = move || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            seed >> 11
        };
        let (mut trie, mut model) = (Trie::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for round in 0..6_000_u64 {
            // Small numbers, scattered ones, and the largest.
            let key = match next() % 4 {
                0 => next() % 50,
                1 => next() % 3_000,
                2 => u64::MAX - next() % 40,
                _ => (next() % 500).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            };
            if next() % 3 == 0 {
                assert_eq!(trie.remove(key), model.remove(&key));
            } else {
                assert_eq!(trie.insert(key, round), model.insert(key, round));
            }
            assert_eq!(trie.get(key), model.get(&key));
            if let Some(value) = trie.get_mut(key) {
                *value += 1;
                *model.get_mut(&key).unwrap() += 1;
            }
            if round % 500 == 0 {
                copies.push((trie.clone(), model.clone()));
                let from = next() % 4_000;
                let expected: Vec<_> = model.range(from..).map(|(k, v)| (*k, *v)).collect();
                assert_eq!(all(&trie, from), expected);
            }
        }
        for (trie, model) in copies {
            let expected: Vec<_> = model.into_iter().collect();
            assert_eq!(all(&trie, 0), expected);
        }
        for (key, _) in all(&trie, 0) {
            trie.remove(key);
        }
        assert!(trie.root.is_none());
    }
}
