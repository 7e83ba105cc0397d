//! KMAC, for Web Crypto: with keys and codes of any length, which OpenSSL's has not. Node: `src/crypto/crypto_kmac.cc`.

use super::input;
use super::job::{attach_sized_job, job_class, mode_of};
use super::keccak::{CSHAKE, Sponge};
use super::mac_job::{Signed, signed_value, verification};
use super::sponge_jobs::{output, rate_of};
use crate::glue::{Args, BindingResult, Class, Scope};

pub(super) static KMAC_JOB: Class = job_class("KmacJob", new_job);

/// `new KmacJob(mode, signMode, key, name, customization, keyBits, outputBits, data[, signature])`.
fn new_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let verify = verification(scope, args, 1, 8)?;
    let key = input::secret(scope, args.get(2), "key")?;
    let rate = rate_of(&args.text(scope, 3)?)?;
    let customization = input::optional_bytes(args.get(4), "customization")?.unwrap_or_default();
    let bits = args.u32(scope, 6)?;
    let data = input::bytes(args.get(7), "data")?;
    let length = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX);
    let work = move || {
        let mut code = output(length)?;
        let sponge = Sponge::kmac(rate, &key, &customization, &data, u64::from(bits));
        sponge.squeeze(CSHAKE, &mut code);
        truncate_to_bits(&mut code, bits);
        Ok(Signed::new(code, verify))
    };
    attach_sized_job(scope, args, "SIGNREQUEST", length, work, signed_value)
}

/// Makes the bits past the length zero.
pub(super) fn truncate_to_bits(bytes: &mut [u8], bits: u32) {
    let rest = bits % 8;
    if rest != 0
        && let Some(last) = bytes.last_mut()
    {
        *last &= 0xFF << (8 - rest);
    }
}
