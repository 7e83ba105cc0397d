//! The engine of deflate, raw deflate and gzip, both ways. Node: `ZlibContext`.

use super::engine::{CompressionError, Demand, Engine, Outcome, Step};
use crate::glue::{ZSetup, ZStep, ZStream};

const NO_FLUSH: i32 = 0;
const FINISH: u32 = 4;
const OK: i32 = 0;
const STREAM_END: i32 = 1;
const NEED_DICT: i32 = 2;
const STREAM_ERROR: i32 = -2;
const DATA_ERROR: i32 = -3;
const BUF_ERROR: i32 = -5;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// `node_zlib_mode`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    Deflate,
    Inflate,
    Gzip,
    Gunzip,
    DeflateRaw,
    InflateRaw,
    Unzip,
}

impl Mode {
    /// The mode of this number, if it is one of zlib's.
    pub(super) const fn of(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Deflate,
            2 => Self::Inflate,
            3 => Self::Gzip,
            4 => Self::Gunzip,
            5 => Self::DeflateRaw,
            6 => Self::InflateRaw,
            7 => Self::Unzip,
            _ => return None,
        })
    }

    const fn compresses(self) -> bool {
        matches!(self, Self::Deflate | Self::Gzip | Self::DeflateRaw)
    }
}

/// What `init` gives.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) window_bits: i32,
    pub(super) level: i32,
    pub(super) mem_level: i32,
    pub(super) strategy: i32,
    pub(super) dictionary: Vec<u8>,
    pub(super) rejects_garbage: bool,
}

impl Settings {
    /// Whether zlib takes these.
    pub(super) fn are_valid(&self, mode: Mode) -> bool {
        let reads_window_from_header =
            self.window_bits == 0 && matches!(mode, Mode::Inflate | Mode::Gunzip | Mode::Unzip);
        (reads_window_from_header || (8..=15).contains(&self.window_bits))
            && (-1..=9).contains(&self.level)
            && (1..=9).contains(&self.mem_level)
            && (0..=4).contains(&self.strategy)
    }
}

/// The engine. zlib itself is set up at the first use.
pub(super) struct Deflate {
    mode: Mode,
    settings: Settings,
    stream: Option<ZStream>,
    has_failed_to_start: bool,
    code: i32,
    magic_bytes_read: usize,
    /// For gzip: whether the member under way is complete, and whether something of it was given out.
    is_complete: bool,
    has_emitted: bool,
}

impl Deflate {
    pub(super) const fn new(mode: Mode, settings: Settings) -> Self {
        Self {
            mode,
            settings,
            stream: None,
            has_failed_to_start: false,
            code: OK,
            magic_bytes_read: 0,
            is_complete: true,
            has_emitted: false,
        }
    }

    fn window_bits(&self) -> i32 {
        let bits = self.settings.window_bits;
        match self.mode {
            Mode::Gzip | Mode::Gunzip => bits + 16,
            Mode::Unzip => bits + 32,
            Mode::DeflateRaw | Mode::InflateRaw => -bits,
            Mode::Deflate | Mode::Inflate => bits,
        }
    }

    /// Sets zlib up if it is not yet; whether it is.
    fn start(&mut self) -> bool {
        if self.stream.is_some() {
            return true;
        }
        if self.has_failed_to_start {
            return false;
        }
        let window_bits = self.window_bits();
        let setup = if self.mode.compresses() {
            ZSetup::Deflate {
                level: self.settings.level,
                window_bits,
                mem_level: self.settings.mem_level,
                strategy: self.settings.strategy,
            }
        } else {
            ZSetup::Inflate { window_bits }
        };
        match ZStream::new(setup) {
            Ok(stream) => {
                self.stream = Some(stream);
                self.apply_dictionary();
                true
            }
            Err(code) => {
                self.code = code;
                self.has_failed_to_start = true;
                false
            }
        }
    }

    /// Gives zlib the dictionary where it takes it at once; inflate asks for it when it is needed.
    fn apply_dictionary(&mut self) {
        let takes_it = matches!(
            self.mode,
            Mode::Deflate | Mode::DeflateRaw | Mode::InflateRaw
        );
        if let Some(stream) = &mut self.stream
            && takes_it
            && !self.settings.dictionary.is_empty()
        {
            self.code = stream.set_dictionary(&self.settings.dictionary);
        }
    }

    fn failure(&self, message: &str) -> CompressionError {
        let said = self.stream.as_ref().and_then(ZStream::message);
        CompressionError {
            message: said.unwrap_or_else(|| message.to_owned()),
            code: code_name(self.code).to_owned(),
            errno: self.code,
        }
    }

    fn run(&mut self, input: &[u8], output: &mut [u8], flush: i32) -> ZStep {
        let Some(stream) = &mut self.stream else {
            return ZStep {
                code: STREAM_ERROR,
                consumed: 0,
                produced: 0,
            };
        };
        let step = stream.run(input, output, flush);
        self.code = step.code;
        step
    }

    fn deflate(&mut self, input: &[u8], output: &mut [u8], flush: i32) -> Step {
        let step = self.run(input, output, flush);
        self.has_emitted |= step.produced > 0;
        match step.code {
            STREAM_END => {
                self.is_complete = true;
                self.has_emitted = false;
            }
            OK | BUF_ERROR => self.is_complete = false,
            _ => {}
        }
        Step {
            consumed: step.consumed,
            produced: step.produced,
            is_over: !matches!(step.code, OK | BUF_ERROR),
        }
    }

    /// Finds out by the first two bytes whether it is gzip.
    fn detect(&mut self, input: &[u8]) {
        for &byte in input.iter().take(GZIP_MAGIC.len() - self.magic_bytes_read) {
            if byte != GZIP_MAGIC[self.magic_bytes_read] {
                self.mode = Mode::Inflate;
                return;
            }
            self.magic_bytes_read += 1;
        }
        if self.magic_bytes_read == GZIP_MAGIC.len() {
            self.mode = Mode::Gunzip;
        }
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8], flush: i32) -> Step {
        if self.mode == Mode::Unzip {
            self.detect(input);
        }
        let mut step = self.run(input, output, flush);
        if self.mode != Mode::InflateRaw
            && step.code == NEED_DICT
            && !self.settings.dictionary.is_empty()
            && let Some(stream) = &mut self.stream
        {
            self.code = stream.set_dictionary(&self.settings.dictionary);
            if self.code == OK {
                step = self.again(step, input, output, flush);
            } else if self.code == DATA_ERROR {
                // inflate() has this code too: `error` tells a bad dictionary from bad input by this one.
                self.code = NEED_DICT;
            }
        }
        // Another member, or garbage that is not padding.
        while self.mode == Mode::Gunzip
            && self.code == STREAM_END
            && !self.settings.rejects_garbage
            && input.get(step.consumed).is_some_and(|byte| *byte != 0)
        {
            if let Some(stream) = &mut self.stream {
                self.code = stream.reset();
            }
            step = self.again(step, input, output, flush);
        }
        let may_go_on = matches!(self.code, OK | BUF_ERROR)
            || (self.code == STREAM_END
                && self.mode == Mode::Gunzip
                && !self.settings.rejects_garbage
                && step.consumed == input.len());
        Step {
            consumed: step.consumed,
            produced: step.produced,
            is_over: !may_go_on,
        }
    }

    fn again(&mut self, before: ZStep, input: &[u8], output: &mut [u8], flush: i32) -> ZStep {
        let rest = input.get(before.consumed..).unwrap_or_default();
        let room = output.get_mut(before.produced..).unwrap_or_default();
        let after = self.run(rest, room, flush);
        ZStep {
            code: after.code,
            consumed: before.consumed + after.consumed,
            produced: before.produced + after.produced,
        }
    }
}

impl Engine for Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8], demand: Demand) -> Step {
        if !self.start() {
            return Step {
                is_over: true,
                ..Step::default()
            };
        }
        let flush = if demand.input_after > 0 {
            NO_FLUSH
        } else {
            i32::try_from(demand.flush).unwrap_or(NO_FLUSH)
        };
        if self.mode.compresses() {
            self.deflate(input, output, flush)
        } else {
            self.inflate(input, output, flush)
        }
    }

    fn error(&self, outcome: Outcome) -> Option<CompressionError> {
        match self.code {
            OK | BUF_ERROR if outcome.output_left != 0 && outcome.flush == FINISH => {
                Some(self.failure("unexpected end of file"))
            }
            OK | BUF_ERROR | STREAM_END => None,
            NEED_DICT if self.settings.dictionary.is_empty() => {
                Some(self.failure("Missing dictionary"))
            }
            NEED_DICT => Some(self.failure("Bad dictionary")),
            _ => Some(self.failure("Zlib error")),
        }
    }

    fn reset(&mut self) -> Result<(), CompressionError> {
        if self.mode == Mode::Gzip && !self.is_complete && self.has_emitted {
            return Err(CompressionError::new(
                "Cannot reset a gzip stream with an incomplete member; end the stream or start a new gzip compressor",
                "ERR_ZLIB_INCOMPLETE_FRAME",
                STREAM_ERROR,
            ));
        }
        if !self.start() {
            return Err(self.failure("Failed to init stream before reset"));
        }
        self.code = OK;
        if self.mode != Mode::Unzip
            && let Some(stream) = &mut self.stream
        {
            self.code = stream.reset();
        }
        if self.code != OK {
            return Err(self.failure("Failed to reset stream"));
        }
        self.is_complete = true;
        self.has_emitted = false;
        self.apply_dictionary();
        if self.code == OK {
            Ok(())
        } else {
            Err(self.failure("Failed to set dictionary"))
        }
    }

    fn memory(&self) -> usize {
        let window = 1_usize << self.settings.window_bits.clamp(8, 15);
        let dictionary = self.settings.dictionary.len();
        if self.mode.compresses() {
            // zconf.h: (1 << (windowBits + 2)) + (1 << (memLevel + 9)), and the state.
            let hashes = 1_usize << (self.settings.mem_level.clamp(1, 9) + 9);
            window * 4 + hashes + dictionary + (6 << 10)
        } else {
            window + dictionary + (7 << 10)
        }
    }

    fn set_params(&mut self, level: i32, strategy: i32) -> Result<(), CompressionError> {
        if !self.start() {
            return Err(self.failure("Failed to init stream before set parameters"));
        }
        self.code = OK;
        if matches!(self.mode, Mode::Deflate | Mode::DeflateRaw)
            && let Some(stream) = &mut self.stream
        {
            self.code = stream.set_params(level, strategy);
        }
        if matches!(self.code, OK | BUF_ERROR) {
            Ok(())
        } else {
            Err(self.failure("Failed to set parameters"))
        }
    }
}

const fn code_name(code: i32) -> &'static str {
    match code {
        OK => "Z_OK",
        STREAM_END => "Z_STREAM_END",
        NEED_DICT => "Z_NEED_DICT",
        -1 => "Z_ERRNO",
        STREAM_ERROR => "Z_STREAM_ERROR",
        DATA_ERROR => "Z_DATA_ERROR",
        -4 => "Z_MEM_ERROR",
        BUF_ERROR => "Z_BUF_ERROR",
        -6 => "Z_VERSION_ERROR",
        _ => "Z_UNKNOWN_ERROR",
    }
}
