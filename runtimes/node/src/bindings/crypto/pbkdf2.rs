//! PBKDF2 (RFC 8018) over HMAC. Node: `src/crypto/crypto_pbkdf2.cc`.
//!
//! A loop that takes long is ours, because OpenSSL's cannot be ended: a guest may ask for two thousand million iterations.

use openssl::error::ErrorStack;
use openssl::md::MdRef;

use super::errors::JobError;
use super::hash::digest_argument;
use super::input;
use super::job::{Wanted, array_buffer, attach_sized_job, job_class, mode_of};
use crate::glue::openssl::{self as raw, MacContext, Param};
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

const FAILED: &str = "Deriving bits failed";
/// After how many iterations we look whether the process has ended.
const PATIENCE: i32 = 1 << 12;

/// Up to so many iterations in all (a second or so) the loop is OpenSSL's, which is faster.
const FEW: usize = 1 << 20;

pub(super) static PBKDF2_JOB: Class = job_class("PBKDF2Job", new_job);

/// `new PBKDF2Job(mode, password, salt, iterations, length, digest)`.
fn new_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let password = input::secret(scope, args.get(1), "pass")?;
    let salt = input::bytes(args.get(2), "salt")?;
    let iterations = i32::try_from(args.i64(3)?)
        .ok()
        .filter(|iterations| *iterations > 0)
        .ok_or_else(|| Failure::range_error("ERR_OUT_OF_RANGE", "iterations is out of range"))?;
    let length = args.usize(4)?;
    let digest = digest_argument(scope, args, 5)?;
    let wanted = Wanted::new(scope);
    let work = move || {
        // As in Node: nothing cannot be derived.
        if length == 0 {
            return Err(JobError::named(FAILED));
        }
        let mut out = input::zeros(length).map_err(|_| JobError::named(FAILED))?;
        let blocks = length.div_ceil(digest.size().max(1));
        let all = usize::try_from(iterations)
            .unwrap_or(FEW)
            .saturating_mul(blocks);
        if all <= FEW {
            raw::pbkdf2(&digest, &password, &salt, iterations, &mut out)
        } else {
            pbkdf2(&digest, &password, &salt, iterations, &wanted, &mut out)
        }
        .map_err(|stack| JobError::of(&stack, FAILED))?;
        Ok(out)
    };
    attach_sized_job(scope, args, "PBKDF2REQUEST", length, work, array_buffer)
}

fn pbkdf2(
    digest: &MdRef,
    password: &[u8],
    salt: &[u8],
    iterations: i32,
    wanted: &Wanted,
    out: &mut [u8],
) -> Result<(), ErrorStack> {
    let name = raw::digest_name(digest);
    let mut mac = MacContext::new(c"HMAC", password, &[Param::Text(c"digest", &name)])?;
    let mut block = vec![0; mac.len()];
    let mut sum = block.clone();
    if block.is_empty() {
        return Err(ErrorStack::get());
    }
    for (number, part) in (1_u32..).zip(out.chunks_mut(block.len())) {
        mac.restart()?;
        mac.update(salt)?;
        mac.update(&number.to_be_bytes())?;
        mac.finish_into(&mut block)?;
        sum.copy_from_slice(&block);
        for iteration in 1..iterations {
            if iteration % PATIENCE == 0 && !wanted.go_on() {
                return Err(ErrorStack::get());
            }
            mac.restart()?;
            mac.update(&block)?;
            mac.finish_into(&mut block)?;
            for (sum, byte) in sum.iter_mut().zip(&block) {
                *sum ^= byte;
            }
        }
        let (known, _) = sum.split_at(part.len().min(sum.len()));
        part.copy_from_slice(known);
    }
    Ok(())
}
