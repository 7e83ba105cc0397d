//! Takes ICU's locale data out of the pinned binary of Node, which carries all of it: that in V8's archive lacks locales.
//!
//! The binary is the one `stdlib.rs` finds; the data lies in it as one block, as `udata.h` describes: a header, a table of
//! contents, the items. What is taken must have the digest that `stdlib.toml` pins.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::stdlib;

/// Before each block of data, two bytes behind its start.
const MAGIC: [u8; 2] = [0xda, 0x27];
/// The format of a block of many items.
const COMMON: &[u8] = b"CmnD";
/// The format of a resource bundle.
const BUNDLE: &[u8] = b"ResB";

/// The data, from the cache or the binary.
///
/// # Errors
/// A message when there is no binary, or none with this data.
pub(crate) fn find(crate_dir: &Path, pin: &stdlib::Pin) -> Result<Vec<u8>, String> {
    let wanted = stdlib::pinned(crate_dir, "icu_sha256")?;
    let is_wanted = |data: &[u8]| stdlib::hex(&Sha256::digest(data)) == wanted;
    let cached = stdlib::cache_dir().join(format!("icu-{}.dat", pin.version));
    if let Ok(data) = std::fs::read(&cached)
        && is_wanted(&data)
    {
        return Ok(data);
    }
    let binary = stdlib::packaged_binary(pin)?;
    let bytes = std::fs::read(&binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let data = blocks(&bytes)
        .find(|data| is_wanted(data))
        .ok_or_else(|| format!("{} has no locale data of digest {wanted}", binary.display()))?;
    stdlib::store(&cached, data)?;
    Ok(data.to_vec())
}

/// The blocks of common data in a binary.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .windows(COMMON.len())
        .enumerate()
        .filter(|(_, window)| *window == COMMON)
        .filter_map(|(at, _)| block(bytes.get(at.checked_sub(12)?..)?))
}

/// A block of common data that begins where `bytes` do: up to the end of its last item, which is a resource bundle.
fn block(bytes: &[u8]) -> Option<&[u8]> {
    let body = item(bytes, COMMON)?;
    let count = number(bytes, body)?;
    let last = number(bytes, body + 4 + 8 * count.checked_sub(1)? + 4)?;
    let bundle = body.checked_add(last)?;
    let root = bundle + item(bytes.get(bundle..)?, BUNDLE)?;
    // Behind the root resource lie the indexes; the third says how many words the bundle has.
    let words = number(bytes, root + 4 + 4 * 3)?;
    bytes.get(..root.checked_add(words.checked_mul(4)?)?)
}

/// Where the body of a block begins that has this format.
fn item(bytes: &[u8], format: &[u8]) -> Option<usize> {
    if bytes.get(2..4)? != MAGIC || bytes.get(12..16)? != format {
        return None;
    }
    Some(usize::from(u16::from_le_bytes(
        bytes.get(..2)?.try_into().ok()?,
    )))
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}
