//! Pipes: a ring of bytes with a read end and a write end, anonymous or behind a name. See pipe(7), fifo(7).

mod ends;
pub(crate) mod fifo;
mod ring;

pub(crate) use ends::new_pair;
pub use ends::{PipeEnd, Side};
pub(crate) use ring::Ring;
