//! The memory of a module: read and written by copies, every address checked.

use super::{Outcome, Refusal};
use crate::glue::{Value, with_bytes, with_bytes_mut};

/// The memory as it is during one call.
#[derive(Clone, Copy)]
pub(super) struct Memory<'s> {
    buffer: Value<'s>,
}

/// What is moved by one read or write of a file, at most: more is for the next call.
const MAX_TRANSFER: usize = 1 << 20;

fn span(address: u32, len: usize) -> std::ops::Range<usize> {
    let start = address as usize;
    start..start.saturating_add(len)
}

impl<'s> Memory<'s> {
    pub(super) const fn of(buffer: Value<'s>) -> Self {
        Self { buffer }
    }

    /// Copies bytes out.
    pub(super) fn read(&self, address: u32, len: u32) -> Outcome<Vec<u8>> {
        with_bytes(self.buffer, |bytes| {
            bytes.get(span(address, len as usize)).map(<[u8]>::to_vec)
        })
        .flatten()
        .ok_or(Refusal::OVERFLOW)
    }

    /// Copies bytes in.
    pub(super) fn write(&self, address: u32, data: &[u8]) -> Outcome {
        with_bytes_mut(self.buffer, |bytes| {
            bytes
                .get_mut(span(address, data.len()))
                .map(|target| target.copy_from_slice(data))
        })
        .flatten()
        .ok_or(Refusal::OVERFLOW)
    }

    pub(super) fn write_u32(&self, address: u32, value: usize) -> Outcome {
        let value = u32::try_from(value).map_err(|_| Refusal::OVERFLOW)?;
        self.write(address, &value.to_le_bytes())
    }

    /// Fails as writing there would.
    pub(super) fn check(&self, address: u32, len: usize) -> Outcome {
        with_bytes(self.buffer, |bytes| bytes.get(span(address, len)).is_some())
            .filter(|is_inside| *is_inside)
            .map(|_| ())
            .ok_or(Refusal::OVERFLOW)
    }

    /// The parts of a vector: address and length each.
    pub(super) fn vector(&self, address: u32, count: u32) -> Outcome<Vec<(u32, u32)>> {
        let len = count.checked_mul(8).ok_or(Refusal::OVERFLOW)?;
        let bytes = self.read(address, len)?;
        let (words, _) = bytes.as_chunks::<4>();
        let (pairs, _) = words.as_chunks::<2>();
        let parts: Vec<_> = pairs
            .iter()
            .map(|[part, len]| (u32::from_le_bytes(*part), u32::from_le_bytes(*len)))
            .collect();
        for (part, len) in &parts {
            self.check(*part, *len as usize)?;
        }
        Ok(parts)
    }

    /// The bytes of a vector, up to the most that one call moves.
    pub(super) fn gather(&self, parts: &[(u32, u32)]) -> Outcome<Vec<u8>> {
        let mut all = Vec::new();
        for (address, len) in parts {
            let room = u32::try_from(MAX_TRANSFER - all.len().min(MAX_TRANSFER)).unwrap_or(0);
            all.extend(self.read(*address, (*len).min(room))?);
        }
        Ok(all)
    }

    /// How many bytes a vector takes, up to the most that one call moves.
    pub(super) fn room(parts: &[(u32, u32)]) -> usize {
        parts
            .iter()
            .map(|(_, len)| *len as usize)
            .fold(0, usize::saturating_add)
            .min(MAX_TRANSFER)
    }

    /// Spreads bytes over a vector.
    pub(super) fn scatter(&self, parts: &[(u32, u32)], mut data: &[u8]) -> Outcome {
        for (address, len) in parts {
            let (now, later) = data.split_at(data.len().min(*len as usize));
            self.write(*address, now)?;
            data = later;
        }
        Ok(())
    }
}
