//! Fast API calls: what V8's optimising compiler calls straight from compiled JavaScript, with the arguments in registers.
//!
//! A [`FastCall`] stands beside the ordinary function of a binding (`Binding::function(..).fast(&CALL)`) and must do the same.
//! V8 takes the ordinary one whenever the number of arguments differs, a `text` argument is not a flat one-byte string, or the
//! caller is not optimised.
//!
//! What a fast function must not do (V8 15.2, `compiler/fast-api-calls.cc`):
//!
//! * run JavaScript;
//! * allocate on V8's heap, if it returns a value: a collection may mark the caller for deoptimisation, and V8 ends the *host process*
//!   when such a caller gets a value back (crbug.com/418936518). Failing is allowed: with an exception V8 unwinds before it
//!   deoptimises. A function that returns nothing may allocate. Asking a small typed array for its buffer allocates, so
//!   functions that write into arrays return nothing; those that read use `with_bytes`, which copies such small contents.
//!
//! A `text` argument is V8's own memory, which a collection moves: copy it before anything that may allocate.
//!
//! [`FastContext`] therefore lends the isolate's state only, no scope. A snapshot refers to a fast call by the address of its
//! `CFunction`, so each lives in one `static`.

use std::rc::Rc;

use v8::fast_api::{CFunction, FastApiCallbackOptions};

use crate::environment::Environment;
use crate::glue::{Failure, Scope};

/// The fast variants of one function, which differ in the number of arguments. Made by [`fast_call!`] only.
pub(crate) struct FastCall {
    functions: &'static [CFunction],
}

impl std::fmt::Debug for FastCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FastCall({} variants)", self.functions.len())
    }
}

// SAFETY: the functions are code and constant descriptions of their types; nothing is ever written.
unsafe impl Sync for FastCall {}

impl FastCall {
    pub(crate) const fn new(functions: &'static [CFunction]) -> Self {
        Self { functions }
    }

    pub(super) const fn functions(&self) -> &'static [CFunction] {
        self.functions
    }
}

/// What a fast function gets besides its arguments.
#[derive(Clone, Copy)]
pub(crate) struct FastContext<'a> {
    options: &'a FastApiCallbackOptions<'a>,
}

impl<'a> FastContext<'a> {
    pub(crate) const fn new(options: &'a FastApiCallbackOptions<'a>) -> Self {
        Self { options }
    }

    /// The state of the isolate.
    pub(crate) fn env(&self) -> Rc<Environment> {
        // SAFETY: V8 fills the options with the isolate that runs on this thread, for the time of the call.
        let isolate = unsafe { self.options.isolate_unchecked() };
        Rc::clone(
            isolate
                .get_slot::<Rc<Environment>>()
                .expect("every isolate of ours carries its environment"),
        )
    }

    /// Counts the call, for those who want to see that it is taken.
    #[cfg(debug_assertions)]
    pub(crate) fn count(&self, name: &'static str) {
        let counts = self.env().state::<Counts>();
        *counts.0.borrow_mut().entry(name).or_default() += 1;
    }

    /// Throws the failure as the ordinary function would, and gives V8 something to ignore.
    pub(crate) fn finish<T: Default>(&self, outcome: Result<T, Failure>) -> T {
        outcome.unwrap_or_else(|failure| {
            self.throw(failure);
            T::default()
        })
    }

    /// Does something that needs a scope. Only what fails may allocate there, unless the fast function returns nothing.
    pub(crate) fn with_scope<R>(&self, body: impl FnOnce(&mut Scope<'_, '_>) -> R) -> R {
        // SAFETY: the options are those of the call under way, so its isolate is entered and has a context.
        let storage = unsafe { v8::CallbackScope::new(self.options) };
        let storage = std::pin::pin!(storage);
        let scope = &mut storage.init();
        body(scope)
    }

    #[cold]
    fn throw(&self, failure: Failure) {
        self.with_scope(|scope| failure.throw(scope));
    }
}

/// How often each fast call was taken.
#[cfg(debug_assertions)]
#[derive(Default)]
struct Counts(std::cell::RefCell<std::collections::HashMap<&'static str, u32>>);

/// How often the fast call of this Rust function was taken.
#[cfg(debug_assertions)]
pub(crate) fn fast_calls(scope: &Scope<'_, '_>, name: &str) -> u32 {
    use crate::glue::ScopeExt;
    let counts = scope.env().state::<Counts>();
    counts.0.borrow().get(name).copied().unwrap_or_default()
}

/// Declares a [`FastCall`]: `fast_call!(COMPARE: compare(value, value) -> i32)`, with more variants after a comma.
///
/// Arguments are `value` ([`Value`](crate::glue::Value)), `text` (`&[u8]` in Latin-1), `f64` and `bool`; results `void`, `bool`, `i32`, `u32` and
/// `f64`. The function is `fn(FastContext<'_>, ..) -> Result<_, Failure>`.
macro_rules! fast_call {
    ($name:ident: $($function:ident$(::<$size:literal>)? ( $($kind:ident),* ) -> $result:ident),+ $(,)?) => {
        pub(super) static $name: $crate::glue::FastCall = $crate::glue::FastCall::new(&[
            $($crate::glue::fast::variant!(($function$(::<$size>)?) [a b c d e f] [] $($kind)* => $result)),+
        ]);
    };
}

/// One variant: gives each argument a name, then writes the C function and its description.
macro_rules! variant {
    (($($function:tt)+) [$next:ident $($free:ident)*] [$($done:tt)*] $kind:ident $($rest:ident)* => $result:ident) => {
        $crate::glue::fast::variant!(($($function)+) [$($free)*] [$($done)* ($next $kind)] $($rest)* => $result)
    };
    (($($function:tt)+) [$($free:ident)*] [$(($argument:ident $kind:ident))*] => $result:ident) => {{
        extern "C" fn entry(
            _receiver: v8::Local<'_, v8::Value>,
            $($argument: $crate::glue::fast::raw!($kind),)*
            options: &v8::fast_api::FastApiCallbackOptions<'_>,
        ) -> $crate::glue::fast::result!($result) {
            let context = $crate::glue::FastContext::new(options);
            #[cfg(debug_assertions)]
            context.count(stringify!($($function)+));
            context.finish($($function)+(context, $($crate::glue::fast::argument!($kind $argument)),*))
        }
        v8::fast_api::CFunction::new(
            entry as *const std::ffi::c_void,
            const {
                &v8::fast_api::CFunctionInfo::new(
                    $crate::glue::fast::kind!($result),
                    const {
                        &[
                            v8::fast_api::Type::V8Value.as_info(),
                            $($crate::glue::fast::kind!($kind),)*
                            v8::fast_api::Type::CallbackOptions.as_info(),
                        ]
                    },
                    v8::fast_api::Int64Representation::Number,
                )
            },
        )
    }};
}

/// An argument as V8 passes it.
macro_rules! raw {
    (value) => { v8::Local<'_, v8::Value> };
    (text) => { &v8::fast_api::FastApiOneByteString };
    ($number:ident) => { $number };
}

/// An argument as our function takes it.
macro_rules! argument {
    (text $argument:ident) => {
        $argument.as_bytes()
    };
    ($kind:ident $argument:ident) => {
        $argument
    };
}

/// What is returned.
macro_rules! result {
    (void) => {
        ()
    };
    ($number:ident) => {
        $number
    };
}

/// V8's name of a type.
macro_rules! kind {
    (value) => {
        v8::fast_api::Type::V8Value.as_info()
    };
    (text) => {
        v8::fast_api::Type::SeqOneByteString.as_info()
    };
    (f64) => {
        v8::fast_api::Type::Float64.as_info()
    };
    (bool) => {
        v8::fast_api::Type::Bool.as_info()
    };
    (i32) => {
        v8::fast_api::Type::Int32.as_info()
    };
    (u32) => {
        v8::fast_api::Type::Uint32.as_info()
    };
    (void) => {
        v8::fast_api::Type::Void.as_info()
    };
}

pub(crate) use {argument, fast_call, kind, raw, result, variant};
