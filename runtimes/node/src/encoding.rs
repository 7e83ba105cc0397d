//! Node's string encodings: text to bytes and back, as `Buffer` does. Node: `src/string_bytes.cc`, src/base64.h.

use crate::glue::{Failure, Scope, ScopeExt, Value, new_node_buffer};

/// An encoding, in the order of `string_decoder.encodings`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Encoding {
    Ascii,
    Utf8,
    Base64,
    Ucs2,
    Latin1,
    Hex,
    Buffer,
    Base64Url,
}

impl Encoding {
    /// By its number (`encodingsMap`).
    pub(crate) const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Ascii,
            1 => Self::Utf8,
            2 => Self::Base64,
            3 => Self::Ucs2,
            4 => Self::Latin1,
            5 => Self::Hex,
            6 => Self::Buffer,
            7 => Self::Base64Url,
            _ => return None,
        })
    }

    /// By its name, in any case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "ascii" => Self::Ascii,
            "utf8" | "utf-8" => Self::Utf8,
            "base64" => Self::Base64,
            "ucs2" | "ucs-2" | "utf16le" | "utf-16le" => Self::Ucs2,
            "latin1" | "binary" => Self::Latin1,
            "hex" => Self::Hex,
            "buffer" => Self::Buffer,
            "base64url" => Self::Base64Url,
            _ => return None,
        })
    }

    /// From an argument: a name, a number, or `default` for anything else. Node: `ParseEncoding`.
    pub(crate) fn parse(scope: &Scope<'_, '_>, value: Value<'_>, default: Self) -> Self {
        if value.is_string() {
            return Self::from_name(&value.to_rust_string_lossy(scope)).unwrap_or(default);
        }
        value
            .int32_value(scope)
            .filter(|_| value.is_int32())
            .and_then(Self::from_number)
            .unwrap_or(default)
    }
}

/// The UTF-16 units of a string.
pub(crate) fn units(scope: &Scope<'_, '_>, string: v8::Local<'_, v8::String>) -> Vec<u16> {
    let mut units = vec![0; string.length()];
    string.write_v2(scope, 0, &mut units, v8::WriteFlags::empty());
    units
}

/// The bytes of a string in an encoding; for hexadecimal and base64 what it decodes to.
pub(crate) fn to_bytes(
    scope: &Scope<'_, '_>,
    string: v8::Local<'_, v8::String>,
    encoding: Encoding,
) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 | Encoding::Buffer => string.to_rust_string_lossy(scope).into_bytes(),
        Encoding::Ucs2 => units(scope, string)
            .into_iter()
            .flat_map(u16::to_le_bytes)
            .collect(),
        Encoding::Latin1 | Encoding::Ascii => {
            let mut bytes = vec![0; string.length()];
            string.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
            bytes
        }
        Encoding::Hex => decode_hex(&units(scope, string)),
        Encoding::Base64 | Encoding::Base64Url => decode_base64(&units(scope, string)),
    }
}

/// The string (or for `buffer` the `Buffer`) that bytes are in an encoding.
///
/// # Errors
/// `ERR_STRING_TOO_LONG`.
pub(crate) fn to_js<'s>(
    scope: &Scope<'s, '_>,
    bytes: &[u8],
    encoding: Encoding,
) -> Result<Value<'s>, Failure> {
    let too_long = || {
        Failure::error(
            "ERR_STRING_TOO_LONG",
            "Cannot create a string longer than 0x1fffffe8 characters",
        )
    };
    Ok(match encoding {
        Encoding::Buffer => new_node_buffer(scope, bytes.to_vec())
            .ok_or(Failure::Pending)?
            .into(),
        Encoding::Utf8 => v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal)
            .ok_or_else(too_long)?
            .into(),
        Encoding::Latin1 => scope.latin1(bytes)?.into(),
        Encoding::Ascii => scope
            .latin1(&bytes.iter().map(|byte| byte & 0x7f).collect::<Vec<u8>>())?
            .into(),
        Encoding::Ucs2 => {
            let units: Vec<u16> = bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|unit| u16::from_le_bytes(*unit))
                .collect();
            v8::String::new_from_two_byte(scope, &units, v8::NewStringType::Normal)
                .ok_or_else(too_long)?
                .into()
        }
        Encoding::Hex => scope.latin1(&encode_hex(bytes))?.into(),
        Encoding::Base64 => scope.latin1(&encode_base64(bytes, BASE64, true))?.into(),
        Encoding::Base64Url => scope
            .latin1(&encode_base64(bytes, BASE64URL, false))?
            .into(),
    })
}

/// The alphabet of base64.
pub(crate) const BASE64: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// That of base64url.
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 text of bytes.
pub(crate) fn encode_base64(bytes: &[u8], alphabet: &[u8; 64], pad: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index| chunk.get(index).copied().map_or(0, u32::from);
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            if index <= chunk.len() {
                let six = (group >> (18 - 6 * index)) & 63;
                text.push(
                    usize::try_from(six)
                        .ok()
                        .and_then(|six| alphabet.get(six))
                        .copied()
                        .unwrap_or(b'='),
                );
            } else if pad {
                text.push(b'=');
            }
        }
    }
    text
}

/// The value of a base64 or base64url digit.
pub(crate) fn base64_digit(unit: u16) -> Option<u32> {
    let byte = u8::try_from(unit).ok()?;
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

/// Decodes either alphabet; ends at `=`, skips what is no digit. Of a wide character only the low byte counts, as in Node.
pub(crate) fn decode_base64(text: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut group = 0;
    let mut digits = 0;
    for digit in text
        .iter()
        .map(|unit| unit & 0xff)
        .take_while(|byte| *byte != u16::from(b'='))
        .filter_map(base64_digit)
    {
        group = group << 6 | digit;
        digits += 1;
        if digits == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, digits) = (0, 0);
        }
    }
    match digits {
        2 => bytes.push((group << 12).to_be_bytes()[1]),
        3 => bytes.extend_from_slice(&(group << 6).to_be_bytes()[1..3]),
        _ => {}
    }
    bytes
}

fn encode_hex(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .collect()
}

/// Decodes pairs of digits up to the first that is none.
fn decode_hex(text: &[u16]) -> Vec<u8> {
    let digit = |unit: u16| {
        char::from_u32(unit.into())
            .and_then(|char| char.to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    text.as_chunks::<2>()
        .0
        .iter()
        .map_while(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}
