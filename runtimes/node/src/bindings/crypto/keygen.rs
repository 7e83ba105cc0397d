//! Generating secret keys. Node: `SecretKeyGenTraits` in `src/crypto/crypto_keygen.cc`.

use super::job::{Mode, attach_sized_job, job_class, mode_of};
use super::key_classes::{CryptoKeyParameters, new_crypto_key};
use super::keys::{KeyObjectData, new_key_handle};
use super::kmac::truncate_to_bits;
use super::random::random_bytes;
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

pub(super) static SECRET_KEY_GEN_JOB: Class = job_class("SecretKeyGenJob", new_job);

/// `new SecretKeyGenJob(mode, bits[, algorithm, usagesMask, extractable])`: a `KeyObjectHandle`, or for Web Crypto a `CryptoKey`.
fn new_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mode = mode_of(scope, args)?;
    let bits = args.u32(scope, 1)?;
    if i32::try_from(bits).is_err() {
        return Err(Failure::range_error("ERR_OUT_OF_RANGE", "invalid length"));
    }
    let parameters = match mode {
        Mode::WebCrypto => Some(CryptoKeyParameters {
            algorithm: v8::Global::new(scope, args.get(2)),
            usages: args.u32(scope, 3)?,
            extractable: args.bool(scope, 4),
        }),
        Mode::Async | Mode::Sync => None,
    };
    let is_web = parameters.is_some();
    let work = move || {
        // Web Crypto's lengths may end within a byte; the others are rounded down.
        let len = if is_web { bits.div_ceil(8) } else { bits / 8 };
        let mut key = random_bytes(usize::try_from(len).unwrap_or(usize::MAX))?;
        if is_web {
            truncate_to_bits(&mut key, bits);
        }
        Ok(KeyObjectData::Secret(key.into()))
    };
    attach_sized_job(
        scope,
        args,
        "KEYGENREQUEST",
        usize::try_from(bits / 8).unwrap_or(usize::MAX),
        work,
        move |scope, key| match &parameters {
            Some(parameters) => new_crypto_key(scope, key, parameters),
            None => Ok(new_key_handle(scope, key)?.into()),
        },
    )
}
