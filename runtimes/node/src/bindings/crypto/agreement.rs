//! Secrets two sides share: `DHBitsJob` (Diffie-Hellman with any kind of key) and encapsulation. Node: `DHBitsTraits` in `src/crypto/crypto_dh.cc`, `src/crypto/crypto_kem.cc`.

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;

use super::errors::{self, JobError};
use super::input;
use super::job::{Mode, array_buffer, attach_job, job_class, mode_of};
use super::key_input::{KEY_ARGUMENTS, private_key, public_key};
use crate::glue::openssl::{Algorithm, decapsulate, encapsulate, padded};
use crate::glue::{
    Args, BindingResult, Class, Failure, Scope, ScopeExt, Value, new_array_buffer, new_node_buffer,
};

pub(super) static DH_BITS_JOB: Class = job_class("DHBitsJob", new_dh_bits);
pub(super) static ENCAPSULATE_JOB: Class = job_class("KEMEncapsulateJob", new_encapsulate);
pub(super) static DECAPSULATE_JOB: Class = job_class("KEMDecapsulateJob", new_decapsulate);

const DERIVE: &str = "DERIVEBITSREQUEST";

/// The shared secret; that of Diffie-Hellman is as long as the prime.
fn agree(own: &PKeyRef<Private>, other: &PKeyRef<Public>) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(own)?;
    context.derive_init()?;
    context.derive_set_peer(other)?;
    let len = context.derive(None)?;
    let mut secret = vec![0; len];
    let made = context.derive(Some(&mut secret))?;
    secret.truncate(made);
    Ok(match Algorithm::of(own) {
        Algorithm::Dh => padded(&secret, len),
        _ => secret,
    })
}

/// `new DHBitsJob(mode, publicKey…, privateKey…)`.
fn new_dh_bits<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let other: PKey<Public> = public_key(scope, args, 1)?;
    let own: PKey<Private> = private_key(scope, args, 1 + KEY_ARGUMENTS)?;
    errors::clear();
    let work = move || {
        agree(&own, &other).map_err(|stack| JobError::thrown(&stack, "diffieHellman failed"))
    };
    attach_job(scope, args, DERIVE, work, array_buffer)
}

/// Bytes as the mode wants them: a Buffer, for Web Crypto an `ArrayBuffer`.
fn bytes_for<'s>(scope: &Scope<'s, '_>, mode: Mode, bytes: Vec<u8>) -> Result<Value<'s>, Failure> {
    if mode == Mode::WebCrypto {
        return Ok(new_array_buffer(scope, bytes).into());
    }
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

/// `new KEMEncapsulateJob(mode, key…)`: `[sharedKey, ciphertext]`, for Web Crypto an object of them.
fn new_encapsulate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mode = mode_of(scope, args)?;
    let key = public_key(scope, args, 1)?;
    errors::clear();
    let work =
        move || encapsulate(&key).map_err(|_| JobError::coded("Failed to perform encapsulation"));
    attach_job(scope, args, DERIVE, work, move |scope, made| {
        let shared_key = bytes_for(scope, mode, made.shared_key)?;
        let ciphertext = bytes_for(scope, mode, made.ciphertext)?;
        if mode != Mode::WebCrypto {
            return Ok(scope.array(&[shared_key, ciphertext]).into());
        }
        let result = scope.object();
        scope.set(result, "sharedKey", shared_key);
        scope.set(result, "ciphertext", ciphertext);
        Ok(result.into())
    })
}

/// `new KEMDecapsulateJob(mode, key…, ciphertext)`: the shared key.
fn new_decapsulate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mode = mode_of(scope, args)?;
    let key = private_key(scope, args, 1)?;
    let ciphertext = input::bytes(args.get(1 + KEY_ARGUMENTS), "ciphertext")?;
    errors::clear();
    let work = move || {
        decapsulate(&key, &ciphertext)
            .map_err(|_| JobError::coded("Failed to perform decapsulation"))
    };
    attach_job(scope, args, DERIVE, work, move |scope, shared_key| {
        bytes_for(scope, mode, shared_key)
    })
}
