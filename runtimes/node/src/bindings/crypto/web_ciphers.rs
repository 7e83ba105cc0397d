//! Ciphers of Web Crypto, as jobs over whole messages: AES in its modes, ChaCha20-Poly1305. Tags are at the end of the
//! encrypted message. Node: `src/crypto/crypto_aes.cc`, `src/crypto/crypto_chacha20_poly1305.cc`.

use openssl::cipher::CipherRef;
use openssl::error::ErrorStack;

use super::errors::JobError;
use super::input;
use super::job::{array_buffer, attach_job, job_class, mode_of};
use crate::glue::openssl::{self as raw, CipherContext, CipherMode, cipher_of};
use crate::glue::{Args, BindingResult, Class, Failure, Scope};

pub(super) static AES_CIPHER_JOB: Class = job_class("AESCipherJob", new_aes_job);
pub(super) static CHACHA20_POLY1305_CIPHER_JOB: Class =
    job_class("ChaCha20Poly1305CipherJob", new_chacha_job);

const FAILED: &str = "Cipher job failed";
/// RFC 3394.
const DEFAULT_WRAP_IV: [u8; 8] = [0xA6; 8];
const BLOCK: usize = 16;
const LONGEST_TAG: usize = 16;

/// The ciphers in the order of `kKeyVariantAES_…`.
const AES_VARIANTS: [&str; 15] = [
    "aes-128-ctr",
    "aes-192-ctr",
    "aes-256-ctr",
    "aes-128-cbc",
    "aes-192-cbc",
    "aes-256-cbc",
    "aes-128-gcm",
    "aes-192-gcm",
    "aes-256-gcm",
    "id-aes128-wrap",
    "id-aes192-wrap",
    "id-aes256-wrap",
    "aes-128-ocb",
    "aes-192-ocb",
    "aes-256-ocb",
];

/// One message to encrypt or decrypt.
struct Message {
    cipher: &'static CipherRef,
    encrypt: bool,
    key: std::sync::Arc<[u8]>,
    data: Vec<u8>,
    iv: Vec<u8>,
    /// Length of the tag; only for authenticated modes.
    tag_len: Option<usize>,
    additional_data: Vec<u8>,
    /// CTR: how many bits of the vector count.
    counter_bits: u32,
}

fn invalid_iv() -> Failure {
    Failure::type_error("ERR_CRYPTO_INVALID_IV", "Invalid initialization vector")
}

fn unknown_cipher() -> Failure {
    Failure::error("ERR_CRYPTO_UNKNOWN_CIPHER", "Unknown cipher")
}

fn common<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    cipher: &'static CipherRef,
) -> Result<Message, Failure> {
    const DECRYPT: u32 = 1;
    mode_of(scope, args)?;
    Ok(Message {
        cipher,
        encrypt: args.u32(scope, 1)? != DECRYPT,
        key: input::secret(scope, args.get(2), "key")?,
        data: input::bytes(args.get(3), "data")?,
        iv: Vec::new(),
        tag_len: None,
        additional_data: Vec::new(),
        counter_bits: 0,
    })
}

/// `new AESCipherJob(mode, direction, key, data, variant[, iv[, counterBits | tagLength[, additionalData]]])`.
fn new_aes_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let variant = args.usize(4)?;
    let name = AES_VARIANTS.get(variant).ok_or_else(unknown_cipher)?;
    let cipher = cipher_of(name).ok_or_else(unknown_cipher)?;
    let mut message = common(scope, args, cipher)?;
    let mode = raw::mode_of(cipher);
    message.iv = if mode == CipherMode::Wrap {
        DEFAULT_WRAP_IV.to_vec()
    } else {
        input::bytes(args.get(5), "iv")?
    };
    let shortest = if mode == CipherMode::Ocb {
        1
    } else {
        cipher.iv_length()
    };
    if message.iv.len() < shortest {
        return Err(invalid_iv());
    }
    match mode {
        CipherMode::Ctr => {
            message.counter_bits = args.u32(scope, 6)?;
            if message.iv.len() != BLOCK || !(1..=128).contains(&message.counter_bits) {
                return Err(Failure::type_error(
                    "ERR_CRYPTO_INVALID_COUNTER",
                    "Invalid counter",
                ));
            }
        }
        CipherMode::Gcm | CipherMode::Ocb => {
            let len = args.usize(6)?;
            if len > LONGEST_TAG {
                return Err(Failure::range_error(
                    "ERR_CRYPTO_INVALID_TAG_LENGTH",
                    "Invalid taglength",
                ));
            }
            message.tag_len = Some(len);
            message.additional_data =
                input::optional_bytes(args.get(7), "additionalData")?.unwrap_or_default();
        }
        _ => {}
    }
    attach(scope, args, message)
}

/// `new ChaCha20Poly1305CipherJob(mode, direction, key, data, iv, additionalData)`.
fn new_chacha_job<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let cipher = cipher_of("chacha20-poly1305").ok_or_else(unknown_cipher)?;
    let mut message = common(scope, args, cipher)?;
    message.iv = input::bytes(args.get(4), "iv")?;
    if message.iv.len() != cipher.iv_length() {
        return Err(invalid_iv());
    }
    message.tag_len = Some(LONGEST_TAG);
    message.additional_data =
        input::optional_bytes(args.get(5), "additionalData")?.unwrap_or_default();
    attach(scope, args, message)
}

fn attach<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, message: Message) -> BindingResult<'s> {
    let work = move || {
        let outcome = if message.counter_bits == 0 {
            run(&message)
        } else {
            run_counter(&message)
        };
        outcome.map_err(|stack| JobError::of(&stack, FAILED))
    };
    attach_job(scope, args, "CIPHERREQUEST", work, array_buffer)
}

/// A failure of our own: no error of OpenSSL's.
fn nothing() -> ErrorStack {
    super::errors::clear();
    ErrorStack::get()
}

fn run(message: &Message) -> Result<Vec<u8>, ErrorStack> {
    let encrypt = message.encrypt;
    let mut context = CipherContext::new(message.cipher, encrypt)?;
    let (data, tag) = match message.tag_len {
        Some(len) if !encrypt => {
            let at = message.data.len().checked_sub(len).ok_or_else(nothing)?;
            message.data.split_at(at)
        }
        _ => (message.data.as_slice(), &[][..]),
    };
    if let Some(len) = message.tag_len {
        context.set_iv_len(message.iv.len())?;
        if raw::mode_of(message.cipher) == CipherMode::Ocb {
            context.set_tag_len(len)?;
        }
    }
    context.set_key_len(message.key.len())?;
    context.start(&message.key, Some(&message.iv), encrypt)?;
    if message.tag_len.is_some() {
        if !encrypt {
            context.set_tag(tag)?;
        }
        if !message.additional_data.is_empty() {
            context.authenticate(&message.additional_data)?;
        }
    }
    let is_wrap = raw::mode_of(message.cipher) == CipherMode::Wrap;
    let room = if encrypt && is_wrap {
        context.wrapped_len(data)?
    } else {
        0
    };
    let mut out = if data.is_empty() && !is_wrap {
        Vec::new()
    } else {
        context.update(data, room)?
    };
    out.extend(context.finish().map_err(|stack| {
        // A wrong tag has no error of OpenSSL's; Node's message then is its own.
        if message.tag_len.is_some() {
            nothing()
        } else {
            stack
        }
    })?);
    if let Some(len) = message.tag_len.filter(|_| encrypt) {
        out.extend(context.tag(len)?);
    }
    Ok(out)
}

/// AES-CTR with a counter of fewer than 128 bits: it may wrap to zero once, in the middle of the message.
fn run_counter(message: &Message) -> Result<Vec<u8>, ErrorStack> {
    let block: [u8; BLOCK] = message.iv.as_slice().try_into().map_err(|_| nothing())?;
    let block = u128::from_be_bytes(block);
    let mask = u128::MAX >> (128 - message.counter_bits.clamp(1, 128));
    let blocks = u128::try_from(message.data.len().div_ceil(BLOCK)).unwrap_or(u128::MAX);
    if blocks == 0 {
        return Ok(Vec::new());
    }
    if blocks - 1 > mask {
        return Err(nothing());
    }
    // How many blocks fit after this one before the counter wraps.
    let further = mask - (block & mask);
    if blocks - 1 <= further {
        return run_ctr_part(message, block, &message.data);
    }
    let at = usize::try_from((further + 1).saturating_mul(16)).unwrap_or(usize::MAX);
    let (first, second) = message.data.split_at_checked(at).ok_or_else(nothing)?;
    let mut out = run_ctr_part(message, block, first)?;
    out.extend(run_ctr_part(message, block & !mask, second)?);
    Ok(out)
}

fn run_ctr_part(message: &Message, block: u128, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let mut context = CipherContext::new(message.cipher, message.encrypt)?;
    context.set_key_len(message.key.len())?;
    context.start(&message.key, Some(&block.to_be_bytes()), message.encrypt)?;
    let mut out = context.update(data, 0)?;
    out.extend(context.finish()?);
    Ok(out)
}
