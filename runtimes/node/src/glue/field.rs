//! A typed array that JavaScript and native code both read and write: [`Field`].
//!
//! Node shares its hot state this way (`tickInfo`, `immediateInfo`, `streamBaseState`, `statValues`…). The Rust side holds
//! the backing store, so it stays valid however the guest treats the array; a guest cannot detach it to hurt us, only itself.

use std::rc::Rc;

use crate::glue::{Scope, Value};
use crate::shapes::Element;

/// The Rust side of a shared typed array. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Field {
    store: Rc<v8::SharedRef<v8::BackingStore>>,
    offset: usize,
    element: Element,
    length: usize,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field({:?} × {})", self.element, self.length)
    }
}

impl Field {
    /// A new array of zeros but for `initial`.
    pub(crate) fn new(
        scope: &Scope<'_, '_>,
        element: Element,
        length: usize,
        initial: &[(usize, f64)],
    ) -> Self {
        let store = crate::glue::buffer::backing_store(scope, vec![0; length * element.size()]);
        let field = Self {
            store: Rc::new(store),
            offset: 0,
            element,
            length,
        };
        for (index, value) in initial {
            field.set(*index, *value);
        }
        field
    }

    /// The Rust side of an array that exists already (after a snapshot was restored).
    pub(crate) fn of_view(view: v8::Local<'_, v8::TypedArray>) -> Option<Self> {
        let element = if view.is_uint8_array() {
            Element::Uint8
        } else if view.is_int32_array() {
            Element::Int32
        } else if view.is_uint32_array() {
            Element::Uint32
        } else if view.is_float64_array() {
            Element::Float64
        } else if view.is_big_int64_array() {
            Element::BigInt64
        } else {
            return None;
        };
        Some(Self {
            store: Rc::new(view.get_backing_store()?),
            offset: view.byte_offset(),
            element,
            length: view.length(),
        })
    }

    /// The JavaScript side.
    pub(crate) fn view<'s>(&self, scope: &Scope<'s, '_>) -> Value<'s> {
        let buffer = v8::ArrayBuffer::with_backing_store(scope, &self.store);
        let (offset, length) = (self.offset, self.length);
        let view: Option<Value<'s>> = match self.element {
            Element::Uint8 => v8::Uint8Array::new(scope, buffer, offset, length).map(Into::into),
            Element::Int32 => v8::Int32Array::new(scope, buffer, offset, length).map(Into::into),
            Element::Uint32 => v8::Uint32Array::new(scope, buffer, offset, length).map(Into::into),
            Element::Float64 => {
                v8::Float64Array::new(scope, buffer, offset, length).map(Into::into)
            }
            Element::BigInt64 => {
                v8::BigInt64Array::new(scope, buffer, offset, length).map(Into::into)
            }
        };
        view.unwrap_or_else(|| v8::undefined(scope).into())
    }

    /// How many elements there are.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    fn bytes<const N: usize>(&self, index: usize) -> Option<&[std::cell::Cell<u8>; N]> {
        let start = self.offset + index.checked_mul(N)?;
        self.store
            .get(start..start.checked_add(N)?)?
            .try_into()
            .ok()
    }

    fn read<const N: usize>(&self, index: usize) -> [u8; N] {
        self.bytes::<N>(index)
            .map_or([0; N], |cells| std::array::from_fn(|at| cells[at].get()))
    }

    fn write<const N: usize>(&self, index: usize, value: [u8; N]) {
        if let Some(cells) = self.bytes::<N>(index) {
            for (cell, byte) in cells.iter().zip(value) {
                cell.set(byte);
            }
        }
    }

    /// The element as a number; 0 past the end.
    pub(crate) fn get(&self, index: usize) -> f64 {
        match self.element {
            Element::Uint8 => f64::from(self.read::<1>(index)[0]),
            Element::Int32 => f64::from(i32::from_ne_bytes(self.read(index))),
            Element::Uint32 => f64::from(u32::from_ne_bytes(self.read(index))),
            Element::Float64 => f64::from_ne_bytes(self.read(index)),
            #[expect(
                clippy::cast_precision_loss,
                reason = "callers that need every bit use get_i64"
            )]
            Element::BigInt64 => i64::from_ne_bytes(self.read(index)) as f64,
        }
    }

    /// Writes a number, converted as the element's type demands (saturating).
    pub(crate) fn set(&self, index: usize, value: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, which is the conversion wanted"
        )]
        match self.element {
            Element::Uint8 => self.write(index, [value as u8]),
            Element::Int32 => self.write(index, (value as i32).to_ne_bytes()),
            Element::Uint32 => self.write(index, (value as u32).to_ne_bytes()),
            Element::Float64 => self.write(index, value.to_ne_bytes()),
            Element::BigInt64 => self.write(index, (value as i64).to_ne_bytes()),
        }
    }

    /// Writes a 64-bit integer to a `BigInt64Array`; to the others as a number.
    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers in JavaScript are doubles"
    )]
    pub(crate) fn set_i64(&self, index: usize, value: i64) {
        match self.element {
            Element::BigInt64 => self.write(index, value.to_ne_bytes()),
            _ => self.set(index, value as f64),
        }
    }

    /// Adds to an element.
    pub(crate) fn add(&self, index: usize, by: f64) {
        self.set(index, self.get(index) + by);
    }
}
