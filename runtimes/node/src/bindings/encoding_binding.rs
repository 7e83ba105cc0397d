//! `internalBinding('encoding_binding')`: `TextEncoder`, the UTF-8 half of `TextDecoder`, IDNA. Node: `src/encoding_binding.cc`.

use crate::encoding::units;
use crate::glue::{
    Args, Binding, BindingResult, Failure, Field, Scope, ScopeExt, new_uint8_array, with_bytes,
    with_bytes_mut,
};

pub(super) const BINDING: Binding = Binding::new("encoding_binding")
    .function("encodeInto", encode_into)
    .fast(&fast::ENCODE_INTO)
    .function("encodeUtf8String", encode_utf8_string)
    .function("decodeUTF8", decode_utf8)
    .function("toASCII", to_ascii)
    .function("toUnicode", to_unicode);

/// `encodeInto(source, destination)`: fills `encodeIntoResults` with `[units read, bytes written]`.
fn encode_into<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let source = units(scope, args.string(0)?);
    let written = with_bytes_mut(args.get(1), |target| {
        let (mut read, mut written) = (0, 0);
        for char in char::decode_utf16(source.iter().copied())
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        {
            let Some(place) = target.get_mut(written..written + char.len_utf8()) else {
                break;
            };
            char.encode_utf8(place);
            written += char.len_utf8();
            read += char.len_utf16();
        }
        (read, written)
    });
    let results = scope
        .env()
        .field(scope, "encoding_binding", "encodeIntoResults")?;
    publish(&results, written)?;
    Ok(().into())
}

/// Writes how many units were read and how many bytes written.
fn publish(results: &Field, counts: Option<(usize, usize)>) -> Result<(), Failure> {
    let (read, written) = counts
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "dest must be a Uint8Array"))?;
    #[expect(clippy::cast_precision_loss, reason = "lengths fit a double")]
    {
        results.set(0, read as f64);
        results.set(1, written as f64);
    }
    Ok(())
}

/// What optimised JavaScript calls.
mod fast {
    use encoding_rs::mem::convert_latin1_to_utf8_partial;

    use super::{Failure, publish, with_bytes_mut};
    use crate::glue::{FastContext, Value, fast_call};

    fast_call!(ENCODE_INTO: encode_into(text, value) -> void);

    fn encode_into(
        context: FastContext<'_>,
        source: &[u8],
        target: Value<'_>,
    ) -> Result<(), Failure> {
        // Asking a small array for its buffer may move V8's string.
        let source = source.to_vec();
        let counts = with_bytes_mut(target, |target| {
            convert_latin1_to_utf8_partial(&source, target)
        });
        let results = context
            .env()
            .known_field("encoding_binding", "encodeIntoResults");
        publish(&results.ok_or_else(Failure::too_early)?, counts)
    }
}

fn encode_utf8_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = args.string(0)?.to_rust_string_lossy(scope).into_bytes();
    new_uint8_array(scope, bytes)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

/// `decodeUTF8(bytes, ignoreBOM, fatal)`.
fn decode_utf8<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let keep_bom = args.bool(scope, 1);
    let fatal = args.bool(scope, 2);
    let decoded = with_bytes(args.get(0), |bytes| {
        if fatal && std::str::from_utf8(bytes).is_err() {
            return Err(Failure::type_error(
                "ERR_ENCODING_INVALID_ENCODED_DATA",
                "The encoded data was not valid for encoding utf-8",
            ));
        }
        let bytes = if keep_bom {
            bytes
        } else {
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
        };
        v8::String::new_from_utf8(scope, bytes, v8::NewStringType::Normal).ok_or_else(|| {
            Failure::error(
                "ERR_STRING_TOO_LONG",
                "Cannot create a string longer than 0x1fffffe8 characters",
            )
        })
    });
    let decoded = decoded.ok_or_else(|| {
        let message = "The \"list\" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.";
        Failure::type_error("ERR_INVALID_ARG_TYPE", message)
    })?;
    Ok(decoded?.into())
}

fn to_ascii<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    Ok(scope
        .string(&idna::domain_to_ascii(&text).unwrap_or_default())?
        .into())
}

fn to_unicode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    let (unicode, _result) = idna::domain_to_unicode(&text);
    Ok(scope.string(&unicode)?.into())
}
