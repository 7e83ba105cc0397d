//! `internalBinding('buffer')`. Node: src/node_buffer.cc.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("buffer")
    .note("being written")
    .function("setBufferPrototype", set_buffer_prototype)
    .function("createUnsafeArrayBuffer", create_unsafe_array_buffer);

fn set_buffer_prototype<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let prototype = args.object(0)?;
    scope.env().store(scope, Stored::BufferPrototype, prototype.into());
    Ok(().into())
}

/// `new ArrayBuffer(size)`; zeroed, because a guest must not see what was there before.
fn create_unsafe_array_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let size = args.usize(0)?;
    let buffer = crate::glue::allocate_array_buffer(scope, size)?;
    Ok(buffer.into())
}
