//! Streams that may be packed: [`plain`] undoes gzip and zstd, by the first bytes.

use std::io::{self, BufReader, Read};

/// The stream as it was before it was packed.
///
/// # Errors
/// Those of the stream.
pub(crate) fn plain<'a>(mut stream: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut head = Vec::new();
    stream.by_ref().take(4).read_to_end(&mut head)?;
    let kind = head.clone();
    let whole = BufReader::with_capacity(64 << 10, io::Cursor::new(head).chain(stream));
    Ok(match kind.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::stream::read::Decoder::with_buffer(whole)?),
        _ => Box::new(whole),
    })
}
