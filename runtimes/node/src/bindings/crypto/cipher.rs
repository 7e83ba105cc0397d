//! `CipherBase` (`createCipheriv`, `createDecipheriv`) and `getCipherInfo`. Node: `src/crypto/crypto_cipher.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use openssl::cipher::CipherRef;
use openssl::error::ErrorStack;
use openssl::nid::Nid;

use super::errors;
use super::input;
use crate::glue::openssl::{CipherContext, CipherMode, cipher_of, cipher_of_nid, mode_of};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Return, Scope, ScopeExt, Value, attach,
    new_node_buffer,
};

pub(super) static CIPHER_BASE: Class = Class::new("CipherBase", new_cipher)
    .method("update", update)
    .method("final", finish)
    .method("setAutoPadding", set_auto_padding)
    .method("getAuthTag", get_auth_tag)
    .method("setAuthTag", set_auth_tag)
    .method("setAAD", set_aad);

/// The longest tag of any authenticated mode.
const LONGEST_TAG: usize = 16;

/// Where the tag that decryption must find is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum TagState {
    Unknown,
    Known,
    Passed,
}

/// A cipher under way; `context` is gone after `final`.
struct State {
    context: Option<CipherContext>,
    mode: CipherMode,
    is_authenticated: bool,
    encrypt: bool,
    tag: Vec<u8>,
    tag_len: Option<usize>,
    tag_state: TagState,
    /// CCM: decryption fails in `update`, which is told in `final`.
    authentication_failed: bool,
    longest_message: usize,
}

struct CipherBase {
    state: RefCell<State>,
}

impl Native for CipherBase {}

fn is_chacha20_poly1305(cipher: &CipherRef) -> bool {
    cipher.nid() == Nid::CHACHA20_POLY1305
}

fn is_authenticated(cipher: &CipherRef) -> bool {
    match mode_of(cipher) {
        CipherMode::Ccm | CipherMode::Gcm | CipherMode::Ocb => true,
        CipherMode::Stream => is_chacha20_poly1305(cipher),
        _ => false,
    }
}

const fn is_valid_gcm_tag_len(len: usize) -> bool {
    matches!(len, 4 | 8 | 12..=16)
}

fn invalid_iv() -> Failure {
    Failure::type_error("ERR_CRYPTO_INVALID_IV", "Invalid initialization vector")
}

fn invalid_tag(len: usize) -> Failure {
    Failure::type_error(
        "ERR_CRYPTO_INVALID_AUTH_TAG",
        format!("Invalid authentication tag length: {len}"),
    )
}

/// `new CipherBase(encrypt, name, key, iv, authTagLength)`.
fn new_cipher<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor cannot be invoked without `new`",
        ));
    }
    errors::clear();
    let encrypt = args.bool(scope, 0);
    let name = args.text(scope, 1)?;
    let key = input::secret(scope, args.get(2), "key")?;
    let iv = input::optional_bytes(args.get(3), "iv")?;
    let tag_len = usize::try_from(args.i64(4)?).ok();
    let cipher = cipher_of(&name)
        .ok_or_else(|| Failure::error("ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher"))?;
    check_iv(cipher, iv.as_deref())?;
    let iv = iv.unwrap_or_default();
    let initialize =
        |stack: &ErrorStack| errors::failure(scope, stack, "Failed to initialize cipher");
    let context = CipherContext::new(cipher, encrypt).map_err(|stack| initialize(&stack))?;
    let mut state = State {
        context: None,
        mode: mode_of(cipher),
        is_authenticated: is_authenticated(cipher),
        encrypt,
        tag: Vec::new(),
        tag_len: None,
        tag_state: TagState::Unknown,
        authentication_failed: false,
        longest_message: i32::MAX as usize,
    };
    let mut context = context;
    if state.is_authenticated {
        prepare_authenticated(&mut context, &mut state, cipher, &name, iv.len(), tag_len)?;
    }
    context
        .set_key_len(key.len())
        .map_err(|_| Failure::range_error("ERR_CRYPTO_INVALID_KEYLEN", "Invalid key length"))?;
    let start_iv = (!iv.is_empty()).then_some(iv.as_slice());
    context
        .start(&key, start_iv, encrypt)
        .map_err(|stack| initialize(&stack))?;
    state.context = Some(context);
    let cipher = CipherBase {
        state: RefCell::new(state),
    };
    attach(scope, args.this(), Rc::new(cipher));
    Ok(().into())
}

fn check_iv(cipher: &CipherRef, iv: Option<&[u8]>) -> Result<(), Failure> {
    let expected = cipher.iv_length();
    let given = iv.map_or(0, <[u8]>::len);
    if given == 0 && expected != 0 {
        return Err(invalid_iv());
    }
    if !is_authenticated(cipher) && given != 0 && given != expected {
        return Err(invalid_iv());
    }
    // OpenSSL does not check this always: CVE-2019-1543.
    if is_chacha20_poly1305(cipher) && given > 12 {
        return Err(invalid_iv());
    }
    Ok(())
}

/// Node: `CipherBase::InitAuthenticated`.
fn prepare_authenticated(
    context: &mut CipherContext,
    state: &mut State,
    cipher: &CipherRef,
    name: &str,
    iv_len: usize,
    tag_len: Option<usize>,
) -> Result<(), Failure> {
    context.set_iv_len(iv_len).map_err(|_| invalid_iv())?;
    if state.mode == CipherMode::Gcm {
        if let Some(len) = tag_len {
            if !is_valid_gcm_tag_len(len) {
                return Err(invalid_tag(len));
            }
            state.tag_len = Some(len);
        }
        return Ok(());
    }
    // Unlike GCM, ChaCha20-Poly1305 has this length also when decrypting.
    let default = is_chacha20_poly1305(cipher).then_some(LONGEST_TAG);
    let len = tag_len.or(default).ok_or_else(|| {
        Failure::type_error(
            "ERR_CRYPTO_INVALID_AUTH_TAG",
            format!("authTagLength required for {name}"),
        )
    })?;
    if len > LONGEST_TAG || context.set_tag_len(len).is_err() {
        return Err(invalid_tag(len));
    }
    state.tag_len = Some(len);
    if state.mode == CipherMode::Ccm {
        // At most min(INT_MAX, 2^(8 * (15 - iv_len)) - 1) bytes.
        state.longest_message = match iv_len {
            12 => (1 << 24) - 1,
            13 => (1 << 16) - 1,
            _ => i32::MAX as usize,
        };
    }
    Ok(())
}

fn check_message_len(state: &State, len: usize) -> Result<(), Failure> {
    if state.mode == CipherMode::Ccm && len > state.longest_message {
        return Err(Failure::range_error(
            "ERR_CRYPTO_INVALID_MESSAGELEN",
            "Invalid message length",
        ));
    }
    Ok(())
}

/// Gives OpenSSL the tag as soon as it may have it; once.
fn pass_tag(state: &mut State) -> Result<(), ErrorStack> {
    if state.tag_state == TagState::Known
        && let Some(context) = &mut state.context
    {
        context.set_tag(&state.tag)?;
        state.tag_state = TagState::Passed;
    }
    Ok(())
}

fn buffer<'s>(scope: &mut Scope<'s, '_>, bytes: Vec<u8>) -> BindingResult<'s> {
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

/// `update(data, encoding)`.
fn update<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    const WRONG_STATE: &str = "Trying to add data in unsupported state";
    errors::clear();
    let cipher = args.native::<CipherBase>(scope)?;
    let data = input::decoded(scope, args, 0, 1)?;
    // The process must have room for as much output.
    drop(input::room(scope, data.len())?);
    let mut state = cipher.state.borrow_mut();
    let state = &mut *state;
    if state.context.is_none() {
        return Err(errors::failure(scope, &ErrorStack::get(), WRONG_STATE));
    }
    check_message_len(state, data.len())?;
    if !state.encrypt && state.is_authenticated {
        pass_tag(state).map_err(|stack| errors::failure(scope, &stack, WRONG_STATE))?;
    }
    let Some(context) = &mut state.context else {
        return Ok(().into());
    };
    let room = if state.encrypt && state.mode == CipherMode::Wrap {
        context.wrapped_len(&data)
    } else {
        Ok(0)
    };
    match room.and_then(|room| context.update(&data, room)) {
        Ok(bytes) => buffer(scope, bytes),
        Err(_) if !state.encrypt && state.mode == CipherMode::Ccm => {
            state.authentication_failed = true;
            buffer(scope, Vec::new())
        }
        Err(stack) => Err(errors::failure(scope, &stack, WRONG_STATE)),
    }
}

/// `final()`.
fn finish<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    errors::clear();
    let cipher = args.native::<CipherBase>(scope)?;
    let outcome = {
        let mut state = cipher.state.borrow_mut();
        if state.context.is_none() {
            return Err(Failure::error("ERR_CRYPTO_INVALID_STATE", "Invalid state"));
        }
        let outcome = finish_state(&mut state);
        state.context = None;
        outcome
    };
    match outcome {
        Ok(bytes) => buffer(scope, bytes),
        Err(stack) => {
            let message = if cipher.state.borrow().is_authenticated {
                "Unsupported state or unable to authenticate data"
            } else {
                "Unsupported state"
            };
            Err(errors::peeked_failure(scope, &stack, message))
        }
    }
}

fn finish_state(state: &mut State) -> Result<Vec<u8>, ErrorStack> {
    if !state.encrypt && state.is_authenticated {
        // What goes wrong here goes wrong below, too.
        let _passed = pass_tag(state);
    }
    let Some(context) = &mut state.context else {
        return Err(ErrorStack::get());
    };
    if !state.encrypt && state.mode == CipherMode::Ccm {
        return if state.authentication_failed {
            errors::clear();
            Err(ErrorStack::get())
        } else {
            Ok(Vec::new())
        };
    }
    let bytes = context.finish()?;
    if state.encrypt && state.is_authenticated {
        let len = *state.tag_len.get_or_insert(LONGEST_TAG);
        state.tag = context.tag(len)?;
    }
    Ok(bytes)
}

/// `setAutoPadding(on)`: whether it could be set.
fn set_auto_padding<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let cipher = args.native::<CipherBase>(scope)?;
    let on = args.len() < 1 || args.bool(scope, 0);
    let mut state = cipher.state.borrow_mut();
    let done = state
        .context
        .as_mut()
        .is_some_and(|context| context.set_padding(on));
    Ok(done.into())
}

/// `getAuthTag()`: only after encrypting.
fn get_auth_tag<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let cipher = args.native::<CipherBase>(scope)?;
    let tag = {
        let state = cipher.state.borrow();
        if state.context.is_some() || !state.encrypt || state.tag_len.is_none() {
            return Ok(Return::Undefined);
        }
        state.tag.clone()
    };
    buffer(scope, tag)
}

/// `setAuthTag(tag)`: whether it could be set.
fn set_auth_tag<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let cipher = args.native::<CipherBase>(scope)?;
    let tag = input::bytes(args.get(0), "buffer")?;
    let mut state = cipher.state.borrow_mut();
    if state.context.is_none()
        || !state.is_authenticated
        || state.encrypt
        || state.tag_state != TagState::Unknown
    {
        return Ok(false.into());
    }
    let is_valid = if state.mode == CipherMode::Gcm {
        state.tag_len.is_none_or(|len| len == tag.len()) && is_valid_gcm_tag_len(tag.len())
    } else {
        state.tag_len == Some(tag.len())
    };
    if !is_valid {
        return Err(invalid_tag(tag.len()));
    }
    let is_short_by_surprise =
        state.mode == CipherMode::Gcm && state.tag_len.is_none() && tag.len() != LONGEST_TAG;
    state.tag_len = Some(tag.len());
    state.tag_state = TagState::Known;
    state.tag = tag;
    drop(state);
    if is_short_by_surprise {
        warn_of_short_tag(scope)?;
    }
    Ok(true.into())
}

/// DEP0182.
fn warn_of_short_tag(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    const TEXT: &str = "Using AES-GCM authentication tags of less than 128 bits without specifying the authTagLength option when initializing decryption is deprecated.";
    crate::bindings::warn_of_deprecation(scope, TEXT, "DEP0182")
}

/// `setAAD(data, plaintextLength)`: whether it could be set.
fn set_aad<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let cipher = args.native::<CipherBase>(scope)?;
    let data = input::bytes(args.get(0), "buffer")?;
    let plaintext_len = usize::try_from(args.i64(1)?).ok();
    let mut state = cipher.state.borrow_mut();
    let state = &mut *state;
    if state.context.is_none() || !state.is_authenticated {
        return Ok(false.into());
    }
    if state.mode == CipherMode::Ccm {
        let len = plaintext_len.ok_or_else(|| {
            Failure::type_error(
                "ERR_MISSING_ARGS",
                "options.plaintextLength required for CCM mode with AAD",
            )
        })?;
        check_message_len(state, len)?;
        if !state.encrypt && pass_tag(state).is_err() {
            return Ok(false.into());
        }
        let set = state
            .context
            .as_mut()
            .is_some_and(|context| context.set_message_len(len).is_ok());
        if !set {
            errors::clear();
            return Ok(false.into());
        }
    }
    let done = state
        .context
        .as_mut()
        .is_some_and(|context| context.authenticate(&data).is_ok());
    errors::clear();
    Ok(done.into())
}

const fn mode_name(mode: CipherMode) -> Option<&'static str> {
    Some(match mode {
        CipherMode::Stream => "stream",
        CipherMode::Ecb => "ecb",
        CipherMode::Cbc => "cbc",
        CipherMode::Cfb => "cfb",
        CipherMode::Ofb => "ofb",
        CipherMode::Ctr => "ctr",
        CipherMode::Gcm => "gcm",
        CipherMode::Ccm => "ccm",
        CipherMode::Xts => "xts",
        CipherMode::Wrap => "wrap",
        CipherMode::Ocb => "ocb",
        CipherMode::Other => return None,
    })
}

/// Whether a cipher can have these lengths of key and vector; `None` where it cannot.
fn possible_lengths(
    cipher: &CipherRef,
    key: Option<i32>,
    iv: Option<i32>,
) -> Option<(usize, usize)> {
    let (mut key_len, mut iv_len) = (cipher.key_length(), cipher.iv_length());
    if key.is_none() && iv.is_none() {
        return Some((key_len, iv_len));
    }
    let mut context = CipherContext::new(cipher, true).ok()?;
    if let Some(key) = key {
        key_len = usize::try_from(key).ok()?;
        context.set_key_len(key_len).ok()?;
    }
    if let Some(iv) = iv {
        let wanted = usize::try_from(iv).ok()?;
        let is_possible = match mode_of(cipher) {
            CipherMode::Ccm => (7..=13).contains(&wanted),
            CipherMode::Gcm | CipherMode::Ocb => context.set_iv_len(wanted).is_ok(),
            _ => wanted == iv_len,
        };
        if !is_possible {
            return None;
        }
        iv_len = wanted;
    }
    Some((key_len, iv_len))
}

/// `getCipherInfo(info, nameOrNid, keyLength, ivLength)`: the same object, filled; or `undefined`.
pub(super) fn get_cipher_info<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let info = args.object(0)?;
    let cipher = if args.get(1).is_string() {
        cipher_of(&args.text(scope, 1)?)
    } else {
        cipher_of_nid(args.i32(scope, 1)?)
    };
    let Some(cipher) = cipher else {
        return Ok(Return::Undefined);
    };
    let optional = |index| {
        if args.get(index).is_int32() {
            args.i32(scope, index).map(Some)
        } else {
            Ok(None)
        }
    };
    let lengths = possible_lengths(cipher, optional(2)?, optional(3)?);
    errors::clear();
    let Some((key_len, iv_len)) = lengths else {
        return Ok(Return::Undefined);
    };
    let mode = mode_of(cipher);
    let integer = |number: usize| -> Value<'s> {
        v8::Integer::new(scope, i32::try_from(number).unwrap_or(i32::MAX)).into()
    };
    if let Some(name) = mode_name(mode) {
        scope.set(info, "mode", scope.text(name).into());
    }
    let name = cipher.nid().short_name().unwrap_or_default();
    scope.set(info, "name", scope.text(name).into());
    scope.set(
        info,
        "nid",
        v8::Integer::new(scope, cipher.nid().as_raw()).into(),
    );
    if mode != CipherMode::Stream {
        scope.set(info, "blockSize", integer(cipher.block_size()));
    }
    if iv_len != 0 {
        scope.set(info, "ivLength", integer(iv_len));
    }
    scope.set(info, "keyLength", integer(key_len));
    Ok(info.into())
}
