//! `internalBinding('buffer')`: what `Buffer` does natively. Node: `src/node_buffer.cc`, lib/buffer.js, lib/internal/buffer.js.

mod fast;

use crate::encoding::{BASE64, Encoding, base64_digit, encode_base64, to_bytes, to_js, units};
use crate::environment::Stored;
use crate::glue::{
    Args, Binding, BindingResult, Failure, Return, Scope, ScopeExt, Value, copy_bytes,
    copy_bytes_between, with_bytes, with_bytes_mut,
};

pub(super) const BINDING: Binding = Binding::new("buffer")
    .function("setBufferPrototype", set_buffer_prototype)
    .function("setDetachKey", set_detach_key)
    .function("createUnsafeArrayBuffer", create_unsafe_array_buffer)
    .function("byteLengthUtf8", byte_length_utf8)
    .fast(&fast::BYTE_LENGTH_UTF8)
    .function("copy", copy)
    .fast(&fast::COPY)
    .function("copyArrayBuffer", copy_array_buffer)
    .fast(&fast::COPY_ARRAY_BUFFER)
    .function("compare", compare)
    .fast(&fast::COMPARE)
    .function("compareOffset", compare_offset)
    .fast(&fast::COMPARE_OFFSET)
    .function("fill", fill)
    .function("indexOfBuffer", index_of_buffer)
    .function("indexOfNumber", index_of_number)
    .fast(&fast::INDEX_OF_NUMBER)
    .function("indexOfString", index_of_string)
    .function("swap16", swap16)
    .fast(&fast::SWAP16)
    .function("swap32", swap32)
    .fast(&fast::SWAP32)
    .function("swap64", swap64)
    .fast(&fast::SWAP64)
    .function("isUtf8", is_utf8)
    .fast(&fast::IS_UTF8)
    .function("isAscii", is_ascii)
    .fast(&fast::IS_ASCII)
    .function("atob", atob)
    .function("btoa", btoa)
    .function("asciiSlice", ascii_slice)
    .function("base64Slice", base64_slice)
    .function("base64urlSlice", base64url_slice)
    .function("latin1Slice", latin1_slice)
    .function("hexSlice", hex_slice)
    .function("ucs2Slice", ucs2_slice)
    .function("utf8Slice", utf8_slice)
    .function("base64Write", base64_write)
    .function("base64urlWrite", base64_write)
    .function("hexWrite", hex_write)
    .function("ucs2Write", ucs2_write)
    .function("asciiWriteStatic", latin1_write)
    .function("latin1WriteStatic", latin1_write)
    .function("utf8WriteStatic", utf8_write);

fn not_bytes() -> Failure {
    Failure::type_error("ERR_INVALID_ARG_TYPE", "argument must be a buffer")
}

fn out_of_bounds() -> Failure {
    Failure::range_error("ERR_OUT_OF_RANGE", "Index out of range")
}

fn set_buffer_prototype<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prototype = args.object(0)?;
    scope
        .env()
        .store(scope, Stored::BufferPrototype, prototype.into());
    Ok(().into())
}

/// Forbids detaching an array buffer without this key: Node's buffer pool must not be transferred away.
fn set_detach_key<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(args.get(0)) {
        buffer.set_detach_key(args.get(1));
    }
    Ok(().into())
}

/// `new ArrayBuffer(size)`; zeroed, because a guest must not see what was there before.
fn create_unsafe_array_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let size = args.usize(0)?;
    Ok(crate::glue::allocate_array_buffer(scope, size)?.into())
}

#[expect(clippy::cast_precision_loss, reason = "lengths fit a double")]
fn count<'s>(count: usize) -> Return<'s> {
    u32::try_from(count).map_or(Return::Double(count as f64), Return::Uint)
}

fn byte_length_utf8<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let string = args.string(0)?;
    Ok(count(string.utf8_length(scope)))
}

/// `copy(source, target, targetStart, sourceStart, length)`; the ranges are checked again here.
fn copy<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (target_start, source_start, length) = (args.usize(2)?, args.usize(3)?, args.usize(4)?);
    let copied = copy_bytes_between(args.get(0), source_start, args.get(1), target_start, length)
        .ok_or_else(not_bytes)?;
    Ok(count(copied))
}

/// `copyArrayBuffer(destination, destinationOffset, source, sourceOffset, length)`.
fn copy_array_buffer<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (to, from, length) = (args.usize(1)?, args.usize(3)?, args.usize(4)?);
    copy_bytes_between(args.get(2), from, args.get(0), to, length).ok_or_else(not_bytes)?;
    Ok(().into())
}

const fn order(ordering: std::cmp::Ordering) -> i32 {
    match ordering {
        std::cmp::Ordering::Less => -1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 1,
    }
}

fn compare<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(compare_values(args.get(0), args.get(1))?.into())
}

/// Which of two byte sequences comes first: -1, 0 or 1.
fn compare_values(left: Value<'_>, right: Value<'_>) -> Result<i32, Failure> {
    let ordering = with_bytes(left, |left| with_bytes(right, |right| left.cmp(right))).flatten();
    ordering.map(order).ok_or_else(not_bytes)
}

/// `compareOffset(source, target, targetStart, sourceStart, targetEnd, sourceEnd)`.
fn compare_offset<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let target = (args.usize(2)?, args.usize(4)?);
    let source = (args.usize(3)?, args.usize(5)?);
    Ok(compare_parts(args.get(0), source, args.get(1), target)?.into())
}

/// Which of two parts, each given by its start and its end, comes first.
fn compare_parts(
    source: Value<'_>,
    (source_start, source_end): (usize, usize),
    target: Value<'_>,
    (target_start, target_end): (usize, usize),
) -> Result<i32, Failure> {
    fn part<'a>(
        bytes: &'a [u8],
        start: usize,
        end: usize,
        name: &str,
    ) -> Result<&'a [u8], Failure> {
        let rest = bytes.get(start..).ok_or_else(|| {
            let message = format!("The value of \"{name}\" is out of range.");
            Failure::range_error("ERR_OUT_OF_RANGE", message)
        })?;
        Ok(rest.get(..end.saturating_sub(start)).unwrap_or(rest))
    }
    with_bytes(source, |source| {
        let source = part(source, source_start, source_end, "sourceStart")?;
        with_bytes(target, |target| {
            let target = part(target, target_start, target_end, "targetStart")?;
            Ok(order(source.cmp(target)))
        })
        .ok_or_else(not_bytes)?
    })
    .ok_or_else(not_bytes)?
}

/// `fill(buffer, value, start, end, encoding)`: -1 for an empty pattern, -2 past the end.
fn fill<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let start = args.usize(2).map_err(|_| out_of_bounds())?;
    let end = args.usize(3).map_err(|_| out_of_bounds())?;
    let value = args.get(1);
    let pattern = if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
        let encoding = Encoding::parse(scope, args.get(4), Encoding::Utf8);
        to_bytes(scope, string, encoding)
    } else if let Some(bytes) = copy_bytes(value) {
        bytes
    } else {
        let byte = value.uint32_value(scope).ok_or(Failure::Pending)?;
        vec![byte.to_le_bytes()[0]]
    };
    let outcome = with_bytes_mut(args.get(0), |bytes| {
        if start > end || end > bytes.len() {
            return -2;
        }
        if start == end {
            return 0;
        }
        if pattern.is_empty() {
            return -1;
        }
        for (place, byte) in bytes
            .get_mut(start..end)
            .unwrap_or_default()
            .iter_mut()
            .zip(pattern.iter().cycle())
        {
            *place = *byte;
        }
        0
    });
    let code = outcome.ok_or_else(not_bytes)?;
    Ok(if code == 0 {
        Return::Undefined
    } else {
        code.into()
    })
}

/// Where a search begins, as `Buffer.prototype.indexOf` counts: `None` when nothing can be found. Node: `IndexOfOffset`.
fn search_start(length: usize, offset: i64, needle: usize, forward: bool) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let needle = i64::try_from(needle).ok()?;
    let start = if offset < 0 {
        if offset + length >= 0 {
            length + offset
        } else if forward || needle == 0 {
            0
        } else {
            return None;
        }
    } else if offset + needle <= length {
        offset
    } else if needle == 0 {
        length
    } else if forward {
        return None;
    } else {
        length - 1
    };
    usize::try_from(start).ok()
}

/// Position of the first (or last) place at or after (at or before) `start`, in steps.
fn find(bytes: &[u8], needle: &[u8], start: usize, forward: bool, step: usize) -> Option<usize> {
    let last = bytes.len().checked_sub(needle.len())?;
    let matches = |at: &usize| bytes.get(*at..*at + needle.len()) == Some(needle);
    if forward {
        if step == 1
            && let [byte] = needle
        {
            return bytes
                .get(start..)?
                .iter()
                .position(|candidate| candidate == byte)
                .map(|at| at + start);
        }
        (start..=last).step_by(step).find(matches)
    } else {
        let first = start.min(last);
        let first = first - first % step;
        (0..=first).rev().filter(|at| at % step == 0).find(matches)
    }
}

#[expect(clippy::cast_precision_loss, reason = "positions fit a double")]
fn position<'s>(found: Option<usize>) -> Return<'s> {
    found.map_or(Return::Int(-1), |at| {
        i32::try_from(at).map_or(Return::Double(at as f64), Return::Int)
    })
}

/// What to look for, and how.
struct Search<'a> {
    needle: &'a [u8],
    /// Only whole UTF-16 units match.
    is_wide: bool,
    forward: bool,
    /// Where it begins, counted from the end when negative.
    offset: i64,
    /// Where it ends, unless it goes to the buffer's end.
    end: Option<f64>,
}

impl Search<'_> {
    fn run(&self, bytes: &[u8]) -> Option<usize> {
        let limit = self.end.map_or(bytes.len(), |end| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturating"
            )]
            {
                (end.max(0.0) as usize).min(bytes.len())
            }
        });
        let bytes = bytes.get(..limit).unwrap_or_default();
        let start = search_start(bytes.len(), self.offset, self.needle.len(), self.forward)?;
        if self.needle.is_empty() {
            return Some(start);
        }
        if self.needle.len() > bytes.len() || bytes.is_empty() {
            return None;
        }
        let step = if self.is_wide { 2 } else { 1 };
        if self.is_wide && (bytes.len() < 2 || self.needle.len() < 2) {
            return None;
        }
        find(bytes, self.needle, start, self.forward, step)
    }
}

fn end_of(end: Value<'_>) -> Option<f64> {
    v8::Local::<v8::Number>::try_from(end)
        .ok()
        .map(|end| end.value())
}

fn search<'s>(
    args: &Args<'s>,
    needle: &[u8],
    is_wide: bool,
    forward: bool,
    end: Value<'s>,
) -> BindingResult<'s> {
    let search = Search {
        needle,
        is_wide,
        forward,
        offset: args.i64(2)?,
        end: end_of(end),
    };
    let found = with_bytes(args.get(0), |bytes| search.run(bytes));
    Ok(position(found.ok_or_else(not_bytes)?))
}

/// `indexOfString(buffer, value, byteOffset, encoding, isForward, end)`.
fn index_of_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let string = args.string(1)?;
    let encoding = Encoding::parse(scope, args.get(3), Encoding::Utf8);
    let forward = args.bool(scope, 4);
    let needle = to_bytes(scope, string, encoding);
    search(
        args,
        &needle,
        encoding == Encoding::Ucs2,
        forward,
        args.get(5),
    )
}

fn index_of_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let needle = copy_bytes(args.get(1)).ok_or_else(not_bytes)?;
    let encoding = Encoding::parse(scope, args.get(3), Encoding::Utf8);
    let forward = args.bool(scope, 4);
    search(
        args,
        &needle,
        encoding == Encoding::Ucs2,
        forward,
        args.get(5),
    )
}

/// `indexOfNumber(buffer, byte, byteOffset, isForward, end)`.
fn index_of_number<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let byte = args.u32(scope, 1)?.to_le_bytes()[0];
    let forward = args.bool(scope, 3);
    search(args, &[byte], false, forward, args.get(4))
}

fn swap<'s, const N: usize>(args: &Args<'s>) -> BindingResult<'s> {
    swap_groups::<N>(args.get(0))?;
    Ok(args.get(0).into())
}

/// Turns each group of `N` bytes round.
fn swap_groups<const N: usize>(value: Value<'_>) -> Result<(), Failure> {
    with_bytes_mut(value, |bytes| {
        bytes
            .as_chunks_mut::<N>()
            .0
            .iter_mut()
            .for_each(|group| group.reverse())
    })
    .ok_or_else(not_bytes)
}

fn swap16<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    swap::<2>(args)
}

fn swap32<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    swap::<4>(args)
}

fn swap64<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    swap::<8>(args)
}

fn is_utf8<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(holds(args.get(0), |bytes| std::str::from_utf8(bytes).is_ok())?.into())
}

fn is_ascii<'s>(_: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(holds(args.get(0), <[u8]>::is_ascii)?.into())
}

/// Whether the bytes are so; a detached buffer has none.
fn holds(value: Value<'_>, are_so: fn(&[u8]) -> bool) -> Result<bool, Failure> {
    with_bytes(value, are_so).ok_or_else(not_bytes)
}

/// Text of Latin-1 as base64; -1 when a character does not fit.
fn btoa<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = units(scope, args.string(0)?);
    let Ok(bytes) = text
        .into_iter()
        .map(u8::try_from)
        .collect::<Result<Vec<u8>, _>>()
    else {
        return Ok((-1).into());
    };
    Ok(scope.latin1(&encode_base64(&bytes, BASE64, true))?.into())
}

/// The forgiving decoder of HTML: -2 for a wrong character, -1 when one is left over.
fn atob<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mut text = units(scope, args.string(0)?);
    text.retain(|unit| ![9, 10, 12, 13, 32].contains(unit));
    if text.len().is_multiple_of(4) {
        for _ in 0..2 {
            if text.last() == Some(&u16::from(b'=')) {
                text.pop();
            }
        }
    }
    let is_digit = |unit: &u16| {
        *unit != u16::from(b'-') && *unit != u16::from(b'_') && base64_digit(*unit).is_some()
    };
    if !text.iter().all(is_digit) {
        return Ok((-2).into());
    }
    if text.len() % 4 == 1 {
        return Ok((-1).into());
    }
    Ok(scope.latin1(&crate::encoding::decode_base64(&text))?.into())
}

/// `slice(buffer, start, end)` in an encoding.
fn slice<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, encoding: Encoding) -> BindingResult<'s> {
    let bound = |index: usize| {
        if args.is_undefined(index) {
            Ok(None)
        } else {
            args.usize(index).map(Some).map_err(|_| out_of_bounds())
        }
    };
    let (start, end) = (bound(1)?, bound(2)?);
    let piece = with_bytes(args.get(0), |bytes| {
        let end = end.unwrap_or(bytes.len()).min(bytes.len());
        let start = start.unwrap_or(0).min(end);
        bytes.get(start..end).unwrap_or_default().to_vec()
    });
    let piece = piece.ok_or_else(not_bytes)?;
    to_js(scope, &piece, encoding).map(Return::Value)
}

macro_rules! slices {
    ($($name:ident = $encoding:ident;)*) => {
        $(fn $name<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
            slice(scope, args, Encoding::$encoding)
        })*
    };
}
slices! {
    ascii_slice = Ascii; base64_slice = Base64; base64url_slice = Base64Url; latin1_slice = Latin1;
    hex_slice = Hex; ucs2_slice = Ucs2; utf8_slice = Utf8;
}

/// `write(buffer, string, offset, length)` in an encoding; returns how many bytes were written, whole characters only.
fn write<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, encoding: Encoding) -> BindingResult<'s> {
    let string = args
        .string(1)
        .map_err(|_| Failure::type_error("ERR_INVALID_ARG_TYPE", "argument must be a string"))?;
    let offset = if args.is_undefined(2) {
        0
    } else {
        args.usize(2).map_err(|_| out_of_bounds())?
    };
    let limit = if args.is_undefined(3) {
        usize::MAX
    } else {
        args.usize(3).map_err(|_| out_of_bounds())?
    };
    let room = with_bytes(args.get(0), <[u8]>::len).ok_or_else(not_bytes)?;
    let room = room
        .checked_sub(offset)
        .ok_or_else(|| {
            Failure::range_error(
                "ERR_BUFFER_OUT_OF_BOUNDS",
                "\"offset\" is outside of buffer bounds",
            )
        })?
        .min(limit);
    if room == 0 {
        return Ok(0.into());
    }
    let mut bytes = to_bytes(scope, string, encoding);
    if bytes.len() > room {
        let end = match encoding {
            Encoding::Ucs2 => room - room % 2,
            // Not in the middle of a character.
            Encoding::Utf8 => (0..=room)
                .rev()
                .find(|end| bytes.get(*end).is_none_or(|byte| byte & 0xc0 != 0x80))
                .unwrap_or(0),
            _ => room,
        };
        bytes.truncate(end);
    }
    let written = with_bytes_mut(args.get(0), |target| {
        if let Some(place) = target.get_mut(offset..offset + bytes.len()) {
            place.copy_from_slice(&bytes);
        }
        bytes.len()
    });
    Ok(count(written.ok_or_else(not_bytes)?))
}

fn base64_write<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    write(scope, args, Encoding::Base64)
}

fn hex_write<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    write(scope, args, Encoding::Hex)
}

fn ucs2_write<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    write(scope, args, Encoding::Ucs2)
}

fn latin1_write<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    write(scope, args, Encoding::Latin1)
}

fn utf8_write<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    write(scope, args, Encoding::Utf8)
}
