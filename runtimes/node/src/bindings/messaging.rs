//! `internalBinding('messaging')`: structured clones; `DOMException`. Message ports are not there yet. Node: `src/node_messaging.cc`.

use std::cell::RefCell;
use std::rc::Rc;

use v8::{ValueDeserializerHelper, ValueSerializerHelper};

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("messaging")
    .note("MessageChannel, MessagePort and BroadcastChannel throw")
    .function(
        "setDeserializerCreateObjectFunction",
        set_deserializer_create_object,
    )
    .function("exposeLazyDOMExceptionProperty", expose_lazy_dom_exception)
    .partial(
        "structuredClone",
        structured_clone,
        "message ports cannot be transferred",
    )
    .setup(setup);

/// `DOMException` is the one the per-context scripts made.
fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    let class = dom_exception(scope)?;
    scope.set(binding, "DOMException", class);
    Ok(())
}

fn dom_exception<'s>(scope: &mut Scope<'s, '_>) -> Result<Value<'s>, Failure> {
    let env = scope.env();
    let exports = env
        .stored(scope, Stored::PerContextExports)
        .and_then(|value| Object::try_from(value).ok());
    exports.map_or_else(
        || Ok(scope.undefined()),
        |exports| scope.get_property(exports, "DOMException"),
    )
}

fn set_deserializer_create_object<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope
        .env()
        .store(scope, Stored::DeserializerCreateObject, function.into());
    Ok(().into())
}

/// Defines `DOMException` on an object (the global), not enumerable.
fn expose_lazy_dom_exception<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let target = args.object(0)?;
    let class = dom_exception(scope)?;
    target
        .define_own_property(
            scope,
            scope.name("DOMException").into(),
            class,
            v8::PropertyAttribute::DONT_ENUM,
        )
        .ok_or(Failure::Pending)?;
    Ok(().into())
}

/// Throws a `DataCloneError`.
fn throw_data_clone_error<'s>(scope: &mut Scope<'s, '_>, message: Value<'s>) {
    v8::allow_javascript_execution_scope!(let scope, scope);
    let class = dom_exception(scope)
        .ok()
        .and_then(|class| v8::Local::<v8::Function>::try_from(class).ok());
    let name = scope.text("DataCloneError").into();
    if let Some(error) = class.and_then(|class| class.new_instance(scope, &[message, name])) {
        scope.throw_exception(error.into());
    }
}

/// How deep cloneable host objects may lie within each other's data.
const MAX_DEPTH: usize = 32;

/// What one clone carries besides its bytes.
#[derive(Default)]
struct Carried {
    /// Data and deserialize specification of each host object.
    hosts: RefCell<Vec<(v8::Global<v8::Value>, String)>>,
    shared: RefCell<Vec<v8::SharedRef<v8::BackingStore>>>,
}

struct Writer {
    carried: Rc<Carried>,
}

/// Bits of `transfer_mode_private_symbol`.
const CLONEABLE: u32 = 2;

fn transfer_mode(scope: &Scope<'_, '_>, object: Object<'_>) -> Option<u32> {
    let key = scope.private("node:transfer_mode");
    if object.has_private(scope, key) != Some(true) {
        return None;
    }
    object.get_private(scope, key)?.uint32_value(scope)
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
        Some(transfer_mode(scope, object).is_some())
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        object: Object<'s>,
        out: &dyn ValueSerializerHelper,
    ) -> Option<bool> {
        let refuse = |scope: &mut Scope<'s, '_>| {
            let message = scope.text("Cannot clone object of unsupported type.");
            throw_data_clone_error(scope, message.into());
            None
        };
        if transfer_mode(scope, object).unwrap_or(0) & CLONEABLE == 0 {
            return refuse(scope);
        }
        let method = object.get(scope, scope.node_symbol("messaging_clone_symbol").into())?;
        let Ok(method) = v8::Local::<v8::Function>::try_from(method) else {
            return refuse(scope);
        };
        let answer = method.call(scope, object.into(), &[])?;
        let Ok(answer) = Object::try_from(answer) else {
            return refuse(scope);
        };
        let data = scope.get_property(answer, "data").ok()?;
        let info = scope
            .get_property(answer, "deserializeInfo")
            .ok()?
            .to_rust_string_lossy(scope);
        let mut hosts = self.carried.hosts.borrow_mut();
        out.write_uint32(u32::try_from(hosts.len()).ok()?);
        hosts.push((v8::Global::new(scope, data), info));
        Some(true)
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        _: &mut Scope<'s, '_>,
        buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        let mut shared = self.carried.shared.borrow_mut();
        let id = u32::try_from(shared.len()).ok()?;
        shared.push(buffer.get_backing_store());
        Some(id)
    }
}

struct Reader {
    carried: Rc<Carried>,
    depth: usize,
}

impl v8::ValueDeserializerImpl for Reader {
    fn read_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        source: &dyn ValueDeserializerHelper,
    ) -> Option<Object<'s>> {
        let mut index = 0;
        if !source.read_uint32(&mut index) {
            return None;
        }
        // V8 forbids JavaScript while it deserializes; making the object takes some.
        v8::allow_javascript_execution_scope!(let scope, scope);
        let (data, info) = self
            .carried
            .hosts
            .borrow()
            .get(usize::try_from(index).ok()?)
            .cloned()?;
        let data = v8::Local::new(scope, &data);
        let data = clone(scope, data, &[], self.depth + 1)
            .map_err(|failure| failure.throw(scope))
            .ok()?;
        let create = scope
            .env()
            .stored_function(scope, Stored::DeserializerCreateObject)?;
        let info = scope.text(&info).into();
        let object = Object::try_from(create.call(scope, scope.undefined(), &[info])?).ok()?;
        let method = object.get(
            scope,
            scope.node_symbol("messaging_deserialize_symbol").into(),
        )?;
        let method = v8::Local::<v8::Function>::try_from(method).ok()?;
        method.call(scope, object.into(), &[data])?;
        Some(object)
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        let shared = self.carried.shared.borrow();
        shared
            .get(usize::try_from(id).ok()?)
            .map(|store| v8::SharedArrayBuffer::with_backing_store(scope, store))
    }
}

/// A structured clone; the buffers in `transfer` move over.
fn clone<'s>(
    scope: &mut Scope<'s, '_>,
    value: Value<'s>,
    transfer: &[v8::Local<'s, v8::ArrayBuffer>],
    depth: usize,
) -> Result<Value<'s>, Failure> {
    if depth > MAX_DEPTH {
        let message = scope.text("The object is nested too deeply.");
        throw_data_clone_error(scope, message.into());
        return Err(Failure::Pending);
    }
    let context = scope.get_current_context();
    let carried = Rc::new(Carried::default());
    let serializer = v8::ValueSerializer::new(
        scope,
        Box::new(Writer {
            carried: Rc::clone(&carried),
        }),
    );
    serializer.write_header();
    for (id, buffer) in (0_u32..).zip(transfer) {
        serializer.transfer_array_buffer(id, *buffer);
    }
    serializer
        .write_value(context, value)
        .ok_or(Failure::Pending)?;
    let bytes = serializer.release();
    // The bytes of the moved buffers, without a copy.
    let stores: Vec<v8::SharedRef<v8::BackingStore>> = transfer
        .iter()
        .map(|buffer| buffer.get_backing_store())
        .collect();
    for buffer in transfer {
        buffer.detach(None).ok_or(Failure::Pending)?;
    }
    let deserializer =
        v8::ValueDeserializer::new(scope, Box::new(Reader { carried, depth }), &bytes);
    if deserializer.read_header(context) != Some(true) {
        return Err(Failure::Pending);
    }
    for (id, store) in (0_u32..).zip(&stores) {
        let buffer = v8::ArrayBuffer::with_backing_store(scope, store);
        deserializer.transfer_array_buffer(id, buffer);
    }
    deserializer.read_value(context).ok_or(Failure::Pending)
}

/// `structuredClone(value, { transfer })`.
fn structured_clone<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let mut transfer = Vec::new();
    if let Ok(options) = Object::try_from(args.get(1)) {
        let list = scope.get_property(options, "transfer")?;
        if let Ok(list) = v8::Local::<v8::Array>::try_from(list) {
            for index in 0..list.length() {
                let item = list.get_index(scope, index).ok_or(Failure::Pending)?;
                let refuse = |scope: &mut Scope<'s, '_>, text: &str| {
                    let message = scope.text(text);
                    throw_data_clone_error(scope, message.into());
                    Failure::Pending
                };
                let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(item) else {
                    return Err(refuse(scope, "Value not transferable"));
                };
                if transfer.contains(&buffer) {
                    return Err(refuse(
                        scope,
                        "Transfer list contains duplicate ArrayBuffer",
                    ));
                }
                let untransferable = scope.private("node:untransferableObject");
                if !buffer.is_detachable()
                    || buffer.was_detached()
                    || buffer.has_private(scope, untransferable) == Some(true)
                {
                    return Err(refuse(
                        scope,
                        "An ArrayBuffer is detached and could not be cloned.",
                    ));
                }
                transfer.push(buffer);
            }
        }
    }
    clone(scope, args.get(0), &transfer, 0).map(Return::Value)
}
