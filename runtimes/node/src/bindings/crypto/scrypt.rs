//! scrypt. Node: `src/crypto/crypto_scrypt.cc`. However much memory a guest allows it, it gets no more than [`input::WORKING_MEMORY`].

use super::errors::{JobError, error_text};
use super::input;
use super::job::{array_buffer, attach_sized_job, job_class, mode_of};
use crate::glue::openssl::{self as raw, ScryptCost};
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

const FAILED: &str = "Deriving bits failed";
/// How many bytes scrypt may mix before it is too much for anybody: minutes of work.
const MOST_MIXING: u64 = 64 << 30;

pub(super) static SCRYPT_JOB: Class = job_class("ScryptJob", new_job);

/// `new ScryptJob(mode, password, salt, N, r, p, maxmem, length)`.
fn new_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let password = input::secret(scope, args.get(1), "pass")?;
    let salt = input::bytes(args.get(2), "salt")?;
    let number = |index| {
        args.usize(index)
            .map(|n| u64::try_from(n).unwrap_or(u64::MAX))
    };
    let cost = ScryptCost {
        cost: number(3)?,
        block_size: number(4)?,
        parallelization: number(5)?,
        memory: number(6)?.min(input::WORKING_MEMORY),
    };
    let mixing = cost
        .cost
        .saturating_mul(cost.block_size)
        .saturating_mul(cost.parallelization)
        .saturating_mul(128);
    if let Err(stack) = raw::scrypt(&password, &salt, cost, None) {
        let mut message = String::from("Invalid scrypt params");
        if let Some(last) = stack.errors().last() {
            message.push_str(": ");
            message.push_str(&error_text(last));
        }
        return Err(Failure::range_error(
            "ERR_CRYPTO_INVALID_SCRYPT_PARAMS",
            message,
        ));
    }
    if mixing > MOST_MIXING {
        return Err(Failure::range_error(
            "ERR_CRYPTO_INVALID_SCRYPT_PARAMS",
            "Invalid scrypt params: too much work",
        ));
    }
    let length = args.usize(7)?;
    let work = move || {
        let mut out = input::zeros(length).map_err(|_| JobError::named(FAILED))?;
        if out.is_empty() {
            return Ok(out);
        }
        raw::scrypt(&password, &salt, cost, Some(&mut out))
            .map_err(|stack| JobError::of(&stack, FAILED))?;
        Ok(out)
    };
    attach_sized_job(scope, args, "SCRYPTREQUEST", length, work, array_buffer)
}
