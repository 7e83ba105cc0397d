//! Encryption with RSA: `publicEncrypt` and its siblings, and Web Crypto's `RSACipherJob`. Node: `PublicKeyCipher` in `src/crypto/crypto_cipher.cc`, `RSACipherTraits` in `src/crypto/crypto_rsa.cc`.

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{HasPrivate, HasPublic, PKeyRef};
use openssl::pkey_ctx::{PkeyCtx, PkeyCtxRef};
use openssl::rsa::Padding;

use super::errors::{self, JobError};
use super::input;
use super::job::{array_buffer, attach_job, job_class, mode_of};
use super::key_input::{KEY_ARGUMENTS, private_key, public_key};
use super::keys::{KeyObjectData, key_of};
use crate::glue::openssl::digest_of;
use crate::glue::{Args, BindingResult, Class, Failure, Scope, new_node_buffer};

const RSA_PKCS1_OAEP_PADDING: i32 = 4;

/// Node's message when OpenSSL fails and says nothing: the text of error number 0.
const NO_ERROR: &str = "error:00000000:lib(0)::reason(0)";

/// How RSA pads.
struct Options {
    padding: i32,
    digest: Option<Md>,
    label: Option<Vec<u8>>,
}

impl Options {
    fn apply<T>(&self, context: &mut PkeyCtxRef<T>) -> Result<(), ErrorStack> {
        context.set_rsa_padding(Padding::from_raw(self.padding))?;
        if let Some(digest) = &self.digest {
            context.set_rsa_oaep_md(digest)?;
            context.set_rsa_mgf1_md(digest)?;
        }
        match &self.label {
            Some(label) if !label.is_empty() => context.set_rsa_oaep_label(label),
            _ => Ok(()),
        }
    }
}

fn encrypt<T: HasPublic>(
    key: &PKeyRef<T>,
    data: &[u8],
    options: &Options,
) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.encrypt_init()?;
    options.apply(&mut context)?;
    let mut out = Vec::new();
    context.encrypt_to_vec(data, &mut out)?;
    Ok(out)
}

fn decrypt<T: HasPrivate>(
    key: &PKeyRef<T>,
    data: &[u8],
    options: &Options,
) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.decrypt_init()?;
    options.apply(&mut context)?;
    let mut out = Vec::new();
    context.decrypt_to_vec(data, &mut out)?;
    Ok(out)
}

/// Encryption with the private key: a signature without a digest.
fn sign<T: HasPrivate>(
    key: &PKeyRef<T>,
    data: &[u8],
    options: &Options,
) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.sign_init()?;
    options.apply(&mut context)?;
    let mut out = Vec::new();
    context.sign_to_vec(data, &mut out)?;
    Ok(out)
}

/// Decryption of what was encrypted with the private key.
fn recover<T: HasPublic>(
    key: &PKeyRef<T>,
    data: &[u8],
    options: &Options,
) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(key)?;
    context.verify_recover_init()?;
    options.apply(&mut context)?;
    let len = context.verify_recover(data, None)?;
    let mut out = vec![0; len];
    let len = context.verify_recover(data, Some(&mut out))?;
    out.truncate(len);
    Ok(out)
}

/// The arguments after the key: buffer, padding, digest, label.
fn options<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<(Vec<u8>, Options), Failure> {
    const AT: usize = KEY_ARGUMENTS;
    let data = input::bytes(args.get(AT), "buffer")?;
    let padding = args.i32(scope, AT + 1)?;
    let digest = if args.get(AT + 2).is_string() {
        let digest = digest_of(&args.text(scope, AT + 2)?)
            .ok_or_else(|| Failure::error("ERR_OSSL_EVP_INVALID_DIGEST", "Invalid digest used"))?;
        Some(digest)
    } else {
        None
    };
    let label = input::optional_bytes(args.get(AT + 3), "oaepLabel")?;
    errors::clear();
    let options = Options {
        padding,
        digest,
        label,
    };
    Ok((data, options))
}

fn answer<'s>(scope: &mut Scope<'s, '_>, result: Result<Vec<u8>, ErrorStack>) -> BindingResult<'s> {
    let bytes = result.map_err(|stack| errors::failure(scope, &stack, NO_ERROR))?;
    errors::clear();
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

/// `publicEncrypt(key…, buffer, padding, digest, label)`.
pub(super) fn public_encrypt<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (data, options) = options(scope, args)?;
    let key = public_key(scope, args, 0)?;
    errors::clear();
    answer(scope, encrypt(&key, &data, &options))
}

/// `privateDecrypt(key…, buffer, padding, digest, label)`.
pub(super) fn private_decrypt<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (data, options) = options(scope, args)?;
    let key = private_key(scope, args, 0)?;
    errors::clear();
    answer(scope, decrypt(&key, &data, &options))
}

/// `privateEncrypt(key…, buffer, padding)`.
pub(super) fn private_encrypt<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (data, options) = options(scope, args)?;
    let key = private_key(scope, args, 0)?;
    errors::clear();
    answer(scope, sign(&key, &data, &options))
}

/// `publicDecrypt(key…, buffer, padding)`.
pub(super) fn public_decrypt<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (data, options) = options(scope, args)?;
    let key = public_key(scope, args, 0)?;
    errors::clear();
    answer(scope, recover(&key, &data, &options))
}

pub(super) static RSA_CIPHER_JOB: Class = job_class("RSACipherJob", new_rsa_cipher_job);

/// `new RSACipherJob(mode, cipherMode, key, data, variant, digest, label)`.
fn new_rsa_cipher_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const OAEP: i32 = 2;
    mode_of(scope, args)?;
    let decrypting = args.i32(scope, 1)? == 1;
    let key = key_of(scope, args.get(2))?;
    let data = input::bytes(args.get(3), "data")?;
    let invalid = || Failure::range_error("ERR_CRYPTO_INVALID_KEYTYPE", "Invalid key type");
    if args.i32(scope, 4)? != OAEP {
        return Err(invalid());
    }
    let name = args.text(scope, 5)?;
    let digest = digest_of(&name).ok_or_else(|| {
        Failure::type_error(
            "ERR_CRYPTO_INVALID_DIGEST",
            format!("Invalid digest: {name}"),
        )
    })?;
    let options = Options {
        padding: RSA_PKCS1_OAEP_PADDING,
        digest: Some(digest),
        label: input::optional_bytes(args.get(6), "label")?,
    };
    match (&key, decrypting) {
        (KeyObjectData::Public(_), false) | (KeyObjectData::Private(_), true) => {}
        _ => return Err(invalid()),
    }
    let work = move || {
        let result = match &key {
            KeyObjectData::Public(key) => encrypt(key, &data, &options),
            KeyObjectData::Private(key) => decrypt(key, &data, &options),
            KeyObjectData::Secret(_) => Err(ErrorStack::get()),
        };
        result.map_err(|stack| JobError::of(&stack, "Cipher job failed"))
    };
    attach_job(scope, args, "CIPHERREQUEST", work, array_buffer)
}
