//! What a compressor or decompressor is to a stream: [`Engine`].

/// The most bytes an engine is handed, and hands back, at once.
pub(super) const PIECE: usize = 128 << 10;

/// An error as `onerror(message, errno, code)` gets it.
#[derive(Clone, Debug)]
pub(super) struct CompressionError {
    pub(super) message: String,
    pub(super) code: String,
    pub(super) errno: i32,
}

impl CompressionError {
    pub(super) fn new(message: &str, code: &str, errno: i32) -> Self {
        Self {
            message: message.to_owned(),
            code: code.to_owned(),
            errno,
        }
    }

    /// The guest's memory is used up.
    pub(super) fn out_of_memory() -> Self {
        Self::new("insufficient memory", "Z_MEM_ERROR", -4)
    }

    /// An engine failed in a way it should not be able to.
    pub(super) fn internal() -> Self {
        Self::new("Zlib error", "Z_STREAM_ERROR", -2)
    }
}

/// One write's demands, seen from one piece of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// The flush value JavaScript gave.
    pub(super) flush: u32,
    /// How many bytes of the write's input come after this piece.
    pub(super) input_after: usize,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// Nothing more will come of this write: the stream ended or failed.
    pub(super) is_over: bool,
}

/// How a write ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) flush: u32,
    pub(super) input_left: usize,
    pub(super) output_left: usize,
}

/// A compressor or decompressor.
pub(super) trait Engine: Send {
    /// Works through a piece of input into a piece of output, until one of them is used up.
    fn step(&mut self, input: &[u8], output: &mut [u8], demand: Demand) -> Step;
    /// The error after a whole write.
    fn error(&self, outcome: Outcome) -> Option<CompressionError>;
    /// Begins anew.
    fn reset(&mut self) -> Result<(), CompressionError>;
    /// Bytes of memory the engine has.
    fn memory(&self) -> usize;
    /// Bytes of memory it may have after a write; asked before it, with all of its input as `input_after`.
    fn memory_for(&self, _write: Demand) -> usize {
        self.memory()
    }
    /// `params(level, strategy)`, which only zlib has.
    fn set_params(&mut self, _level: i32, _strategy: i32) -> Result<(), CompressionError> {
        Ok(())
    }
}
