//! [`Message`]: a value out of one isolate, on its way into another. Node: `Message` in `src/node_messaging.cc`.
//!
//! V8 writes plain data; what it does not understand (host objects) is written as an index into a list: objects that the transfer
//! list names are moved, others are copied if their mode allows. Objects of Node's JavaScript put what `kTransfer` or `kClone`
//! returns after the value, for `kDeserialize` at the receiver.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use v8::{ValueDeserializerHelper as _, ValueSerializerHelper};

use super::channel::PortData;
use super::port::MessagePort;
use super::throw_data_clone_error;
use super::transfer::{CLONEABLE, DISALLOWED, JsData, TRANSFERABLE, TransferData, js_mode};
use crate::glue::{
    Charge, Failure, Object, Scope, ScopeExt, Store, Value, is_native, native_of, native_ref,
};

const UNSUPPORTED: &str = "Cannot clone object of unsupported type.";
const UNTRANSFERABLE: &str = "Found invalid value in transferList.";
const TRANSFER_UNSUPPORTED: &str = "Cannot transfer object of unsupported type.";
const TRANSFER_NEEDED: &str =
    "Object that needs transfer was found in message but not listed in transferList";

/// Written in place of an index: a plain object follows (`process.env`).
const PLAIN_OBJECT: u32 = u32::MAX;

/// What a message costs besides its bytes.
const OVERHEAD: usize = 512;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value between two isolates.
pub(crate) struct Message {
    bytes: Vec<u8>,
    buffers: Mutex<Vec<Store>>,
    shared: Vec<Store>,
    modules: Vec<v8::CompiledWasmModule>,
    hosts: Mutex<Vec<Box<dyn TransferData>>>,
    /// Whether something can be taken out of it only once.
    is_single: bool,
    _charge: Charge,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes)", self.bytes.len())
    }
}

fn refuse(scope: &mut Scope<'_, '_>, message: &str) -> Failure {
    let message = scope.text(message);
    throw_data_clone_error(scope, message.into());
    Failure::Pending
}

/// The transfer mode of any object: a native one's, or the one Node's JavaScript gave.
fn mode_of(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<u32> {
    if is_native(scope, object) {
        return Some(native_ref(scope, object).map_or(DISALLOWED, |native| native.transfer_mode()));
    }
    js_mode(scope, object)
}

/// What is found while a value is written.
#[derive(Default)]
struct Found {
    hosts: RefCell<Vec<v8::Global<v8::Object>>>,
    /// From this index on they are copied.
    first_cloned: std::cell::Cell<Option<usize>>,
    shared: RefCell<Vec<(v8::Global<v8::SharedArrayBuffer>, Store)>>,
    modules: RefCell<Vec<v8::CompiledWasmModule>>,
}

impl Found {
    fn position(&self, scope: &Scope<'_, '_>, object: Object<'_>) -> Option<usize> {
        self.hosts
            .borrow()
            .iter()
            .position(|host| v8::Local::new(scope, host) == object)
    }
}

struct Writer {
    found: Rc<Found>,
}

impl v8::ValueSerializerImpl for Writer {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        throw_data_clone_error(scope, message.into());
    }

    fn has_custom_host_object(&self, _: &v8::Isolate) -> bool {
        true
    }

    fn is_host_object<'s>(&self, scope: &mut Scope<'s, '_>, object: Object<'s>) -> Option<bool> {
        Some(mode_of(scope, object).is_some())
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        object: Object<'s>,
        out: &dyn ValueSerializerHelper,
    ) -> Option<bool> {
        let Some(mode) = mode_of(scope, object) else {
            if let Some(plain) = crate::bindings::process::env_as_plain_object(scope, object) {
                out.write_uint32(PLAIN_OBJECT);
                return out.write_value(scope.get_current_context(), plain.into());
            }
            refuse(scope, UNSUPPORTED);
            return None;
        };
        if mode == DISALLOWED {
            refuse(scope, UNSUPPORTED);
            return None;
        }
        if mode & TRANSFERABLE != 0 {
            if let Some(index) = self.found.position(scope, object) {
                out.write_uint32(u32::try_from(index).ok()?);
                return Some(true);
            }
            if mode & CLONEABLE == 0 {
                refuse(scope, TRANSFER_NEEDED);
                return None;
            }
        }
        let mut hosts = self.found.hosts.borrow_mut();
        let index = hosts.len();
        if self.found.first_cloned.get().is_none() {
            self.found.first_cloned.set(Some(index));
        }
        hosts.push(v8::Global::new(scope, object));
        out.write_uint32(u32::try_from(index).ok()?);
        Some(true)
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        if !crate::frozen::may_travel(&scope.env(), buffer) {
            refuse(scope, "#<SharedArrayBuffer> could not be cloned.");
            return None;
        }
        let mut shared = self.found.shared.borrow_mut();
        let known = shared
            .iter()
            .position(|(known, _)| v8::Local::new(scope, known) == buffer);
        let index = known.unwrap_or(shared.len());
        if known.is_none() {
            let store = Store::of_shared_array_buffer(buffer);
            shared.push((v8::Global::new(scope, buffer), store));
        }
        u32::try_from(index).ok()
    }

    fn get_wasm_module_transfer_id(
        &self,
        _: &mut Scope<'_, '_>,
        module: v8::Local<'_, v8::WasmModuleObject>,
    ) -> Option<u32> {
        let mut modules = self.found.modules.borrow_mut();
        let index = u32::try_from(modules.len()).ok()?;
        modules.push(module.get_compiled_module());
        Some(index)
    }
}

/// What a transfer list names, sorted.
fn sort_transfer_list<'s>(
    scope: &mut Scope<'s, '_>,
    found: &Found,
    list: &[Value<'s>],
    source: Option<Object<'s>>,
) -> Result<Vec<v8::Local<'s, v8::ArrayBuffer>>, Failure> {
    let mut buffers: Vec<v8::Local<'s, v8::ArrayBuffer>> = Vec::new();
    for entry in list {
        let Ok(entry) = Object::try_from(*entry) else {
            return Err(refuse(scope, UNTRANSFERABLE));
        };
        let untransferable = scope.private("node:untransferableObject");
        if entry
            .has_private(scope, untransferable)
            .ok_or(Failure::Pending)?
        {
            return Err(refuse(scope, TRANSFER_UNSUPPORTED));
        }
        if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(entry) {
            if !buffer.is_detachable() || buffer.was_detached() {
                return Err(refuse(scope, TRANSFER_UNSUPPORTED));
            }
            if buffers.contains(&buffer) {
                return Err(refuse(
                    scope,
                    "Transfer list contains duplicate ArrayBuffer",
                ));
            }
            buffers.push(buffer);
            continue;
        }
        if source == Some(entry) {
            return Err(refuse(scope, "Transfer list contains source port"));
        }
        let Some(mode) = mode_of(scope, entry) else {
            return Err(refuse(scope, UNTRANSFERABLE));
        };
        if native_of::<MessagePort>(scope, entry).is_some_and(|port| port.is_detached()) {
            return Err(refuse(
                scope,
                "MessagePort in transfer list is already detached",
            ));
        }
        if found.position(scope, entry).is_some() {
            let name = entry.get_constructor_name().to_rust_string_lossy(scope);
            return Err(refuse(
                scope,
                &format!("Transfer list contains duplicate {name}"),
            ));
        }
        if mode & TRANSFERABLE == 0 {
            return Err(refuse(scope, UNTRANSFERABLE));
        }
        found.hosts.borrow_mut().push(v8::Global::new(scope, entry));
    }
    Ok(buffers)
}

/// Objects in the list may name others that go with them (a `FileHandle` its native handle).
fn add_nested<'s>(scope: &mut Scope<'s, '_>, found: &Found) -> Result<(), Failure> {
    let mut index = 0;
    loop {
        let host = found.hosts.borrow().get(index).cloned();
        let Some(host) = host else { return Ok(()) };
        index += 1;
        let host = v8::Local::new(scope, &host);
        if is_native(scope, host) {
            continue;
        }
        let Some(list) = call_symbol(scope, host, "messaging_transfer_list_symbol", &[])? else {
            continue;
        };
        let Ok(list) = v8::Local::<v8::Array>::try_from(list) else {
            continue;
        };
        for place in 0..list.length() {
            let item = list.get_index(scope, place).ok_or(Failure::Pending)?;
            let Ok(item) = Object::try_from(item) else {
                continue;
            };
            if mode_of(scope, item).is_some() && found.position(scope, item).is_none() {
                found.hosts.borrow_mut().push(v8::Global::new(scope, item));
            }
        }
    }
}

/// `object[symbol](...args)`; `None` when it has no such method.
fn call_symbol<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    symbol: &str,
    args: &[Value<'s>],
) -> Result<Option<Value<'s>>, Failure> {
    let symbol = scope.node_symbol(symbol).into();
    let method = object.get(scope, symbol).ok_or(Failure::Pending)?;
    let Ok(method) = v8::Local::<v8::Function>::try_from(method) else {
        return Ok(None);
    };
    scope.call(method, object.into(), args).map(Some)
}

/// Takes a host object apart; what JavaScript has to say of it is written after the value.
fn pack_host<'s>(
    scope: &mut Scope<'s, '_>,
    serializer: &v8::ValueSerializer<'_>,
    object: Object<'s>,
    is_cloned: bool,
) -> Result<Box<dyn TransferData>, Failure> {
    if is_native(scope, object) {
        let native = native_ref(scope, object);
        let data = native.and_then(|native| {
            if is_cloned {
                native.clone_data(scope)
            } else {
                native.transfer(scope, object)
            }
        });
        return data.ok_or_else(|| refuse(scope, UNSUPPORTED));
    }
    let symbol = if is_cloned {
        "messaging_clone_symbol"
    } else {
        "messaging_transfer_symbol"
    };
    let answer = call_symbol(scope, object, symbol, &[])?
        .and_then(|answer| Object::try_from(answer).ok())
        .ok_or(Failure::Pending)?;
    let data = scope.get_property(answer, "data")?;
    let info = scope
        .get_property(answer, "deserializeInfo")?
        .to_string(scope)
        .ok_or(Failure::Pending)?
        .to_rust_string_lossy(scope);
    serializer
        .write_value(scope.get_current_context(), data)
        .ok_or(Failure::Pending)?;
    Ok(Box::new(JsData { info }))
}

impl Message {
    /// Takes a value out of this isolate. What `list` names is moved: unusable here from then on. `source` is the port that
    /// sends, which cannot be in the list.
    ///
    /// # Errors
    /// `DataCloneError`, or what a getter threw.
    pub(super) fn serialize<'s>(
        scope: &mut Scope<'s, '_>,
        value: Value<'s>,
        list: &[Value<'s>],
        source: Option<Object<'s>>,
    ) -> Result<Self, Failure> {
        let context = scope.get_current_context();
        let found = Rc::new(Found::default());
        let serializer = v8::ValueSerializer::new(
            scope,
            Box::new(Writer {
                found: Rc::clone(&found),
            }),
        );
        let buffers = sort_transfer_list(scope, &found, list, source)?;
        for (id, buffer) in (0_u32..).zip(&buffers) {
            serializer.transfer_array_buffer(id, *buffer);
        }
        add_nested(scope, &found)?;
        serializer.write_header();
        serializer
            .write_value(context, value)
            .ok_or(Failure::Pending)?;
        let mut stores = Vec::with_capacity(buffers.len());
        for buffer in buffers {
            // A getter may have detached it meanwhile.
            if buffer.was_detached() {
                return Err(refuse(scope, TRANSFER_UNSUPPORTED));
            }
            let store = Store::of_array_buffer(buffer);
            buffer.detach(None).ok_or(Failure::Pending)?;
            stores.push(store);
        }
        let mut hosts: Vec<Box<dyn TransferData>> = Vec::new();
        loop {
            let host = found.hosts.borrow().get(hosts.len()).cloned();
            let Some(host) = host else { break };
            let is_cloned = found
                .first_cloned
                .get()
                .is_some_and(|first| hosts.len() >= first);
            let object = v8::Local::new(scope, &host);
            hosts.push(pack_host(scope, &serializer, object, is_cloned)?);
        }
        let bytes = serializer.release();
        let charge = Charge::new(scope, bytes.capacity().saturating_add(OVERHEAD))?;
        let shared = std::mem::take(&mut *found.shared.borrow_mut());
        let modules = std::mem::take(&mut *found.modules.borrow_mut());
        Ok(Self {
            bytes,
            is_single: !stores.is_empty() || !hosts.is_empty(),
            buffers: Mutex::new(stores),
            shared: shared.into_iter().map(|(_, store)| store).collect(),
            modules,
            hosts: Mutex::new(hosts),
            _charge: charge,
        })
    }

    /// Whether something in it can be received only once.
    pub(super) const fn has_transferables(&self) -> bool {
        self.is_single
    }

    /// Whether this port is in it.
    pub(super) fn carries(&self, port: &Arc<PortData>) -> bool {
        lock(&self.hosts)
            .iter()
            .any(|host| host.port().is_some_and(|other| other.is(port)))
    }

    /// Puts the value together again, in the current context. `ports`: where to note ports that came with it.
    ///
    /// # Errors
    /// What V8 or a `kDeserialize` method threw.
    pub(super) fn deserialize<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        mut ports: Option<&mut Vec<Value<'s>>>,
    ) -> Result<Value<'s>, Failure> {
        let hosts = std::mem::take(&mut *lock(&self.hosts));
        let buffers = std::mem::take(&mut *lock(&self.buffers));
        let mut made = Vec::with_capacity(hosts.len());
        let outcome = self.read(scope, hosts, buffers, &mut made);
        for host in made {
            let object = v8::Local::new(scope, &host);
            if native_of::<MessagePort>(scope, object).is_none() {
                continue;
            }
            if outcome.is_err() {
                // Nobody will ever see it.
                super::port::close_port(scope, object);
            } else if let Some(ports) = ports.as_deref_mut() {
                ports.push(object.into());
            }
        }
        outcome
    }

    fn read<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        hosts: Vec<Box<dyn TransferData>>,
        buffers: Vec<Store>,
        made: &mut Vec<v8::Global<v8::Object>>,
    ) -> Result<Value<'s>, Failure> {
        let context = scope.get_current_context();
        let mut has_more = Vec::with_capacity(hosts.len());
        for host in hosts {
            has_more.push(host.has_more());
            let object = host.into_object(scope)?;
            made.push(v8::Global::new(scope, object));
        }
        let reader = Reader {
            hosts: made.clone(),
            shared: self
                .shared
                .iter()
                .map(|store| {
                    let buffer = store.to_shared_array_buffer(scope);
                    v8::Global::new(scope, buffer)
                })
                .collect(),
            modules: self
                .modules
                .iter()
                .map(|module| {
                    v8::WasmModuleObject::from_compiled_module(scope, module)
                        .map(|module| v8::Global::new(scope, module))
                })
                .collect(),
        };
        let deserializer = v8::ValueDeserializer::new(scope, Box::new(reader), &self.bytes);
        for (id, store) in (0_u32..).zip(buffers) {
            let buffer = store.into_array_buffer(scope);
            deserializer.transfer_array_buffer(id, buffer);
        }
        deserializer
            .read_header(context)
            .filter(|whole| *whole)
            .ok_or(Failure::Pending)?;
        let value = deserializer.read_value(context).ok_or(Failure::Pending)?;
        for (index, _) in has_more.iter().enumerate().filter(|(_, more)| **more) {
            let Some(object) = made.get(index).map(|made| v8::Local::new(scope, made)) else {
                continue;
            };
            let data = deserializer.read_value(context).ok_or(Failure::Pending)?;
            call_symbol(scope, object, "messaging_deserialize_symbol", &[data])?;
        }
        Ok(value)
    }
}

struct Reader {
    hosts: Vec<v8::Global<v8::Object>>,
    shared: Vec<v8::Global<v8::SharedArrayBuffer>>,
    modules: Vec<Option<v8::Global<v8::WasmModuleObject>>>,
}

impl v8::ValueDeserializerImpl for Reader {
    fn read_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        source: &dyn v8::ValueDeserializerHelper,
    ) -> Option<Object<'s>> {
        let mut index = 0;
        if !source.read_uint32(&mut index) {
            return None;
        }
        if index == PLAIN_OBJECT {
            let context = scope.get_current_context();
            return Object::try_from(source.read_value(context)?).ok();
        }
        let host = self.hosts.get(usize::try_from(index).ok()?)?;
        Some(v8::Local::new(scope, host))
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        let buffer = self.shared.get(usize::try_from(id).ok()?)?;
        Some(v8::Local::new(scope, buffer))
    }

    fn get_wasm_module_from_id<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
        let module = self.modules.get(usize::try_from(id).ok()?)?.as_ref()?;
        Some(v8::Local::new(scope, module))
    }
}
