//! How a file call answers: [`answer`].
//!
//! By the value in the request's place: `undefined` returns or throws at once; the symbol `kUsePromises` gives a promise; an
//! `FSReqCallback` gets `oncomplete(err, value)`. The last two answer in the loop's next turn, in order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use cenote_abi::fs::{Stat, StatFs};

use crate::bindings::async_wrap;
use crate::event_loop::after_callback;
use crate::event_loop::handles::{AsyncInfo, finish_request};
use crate::glue::{
    Args, BindingResult, Failure, Object, Return, Scope, ScopeExt, Value, new_node_buffer,
};

use super::stat;

/// How names and paths are shown to JavaScript.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Encoding {
    #[default]
    Utf8,
    Buffer,
    /// Any other that `Buffer` knows, by its name.
    Named(String),
}

impl Encoding {
    /// Reads the `encoding` argument; anything that is no string is UTF-8.
    pub(crate) fn of(scope: &Scope<'_, '_>, value: Value<'_>) -> Self {
        if !value.is_string() {
            return Self::Utf8;
        }
        match value
            .to_rust_string_lossy(scope)
            .to_ascii_lowercase()
            .as_str()
        {
            "utf8" | "utf-8" => Self::Utf8,
            "buffer" => Self::Buffer,
            other => Self::Named(other.to_owned()),
        }
    }

    /// A name in this encoding.
    pub(crate) fn show<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        bytes: Vec<u8>,
    ) -> Result<Value<'s>, Failure> {
        match self {
            Self::Utf8 => Ok(scope.utf8(&bytes).into()),
            Self::Buffer => Ok(new_node_buffer(scope, bytes)
                .ok_or(Failure::Pending)?
                .into()),
            Self::Named(name) => {
                // `Buffer.prototype.toString(encoding)` knows them all.
                let buffer = new_node_buffer(scope, bytes).ok_or(Failure::Pending)?;
                let to_string = scope.get_property(buffer.into(), "toString")?;
                let to_string =
                    v8::Local::<v8::Function>::try_from(to_string).map_err(|_| Failure::Pending)?;
                let name = scope.text(name);
                scope.call(to_string, buffer.into(), &[name.into()])
            }
        }
    }
}

/// What a call found out.
#[derive(Debug)]
pub(crate) enum Answer {
    Nothing,
    Number(f64),
    /// A name or path.
    Bytes(Vec<u8>, Encoding),
    /// Names of a directory.
    Names(Vec<Vec<u8>>, Encoding),
    /// Names, and their types as libuv numbers them.
    Entries(Vec<(Vec<u8>, i32)>, Encoding),
    Stat(Box<Stat>, bool),
    StatFs(Box<StatFs>, bool),
    /// A descriptor that becomes a `FileHandle`.
    FileHandle(i32),
    /// Names and types by turns, as `DirHandle.read` gives them.
    Pairs(Vec<(Vec<u8>, i32)>, Encoding),
    Null,
    Value(v8::Global<v8::Value>),
}

impl Answer {
    pub(crate) fn into_value<'s>(
        self,
        scope: &mut Scope<'s, '_>,
        is_sync: bool,
    ) -> Result<Value<'s>, Failure> {
        Ok(match self {
            Self::Nothing => scope.undefined(),
            Self::Number(number) => scope.number(number),
            Self::Bytes(bytes, encoding) => encoding.show(scope, bytes)?,
            Self::Names(names, encoding) => {
                let names = names
                    .into_iter()
                    .map(|name| encoding.show(scope, name))
                    .collect::<Result<Vec<_>, _>>()?;
                scope.array(&names).into()
            }
            Self::Entries(entries, encoding) => {
                let mut names = Vec::with_capacity(entries.len());
                let mut types: Vec<Value<'s>> = Vec::with_capacity(entries.len());
                for (name, file_type) in entries {
                    names.push(encoding.show(scope, name)?);
                    types.push(v8::Integer::new(scope, file_type).into());
                }
                let (names, types) = (scope.array(&names), scope.array(&types));
                scope.array(&[names.into(), types.into()]).into()
            }
            Self::Stat(stat, big) => stat::to_array(scope, &stat, big, is_sync)?,
            Self::StatFs(stat, big) => stat::fs_to_array(scope, &stat, big, is_sync)?,
            Self::Pairs(pairs, encoding) => {
                let mut flat: Vec<Value<'s>> = Vec::with_capacity(pairs.len() * 2);
                for (name, file_type) in pairs {
                    flat.push(encoding.show(scope, name)?);
                    flat.push(v8::Integer::new(scope, file_type).into());
                }
                scope.array(&flat).into()
            }
            Self::Null => scope.null(),
            Self::Value(value) => v8::Local::new(scope, &value),
            Self::FileHandle(fd) => super::file_handle::new_file_handle(scope, fd)?.into(),
        })
    }
}

/// The calls that wait for their answer: what `process._getActiveRequests()` and `process.getActiveResourcesInfo()` show.
#[derive(Default)]
pub(crate) struct Unanswered {
    requests: RefCell<BTreeMap<u64, v8::Global<v8::Object>>>,
    next: Cell<u64>,
    promises: Cell<usize>,
}

impl Unanswered {
    /// The request objects, oldest first.
    pub(crate) fn requests<'s>(&self, scope: &Scope<'s, '_>) -> Vec<Object<'s>> {
        let requests = self.requests.borrow();
        let requests = requests.values();
        requests
            .map(|request| v8::Local::new(scope, request))
            .collect()
    }

    /// How many calls will settle a promise.
    pub(crate) fn promises(&self) -> usize {
        self.promises.get()
    }

    fn add(&self, request: v8::Global<v8::Object>) -> u64 {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        self.requests.borrow_mut().insert(number, request);
        number
    }

    fn take(&self, number: u64) -> Option<v8::Global<v8::Object>> {
        self.requests.borrow_mut().remove(&number)
    }
}

/// To whom an answer goes.
pub(super) enum Asker {
    /// To the caller.
    Caller,
    /// To a promise; with its async ids, when somebody follows those.
    Promise(v8::Global<v8::PromiseResolver>, Option<AsyncInfo>),
    /// To a request's `oncomplete`.
    Request(u64),
}

impl Asker {
    /// Reads the argument in the request's place. A promise, where one is wanted, is the second value: to be returned.
    pub(super) fn of<'s>(
        scope: &mut Scope<'s, '_>,
        value: Value<'s>,
    ) -> Result<(Self, Return<'s>), Failure> {
        if value.is_undefined() {
            return Ok((Self::Caller, Return::Undefined));
        }
        if value.is_symbol() {
            return Self::promise(scope, "FSREQPROMISE");
        }
        let waiting = scope.env().state::<Unanswered>();
        match v8::Local::<v8::Object>::try_from(value) {
            Ok(request) => Ok((
                Self::Request(waiting.add(v8::Global::new(scope, request))),
                Return::Undefined,
            )),
            Err(_) => Ok((Self::Caller, Return::Undefined)),
        }
    }

    /// A promise, which is the second value; to those who follow async operations it is one of this kind.
    pub(super) fn promise<'s>(
        scope: &mut Scope<'s, '_>,
        provider: &'static str,
    ) -> Result<(Self, Return<'s>), Failure> {
        let waiting = scope.env().state::<Unanswered>();
        let resolver = v8::PromiseResolver::new(scope).ok_or(Failure::Pending)?;
        let promise = resolver.get_promise(scope);
        let info = async_wrap::is_followed(scope).then(|| {
            let resource = scope.object();
            AsyncInfo::new(scope, resource, provider)
        });
        waiting.promises.set(waiting.promises.get() + 1);
        let resolver = v8::Global::new(scope, resolver);
        Ok((Self::Promise(resolver, info), promise.into()))
    }

    pub(super) fn is_caller(&self) -> bool {
        matches!(self, Self::Caller)
    }

    /// Answers in the loop's next turn. [`Caller`](Self::Caller) must have been served before.
    pub(super) fn answer_later(self, scope: &Scope<'_, '_>, outcome: Result<Answer, Failure>) {
        let env = scope.env();
        // A completion that is queued keeps the loop alive.
        env.event_loop()
            .complete_work(move |scope| self.answer_now(scope, outcome));
    }

    /// Answers from the loop.
    pub(super) fn answer_now(self, scope: &mut Scope<'_, '_>, outcome: Result<Answer, Failure>) {
        let outcome = outcome.and_then(|answer| answer.into_value(scope, false));
        let waiting = scope.env().state::<Unanswered>();
        match self {
            Self::Caller => {}
            Self::Promise(resolver, info) => {
                waiting
                    .promises
                    .set(waiting.promises.get().saturating_sub(1));
                let resolver = v8::Local::new(scope, &resolver);
                // `None` only while the program is being ended.
                let _settled = match outcome {
                    Ok(value) => resolver.resolve(scope, value),
                    Err(failure) => failure
                        .to_exception(scope)
                        .and_then(|error| resolver.reject(scope, error)),
                };
                if let Some(info) = info {
                    info.destroy(scope);
                }
                after_callback(scope);
            }
            Self::Request(number) => {
                let Some(request) = waiting.take(number) else {
                    return;
                };
                let request = v8::Local::new(scope, &request);
                match outcome {
                    // As `FSReqAfterScope`: no value, no second argument.
                    Ok(value) if value.is_undefined() => {
                        let null = scope.null();
                        finish_request(scope, request, "oncomplete", &[null]);
                    }
                    Ok(value) => {
                        let null = scope.null();
                        finish_request(scope, request, "oncomplete", &[null, value]);
                    }
                    Err(failure) => {
                        if let Some(error) = failure.to_exception(scope) {
                            finish_request(scope, request, "oncomplete", &[error]);
                        }
                    }
                }
            }
        }
    }
}

/// Gives the outcome of a call that is done to whoever argument `index` says.
pub(crate) fn answer<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    index: usize,
    outcome: Result<Answer, Failure>,
) -> BindingResult<'s> {
    let (asker, returned) = Asker::of(scope, args.get(index))?;
    if asker.is_caller() {
        return Ok(outcome?.into_value(scope, true)?.into());
    }
    asker.answer_later(scope, outcome);
    Ok(returned)
}

/// Where synchronous writing reports its error instead of throwing: the `ctx` object.
pub(super) fn report_in_context<'s>(
    scope: &mut Scope<'s, '_>,
    context: Value<'s>,
    failure: Failure,
) -> BindingResult<'s> {
    let Ok(context) = v8::Local::<v8::Object>::try_from(context) else {
        return Err(failure);
    };
    let Some(error) = failure.to_exception(scope) else {
        return Err(Failure::Pending);
    };
    let Ok(error) = v8::Local::<v8::Object>::try_from(error) else {
        return Err(Failure::Pending);
    };
    for key in ["errno", "code", "syscall"] {
        let value = scope.get_property(error, key)?;
        scope.set(context, key, value);
    }
    // `handleErrorFromBinding` rethrows this one as it is.
    scope.set(context, "error", error.into());
    Ok(Return::Undefined)
}
