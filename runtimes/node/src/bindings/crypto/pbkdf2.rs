//! PBKDF2. Node: src/crypto/crypto_pbkdf2.cc.

use super::errors::JobError;
use super::hash::digest_argument;
use super::input;
use super::job::{array_buffer, attach_job, job_class, mode_of};
use crate::glue::openssl as raw;
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

pub(super) static PBKDF2_JOB: Class = job_class("PBKDF2Job", new_job);

/// `new PBKDF2Job(mode, password, salt, iterations, length, digest)`.
fn new_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let password = input::secret(scope, args.get(1), "pass")?;
    let salt = input::bytes(args.get(2), "salt")?;
    let iterations = i32::try_from(args.i64(3)?)
        .ok()
        .filter(|iterations| *iterations > 0)
        .ok_or_else(|| {
            Failure::range_error("ERR_OUT_OF_RANGE", "iterations must be <= 2147483647")
        })?;
    let length = args.usize(4)?;
    let digest = digest_argument(scope, args, 5)?;
    let mut out = input::zeros(length)?;
    let work = move || {
        // As in Node: nothing cannot be derived.
        if out.is_empty() {
            return Err(JobError::named("Deriving bits failed"));
        }
        raw::pbkdf2(&digest, &password, &salt, iterations, &mut out)
            .map_err(|stack| JobError::of(&stack, "Deriving bits failed"))?;
        Ok(out)
    };
    attach_job(scope, args, "PBKDF2REQUEST", work, array_buffer)
}
