//! Random bytes and primes, as jobs. Node: `src/crypto/crypto_random.cc`.

use openssl::bn::BigNum;
use openssl::error::ErrorStack;

use super::errors::{self, JobError};
use super::input;
use super::job::{Wanted, array_buffer, attach_job, attach_sized_job, boolean, job_class, mode_of};
use crate::glue::openssl as raw;
use crate::glue::{
    Args, BindingResult, Class, Failure, Scope, ScopeExt, Value, with_bytes, with_bytes_mut,
};

/// The longest prime we look for: finding one takes hours already.
const LONGEST_PRIME: i32 = 1 << 16;

pub(super) static RANDOM_BYTES_JOB: Class = job_class("RandomBytesJob", new_random_bytes_job);
pub(super) static RANDOM_PRIME_JOB: Class = job_class("RandomPrimeJob", new_random_prime_job);
pub(super) static CHECK_PRIME_JOB: Class = job_class("CheckPrimeJob", new_check_prime_job);

fn failed(stack: &ErrorStack) -> JobError {
    JobError::of(stack, "Deriving bits failed")
}

/// Random bytes, for anything in this folder.
///
/// # Errors
/// OpenSSL's.
pub(crate) fn random_bytes(len: usize) -> Result<Vec<u8>, JobError> {
    let mut bytes = input::zeros(len).map_err(|_| JobError::named("Failed to allocate memory"))?;
    // OpenSSL counts in `int`.
    for part in bytes.chunks_mut(1 << 20) {
        openssl::rand::rand_bytes(part).map_err(|stack| failed(&stack))?;
    }
    Ok(bytes)
}

/// `new RandomBytesJob(mode, buffer, offset, size)`: fills the buffer.
fn new_random_bytes_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let target = args.get(1);
    let offset = args.usize(2)?;
    let size = args.usize(3)?;
    let has_room = with_bytes(target, |bytes| {
        offset
            .checked_add(size)
            .is_some_and(|end| end <= bytes.len())
    });
    if has_room != Some(true) {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "The buffer has no room for so many bytes",
        ));
    }
    let target = v8::Global::new(scope, target);
    let finish = move |scope: &mut Scope<'_, '_>, random: Vec<u8>| -> Result<(), Failure> {
        let target: Value<'_> = v8::Local::new(scope, &target);
        // The buffer may have been detached or made smaller meanwhile.
        with_bytes_mut(target, |bytes| {
            let place = offset
                .checked_add(random.len())
                .and_then(|end| bytes.get_mut(offset..end));
            if let Some(place) = place {
                place.copy_from_slice(&random);
            }
        });
        Ok(())
    };
    attach_sized_job(
        scope,
        args,
        "RANDOMBYTESREQUEST",
        size,
        move || random_bytes(size),
        move |scope, random| {
            finish(scope, random)?;
            Ok(scope.undefined())
        },
    )
}

fn big_number(value: Value<'_>, name: &str) -> Result<Option<BigNum>, Failure> {
    let invalid =
        || Failure::type_error("ERR_INVALID_ARG_VALUE", format!("invalid options.{name}"));
    let Some(bytes) = input::optional_bytes(value, name)? else {
        return Ok(None);
    };
    BigNum::from_slice(&bytes).map(Some).map_err(|_| invalid())
}

/// `new RandomPrimeJob(mode, bits, safe, add, rem)`.
fn new_random_prime_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let out_of_range =
        |what: &str| Failure::range_error("ERR_OUT_OF_RANGE", format!("invalid {what}"));
    mode_of(scope, args)?;
    let bits = i32::try_from(args.u32(scope, 1)?).map_err(|_| out_of_range("size"))?;
    if bits > LONGEST_PRIME {
        return Err(out_of_range("size"));
    }
    let is_safe = args.bool(scope, 2);
    let add = big_number(args.get(3), "add")?;
    let rem = big_number(args.get(4), "rem")?;
    if let Some(add) = &add {
        // Otherwise the best case would be a table of known primes, the worst an endless loop.
        if add.num_bits() > bits {
            return Err(out_of_range("options.add"));
        }
        if rem.as_ref().is_some_and(|rem| **add <= **rem) {
            return Err(out_of_range("options.rem"));
        }
    }
    let wanted = Wanted::new(scope);
    let work = move || {
        raw::generate_prime(bits, is_safe, add.as_deref(), rem.as_deref(), &|| {
            wanted.go_on()
        })
        .map(|prime| prime.to_vec())
        .map_err(|stack| failed(&stack))
    };
    attach_job(scope, args, "RANDOMPRIMEREQUEST", work, array_buffer)
}

/// `new CheckPrimeJob(mode, candidate, checks)`.
fn new_check_prime_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let candidate = BigNum::from_slice(&input::bytes(args.get(1), "candidate")?)
        .map_err(|stack| errors::failure(scope, &stack, "BignumPointer"))?;
    let checks = i32::try_from(args.u32(scope, 2)?)
        .map_err(|_| Failure::range_error("ERR_OUT_OF_RANGE", "invalid options.checks"))?;
    if candidate.num_bits() > LONGEST_PRIME {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "invalid candidate",
        ));
    }
    let wanted = Wanted::new(scope);
    let work = move || {
        raw::is_prime(&candidate, checks, &|| wanted.go_on()).map_err(|stack| failed(&stack))
    };
    attach_job(scope, args, "CHECKPRIMEREQUEST", work, boolean)
}
