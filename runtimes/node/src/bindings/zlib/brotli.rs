//! The engines of Brotli. Node: `BrotliEncoderContext`, `BrotliDecoderContext`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use brotli::enc::encode::{
    BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct,
};
use brotli::enc::{StandardAlloc, interface};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, HuffmanCode};

use super::engine::{CompressionError, Demand, Engine, Outcome, Step};

const OPERATION_FINISH: u32 = 2;

fn parameter_failed() -> CompressionError {
    CompressionError::new(
        "Setting parameter failed",
        "ERR_BROTLI_PARAM_SET_FAILED",
        -1,
    )
}

type EncoderState = BrotliEncoderStateStruct<StandardAlloc>;

/// Compresses.
pub(super) struct Encoder {
    state: Box<EncoderState>,
    parameters: Vec<(u32, u32)>,
    dictionary: Vec<u8>,
    has_begun: bool,
    has_succeeded: bool,
    /// How many bytes it has taken.
    consumed: usize,
}

impl Encoder {
    /// An encoder with these parameters (`BROTLI_PARAM_*`, value).
    pub(super) fn new(
        parameters: Vec<(u32, u32)>,
        dictionary: Vec<u8>,
    ) -> Result<Self, CompressionError> {
        Ok(Self {
            state: Self::fresh(&parameters)?,
            parameters,
            dictionary,
            has_begun: false,
            has_succeeded: true,
            consumed: 0,
        })
    }

    fn fresh(parameters: &[(u32, u32)]) -> Result<Box<EncoderState>, CompressionError> {
        use BrotliEncoderParameter as P;
        let mut state = Box::new(EncoderState::new(StandardAlloc::default()));
        for (key, value) in parameters {
            let key = match key {
                0 => P::BROTLI_PARAM_MODE,
                1 => P::BROTLI_PARAM_QUALITY,
                2 => P::BROTLI_PARAM_LGWIN,
                3 => P::BROTLI_PARAM_LGBLOCK,
                4 => P::BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING,
                5 => P::BROTLI_PARAM_SIZE_HINT,
                6 if *value <= 1 => P::BROTLI_PARAM_LARGE_WINDOW,
                // NPOSTFIX and NDIRECT only tune the encoder; this one chooses by itself.
                7 | 8 => continue,
                _ => return Err(parameter_failed()),
            };
            if !state.set_parameter(key, *value) {
                return Err(parameter_failed());
            }
        }
        Ok(state)
    }

    fn parameter(&self, key: u32, otherwise: u32) -> u32 {
        self.parameters
            .iter()
            .rev()
            .find(|(known, _)| *known == key)
            .map_or(otherwise, |(_, value)| *value)
    }
}

impl Engine for Encoder {
    fn step(&mut self, input: &[u8], output: &mut [u8], demand: Demand) -> Step {
        let operation = match (demand.flush, demand.input_after) {
            (3, _) => BrotliEncoderOperation::BROTLI_OPERATION_EMIT_METADATA,
            (1, 0) => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
            (OPERATION_FINISH, 0) => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
            _ => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
        };
        let (mut input_left, mut consumed) = (input.len(), 0);
        let (mut output_left, mut produced) = (output.len(), 0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if !self.has_begun {
                self.has_begun = true;
                if !self.dictionary.is_empty() {
                    self.state
                        .set_custom_dictionary(self.dictionary.len(), &self.dictionary);
                }
            }
            let mut on_metablock =
                |_: &mut interface::PredictionModeContextMap<interface::InputReferenceMut<'_>>,
                 _: &mut [interface::StaticCommand],
                 _: interface::InputPair<'_>,
                 _: &mut StandardAlloc| ();
            self.state.compress_stream(
                operation,
                &mut input_left,
                input,
                &mut consumed,
                &mut output_left,
                output,
                &mut produced,
                &mut None,
                &mut on_metablock,
            )
        }));
        self.has_succeeded = outcome.unwrap_or(false);
        self.consumed = self.consumed.saturating_add(consumed);
        Step {
            consumed,
            produced,
            is_over: !self.has_succeeded,
        }
    }

    fn error(&self, _: Outcome) -> Option<CompressionError> {
        (!self.has_succeeded).then(|| {
            CompressionError::new("Compression failed", "ERR_BROTLI_COMPRESSION_FAILED", -1)
        })
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        self.state = Self::fresh(&self.parameters)?;
        self.has_begun = false;
        self.has_succeeded = true;
        self.consumed = 0;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.memory_after(self.consumed)
    }

    fn memory_for(&self, write: Demand) -> usize {
        self.memory_after(self.consumed.saturating_add(write.input_after))
    }
}

impl Encoder {
    /// What is touched after so many bytes: them in the ring buffer, and for the best qualities in a tree, up to the window.
    fn memory_after(&self, bytes: usize) -> usize {
        let largest = if self.parameter(6, 0) == 1 { 30 } else { 24 };
        let window = 1_usize << self.parameter(2, 22).clamp(10, largest);
        let quality = self.parameter(1, 11);
        let per_byte = if quality >= 10 { 10 } else { 2 };
        window.min(bytes) * per_byte + self.dictionary.len() + (1 << 20)
    }
}

type DecoderState = BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>;

/// Decompresses.
pub(super) struct Decoder {
    state: Box<DecoderState>,
    parameters: Vec<(u32, u32)>,
    dictionary: Vec<u8>,
    /// The window, which the stream's first bytes tell.
    window: usize,
    needs_input: bool,
    error: Option<CompressionError>,
}

impl Decoder {
    /// A decoder with these parameters (`BROTLI_DECODER_PARAM_*`, value).
    pub(super) fn new(
        parameters: Vec<(u32, u32)>,
        dictionary: Vec<u8>,
    ) -> Result<Self, CompressionError> {
        Ok(Self {
            state: Self::fresh(&parameters, &dictionary)?,
            parameters,
            dictionary,
            window: 0,
            needs_input: false,
            error: None,
        })
    }

    fn fresh(
        parameters: &[(u32, u32)],
        dictionary: &[u8],
    ) -> Result<Box<DecoderState>, CompressionError> {
        let alloc = StandardAlloc::default;
        let mut state = Box::new(if dictionary.is_empty() {
            DecoderState::new_strict(alloc(), alloc(), alloc())
        } else {
            let dictionary = dictionary.to_vec().into();
            DecoderState::new_with_custom_dictionary(alloc(), alloc(), alloc(), dictionary)
        });
        state.large_window = false;
        for (key, value) in parameters {
            match key {
                0 => {} // Ring buffer reallocation: this one has its full size from the start.
                1 => state.large_window = *value != 0,
                _ => return Err(parameter_failed()),
            }
        }
        Ok(state)
    }
}

impl Engine for Decoder {
    fn step(&mut self, input: &[u8], output: &mut [u8], _: Demand) -> Step {
        let (mut input_left, mut consumed) = (input.len(), 0);
        let (mut output_left, mut produced) = (output.len(), 0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            BrotliDecompressStream::<StandardAlloc, StandardAlloc, StandardAlloc>(
                &mut input_left,
                &mut consumed,
                input,
                &mut output_left,
                &mut produced,
                output,
                &mut 0,
                &mut self.state,
            )
        }));
        self.needs_input = matches!(result, Ok(BrotliResult::NeedsMoreInput));
        self.window = usize::try_from(self.state.ringbuffer_size).unwrap_or(0);
        self.error = match result {
            Err(_) => Some(CompressionError::internal()),
            Ok(BrotliResult::ResultFailure) => {
                let error = self.state.error_code;
                let name = format!("{error:?}");
                let name = name.strip_prefix("BROTLI_DECODER").unwrap_or(&name);
                Some(CompressionError::new(
                    "Decompression failed",
                    &format!("ERR_{name}"),
                    error as i32,
                ))
            }
            Ok(_) => None,
        };
        Step {
            consumed,
            produced,
            is_over: self.error.is_some() || matches!(result, Ok(BrotliResult::ResultSuccess)),
        }
    }

    fn error(&self, outcome: Outcome) -> Option<CompressionError> {
        if self.error.is_some() {
            return self.error.clone();
        }
        (outcome.flush == OPERATION_FINISH && self.needs_input)
            .then(|| CompressionError::new("unexpected end of file", "Z_BUF_ERROR", -5))
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        self.state = Self::fresh(&self.parameters, &self.dictionary)?;
        self.needs_input = false;
        self.error = None;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.window + self.dictionary.len() * 2 + size_of::<HuffmanCode>() * (16 << 10)
    }
}
