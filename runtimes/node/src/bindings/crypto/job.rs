//! Jobs: `new XxxJob(mode, …).run()`, the way Node does everything in crypto that may take long.
//!
//! A job's constructor reads its arguments and calls [`attach_job`] with the work (which runs on any thread and knows no
//! JavaScript) and what makes a value of the outcome (which runs on the process's thread). By its mode a job answers at once
//! (`[error, result]`), calls `ondone(error, result)` later, or gives a promise (Web Crypto: rejected with an `OperationError`
//! whose cause is the error). Node: `CryptoJob` in `src/crypto/crypto_util.h`.
//!
//! At most [`THREADS`] jobs of a process run at once, as in libuv's pool; threads end when there is nothing left to do.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use super::errors::{self, JobError};
use super::input;
use crate::event_loop::after_callback;
use crate::event_loop::handles::{ASYNC_WRAP, AsyncInfo, finish_request};
use crate::glue::{
    Args, BindingResult, Charge, Class, Failure, Native, NativeFn, Object, Scope, ScopeExt, Value,
    attach, new_array_buffer, with_bytes,
};
use crate::processor::Meter;
use crate::thread_pool::{Span, TracedWork};

/// How many jobs of one process run at once.
const THREADS: usize = 4;

type Outcome = Result<Box<dyn Any + Send>, JobError>;
type Work = Box<dyn FnOnce() -> Outcome + Send>;

/// Asked now and then by work that may take long: whether its process still wants it.
#[derive(Clone)]
pub(crate) struct Wanted(Arc<cenote_kernel::Task>);

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wanted")
    }
}

impl Wanted {
    /// For work of this process.
    pub(crate) fn new(scope: &Scope<'_, '_>) -> Self {
        Self(Arc::clone(scope.env().task()))
    }

    /// Whether to go on.
    pub(crate) fn go_on(&self) -> bool {
        !self.0.must_end()
    }
}
type Finish = Box<
    dyn for<'s, 'i> FnOnce(&mut Scope<'s, 'i>, Box<dyn Any + Send>) -> Result<Value<'s>, Failure>,
>;

/// How a job reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// `ondone(error, result)`, later.
    Async,
    /// `run()` returns `[error, result]`.
    Sync,
    /// `run()` returns a promise.
    WebCrypto,
}

/// A job behind its JavaScript object.
struct Job {
    info: AsyncInfo,
    mode: Mode,
    prepared: RefCell<Option<Prepared>>,
}

/// A job that has not run.
struct Prepared {
    work: Work,
    finish: Finish,
    /// What its copies of the arguments and its result cost, until it has answered.
    charge: Charge,
}

impl Native for Job {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }
}

/// The class of a job: `run()` over the constructor, which must call [`attach_job`].
pub(super) const fn job_class(name: &'static str, constructor: NativeFn) -> Class {
    Class::new(name, constructor)
        .extends(&ASYNC_WRAP)
        .method("run", run)
}

/// The mode a job is constructed with: the first argument of every constructor.
///
/// # Errors
/// `ERR_INVALID_ARG_VALUE` for another number.
pub(crate) fn mode_of<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Mode, Failure> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor cannot be invoked without `new`",
        ));
    }
    match args.i32(scope, 0)? {
        0 => Ok(Mode::Async),
        1 => Ok(Mode::Sync),
        2 => Ok(Mode::WebCrypto),
        _ => Err(Failure::type_error(
            "ERR_INVALID_ARG_VALUE",
            "Invalid crypto job mode",
        )),
    }
}

/// Puts a job behind the object under construction. `provider` is a name of `async_wrap.Providers`.
///
/// `work` runs once, maybe on another thread, with an empty OpenSSL error queue; `finish` makes the result of what it returns.
pub(crate) fn attach_job<'s, T: Send + 'static>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    provider: &'static str,
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    finish: impl for<'a, 'i> FnOnce(&mut Scope<'a, 'i>, T) -> Result<Value<'a>, Failure> + 'static,
) -> BindingResult<'s> {
    attach_sized_job(scope, args, provider, 0, work, finish)
}

/// [`attach_job`] with a result of a size that the guest chose.
pub(crate) fn attach_sized_job<'s, T: Send + 'static>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
    provider: &'static str,
    result_len: usize,
    work: impl FnOnce() -> Result<T, JobError> + Send + 'static,
    finish: impl for<'a, 'i> FnOnce(&mut Scope<'a, 'i>, T) -> Result<Value<'a>, Failure> + 'static,
) -> BindingResult<'s> {
    let mode = mode_of(scope, args)?;
    // Copies of arguments are not counted for what runs at once: it is over before the guest can ask for more.
    let size = match mode {
        Mode::Sync => result_len,
        Mode::Async | Mode::WebCrypto => args_len(args).saturating_add(result_len),
    };
    let charge = input::room(scope, size)?;
    let this = args.this();
    let work: Work = Box::new(move || work().map(|done| Box::new(done) as Box<dyn Any + Send>));
    let finish: Finish = Box::new(move |scope, done| match done.downcast::<T>() {
        Ok(done) => finish(scope, *done),
        Err(_) => Err(Failure::error(
            "ERR_INTERNAL_ASSERTION",
            "not this job's result",
        )),
    });
    let info = AsyncInfo::new(scope, this, provider);
    let job = Job {
        info,
        mode,
        prepared: RefCell::new(Some(Prepared {
            work,
            finish,
            charge,
        })),
    };
    attach(scope, this, Rc::new(job));
    Ok(().into())
}

/// What the copies of a job's arguments take, and a little for the job itself.
fn args_len(args: &Args<'_>) -> usize {
    const OVERHEAD: usize = 512;
    (0..args.len())
        .map(|index| {
            let value = args.get(index);
            if let Ok(string) = v8::Local::<v8::String>::try_from(value) {
                string.length()
            } else {
                with_bytes(value, <[u8]>::len).unwrap_or(0)
            }
        })
        .fold(OVERHEAD, usize::saturating_add)
}

/// A `finish` for bytes: an `ArrayBuffer`.
pub(crate) fn array_buffer<'s>(
    scope: &mut Scope<'s, '_>,
    bytes: Vec<u8>,
) -> Result<Value<'s>, Failure> {
    Ok(new_array_buffer(scope, bytes).into())
}

/// A `finish` for a yes or no.
pub(crate) fn boolean<'s>(scope: &mut Scope<'s, '_>, answer: bool) -> Result<Value<'s>, Failure> {
    Ok(scope.boolean(answer))
}

/// Runs the work with a clean error queue before and after it.
fn perform(work: Work) -> Outcome {
    errors::clear();
    let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!(target: "cenote::node", "a crypto job panicked");
        Err(JobError::named("Operation failed"))
    });
    errors::clear();
    outcome
}

/// The error and the result JavaScript gets; `Err` when making the result threw.
fn settle<'s>(
    scope: &mut Scope<'s, '_>,
    outcome: Outcome,
    finish: Finish,
    mode: Mode,
) -> Result<Result<Value<'s>, Value<'s>>, Failure> {
    match outcome {
        Ok(done) => finish(scope, done).map(Ok),
        Err(error) if mode == Mode::Sync => {
            let error = error.to_sync_exception(scope).ok_or(Failure::Pending)?;
            Ok(Err(error.into()))
        }
        Err(error) => Ok(Err(error.to_exception(scope).into())),
    }
}

/// `job.run()`.
fn run<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let job = args.native::<Job>(scope)?;
    let Some(prepared) = job.prepared.borrow_mut().take() else {
        return Err(Failure::error(
            "ERR_INVALID_STATE",
            "The job has been run already",
        ));
    };
    match job.mode {
        Mode::Sync => {
            let undefined = scope.undefined();
            let pair = match settle(scope, perform(prepared.work), prepared.finish, Mode::Sync)? {
                Ok(result) => [undefined, result],
                Err(error) => [error, undefined],
            };
            Ok(scope.array(&pair).into())
        }
        Mode::Async => {
            start(scope, args.this(), prepared, None);
            Ok(().into())
        }
        Mode::WebCrypto => {
            let resolver = v8::PromiseResolver::new(scope).ok_or(Failure::Pending)?;
            let promise = resolver.get_promise(scope);
            let resolver = v8::Global::new(scope, resolver);
            start(scope, args.this(), prepared, Some(resolver));
            Ok(promise.into())
        }
    }
}

/// What the answer of a job needs, kept on the process's thread.
struct Waiting {
    object: v8::Global<v8::Object>,
    finish: Finish,
    resolver: Option<v8::Global<v8::PromiseResolver>>,
    traced: TracedWork,
    _charge: Charge,
}

/// The jobs of an isolate that are under way.
#[derive(Default)]
struct Jobs {
    waiting: RefCell<HashMap<u64, Waiting>>,
    next: Cell<u64>,
    pool: Arc<Pool>,
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.pool.lock().queue.clear();
    }
}

/// The threads of an isolate's jobs.
#[derive(Default)]
struct Pool {
    state: Mutex<PoolState>,
}

#[derive(Default)]
struct PoolState {
    queue: VecDeque<Box<dyn FnOnce() + Send>>,
    threads: usize,
}

impl Pool {
    fn lock(&self) -> std::sync::MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `task` on a thread, when one is free.
    fn submit(self: &Arc<Self>, meter: Option<&Arc<Meter>>, task: Box<dyn FnOnce() + Send>) {
        let mut state = self.lock();
        state.queue.push_back(task);
        if state.threads >= THREADS {
            return;
        }
        state.threads += 1;
        drop(state);
        let pool = Arc::clone(self);
        let meter = meter.map(Arc::clone);
        let spawned = std::thread::Builder::new()
            .name("cenote-crypto".into())
            .spawn(move || {
                let _measured = meter.as_ref().and_then(Meter::measure);
                pool.serve();
            });
        if let Err(error) = spawned {
            tracing::warn!(target: "cenote::node", %error, "no thread for a crypto job");
            self.lock().threads -= 1;
            if self.lock().threads == 0 {
                // Nobody else will: do it here, late rather than never.
                self.lock().threads += 1;
                self.serve();
            }
        }
    }

    fn serve(&self) {
        loop {
            let mut state = self.lock();
            let Some(task) = state.queue.pop_front() else {
                state.threads -= 1;
                return;
            };
            drop(state);
            task();
        }
    }
}

fn start<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    prepared: Prepared,
    resolver: Option<v8::Global<v8::PromiseResolver>>,
) {
    let Prepared {
        work,
        finish,
        charge,
    } = prepared;
    let env = scope.env();
    env.natives().keep(scope, object);
    env.event_loop().begin_request();
    let jobs = env.state::<Jobs>();
    let number = jobs.next.get();
    jobs.next.set(number + 1);
    let (work, traced) = TracedWork::begin(&env, "crypto", move || perform(work));
    let waiting = Waiting {
        object: v8::Global::new(scope, object),
        finish,
        resolver,
        traced,
        _charge: charge,
    };
    jobs.waiting.borrow_mut().insert(number, waiting);
    let remote = env.event_loop().io().remote();
    let work = Box::new(move || {
        let (outcome, span) = work();
        remote.send(move |scope| done(scope, number, outcome, span));
    });
    jobs.pool.submit(env.threads().meter.get(), work);
}

/// On the process's thread again: gives the answer.
fn done(scope: &mut Scope<'_, '_>, number: u64, outcome: Outcome, span: Span) {
    let env = scope.env();
    let jobs = env.state::<Jobs>();
    let Some(waiting) = jobs.waiting.borrow_mut().remove(&number) else {
        return;
    };
    env.event_loop().end_request();
    waiting.traced.end(&env, span);
    let object = v8::Local::new(scope, &waiting.object);
    env.natives().release(scope, object);
    let settled = caught(scope, |scope| {
        settle(scope, outcome, waiting.finish, Mode::Async)
    });
    match waiting.resolver {
        Some(resolver) => {
            let resolver = v8::Local::new(scope, &resolver);
            settle_promise(scope, resolver, settled);
            after_callback(scope);
        }
        None => {
            let undefined = scope.undefined();
            match settled {
                Ok(result) => {
                    finish_request(scope, object, "ondone", &[undefined, result]);
                }
                Err(error) => finish_request(scope, object, "ondone", &[error, undefined]),
            }
        }
    }
}

/// Runs `body`; what it throws is an error like any other.
fn caught<'s>(
    scope: &mut Scope<'s, '_>,
    body: impl FnOnce(&mut Scope<'s, '_>) -> Result<Result<Value<'s>, Value<'s>>, Failure>,
) -> Result<Value<'s>, Value<'s>> {
    v8::tc_scope!(let catch, scope);
    match body(catch) {
        Ok(settled) => settled,
        Err(failure) => Err(failure
            .to_exception(catch)
            .or_else(|| catch.exception())
            .unwrap_or_else(|| v8::undefined(catch).into())),
    }
}

/// Resolves or rejects as Web Crypto does. An inherited `then` of the result is shadowed meanwhile, or resolving would call it.
fn settle_promise<'s>(
    scope: &mut Scope<'s, '_>,
    resolver: v8::Local<'s, v8::PromiseResolver>,
    settled: Result<Value<'s>, Value<'s>>,
) {
    v8::tc_scope!(let catch, scope);
    let _settled = match settled {
        Ok(result) => {
            let shadowed = shadow_then(catch, result);
            let resolved = resolver.resolve(catch, result);
            if let Some(object) = shadowed {
                object.delete(catch, catch.name("then").into());
            }
            resolved
        }
        Err(cause) => {
            let error = operation_error(catch, cause).unwrap_or(cause);
            resolver.reject(catch, error)
        }
    };
}

fn shadow_then<'s>(scope: &Scope<'s, '_>, result: Value<'s>) -> Option<Object<'s>> {
    if result.is_promise() {
        return None;
    }
    let object = v8::Local::<v8::Object>::try_from(result).ok()?;
    let then = scope.name("then");
    if object.has_own_property(scope, then.into())? {
        return None;
    }
    object.create_data_property(scope, then.into(), scope.undefined())?;
    Some(object)
}

/// `new DOMException(text, { name: 'OperationError', cause })`.
pub(crate) fn operation_error<'s>(
    scope: &mut Scope<'s, '_>,
    cause: Value<'s>,
) -> Option<Value<'s>> {
    const TEXT: &str = "The operation failed for an operation-specific reason";
    let env = scope.env();
    let exports = env.stored(scope, crate::environment::Stored::PerContextExports)?;
    let exports = v8::Local::<v8::Object>::try_from(exports).ok()?;
    let class = scope.get_property(exports, "DOMException").ok()?;
    let class = v8::Local::<v8::Function>::try_from(class).ok()?;
    let options = scope.object();
    scope.set(options, "name", scope.text("OperationError").into());
    scope.set(options, "cause", cause);
    let error = class.new_instance(scope, &[scope.text(TEXT).into(), options.into()])?;
    Some(error.into())
}
