//! `internalBinding('icu')`: the width of text, legacy encodings. Node: `src/node_i18n.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use unicode_width::UnicodeWidthChar as _;

use crate::encoding::{Encoding, to_bytes, to_js};
use crate::glue::{
    Args, Binding, BindingResult, Failure, Native, Object, Return, Scope, ScopeExt, attach,
    copy_bytes, native_of, new_node_buffer,
};

pub(super) const BINDING: Binding = Binding::new("icu")
    .partial(
        "getStringWidth",
        get_string_width,
        "no joining of emoji sequences",
    )
    .function("getConverter", get_converter)
    .function("decode", decode)
    .function("hasConverter", has_converter)
    .partial("transcode", transcode, "between Buffer's own encodings")
    .partial("icuErrName", icu_err_name, "one name for all");

/// `U_ILLEGAL_ARGUMENT_ERROR`, the one error `transcode` answers.
const ILLEGAL_ARGUMENT: i32 = 1;
const FLUSH: u32 = 1;
const FATAL: u32 = 2;
const IGNORE_BOM: u32 = 4;

/// A decoder in the middle of a stream.
struct Converter {
    decoder: RefCell<encoding_rs::Decoder>,
    encoding: &'static encoding_rs::Encoding,
    flags: u32,
}

impl Native for Converter {}

impl Converter {
    fn fresh(encoding: &'static encoding_rs::Encoding, flags: u32) -> encoding_rs::Decoder {
        if flags & IGNORE_BOM != 0 {
            encoding.new_decoder_without_bom_handling()
        } else {
            encoding.new_decoder_with_bom_removal()
        }
    }
}

/// `getStringWidth(text, ambiguousAsFullWidth, expandEmojiSequence)` in columns.
fn get_string_width<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    let wide = args.bool(scope, 1);
    let width: usize = text
        .chars()
        .filter_map(|char| if wide { char.width_cjk() } else { char.width() })
        .sum();
    Ok(u32::try_from(width).unwrap_or(u32::MAX).into())
}

fn find(name: &str) -> Option<&'static encoding_rs::Encoding> {
    encoding_rs::Encoding::for_label(name.as_bytes())
}

fn has_converter<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    Ok(find(&name).is_some().into())
}

/// A converter object, `undefined` for an unknown encoding.
fn get_converter<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let flags = args.u32(scope, 1)?;
    let Some(encoding) = find(&name) else {
        return Ok(Return::Undefined);
    };
    let template = v8::ObjectTemplate::new(scope);
    template.set_internal_field_count(1);
    let object: Object<'s> = template.new_instance(scope).ok_or(Failure::Pending)?;
    let converter = Converter {
        decoder: RefCell::new(Converter::fresh(encoding, flags)),
        encoding,
        flags,
    };
    attach(scope, object, Rc::new(converter));
    Ok(object.into())
}

/// `decode(converter, bytes, flags, encodingName)`.
fn decode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let wrong = || {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The \"input\" argument must be an instance of ArrayBuffer or ArrayBufferView.",
        )
    };
    let converter = native_of::<Converter>(scope, args.object(0)?).ok_or_else(wrong)?;
    let bytes = copy_bytes(args.get(1)).ok_or_else(wrong)?;
    let flush = args.u32(scope, 2)? & FLUSH != 0;
    let mut decoder = converter.decoder.borrow_mut();
    let room = decoder
        .max_utf16_buffer_length(bytes.len())
        .unwrap_or(bytes.len().saturating_mul(2));
    let mut text = vec![0; room];
    let (written, is_wrong) = if converter.flags & FATAL != 0 {
        let (result, _read, written) =
            decoder.decode_to_utf16_without_replacement(&bytes, &mut text, flush);
        (
            written,
            matches!(result, encoding_rs::DecoderResult::Malformed(..)),
        )
    } else {
        let (_result, _read, written, _replaced) =
            decoder.decode_to_utf16(&bytes, &mut text, flush);
        (written, false)
    };
    if flush || is_wrong {
        *decoder = Converter::fresh(converter.encoding, converter.flags);
    }
    drop(decoder);
    if is_wrong {
        let name = args.get(3).to_rust_string_lossy(scope);
        return Err(Failure::type_error(
            "ERR_ENCODING_INVALID_ENCODED_DATA",
            format!("The encoded data was not valid for encoding {name}"),
        ));
    }
    text.truncate(written);
    let text = v8::String::new_from_two_byte(scope, &text, v8::NewStringType::Normal);
    text.map(Into::into).ok_or_else(|| {
        Failure::error(
            "ERR_STRING_TOO_LONG",
            "Cannot create a string longer than 0x1fffffe8 characters",
        )
    })
}

/// `transcode(bytes, from, to)`: a `Buffer`, or an error number.
fn transcode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = copy_bytes(args.get(0))
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "argument must be a buffer"))?;
    let encoding = |name: &str| {
        Encoding::from_name(name).filter(|encoding| {
            matches!(
                encoding,
                Encoding::Ascii | Encoding::Latin1 | Encoding::Utf8 | Encoding::Ucs2
            )
        })
    };
    let (from, to) = (
        encoding(&args.text(scope, 1)?),
        encoding(&args.text(scope, 2)?),
    );
    let (Some(from), Some(to)) = (from, to) else {
        return Ok(ILLEGAL_ARGUMENT.into());
    };
    let text = to_js(scope, &bytes, from)?;
    let text = v8::Local::<v8::String>::try_from(text).map_err(|_| Failure::Pending)?;
    let converted = if matches!(to, Encoding::Ascii | Encoding::Latin1) {
        // What does not fit becomes a question mark.
        let limit = if to == Encoding::Ascii { 0x7f } else { 0xff };
        let text = text.to_rust_string_lossy(scope);
        text.chars()
            .map(|char| {
                u8::try_from(u32::from(char))
                    .ok()
                    .filter(|byte| *byte <= limit)
                    .unwrap_or(b'?')
            })
            .collect()
    } else {
        to_bytes(scope, text, to)
    };
    new_node_buffer(scope, converted)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

fn icu_err_name<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    Ok(scope.text("U_ILLEGAL_ARGUMENT_ERROR").into())
}
