//! `internalBinding('serdes')`: V8's serializer and deserializer as classes, under `v8.serialize`. Node: `src/node_serdes.cc`.
//!
//! JavaScript subclasses decide about host objects, shared buffers and errors: the delegates call back `_writeHostObject` and its kin
//! on the object, which they hold weakly (the object owns them).

use std::rc::Rc;

use v8::{ValueDeserializerHelper, ValueSerializerHelper};

use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
    copy_bytes, new_node_buffer,
};

pub(super) const BINDING: Binding = Binding::new("serdes")
    .class(&SERIALIZER)
    .class(&DESERIALIZER)
    .setup(setup);

/// What C++ says of the two constructors: their prototypes stay, and one tells of its argument.
fn setup<'s>(scope: &mut Scope<'s, '_>, binding: Object<'s>) -> Result<(), Failure> {
    for name in ["Serializer", "Deserializer"] {
        let class = scope.get_property(binding, name)?;
        let class = Object::try_from(class).map_err(|_| Failure::Pending)?;
        let prototype = scope.get_property(class, "prototype")?;
        let key = scope.name("prototype").into();
        let lasting = v8::PropertyAttribute::READ_ONLY
            | v8::PropertyAttribute::DONT_ENUM
            | v8::PropertyAttribute::DONT_DELETE;
        let _defined = class.define_own_property(scope, key, prototype, lasting);
        if name == "Deserializer" {
            let attributes = v8::PropertyAttribute::READ_ONLY | v8::PropertyAttribute::DONT_ENUM;
            let key = scope.name("length").into();
            let _defined = class.define_own_property(scope, key, scope.number(1.0), attributes);
        }
    }
    Ok(())
}

static SERIALIZER: Class = Class::new("Serializer", new_serializer)
    .method("writeHeader", write_header)
    .method("writeValue", write_value)
    .method("releaseBuffer", release_buffer)
    .method("transferArrayBuffer", transfer_array_buffer)
    .method("writeUint32", write_uint32)
    .method("writeUint64", write_uint64)
    .method("writeDouble", write_double)
    .method("writeRawBytes", write_raw_bytes)
    .method(
        "_setTreatArrayBufferViewsAsHostObjects",
        set_treat_views_as_host_objects,
    );

static DESERIALIZER: Class = Class::new("Deserializer", new_deserializer)
    .method("readHeader", read_header)
    .method("readValue", read_value)
    .method("getWireFormatVersion", get_wire_format_version)
    .method("transferArrayBuffer", accept_array_buffer)
    .method("readUint32", read_uint32)
    .method("readUint64", read_uint64)
    .method("readDouble", read_double)
    .method("_readRawBytes", read_raw_bytes);

/// The JavaScript object that decides.
struct Delegate {
    object: v8::Weak<v8::Object>,
}

impl Delegate {
    /// Calls a method of the object, if it has it.
    fn call<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        name: &str,
        args: &[Value<'s>],
    ) -> Option<Option<Value<'s>>> {
        let object = self.object.to_local(scope)?;
        // V8 forbids JavaScript while it deserializes, and Node's API is made of calls back.
        v8::allow_javascript_execution_scope!(let scope, scope);
        let function = scope.get_property(object, name).ok()?;
        let Ok(function) = v8::Local::<v8::Function>::try_from(function) else {
            return Some(None);
        };
        function.call(scope, object.into(), args).map(Some)
    }
}

impl v8::ValueSerializerImpl for Delegate {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        if let Some(Some(error)) = self.call(scope, "_getDataCloneError", &[message.into()]) {
            scope.throw_exception(error);
        }
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        object: Object<'s>,
        _: &dyn ValueSerializerHelper,
    ) -> Option<bool> {
        match self.call(scope, "_writeHostObject", &[object.into()])? {
            Some(_) => Some(true),
            None => {
                let text = object
                    .to_detail_string(scope)
                    .map(|text| text.to_rust_string_lossy(scope))
                    .unwrap_or_default();
                let message = scope.text(&format!("{text} could not be cloned."));
                self.throw_data_clone_error(scope, message);
                None
            }
        }
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        if let Some(id) = self.call(scope, "_getSharedArrayBufferId", &[buffer.into()])? {
            return id.uint32_value(scope);
        }
        let message = scope.text("#<SharedArrayBuffer> could not be cloned.");
        self.throw_data_clone_error(scope, message);
        None
    }
}

impl v8::ValueDeserializerImpl for Delegate {
    fn read_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        _: &dyn ValueDeserializerHelper,
    ) -> Option<Object<'s>> {
        let value = self.call(scope, "_readHostObject", &[])?;
        match value.map(Object::try_from) {
            Some(Ok(object)) => Some(object),
            Some(Err(_)) => {
                Failure::type_error(
                    "ERR_INVALID_RETURN_VALUE",
                    "readHostObject must return an object",
                )
                .throw(scope);
                None
            }
            None => {
                Failure::error("ERR_INVALID_STATE", "Unable to deserialize cloned data.")
                    .throw(scope);
                None
            }
        }
    }

    fn get_shared_array_buffer_from_id<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        let id = v8::Integer::new_from_unsigned(scope, id).into();
        let value = self.call(scope, "_getSharedArrayBufferFromId", &[id])?;
        match value.map(v8::Local::<v8::SharedArrayBuffer>::try_from) {
            Some(Ok(buffer)) => Some(buffer),
            _ => {
                Failure::type_error(
                    "ERR_INVALID_RETURN_VALUE",
                    "getSharedArrayBufferFromId must return a SharedArrayBuffer",
                )
                .throw(scope);
                None
            }
        }
    }
}

/// The Rust side of a `Serializer`.
struct Serializer {
    inner: v8::ValueSerializer<'static>,
}

impl Native for Serializer {}

/// The Rust side of a `Deserializer`. V8 reads from `data` where it lies, so it goes last.
struct Deserializer {
    inner: v8::ValueDeserializer<'static>,
    data: Box<[u8]>,
}

impl Native for Deserializer {}

fn check_new(args: &Args<'_>, name: &str) -> Result<(), Failure> {
    if args.is_construct_call() {
        return Ok(());
    }
    Err(Failure::type_error(
        "ERR_CONSTRUCT_CALL_REQUIRED",
        format!("Class constructor {name} cannot be invoked without `new`"),
    ))
}

fn new_serializer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    check_new(args, "Serializer")?;
    let delegate = Box::new(Delegate {
        object: v8::Weak::new(scope, args.this()),
    });
    let inner = v8::ValueSerializer::new(scope, delegate);
    attach(scope, args.this(), Rc::new(Serializer { inner }));
    Ok(().into())
}

fn write_header<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    args.native::<Serializer>(scope)?.inner.write_header();
    Ok(().into())
}

fn write_value<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let serializer = args.native::<Serializer>(scope)?;
    let context = scope.get_current_context();
    let written = serializer
        .inner
        .write_value(context, args.get(0))
        .ok_or(Failure::Pending)?;
    Ok(written.into())
}

fn release_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let bytes = args.native::<Serializer>(scope)?.inner.release();
    new_node_buffer(scope, bytes)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

fn transfer_array_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let serializer = args.native::<Serializer>(scope)?;
    let id = args.u32(scope, 0)?;
    let buffer = v8::Local::<v8::ArrayBuffer>::try_from(args.get(1)).map_err(|_| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "arrayBuffer must be an instance of ArrayBuffer",
        )
    })?;
    serializer.inner.transfer_array_buffer(id, buffer);
    Ok(().into())
}

fn write_uint32<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let serializer = args.native::<Serializer>(scope)?;
    let value = args.get(0).uint32_value(scope).ok_or(Failure::Pending)?;
    serializer.inner.write_uint32(value);
    Ok(().into())
}

/// `writeUint64(high, low)`.
fn write_uint64<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let serializer = args.native::<Serializer>(scope)?;
    let high = args.get(0).uint32_value(scope).ok_or(Failure::Pending)?;
    let low = args.get(1).uint32_value(scope).ok_or(Failure::Pending)?;
    serializer
        .inner
        .write_uint64(u64::from(high) << 32 | u64::from(low));
    Ok(().into())
}

fn write_double<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let serializer = args.native::<Serializer>(scope)?;
    let value = args.get(0).number_value(scope).ok_or(Failure::Pending)?;
    serializer.inner.write_double(value);
    Ok(().into())
}

fn write_raw_bytes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let serializer = args.native::<Serializer>(scope)?;
    let bytes = copy_bytes(args.get(0)).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "source must be a TypedArray or a DataView",
        )
    })?;
    serializer.inner.write_raw_bytes(&bytes);
    Ok(().into())
}

fn set_treat_views_as_host_objects<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let serializer = args.native::<Serializer>(scope)?;
    let on = args.bool(scope, 0);
    serializer
        .inner
        .set_treat_array_buffer_views_as_host_objects(on);
    Ok(().into())
}

/// `new Deserializer(bytes)`; `this.buffer` is what was given.
fn new_deserializer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    check_new(args, "Deserializer")?;
    if !args.get(0).is_array_buffer_view() {
        return Err(Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "buffer must be a TypedArray or a DataView",
        ));
    }
    scope.set(args.this(), "buffer", args.get(0));
    // A copy: the guest may write to the buffer while V8 reads.
    let data = copy_bytes(args.get(0))
        .unwrap_or_default()
        .into_boxed_slice();
    let delegate = Box::new(Delegate {
        object: v8::Weak::new(scope, args.this()),
    });
    let inner = v8::ValueDeserializer::new(scope, delegate, &data);
    inner.set_supports_legacy_wire_format(true);
    attach(scope, args.this(), Rc::new(Deserializer { inner, data }));
    Ok(().into())
}

fn read_header<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let deserializer = args.native::<Deserializer>(scope)?;
    let context = scope.get_current_context();
    Ok(deserializer
        .inner
        .read_header(context)
        .ok_or(Failure::Pending)?
        .into())
}

fn read_value<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let deserializer = args.native::<Deserializer>(scope)?;
    let context = scope.get_current_context();
    deserializer
        .inner
        .read_value(context)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

fn get_wire_format_version<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args
        .native::<Deserializer>(scope)?
        .inner
        .get_wire_format_version()
        .into())
}

fn accept_array_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let deserializer = args.native::<Deserializer>(scope)?;
    let id = args.u32(scope, 0)?;
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(args.get(1)) {
        deserializer.inner.transfer_array_buffer(id, buffer);
        return Ok(().into());
    }
    let buffer = v8::Local::<v8::SharedArrayBuffer>::try_from(args.get(1)).map_err(|_| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "arrayBuffer must be an instance of ArrayBuffer or SharedArrayBuffer",
        )
    })?;
    deserializer.inner.transfer_shared_array_buffer(id, buffer);
    Ok(().into())
}

fn read_failed(what: &str) -> Failure {
    Failure::error("ERR_INVALID_STATE", format!("ReadUint{what}() failed"))
}

fn read_uint32<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let deserializer = args.native::<Deserializer>(scope)?;
    let mut value = 0;
    if deserializer.inner.read_uint32(&mut value) {
        Ok(value.into())
    } else {
        Err(read_failed("32"))
    }
}

/// `[high, low]`.
fn read_uint64<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let deserializer = args.native::<Deserializer>(scope)?;
    let mut value = 0;
    if !deserializer.inner.read_uint64(&mut value) {
        return Err(read_failed("64"));
    }
    let half = |half: u64| u32::try_from(half & 0xffff_ffff).unwrap_or(0);
    let parts: [Value<'s>; 2] = [half(value >> 32), half(value)]
        .map(|half| v8::Integer::new_from_unsigned(scope, half).into());
    Ok(scope.array(&parts).into())
}

fn read_double<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let deserializer = args.native::<Deserializer>(scope)?;
    let mut value = 0.0;
    if deserializer.inner.read_double(&mut value) {
        return Ok(value.into());
    }
    Err(Failure::error("ERR_INVALID_STATE", "ReadDouble() failed"))
}

/// The offset of the next `length` bytes in the buffer, which JavaScript then slices.
fn read_raw_bytes<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let deserializer = args.native::<Deserializer>(scope)?;
    let length = args.usize(0)?;
    let bytes = deserializer
        .inner
        .read_raw_bytes(length)
        .ok_or_else(|| Failure::error("ERR_INVALID_STATE", "ReadRawBytes() failed"))?;
    let offset = bytes
        .as_ptr()
        .addr()
        .wrapping_sub(deserializer.data.as_ptr().addr());
    let offset = u32::try_from(offset).ok().filter(|offset| {
        usize::try_from(*offset).is_ok_and(|offset| offset <= deserializer.data.len())
    });
    Ok(offset
        .ok_or_else(|| Failure::error("ERR_INVALID_STATE", "ReadRawBytes() failed"))?
        .into())
}
