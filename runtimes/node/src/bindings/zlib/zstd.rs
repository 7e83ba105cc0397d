//! The engines of Zstandard. Node: `ZstdCompressContext`, `ZstdDecompressContext`.

use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, Strategy,
};

use super::engine::{CompressionError, Demand, Engine, Outcome, Step};

const FLUSH: u32 = 1;
const END: u32 = 2;
const STAGE_WRONG: i32 = 60;
const SOURCE_SIZE_WRONG: usize = 72;
/// The largest window a decoder takes without being told to.
const DEFAULT_WINDOW_LOG_MAX: u32 = 27;

fn parameter_failed() -> CompressionError {
    CompressionError::new("Setting parameter failed", "ERR_ZSTD_PARAM_SET_FAILED", -1)
}

fn initialization_failed(message: &str) -> CompressionError {
    CompressionError::new(message, "ERR_ZLIB_INITIALIZATION_FAILED", -1)
}

fn dictionary_failed() -> CompressionError {
    let message = "Failed to load zstd dictionary";
    CompressionError::new(message, "ERR_ZLIB_DICTIONARY_LOAD_FAILED", -1)
}

/// The error of a result: the library returns minus its number, as a size.
fn error_of(result: usize) -> CompressionError {
    let number = result.wrapping_neg();
    CompressionError::new(
        zstd_safe::get_error_name(result),
        error_name(number),
        i32::try_from(number).unwrap_or(1),
    )
}

/// Compresses.
pub(super) struct Compressor {
    context: CCtx<'static>,
    pledged: Option<u64>,
    consumed: Option<u64>,
    /// How many bytes of input the frame has had.
    taken: usize,
    /// What the settings make the tables and the window need.
    estimate: usize,
    is_at_start: bool,
    is_complete: bool,
    has_emitted: bool,
    error: Option<CompressionError>,
}

impl Compressor {
    /// A compressor with these parameters (`ZSTD_c_*`, value).
    pub(super) fn new(
        parameters: &[(u32, u32)],
        pledged: Option<u64>,
        dictionary: &[u8],
    ) -> Result<Self, CompressionError> {
        let mut context = CCtx::try_create()
            .ok_or_else(|| initialization_failed("Could not initialize zstd instance"))?;
        if !dictionary.is_empty() {
            context
                .load_dictionary(dictionary)
                .map_err(|_| dictionary_failed())?;
        }
        context
            .set_pledged_src_size(pledged)
            .map_err(|_| initialization_failed("Could not set pledged src size"))?;
        for (key, value) in parameters {
            if let Some(parameter) = compression_parameter(*key, *value)? {
                context
                    .set_parameter(parameter)
                    .map_err(|_| parameter_failed())?;
            }
        }
        let estimate = dictionary.len().saturating_add(estimate(parameters));
        Ok(Self {
            context,
            pledged,
            consumed: pledged.map(|_| 0),
            taken: 0,
            estimate,
            is_at_start: true,
            is_complete: true,
            has_emitted: false,
            error: None,
        })
    }

    fn after(&mut self, remaining: Result<usize, usize>, flush: u32) {
        match remaining {
            Err(code) => {
                self.error = Some(error_of(code));
                self.is_complete = false;
            }
            Ok(0) if flush == END => {
                self.is_complete = true;
                self.is_at_start = true;
                self.has_emitted = false;
                self.taken = 0;
                if let Some(consumed) = self.consumed.take()
                    && Some(consumed) != self.pledged
                {
                    self.error = Some(error_of(SOURCE_SIZE_WRONG.wrapping_neg()));
                }
            }
            Ok(_) => self.is_complete = false,
        }
    }
}

impl Engine for Compressor {
    fn step(&mut self, input: &[u8], output: &mut [u8], demand: Demand) -> Step {
        // A frame that begins with its end has a known size; the library sees only a piece of the input.
        if self.is_at_start && demand.flush == END && demand.input_after > 0 {
            let size = input.len().saturating_add(demand.input_after);
            let _refused = self.context.set_pledged_src_size(u64::try_from(size).ok());
        }
        self.is_at_start = false;
        let flush = if demand.input_after > 0 {
            0
        } else {
            demand.flush
        };
        let directive = match flush {
            END => ZSTD_EndDirective::ZSTD_e_end,
            FLUSH => ZSTD_EndDirective::ZSTD_e_flush,
            _ => ZSTD_EndDirective::ZSTD_e_continue,
        };
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        let remaining = self
            .context
            .compress_stream2(&mut target, &mut source, directive);
        let (consumed, produced) = (source.pos(), target.pos());
        if let Some(total) = &mut self.consumed {
            *total = total.saturating_add(u64::try_from(consumed).unwrap_or(u64::MAX));
        }
        self.taken = self.taken.saturating_add(consumed);
        self.has_emitted |= produced > 0;
        self.after(remaining, flush);
        Step {
            consumed,
            produced,
            is_over: self.error.is_some() || (flush == END && self.is_complete),
        }
    }

    fn error(&self, _: Outcome) -> Option<CompressionError> {
        self.error.clone()
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        if !self.is_complete && self.has_emitted {
            return Err(CompressionError::new(
                "Cannot reset a zstd stream with an incomplete frame; end the frame or discard the output produced so far",
                "ERR_ZLIB_INCOMPLETE_FRAME",
                STAGE_WRONG,
            ));
        }
        self.context
            .reset(ResetDirective::SessionOnly)
            .map_err(error_of)?;
        self.context
            .set_pledged_src_size(self.pledged)
            .map_err(error_of)?;
        self.consumed = self.pledged.map(|_| 0);
        self.is_at_start = true;
        self.is_complete = true;
        self.has_emitted = false;
        self.error = None;
        Ok(())
    }

    /// What is touched: the tables, and of the window as much as there was input.
    fn memory(&self) -> usize {
        let size = self.context.sizeof();
        let tables = size / 3;
        tables + self.taken.min(size - tables)
    }

    /// The library fits its tables to a size that it knows.
    fn memory_for(&self, demand: Demand) -> usize {
        let needed = if demand.flush == END {
            let fitting = demand.input_after.saturating_mul(16);
            self.estimate.min(fitting.saturating_add(1 << 20))
        } else {
            self.estimate
        };
        self.memory().max(needed)
    }
}

/// A compression parameter; `None` for those that only say how many threads share the work.
fn compression_parameter(key: u32, value: u32) -> Result<Option<CParameter>, CompressionError> {
    use CParameter as P;
    Ok(Some(match key {
        100 => P::CompressionLevel(value.cast_signed()),
        101 => P::WindowLog(value),
        102 => P::HashLog(value),
        103 => P::ChainLog(value),
        104 => P::SearchLog(value),
        105 => P::MinMatch(value),
        106 => P::TargetLength(value),
        107 => P::Strategy(strategy(value).ok_or_else(parameter_failed)?),
        130 => P::TargetCBlockSize(value),
        160 => P::EnableLongDistanceMatching(value == 1),
        161 => P::LdmHashLog(value),
        162 => P::LdmMinMatch(value),
        163 => P::LdmBucketSizeLog(value),
        164 => P::LdmHashRateLog(value),
        200 => P::ContentSizeFlag(value != 0),
        201 => P::ChecksumFlag(value != 0),
        202 => P::DictIdFlag(value != 0),
        400..=402 => return Ok(None),
        _ => return Err(parameter_failed()),
    }))
}

const fn strategy(number: u32) -> Option<Strategy> {
    Some(match number {
        1 => Strategy::ZSTD_fast,
        2 => Strategy::ZSTD_dfast,
        3 => Strategy::ZSTD_greedy,
        4 => Strategy::ZSTD_lazy,
        5 => Strategy::ZSTD_lazy2,
        6 => Strategy::ZSTD_btlazy2,
        7 => Strategy::ZSTD_btopt,
        8 => Strategy::ZSTD_btultra,
        9 => Strategy::ZSTD_btultra2,
        _ => return None,
    })
}

/// What the parameters that choose sizes may make the library allocate beyond the usual.
fn estimate(parameters: &[(u32, u32)]) -> usize {
    let power = |log: u32| 1_usize << log.min(31);
    parameters
        .iter()
        .map(|(key, value)| match key {
            100 => match value.cast_signed() {
                20 => 192 << 20,
                21 => 400 << 20,
                22.. => 800 << 20,
                _ => 0,
            },
            101 => power(*value),
            102 | 103 | 161 => power(*value).saturating_mul(4),
            _ => 0,
        })
        .fold(0, usize::saturating_add)
}

/// Decompresses.
pub(super) struct Decompressor {
    context: DCtx<'static>,
    estimate: usize,
    is_complete: bool,
    error: Option<CompressionError>,
}

impl Decompressor {
    /// A decompressor with these parameters (`ZSTD_d_*`, value).
    pub(super) fn new(
        parameters: &[(u32, u32)],
        dictionary: &[u8],
    ) -> Result<Self, CompressionError> {
        let mut context = DCtx::try_create()
            .ok_or_else(|| initialization_failed("Could not initialize zstd instance"))?;
        if !dictionary.is_empty() {
            context
                .load_dictionary(dictionary)
                .map_err(|_| dictionary_failed())?;
        }
        let mut estimate = dictionary.len();
        for (key, value) in parameters {
            if *key != 100 {
                return Err(parameter_failed());
            }
            context
                .set_parameter(DParameter::WindowLogMax(*value))
                .map_err(|_| parameter_failed())?;
            if *value > DEFAULT_WINDOW_LOG_MAX {
                estimate = estimate.saturating_add(1 << (*value).min(31));
            }
        }
        Ok(Self {
            context,
            estimate,
            is_complete: false,
            error: None,
        })
    }
}

impl Engine for Decompressor {
    fn step(&mut self, input: &[u8], output: &mut [u8], _: Demand) -> Step {
        // What comes after a frame that filled the output is asked for with no input: that begins no new frame.
        if self.is_complete && input.is_empty() {
            return Step {
                is_over: true,
                ..Step::default()
            };
        }
        let mut source = InBuffer::around(input);
        let mut target = OutBuffer::around(output);
        match self.context.decompress_stream(&mut target, &mut source) {
            Ok(hint) => self.is_complete = hint == 0,
            Err(code) => {
                self.is_complete = false;
                self.error = Some(error_of(code));
            }
        }
        Step {
            consumed: source.pos(),
            produced: target.pos(),
            is_over: self.error.is_some() || self.is_complete,
        }
    }

    fn error(&self, outcome: Outcome) -> Option<CompressionError> {
        if self.error.is_some() {
            return self.error.clone();
        }
        let is_cut_short = outcome.flush == END
            && !self.is_complete
            && outcome.input_left == 0
            && outcome.output_left > 0;
        is_cut_short.then(|| CompressionError::new("unexpected end of file", "Z_BUF_ERROR", -5))
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        self.context
            .reset(ResetDirective::SessionOnly)
            .map_err(error_of)?;
        self.is_complete = false;
        self.error = None;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.context.sizeof()
    }

    fn memory_for(&self, _: Demand) -> usize {
        self.memory().max(self.estimate)
    }
}

const fn error_name(number: usize) -> &'static str {
    match number {
        0 => "ZSTD_error_no_error",
        10 => "ZSTD_error_prefix_unknown",
        12 => "ZSTD_error_version_unsupported",
        14 => "ZSTD_error_frameParameter_unsupported",
        16 => "ZSTD_error_frameParameter_windowTooLarge",
        20 => "ZSTD_error_corruption_detected",
        22 => "ZSTD_error_checksum_wrong",
        24 => "ZSTD_error_literals_headerWrong",
        30 => "ZSTD_error_dictionary_corrupted",
        32 => "ZSTD_error_dictionary_wrong",
        34 => "ZSTD_error_dictionaryCreation_failed",
        40 => "ZSTD_error_parameter_unsupported",
        41 => "ZSTD_error_parameter_combination_unsupported",
        42 => "ZSTD_error_parameter_outOfBound",
        44 => "ZSTD_error_tableLog_tooLarge",
        46 => "ZSTD_error_maxSymbolValue_tooLarge",
        48 => "ZSTD_error_maxSymbolValue_tooSmall",
        50 => "ZSTD_error_stabilityCondition_notRespected",
        60 => "ZSTD_error_stage_wrong",
        62 => "ZSTD_error_init_missing",
        64 => "ZSTD_error_memory_allocation",
        66 => "ZSTD_error_workSpace_tooSmall",
        70 => "ZSTD_error_dstSize_tooSmall",
        72 => "ZSTD_error_srcSize_wrong",
        74 => "ZSTD_error_dstBuffer_null",
        80 => "ZSTD_error_noForwardProgress_destFull",
        82 => "ZSTD_error_noForwardProgress_inputEmpty",
        _ => "ZSTD_error_GENERIC",
    }
}
