//! What the jobs of message authentication codes share: they sign, or they verify a signature that was given.

use super::input;
use super::job::{array_buffer, boolean};
use crate::glue::{Args, Failure, Scope, Value};

/// `kSignJobModeVerify`.
const VERIFY: u32 = 1;

/// What such a job makes.
#[derive(Debug)]
pub(super) enum Signed {
    Code(Vec<u8>),
    Verified(bool),
}

impl Signed {
    /// The code, or whether it is the expected one (compared in constant time).
    pub(super) fn new(code: Vec<u8>, expected: Option<Vec<u8>>) -> Self {
        match expected {
            None => Self::Code(code),
            Some(expected) => Self::Verified(
                expected.len() == code.len() && openssl::memcmp::eq(&expected, &code),
            ),
        }
    }
}

/// The signature to verify, if the job's mode is to verify.
///
/// # Errors
/// When an argument is of the wrong type.
pub(super) fn verification<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    mode: usize,
    signature: usize,
) -> Result<Option<Vec<u8>>, Failure> {
    if args.u32(scope, mode)? == VERIFY {
        return input::bytes(args.get(signature), "signature").map(Some);
    }
    Ok(None)
}

/// The job's `finish`: an `ArrayBuffer`, or a boolean.
pub(super) fn signed_value<'s>(
    scope: &mut Scope<'s, '_>,
    signed: Signed,
) -> Result<Value<'s>, Failure> {
    match signed {
        Signed::Code(code) => array_buffer(scope, code),
        Signed::Verified(verified) => boolean(scope, verified),
    }
}
