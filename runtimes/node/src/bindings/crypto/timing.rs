//! `timingSafeEqual`. Node: `src/crypto/crypto_timing.cc`.

use super::input;
use crate::glue::{Args, BindingResult, Failure, FastContext, Scope, Value, fast_call};

pub(super) fn timing_safe_equal<'s>(
    _scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    Ok(are_equal(args.get(0), args.get(1))?.into())
}

fn are_equal(one: Value<'_>, other: Value<'_>) -> Result<bool, Failure> {
    let one = input::bytes(one, "buf1")?;
    let other = input::bytes(other, "buf2")?;
    if one.len() != other.len() {
        return Err(Failure::range_error(
            "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH",
            "Input buffers must have the same byte length",
        ));
    }
    Ok(openssl::memcmp::eq(&one, &other))
}

fast_call!(TIMING_SAFE_EQUAL: are_equal_fast(value, value) -> bool);

/// What optimised JavaScript calls.
fn are_equal_fast(_: FastContext<'_>, one: Value<'_>, other: Value<'_>) -> Result<bool, Failure> {
    are_equal(one, other)
}
