//! HMAC: `Hmac`, and `HmacJob` for Web Crypto. Node: `src/crypto/crypto_hmac.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use openssl::error::ErrorStack;
use openssl::md::MdRef;

use super::errors::{self, JobError};
use super::hash::digest_argument;
use super::input;
use super::job::{attach_job, job_class, mode_of};
use super::mac_job::{Signed, signed_value, verification};
use crate::encoding::{Encoding, to_js};
use crate::glue::openssl::{self as raw, MacContext, Param};
use crate::glue::{Args, BindingResult, Class, Failure, Native, Scope, attach};

pub(super) static HMAC: Class = Class::new("Hmac", new_hmac)
    .method("init", init)
    .method("update", update)
    .method("digest", digest);

pub(super) static HMAC_JOB: Class = job_class("HmacJob", new_hmac_job);

/// The HMAC of some bytes.
///
/// # Errors
/// OpenSSL's.
pub(super) fn hmac(digest: &MdRef, key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, ErrorStack> {
    let name = raw::digest_name(digest);
    raw::mac(c"HMAC", key, &[Param::Text(c"digest", &name)], parts)
}

/// A code under way, behind an `Hmac`; none before `init` and after `digest`.
#[derive(Default)]
struct Hmac {
    context: RefCell<Option<MacContext>>,
}

impl Native for Hmac {}

fn new_hmac<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor cannot be invoked without `new`",
        ));
    }
    attach(scope, args.this(), Rc::new(Hmac::default()));
    Ok(().into())
}

/// `init(digest, key)`.
fn init<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let hmac = args.native::<Hmac>(scope)?;
    let digest = digest_argument(scope, args, 0)?;
    let key = input::secret(scope, args.get(1), "key")?;
    let name = raw::digest_name(&digest);
    let context = MacContext::new(c"HMAC", &key, &[Param::Text(c"digest", &name)])
        .map_err(|stack| errors::failure(scope, &stack, "HMAC failed"))?;
    *hmac.context.borrow_mut() = Some(context);
    Ok(().into())
}

/// `update(data, encoding)`: whether it worked.
fn update<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let hmac = args.native::<Hmac>(scope)?;
    let updated = input::with_decoded(scope, args, 0, 1, |data| {
        hmac.context
            .borrow_mut()
            .as_mut()
            .is_some_and(|context| context.update(data).is_ok())
    })?;
    errors::clear();
    Ok(updated.into())
}

/// `digest(encoding)`.
fn digest<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let hmac = args.native::<Hmac>(scope)?;
    let encoding = Encoding::parse(scope, args.get(0), Encoding::Buffer);
    let context = hmac.context.borrow_mut().take();
    let bytes = match context {
        Some(context) => context
            .finish()
            .map_err(|stack| errors::failure(scope, &stack, "HMAC failed"))?,
        None => Vec::new(),
    };
    Ok(to_js(scope, &bytes, encoding)?.into())
}

/// `new HmacJob(mode, signMode, digest, key, data[, signature])`.
fn new_hmac_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    mode_of(scope, args)?;
    let verify = verification(scope, args, 1, 5)?;
    let digest = digest_argument(scope, args, 2)?;
    let key = input::secret(scope, args.get(3), "key")?;
    let data = input::bytes(args.get(4), "data")?;
    let work = move || {
        let code = hmac(&digest, &key, &[&data])
            .map_err(|stack| JobError::of(&stack, "Deriving bits failed"))?;
        Ok(Signed::new(code, verify))
    };
    attach_job(scope, args, "SIGNREQUEST", work, signed_value)
}
