//! Which parts of a linear memory are handed out: the bookkeeping behind `mmap`.
//!
//! [`AddressSpace`] knows ranges and nothing of their contents. Everything from the program's `__heap_base` up is given
//! out in pages of 4,096 bytes, lowest first, and taken back by `munmap`, for memory that is not reused makes every
//! later fork dearer. Above [`AddressSpace::untouched`] nothing was ever handed out, so it is still zero.

use std::collections::BTreeMap;
use std::ops::Range;

use cenote_abi::mman::PAGE_SIZE;

/// The page size of `mmap`.
pub(super) const PAGE: u64 = PAGE_SIZE as u64;

/// Ranges of a linear memory that are free.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressSpace {
    /// The first byte that is ours to give.
    start: u64,
    /// The end of what is known: the memory's size when it was last looked at.
    end: u64,
    /// From here up nothing was ever handed out.
    untouched: u64,
    /// Start to end of each free range; ranges neither touch nor overlap.
    free: BTreeMap<u64, u64>,
}

/// Rounds up to whole pages.
pub(super) const fn round_up(bytes: u64) -> u64 {
    bytes.saturating_add(PAGE - 1) / PAGE * PAGE
}

impl AddressSpace {
    /// The space from `heap_base` to the memory's size.
    pub(crate) fn new(heap_base: u32, size: u64) -> Self {
        let start = round_up(u64::from(heap_base)).min(size);
        let mut space = Self {
            start,
            end: size,
            untouched: start,
            free: BTreeMap::new(),
        };
        space.put_back(start..size);
        space
    }

    /// Whether nothing was ever said about the memory.
    pub(crate) fn is_unset(&self) -> bool {
        self.end == 0
    }

    /// The first byte that is ours; also the break, which never moves.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// From here up the memory is still zero.
    pub(super) fn untouched(&self) -> u64 {
        self.untouched
    }

    /// Takes note that the program itself grew the memory: what it got is not ours.
    pub(super) fn notice_size(&mut self, size: u64) {
        if size > self.end {
            self.end = size;
            self.untouched = self.untouched.max(size);
        }
    }

    /// Adds what the memory was just grown by, up to `size`.
    pub(super) fn extend(&mut self, size: u64) {
        let old = self.end;
        self.end = old.max(size);
        self.put_back(old..self.end);
    }

    /// Finds and takes the lowest free range of `len` bytes.
    pub(super) fn take(&mut self, len: u64) -> Option<u64> {
        let (start, _) = self
            .free
            .iter()
            .find(|(start, end)| **end - **start >= len)?;
        let start = *start;
        self.carve(start..start + len);
        Some(start)
    }

    /// How much the memory must grow before `len` bytes can be taken: the free bytes at its end count.
    pub(super) fn missing(&self, len: u64) -> u64 {
        let tail = self
            .free
            .last_key_value()
            .filter(|(_, end)| **end == self.end)
            .map_or(0, |(start, end)| end - start);
        len.saturating_sub(tail)
    }

    /// Takes exactly this range, as far as it is free. Tells whether all of it is ours to give.
    pub(super) fn take_fixed(&mut self, range: Range<u64>) -> bool {
        if !self.owns(&range) {
            return false;
        }
        self.carve(range);
        true
    }

    /// Tells whether every byte of the range is free.
    pub(super) fn is_free(&self, range: &Range<u64>) -> bool {
        self.free
            .range(..=range.start)
            .next_back()
            .is_some_and(|(_, end)| *end >= range.end)
    }

    /// Tells whether no byte of the range is free.
    pub(super) fn is_taken(&self, range: &Range<u64>) -> bool {
        self.owns(range)
            && self
                .free
                .range(..range.end)
                .next_back()
                .is_none_or(|(_, end)| *end <= range.start)
    }

    /// Tells whether the range lies in what this space governs.
    pub(super) fn owns(&self, range: &Range<u64>) -> bool {
        range.start <= range.end && range.start >= self.start && range.end <= self.end
    }

    /// Takes a range back.
    pub(super) fn put_back(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        // What is free already goes away first, so that nothing is counted twice.
        self.carve_only(&range);
        let mut merged = range;
        if let Some((start, end)) = self
            .free
            .range(..merged.start)
            .next_back()
            .map(|(s, e)| (*s, *e))
            && end == merged.start
        {
            self.free.remove(&start);
            merged.start = start;
        }
        if let Some(end) = self.free.remove(&merged.end) {
            merged.end = end;
        }
        self.free.insert(merged.start, merged.end);
    }

    fn carve(&mut self, range: Range<u64>) {
        self.untouched = self.untouched.max(range.end);
        self.carve_only(&range);
    }

    fn carve_only(&mut self, range: &Range<u64>) {
        let overlapping: Vec<(u64, u64)> = self
            .free
            .range(..range.end)
            .rev()
            .take_while(|(_, end)| **end > range.start)
            .map(|(start, end)| (*start, *end))
            .collect();
        for (start, end) in overlapping {
            self.free.remove(&start);
            if start < range.start {
                self.free.insert(start, range.start);
            }
            if end > range.end {
                self.free.insert(range.end, end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_given_back_is_given_again() {
        let mut space = AddressSpace::new(5000, 65536);
        assert_eq!(space.start(), 8192);
        let first = space.take(8192).unwrap();
        let second = space.take(4096).unwrap();
        assert_eq!((first, second), (8192, 16384));
        space.put_back(first..first + 8192);
        assert_eq!(space.take(4096), Some(8192));
        assert_eq!(space.take(8192), Some(20480));
        assert_eq!(space.take(4096), Some(12288));
    }

    #[test]
    fn free_ranges_merge_on_both_sides() {
        let mut space = AddressSpace::new(0, 65536);
        let all = space.take(65536).unwrap();
        assert_eq!(all, 0);
        space.put_back(0..4096);
        space.put_back(8192..12288);
        space.put_back(4096..8192);
        space.put_back(4096..8192);
        assert_eq!(space.take(12288), Some(0));
        assert_eq!(space.take(4096), None);
    }

    #[test]
    fn growth_counts_the_free_tail() {
        let mut space = AddressSpace::new(0, 65536);
        space.take(61440).unwrap();
        assert_eq!(space.missing(8192), 4096);
        space.extend(131_072);
        assert_eq!(space.take(8192), Some(61440));
        space.notice_size(196_608);
        assert_eq!(space.missing(131_072), 131_072);
        assert!(space.is_taken(&(131_072..196_608)));
    }

    #[test]
    fn fixed_ranges_may_cover_free_and_taken_pages() {
        let mut space = AddressSpace::new(4096, 65536);
        assert!(space.take_fixed(8192..16384));
        assert!(!space.is_free(&(12288..20480)));
        assert!(space.take_fixed(12288..20480));
        assert!(!space.take_fixed(0..8192));
        assert!(space.is_free(&(20480..65536)));
        assert_eq!(space.take(4096), Some(4096));
        assert_eq!(space.take(4096), Some(20480));
    }
}
