//! What a program may not have while its machine's time stands still: memory that two threads see at once.
//!
//! A thread that counts in shared memory is a clock as fine as any. So no realm has `SharedArrayBuffer`, a shared
//! `WebAssembly.Memory` keeps its buffer to itself, and neither travels to another thread ([`may_travel`]). Node's own library
//! manages without (V8 has a flag that takes the constructor away); what it shares between threads is one number.

use cenote_base::Timing;

use crate::environment::Environment;
use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt, Unlisted, Value};

/// Size of the buffers that Node's library shares between its threads; none of WebAssembly's has it.
const OWN_SIZE: usize = 4;

/// What hands out a memory's buffer, and what stands in its place.
static GUARDS: [(&str, &Unlisted); 3] = [
    ("buffer", &BUFFER),
    ("toFixedLengthBuffer", &TO_FIXED_LENGTH_BUFFER),
    ("toResizableBuffer", &TO_RESIZABLE_BUFFER),
];

/// To be registered with the bindings.
pub(crate) static BUFFER: Unlisted = Unlisted::new(buffer);
/// To be registered with the bindings.
pub(crate) static TO_FIXED_LENGTH_BUFFER: Unlisted = Unlisted::new(to_fixed_length_buffer);
/// To be registered with the bindings.
pub(crate) static TO_RESIZABLE_BUFFER: Unlisted = Unlisted::new(to_resizable_buffer);

/// Whether the machine's time stands still.
pub(crate) fn is_frozen(env: &Environment) -> bool {
    env.clock().timing() == Timing::Frozen
}

/// Whether a shared buffer may go to another thread.
pub(crate) fn may_travel(env: &Environment, buffer: v8::Local<'_, v8::SharedArrayBuffer>) -> bool {
    !is_frozen(env) || buffer.byte_length() == OWN_SIZE
}

/// Takes shared memory from the current realm, if time stands still.
pub(crate) fn hide_shared_memory(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    if !is_frozen(&scope.env()) {
        return Ok(());
    }
    let global = scope.get_current_context().global(scope);
    let name = scope.name("SharedArrayBuffer");
    global.delete(scope, name.into()).ok_or(Failure::Pending)?;
    let Ok(wasm) = Object::try_from(scope.get_property(global, "WebAssembly")?) else {
        return Ok(());
    };
    let Ok(memory) = Object::try_from(scope.get_property(wasm, "Memory")?) else {
        return Ok(());
    };
    let Ok(prototype) = Object::try_from(scope.get_property(memory, "prototype")?) else {
        return Ok(());
    };
    for (name, guard) in GUARDS {
        guard_property(scope, prototype, name, guard)?;
    }
    Ok(())
}

fn guard_property(
    scope: &mut Scope<'_, '_>,
    prototype: Object<'_>,
    name: &str,
    guard: &'static Unlisted,
) -> Result<(), Failure> {
    let key = scope.name(name);
    let described = prototype
        .get_own_property_descriptor(scope, key.into())
        .ok_or(Failure::Pending)?;
    let Ok(described) = Object::try_from(described) else {
        return Ok(());
    };
    let getter = scope.get_property(described, "get")?;
    let is_getter = getter.is_function();
    let original = if is_getter {
        getter
    } else {
        scope.get_property(described, "value")?
    };
    prototype
        .set_private(scope, original_key(scope, name), original)
        .ok_or(Failure::Pending)?;
    let title = if is_getter {
        format!("get {name}")
    } else {
        name.to_owned()
    };
    let function = scope.function(&title, guard).ok_or(Failure::Pending)?;
    let mut descriptor = if is_getter {
        v8::PropertyDescriptor::new_from_get_set(function.into(), scope.undefined())
    } else {
        v8::PropertyDescriptor::new_from_value_writable(function.into(), true)
    };
    descriptor.set_enumerable(true);
    descriptor.set_configurable(true);
    prototype
        .define_property(scope, key.into(), &descriptor)
        .ok_or(Failure::Pending)?;
    Ok(())
}

fn original_key<'s>(scope: &Scope<'s, '_>, name: &str) -> v8::Local<'s, v8::Private> {
    scope.private(&format!("cenote:memory:{name}"))
}

/// What the original answers, if it is no shared buffer.
fn guarded<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, name: &str) -> BindingResult<'s> {
    let this = args.this();
    let key = original_key(scope, name);
    let mut holder = Some(this);
    let original = loop {
        let Some(object) = holder else {
            return Err(Failure::type_error(
                "ERR_INVALID_THIS",
                "Receiver is not a WebAssembly.Memory",
            ));
        };
        let value = object.get_private(scope, key).ok_or(Failure::Pending)?;
        if let Ok(function) = v8::Local::<v8::Function>::try_from(value) {
            break function;
        }
        holder = object
            .get_prototype(scope)
            .and_then(|prototype| Object::try_from(prototype).ok());
    };
    let all: Vec<Value<'s>> = (0..args.len()).map(|index| args.get(index)).collect();
    let buffer = scope.call(original, this.into(), &all)?;
    if buffer.is_shared_array_buffer() {
        return Err(Failure::type_error(
            "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM",
            "There is no shared memory while this machine's time stands still",
        ));
    }
    Ok(buffer.into())
}

fn buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    guarded(scope, args, "buffer")
}

fn to_fixed_length_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    guarded(scope, args, "toFixedLengthBuffer")
}

fn to_resizable_buffer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    guarded(scope, args, "toResizableBuffer")
}
