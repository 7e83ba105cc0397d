//! Diffie-Hellman with any parameters: [`DhKey`], whose halves may be set one by one. Node: `DHPointer` in deps/ncrypto.

use std::ffi::c_int;

use foreign_types::{ForeignType as _, ForeignTypeRef as _};
use openssl::bn::{BigNum, BigNumRef};
use openssl::dh::Dh;
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Params};
use openssl_sys as ffi;

use super::key_generate::Stop;
use super::memory::checked;
use super::prime::with_progress;

unsafe extern "C" {
    fn DH_check_pub_key(dh: *const ffi::DH, key: *const ffi::BIGNUM, codes: *mut c_int) -> c_int;
}

/// OpenSSL works with no larger prime (`OPENSSL_DH_MAX_MODULUS_BITS`).
const MOST_BITS: i32 = 10_000;

/// What is wrong with the other side's public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadPublicKey {
    TooSmall,
    TooLarge,
    Invalid,
}

/// Parameters, and the halves of a key that are there.
pub(crate) struct DhKey(Dh<Params>);

impl std::fmt::Debug for DhKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DhKey")
    }
}

/// A number of OpenSSL's as bytes; `None` for null.
fn bytes_of(number: *const ffi::BIGNUM) -> Option<Vec<u8>> {
    if number.is_null() {
        return None;
    }
    // SAFETY: not null, and it lives as long as the key it was read from, which the caller holds.
    let number = unsafe { BigNumRef::from_ptr(number.cast_mut()) };
    Some(number.to_vec())
}

impl DhKey {
    /// Of these parameters.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn new(prime: BigNum, generator: BigNum) -> Result<Self, ErrorStack> {
        super::init();
        Dh::from_pqg(prime, None, generator).map(Self)
    }

    /// Finds a safe prime of `bits` bits. May take minutes; `stop` ends it.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn generate(bits: i32, generator: i32, stop: &Stop) -> Result<Self, ErrorStack> {
        super::init();
        let dh = Dh::from_pqg(BigNum::new()?, None, BigNum::new()?)?;
        let made = with_progress(&|| !stop(), |progress| {
            // SAFETY: key and progress object live.
            unsafe { ffi::DH_generate_parameters_ex(dh.as_ptr(), bits, generator, progress.cast()) }
        })?;
        checked(made)?;
        Ok(Self(dh))
    }

    /// The prime.
    pub(crate) fn prime(&self) -> Vec<u8> {
        self.0.prime_p().to_vec()
    }

    /// The generator.
    pub(crate) fn generator(&self) -> Vec<u8> {
        self.0.generator().to_vec()
    }

    fn halves(&self) -> (*const ffi::BIGNUM, *const ffi::BIGNUM) {
        let mut public = std::ptr::null();
        let mut private = std::ptr::null();
        // SAFETY: the key lives; the places are ours.
        unsafe { ffi::DH_get0_key(self.0.as_ptr(), &raw mut public, &raw mut private) };
        (public, private)
    }

    /// The public key, if there is one.
    pub(crate) fn public_key(&self) -> Option<Vec<u8>> {
        bytes_of(self.halves().0)
    }

    /// The private key, if there is one.
    pub(crate) fn private_key(&self) -> Option<Vec<u8>> {
        bytes_of(self.halves().1)
    }

    /// Sets the public key.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn set_public_key(&self, key: BigNum) -> Result<(), ErrorStack> {
        // SAFETY: the key lives and takes the number over.
        checked(unsafe { ffi::DH_set0_key(self.0.as_ptr(), key.as_ptr(), std::ptr::null_mut()) })?;
        let _taken_over = std::mem::ManuallyDrop::new(key);
        Ok(())
    }

    /// Sets the private key.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn set_private_key(&self, key: BigNum) -> Result<(), ErrorStack> {
        // SAFETY: the key lives and takes the number over.
        checked(unsafe { ffi::DH_set0_key(self.0.as_ptr(), std::ptr::null_mut(), key.as_ptr()) })?;
        let _taken_over = std::mem::ManuallyDrop::new(key);
        Ok(())
    }

    /// Makes a private key, unless there is one, and its public key.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn generate_key(&self) -> Result<(), ErrorStack> {
        // SAFETY: the key lives.
        checked(unsafe { ffi::DH_generate_key(self.0.as_ptr()) })
    }

    /// What `DH_check` finds wrong with the parameters, as its flags.
    ///
    /// # Errors
    /// OpenSSL's; and for primes so large that the check would take minutes.
    pub(crate) fn check(&self) -> Result<i32, ErrorStack> {
        if self.0.prime_p().num_bits() > MOST_BITS {
            return Err(ErrorStack::get());
        }
        let mut codes = 0;
        // SAFETY: the key lives; the place is ours.
        checked(unsafe { ffi::DH_check(self.0.as_ptr(), &raw mut codes) })?;
        Ok(codes)
    }

    /// Whether a public key of the other side is one for these parameters.
    ///
    /// # Errors
    /// [`BadPublicKey`].
    pub(crate) fn check_public_key(&self, key: &BigNumRef) -> Result<(), BadPublicKey> {
        const TOO_SMALL: c_int = 1;
        const TOO_LARGE: c_int = 2;
        let mut codes = 0;
        // SAFETY: key and number live; the place is ours.
        let done = unsafe { DH_check_pub_key(self.0.as_ptr(), key.as_ptr(), &raw mut codes) };
        drop(ErrorStack::get());
        match codes {
            _ if done != 1 => Err(BadPublicKey::Invalid),
            0 => Ok(()),
            codes if codes & TOO_SMALL != 0 => Err(BadPublicKey::TooSmall),
            codes if codes & TOO_LARGE != 0 => Err(BadPublicKey::TooLarge),
            _ => Err(BadPublicKey::Invalid),
        }
    }

    /// The shared secret, as long as the prime.
    ///
    /// # Errors
    /// OpenSSL's.
    pub(crate) fn compute(&self, other: &BigNumRef) -> Result<Vec<u8>, ErrorStack> {
        // SAFETY: the key lives and has a prime.
        let len = usize::try_from(unsafe { ffi::DH_size(self.0.as_ptr()) }).unwrap_or(0);
        let mut secret = vec![0; len];
        // SAFETY: `secret` has the room `DH_size` asks for; key and number live.
        let made =
            unsafe { ffi::DH_compute_key(secret.as_mut_ptr(), other.as_ptr(), self.0.as_ptr()) };
        let made = usize::try_from(made).unwrap_or(0);
        if made == 0 {
            return Err(ErrorStack::get());
        }
        secret.truncate(made);
        Ok(padded(&secret, len))
    }
}

/// Zeros before `secret`, up to `len` bytes.
pub(crate) fn padded(secret: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0; len.saturating_sub(secret.len())];
    out.extend_from_slice(secret);
    out
}

/// Parameters as a key that others can be made of.
pub(super) fn parameters_key(prime: &[u8], generator: i32) -> Result<PKey<Params>, ErrorStack> {
    let generator = BigNum::from_u32(u32::try_from(generator).unwrap_or(0))?;
    let dh = Dh::from_pqg(BigNum::from_slice(prime)?, None, generator)?;
    PKey::from_dh(dh)
}

/// The prime of a standard group (RFC 2409 and 3526), by Node's name. Their generator is 2.
pub(crate) fn group_prime(name: &str) -> Option<Vec<u8>> {
    super::init();
    let prime = match name.to_ascii_lowercase().as_str() {
        "modp1" => BigNum::get_rfc2409_prime_768(),
        "modp2" => BigNum::get_rfc2409_prime_1024(),
        "modp5" => BigNum::get_rfc3526_prime_1536(),
        "modp14" => BigNum::get_rfc3526_prime_2048(),
        "modp15" => BigNum::get_rfc3526_prime_3072(),
        "modp16" => BigNum::get_rfc3526_prime_4096(),
        "modp17" => BigNum::get_rfc3526_prime_6144(),
        "modp18" => BigNum::get_rfc3526_prime_8192(),
        _ => return None,
    };
    prime.ok().map(|prime| prime.to_vec())
}
