//! The bottom of a stream's stack of listeners: JavaScript's `onread`, with a new buffer each time or the user's own.
//! Node: `EmitToJSStreamListener`, `CustomBufferJSListener`.

use super::resource::{StreamCore, StreamRead};
use crate::event_loop::{CallContext, make_callback_in};
use crate::glue::{
    Failure, Scope, ScopeExt, Value, native_ref, new_array_buffer, with_bytes, with_bytes_mut,
};

const READ_BYTES_OR_ERROR: usize = 0;
const ARRAY_BUFFER_OFFSET: usize = 1;

/// Sets an element of `streamBaseState`.
pub(super) fn set_state(
    scope: &mut Scope<'_, '_>,
    index: usize,
    value: f64,
) -> Result<(), Failure> {
    scope
        .env()
        .field(scope, "stream_wrap", "streamBaseState")?
        .set(index, value);
    Ok(())
}

/// Calls `onread`.
pub(super) fn to_javascript(scope: &mut Scope<'_, '_>, core: &StreamCore, read: StreamRead) {
    let user_buffer = core
        .user_buffer
        .borrow()
        .as_ref()
        .map(|buffer| v8::Local::new(scope, buffer));
    match (read, user_buffer) {
        (StreamRead::Bytes(bytes), Some(buffer)) => {
            let mut rest = bytes.as_slice();
            let mut buffer = buffer;
            while !rest.is_empty() {
                let copied = with_bytes_mut(buffer, |room| {
                    let count = room.len().min(rest.len());
                    let (now, later) = rest.split_at(count);
                    if let Some(room) = room.get_mut(..count) {
                        room.copy_from_slice(now);
                    }
                    rest = later;
                    count
                })
                .unwrap_or(0);
                if copied == 0 {
                    return;
                }
                let status = i32::try_from(copied).unwrap_or(i32::MAX);
                let answer = call(scope, core, status, scope.undefined());
                if let Some(answer) = answer.filter(|answer| answer.is_array_buffer_view()) {
                    set_user_buffer(scope, core, answer);
                    buffer = answer;
                }
            }
        }
        (StreamRead::Bytes(bytes), None) => {
            let status = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
            let buffer = new_array_buffer(scope, bytes);
            call(scope, core, status, buffer.into());
        }
        (StreamRead::Failed(status), _) => {
            call(scope, core, status, scope.undefined());
        }
    }
}

/// Remembers the user's buffer.
pub(super) fn set_user_buffer(scope: &Scope<'_, '_>, core: &StreamCore, buffer: Value<'_>) {
    let len = with_bytes(buffer, <[u8]>::len).filter(|len| *len > 0);
    core.user_buffer_len.set(len);
    *core.user_buffer.borrow_mut() = len.map(|_| v8::Global::new(scope, buffer));
}

fn call<'s>(
    scope: &mut Scope<'s, '_>,
    core: &StreamCore,
    status: i32,
    value: Value<'s>,
) -> Option<Value<'s>> {
    let object = core.object(scope)?;
    let native = native_ref(scope, object)?;
    set_state(scope, READ_BYTES_OR_ERROR, f64::from(status)).ok()?;
    set_state(scope, ARRAY_BUFFER_OFFSET, 0.0).ok()?;
    let context = native
        .async_info()
        .map_or(CallContext::ROOT, CallContext::of);
    let onread = scope.get_property(object, "onread").ok()?;
    let onread = v8::Local::<v8::Function>::try_from(onread).ok()?;
    make_callback_in(scope, object, onread, &[value], &context)
}
