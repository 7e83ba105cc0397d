//! `internalBinding('ipc_serdes')`: messages between processes under `serialization: 'advanced'`: V8's format behind a length.
//! Node: `src/node_ipc_serdes.cc`; the format is that of `v8.DefaultSerializer`.

use v8::{ValueDeserializerHelper, ValueSerializerHelper};

use crate::glue::{
    Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt, Value, copy_bytes,
    new_array_buffer, new_node_buffer, with_bytes,
};

pub(super) const BINDING: Binding = Binding::new("ipc_serdes")
    .function("serialize", serialize)
    .function("deserialize", deserialize);

/// What a host object is: a view, or an object whose own properties follow.
const VIEW: u32 = 0;
const OBJECT: u32 = 1;

const DATA_VIEW: u32 = 9;
const BUFFER: u32 = 10;

/// Bytes of the length before a message.
const PREFIX: usize = 4;

struct Writer {
    /// The real `Buffer`.
    buffer: v8::Global<v8::Value>,
}

fn kind_of(view: Value<'_>) -> Option<u32> {
    Some(match view {
        view if view.is_int8_array() => 0,
        view if view.is_uint8_array() => 1,
        view if view.is_uint8_clamped_array() => 2,
        view if view.is_int16_array() => 3,
        view if view.is_uint16_array() => 4,
        view if view.is_int32_array() => 5,
        view if view.is_uint32_array() => 6,
        view if view.is_float32_array() => 7,
        view if view.is_float64_array() => 8,
        view if view.is_data_view() => DATA_VIEW,
        view if view.is_big_int64_array() => 11,
        view if view.is_big_uint64_array() => 12,
        _ => return None,
    })
}

impl Writer {
    fn write_view<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        view: Object<'s>,
        out: &dyn ValueSerializerHelper,
    ) -> Option<bool> {
        let constructor = scope.get_property(view, "constructor").ok()?;
        let is_buffer = constructor == v8::Local::new(scope, &self.buffer);
        let kind = if is_buffer {
            Some(BUFFER)
        } else {
            kind_of(view.into())
        };
        let Some(kind) = kind else {
            Failure::error("ERR_INVALID_STATE", "Unserializable host object").throw(scope);
            return None;
        };
        out.write_uint32(VIEW);
        out.write_uint32(kind);
        let bytes = copy_bytes(view.into())?;
        out.write_uint32(u32::try_from(bytes.len()).ok()?);
        out.write_raw_bytes(&bytes);
        Some(true)
    }
}

impl v8::ValueSerializerImpl for Writer {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        let error = v8::Exception::error(scope, message);
        scope.throw_exception(error);
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        object: Object<'s>,
        out: &dyn ValueSerializerHelper,
    ) -> Option<bool> {
        if object.is_array_buffer_view() {
            return self.write_view(scope, object, out);
        }
        // As `{ ...object }`.
        let names = object.get_own_property_names(scope, v8::GetPropertyNamesArgs::default())?;
        let copy = scope.object();
        for index in 0..names.length() {
            let key = names.get_index(scope, index)?;
            let value = object.get(scope, key)?;
            if let Ok(name) = v8::Local::<v8::Name>::try_from(key) {
                copy.create_data_property(scope, name, value)?;
            } else if let Some(index) = key.uint32_value(scope) {
                let name = v8::Integer::new_from_unsigned(scope, index).to_string(scope)?;
                copy.create_data_property(scope, name.into(), value)?;
            }
        }
        out.write_uint32(OBJECT);
        out.write_value(scope.get_current_context(), copy.into())
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        _: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        let message = scope.text("#<SharedArrayBuffer> could not be cloned.");
        self.throw_data_clone_error(scope, message);
        None
    }
}

/// `serialize(value, Buffer)`: a `Buffer` with the length (big-endian) before the data.
fn serialize<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let writer = Writer {
        buffer: v8::Global::new(scope, args.get(1)),
    };
    let serializer = v8::ValueSerializer::new(scope, Box::new(writer));
    serializer.set_treat_array_buffer_views_as_host_objects(true);
    serializer.write_raw_bytes(&[0; PREFIX]);
    serializer.write_header();
    serializer
        .write_value(scope.get_current_context(), args.get(0))
        .ok_or(Failure::Pending)?;
    let mut bytes = serializer.release();
    let length = bytes.len().saturating_sub(PREFIX);
    let length = u32::try_from(length).map_err(|_| {
        Failure::range_error("ERR_BUFFER_TOO_LARGE", "The message is larger than 4 GiB")
    })?;
    if let Some((prefix, _)) = bytes.split_first_chunk_mut::<PREFIX>() {
        *prefix = length.to_be_bytes();
    }
    new_node_buffer(scope, bytes)
        .map(Into::into)
        .ok_or(Failure::Pending)
}

struct Reader;

fn invalid() -> Failure {
    Failure::error(
        "ERR_INVALID_STATE",
        "Invalid state: Unable to deserialize cloned data.",
    )
}

impl Reader {
    fn read_view<'s>(
        scope: &mut Scope<'s, '_>,
        source: &dyn ValueDeserializerHelper,
    ) -> Result<Object<'s>, Failure> {
        let (mut kind, mut length) = (0, 0);
        if !source.read_uint32(&mut kind) || !source.read_uint32(&mut length) {
            return Err(invalid());
        }
        let length = usize::try_from(length).map_err(|_| invalid())?;
        let bytes = source.read_raw_bytes(length).ok_or_else(invalid)?.to_vec();
        if kind == BUFFER {
            return new_node_buffer(scope, bytes)
                .map(Into::into)
                .ok_or(Failure::Pending);
        }
        let buffer = new_array_buffer(scope, bytes);
        let view: Option<Object<'s>> = match kind {
            0 => v8::Int8Array::new(scope, buffer, 0, length).map(Into::into),
            1 => v8::Uint8Array::new(scope, buffer, 0, length).map(Into::into),
            2 => v8::Uint8ClampedArray::new(scope, buffer, 0, length).map(Into::into),
            3 => v8::Int16Array::new(scope, buffer, 0, length / 2).map(Into::into),
            4 => v8::Uint16Array::new(scope, buffer, 0, length / 2).map(Into::into),
            5 => v8::Int32Array::new(scope, buffer, 0, length / 4).map(Into::into),
            6 => v8::Uint32Array::new(scope, buffer, 0, length / 4).map(Into::into),
            7 => v8::Float32Array::new(scope, buffer, 0, length / 4).map(Into::into),
            8 => v8::Float64Array::new(scope, buffer, 0, length / 8).map(Into::into),
            DATA_VIEW => Some(v8::DataView::new(scope, buffer, 0, length).into()),
            11 => v8::BigInt64Array::new(scope, buffer, 0, length / 8).map(Into::into),
            12 => v8::BigUint64Array::new(scope, buffer, 0, length / 8).map(Into::into),
            _ => return Err(invalid()),
        };
        view.ok_or(Failure::Pending)
    }
}

impl v8::ValueDeserializerImpl for Reader {
    fn read_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        source: &dyn ValueDeserializerHelper,
    ) -> Option<Object<'s>> {
        let mut tag = u32::MAX;
        let outcome = match source.read_uint32(&mut tag).then_some(tag) {
            Some(VIEW) => Self::read_view(scope, source),
            Some(OBJECT) => {
                let value = source.read_value(scope.get_current_context())?;
                Object::try_from(value).map_err(|_| invalid())
            }
            _ => Err(invalid()),
        };
        outcome.map_err(|failure| failure.throw(scope)).ok()
    }
}

/// `deserialize(bytes)`, without the length.
fn deserialize<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    // A copy: the guest may write to the buffer while V8 reads.
    let bytes = with_bytes(args.get(0), <[u8]>::to_vec).ok_or_else(|| {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "buffer must be a TypedArray or a DataView",
        )
    })?;
    let context = scope.get_current_context();
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(Reader), &bytes);
    deserializer
        .read_header(context)
        .filter(|whole| *whole)
        .ok_or(Failure::Pending)?;
    let value = deserializer.read_value(context).ok_or(Failure::Pending)?;
    Ok(Return::Value(value))
}
