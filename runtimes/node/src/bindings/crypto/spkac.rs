//! `certVerifySpkac`, `certExportPublicKey` and `certExportChallenge`. Node: `src/crypto/crypto_spkac.cc`.

use super::errors;
use super::input;
use crate::glue::openssl::Spkac;
use crate::glue::{Args, BindingResult, Failure, Return, Scope, ScopeExt, new_node_buffer};

/// Whether an SPKAC is signed with the key in it.
pub(super) fn verify<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = input::bytes(args.get(0), "spkac")?;
    if text.is_empty() {
        // As Node: an empty string, which is false.
        return Ok(scope.text("").into());
    }
    let signed = Spkac::decode(&text).is_ok_and(|spkac| spkac.is_signed());
    errors::clear();
    Ok(signed.into())
}

fn buffer<'s>(scope: &Scope<'s, '_>, bytes: Option<Vec<u8>>) -> BindingResult<'s> {
    errors::clear();
    let Some(bytes) = bytes else {
        return Ok(Return::Value(scope.text("").into()));
    };
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

/// The public key in an SPKAC, as PEM; an empty string when there is none.
pub(super) fn export_public_key<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let text = input::bytes(args.get(0), "spkac")?;
    let pem = Spkac::decode(&text)
        .and_then(|spkac| spkac.public_key())
        .and_then(|key| key.public_key_to_pem());
    buffer(scope, pem.ok())
}

/// The challenge an SPKAC answers; an empty string when there is none.
pub(super) fn export_challenge<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let text = input::bytes(args.get(0), "spkac")?;
    let challenge = Spkac::decode(&text)
        .ok()
        .and_then(|spkac| spkac.challenge());
    buffer(scope, challenge)
}
