//! Primes, with somebody who may say that enough is enough: looking for one can take hours.

use std::ffi::{c_int, c_void};

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::error::ErrorStack;

/// `BN_GENCB`: who is asked now and then.
#[repr(C)]
pub(super) struct Progress {
    _private: [u8; 0],
}

type Ask = unsafe extern "C" fn(c_int, c_int, *mut Progress) -> c_int;

unsafe extern "C" {
    fn BN_GENCB_new() -> *mut Progress;
    fn BN_GENCB_free(progress: *mut Progress);
    fn BN_GENCB_set(progress: *mut Progress, ask: Ask, argument: *mut c_void);
    fn BN_GENCB_get_arg(progress: *mut Progress) -> *mut c_void;
    fn BN_generate_prime_ex(
        prime: *mut openssl_sys::BIGNUM,
        bits: c_int,
        safe: c_int,
        add: *const openssl_sys::BIGNUM,
        rem: *const openssl_sys::BIGNUM,
        progress: *mut Progress,
    ) -> c_int;
    fn BN_is_prime_ex(
        candidate: *const openssl_sys::BIGNUM,
        checks: c_int,
        context: *mut openssl_sys::BN_CTX,
        progress: *mut Progress,
    ) -> c_int;
}

/// Whether to go on.
pub(super) type GoOn<'a> = &'a dyn Fn() -> bool;

unsafe extern "C" fn ask(_: c_int, _: c_int, progress: *mut Progress) -> c_int {
    // SAFETY: OpenSSL passes the object it was given.
    let argument = unsafe { BN_GENCB_get_arg(progress) };
    // SAFETY: `with_progress` set a pointer to a closure that lives until the calculation is over.
    let go_on = unsafe { &*argument.cast::<GoOn<'_>>() };
    c_int::from(go_on())
}

/// Calculates with an object that asks `go_on`.
pub(super) fn with_progress(
    mut go_on: GoOn<'_>,
    calculate: impl FnOnce(*mut Progress) -> c_int,
) -> Result<c_int, ErrorStack> {
    super::init();
    // SAFETY: no arguments.
    let progress = unsafe { BN_GENCB_new() };
    if progress.is_null() {
        return Err(ErrorStack::get());
    }
    // SAFETY: the object is ours; the argument lives until it is freed.
    unsafe { BN_GENCB_set(progress, ask, std::ptr::from_mut(&mut go_on).cast()) };
    let outcome = calculate(progress);
    // SAFETY: ours, freed once.
    unsafe { BN_GENCB_free(progress) };
    Ok(outcome)
}

/// Finds a prime of so many bits, with `prime % add == rem`.
///
/// # Errors
/// OpenSSL's; none of its own when `go_on` said no.
pub(crate) fn generate_prime(
    bits: c_int,
    is_safe: bool,
    add: Option<&BigNumRef>,
    rem: Option<&BigNumRef>,
    go_on: GoOn<'_>,
) -> Result<BigNum, ErrorStack> {
    let prime = BigNum::new()?;
    let add = add.map_or(std::ptr::null(), |number| number.as_ptr().cast_const());
    let rem = rem.map_or(std::ptr::null(), |number| number.as_ptr().cast_const());
    let found = with_progress(go_on, |progress| {
        // SAFETY: all numbers live, `progress` too.
        unsafe {
            BN_generate_prime_ex(
                prime.as_ptr(),
                bits,
                c_int::from(is_safe),
                add,
                rem,
                progress,
            )
        }
    })?;
    if found == 1 {
        Ok(prime)
    } else {
        Err(ErrorStack::get())
    }
}

/// Whether a number is prime, almost surely.
///
/// # Errors
/// OpenSSL's; none of its own when `go_on` said no.
pub(crate) fn is_prime(
    candidate: &BigNumRef,
    checks: c_int,
    go_on: GoOn<'_>,
) -> Result<bool, ErrorStack> {
    let context = BigNumContext::new()?;
    let answer = with_progress(go_on, |progress| {
        // SAFETY: the number and the context live, `progress` too.
        unsafe { BN_is_prime_ex(candidate.as_ptr(), checks, context.as_ptr(), progress) }
    })?;
    match answer {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ErrorStack::get()),
    }
}
