//! Which pages of a memory were written: what a fork has to copy.
//!
//! A pooled memory is a private mapping of the module's image, so a page is either untouched (the image's, or the zero
//! page) or an anonymous page of its own. Linux 6.7's `PAGEMAP_SCAN` on `/proc/self/pagemap` lists the latter, present
//! or swapped out, in one call. Where it is not to be had, pages are compared with the fresh child's.

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

const PAGE: usize = 4096;

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;

const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// Ranges asked for in one call.
const BATCH: usize = 128;

/// `struct pm_scan_arg`, all fields 64 bits.
#[repr(C)]
#[derive(Debug, Default)]
struct ScanArguments {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    region_count: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_any_of: u64,
    return_mask: u64,
}

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// Copies what differs between a parent's memory and a fresh instance's: `child` is at least as long as `parent`.
pub(super) fn copy(parent: &[u8], child: &mut [u8]) {
    if let Some(ranges) = written(parent) {
        for range in ranges {
            child[range.clone()].copy_from_slice(&parent[range]);
        }
    } else {
        for (from, to) in parent.chunks(PAGE).zip(child.chunks_mut(PAGE)) {
            if from != &to[..from.len()] {
                to[..from.len()].copy_from_slice(from);
            }
        }
    }
}

/// Lists the parts of `memory` that have pages of their own; `None` when the host cannot tell.
fn written(memory: &[u8]) -> Option<Vec<Range<usize>>> {
    static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
    let pagemap = PAGEMAP
        .get_or_init(|| File::open("/proc/self/pagemap").ok())
        .as_ref()?;
    let base = memory.as_ptr().addr();
    if !base.is_multiple_of(PAGE) {
        return None;
    }
    let end = base + memory.len();
    let mut found = Vec::new();
    let mut from = base;
    while from < end {
        let mut regions = [Region::default(); BATCH];
        let (count, reached) = scan(pagemap, from..end, &mut regions)?;
        for region in regions.get(..count)? {
            let start = usize::try_from(region.start).ok()?.checked_sub(base)?;
            let stop = usize::try_from(region.end).ok()?.checked_sub(base)?;
            found.push(start..stop.min(memory.len()));
        }
        if reached <= from {
            return None;
        }
        from = reached;
    }
    Some(found)
}

/// One call: how many regions were filled in, and up to where it looked.
#[expect(unsafe_code, reason = "the ioctl has no safe wrapper")]
fn scan(
    pagemap: &File,
    range: Range<usize>,
    regions: &mut [Region; BATCH],
) -> Option<(usize, usize)> {
    let mut arguments = ScanArguments {
        size: u64::try_from(size_of::<ScanArguments>()).ok()?,
        start: u64::try_from(range.start).ok()?,
        end: u64::try_from(range.end).ok()?,
        regions: u64::try_from(regions.as_mut_ptr().expose_provenance()).ok()?,
        region_count: u64::try_from(BATCH).ok()?,
        category_inverted: PAGE_IS_FILE | PAGE_IS_PFNZERO,
        category_mask: PAGE_IS_FILE | PAGE_IS_PFNZERO,
        category_any_of: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        return_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        ..ScanArguments::default()
    };
    // SAFETY: without flags the call only reads page tables of `start..end` and writes into `arguments` and into at most
    // `region_count` elements at `regions`; both are exclusively borrowed here and have the kernel's layout (repr(C), u64s).
    let count = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, &raw mut arguments) };
    Some((
        usize::try_from(count).ok()?,
        usize::try_from(arguments.walk_end).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_written_page_is_copied() {
        let parent: Vec<u8> = (0..PAGE * 5 + 100)
            .map(|index| u8::try_from(index % 251).unwrap())
            .collect();
        let mut child = vec![0; parent.len() + PAGE];
        copy(&parent, &mut child);
        assert_eq!(parent, child[..parent.len()]);
    }

    #[test]
    fn scan_finds_pages_of_a_fresh_mapping_that_were_written() {
        let mut memory = vec![0_u8; PAGE * 64];
        let offset = memory.as_ptr().align_offset(PAGE);
        let memory = &mut memory[offset..offset + PAGE * 62];
        memory[PAGE * 7] = 1;
        memory[PAGE * 30 + 5] = 1;
        let Some(ranges) = written(memory) else {
            return;
        };
        for page in [7, 30] {
            assert!(
                ranges.iter().any(|range| range.contains(&(PAGE * page))),
                "{ranges:?}"
            );
        }
    }
}
