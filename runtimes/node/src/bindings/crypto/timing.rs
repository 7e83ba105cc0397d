//! `timingSafeEqual`. Node: `src/crypto/crypto_timing.cc`.

use super::input;
use crate::glue::{Args, BindingResult, Failure, Scope};

pub(super) fn timing_safe_equal<'s>(
    _scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let one = input::bytes(args.get(0), "buf1")?;
    let other = input::bytes(args.get(1), "buf2")?;
    if one.len() != other.len() {
        return Err(Failure::range_error(
            "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH",
            "Input buffers must have the same byte length",
        ));
    }
    Ok(openssl::memcmp::eq(&one, &other).into())
}
