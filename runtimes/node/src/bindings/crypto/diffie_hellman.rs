//! `DiffieHellman` and `DiffieHellmanGroup`. Node: `src/crypto/crypto_dh.cc`.

use std::rc::Rc;

use openssl::bn::BigNum;
use openssl::error::ErrorStack;

use super::errors;
use super::input;
use super::key_input::operation_failed;
use super::key_pairs::stop_at_end;
use crate::glue::openssl::{BadPublicKey, DhKey, group_prime};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Scope, Value, attach, new_node_buffer,
};

/// `DH_MIN_MODULUS_BITS` of openssl/dh.h.
const LEAST_BITS: i32 = 512;

struct DiffieHellman {
    key: DhKey,
    /// What `DH_check` says of the parameters; `None` when it failed.
    verify_error: Option<i32>,
}

impl Native for DiffieHellman {}

macro_rules! class {
    ($name:literal, $constructor:ident) => {
        Class::new($name, $constructor)
            .method("generateKeys", generate_keys)
            .method("computeSecret", compute_secret)
            .method("getPrime", get_prime)
            .method("getGenerator", get_generator)
            .method("getPublicKey", get_public_key)
            .method("getPrivateKey", get_private_key)
            .getter("verifyError", verify_error)
    };
}

pub(super) static DIFFIE_HELLMAN: Class = class!("DiffieHellman", new_diffie_hellman)
    .method("setPublicKey", set_public_key)
    .method("setPrivateKey", set_private_key);

pub(super) static DIFFIE_HELLMAN_GROUP: Class = class!("DiffieHellmanGroup", new_group)
    .method("setPublicKey", set_public_key)
    .method("setPrivateKey", set_private_key);

fn install<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, key: DhKey) -> BindingResult<'s> {
    let verify_error = key.check().ok();
    errors::clear();
    attach(
        scope,
        args.this(),
        Rc::new(DiffieHellman { key, verify_error }),
    );
    Ok(().into())
}

/// OpenSSL's complaint about a generator, which Node makes itself.
fn bad_generator(scope: &Scope<'_, '_>) -> Failure {
    errors::like_openssl(
        scope,
        "error:02800065:Diffie-Hellman routines::bad generator",
        "Diffie-Hellman routines",
        "bad generator",
        "ERR_OSSL_DH_BAD_GENERATOR",
    )
}

fn invalid_parameters(_: ErrorStack) -> Failure {
    errors::clear();
    Failure::type_error("ERR_INVALID_ARG_VALUE", "Invalid DH parameters")
}

/// A generator given as a number, at least 2.
fn generator_number<'s>(scope: &Scope<'s, '_>, value: Value<'s>) -> Result<Option<i32>, Failure> {
    if !value.is_int32() {
        return Ok(None);
    }
    match value.int32_value(scope) {
        Some(generator) if generator >= 2 => Ok(Some(generator)),
        _ => Err(bad_generator(scope)),
    }
}

fn generator<'s>(scope: &Scope<'s, '_>, value: Value<'s>) -> Result<BigNum, Failure> {
    if let Some(number) = generator_number(scope, value)? {
        return BigNum::from_u32(number.unsigned_abs()).map_err(invalid_parameters);
    }
    let number =
        BigNum::from_slice(&input::bytes(value, "generator")?).map_err(invalid_parameters)?;
    // 0 and 1 have no more than one bit.
    if number.num_bits() < 2 {
        return Err(bad_generator(scope));
    }
    Ok(number)
}

/// `new DiffieHellman(bits or prime, generator)`.
fn new_diffie_hellman<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if args.len() != 2 {
        return Err(Failure::type_error(
            "ERR_MISSING_ARGS",
            "Constructor must have two arguments",
        ));
    }
    if args.get(0).is_int32() {
        let bits = args.i32(scope, 0)?;
        if bits < 2 {
            return Err(errors::like_openssl(
                scope,
                "error:0280007E:Diffie-Hellman routines::modulus too small",
                "Diffie-Hellman routines",
                "modulus too small",
                "ERR_OSSL_DH_MODULUS_TOO_SMALL",
            ));
        }
        let generator = generator_number(scope, args.get(1))?.ok_or_else(|| {
            Failure::type_error("ERR_INVALID_ARG_TYPE", "Second argument must be an int32")
        })?;
        let key =
            DhKey::generate(bits, generator, &stop_at_end(scope)).map_err(invalid_parameters)?;
        return install(scope, args, key);
    }
    let prime = input::bytes(args.get(0), "prime")?;
    let prime = BigNum::from_slice(&prime)
        .map_err(|_| Failure::type_error("ERR_INVALID_ARG_VALUE", "Invalid prime"))?;
    let generator = generator(scope, args.get(1))?;
    // OpenSSL makes no key of primes below this, and so does not look at their generators.
    if prime.num_bits() >= LEAST_BITS && generator >= prime {
        return Err(bad_generator(scope));
    }
    let key = DhKey::new(prime, generator).map_err(invalid_parameters)?;
    install(scope, args, key)
}

/// `new DiffieHellmanGroup(name)`.
fn new_group<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const GENERATOR: u32 = 2;
    if args.len() != 1 || !args.get(0).is_string() {
        return Err(Failure::type_error(
            "ERR_MISSING_ARGS",
            "Group name argument is mandatory",
        ));
    }
    let prime = group_prime(&args.text(scope, 0)?)
        .ok_or_else(|| Failure::error("ERR_CRYPTO_UNKNOWN_DH_GROUP", "Unknown DH group"))?;
    let prime = BigNum::from_slice(&prime).map_err(invalid_parameters)?;
    let generator = BigNum::from_u32(GENERATOR).map_err(invalid_parameters)?;
    let key = DhKey::new(prime, generator).map_err(invalid_parameters)?;
    // The groups are known to be good; the check of the largest takes long. Node finds 0 too.
    attach(
        scope,
        args.this(),
        Rc::new(DiffieHellman {
            key,
            verify_error: Some(0),
        }),
    );
    Ok(().into())
}

fn buffer<'s>(scope: &Scope<'s, '_>, bytes: Vec<u8>) -> BindingResult<'s> {
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

fn generate_keys<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    let made = own.key.generate_key();
    errors::clear();
    let failed = || operation_failed("Key generation failed");
    made.map_err(|_| failed())?;
    buffer(scope, own.key.public_key().ok_or_else(failed)?)
}

fn compute_secret<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    let other = BigNum::from_slice(&input::bytes(args.get(0), "secret")?)
        .map_err(|_| operation_failed("Failed to compute shared secret"))?;
    own.key.check_public_key(&other).map_err(|bad| match bad {
        BadPublicKey::TooSmall => {
            Failure::range_error("ERR_CRYPTO_INVALID_KEYLEN", "Supplied key is too small")
        }
        BadPublicKey::TooLarge => {
            Failure::range_error("ERR_CRYPTO_INVALID_KEYLEN", "Supplied key is too large")
        }
        BadPublicKey::Invalid => {
            Failure::range_error("ERR_CRYPTO_INVALID_KEYTYPE", "Unspecified validation error")
        }
    })?;
    let secret = own.key.compute(&other);
    errors::clear();
    buffer(
        scope,
        secret.map_err(|_| operation_failed("Failed to compute shared secret"))?,
    )
}

fn get_prime<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    buffer(scope, own.key.prime())
}

fn get_generator<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    buffer(scope, own.key.generator())
}

fn missing(which: &str) -> Failure {
    Failure::error(
        "ERR_CRYPTO_INVALID_STATE",
        format!("No {which} key - did you forget to generate one?"),
    )
}

fn get_public_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    buffer(
        scope,
        own.key.public_key().ok_or_else(|| missing("public"))?,
    )
}

fn get_private_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    buffer(
        scope,
        own.key.private_key().ok_or_else(|| missing("private"))?,
    )
}

fn number_argument(args: &Args<'_>) -> Result<BigNum, Failure> {
    BigNum::from_slice(&input::bytes(args.get(0), "buf")?)
        .map_err(|_| operation_failed("Failed to convert Buffer to BN"))
}

fn set_public_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    own.key
        .set_public_key(number_argument(args)?)
        .map_err(|_| operation_failed("Failed to set public key"))?;
    Ok(().into())
}

fn set_private_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    own.key
        .set_private_key(number_argument(args)?)
        .map_err(|_| operation_failed("Failed to set private key"))?;
    Ok(().into())
}

/// `verifyError`: the flags of `DH_check`.
fn verify_error<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<DiffieHellman>(scope)?;
    own.verify_error
        .map(Into::into)
        .ok_or_else(|| operation_failed("Checking DH parameters failed"))
}
