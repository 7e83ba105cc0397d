//! Digests: `Hash`, `oneShotDigest`, and `HashJob` for Web Crypto. Node: `src/crypto/crypto_hash.cc`.
//!
//! SHAKE without an output length has the length it had before OpenSSL 3.4, as in Node 24.

use std::cell::RefCell;
use std::rc::Rc;

use openssl::error::ErrorStack;
use openssl::md::{Md, MdRef};

use super::errors::{self, JobError};
use super::input;
use super::job::{array_buffer, attach_sized_job, job_class, mode_of};
use crate::encoding::{Encoding, to_js};
use crate::glue::openssl::{DigestContext, digest_failure, digest_of, is_extendable};
use crate::glue::{Args, BindingResult, Class, Failure, Native, Scope, Value, attach, native_of};

pub(super) static HASH: Class = Class::new("Hash", new_hash)
    .method("update", update)
    .method("digest", digest);

pub(super) static HASH_JOB: Class = job_class("HashJob", new_hash_job);

/// A digest under way, behind a `Hash`.
struct Hash {
    algorithm: Rc<Md>,
    len: usize,
    context: RefCell<DigestContext>,
    /// Once `digest` was called: the same again.
    result: RefCell<Option<Vec<u8>>>,
}

impl Native for Hash {}

/// How long a digest is when nobody says.
fn default_len(digest: &MdRef) -> usize {
    match digest.size() {
        0 => match digest.type_().long_name() {
            Ok("shake128") => 16,
            Ok("shake256") => 32,
            _ => 0,
        },
        len => len,
    }
}

/// Why a digest cannot have a length.
fn invalid_length(scope: &Scope<'_, '_>) -> Failure {
    errors::like_openssl(
        scope,
        "error:030000B2:digital envelope routines::not XOF or invalid length",
        "digital envelope routines",
        "not XOF or invalid length",
        "ERR_OSSL_EVP_NOT_XOF_OR_INVALID_LENGTH",
    )
}

fn unsupported(scope: &Scope<'_, '_>, stack: &ErrorStack) -> Failure {
    errors::failure(scope, stack, "Digest method not supported")
}

/// A digest that cannot be had: OpenSSL says why if it knows the name.
fn unknown(scope: &Scope<'_, '_>, name: &str, message: &str) -> Failure {
    let stack = digest_failure(name).unwrap_or_else(no_errors);
    errors::failure(scope, &stack, message)
}

fn no_errors() -> ErrorStack {
    errors::clear();
    ErrorStack::get()
}

/// The output length an argument asks for, within what the digest can do.
fn wanted_len(
    scope: &Scope<'_, '_>,
    digest: &MdRef,
    argument: Value<'_>,
) -> Result<usize, Failure> {
    let usual = default_len(digest);
    if argument.is_undefined() {
        return Ok(usual);
    }
    let wanted = argument.uint32_value(scope).ok_or(Failure::Pending)?;
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    if wanted != usual && !is_extendable(digest) {
        return Err(invalid_length(scope));
    }
    Ok(wanted)
}

/// `new Hash(algorithm | hash, outputLength, algorithmId, cache)`.
fn new_hash<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let original = v8::Local::<v8::Object>::try_from(args.get(0))
        .ok()
        .and_then(|object| native_of::<Hash>(scope, object));
    let algorithm = match &original {
        Some(hash) => Rc::clone(&hash.algorithm),
        None => {
            let name = args.text(scope, 0)?;
            let found = digest_of(&name);
            Rc::new(found.ok_or_else(|| unknown(scope, &name, "Digest method not supported"))?)
        }
    };
    let len = wanted_len(scope, &algorithm, args.get(1))?;
    let context = match &original {
        Some(hash) => hash.context.borrow().copy(),
        None => DigestContext::new(&algorithm),
    };
    let context = context.map_err(|stack| unsupported(scope, &stack))?;
    let hash = Hash {
        algorithm,
        len,
        context: RefCell::new(context),
        result: RefCell::default(),
    };
    attach(scope, args.this(), Rc::new(hash));
    Ok(().into())
}

/// `update(data, encoding)`: whether it worked.
fn update<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let hash = args.native::<Hash>(scope)?;
    let updated = input::with_decoded(scope, args, 0, 1, |data| {
        hash.context.borrow_mut().update(data).is_ok()
    })?;
    errors::clear();
    Ok(updated.into())
}

/// Ends a digest with this many bytes.
fn finish(
    context: &mut DigestContext,
    digest: &MdRef,
    len: usize,
) -> Result<Result<Vec<u8>, ErrorStack>, Failure> {
    if len == 0 {
        return Ok(Ok(Vec::new()));
    }
    if is_extendable(digest) {
        return Ok(context.finish_extended(input::zeros(len)?));
    }
    Ok(context.finish(len))
}

/// `digest(encoding)`.
fn digest<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let hash = args.native::<Hash>(scope)?;
    let encoding = Encoding::parse(scope, args.get(0), Encoding::Buffer);
    let known = hash.result.borrow().clone();
    let bytes = match known {
        Some(bytes) => bytes,
        None => {
            drop(input::room(scope, hash.len)?);
            let made = finish(&mut hash.context.borrow_mut(), &hash.algorithm, hash.len)?;
            let made = made.map_err(|stack| errors::failure(scope, &stack, "digest failed"))?;
            *hash.result.borrow_mut() = Some(made.clone());
            made
        }
    };
    Ok(to_js(scope, &bytes, encoding)?.into())
}

/// `oneShotDigest(algorithm, id, cache, input, encodingName, encoding, outputLength)`.
pub(super) fn one_shot_digest<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let Some(algorithm) = digest_of(&name) else {
        let message = format!("Digest method {name} is not supported");
        return Err(unknown(scope, &name, &message));
    };
    let encoding = Encoding::parse(scope, args.get(4), Encoding::Hex);
    let wanted = args.get(6);
    if !wanted.is_undefined() && !is_extendable(&algorithm) {
        let len = args.u32(scope, 6)?;
        if usize::try_from(len).ok() != Some(algorithm.size()) {
            let message =
                format!("Output length {len} is invalid for {name}, which does not support XOF");
            return Err(errors::failure(scope, &no_errors(), &message));
        }
    }
    let len = wanted_len(scope, &algorithm, wanted)?;
    let mut context = DigestContext::new(&algorithm).map_err(|stack| unsupported(scope, &stack))?;
    let updated = input::with_decoded(scope, args, 3, usize::MAX, |data| context.update(data))?;
    updated.map_err(|stack| errors::failure(scope, &stack, "digest failed"))?;
    drop(input::room(scope, len)?);
    let bytes = finish(&mut context, &algorithm, len)?
        .map_err(|stack| errors::failure(scope, &stack, "digest failed"))?;
    Ok(to_js(scope, &bytes, encoding)?.into())
}

/// The digest an argument names, for jobs.
///
/// # Errors
/// `ERR_CRYPTO_INVALID_DIGEST`.
pub(crate) fn digest_argument<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    index: usize,
) -> Result<Md, Failure> {
    let name = args.text(scope, index)?;
    let known = match name.as_str() {
        // What SHA-1 was called for DSA, once.
        "dss1" | "DSS1" => "sha1",
        name => name,
    };
    digest_of(known).ok_or_else(|| {
        Failure::type_error(
            "ERR_CRYPTO_INVALID_DIGEST",
            format!("Invalid digest: {name}"),
        )
    })
}

/// `new HashJob(mode, algorithm, data[, bits])`.
fn new_hash_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let algorithm = digest_argument(scope, args, 1)?;
    let data = input::bytes(args.get(2), "data")?;
    let usual = default_len(&algorithm);
    let len = if args.get(3).is_uint32() {
        usize::try_from(args.u32(scope, 3)? / 8).unwrap_or(usize::MAX)
    } else {
        usual
    };
    if len != usual && !is_extendable(&algorithm) {
        return Err(Failure::error(
            "ERR_CRYPTO_UNSUPPORTED_OPERATION",
            "Unsupported crypto operation",
        ));
    }
    let failed = |stack: &ErrorStack| JobError::of(stack, "Hash job failed");
    let work = move || {
        let mut context = DigestContext::new(&algorithm).map_err(|stack| failed(&stack))?;
        context.update(&data).map_err(|stack| failed(&stack))?;
        match finish(&mut context, &algorithm, len) {
            Ok(made) => made.map_err(|stack| failed(&stack)),
            Err(_) => Err(JobError::named("Failed to allocate memory")),
        }
    };
    attach_sized_job(scope, args, "HASHREQUEST", len, work, array_buffer)
}
