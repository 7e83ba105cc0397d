//! Digests for Web Crypto that OpenSSL does not have: cSHAKE with names, `TurboSHAKE`, `KangarooTwelve`.
//! Node: `src/crypto/crypto_turboshake.cc`, `src/crypto/crypto_hash.cc`.

use super::errors::JobError;
use super::input;
use super::job::{array_buffer, attach_sized_job, job_class, mode_of};
use super::keccak::{self, RATE_128, RATE_256, Sponge};
use super::kmac::truncate_to_bits;
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

pub(super) static CSHAKE_JOB: Class = job_class("CShakeJob", new_cshake_job);
pub(super) static TURBO_SHAKE_JOB: Class = job_class("TurboShakeJob", new_turbo_shake_job);
pub(super) static KANGAROO_TWELVE_JOB: Class =
    job_class("KangarooTwelveJob", new_kangaroo_twelve_job);

/// The rate of an algorithm, by the strength in its name.
pub(super) fn rate_of(name: &str) -> Result<usize, Failure> {
    if name.ends_with("128") {
        Ok(RATE_128)
    } else if name.ends_with("256") {
        Ok(RATE_256)
    } else {
        Err(Failure::type_error(
            "ERR_CRYPTO_INVALID_DIGEST",
            format!("Invalid digest: {name}"),
        ))
    }
}

/// Room for what a job makes.
pub(super) fn output(length: usize) -> Result<Vec<u8>, JobError> {
    input::zeros(length).map_err(|_| JobError::named("Failed to allocate memory"))
}

/// `new CShakeJob(mode, name, data, functionName, customization, bits)`.
fn new_cshake_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let rate = rate_of(&args.text(scope, 1)?)?;
    let data = input::bytes(args.get(2), "data")?;
    let function = input::optional_bytes(args.get(3), "functionName")?.unwrap_or_default();
    let customization = input::optional_bytes(args.get(4), "customization")?.unwrap_or_default();
    let bits = args.u32(scope, 5)?;
    let length = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    let work = move || {
        let mut out = output(length)?;
        if function.is_empty() && customization.is_empty() {
            keccak::shake(rate, &data, &mut out);
        } else {
            let mut sponge = Sponge::cshake(rate, &function, &customization);
            sponge.absorb(&data);
            sponge.squeeze(keccak::CSHAKE, &mut out);
        }
        truncate_to_bits(&mut out, bits);
        Ok(out)
    };
    attach_sized_job(scope, args, "HASHREQUEST", length, work, array_buffer)
}

/// `new TurboShakeJob(mode, name, domain, length, data)`.
fn new_turbo_shake_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let rate = rate_of(&args.text(scope, 1)?)?;
    let domain = u8::try_from(args.u32(scope, 2)?)
        .ok()
        .filter(|domain| (1..=0x7F).contains(domain))
        .ok_or_else(|| Failure::range_error("ERR_OUT_OF_RANGE", "invalid domain separation"))?;
    let length = args.usize(3)?;
    let data = input::bytes(args.get(4), "data")?;
    let work = move || {
        let mut out = output(length)?;
        keccak::turbo_shake(rate, &[&data], domain, &mut out);
        Ok(out)
    };
    attach_sized_job(scope, args, "HASHREQUEST", length, work, array_buffer)
}

/// `new KangarooTwelveJob(mode, name, customization, length, data)`.
fn new_kangaroo_twelve_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let rate = rate_of(&args.text(scope, 1)?)?;
    let customization = input::optional_bytes(args.get(2), "customization")?.unwrap_or_default();
    let length = args.usize(3)?;
    let data = input::bytes(args.get(4), "data")?;
    let work = move || {
        let mut out = output(length)?;
        keccak::kangaroo_twelve(rate, &data, &customization, &mut out);
        Ok(out)
    };
    attach_sized_job(scope, args, "HASHREQUEST", length, work, array_buffer)
}
