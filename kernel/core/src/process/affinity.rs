//! The processors a process may run on: `sched_setaffinity(2)`.
//!
//! The set is kept, inherited and told; where a program's thread runs is the host's matter.

use std::fmt::Write;

use crate::system::MAX_PROCESSORS;

const BITS: u32 = u64::BITS;
const WORDS: usize = (MAX_PROCESSORS / BITS) as usize;

/// A set of processors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Affinity([u64; WORDS]);

impl Affinity {
    /// Processors 0 to `count` - 1.
    pub(crate) fn first(count: u32) -> Self {
        let mut words = [0; WORDS];
        let mut left = count;
        for word in &mut words {
            let here = left.min(BITS);
            *word = u64::MAX.checked_shr(BITS - here).unwrap_or(0);
            left -= here;
        }
        Self(words)
    }

    /// The set of a mask as a call gives it: little-endian, what is missing is 0, what is over is passed over.
    pub(crate) fn of_mask(mask: &[u8]) -> Self {
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(mask.chunks(size_of::<u64>())) {
            let mut whole = [0; size_of::<u64>()];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(whole);
        }
        Self(words)
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The lowest processor in it; 0 when there is none.
    pub(crate) fn lowest(self) -> u32 {
        (0..MAX_PROCESSORS)
            .find(|at| self.contains(*at))
            .unwrap_or(0)
    }

    /// How many there are.
    pub(crate) fn len(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    fn contains(self, processor: u32) -> bool {
        let word = self.0.get((processor / BITS) as usize);
        word.is_some_and(|word| word >> (processor % BITS) & 1 == 1)
    }

    /// The mask for a machine of so many processors: little-endian, in whole longs.
    pub(crate) fn mask(self, processors: u32) -> Vec<u8> {
        let words = processors.div_ceil(BITS) as usize;
        self.0
            .iter()
            .take(words)
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    /// As `Cpus_allowed` of `/proc/PID/status`: groups of 32 bits in hexadecimal, the highest first.
    pub(crate) fn hexadecimal(self, processors: u32) -> String {
        let mask = self.mask(processors);
        let groups = processors.div_ceil(32) as usize;
        let mut text = String::new();
        for group in mask.chunks(4).take(groups).rev() {
            let mut bytes = [0; 4];
            bytes[..group.len()].copy_from_slice(group);
            let value = u32::from_le_bytes(bytes);
            // Writing to a string cannot fail.
            if text.is_empty() {
                let digits = match processors % 32 {
                    0 => 8,
                    bits => bits.div_ceil(4) as usize,
                };
                write!(text, "{value:0digits$x}").ok();
            } else {
                write!(text, ",{value:08x}").ok();
            }
        }
        text
    }

    /// As `Cpus_allowed_list`: `0-3,6`.
    pub(crate) fn list(self) -> String {
        let mut text = String::new();
        let mut at = 0;
        while at < MAX_PROCESSORS {
            if !self.contains(at) {
                at += 1;
                continue;
            }
            let first = at;
            while self.contains(at + 1) {
                at += 1;
            }
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            if first == at {
                write!(text, "{comma}{at}").ok();
            } else {
                write!(text, "{comma}{first}-{at}").ok();
            }
            at += 1;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_told_as_linux_tells_it() {
        let four = Affinity::first(4);
        assert_eq!((four.len(), four.lowest()), (4, 0));
        assert_eq!(four.mask(4), [0xf, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            (four.hexadecimal(4), four.list()),
            ("f".into(), "0-3".into())
        );
        let all = Affinity::first(MAX_PROCESSORS);
        assert_eq!(all.len(), MAX_PROCESSORS);
        assert_eq!(all.list(), "0-1023");
        assert_eq!(Affinity::first(70).mask(70).len(), 16);
        assert_eq!(Affinity::first(36).hexadecimal(36), "f,ffffffff");
        let some = Affinity::of_mask(&[0b0100_1010]).and(four);
        assert_eq!(
            (some.list(), some.lowest(), some.len()),
            ("1,3".into(), 1, 2)
        );
        assert!(Affinity::of_mask(&[]).is_empty());
        assert!(Affinity::of_mask(&[0xf0]).and(four).is_empty());
    }
}
