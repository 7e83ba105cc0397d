//! The arguments of a call from JavaScript: [`Args`], with checked readings.
//!
//! Node's library calls its bindings with values it has already validated; the readings here still never trust them, because a
//! guest can reach a binding through `process.binding` and prototypes. A wrong type is `ERR_INVALID_ARG_TYPE`.

use std::rc::Rc;

use crate::glue::{Failure, Native, Object, Scope, Value, js_string_bytes, native_of};

/// The receiver and arguments of one call.
#[derive(Debug)]
pub(crate) struct Args<'s> {
    inner: v8::FunctionCallbackArguments<'s>,
    bound: Option<Value<'s>>,
}

impl<'s> Args<'s> {
    pub(super) const fn new(
        inner: v8::FunctionCallbackArguments<'s>,
        bound: Option<Value<'s>>,
    ) -> Self {
        Self { inner, bound }
    }

    /// What the function was made with, if by [`native_closure`](crate::glue::native_closure).
    pub(crate) const fn bound(&self) -> Option<Value<'s>> {
        self.bound
    }

    /// How many arguments were given.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.inner.length()).unwrap_or(0)
    }

    /// The argument, `undefined` past the end.
    pub(crate) fn get(&self, index: usize) -> Value<'s> {
        self.inner.get(i32::try_from(index).unwrap_or(i32::MAX))
    }

    /// The receiver.
    pub(crate) fn this(&self) -> Object<'s> {
        self.inner.this()
    }

    /// Whether `new` was used.
    pub(crate) fn is_construct_call(&self) -> bool {
        self.inner.is_construct_call()
    }

    /// Whether the argument is `undefined` or missing.
    pub(crate) fn is_undefined(&self, index: usize) -> bool {
        self.get(index).is_undefined()
    }

    /// The Rust object behind the receiver.
    ///
    /// # Errors
    /// `Illegal invocation` when the receiver is not one of ours, or of another class.
    pub(crate) fn native<T: Native>(&self, scope: &Scope<'s, '_>) -> Result<Rc<T>, Failure> {
        native_of::<T>(scope, self.this()).ok_or_else(Failure::illegal_invocation)
    }

    /// A string argument as Rust text (lone surrogates become U+FFFD).
    pub(crate) fn text(&self, scope: &Scope<'s, '_>, index: usize) -> Result<String, Failure> {
        Ok(self.string(index)?.to_rust_string_lossy(scope))
    }

    /// A string argument.
    pub(crate) fn string(&self, index: usize) -> Result<v8::Local<'s, v8::String>, Failure> {
        v8::Local::<v8::String>::try_from(self.get(index))
            .map_err(|_| wrong_type(index, "a string"))
    }

    /// A string, or bytes in a view, as bytes: how Node passes paths. NUL bytes are refused.
    pub(crate) fn path(&self, scope: &Scope<'s, '_>, index: usize) -> Result<Vec<u8>, Failure> {
        let value = self.get(index);
        let bytes = if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
            js_string_bytes(scope, string)
        } else {
            crate::glue::copy_bytes(value)
                .ok_or_else(|| wrong_type(index, "a string or an instance of Buffer"))?
        };
        if bytes.contains(&0) {
            return Err(Failure::type_error(
                "ERR_INVALID_ARG_VALUE",
                "The path must not contain null bytes",
            ));
        }
        Ok(bytes)
    }

    /// A number argument.
    pub(crate) fn f64(&self, index: usize) -> Result<f64, Failure> {
        v8::Local::<v8::Number>::try_from(self.get(index))
            .map(|number| number.value())
            .map_err(|_| wrong_type(index, "a number"))
    }

    /// An integer argument that fits, by ECMAScript's `ToInt32` on a number.
    pub(crate) fn i32(&self, scope: &Scope<'s, '_>, index: usize) -> Result<i32, Failure> {
        self.f64(index)?;
        self.get(index).int32_value(scope).ok_or(Failure::Pending)
    }

    /// An integer argument, by ECMAScript's `ToUint32` on a number.
    pub(crate) fn u32(&self, scope: &Scope<'s, '_>, index: usize) -> Result<u32, Failure> {
        self.f64(index)?;
        self.get(index).uint32_value(scope).ok_or(Failure::Pending)
    }

    /// A number or bigint as a 64-bit integer, saturating; anything else is an error.
    pub(crate) fn i64(&self, index: usize) -> Result<i64, Failure> {
        let value = self.get(index);
        if let Ok(big) = v8::Local::<v8::BigInt>::try_from(value) {
            return Ok(big.i64_value().0);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float to integer cast saturates, which is what is wanted"
        )]
        self.f64(index).map(|number| number as i64)
    }

    /// A size or index argument: a non-negative number.
    pub(crate) fn usize(&self, index: usize) -> Result<usize, Failure> {
        size_from(self.i64(index)?)
    }

    /// Truthiness, as `ToBoolean`.
    pub(crate) fn bool(&self, scope: &Scope<'s, '_>, index: usize) -> bool {
        self.get(index).boolean_value(scope)
    }

    /// An object argument (functions and arrays are objects too).
    pub(crate) fn object(&self, index: usize) -> Result<Object<'s>, Failure> {
        v8::Local::<v8::Object>::try_from(self.get(index))
            .map_err(|_| wrong_type(index, "an object"))
    }

    /// A function argument.
    pub(crate) fn function(&self, index: usize) -> Result<v8::Local<'s, v8::Function>, Failure> {
        v8::Local::<v8::Function>::try_from(self.get(index))
            .map_err(|_| wrong_type(index, "a function"))
    }

    /// An array argument.
    pub(crate) fn array(&self, index: usize) -> Result<v8::Local<'s, v8::Array>, Failure> {
        v8::Local::<v8::Array>::try_from(self.get(index)).map_err(|_| wrong_type(index, "an array"))
    }
}

fn size_from(number: i64) -> Result<usize, Failure> {
    usize::try_from(number).map_err(|_| {
        Failure::range_error(
            "ERR_OUT_OF_RANGE",
            "The value is out of range: it must be >= 0",
        )
    })
}

/// A size or index that came as a number, as [`Args::usize`] takes it.
///
/// # Errors
/// `ERR_OUT_OF_RANGE` when it is below 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float to integer cast saturates, which is what is wanted"
)]
pub(crate) fn size_of_number(number: f64) -> Result<usize, Failure> {
    size_from(number as i64)
}

/// What Node's error messages say a value is: `type string ('x')`, `undefined`, `an instance of Map`.
pub(crate) fn received(scope: &Scope<'_, '_>, value: Value<'_>) -> String {
    if value.is_null_or_undefined() {
        return value.to_rust_string_lossy(scope);
    }
    let kind = value.type_of(scope).to_rust_string_lossy(scope);
    if let Ok(function) = v8::Local::<v8::Function>::try_from(value) {
        return format!(
            "function {}",
            function.get_name(scope).to_rust_string_lossy(scope)
        );
    }
    if let Ok(object) = v8::Local::<v8::Object>::try_from(value) {
        return format!(
            "an instance of {}",
            object.get_constructor_name().to_rust_string_lossy(scope)
        );
    }
    let text = value
        .to_detail_string(scope)
        .map(|text| text.to_rust_string_lossy(scope))
        .unwrap_or_default();
    match kind.as_str() {
        "string" => {
            let short: String = text.chars().take(25).collect();
            let dots = if short.len() < text.len() { "..." } else { "" };
            format!("type string ('{short}'{dots})")
        }
        "bigint" => format!("type bigint ({text}n)"),
        _ => format!("type {kind} ({text})"),
    }
}

/// An integer argument within a range, with the errors Node's validators make.
///
/// # Errors
/// `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE`.
pub(crate) fn integer_within(
    scope: &Scope<'_, '_>,
    value: Value<'_>,
    name: &str,
    range: std::ops::RangeInclusive<i32>,
) -> Result<i32, Failure> {
    let Ok(number) = v8::Local::<v8::Number>::try_from(value) else {
        let received = received(scope, value);
        let message =
            format!("The \"{name}\" argument must be of type number. Received {received}");
        return Err(Failure::type_error("ERR_INVALID_ARG_TYPE", message));
    };
    let shown = value.to_rust_string_lossy(scope);
    let refuse = |wanted: &str| {
        let message = format!(
            "The value of \"{name}\" is out of range. It must be {wanted}. Received {shown}"
        );
        Failure::range_error("ERR_OUT_OF_RANGE", message)
    };
    let number = number.value();
    if number.fract() != 0.0 {
        return Err(refuse("an integer"));
    }
    let (low, high) = (*range.start(), *range.end());
    if number < f64::from(low) || number > f64::from(high) {
        return Err(refuse(&format!(">= {low} && <= {high}")));
    }
    value.int32_value(scope).ok_or(Failure::Pending)
}

fn wrong_type(index: usize, wanted: &str) -> Failure {
    Failure::type_error(
        "ERR_INVALID_ARG_TYPE",
        format!("Argument {index} of the native function must be {wanted}"),
    )
}
