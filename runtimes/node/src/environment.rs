//! [`Environment`]: the state of one isolate. Node has a class of this name; what its C++ keeps per environment is kept here.
//!
//! Bindings reach it by `scope.env()`. It holds what JavaScript gave to native code ([`Stored`]), the binding objects, the
//! constructors of native classes, the typed arrays both sides write, the Rust objects behind JavaScript ones, the event loop,
//! the command line, and (outside snapshot making) the kernel task. A binding's own state goes into [`state`](Environment::state).

use std::any::{Any, TypeId};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cenote_base::timing::steady;
use cenote_base::{Clock, MonoTime};

use crate::event_loop::EventLoop;
use crate::glue::{Failure, Field, NativeTable, Object, Scope, ScopeExt, Value};
use crate::options::CommandLine;
use crate::platform::Foreground;
use crate::processor::Measured;
use crate::threads::{Thread, ThreadGroup};

/// A value that JavaScript handed to native code to keep (mostly callbacks), or that native code keeps for itself.
/// The snapshot carries them in this order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(usize)]
pub(crate) enum Stored {
    Process,
    Primordials,
    PerContextExports,
    InternalBinding,
    RequireBuiltin,
    TickCallback,
    PromiseReject,
    ProcessImmediate,
    ProcessTimers,
    PrepareStackTrace,
    EnhanceBeforeInspector,
    EnhanceAfterInspector,
    EmitWarningSync,
    BufferPrototype,
    DeserializerCreateObject,
    TraceCategoryUpdate,
    WasmImplementation,
    ImportModuleDynamically,
    InitializeImportMeta,
    MaybeCacheGeneratedSourceMap,
    GetSourceMapErrorSource,
    AsyncHookInit,
    AsyncHookBefore,
    AsyncHookAfter,
    AsyncHookDestroy,
    AsyncHookPromiseResolve,
    AsyncCallbackTrampoline,
    PromiseHookInit,
    PromiseHookBefore,
    PromiseHookAfter,
    PromiseHookSettled,
    ConsoleExtensionInstaller,
    EnableAsyncHook,
    DisableAsyncHook,
    EnableNetworkTracking,
    DisableNetworkTracking,
    SourceMapCacheGetter,
    LinkNativeChannel,
}

const STORED: usize = Stored::LinkNativeChannel as usize + 1;

/// What an isolate gets with the process it runs. One that was made ahead has none of it yet.
struct Attached {
    event_loop: EventLoop,
    command_line: CommandLine,
    clock: Arc<dyn Clock>,
    steady: Arc<dyn Clock>,
    started: MonoTime,
    task: Option<Arc<cenote_kernel::Task>>,
}

/// The state of one isolate.
pub(crate) struct Environment {
    context: OnceCell<v8::Global<v8::Context>>,
    stored: RefCell<Vec<Option<v8::Global<v8::Value>>>>,
    bindings: RefCell<HashMap<String, v8::Global<v8::Object>>>,
    classes: RefCell<HashMap<String, v8::Global<v8::Function>>>,
    fields: RefCell<HashMap<String, HashMap<String, Field>>>,
    natives: NativeTable,
    states: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
    attached: OnceCell<Attached>,
    thread: Thread,
    isolate: v8::IsolateHandle,
    /// V8's tasks for this isolate.
    foreground: OnceCell<Arc<Foreground>>,
    exit_code: Cell<Option<i32>>,
    aborted: Cell<bool>,
    /// Somebody debugs the isolate, or may come to.
    debugged: Cell<bool>,
    /// Events are traced.
    traced: Cell<bool>,
    /// What the process becomes when this isolate is gone (`execve`).
    next_program: RefCell<Option<Box<dyn cenote_kernel::Program>>>,
    /// Whether no JavaScript may be called any more. Other threads may set it.
    stopped: Arc<AtomicBool>,
    measured: OnceCell<Measured>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field(
                "event_loop",
                &self.attached.get().map(|attached| &attached.event_loop),
            )
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// The state of a new isolate. Before anything of it is used, [`attach`](Self::attach) says what it runs for.
    pub(crate) fn new(isolate: &mut v8::Isolate, thread: Thread) -> Rc<Self> {
        let env = Rc::new(Self {
            context: OnceCell::new(),
            stored: RefCell::new(vec![None; STORED]),
            bindings: RefCell::default(),
            classes: RefCell::default(),
            fields: RefCell::default(),
            natives: NativeTable::default(),
            states: RefCell::default(),
            attached: OnceCell::new(),
            thread,
            isolate: isolate.thread_safe_handle(),
            foreground: OnceCell::new(),
            exit_code: Cell::new(None),
            aborted: Cell::new(false),
            debugged: Cell::new(false),
            traced: Cell::new(false),
            next_program: RefCell::default(),
            stopped: Arc::default(),
            measured: OnceCell::new(),
        });
        isolate.set_slot(Rc::clone(&env));
        env
    }

    /// Gives the isolate its process. `task` is missing while a snapshot is made. Once.
    pub(crate) fn attach(
        &self,
        clock: Arc<dyn Clock>,
        task: Option<Arc<cenote_kernel::Task>>,
        command_line: CommandLine,
    ) {
        let _first = self.attached.set(Attached {
            event_loop: EventLoop::new(steady(&clock)),
            command_line,
            steady: steady(&clock),
            started: clock.now(),
            clock,
            task,
        });
    }

    /// Counts what this thread uses of the processor from now on, until the environment is gone. Once.
    pub(crate) fn measure(&self, measured: Measured) {
        let _first = self.measured.set(measured);
    }

    /// What this thread has used of the processor, as far as the machine shows it.
    pub(crate) fn thread_time(&self) -> Duration {
        let time = self.measured.get().map(Measured::time);
        self.attached()
            .clock
            .timing()
            .span(time.unwrap_or_default())
    }

    fn attached(&self) -> &Attached {
        self.attached
            .get()
            .expect("nothing runs in an isolate before it has its process")
    }

    /// The context Node's library lives in; `vm` contexts are others.
    pub(crate) fn context<'s>(
        &self,
        scope: &v8::PinScope<'s, '_, ()>,
    ) -> v8::Local<'s, v8::Context> {
        let context = self
            .context
            .get()
            .expect("set right after the context is made");
        v8::Local::new(scope, context)
    }

    /// Says which context is the main one. Once.
    pub(crate) fn set_context(&self, context: v8::Global<v8::Context>) {
        let _first = self.context.set(context);
    }

    /// What JavaScript gave, if it did.
    pub(crate) fn stored<'s>(&self, scope: &Scope<'s, '_>, what: Stored) -> Option<Value<'s>> {
        self.stored
            .borrow()
            .get(what as usize)?
            .as_ref()
            .map(|value| v8::Local::new(scope, value))
    }

    /// What JavaScript gave, if it is a function.
    pub(crate) fn stored_function<'s>(
        &self,
        scope: &Scope<'s, '_>,
        what: Stored,
    ) -> Option<v8::Local<'s, v8::Function>> {
        self.stored(scope, what)?.try_into().ok()
    }

    /// Keeps a value (`undefined` forgets it).
    pub(crate) fn store(&self, scope: &Scope<'_, '_>, what: Stored, value: Value<'_>) {
        let new = (!value.is_undefined()).then(|| v8::Global::new(scope, value));
        if let Some(place) = self.stored.borrow_mut().get_mut(what as usize) {
            *place = new;
        }
    }

    /// The process object.
    pub(crate) fn process<'s>(&self, scope: &Scope<'s, '_>) -> Object<'s> {
        self.stored(scope, Stored::Process)
            .and_then(|value| value.try_into().ok())
            .unwrap_or_else(|| v8::Object::new(scope))
    }

    /// The object of `internalBinding(name)`, made the first time.
    pub(crate) fn binding<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        name: &str,
    ) -> Result<Option<Object<'s>>, Failure> {
        if let Some(known) = self.bindings.borrow().get(name) {
            return Ok(Some(v8::Local::new(scope, known)));
        }
        let Some(object) = crate::glue::build_binding(scope, name)? else {
            return Ok(None);
        };
        self.bindings
            .borrow_mut()
            .insert(name.to_owned(), v8::Global::new(scope, object));
        Ok(Some(object))
    }

    /// A constructor made before.
    pub(crate) fn class<'s>(
        &self,
        scope: &Scope<'s, '_>,
        name: &str,
    ) -> Option<v8::Local<'s, v8::Function>> {
        self.classes
            .borrow()
            .get(name)
            .map(|class| v8::Local::new(scope, class))
    }

    /// Remembers a constructor.
    pub(crate) fn add_class(
        &self,
        scope: &Scope<'_, '_>,
        name: &str,
        constructor: v8::Local<'_, v8::Function>,
    ) {
        self.classes
            .borrow_mut()
            .insert(name.to_owned(), v8::Global::new(scope, constructor));
    }

    /// Remembers a shared typed array of a binding.
    pub(crate) fn add_field(&self, binding: &str, name: &str, field: Field) {
        self.fields
            .borrow_mut()
            .entry(binding.to_owned())
            .or_default()
            .insert(name.to_owned(), field);
    }

    /// A shared typed array that was asked for before.
    pub(crate) fn known_field(&self, binding: &str, name: &str) -> Option<Field> {
        self.fields.borrow().get(binding)?.get(name).cloned()
    }

    /// A shared typed array: `env.field(scope, "timers", "immediateInfo")`. Makes the binding if it was not used yet.
    ///
    /// # Errors
    /// When the binding cannot be made or has no such array.
    pub(crate) fn field(
        &self,
        scope: &mut Scope<'_, '_>,
        binding: &str,
        name: &str,
    ) -> Result<Field, Failure> {
        if let Some(field) = self.known_field(binding, name) {
            return Ok(field);
        }
        let object = self.binding(scope, binding)?;
        if let Some(field) = self.known_field(binding, name) {
            return Ok(field);
        }
        // Restored from a snapshot: the array exists, its Rust side does not yet.
        let object = object.ok_or_else(|| {
            Failure::error("ERR_INTERNAL_ASSERTION", format!("no binding {binding}"))
        })?;
        let view = v8::Local::<v8::TypedArray>::try_from(scope.get_property(object, name)?).ok();
        let field = view.and_then(Field::of_view).ok_or_else(|| {
            Failure::error(
                "ERR_INTERNAL_ASSERTION",
                format!("{binding} has no array {name}"),
            )
        })?;
        self.add_field(binding, name, field.clone());
        Ok(field)
    }

    /// The Rust objects behind JavaScript ones.
    pub(crate) const fn natives(&self) -> &NativeTable {
        &self.natives
    }

    /// A binding's own state, one of each type, made empty the first time.
    pub(crate) fn state<T: Default + 'static>(&self) -> Rc<T> {
        let known = self.states.borrow().get(&TypeId::of::<T>()).map(Rc::clone);
        if let Some(state) = known.and_then(|state| state.downcast::<T>().ok()) {
            return state;
        }
        let state = Rc::new(T::default());
        self.states
            .borrow_mut()
            .insert(TypeId::of::<T>(), Rc::clone(&state) as Rc<dyn Any>);
        state
    }

    /// The event loop.
    pub(crate) fn event_loop(&self) -> &EventLoop {
        &self.attached().event_loop
    }

    /// V8's tasks for this isolate; none while a snapshot is made.
    pub(crate) fn foreground(&self) -> Option<&Arc<Foreground>> {
        self.foreground.get()
    }

    /// Says where V8's tasks for this isolate wait. Once.
    pub(crate) fn set_foreground(&self, foreground: Arc<Foreground>) {
        let _first = self.foreground.set(foreground);
    }

    /// The command line and the options read from it.
    pub(crate) fn command_line(&self) -> &CommandLine {
        &self.attached().command_line
    }

    /// What the threads of the process share.
    pub(crate) const fn threads(&self) -> &Arc<ThreadGroup> {
        &self.thread.group
    }

    /// Which thread of the process this is.
    pub(crate) const fn thread(&self) -> &Thread {
        &self.thread
    }

    /// The machine's clock: what the program is shown.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.attached().clock
    }

    /// The clock for deadlines, which goes on when the machine's stands still. The program is not shown it.
    pub(crate) fn steady_clock(&self) -> &Arc<dyn Clock> {
        &self.attached().steady
    }

    /// When the thread began, by the machine's clock.
    pub(crate) fn started(&self) -> MonoTime {
        self.attached().started
    }

    /// The kernel's task of this process: the first argument of every system call.
    pub(crate) fn task(&self) -> &Arc<cenote_kernel::Task> {
        self.attached()
            .task
            .as_ref()
            .expect("Node's bootstrap makes no system call, and only it runs without a task")
    }

    /// Whether it runs for a process: not while a snapshot is made.
    pub(crate) fn has_task(&self) -> bool {
        self.attached().task.is_some()
    }

    /// Whether this is the main thread of its process (and no `Worker`).
    pub(crate) const fn is_main_thread(&self) -> bool {
        self.thread.is_main
    }

    /// Ends the program: no JavaScript runs from here on, the process gets this status.
    pub(crate) fn exit(&self, code: i32) {
        if self.exit_code.get().is_none() {
            self.exit_code.set(Some(code));
        }
        self.stop();
    }

    /// Forbids further JavaScript and ends what runs.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.isolate.terminate_execution();
    }

    /// Whether JavaScript may be called.
    pub(crate) fn can_call_into_js(&self) -> bool {
        !self.stopped.load(Ordering::Acquire)
    }

    /// The status given by `process.exit()` or by a fatal error.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.exit_code.get()
    }

    /// What tells that no JavaScript may be called any more; another thread sets it before it ends what runs.
    pub(crate) const fn stop_flag(&self) -> &Arc<AtomicBool> {
        &self.stopped
    }

    /// A handle with which other threads can stop this isolate.
    pub(crate) const fn isolate_handle(&self) -> &v8::IsolateHandle {
        &self.isolate
    }

    /// Writes to the process's standard error, past all of JavaScript.
    pub(crate) fn print_error(&self, bytes: &[u8]) {
        if let Some(task) = self
            .attached
            .get()
            .and_then(|attached| attached.task.as_ref())
        {
            crate::program::write_all(task, cenote_base::Fd::new(2), bytes);
        }
    }

    /// The process's id and its parent's.
    pub(crate) fn pids(&self) -> (i32, i32) {
        let task = self.task();
        (
            cenote_kernel::syscall::getpid(task).raw(),
            cenote_kernel::syscall::getppid(task).raw(),
        )
    }

    /// What a descriptor is, as `guessHandleType` numbers it.
    pub(crate) fn handle_type(&self, fd: i32) -> i32 {
        use crate::program::handle_types;
        use cenote_base::abi::fs::FileType;
        let task = self.task();
        let fd = cenote_base::Fd::new(fd);
        let Ok(stat) = cenote_kernel::syscall::fstat(task, fd) else {
            return handle_types::UNKNOWN;
        };
        match stat.file_type() {
            Some(FileType::Regular | FileType::Directory | FileType::BlockDevice) => {
                handle_types::FILE
            }
            Some(FileType::CharDevice) => {
                let mut settings = cenote_base::abi::tty::Termios::default();
                let request = cenote_vfs::file::IoctlRequest::Tty(
                    cenote_vfs::file::TtyRequest::Settings(&mut settings),
                );
                if cenote_kernel::syscall::ioctl(task, fd, request).is_ok() {
                    handle_types::TTY
                } else {
                    handle_types::FILE
                }
            }
            Some(FileType::Socket) => self.socket_type(fd),
            Some(FileType::Fifo) => handle_types::PIPE,
            _ => handle_types::UNKNOWN,
        }
    }

    /// The same of a socket: libuv's `uv_guess_handle`.
    fn socket_type(&self, fd: cenote_base::Fd) -> i32 {
        use crate::program::handle_types;
        use cenote_base::abi::socket::{AddressFamily, SocketType};
        let Ok(file) = self.task().files().get(fd) else {
            return handle_types::UNKNOWN;
        };
        let Some(socket) = file.downcast::<cenote_net::Socket>() else {
            return handle_types::UNKNOWN;
        };
        match (socket.family(), socket.kind()) {
            (AddressFamily::Unix, SocketType::Stream) => handle_types::PIPE,
            (AddressFamily::Inet | AddressFamily::Inet6, SocketType::Stream) => handle_types::TCP,
            (AddressFamily::Inet | AddressFamily::Inet6, SocketType::Datagram) => handle_types::UDP,
            _ => handle_types::UNKNOWN,
        }
    }

    /// The whole file at a path.
    pub(crate) fn read_file(&self, path: &[u8]) -> Result<Vec<u8>, Failure> {
        Ok(crate::program::read_file(self, path)?)
    }

    /// The process becomes another program: no JavaScript runs from here on.
    pub(crate) fn become_program(&self, program: Box<dyn cenote_kernel::Program>) {
        *self.next_program.borrow_mut() = Some(program);
        self.stop();
    }

    /// What the process becomes, if it does.
    pub(crate) fn take_next_program(&self) -> Option<Box<dyn cenote_kernel::Program>> {
        self.next_program.borrow_mut().take()
    }

    /// `process.abort()`: the process ends as by SIGABRT.
    pub(crate) fn abort(&self) {
        self.aborted.set(true);
        self.stop();
    }

    /// Whether somebody debugs the isolate, or may come to.
    pub(crate) const fn is_debugged(&self) -> bool {
        self.debugged.get()
    }

    /// Says whether somebody does.
    pub(crate) fn set_debugged(&self, on: bool) {
        self.debugged.set(on);
    }

    /// Whether events are traced; of which categories, `crate::trace` knows.
    pub(crate) const fn is_traced(&self) -> bool {
        self.traced.get()
    }

    /// Says whether they are.
    pub(crate) fn set_traced(&self, on: bool) {
        self.traced.set(on);
    }

    /// Whether it was aborted.
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.get()
    }

    /// Lets go of every handle, so that the isolate can be frozen into a snapshot or dropped.
    pub(crate) fn clear(&self) {
        if let Some(attached) = self.attached.get() {
            attached.event_loop.clear();
        }
        self.natives.clear();
        self.states.borrow_mut().clear();
        self.stored
            .borrow_mut()
            .iter_mut()
            .for_each(|value| *value = None);
        self.bindings.borrow_mut().clear();
        self.classes.borrow_mut().clear();
        self.fields.borrow_mut().clear();
    }

    /// Packs stored values, bindings and classes into one object, for the snapshot.
    pub(crate) fn to_snapshot<'s>(&self, scope: &Scope<'s, '_>) -> v8::Local<'s, v8::Array> {
        let stored: Vec<Value<'s>> = self
            .stored
            .borrow()
            .iter()
            .map(|value| {
                value
                    .as_ref()
                    .map_or_else(|| scope.undefined(), |value| v8::Local::new(scope, value))
            })
            .collect();
        let bindings = scope.null_object();
        for (name, object) in &*self.bindings.borrow() {
            let object: Object<'s> = v8::Local::new(scope, object);
            scope.set(bindings, name, object.into());
        }
        let classes = scope.null_object();
        for (name, class) in &*self.classes.borrow() {
            let class: v8::Local<'s, v8::Function> = v8::Local::new(scope, class);
            scope.set(classes, name, class.into());
        }
        let stored = scope.array(&stored);
        scope.array(&[stored.into(), bindings.into(), classes.into()])
    }

    /// The reverse of [`to_snapshot`](Self::to_snapshot).
    pub(crate) fn restore(
        &self,
        scope: &Scope<'_, '_>,
        packed: v8::Local<'_, v8::Array>,
    ) -> Option<()> {
        let part = |index| {
            packed
                .get_index(scope, index)
                .and_then(|value| v8::Local::<v8::Object>::try_from(value).ok())
        };
        let stored = part(0)?;
        for (index, place) in (0_u32..).zip(self.stored.borrow_mut().iter_mut()) {
            let value = stored.get_index(scope, index)?;
            *place = (!value.is_undefined()).then(|| v8::Global::new(scope, value));
        }
        for (name, value) in entries(scope, part(1)?)? {
            let object = v8::Local::<v8::Object>::try_from(value).ok()?;
            self.bindings
                .borrow_mut()
                .insert(name, v8::Global::new(scope, object));
        }
        for (name, value) in entries(scope, part(2)?)? {
            let class = v8::Local::<v8::Function>::try_from(value).ok()?;
            self.classes
                .borrow_mut()
                .insert(name, v8::Global::new(scope, class));
        }
        Some(())
    }
}

fn entries<'s>(scope: &Scope<'s, '_>, object: Object<'s>) -> Option<Vec<(String, Value<'s>)>> {
    let names = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
    (0..names.length())
        .map(|index| {
            let name = names.get_index(scope, index)?;
            Some((name.to_rust_string_lossy(scope), object.get(scope, name)?))
        })
        .collect()
}
