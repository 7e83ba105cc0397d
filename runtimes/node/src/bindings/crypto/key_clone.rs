//! `KeyObject` and `CryptoKey` in messages (`structuredClone`, `postMessage`): copies of the same key.
//! Node: `KeyObjectTransferData` and `CryptoKeyTransferData` in `src/crypto/crypto_keys.cc`.

use super::key_classes::{CryptoKeyParameters, new_crypto_key, new_key_object};
use super::keys::KeyObjectData;
use crate::bindings::messaging::transfer::{TransferData, target_unavailable};
use crate::environment::Stored;
use crate::glue::{Failure, Object, Scope, ScopeExt, Value, copy_bytes, new_uint8_array};

/// A `KeyObject` under way.
pub(super) struct ClonedKeyObject(pub(super) KeyObjectData);

/// A `CryptoKey` under way.
pub(super) struct ClonedCryptoKey {
    pub(super) data: KeyObjectData,
    pub(super) algorithm: Plain,
    pub(super) usages: u32,
    pub(super) extractable: bool,
}

impl TransferData for ClonedKeyObject {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        load_keys(scope)?;
        new_key_object(scope, self.0)
    }
}

impl TransferData for ClonedCryptoKey {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        load_keys(scope)?;
        let algorithm = self.algorithm.to_js(scope)?;
        let parameters = CryptoKeyParameters {
            algorithm: v8::Global::new(scope, algorithm),
            usages: self.usages,
            extractable: self.extractable,
        };
        let key = new_crypto_key(scope, self.data, &parameters)?;
        Object::try_from(key).map_err(|_| Failure::Pending)
    }
}

/// The classes are made when this module is first loaded, which the receiver may not have done.
fn load_keys(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let env = scope.env();
    if scope.get_current_context() != env.context(scope) {
        return Err(target_unavailable());
    }
    let require = env
        .stored_function(scope, Stored::RequireBuiltin)
        .ok_or(Failure::Pending)?;
    let undefined = scope.undefined();
    let id = scope.text("internal/crypto/keys").into();
    scope.call(require, undefined, &[id])?;
    Ok(())
}

/// The algorithm of a `CryptoKey`: a small tree of plain values that Node's library made.
#[derive(Debug)]
pub(super) enum Plain {
    Text(String),
    Number(f64),
    Bytes(Vec<u8>),
    Object(Vec<(String, Self)>),
}

/// `{ name, hash: { name } }` is as deep as it gets.
const DEEPEST: usize = 4;

impl Plain {
    /// Reads a value; what is not of these kinds is left out.
    pub(super) fn of(scope: &Scope<'_, '_>, value: Value<'_>, depth: usize) -> Option<Self> {
        if let Ok(text) = v8::Local::<v8::String>::try_from(value) {
            return Some(Self::Text(text.to_rust_string_lossy(scope)));
        }
        if let Ok(number) = v8::Local::<v8::Number>::try_from(value) {
            return Some(Self::Number(number.value()));
        }
        if let Some(bytes) = copy_bytes(value) {
            return Some(Self::Bytes(bytes));
        }
        let object = Object::try_from(value).ok().filter(|_| depth < DEEPEST)?;
        let names = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
        let mut members = Vec::new();
        for index in 0..names.length() {
            let name = names.get_index(scope, index)?;
            let member = object.get(scope, name)?;
            if let Some(plain) = Self::of(scope, member, depth + 1) {
                members.push((name.to_rust_string_lossy(scope), plain));
            }
        }
        Some(Self::Object(members))
    }

    fn to_js<'s>(&self, scope: &mut Scope<'s, '_>) -> Result<Value<'s>, Failure> {
        Ok(match self {
            Self::Text(text) => scope.string(text)?.into(),
            Self::Number(number) => scope.number(*number),
            Self::Bytes(bytes) => new_uint8_array(scope, bytes.clone())
                .ok_or(Failure::Pending)?
                .into(),
            Self::Object(members) => {
                let object = scope.null_object();
                for (name, member) in members {
                    let value = member.to_js(scope)?;
                    scope.set(object, name, value);
                }
                object.into()
            }
        })
    }
}
