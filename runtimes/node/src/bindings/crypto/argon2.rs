//! Argon2. Node: `src/crypto/crypto_argon2.cc`. It gets no more memory than [`input::WORKING_MEMORY`].

use std::ffi::CStr;

use super::errors::JobError;
use super::input;
use super::job::{array_buffer, attach_sized_job, job_class, mode_of};
use crate::glue::openssl::{self as raw, Param};
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

const FAILED: &str = "Deriving bits failed";
/// How many bytes it may mix before it is too much for anybody: minutes of work.
const MOST_MIXING: u64 = 64 << 30;

pub(super) static ARGON2_JOB: Class = job_class("Argon2Job", new_job);

/// `new Argon2Job(mode, message, nonce, parallelism, tagLength, memory, passes, secret, associatedData, type)`.
fn new_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let message = input::secret(scope, args.get(1), "message")?;
    let nonce = input::bytes(args.get(2), "nonce")?;
    let lanes = args.u32(scope, 3)?;
    let tag_length = usize::try_from(args.u32(scope, 4)?).unwrap_or(usize::MAX);
    let memory = args.u32(scope, 5)?;
    let passes = args.u32(scope, 6)?;
    let secret = input::bytes(args.get(7), "secret")?;
    let associated_data = input::bytes(args.get(8), "associatedData")?;
    let name: &'static CStr = match args.u32(scope, 9)? {
        0 => c"ARGON2D",
        1 => c"ARGON2I",
        2 => c"ARGON2ID",
        _ => {
            return Err(Failure::type_error(
                "ERR_INVALID_ARG_VALUE",
                "Invalid Argon2 type",
            ));
        }
    };
    let work = move || {
        let memory_bytes = u64::from(memory) * 1024;
        let is_too_much = memory_bytes > input::WORKING_MEMORY
            || memory_bytes.saturating_mul(u64::from(passes)) > MOST_MIXING;
        if is_too_much {
            return Err(JobError::named("Failed to allocate memory"));
        }
        let mut out = input::zeros(tag_length).map_err(|_| JobError::named(FAILED))?;
        let params = [
            Param::Bytes(c"pass", &message),
            Param::Bytes(c"salt", &nonce),
            Param::Bytes(c"secret", &secret),
            Param::Bytes(c"ad", &associated_data),
            // One does the work of all lanes; none at all is the guest's mistake, which OpenSSL words.
            Param::Uint(c"threads", lanes.min(1)),
            Param::Uint(c"lanes", lanes),
            Param::Uint(c"memcost", memory),
            Param::Uint(c"iter", passes),
        ];
        raw::derive(name, &params, &mut out).map_err(|stack| JobError::of(&stack, FAILED))?;
        Ok(out)
    };
    attach_sized_job(scope, args, "ARGON2REQUEST", tag_length, work, array_buffer)
}
