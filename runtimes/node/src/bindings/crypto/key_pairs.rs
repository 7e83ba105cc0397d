//! Jobs that make key pairs: RSA, RSA-PSS, DSA, elliptic curves, Diffie-Hellman, and the algorithms without parameters.
//! Node: `KeyPairGenJob` in `src/crypto/crypto_keygen.h`, and the `…KeyGenTraits`.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{PKey, Private};

use super::errors::{self, JobError};
use super::input;
use super::job::{Mode, attach_job, job_class, mode_of};
use super::key_classes::{CryptoKeyParameters, new_crypto_key};
use super::key_input::invalid_curve;
use super::key_output::{Encoding, encoding_argument, private, private_encoding_argument, public};
use super::keys::KeyObjectData;
use crate::glue::openssl::{
    NamedAlgorithm, Prime, PssRestrictions, RSA_MOST_BITS, Stop, curve_named, digest_of,
    generate_dh, generate_dsa, generate_ec, generate_named, generate_rsa, group_prime, public_half,
};
use crate::glue::{Args, BindingResult, Class, Failure, Scope, ScopeExt, Value};

pub(super) static RSA_JOB: Class = job_class("RsaKeyPairGenJob", new_rsa);
pub(super) static DSA_JOB: Class = job_class("DsaKeyPairGenJob", new_dsa);
pub(super) static EC_JOB: Class = job_class("EcKeyPairGenJob", new_ec);
pub(super) static NID_JOB: Class = job_class("NidKeyPairGenJob", new_named);
pub(super) static DH_JOB: Class = job_class("DhKeyPairGenJob", new_dh);

/// What a pair becomes.
enum Outcome {
    /// `[public, private]`.
    Encoded(Encoding, Encoding),
    /// `{ publicKey, privateKey }` of Web Crypto.
    CryptoKeys(CryptoKeyParameters, CryptoKeyParameters),
}

/// What ends the making of a key: the end of the process.
pub(super) fn stop_at_end(scope: &Scope<'_, '_>) -> Stop {
    let env = scope.env();
    let task = Arc::clone(env.task());
    Box::new(move || task.must_end())
}

/// The arguments from `at`, the same for all: encodings, or for Web Crypto an algorithm, usages and extractability.
fn result_argument<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
    mode: Mode,
) -> Result<Outcome, Failure> {
    if mode == Mode::WebCrypto {
        let parameters = |usages: u32, extractable: bool| CryptoKeyParameters {
            algorithm: v8::Global::new(scope, args.get(at)),
            usages,
            extractable,
        };
        return Ok(Outcome::CryptoKeys(
            parameters(args.u32(scope, at + 1)?, true),
            parameters(args.u32(scope, at + 2)?, args.bool(scope, at + 3)),
        ));
    }
    Ok(Outcome::Encoded(
        encoding_argument(scope, args, at)?,
        private_encoding_argument(scope, args, at + 2)?,
    ))
}

fn finish<'s>(
    scope: &mut Scope<'s, '_>,
    key: &PKey<Private>,
    result: &Outcome,
) -> Result<Value<'s>, Failure> {
    let public_key = public_half(key);
    match result {
        Outcome::Encoded(for_public, for_private) => {
            let pair = [
                public(scope, &public_key, for_public)?,
                private(scope, key, for_private)?,
            ];
            Ok(scope.array(&pair).into())
        }
        Outcome::CryptoKeys(of_public, of_private) => {
            let public_key = new_crypto_key(scope, KeyObjectData::Public(public_key), of_public)?;
            let private_key =
                new_crypto_key(scope, KeyObjectData::Private(key.clone()), of_private)?;
            let pair = scope.object();
            scope.set(pair, "publicKey", public_key);
            scope.set(pair, "privateKey", private_key);
            Ok(pair.into())
        }
    }
}

/// Attaches a job; `at` is the first argument after those of the algorithm.
fn attach<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
    make: impl FnOnce(&Stop) -> Result<PKey<Private>, ErrorStack> + Send + 'static,
) -> BindingResult<'s> {
    let mode = mode_of(scope, args)?;
    let result = result_argument(scope, args, at, mode)?;
    let stop = stop_at_end(scope);
    errors::clear();
    attach_job(
        scope,
        args,
        "KEYPAIRGENREQUEST",
        move || make(&stop).map_err(|stack| JobError::of(&stack, "Key generation job failed")),
        move |scope, key| {
            let value = finish(scope, &key, &result);
            errors::clear();
            value
        },
    )
}

/// An optional digest argument.
fn digest<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    at: usize,
    what: &str,
) -> Result<Option<Md>, Failure> {
    if args.is_undefined(at) {
        return Ok(None);
    }
    let name = args.text(scope, at)?;
    digest_of(&name).map(Some).ok_or_else(|| {
        Failure::type_error(
            "ERR_CRYPTO_INVALID_DIGEST",
            format!("Invalid {what}: {name}"),
        )
    })
}

/// `new RsaKeyPairGenJob(mode, variant, bits, exponent[, digest, mgf1Digest, saltLength], …)`.
fn new_rsa<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const PSS: i32 = 1;
    mode_of(scope, args)?;
    let pss = args.i32(scope, 1)? == PSS;
    let bits = args.u32(scope, 2)?;
    let exponent = args.u32(scope, 3)?;
    if bits > RSA_MOST_BITS {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            format!("modulus length must be at most {RSA_MOST_BITS} bits"),
        ));
    }
    if !pss {
        return attach(scope, args, 4, move |stop| {
            generate_rsa(bits, exponent, None, stop)
        });
    }
    let md = digest(scope, args, 4, "digest")?;
    let mgf1 = digest(scope, args, 5, "MGF1 digest")?;
    let salt_len = if args.is_undefined(6) {
        None
    } else {
        let len = args.i32(scope, 6)?;
        if len < 0 {
            return Err(Failure::range_error(
                "ERR_OUT_OF_RANGE",
                "salt length is out of range",
            ));
        }
        Some(len)
    };
    attach(scope, args, 7, move |stop| {
        let restrictions = PssRestrictions {
            digest: md.as_deref(),
            mgf1_digest: mgf1.as_deref(),
            salt_len,
        };
        generate_rsa(bits, exponent, Some(&restrictions), stop)
    })
}

/// `new DsaKeyPairGenJob(mode, bits, divisorBits, …)`.
fn new_dsa<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let bits = args.u32(scope, 1)?;
    let divisor = args.i32(scope, 2)?;
    if divisor < -1 {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "invalid value for divisor_bits",
        ));
    }
    let bits = i32::try_from(bits).unwrap_or(i32::MAX);
    attach(scope, args, 3, move |stop| {
        generate_dsa(bits, (divisor >= 0).then_some(divisor), stop)
    })
}

/// `new EcKeyPairGenJob(mode, curve, encoding, …)`.
fn new_ec<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const NAMED_CURVE: i32 = 1;
    mode_of(scope, args)?;
    let curve = curve_named(&args.text(scope, 1)?).ok_or_else(invalid_curve)?;
    let encoding = if args.is_undefined(2) {
        NAMED_CURVE
    } else {
        args.i32(scope, 2)?
    };
    if encoding != NAMED_CURVE && encoding != 0 {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "Invalid param_encoding specified",
        ));
    }
    // OpenSSL's names of curves include those that are algorithms of their own.
    if let Some(algorithm) = NamedAlgorithm::from_nid(curve.as_raw()) {
        return attach(scope, args, 3, move |_| generate_named(algorithm));
    }
    attach(scope, args, 3, move |stop| {
        generate_ec(curve.as_raw(), encoding, stop)
    })
}

/// `new NidKeyPairGenJob(mode, nid, …)`.
fn new_named<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let algorithm = NamedAlgorithm::from_nid(args.i32(scope, 1)?)
        .ok_or_else(|| Failure::range_error("ERR_CRYPTO_INVALID_KEYTYPE", "Invalid key type"))?;
    attach(scope, args, 2, move |_| generate_named(algorithm))
}

/// `new DhKeyPairGenJob(mode, group, …)` or `new DhKeyPairGenJob(mode, prime or bits, generator, …)`.
fn new_dh<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const STANDARD_GENERATOR: i32 = 2;
    mode_of(scope, args)?;
    if args.get(1).is_string() {
        let prime = group_prime(&args.text(scope, 1)?)
            .ok_or_else(|| Failure::error("ERR_CRYPTO_UNKNOWN_DH_GROUP", "Unknown DH group"))?;
        let prime = Prime::Given(prime);
        return attach(scope, args, 2, move |stop| {
            generate_dh(&prime, STANDARD_GENERATOR, stop)
        });
    }
    let prime = if args.get(1).is_number() {
        let bits = args.i32(scope, 1)?;
        if bits < 0 {
            return Err(Failure::range_error(
                "ERR_OUT_OF_RANGE",
                "Invalid prime size",
            ));
        }
        Prime::Bits(bits)
    } else {
        Prime::Given(input::bytes(args.get(1), "prime")?)
    };
    let generator = args.i32(scope, 2)?;
    attach(scope, args, 3, move |stop| {
        generate_dh(&prime, generator, stop)
    })
}
