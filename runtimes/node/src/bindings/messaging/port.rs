//! The class `MessagePort`, over a [`Port`]. Node: `MessagePort` in `src/node_messaging.cc`.
//!
//! It is a handle like libuv's `uv_async_t`: a message in its queue has the loop call [`on_message`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::channel::{Dispatched, Head, Owner, Port, SiblingGroup};
use super::message::Message;
use super::transfer::{DISALLOWED, TRANSFERABLE, TransferData};
use crate::event_loop::handles::{AsyncInfo, HANDLE_WRAP, HandleState, close_handle};
use crate::event_loop::{CallContext, make_callback_in};
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Return, Scope, ScopeExt, Value, attach,
    native_of, new_instance, new_instance_here,
};

pub(super) static MESSAGE_PORT: Class = Class::new("MessagePort", new_message_port)
    .extends(&HANDLE_WRAP)
    .method("postMessage", post_message)
    .method("start", start);

/// Messages handled in one go, at least.
const BATCH: usize = 1000;

/// Which messages are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// A port that was not started keeps them.
    Normal,
    /// All.
    Forced,
}

/// The Rust side of a `MessagePort`.
pub(crate) struct MessagePort {
    info: AsyncInfo,
    handle: HandleState,
    /// Gone once the port was closed or transferred.
    port: Rc<RefCell<Option<Port>>>,
    owner: RefCell<Option<Owner>>,
    is_receiving: Cell<bool>,
    emit_message: RefCell<Option<v8::Global<v8::Function>>>,
}

impl MessagePort {
    /// Whether it is closed, or was transferred.
    pub(super) fn is_detached(&self) -> bool {
        self.handle.is_closed() || self.port.borrow().is_none()
    }

    /// Takes the queue away from this object.
    fn detach(&self) -> Option<Port> {
        let port = self.port.borrow_mut().take()?;
        port.data().set_owner(None);
        Some(port)
    }

    fn trigger(&self) {
        if self.handle.is_closed() {
            return;
        }
        let owner = self.owner.borrow().clone();
        if let Some(owner) = owner {
            owner.trigger();
        }
    }

    fn adopt(&self, port: Port) {
        port.data().set_owner(self.owner.borrow().clone());
        let old = self.port.borrow_mut().replace(port);
        drop(old);
        // What came before has to be looked at.
        self.trigger();
    }
}

impl Native for MessagePort {
    fn async_info(&self) -> Option<&AsyncInfo> {
        Some(&self.info)
    }

    fn handle(&self) -> Option<&HandleState> {
        Some(&self.handle)
    }

    fn transfer_mode(&self) -> u32 {
        if self.is_detached() {
            DISALLOWED
        } else {
            TRANSFERABLE
        }
    }

    fn transfer(
        &self,
        scope: &mut Scope<'_, '_>,
        object: Object<'_>,
    ) -> Option<Box<dyn TransferData>> {
        let port = self.detach()?;
        let object = v8::Local::new(scope, object);
        close_port(scope, object);
        Some(Box::new(port))
    }

    fn close(&self, scope: &mut Scope<'_, '_>) {
        // The other side hears of it in the closing phase, as from libuv; a batch that is being handled goes on until then.
        let port = Rc::clone(&self.port);
        scope.env().event_loop().on_close(move |_| {
            let port = port.borrow_mut().take();
            drop(port);
        });
    }
}

impl TransferData for Port {
    fn into_object<'s>(self: Box<Self>, scope: &mut Scope<'s, '_>) -> Result<Object<'s>, Failure> {
        new_port(scope, *self)
    }

    fn port(&self) -> Option<&Port> {
        Some(self)
    }
}

/// Says that the constructor is called by us: programs cannot.
#[derive(Default)]
struct Construction(Cell<bool>);

fn new_message_port<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    if !args.is_construct_call() || !env.state::<Construction>().0.replace(false) {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_INVALID",
            "Constructor cannot be called",
        ));
    }
    let this = args.this();
    // Attached before the `init` hooks hear of it: they may look at it.
    let native = Rc::new(MessagePort {
        info: AsyncInfo::unborn(),
        handle: HandleState::default(),
        port: Rc::default(),
        owner: RefCell::default(),
        is_receiving: Cell::new(false),
        emit_message: RefCell::default(),
    });
    let number = attach(scope, this, Rc::clone(&native));
    let remote = env.event_loop().io().remote();
    *native.owner.borrow_mut() = Some(Owner::new(remote, number));
    env.natives().keep(scope, this);
    // The `init` hooks see it as libuv's handle is before its initialisation: without a reference.
    native.handle.set_ref(scope, false);
    native.info.reset(scope, this, "MESSAGEPORT");
    native.handle.set_ref(scope, true);
    native.handle.set_active(scope, true);
    Ok(().into())
}

/// A `MessagePort` over a queue, in the current context.
///
/// # Errors
/// What its initialisation in JavaScript threw.
pub(crate) fn new_port<'s>(scope: &mut Scope<'s, '_>, port: Port) -> Result<Object<'s>, Failure> {
    let env = scope.env();
    let context = scope.get_current_context();
    env.state::<Construction>().0.set(true);
    let made = if context == env.context(scope) {
        new_instance(scope, &MESSAGE_PORT, &[])
    } else {
        new_instance_here(scope, &MESSAGE_PORT, &[])
    };
    env.state::<Construction>().0.set(false);
    let object = made?;
    let native = native_of::<MessagePort>(scope, object).ok_or(Failure::Pending)?;
    if let Err(failure) = initialise(scope, object, &native) {
        close_port(scope, object);
        return Err(failure);
    }
    native.adopt(port);
    Ok(object)
}

fn initialise<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    native: &MessagePort,
) -> Result<(), Failure> {
    let symbol = scope.node_symbol("oninit").into();
    let init = object.get(scope, symbol).ok_or(Failure::Pending)?;
    if let Ok(init) = v8::Local::<v8::Function>::try_from(init) {
        scope.call(init, object.into(), &[])?;
    }
    let context = scope.get_current_context();
    let exports =
        crate::loader::per_context_exports(scope, context).ok_or_else(no_per_context_exports)?;
    let emit = scope.get_property(exports, "emitMessage")?;
    let emit = v8::Local::<v8::Function>::try_from(emit).map_err(|_| no_per_context_exports())?;
    *native.emit_message.borrow_mut() = Some(v8::Global::new(scope, emit));
    Ok(())
}

fn no_per_context_exports() -> Failure {
    Failure::error(
        "ERR_INTERNAL_ASSERTION",
        "the context lacks its per-context exports",
    )
}

/// Closes a port without a callback of its own.
pub(super) fn close_port<'s>(scope: &mut Scope<'s, '_>, object: Object<'s>) {
    let nothing = scope.undefined();
    close_handle(scope, object, nothing);
}

/// `new MessageChannel()`.
pub(super) fn new_message_channel<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Class constructor MessageChannel cannot be invoked without `new`",
        ));
    }
    let env = scope.env();
    let (one, two) = (Port::new(env.threads()), Port::new(env.threads()));
    one.entangle(&two);
    let first = new_port(scope, one)?;
    let second = match new_port(scope, two) {
        Ok(second) => second,
        Err(failure) => {
            close_port(scope, first);
            return Err(failure);
        }
    };
    let this = args.this();
    for (name, port) in [("port1", first), ("port2", second)] {
        if this
            .set(scope, scope.name(name).into(), port.into())
            .is_none()
        {
            close_port(scope, first);
            close_port(scope, second);
            return Err(Failure::Pending);
        }
    }
    Ok(().into())
}

/// `broadcastChannel(name)`: a port that hears all others of the name.
pub(super) fn broadcast_channel<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let name = args.text(scope, 0)?;
    let env = scope.env();
    let group: Arc<SiblingGroup> = env.threads().channel(&name);
    let port = Port::new(env.threads());
    group.add(&port);
    let context = env.context(scope);
    let scope = &mut v8::ContextScope::new(scope, context);
    Ok(new_port(scope, port)?.into())
}

/// The transfer list of `postMessage`: an iterable, or `{ transfer }`.
fn transfer_list<'s>(
    scope: &mut Scope<'s, '_>,
    value: Value<'s>,
) -> Result<Vec<Value<'s>>, Failure> {
    if value.is_null_or_undefined() {
        return Ok(Vec::new());
    }
    let refuse = |what: &str| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            format!("Optional {what} argument must be an iterable"),
        )
    };
    let Ok(object) = Object::try_from(value) else {
        return Err(refuse("transferList"));
    };
    if let Some(list) = read_iterable(scope, value)? {
        return Ok(list);
    }
    let option = scope.get_property(object, "transfer")?;
    if option.is_undefined() {
        return Ok(Vec::new());
    }
    read_iterable(scope, option)?.ok_or_else(|| refuse("options.transfer"))
}

/// The elements of an iterable; `None` for what is none.
fn read_iterable<'s>(
    scope: &mut Scope<'s, '_>,
    value: Value<'s>,
) -> Result<Option<Vec<Value<'s>>>, Failure> {
    let Ok(object) = Object::try_from(value) else {
        return Ok(None);
    };
    let mut items = Vec::new();
    if let Ok(array) = v8::Local::<v8::Array>::try_from(value) {
        for index in 0..array.length() {
            items.push(array.get_index(scope, index).ok_or(Failure::Pending)?);
        }
        return Ok(Some(items));
    }
    let symbol = v8::Symbol::get_iterator(scope).into();
    let method = object.get(scope, symbol).ok_or(Failure::Pending)?;
    let Ok(method) = v8::Local::<v8::Function>::try_from(method) else {
        return Ok(None);
    };
    let Ok(iterator) = Object::try_from(scope.call(method, value, &[])?) else {
        return Ok(None);
    };
    let next = scope.get_property(iterator, "next")?;
    let Ok(next) = v8::Local::<v8::Function>::try_from(next) else {
        return Ok(None);
    };
    loop {
        let Ok(result) = Object::try_from(scope.call(next, iterator.into(), &[])?) else {
            return Ok(None);
        };
        if scope.get_property(result, "done")?.boolean_value(scope) {
            return Ok(Some(items));
        }
        items.push(scope.get_property(result, "value")?);
    }
}

/// `postMessage(value, transferList)`: `true` when somebody gets it.
fn post_message<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if args.len() == 0 {
        return Err(Failure::type_error(
            "ERR_MISSING_ARGS",
            "Not enough arguments to MessagePort.postMessage",
        ));
    }
    let list = transfer_list(scope, args.get(1))?;
    let native = native_of::<MessagePort>(scope, args.this());
    // Serialized even if nobody can hear it: the transfer has its effects.
    let message = Arc::new(Message::serialize(
        scope,
        args.get(0),
        &list,
        Some(args.this()),
    )?);
    let Some(native) = native.filter(|native| !native.handle.is_closed()) else {
        return Ok(Return::Undefined);
    };
    let outcome = match &*native.port.borrow() {
        None => return Ok(true.into()),
        Some(port) => port.dispatch(&message),
    };
    match outcome {
        Dispatched::Sent => Ok(true.into()),
        Dispatched::Nobody => Ok(false.into()),
        Dispatched::Lost(warning) => {
            crate::bindings::warn(scope, warning)?;
            Ok(true.into())
        }
        Dispatched::Refused => Ok(Return::Undefined),
    }
}

fn start<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Some(native) = native_of::<MessagePort>(scope, args.this()) {
        let waiting = native.port.borrow().as_ref().map(|port| port.data().len());
        if let Some(waiting) = waiting {
            native.is_receiving.set(true);
            if waiting > 0 {
                native.trigger();
            }
        }
    }
    Ok(().into())
}

/// `stopMessagePort(port)`.
pub(super) fn stop<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let object = args.object(0)?;
    if let Some(native) = native_of::<MessagePort>(scope, object)
        && native.port.borrow().is_some()
    {
        native.is_receiving.set(false);
    }
    Ok(().into())
}

/// `drainMessagePort(port)`: handles what waits now, started or not.
pub(super) fn drain<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if let Ok(object) = args.object(0) {
        drain_object(scope, object, Mode::Forced);
    }
    Ok(().into())
}

fn argument<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<(Object<'s>, Rc<MessagePort>), Failure> {
    args.object(0)
        .ok()
        .and_then(|object| Some((object, native_of::<MessagePort>(scope, object)?)))
        .ok_or_else(|| {
            Failure::type_error(
                "ERR_INVALID_ARG_TYPE",
                "The \"port\" argument must be a MessagePort instance",
            )
        })
}

/// `receiveMessageOnPort(port)`: the value, or the symbol that says that there is none.
pub(super) fn receive<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (object, native) = argument(scope, args)?;
    let context = object.get_creation_context(scope).ok_or(Failure::Pending)?;
    let scope = &mut v8::ContextScope::new(scope, context);
    let message = next_message(scope, object, &native, Mode::Forced);
    let value = match message {
        Some(message) => message.deserialize(scope, None)?,
        None => scope.node_symbol("no_message_symbol").into(),
    };
    Ok(value.into())
}

/// `moveMessagePortToContext(port, contextifiedObject)`: the port's new object, there.
pub(super) fn move_to_context<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (object, native) = argument(scope, args)?;
    if native.handle.is_closed() {
        return Err(Failure::error(
            "ERR_CLOSED_MESSAGE_PORT",
            "Cannot send data on closed MessagePort",
        ));
    }
    let context = args
        .object(1)
        .ok()
        .and_then(|sandbox| crate::bindings::contextify::context_of(scope, sandbox))
        .ok_or_else(|| Failure::type_error("ERR_INVALID_ARG_TYPE", "Invalid context argument"))?;
    let port = native.detach().ok_or(Failure::Pending)?;
    // Without its queue the old object is of no use.
    close_port(scope, object);
    let scope = &mut v8::ContextScope::new(scope, context);
    Ok(new_port(scope, port)?.into())
}

/// The next message, if one waits. A close closes.
fn next_message(
    scope: &mut Scope<'_, '_>,
    object: Object<'_>,
    native: &MessagePort,
    mode: Mode,
) -> Option<Arc<Message>> {
    let wants = native.is_receiving.get() || mode == Mode::Forced;
    let head = native
        .port
        .borrow()
        .as_ref()
        .map(|port| port.data().take(wants))?;
    match head {
        Head::Message(message) => Some(message),
        Head::None => None,
        Head::Close => {
            let object = v8::Local::new(scope, object);
            close_port(scope, object);
            None
        }
    }
}

/// The loop's: something is in the queue of the port of this number.
pub(super) fn on_message(scope: &mut Scope<'_, '_>, number: i32, mode: Mode) {
    let env = scope.env();
    if let Some(object) = env.natives().object(scope, number) {
        drain_object(scope, object, mode);
    }
}

fn drain_object<'s>(scope: &mut Scope<'s, '_>, object: Object<'s>, mode: Mode) {
    let Some(native) = native_of::<MessagePort>(scope, object) else {
        return;
    };
    let Some(context) = object.get_creation_context(scope) else {
        return;
    };
    if native.is_detached() {
        return;
    }
    let mut left = match (mode, &*native.port.borrow()) {
        (_, None) => return,
        (Mode::Forced, _) => usize::MAX,
        (Mode::Normal, Some(port)) => port.data().len().max(BATCH),
    };
    while native.port.borrow().is_some() {
        if left == 0 {
            native.trigger();
            return;
        }
        left -= 1;
        v8::scope!(let scope, scope);
        let scope = &mut v8::ContextScope::new(scope, context);
        let object = v8::Local::new(scope, object);
        let Some(message) = next_message(scope, object, &native, mode) else {
            return;
        };
        if !scope.env().can_call_into_js() {
            continue;
        }
        if !emit(scope, object, &native, &message) {
            native.trigger();
            return;
        }
    }
}

/// Gives one message to JavaScript; `false` when something was thrown.
fn emit<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    native: &MessagePort,
    message: &Message,
) -> bool {
    let Some(function) = native
        .emit_message
        .borrow()
        .as_ref()
        .map(|function| v8::Local::new(scope, function))
    else {
        return true;
    };
    let context = CallContext::of(&native.info);
    let outcome = {
        v8::tc_scope!(let catch, scope);
        let mut ports = Vec::new();
        match message.deserialize(catch, Some(&mut ports)) {
            Ok(value) => {
                let list: Value<'_> = if message.has_transferables() {
                    catch.array(&ports).into()
                } else {
                    catch.undefined()
                };
                Ok((v8::Global::new(catch, value), v8::Global::new(catch, list)))
            }
            Err(failure) => {
                failure.throw(catch);
                if catch.has_terminated() {
                    return false;
                }
                let exception = catch.exception();
                catch.reset();
                Err(exception.map(|exception| v8::Global::new(catch, exception)))
            }
        }
    };
    match outcome {
        Ok((value, ports)) => {
            let args = [
                v8::Local::new(scope, value),
                v8::Local::new(scope, ports),
                scope.name("message").into(),
            ];
            make_callback_in(scope, object, function, &args, &context).is_some()
        }
        Err(error) => {
            if let Some(error) = error {
                let args = [
                    v8::Local::new(scope, error),
                    scope.undefined(),
                    scope.name("messageerror").into(),
                ];
                make_callback_in(scope, object, function, &args, &context);
            }
            false
        }
    }
}
