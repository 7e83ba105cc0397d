//! The native classes under JavaScript's `KeyObject` and `CryptoKey`, which keep what JavaScript must not be able to forge.
//! Node: `NativeKeyObject` and `NativeCryptoKey` in `src/crypto/crypto_keys.cc`; lib/internal/crypto/keys.js.

use std::cell::RefCell;
use std::rc::Rc;

use super::key_clone::{ClonedCryptoKey, ClonedKeyObject, Plain};
use super::keys::{KeyObjectData, KeyObjectHandle, new_key_handle};
use crate::bindings::messaging::transfer::{CLONEABLE, TransferData};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    constructor_of, native_of,
};

/// Under `KeyObject`: which key it is.
struct NativeKeyObject {
    handle: v8::Global<v8::Object>,
    data: KeyObjectData,
}

impl Native for NativeKeyObject {
    fn transfer_mode(&self) -> u32 {
        CLONEABLE
    }

    fn clone_data(&self, _: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        Some(Box::new(ClonedKeyObject(self.data.clone())))
    }
}

/// Under `CryptoKey`: its internal slots.
struct NativeCryptoKey {
    handle: v8::Global<v8::Object>,
    data: KeyObjectData,
    algorithm: v8::Global<v8::Value>,
    usages: u32,
    extractable: bool,
}

impl Native for NativeCryptoKey {
    fn transfer_mode(&self) -> u32 {
        CLONEABLE
    }

    fn clone_data(&self, scope: &mut Scope<'_, '_>) -> Option<Box<dyn TransferData>> {
        let algorithm = v8::Local::new(scope, &self.algorithm);
        Some(Box::new(ClonedCryptoKey {
            data: self.data.clone(),
            algorithm: Plain::of(scope, algorithm, 0)?,
            usages: self.usages,
            extractable: self.extractable,
        }))
    }
}

/// What JavaScript made over the native classes.
#[derive(Default)]
struct KeyClasses {
    /// `KeyObject`, `SecretKeyObject`, `PublicKeyObject`, `PrivateKeyObject`.
    key_objects: RefCell<Vec<v8::Global<v8::Function>>>,
    /// `InternalCryptoKey`.
    crypto_key: RefCell<Option<v8::Global<v8::Function>>>,
}

pub(crate) static NATIVE_KEY_OBJECT: Class =
    Class::new("NativeKeyObject", new_native_key_object).nameless();
pub(crate) static NATIVE_CRYPTO_KEY: Class = Class::new("NativeCryptoKey", new_native_crypto_key);

fn handle_argument<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<(v8::Global<v8::Object>, KeyObjectData), Failure> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor cannot be invoked without `new`",
        ));
    }
    let object = args.object(0)?;
    let handle = native_of::<KeyObjectHandle>(scope, object).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "The \"handle\" argument must be of type object",
        )
    })?;
    Ok((v8::Global::new(scope, object), handle.data()?))
}

/// `new NativeKeyObject(handle)`.
fn new_native_key_object<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (handle, data) = handle_argument(scope, args)?;
    attach(
        scope,
        args.this(),
        Rc::new(NativeKeyObject { handle, data }),
    );
    Ok(().into())
}

/// `new NativeCryptoKey(handle, algorithm, usagesMask, extractable)`.
fn new_native_crypto_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (handle, data) = handle_argument(scope, args)?;
    let key = NativeCryptoKey {
        handle,
        data,
        algorithm: v8::Global::new(scope, args.get(1)),
        usages: args.u32(scope, 2)?,
        extractable: args.bool(scope, 3),
    };
    attach(scope, args.this(), Rc::new(key));
    Ok(().into())
}

/// Calls the function that makes JavaScript's classes over a native one; they come back as an array.
fn make_classes<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    class: &'static Class,
) -> Result<(v8::Local<'s, v8::Array>, Vec<v8::Global<v8::Function>>), Failure> {
    let callback = args.function(0)?;
    let constructor = constructor_of(scope, class)?;
    let undefined = scope.undefined();
    let made = scope.call(callback, undefined, &[constructor.into()])?;
    let made = v8::Local::<v8::Array>::try_from(made)
        .map_err(|_| Failure::error("ERR_INTERNAL_ASSERTION", "an array of classes is wanted"))?;
    let mut classes = Vec::new();
    for index in 0..made.length() {
        let class = made.get_index(scope, index).ok_or(Failure::Pending)?;
        let class = v8::Local::<v8::Function>::try_from(class)
            .map_err(|_| Failure::error("ERR_INTERNAL_ASSERTION", "a class is wanted"))?;
        classes.push(v8::Global::new(scope, class));
    }
    Ok((made, classes))
}

/// `createNativeKeyObjectClass(callback)`.
pub(super) fn create_native_key_object_class<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let (made, classes) = make_classes(scope, args, &NATIVE_KEY_OBJECT)?;
    *scope.env().state::<KeyClasses>().key_objects.borrow_mut() = classes;
    Ok(made.into())
}

/// `createCryptoKeyClass(callback)`.
pub(super) fn create_crypto_key_class<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    const INTERNAL_CRYPTO_KEY: usize = 1;
    let (made, classes) = make_classes(scope, args, &NATIVE_CRYPTO_KEY)?;
    *scope.env().state::<KeyClasses>().crypto_key.borrow_mut() =
        classes.into_iter().nth(INTERNAL_CRYPTO_KEY);
    Ok(made.into())
}

fn native_argument<'s, T: Native>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    name: &str,
) -> Result<Rc<T>, Failure> {
    v8::Local::<v8::Object>::try_from(args.get(0))
        .ok()
        .and_then(|object| native_of::<T>(scope, object))
        .ok_or_else(|| {
            Failure::type_error(
                "ERR_INVALID_THIS",
                format!("Value of \"this\" must be of type {name}"),
            )
        })
}

/// `getKeyObjectSlots(key)`: `[type, handle]`.
pub(super) fn get_key_object_slots<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let key = native_argument::<NativeKeyObject>(scope, args, "KeyObject")?;
    let handle: Object<'_> = v8::Local::new(scope, &key.handle);
    let key_type = v8::Integer::new(scope, key.data.key_type().number());
    Ok(scope.array(&[key_type.into(), handle.into()]).into())
}

/// `getCryptoKeySlots(key)`: `[type, extractable, algorithm, usagesMask, handle]`.
pub(super) fn get_crypto_key_slots<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let key = native_argument::<NativeCryptoKey>(scope, args, "CryptoKey")?;
    let handle: Object<'_> = v8::Local::new(scope, &key.handle);
    let slots = [
        v8::Integer::new(scope, key.data.key_type().number()).into(),
        scope.boolean(key.extractable),
        v8::Local::new(scope, &key.algorithm),
        v8::Integer::new_from_unsigned(scope, key.usages).into(),
        handle.into(),
    ];
    Ok(scope.array(&slots).into())
}

/// A new `KeyObject` of the class for its kind.
///
/// # Errors
/// When JavaScript throws, or has not made the classes yet.
pub(crate) fn new_key_object<'s>(
    scope: &mut Scope<'s, '_>,
    data: KeyObjectData,
) -> Result<Object<'s>, Failure> {
    // After `KeyObject` come the classes in the order of the types' numbers.
    let place = usize::try_from(data.key_type().number()).unwrap_or_default() + 1;
    let class = scope
        .env()
        .state::<KeyClasses>()
        .key_objects
        .borrow()
        .get(place)
        .cloned()
        .ok_or_else(|| Failure::error("ERR_INTERNAL_ASSERTION", "there is no KeyObject class"))?;
    let class = v8::Local::new(scope, &class);
    let handle = new_key_handle(scope, data)?;
    class
        .new_instance(scope, &[handle.into()])
        .ok_or(Failure::Pending)
}

/// What a `CryptoKey` made by a job is, besides its key.
#[derive(Debug)]
pub(crate) struct CryptoKeyParameters {
    pub(crate) algorithm: v8::Global<v8::Value>,
    pub(crate) usages: u32,
    pub(crate) extractable: bool,
}

/// A new `CryptoKey`.
///
/// # Errors
/// When JavaScript throws, or has not made the class yet.
pub(crate) fn new_crypto_key<'s>(
    scope: &mut Scope<'s, '_>,
    data: KeyObjectData,
    parameters: &CryptoKeyParameters,
) -> Result<Value<'s>, Failure> {
    let class = scope
        .env()
        .state::<KeyClasses>()
        .crypto_key
        .borrow()
        .clone()
        .ok_or_else(|| Failure::error("ERR_INTERNAL_ASSERTION", "there is no CryptoKey class"))?;
    let class = v8::Local::new(scope, &class);
    let handle = new_key_handle(scope, data)?;
    let arguments = [
        handle.into(),
        v8::Local::new(scope, &parameters.algorithm),
        v8::Integer::new_from_unsigned(scope, parameters.usages).into(),
        scope.boolean(parameters.extractable),
    ];
    let key = class
        .new_instance(scope, &arguments)
        .ok_or(Failure::Pending)?;
    Ok(key.into())
}
