//! `internalBinding('string_decoder')`: text from chunks that may end within a character. Node: `src/string_decoder.cc`.
//!
//! The state lives in a seven-byte `Buffer` of the JavaScript object: four bytes of an incomplete character, how many bytes it
//! still misses, how many are buffered, and the encoding.

use crate::encoding::{Encoding, to_js};
use crate::glue::{
    Args, Binding, BindingResult, Failure, Scope, ScopeExt, Value, copy_bytes, with_bytes_mut,
};

pub(super) const BINDING: Binding = Binding::new("string_decoder")
    .function("decode", decode)
    .function("flush", flush);

const SIZE: usize = 7;

/// The state, taken out of its buffer.
struct Decoder {
    incomplete: [u8; 4],
    missing: usize,
    buffered: usize,
    encoding: Encoding,
}

impl Decoder {
    fn load(state: Value<'_>) -> Result<Self, Failure> {
        let bytes =
            copy_bytes(state).and_then(|bytes| <[u8; SIZE]>::try_from(bytes.as_slice()).ok());
        let bytes = bytes.ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "not the state of a StringDecoder")
        })?;
        let [a, b, c, d, missing, buffered, encoding] = bytes;
        Ok(Self {
            incomplete: [a, b, c, d],
            // A guest can write here: keep within the four bytes.
            missing: usize::from(missing).min(4),
            buffered: usize::from(buffered).min(4),
            encoding: Encoding::from_number(encoding.into()).unwrap_or(Encoding::Utf8),
        })
    }

    fn store(&self, state: Value<'_>) {
        let small = |count: usize| u8::try_from(count).unwrap_or(0);
        with_bytes_mut(state, |bytes| {
            for (place, byte) in bytes.iter_mut().zip(
                self.incomplete
                    .into_iter()
                    .chain([small(self.missing), small(self.buffered)]),
            ) {
                *place = byte;
            }
        });
    }

    /// Adds bytes to the incomplete character.
    fn buffer(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.incomplete.get_mut(self.buffered) {
                *place = *byte;
                self.buffered += 1;
            }
        }
    }

    fn pending(&self) -> Vec<u8> {
        self.incomplete
            .get(..self.buffered)
            .unwrap_or_default()
            .to_vec()
    }

    /// Takes what can be decoded now; the bytes of the finished character come first.
    fn take<'a>(&mut self, mut data: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let mut finished = Vec::new();
        if !matches!(
            self.encoding,
            Encoding::Utf8 | Encoding::Ucs2 | Encoding::Base64 | Encoding::Base64Url
        ) {
            return (finished, data);
        }
        if self.missing > 0 {
            if self.encoding == Encoding::Utf8 {
                // A byte that does not continue the character ends it; what there is goes to the decoder as it is.
                let wanted = data
                    .iter()
                    .take(self.missing)
                    .position(|byte| byte & 0xc0 != 0x80);
                if let Some(at) = wanted {
                    self.missing = 0;
                    let (head, rest) = data.split_at(at);
                    self.buffer(head);
                    data = rest;
                }
            }
            let found = data.len().min(self.missing);
            let (head, rest) = data.split_at(found);
            self.buffer(head);
            self.missing -= found;
            data = rest;
            if self.missing == 0 {
                finished = self.pending();
                self.buffered = 0;
                // Half of a surrogate pair waits for the other.
                let is_lead = self.encoding == Encoding::Ucs2
                    && finished.len() == 2
                    && finished.last().is_some_and(|byte| byte & 0xfc == 0xd8);
                if is_lead {
                    let half = std::mem::take(&mut finished);
                    self.buffer(&half);
                    self.missing = 2;
                    return if data.is_empty() {
                        (finished, data)
                    } else {
                        self.take(data)
                    };
                }
            }
        }
        if data.is_empty() {
            return (finished, data);
        }
        self.cut_tail(data);
        let (body, tail) = data.split_at(data.len().saturating_sub(self.buffered));
        self.buffered = 0;
        self.buffer(tail);
        (finished, body)
    }

    /// Decides how many bytes at the end belong to a character that is not complete.
    fn cut_tail(&mut self, data: &[u8]) {
        let Some(last) = data.last() else { return };
        match self.encoding {
            Encoding::Utf8 if last & 0x80 != 0 => {
                for (index, byte) in data.iter().rev().enumerate() {
                    self.buffered = index + 1;
                    if byte & 0xc0 == 0x80 {
                        if self.buffered >= 4 || self.buffered == data.len() {
                            // No character starts here: invalid, and the decoder's to handle.
                            self.buffered = 0;
                            return;
                        }
                        continue;
                    }
                    let length = match byte {
                        byte if byte & 0xe0 == 0xc0 => 2,
                        byte if byte & 0xf0 == 0xe0 => 3,
                        byte if byte & 0xf8 == 0xf0 => 4,
                        _ => 0,
                    };
                    if self.buffered >= length {
                        self.buffered = 0;
                        self.missing = 0;
                    } else {
                        self.missing = length - self.buffered;
                    }
                    return;
                }
            }
            Encoding::Ucs2 if data.len() % 2 == 1 => (self.missing, self.buffered) = (1, 1),
            Encoding::Ucs2 if last & 0xfc == 0xd8 => (self.missing, self.buffered) = (2, 2),
            Encoding::Base64 | Encoding::Base64Url => {
                self.buffered = data.len() % 3;
                self.missing = if self.buffered > 0 {
                    3 - self.buffered
                } else {
                    0
                };
            }
            _ => {}
        }
    }
}

/// `decode(state, chunk)`.
fn decode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mut decoder = Decoder::load(args.get(0))?;
    let data = copy_bytes(args.get(1)).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The \"buf\" argument must be an instance of Buffer, TypedArray, or DataView.",
        )
    })?;
    let (finished, body) = decoder.take(&data);
    let body = to_js(scope, body, decoder.encoding)?;
    let result = if finished.is_empty() {
        body
    } else {
        let head = to_js(scope, &finished, decoder.encoding)?;
        match (
            v8::Local::<v8::String>::try_from(head),
            v8::Local::<v8::String>::try_from(body),
        ) {
            (Ok(head), Ok(body)) => v8::String::concat(scope, head, body)
                .ok_or(Failure::Pending)?
                .into(),
            _ => body,
        }
    };
    decoder.store(args.get(0));
    Ok(result.into())
}

/// `flush(state)`: what is left, complete or not.
fn flush<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mut decoder = Decoder::load(args.get(0))?;
    if decoder.encoding == Encoding::Ucs2 && decoder.buffered % 2 == 1 {
        decoder.buffered -= 1;
    }
    let rest = decoder.pending();
    (decoder.missing, decoder.buffered) = (0, 0);
    decoder.store(args.get(0));
    if rest.is_empty() {
        return Ok(scope.text("").into());
    }
    Ok(to_js(scope, &rest, decoder.encoding)?.into())
}
