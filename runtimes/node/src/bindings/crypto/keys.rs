//! Keys: what one is ([`KeyObjectData`]) and its handle in JavaScript, `KeyObjectHandle`. Node: `KeyObjectData` and `KeyObjectHandle` in `src/crypto/crypto_keys.cc`.
//!
//! What public and private keys come from, go out as and are is in `key_input`, `key_output` and `key_detail`. The classes
//! JavaScript's `KeyObject` and `CryptoKey` are made of are in `key_classes`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use openssl::pkey::{PKey, Private, Public};

use super::{input, key_detail, key_input, key_output};
use crate::encoding::{Encoding, to_bytes};
use crate::glue::openssl::equal_keys;
use crate::glue::{
    Args, BindingResult, Charge, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    native_of, new_instance,
};

/// `kKeyType…`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyType {
    Secret,
    Public,
    Private,
}

impl KeyType {
    /// By its number.
    pub(crate) const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Secret,
            1 => Self::Public,
            2 => Self::Private,
            _ => return None,
        })
    }

    /// Its number.
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Secret => 0,
            Self::Public => 1,
            Self::Private => 2,
        }
    }
}

/// `kKeyFormat…`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyFormat {
    Der,
    Pem,
    Jwk,
    RawPublic,
    RawPrivate,
    RawSeed,
    Store,
}

impl KeyFormat {
    /// By its number.
    pub(crate) const fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Der,
            1 => Self::Pem,
            2 => Self::Jwk,
            3 => Self::RawPublic,
            4 => Self::RawPrivate,
            5 => Self::RawSeed,
            6 => Self::Store,
            _ => return None,
        })
    }

    /// The format an argument names; `None` for `undefined` and `null`.
    pub(crate) fn of(scope: &Scope<'_, '_>, value: Value<'_>) -> Option<Self> {
        value
            .int32_value(scope)
            .filter(|_| value.is_int32())
            .and_then(Self::from_number)
    }
}

/// The key itself. Cheap to clone, may go to other threads.
#[derive(Clone)]
pub(crate) enum KeyObjectData {
    /// Bytes.
    Secret(Arc<[u8]>),
    /// The public half of a pair.
    Public(PKey<Public>),
    /// A private key, which has its public half.
    Private(PKey<Private>),
}

impl std::fmt::Debug for KeyObjectData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key.
        write!(f, "KeyObjectData({:?})", self.key_type())
    }
}

impl KeyObjectData {
    /// Which kind of key it is.
    pub(crate) const fn key_type(&self) -> KeyType {
        match self {
            Self::Secret(_) => KeyType::Secret,
            Self::Public(_) => KeyType::Public,
            Self::Private(_) => KeyType::Private,
        }
    }
}

/// What stands behind a `KeyObjectHandle`: a key, once `init` ran.
#[derive(Debug, Default)]
pub(crate) struct KeyObjectHandle {
    data: RefCell<Option<KeyObjectData>>,
    /// What the bytes of a secret key take.
    charge: RefCell<Option<Charge>>,
}

impl Native for KeyObjectHandle {}

impl KeyObjectHandle {
    /// Takes the key.
    ///
    /// # Errors
    /// When the process has no room for a secret of this size.
    fn set(&self, scope: &mut Scope<'_, '_>, data: KeyObjectData) -> Result<(), Failure> {
        if let KeyObjectData::Secret(secret) = &data {
            *self.charge.borrow_mut() = Some(input::room(scope, secret.len())?);
        }
        *self.data.borrow_mut() = Some(data);
        Ok(())
    }

    /// The key.
    ///
    /// # Errors
    /// `ERR_INVALID_STATE` before `init`.
    pub(crate) fn data(&self) -> Result<KeyObjectData, Failure> {
        self.data
            .borrow()
            .clone()
            .ok_or_else(|| Failure::error("ERR_INVALID_STATE", "The key handle holds no key"))
    }
}

pub(super) static KEY_OBJECT_HANDLE: Class = Class::new("KeyObjectHandle", new_handle)
    .method("init", init)
    .method("getKeyType", get_key_type)
    .method("getSymmetricKeySize", get_symmetric_key_size)
    .method("getAsymmetricKeyType", key_detail::get_asymmetric_key_type)
    .method("checkEcKeyData", key_detail::check_ec_key_data)
    .method("keyDetail", key_detail::key_detail)
    .method("export", key_output::export)
    .method("exportJwk", key_output::export_jwk)
    .method("rawPublicKey", key_output::raw_public_key)
    .method("rawPrivateKey", key_output::raw_private_key)
    .method("rawSeed", key_output::raw_seed_bytes)
    .method("exportECPublicRaw", key_output::export_ec_public_raw)
    .method("exportECPrivateRaw", key_output::export_ec_private_raw)
    .method("equals", equals);

fn new_handle<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor cannot be invoked without `new`",
        ));
    }
    attach(scope, args.this(), Rc::new(KeyObjectHandle::default()));
    Ok(().into())
}

/// A new `KeyObjectHandle` of a key.
///
/// # Errors
/// When JavaScript throws.
pub(crate) fn new_key_handle<'s>(
    scope: &mut Scope<'s, '_>,
    data: KeyObjectData,
) -> Result<Object<'s>, Failure> {
    let object = new_instance(scope, &KEY_OBJECT_HANDLE, &[])?;
    if let Some(handle) = native_of::<KeyObjectHandle>(scope, object) {
        handle.set(scope, data)?;
    }
    Ok(object)
}

/// The key behind a `KeyObjectHandle` argument.
///
/// # Errors
/// `ERR_INVALID_ARG_TYPE` for anything else.
pub(crate) fn key_of(scope: &Scope<'_, '_>, value: Value<'_>) -> Result<KeyObjectData, Failure> {
    v8::Local::<v8::Object>::try_from(value)
        .ok()
        .and_then(|object| native_of::<KeyObjectHandle>(scope, object))
        .ok_or_else(|| {
            Failure::type_error(
                "ERR_INVALID_ARG_TYPE",
                "The \"handle\" argument must be an instance of KeyObjectHandle",
            )
        })?
        .data()
}

/// `init(type, data[, format, type, passphrase, namedCurve])`.
fn init<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let handle = args.native::<KeyObjectHandle>(scope)?;
    let key_type = KeyType::from_number(args.i32(scope, 0)?)
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_VALUE", "Invalid key type"))?;
    let data = match key_type {
        KeyType::Secret => match KeyFormat::of(scope, args.get(2)) {
            Some(KeyFormat::Jwk) => import_jwk_secret(scope, args.object(1)?)?,
            _ => KeyObjectData::Secret(input::bytes(args.get(1), "key")?.into()),
        },
        KeyType::Public => KeyObjectData::Public(key_input::public_key(scope, args, 1)?),
        KeyType::Private => KeyObjectData::Private(key_input::private_key(scope, args, 1)?),
    };
    handle.set(scope, data)?;
    Ok(().into())
}

fn import_jwk_secret<'s>(scope: &Scope<'s, '_>, jwk: Object<'s>) -> Result<KeyObjectData, Failure> {
    let invalid = || Failure::type_error("ERR_CRYPTO_INVALID_JWK", "Invalid JWK secret key format");
    let key = scope.get_property(jwk, "k")?;
    let key = v8::Local::<v8::String>::try_from(key).map_err(|_| invalid())?;
    Ok(KeyObjectData::Secret(
        to_bytes(scope, key, Encoding::Base64Url).into(),
    ))
}

fn get_key_type<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let data = args.native::<KeyObjectHandle>(scope)?.data()?;
    Ok(data.key_type().number().into())
}

fn get_symmetric_key_size<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    match args.native::<KeyObjectHandle>(scope)?.data()? {
        KeyObjectData::Secret(secret) => Ok(u32::try_from(secret.len()).unwrap_or(u32::MAX).into()),
        KeyObjectData::Public(_) | KeyObjectData::Private(_) => Err(not_secret()),
    }
}

fn not_secret() -> Failure {
    Failure::type_error(
        "ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE",
        "Invalid key object type, expected secret",
    )
}

fn unsupported() -> Failure {
    Failure::error(
        "ERR_CRYPTO_UNSUPPORTED_OPERATION",
        "Unsupported crypto operation",
    )
}

/// `equals(other)`: in constant time for secrets of one length.
fn equals<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let own = args.native::<KeyObjectHandle>(scope)?.data()?;
    let other = key_of(scope, args.get(0))?;
    let equal = match (&own, &other) {
        (KeyObjectData::Secret(own), KeyObjectData::Secret(other)) => {
            own.len() == other.len() && openssl::memcmp::eq(own, other)
        }
        // By the public half, as Node does.
        (KeyObjectData::Public(own), KeyObjectData::Public(other)) => {
            equal_keys(own, other).ok_or_else(unsupported)?
        }
        (KeyObjectData::Private(own), KeyObjectData::Private(other)) => {
            equal_keys(own, other).ok_or_else(unsupported)?
        }
        _ => false,
    };
    super::errors::clear();
    Ok(equal.into())
}
