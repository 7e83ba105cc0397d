//! Guest memory: every read and write of a program's linear memory, checked.
//!
//! [`GuestMemory`] borrows the whole memory for the length of a call. An address outside it, or zero, is `EFAULT`, as a
//! bad pointer is for Linux; for WASI ([`GuestMemory::from_zero`]) zero is an address like others. Numbers are little-endian; [`Layout`] is what a structure of fixed size implements
//! (`linux/layout.rs`). Strings and lists that a guest gives are bounded here, so no call can make the host allocate
//! more than [`MAX_STRINGS`] bytes for one argument.

use std::io::{IoSlice, IoSliceMut};

use cenote_abi::Errno;
use cenote_abi::fs::{IOV_MAX, PATH_MAX};
use cenote_base::{SysError, SysResult};

/// Bytes of arguments and environment together: Linux's default with an 8 MiB stack.
pub(crate) const MAX_STRINGS: usize = 2 << 20;

/// What one call moves at most; Linux's `MAX_RW_COUNT`.
const MAX_COUNT: usize = 0x7fff_f000;

/// A program's linear memory, borrowed for a call.
#[derive(Debug)]
pub(crate) struct GuestMemory<'a> {
    bytes: &'a mut [u8],
    zero_is_null: bool,
}

/// A structure with a fixed place for each field.
pub(crate) trait Layout<const SIZE: usize>: Sized {
    /// Reads the fields.
    fn decode(bytes: &[u8; SIZE]) -> SysResult<Self>;
}

const fn fault() -> SysError {
    SysError::with_note(Errno::EFAULT, "an address outside the program's memory")
}

impl<'a> GuestMemory<'a> {
    /// Wraps a memory in which zero is the null pointer.
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            bytes,
            zero_is_null: true,
        }
    }

    /// Wraps a memory whose addresses begin at zero: what WASI, which knows no null pointer, sees.
    pub(crate) fn from_zero(bytes: &'a mut [u8]) -> Self {
        Self {
            bytes,
            zero_is_null: false,
        }
    }

    /// The size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All of it, for the memory calls.
    pub(crate) fn all(&mut self) -> &mut [u8] {
        self.bytes
    }

    fn range(&self, address: u32, len: usize) -> SysResult<std::ops::Range<usize>> {
        let start = widen(address);
        let end = start.checked_add(len).ok_or(fault())?;
        if end > self.bytes.len() || (self.zero_is_null && address == 0 && len != 0) {
            return Err(fault());
        }
        Ok(start..end)
    }

    /// Borrows `len` bytes.
    pub(crate) fn slice(&self, address: u32, len: u32) -> SysResult<&[u8]> {
        let range = self.range(address, widen(len).min(MAX_COUNT))?;
        Ok(&self.bytes[range])
    }

    /// Borrows `len` bytes to be written.
    pub(crate) fn slice_mut(&mut self, address: u32, len: u32) -> SysResult<&mut [u8]> {
        let range = self.range(address, widen(len).min(MAX_COUNT))?;
        Ok(&mut self.bytes[range])
    }

    /// Copies a fixed number of bytes out.
    pub(crate) fn read<const N: usize>(&self, address: u32) -> SysResult<[u8; N]> {
        let range = self.range(address, N)?;
        <[u8; N]>::try_from(&self.bytes[range]).map_err(|_| fault())
    }

    /// Copies bytes in.
    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> SysResult {
        let range = self.range(address, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Copies bytes in unless the address is zero: for results a caller may not want.
    pub(crate) fn write_if_wanted(&mut self, address: u32, bytes: &[u8]) -> SysResult {
        if address == 0 {
            Ok(())
        } else {
            self.write(address, bytes)
        }
    }

    /// Copies in as much as fits into `room` bytes at `address`.
    pub(crate) fn write_truncated(&mut self, address: u32, room: u32, bytes: &[u8]) -> SysResult {
        let len = bytes.len().min(widen(room));
        self.write(address, &bytes[..len])
    }

    /// Reads a structure.
    pub(crate) fn get<T: Layout<N>, const N: usize>(&self, address: u32) -> SysResult<T> {
        T::decode(&self.read::<N>(address)?)
    }

    /// Reads a structure unless the address is zero.
    pub(crate) fn get_optional<T: Layout<N>, const N: usize>(
        &self,
        address: u32,
    ) -> SysResult<Option<T>> {
        if address == 0 {
            Ok(None)
        } else {
            self.get(address).map(Some)
        }
    }

    /// Reads 32 bits.
    pub(crate) fn u32(&self, address: u32) -> SysResult<u32> {
        self.read(address).map(u32::from_le_bytes)
    }

    /// Reads 32 bits as a signed number.
    pub(crate) fn i32(&self, address: u32) -> SysResult<i32> {
        self.read(address).map(i32::from_le_bytes)
    }

    /// Reads 64 bits.
    pub(crate) fn u64(&self, address: u32) -> SysResult<u64> {
        self.read(address).map(u64::from_le_bytes)
    }

    /// Borrows a path: the bytes before the first NUL.
    ///
    /// # Errors
    /// `EFAULT`: it leaves the memory. `ENAMETOOLONG`: `PATH_MAX` bytes without a NUL.
    pub(crate) fn path(&self, address: u32) -> SysResult<&[u8]> {
        self.string(address, PATH_MAX, Errno::ENAMETOOLONG)
    }

    /// Borrows a string of fewer than `limit` bytes; `too_long` is the error for longer ones.
    pub(crate) fn string(&self, address: u32, limit: usize, too_long: Errno) -> SysResult<&[u8]> {
        if address == 0 {
            return Err(fault());
        }
        let rest = self.bytes.get(widen(address)..).ok_or(fault())?;
        let window = &rest[..rest.len().min(limit)];
        match window.iter().position(|byte| *byte == 0) {
            Some(end) => Ok(&window[..end]),
            None if window.len() == limit => Err(too_long.into()),
            None => Err(fault()),
        }
    }

    /// Copies a list of strings that a zero pointer ends, `argv` or `envp`; no list is an empty one, as for Linux.
    ///
    /// # Errors
    /// `E2BIG`: more than `room` bytes with the pointers. `EFAULT`: something leaves the memory.
    pub(crate) fn strings(&self, address: u32, room: &mut usize) -> SysResult<Vec<Vec<u8>>> {
        let mut list = Vec::new();
        if address == 0 {
            return Ok(list);
        }
        let mut at = address;
        loop {
            let pointer = self.u32(at)?;
            if pointer == 0 {
                return Ok(list);
            }
            // Linux, fs/exec.c: one string may take 32 pages.
            let text = self.string(pointer, 131_072, Errno::E2BIG)?;
            *room = room.checked_sub(text.len() + 1 + 8).ok_or(Errno::E2BIG)?;
            list.push(text.to_vec());
            at = at.checked_add(4).ok_or(fault())?;
        }
    }

    /// Reads an array of `iovec`: address and length, 32 bits each.
    pub(crate) fn iovecs(&self, address: u32, count: i32) -> SysResult<Vec<(u32, u32)>> {
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= IOV_MAX)
            .ok_or(Errno::EINVAL)?;
        let array = &self.bytes[self.range(address, count * 8)?];
        let mut total: usize = 0;
        let mut list = Vec::with_capacity(count);
        for entry in array.chunks_exact(8) {
            let base = number(&entry[..4]);
            let len = number(&entry[4..]);
            // readv(2): a length that does not fit `ssize_t`.
            if len > i32::MAX.cast_unsigned() {
                return Err(Errno::EINVAL.into());
            }
            let len = widen(len).min(MAX_COUNT - total);
            total += len;
            self.range(base, len)?;
            list.push((base, u32::try_from(len).map_err(|_| Errno::EINVAL)?));
        }
        Ok(list)
    }

    /// Borrows the parts of an `iovec` array to be read from.
    pub(crate) fn io_slices(&self, parts: &[(u32, u32)]) -> SysResult<Vec<IoSlice<'_>>> {
        parts
            .iter()
            .map(|(address, len)| self.slice(*address, *len).map(IoSlice::new))
            .collect()
    }

    /// Borrows the parts of an `iovec` array to be written to; `None` when parts overlap.
    pub(crate) fn io_slices_mut(
        &mut self,
        parts: &[(u32, u32)],
    ) -> SysResult<Option<Vec<IoSliceMut<'_>>>> {
        let mut order: Vec<usize> = (0..parts.len())
            .filter(|index| parts[*index].1 != 0)
            .collect();
        order.sort_by_key(|index| parts[*index].0);
        let mut slices: Vec<Option<&mut [u8]>> = parts.iter().map(|_| None).collect();
        let (mut rest, mut offset) = (&mut *self.bytes, 0_usize);
        for index in order {
            let (address, len) = (widen(parts[index].0), widen(parts[index].1));
            let Some(skip) = address.checked_sub(offset) else {
                return Ok(None);
            };
            if rest.len() < skip || rest.len() - skip < len {
                return Err(fault());
            }
            let (part, after) = rest.split_at_mut(skip).1.split_at_mut(len);
            slices[index] = Some(part);
            rest = after;
            offset = address + len;
        }
        Ok(Some(
            slices
                .into_iter()
                .map(|part| IoSliceMut::new(part.unwrap_or_default()))
                .collect(),
        ))
    }
}

/// Four little-endian bytes of a slice that is known to have them; zero where it has not.
pub(crate) fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_le_bytes)
}

/// A 32-bit address or length as an index. This runtime needs 64-bit hosts, where it always fits.
#[expect(
    clippy::as_conversions,
    reason = "usize has at least 32 bits on every host this builds for"
)]
pub(crate) const fn widen(value: u32) -> usize {
    value as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errno<T: std::fmt::Debug>(result: SysResult<T>) -> Errno {
        result.unwrap_err().errno()
    }

    #[test]
    fn addresses_outside_are_faults() {
        let mut bytes = [7_u8; 64];
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.slice(60, 4).unwrap(), [7; 4]);
        assert_eq!(errno(memory.slice(61, 4)), Errno::EFAULT);
        assert_eq!(errno(memory.slice(u32::MAX, u32::MAX)), Errno::EFAULT);
        assert_eq!(errno(memory.slice(0, 1)), Errno::EFAULT);
        assert!(memory.slice(0, 0).unwrap().is_empty());
        assert_eq!(errno(memory.path(1)), Errno::EFAULT);
    }

    #[test]
    fn overlapping_parts_are_not_lent_twice() {
        let mut bytes = [0_u8; 64];
        let mut memory = GuestMemory::new(&mut bytes);
        assert!(memory.io_slices_mut(&[(8, 8), (12, 8)]).unwrap().is_none());
        let parts = memory
            .io_slices_mut(&[(32, 4), (8, 8), (16, 0), (16, 2)])
            .unwrap()
            .unwrap();
        assert_eq!(
            parts.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [4, 8, 0, 2]
        );
    }

    #[test]
    fn string_lists_are_bounded() {
        let mut bytes = vec![0_u8; 4096];
        bytes[100] = b'x';
        bytes[8..12].copy_from_slice(&100_u32.to_le_bytes());
        let memory = GuestMemory::new(&mut bytes);
        let mut room = 1000;
        assert_eq!(memory.strings(8, &mut room).unwrap(), [b"x".to_vec()]);
        assert_eq!(room, 990);
        let mut room = 9;
        assert_eq!(errno(memory.strings(8, &mut room)), Errno::E2BIG);
    }
}
