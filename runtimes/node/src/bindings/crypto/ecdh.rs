//! `ECDH` and `ECDHConvertKey`: elliptic curves without key objects. Node: `ECDH` in `src/crypto/crypto_ec.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, EcPoint, EcPointRef};
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::pkey_ctx::PkeyCtx;

use super::errors;
use super::input;
use super::key_input::{ec_from_private, invalid_curve, operation_failed};
use super::key_output::form_of;
use crate::glue::openssl::curve_short_named;
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Scope, ScopeExt, attach, new_node_buffer,
};

/// A curve, and the halves of a key that are there.
struct Ecdh {
    group: EcGroup,
    private: RefCell<Option<BigNum>>,
    public: RefCell<Option<EcPoint>>,
}

impl Native for Ecdh {}

pub(super) static ECDH: Class = Class::new("ECDH", new_ecdh)
    .method("generateKeys", generate_keys)
    .method("computeSecret", compute_secret)
    .method("getPublicKey", get_public_key)
    .method("getPrivateKey", get_private_key)
    .method("setPublicKey", set_public_key)
    .method("setPrivateKey", set_private_key);

fn buffer<'s>(scope: &Scope<'s, '_>, bytes: Vec<u8>) -> BindingResult<'s> {
    errors::clear();
    Ok(new_node_buffer(scope, bytes)
        .ok_or(Failure::Pending)?
        .into())
}

/// `new ECDH(curve)`.
fn new_ecdh<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let curve = curve_short_named(&args.text(scope, 0)?).ok_or_else(invalid_curve)?;
    let group = EcGroup::from_curve_name(curve);
    errors::clear();
    let group = group.map_err(|_| operation_failed("Failed to create key using named curve"))?;
    let ecdh = Ecdh {
        group,
        private: RefCell::new(None),
        public: RefCell::new(None),
    };
    attach(scope, args.this(), Rc::new(ecdh));
    Ok(().into())
}

fn generate_keys<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let ecdh = args.native::<Ecdh>(scope)?;
    let generate = || -> Result<(BigNum, EcPoint), ErrorStack> {
        let key = EcKey::generate(&ecdh.group)?;
        Ok((
            key.private_key().to_owned()?,
            key.public_key().to_owned(&ecdh.group)?,
        ))
    };
    let made = generate();
    errors::clear();
    let (private, public) = made.map_err(|_| operation_failed("Failed to generate key"))?;
    *ecdh.private.borrow_mut() = Some(private);
    *ecdh.public.borrow_mut() = Some(public);
    Ok(().into())
}

fn point_of(group: &EcGroup, bytes: &[u8]) -> Option<EcPoint> {
    let mut context = BigNumContext::new().ok()?;
    let point = EcPoint::from_bytes(group, bytes, &mut context).ok();
    errors::clear();
    point
}

impl Ecdh {
    /// Whether the key is one: its point is on the curve, and its private number, if any, the point's own.
    fn is_valid(&self) -> bool {
        let public = self.public.borrow();
        let private = self.private.borrow();
        let checked = match (public.as_deref(), private.as_deref()) {
            (Some(public), Some(private)) => {
                EcKey::from_private_components(&self.group, private, public)
                    .and_then(|key| key.check_key())
            }
            (Some(public), None) => {
                EcKey::from_public_key(&self.group, public).and_then(|key| key.check_key())
            }
            (None, _) => return false,
        };
        errors::clear();
        checked.is_ok()
    }

    /// The shared secret with the owner of a point: the x coordinate.
    fn agree(&self, other: &EcPointRef) -> Option<Vec<u8>> {
        let private = self.private.borrow();
        let public = self.public.borrow();
        let derive = || -> Result<Vec<u8>, ErrorStack> {
            let (Some(private), Some(public)) = (private.as_deref(), public.as_deref()) else {
                return Err(ErrorStack::get());
            };
            let own = EcKey::from_private_components(&self.group, private, public)?;
            let own = PKey::from_ec_key(own)?;
            let other = PKey::from_ec_key(EcKey::from_public_key(&self.group, other)?)?;
            let mut context = PkeyCtx::new(&own)?;
            context.derive_init()?;
            context.derive_set_peer(&other)?;
            let mut secret = Vec::new();
            context.derive_to_vec(&mut secret)?;
            Ok(secret)
        };
        let secret = derive().ok();
        errors::clear();
        secret
    }
}

/// `computeSecret(key)`: a Buffer, or a string (an error's code) for a key that is none.
fn compute_secret<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let ecdh = args.native::<Ecdh>(scope)?;
    let bytes = input::bytes(args.get(0), "buffer")?;
    // The key may be missing; then only the other side's is looked at first, as in Node.
    if !ecdh.is_valid() && ecdh.public.borrow().is_some() {
        return Err(Failure::error(
            "ERR_CRYPTO_INVALID_KEYPAIR",
            "Invalid key pair",
        ));
    }
    let Some(other) = point_of(&ecdh.group, &bytes) else {
        return Ok(scope.text("ERR_CRYPTO_ECDH_INVALID_PUBLIC_KEY").into());
    };
    if ecdh.public.borrow().is_none() {
        return Err(Failure::error(
            "ERR_CRYPTO_INVALID_KEYPAIR",
            "Invalid key pair",
        ));
    }
    let secret = ecdh
        .agree(&other)
        .ok_or_else(|| operation_failed("Failed to compute ECDH key"))?;
    buffer(scope, secret)
}

/// `getPublicKey(form)`.
fn get_public_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let ecdh = args.native::<Ecdh>(scope)?;
    let form = args.i32(scope, 0)?;
    let bytes = ecdh
        .public
        .borrow()
        .as_ref()
        .and_then(|point| point_bytes(&ecdh.group, point, form));
    buffer(
        scope,
        bytes.ok_or_else(|| operation_failed("Failed to get ECDH public key"))?,
    )
}

fn point_bytes(group: &EcGroup, point: &EcPointRef, form: i32) -> Option<Vec<u8>> {
    let mut context = BigNumContext::new().ok()?;
    point.to_bytes(group, form_of(form), &mut context).ok()
}

fn get_private_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let ecdh = args.native::<Ecdh>(scope)?;
    let bytes = ecdh.private.borrow().as_ref().map(|number| number.to_vec());
    buffer(
        scope,
        bytes.ok_or_else(|| operation_failed("Failed to get ECDH private key"))?,
    )
}

/// `setPrivateKey(key)`: computes the public key too.
fn set_private_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let ecdh = args.native::<Ecdh>(scope)?;
    let number = BigNum::from_slice(&input::bytes(args.get(0), "key")?)
        .map_err(|_| operation_failed("Failed to convert Buffer to BN"))?;
    if !is_in_range(&ecdh.group, &number) {
        return Err(Failure::range_error(
            "ERR_CRYPTO_INVALID_KEYTYPE",
            "Private key is not valid for specified curve.",
        ));
    }
    let point = ec_from_private(&ecdh.group, &number)
        .and_then(|key| key.public_key().to_owned(&ecdh.group));
    errors::clear();
    let point = point.map_err(|_| operation_failed("Failed to generate ECDH public key"))?;
    *ecdh.private.borrow_mut() = Some(number);
    *ecdh.public.borrow_mut() = Some(point);
    Ok(().into())
}

/// Whether a private number is at least 1 and less than the curve's order (SEC 1, 3.2.1).
fn is_in_range(group: &EcGroup, number: &BigNum) -> bool {
    let order = || -> Result<BigNum, ErrorStack> {
        let mut order = BigNum::new()?;
        group.order(&mut order, &mut *BigNumContext::new()?)?;
        Ok(order)
    };
    number.num_bits() > 0 && order().is_ok_and(|order| *number < order)
}

/// `setPublicKey(key)`.
fn set_public_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let ecdh = args.native::<Ecdh>(scope)?;
    let bytes = input::bytes(args.get(0), "buffer")?;
    let point = point_of(&ecdh.group, &bytes)
        .ok_or_else(|| operation_failed("Failed to convert Buffer to EC_POINT"))?;
    *ecdh.public.borrow_mut() = Some(point);
    Ok(().into())
}

/// `ECDHConvertKey(key, curve, form)`: the same point in another form.
pub(super) fn convert_key<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = input::bytes(args.get(0), "key")?;
    if bytes.is_empty() {
        return Ok(scope.text("").into());
    }
    let curve = curve_short_named(&args.text(scope, 1)?).ok_or_else(invalid_curve)?;
    let group = EcGroup::from_curve_name(curve);
    errors::clear();
    let group = group.map_err(|_| operation_failed("Failed to get EC_GROUP"))?;
    let form = args.i32(scope, 2)?;
    let converted = point_of(&group, &bytes)
        .ok_or_else(|| operation_failed("Failed to convert Buffer to EC_POINT"))?;
    let bytes = point_bytes(&group, &converted, form)
        .ok_or_else(|| operation_failed("Failed to get public key"))?;
    buffer(scope, bytes)
}
