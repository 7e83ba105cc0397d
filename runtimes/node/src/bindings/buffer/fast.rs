//! What optimised JavaScript calls of `internalBinding('buffer')`. Functions that write into arrays return nothing (see
//! `glue/fast.rs`); lib/buffer.js looks at none of their results.

use crate::glue::{
    Failure, FastContext, Value, copy_bytes_between, fast_call, size_of_number, with_bytes,
};

use super::{Search, compare_parts, compare_values, end_of, holds, not_bytes, swap_groups};

fast_call!(BYTE_LENGTH_UTF8: byte_length_utf8(text) -> u32);
fast_call!(COPY: copy(value, value, f64, f64, f64) -> void);
fast_call!(COPY_ARRAY_BUFFER: copy_array_buffer(value, f64, value, f64, f64) -> void);
fast_call!(COMPARE: compare(value, value) -> i32);
fast_call!(COMPARE_OFFSET: compare_offset(value, value, f64, f64, f64, f64) -> i32);
fast_call!(INDEX_OF_NUMBER: index_of_number(value, f64, f64, bool, value) -> f64);
fast_call!(SWAP16: swap::<2>(value) -> void);
fast_call!(SWAP32: swap::<4>(value) -> void);
fast_call!(SWAP64: swap::<8>(value) -> void);
fast_call!(IS_UTF8: is_utf8(value) -> bool);
fast_call!(IS_ASCII: is_ascii(value) -> bool);

#[expect(clippy::unnecessary_wraps, reason = "the shape of fast calls")]
fn byte_length_utf8(_: FastContext<'_>, text: &[u8]) -> Result<u32, Failure> {
    let two_bytes = text.iter().filter(|byte| !byte.is_ascii()).count();
    // A string has at most 2^29 characters.
    Ok(u32::try_from(text.len() + two_bytes).unwrap_or(u32::MAX))
}

fn copy(
    _: FastContext<'_>,
    source: Value<'_>,
    target: Value<'_>,
    target_start: f64,
    source_start: f64,
    length: f64,
) -> Result<(), Failure> {
    let (to, from) = (size_of_number(target_start)?, size_of_number(source_start)?);
    copy_bytes_between(source, from, target, to, size_of_number(length)?).ok_or_else(not_bytes)?;
    Ok(())
}

fn copy_array_buffer(
    context: FastContext<'_>,
    target: Value<'_>,
    target_start: f64,
    source: Value<'_>,
    source_start: f64,
    length: f64,
) -> Result<(), Failure> {
    copy(context, source, target, target_start, source_start, length)
}

fn compare(_: FastContext<'_>, left: Value<'_>, right: Value<'_>) -> Result<i32, Failure> {
    compare_values(left, right)
}

fn compare_offset(
    _: FastContext<'_>,
    source: Value<'_>,
    target: Value<'_>,
    target_start: f64,
    source_start: f64,
    target_end: f64,
    source_end: f64,
) -> Result<i32, Failure> {
    let target_part = (size_of_number(target_start)?, size_of_number(target_end)?);
    let source_part = (size_of_number(source_start)?, size_of_number(source_end)?);
    compare_parts(source, source_part, target, target_part)
}

fn index_of_number(
    _: FastContext<'_>,
    buffer: Value<'_>,
    byte: f64,
    offset: f64,
    forward: bool,
    end: Value<'_>,
) -> Result<f64, Failure> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "JavaScript gives a 32-bit number, of which the last byte counts; offsets saturate"
    )]
    let (byte, offset) = ((byte as u32).to_le_bytes()[0], offset as i64);
    let search = Search {
        needle: &[byte],
        is_wide: false,
        forward,
        offset,
        end: end_of(end),
    };
    let found = with_bytes(buffer, |bytes| search.run(bytes)).ok_or_else(not_bytes)?;
    #[expect(clippy::cast_precision_loss, reason = "positions fit a double")]
    Ok(found.map_or(-1.0, |at| at as f64))
}

fn swap<const N: usize>(_: FastContext<'_>, value: Value<'_>) -> Result<(), Failure> {
    swap_groups::<N>(value)
}

fn is_utf8(_: FastContext<'_>, value: Value<'_>) -> Result<bool, Failure> {
    holds(value, |bytes| std::str::from_utf8(bytes).is_ok())
}

fn is_ascii(_: FastContext<'_>, value: Value<'_>) -> Result<bool, Failure> {
    holds(value, <[u8]>::is_ascii)
}
