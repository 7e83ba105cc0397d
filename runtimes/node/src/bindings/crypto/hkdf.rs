//! HKDF (RFC 5869): extract, then expand, over HMAC. Node: `src/crypto/crypto_hkdf.cc`.

use openssl::error::ErrorStack;
use openssl::md::MdRef;

use super::errors::JobError;
use super::hash::digest_argument;
use super::hmac::hmac;
use super::input;
use super::job::{array_buffer, attach_job, job_class, mode_of};
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

/// RFC 5869: the counter is one byte.
const MOST_BLOCKS: usize = 255;

pub(super) static HKDF_JOB: Class = job_class("HKDFJob", new_job);

/// `new HKDFJob(mode, digest, key, salt, info, length)`.
fn new_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let digest = digest_argument(scope, args, 1)?;
    let key = input::secret(scope, args.get(2), "key")?;
    let salt = input::bytes(args.get(3), "salt")?;
    let info = input::bytes(args.get(4), "info")?;
    let length = args.usize(5)?;
    if length > digest.size().saturating_mul(MOST_BLOCKS) {
        return Err(Failure::range_error(
            "ERR_CRYPTO_INVALID_KEYLEN",
            "Invalid key length",
        ));
    }
    let work = move || {
        // As in Node: nothing cannot be derived.
        if length == 0 {
            return Err(JobError::named("Deriving bits failed"));
        }
        hkdf(&digest, &key, &salt, &info, length)
            .map_err(|stack| JobError::of(&stack, "Deriving bits failed"))
    };
    attach_job(scope, args, "DERIVEBITSREQUEST", work, array_buffer)
}

fn hkdf(
    digest: &MdRef,
    key: &[u8],
    salt: &[u8],
    info: &[u8],
    length: usize,
) -> Result<Vec<u8>, ErrorStack> {
    // An empty salt is as many zeros as the digest is long; HMAC pads its key with zeros anyway.
    let extracted = hmac(digest, salt, &[key])?;
    let mut out: Vec<u8> = Vec::with_capacity(length);
    let mut block: Vec<u8> = Vec::new();
    let mut counter: u8 = 0;
    while out.len() < length {
        counter = counter.wrapping_add(1);
        block = hmac(digest, &extracted, &[&block, info, &[counter]])?;
        out.extend_from_slice(&block);
    }
    out.truncate(length);
    Ok(out)
}
