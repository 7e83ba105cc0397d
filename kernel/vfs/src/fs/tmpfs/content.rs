//! The bytes of a regular file: [`Content`], in chunks of which absent ones are holes.
//!
//! A chunk is as long as it was written; what follows up to the chunk's end reads as zeros. So small files are one
//! small allocation, large ones grow without being moved, and sparse ones cost what they hold. Copies share the list of chunks
//! until one is written to, and each chunk until it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::Whence;
use cenote_base::SysResult;

/// The size of a chunk.
pub(super) const CHUNK: usize = 64 << 10;
const CHUNK_U64: u64 = CHUNK as u64;
/// Chunks longer than this grow by this much, shorter ones by doubling.
const PAGE: usize = 4 << 10;

/// The bytes of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    size: u64,
    /// The sum of the chunks' lengths.
    stored: u64,
    /// The first chunk: all there is of most files.
    head: Arc<Vec<u8>>,
    /// The others, by index; none is empty.
    tail: Arc<BTreeMap<u64, Arc<Vec<u8>>>>,
}

/// A position within the chunks.
fn locate(offset: u64) -> (u64, usize) {
    // The remainder is below CHUNK.
    (
        offset / CHUNK_U64,
        usize::try_from(offset % CHUNK_U64).unwrap_or(0),
    )
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes are held in memory.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    fn chunk(&self, index: u64) -> &[u8] {
        if index == 0 {
            &self.head
        } else {
            self.tail.get(&index).map_or(&[], |chunk| chunk.as_slice())
        }
    }

    fn chunk_mut(&mut self, index: u64) -> &mut Vec<u8> {
        Arc::make_mut(if index == 0 {
            &mut self.head
        } else {
            Arc::make_mut(&mut self.tail).entry(index).or_default()
        })
    }

    /// Copies bytes out; 0 at or past the end.
    pub(super) fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = buf.len().min(left);
        let mut done = 0;
        while done < wanted {
            let (index, start) = locate(offset + done as u64);
            let step = (wanted - done).min(CHUNK - start);
            let Some(piece) = buf.get_mut(done..done + step) else {
                break;
            };
            let chunk = self.chunk(index);
            let held = chunk
                .get(start..chunk.len().min(start + step))
                .unwrap_or_default();
            let (filled, zeros) = piece.split_at_mut(held.len());
            filled.copy_from_slice(held);
            zeros.fill(0);
            done += step;
        }
        done
    }

    /// How many bytes would be held after a write that stays within one chunk.
    pub(super) fn stored_after(&self, offset: u64, len: usize) -> u64 {
        let (index, start) = locate(offset);
        let grows = (start + len).saturating_sub(self.chunk(index).len());
        self.stored + grows as u64
    }

    /// How much of a write at `offset` falls into its first chunk.
    pub(super) fn step(offset: u64, len: usize) -> usize {
        len.min(CHUNK - locate(offset).1)
    }

    /// Writes what stays within one chunk.
    pub(super) fn write_step(&mut self, offset: u64, bytes: &[u8]) {
        let (index, start) = locate(offset);
        let chunk = self.chunk_mut(index);
        let end = start + bytes.len();
        let before = chunk.len();
        if end > before {
            if end > chunk.capacity() && end > PAGE {
                chunk.reserve_exact(end.next_multiple_of(PAGE) - before);
            }
            // Fills a gap with zeros, or takes away what is about to be overwritten.
            chunk.resize(start, 0);
            chunk.extend_from_slice(bytes);
        } else if let Some(place) = chunk.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        self.stored += end.saturating_sub(before) as u64;
        self.size = self.size.max(offset + bytes.len() as u64);
    }

    /// Cuts, or lengthens with a hole.
    pub(super) fn resize(&mut self, size: u64) {
        if size < self.size {
            self.discard(size, u64::MAX);
        }
        self.size = size;
    }

    /// Makes a range a hole as far as chunks allow, and zero in any case. The size stays.
    pub(super) fn discard(&mut self, start: u64, end: u64) {
        let (first, from) = locate(start);
        let (last, to) = locate(end.min(self.size));
        if first == last && end < self.size {
            self.zero(first, from, to);
            return;
        }
        self.zero(first, from, CHUNK);
        if end < self.size {
            self.zero(last, 0, to);
        }
        let last_dropped = if end < self.size { last } else { u64::MAX };
        if self.tail.range(first + 1..).next().is_none() {
            return;
        }
        let tail = Arc::make_mut(&mut self.tail);
        let mut dropped = tail.split_off(&(first + 1));
        if last_dropped != u64::MAX {
            tail.append(&mut dropped.split_off(&last_dropped));
        }
        self.stored -= dropped
            .values()
            .map(|chunk| chunk.len() as u64)
            .sum::<u64>();
    }

    /// Zeroes a range of one chunk, shortening it where it can be.
    fn zero(&mut self, index: u64, from: usize, to: usize) {
        let len = self.chunk(index).len();
        if from >= len {
            return;
        }
        if to >= len {
            let chunk = self.chunk_mut(index);
            chunk.truncate(from);
            chunk.shrink_to(from.next_multiple_of(PAGE));
            self.stored -= (len - from) as u64;
            if from == 0 && index != 0 {
                Arc::make_mut(&mut self.tail).remove(&index);
            }
        } else if let Some(range) = self.chunk_mut(index).get_mut(from..to) {
            range.fill(0);
        }
    }

    /// Finds data or a hole at or after `offset`.
    pub(super) fn seek(&self, offset: u64, whence: Whence) -> SysResult<u64> {
        if offset >= self.size {
            return Err(Errno::ENXIO.into());
        }
        let mut at = offset;
        loop {
            let (index, start) = locate(at);
            // Data comes in pages, as on Linux: the rest of one that is begun reads as zeros and counts as data.
            let held = self.chunk(index).len().next_multiple_of(PAGE);
            let chunk_start = index * CHUNK_U64;
            if whence == Whence::Hole {
                // A partly filled chunk ends in a hole, or in the end of the file, which counts as one.
                if start >= held {
                    return Ok(at);
                }
                at = chunk_start + held as u64;
                if at >= self.size {
                    return Ok(self.size);
                }
            } else {
                if start < held {
                    return Ok(at);
                }
                let Some((&next, _)) = self.tail.range(index + 1..).next() else {
                    return Err(Errno::ENXIO.into());
                };
                at = next * CHUNK_U64;
                if at >= self.size {
                    return Err(Errno::ENXIO.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(content: &mut Content, offset: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let step = Content::step(at, bytes.len() - done);
            let expected = content.stored_after(at, step);
            content.write_step(at, &bytes[done..done + step]);
            assert_eq!(content.stored(), expected);
            done += step;
        }
        let sum: usize = content.head.len()
            + content
                .tail
                .values()
                .map(|chunk| chunk.len())
                .sum::<usize>();
        assert_eq!(content.stored(), sum as u64);
    }

    fn read(content: &Content, offset: u64, len: usize) -> Vec<u8> {
        let mut buf = vec![0xaa; len];
        let count = content.read(offset, &mut buf);
        buf.truncate(count);
        buf
    }

    #[test]
    fn matches_a_plain_vector_over_random_operations() {
        // A fixed linear congruence: the same run every time.
        let mut seed = 12_345_u64;
        let mut next = move |below: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut content = Content::default();
        let mut model: Vec<u8> = Vec::new();
        for round in 0..400 {
            let start = usize::try_from(next(300_000)).unwrap();
            let len = usize::try_from(next(100_000)).unwrap();
            let offset = start as u64;
            match next(6) {
                0..=2 => {
                    let bytes: Vec<u8> = (0..len)
                        .map(|index| u8::try_from((index + round) % 251).unwrap())
                        .collect();
                    write(&mut content, offset, &bytes);
                    if bytes.is_empty() {
                        continue;
                    }
                    let end = start + len;
                    model.resize(model.len().max(end), 0);
                    model[start..end].copy_from_slice(&bytes);
                }
                3 => {
                    content.resize(offset);
                    model.resize(start, 0);
                }
                4 => {
                    let end = (offset + len as u64).min(content.size());
                    if offset < end {
                        content.discard(offset, end);
                        model[start..usize::try_from(end).unwrap()].fill(0);
                    }
                }
                _ => {
                    let expected = model.get(start..).unwrap_or_default();
                    let expected = &expected[..expected.len().min(len)];
                    assert_eq!(read(&content, offset, len), expected);
                }
            }
            assert_eq!(content.size(), model.len() as u64);
            let sum: usize = content.head.len()
                + content
                    .tail
                    .values()
                    .map(|chunk| chunk.len())
                    .sum::<usize>();
            assert_eq!(content.stored(), sum as u64);
        }
        assert_eq!(read(&content, 0, 1 << 20), model);
    }

    #[test]
    fn a_far_write_costs_one_chunk_and_seek_finds_it() {
        let mut content = Content::default();
        let far = 1_u64 << 40;
        write(&mut content, far, b"x");
        assert_eq!((content.size(), content.stored()), (far + 1, 1));
        assert_eq!(content.seek(0, Whence::Data).unwrap(), far);
        assert_eq!(content.seek(0, Whence::Hole).unwrap(), 0);
        assert_eq!(content.seek(far, Whence::Hole).unwrap(), far + 1);
        content.resize(10);
        assert_eq!(content.stored(), 0);
        assert_eq!(
            content.seek(0, Whence::Data).unwrap_err().errno(),
            Errno::ENXIO
        );
    }

    #[test]
    fn copies_share_chunks_until_written() {
        let mut content = Content::default();
        write(&mut content, 0, &[1; CHUNK + 5]);
        let copy = content.clone();
        write(&mut content, 3, b"new");
        assert_eq!(read(&copy, 3, 3), [1, 1, 1]);
        assert!(Arc::ptr_eq(
            content.tail.get(&1).unwrap(),
            copy.tail.get(&1).unwrap()
        ));
    }
}
