//! `Sign`, `Verify` and `SignJob`. Node: `src/crypto/crypto_sig.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::md::{Md, MdRef};
use openssl::md_ctx::MdCtx;
use openssl::pkey::{HasParams, HasPublic, PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::{PkeyCtx, PkeyCtxRef};
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;

use super::errors::{self, JobError};
use super::input;
use super::job::{array_buffer, attach_job, boolean, job_class, mode_of};
use super::key_input::{KEY_ARGUMENTS, operation_failed, private_key, public_key, signs_at_once};
use super::small_order;
use crate::glue::openssl::{Algorithm, DigestContext, digest_of, set_signature_context};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Scope, Value, attach, new_node_buffer,
};

const RSA_PKCS1_PADDING: i32 = 1;
const RSA_PKCS1_PSS_PADDING: i32 = 6;

/// A digest under way, of what is to be signed or verified.
#[derive(Default)]
struct Signing {
    digest: RefCell<Option<(DigestContext, Md)>>,
}

impl Native for Signing {}

pub(super) static SIGN: Class = Class::new("Sign", new_signing)
    .method("init", init)
    .method("update", update)
    .method("sign", sign);

pub(super) static VERIFY: Class = Class::new("Verify", new_signing)
    .method("init", init)
    .method("update", update)
    .method("verify", verify);

pub(super) static SIGN_JOB: Class = job_class("SignJob", new_sign_job);

fn new_signing<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    attach(scope, args.this(), Rc::new(Signing::default()));
    Ok(().into())
}

/// The digest of a name; "dss1" is an old name of SHA-1.
fn signing_digest(name: &str) -> Option<Md> {
    match name {
        "dss1" | "DSS1" => digest_of("SHA1"),
        name => digest_of(name),
    }
}

/// `init(digest)`.
fn init<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let signing = args.native::<Signing>(scope)?;
    let md = signing_digest(&args.text(scope, 0)?)
        .ok_or_else(|| Failure::type_error("ERR_CRYPTO_INVALID_DIGEST", "Invalid digest"))?;
    let context = DigestContext::new(&md)
        .map_err(|stack| errors::failure(scope, &stack, "EVP_SignInit_ex failed"))?;
    *signing.digest.borrow_mut() = Some((context, md));
    Ok(().into())
}

fn not_initialised() -> Failure {
    Failure::error("ERR_CRYPTO_INVALID_STATE", "Not initialised")
}

/// `update(data, encoding)`.
fn update<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let signing = args.native::<Signing>(scope)?;
    let data = input::decoded(scope, args, 0, 1)?;
    let updated = match signing.digest.borrow_mut().as_mut() {
        Some((context, _)) => context.update(&data),
        None => return Err(not_initialised()),
    };
    updated.map_err(|stack| errors::failure(scope, &stack, "EVP_SignUpdate failed"))?;
    Ok(().into())
}

/// Ends the digest: its value, and which it is.
fn digest_of_all(scope: &Scope<'_, '_>, signing: &Signing) -> Result<(Vec<u8>, Md), Failure> {
    let (mut context, md) = signing
        .digest
        .borrow_mut()
        .take()
        .ok_or_else(not_initialised)?;
    let digest = context
        .finish(md.size())
        .map_err(|stack| errors::failure(scope, &stack, "EVP_DigestFinal_ex failed"))?;
    Ok((digest, md))
}

/// What RSA is told besides the digest.
#[derive(Clone, Copy, Debug)]
struct RsaOptions {
    padding: i32,
    salt_len: Option<i32>,
}

impl RsaOptions {
    fn new(algorithm: Algorithm, padding: Option<i32>, salt_len: Option<i32>) -> Self {
        let default = match algorithm {
            Algorithm::RsaPss => RSA_PKCS1_PSS_PADDING,
            _ => RSA_PKCS1_PADDING,
        };
        Self {
            padding: padding.unwrap_or(default),
            salt_len,
        }
    }

    fn apply<T>(self, algorithm: Algorithm, context: &mut PkeyCtxRef<T>) -> Result<(), ErrorStack> {
        if !algorithm.is_rsa() {
            return Ok(());
        }
        context.set_rsa_padding(Padding::from_raw(self.padding))?;
        match self.salt_len {
            Some(len) if self.padding == RSA_PKCS1_PSS_PADDING => {
                context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(len))
            }
            _ => Ok(()),
        }
    }
}

/// A number argument, if it is one.
fn optional_int(scope: &Scope<'_, '_>, value: Value<'_>) -> Option<i32> {
    value.int32_value(scope).filter(|_| value.is_int32())
}

fn sign_digest(
    key: &PKeyRef<Private>,
    digest: &[u8],
    md: &MdRef,
    options: RsaOptions,
) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.sign_init()?;
    options.apply(Algorithm::of(key), &mut context)?;
    context.set_signature_md(md)?;
    let mut signature = Vec::new();
    context.sign_to_vec(digest, &mut signature)?;
    Ok(signature)
}

/// `sign(data, format, type, passphrase, curve, padding, saltLength, dsaEncoding)`: a Buffer.
fn sign<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const AT: usize = KEY_ARGUMENTS;
    let signing = args.native::<Signing>(scope)?;
    let key = private_key(scope, args, 0)?;
    let algorithm = Algorithm::of(&key);
    if signs_at_once(algorithm) {
        return Err(unsupported());
    }
    let options = RsaOptions::new(
        algorithm,
        optional_int(scope, args.get(AT)),
        optional_int(scope, args.get(AT + 1)),
    );
    let p1363 = is_p1363(scope, args.get(AT + 2));
    let (digest, md) = digest_of_all(scope, &signing)?;
    errors::clear();
    let signature = sign_digest(&key, &digest, &md, options)
        .map_err(|stack| errors::failure(scope, &stack, "PEM_read_bio_PrivateKey failed"))?;
    let signature = if p1363 {
        to_p1363(&key, &signature).unwrap_or(signature)
    } else {
        signature
    };
    errors::clear();
    Ok(new_node_buffer(scope, signature)
        .ok_or(Failure::Pending)?
        .into())
}

fn unsupported() -> Failure {
    Failure::error(
        "ERR_CRYPTO_UNSUPPORTED_OPERATION",
        "Unsupported crypto operation",
    )
}

/// `verify(data, format, type, passphrase, curve, signature, padding, saltLength, dsaEncoding)`.
fn verify<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const AT: usize = KEY_ARGUMENTS;
    let signing = args.native::<Signing>(scope)?;
    let key = public_key(scope, args, 0)?;
    let algorithm = Algorithm::of(&key);
    if signs_at_once(algorithm) {
        return Err(unsupported());
    }
    let signature = input::bytes(args.get(AT), "buffer")?;
    let options = RsaOptions::new(
        algorithm,
        optional_int(scope, args.get(AT + 1)),
        optional_int(scope, args.get(AT + 2)),
    );
    let signature = if is_p1363(scope, args.get(AT + 3)) {
        to_der(&key, signature).ok_or_else(|| operation_failed("Malformed signature"))?
    } else {
        signature
    };
    let (digest, md) = digest_of_all(scope, &signing)?;
    errors::clear();
    let mut context = PkeyCtx::new(&key)
        .map_err(|stack| errors::failure(scope, &stack, "PEM_read_bio_PUBKEY failed"))?;
    context
        .verify_init()
        .map_err(|stack| errors::failure(scope, &stack, "PEM_read_bio_PUBKEY failed"))?;
    let ready = options
        .apply(algorithm, &mut context)
        .and_then(|()| context.set_signature_md(&md));
    let good = ready.is_ok() && matches!(context.verify(&digest, &signature), Ok(true));
    errors::clear();
    Ok(good.into())
}

fn is_p1363(scope: &Scope<'_, '_>, value: Value<'_>) -> bool {
    optional_int(scope, value) == Some(1)
}

/// How many bytes each of the two numbers of a signature has; `None` when signatures are no two numbers.
fn number_len<T: HasParams>(key: &PKeyRef<T>) -> Option<usize> {
    const BITS_A_BYTE: usize = 8;
    let bits = match Algorithm::of(key) {
        Algorithm::Dsa => usize::try_from(key.dsa().ok()?.q_opt()?.num_bits()).ok()?,
        Algorithm::Ec => usize::try_from(key.ec_key().ok()?.group().order_bits()).ok()?,
        _ => return None,
    };
    Some(bits.div_ceil(BITS_A_BYTE))
}

/// A signature as two numbers of equal length (IEEE P1363); `None` when it is not two numbers.
fn to_p1363<T: HasParams>(key: &PKeyRef<T>, signature: &[u8]) -> Option<Vec<u8>> {
    let len = i32::try_from(number_len(key)?).ok()?;
    let numbers = EcdsaSig::from_der(signature).ok()?;
    let mut out = numbers.r().to_vec_padded(len).ok()?;
    out.extend(numbers.s().to_vec_padded(len).ok()?);
    Some(out)
}

/// A signature of two numbers as DER; `None` when it has the wrong length. Other algorithms' signatures stay as they are.
fn to_der<T: HasParams>(key: &PKeyRef<T>, signature: Vec<u8>) -> Option<Vec<u8>> {
    let Some(len) = number_len(key) else {
        return Some(signature);
    };
    if signature.len() != len.checked_mul(2)? {
        return None;
    }
    let (r, s) = signature.split_at_checked(len)?;
    let numbers =
        EcdsaSig::from_private_components(BigNum::from_slice(r).ok()?, BigNum::from_slice(s).ok()?)
            .ok()?;
    numbers.to_der().ok()
}

enum SigningKey {
    Sign(PKey<Private>),
    /// With the signature; `None` is one that cannot be right.
    Verify(PKey<Public>, Option<Vec<u8>>),
}

/// What a `SignJob` does.
struct SignWork {
    key: SigningKey,
    data: Vec<u8>,
    digest: Option<Md>,
    padding: Option<i32>,
    salt_len: Option<i32>,
    p1363: bool,
    context: Option<Vec<u8>>,
}

enum Signed {
    Signature(Vec<u8>),
    Verified(bool),
}

const UNSUPPORTED_CONTEXT: &str = "Context parameter is unsupported";

impl SignWork {
    /// Sets up what the digest does not say.
    fn set_up<T>(
        &self,
        algorithm: Algorithm,
        context: &mut PkeyCtxRef<T>,
    ) -> Result<(), ErrorStack> {
        RsaOptions::new(algorithm, self.padding, self.salt_len).apply(algorithm, context)?;
        match &self.context {
            Some(bytes) => set_signature_context(context, algorithm, bytes),
            None => Ok(()),
        }
    }

    fn sign(&self, key: &PKeyRef<Private>) -> Result<Vec<u8>, ErrorStack> {
        let mut context = MdCtx::new()?;
        let key_context = context.digest_sign_init(self.digest.as_deref(), key)?;
        self.set_up(Algorithm::of(key), key_context)?;
        let mut signature = Vec::new();
        context.digest_sign_to_vec(&self.data, &mut signature)?;
        if self.p1363 && number_len(key).is_some() {
            return Ok(to_p1363(key, &signature).unwrap_or_default());
        }
        Ok(signature)
    }

    fn verify(&self, key: &PKeyRef<Public>, signature: &[u8]) -> Result<bool, ErrorStack> {
        let mut context = MdCtx::new()?;
        let key_context = context.digest_verify_init(self.digest.as_deref(), key)?;
        self.set_up(Algorithm::of(key), key_context)?;
        let good = matches!(context.digest_verify(&self.data, signature), Ok(true));
        errors::clear();
        Ok(good && !small_order::is_involved(key, signature))
    }

    fn takes_context<T: HasPublic>(key: &PKeyRef<T>) -> bool {
        signs_at_once(Algorithm::of(key))
    }

    fn run(&self) -> Result<Signed, JobError> {
        let takes_context = match &self.key {
            SigningKey::Sign(key) => Self::takes_context(key),
            SigningKey::Verify(key, _) => Self::takes_context(key),
        };
        if self.context.is_some() && !takes_context {
            return Err(JobError::coded(UNSUPPORTED_CONTEXT));
        }
        match &self.key {
            SigningKey::Sign(key) => self.sign(key).map(Signed::Signature),
            SigningKey::Verify(key, signature) => self
                .verify(key, signature.as_deref().unwrap_or_default())
                .map(|good| Signed::Verified(good && signature.is_some())),
        }
        .map_err(|stack| JobError::thrown(&stack, "PEM_read_bio_PrivateKey failed"))
    }
}

/// `new SignJob(mode, signMode, data, format, type, passphrase, curve, data, digest, saltLength, padding, dsaEncoding, context,
/// signature)`.
fn new_sign_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const MODE: usize = 1;
    const KEY: usize = 2;
    const AT: usize = KEY + KEY_ARGUMENTS;
    const MOST_CONTEXT: usize = 255;
    mode_of(scope, args)?;
    let p1363 = is_p1363(scope, args.get(AT + 4));
    let key = if args.i32(scope, MODE)? == 1 {
        let key = public_key(scope, args, KEY)?;
        let signature = input::bytes(args.get(AT + 6), "signature")?;
        let signature = if p1363 {
            to_der(&key, signature)
        } else {
            Some(signature)
        };
        SigningKey::Verify(key, signature)
    } else {
        SigningKey::Sign(private_key(scope, args, KEY)?)
    };
    let data = input::bytes(args.get(AT), "data")?;
    let digest = if args.get(AT + 1).is_string() {
        let name = args.text(scope, AT + 1)?;
        let digest = signing_digest(&name).ok_or_else(|| {
            Failure::type_error(
                "ERR_CRYPTO_INVALID_DIGEST",
                format!("Invalid digest: {name}"),
            )
        })?;
        Some(digest)
    } else {
        None
    };
    let context = input::optional_bytes(args.get(AT + 5), "context")?;
    if context
        .as_ref()
        .is_some_and(|bytes| bytes.len() > MOST_CONTEXT)
    {
        return Err(Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "context string must be at most 255 bytes",
        ));
    }
    // An empty context is the same as none. With one, there is no digest besides.
    let context = context.filter(|bytes| !bytes.is_empty());
    let work = SignWork {
        key,
        data,
        digest: digest.filter(|_| context.is_none()),
        padding: optional_int(scope, args.get(AT + 3)),
        salt_len: optional_int(scope, args.get(AT + 2)),
        p1363,
        context,
    };
    errors::clear();
    attach_job(
        scope,
        args,
        "SIGNREQUEST",
        move || work.run(),
        |scope, signed| match signed {
            Signed::Signature(bytes) => array_buffer(scope, bytes),
            Signed::Verified(good) => boolean(scope, good),
        },
    )
}
