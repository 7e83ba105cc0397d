//! Running a signal handler of the program's: through the trampoline it exports, on its own stack, inside the call that
//! is about to return.
//!
//! `__cenote_signal(handler, signo, siginfo, ucontext)` is compiled into every program of our toolchain. Modules from
//! elsewhere are called through their exported function table. A `siglongjmp` out of a handler is an exception that
//! passes through here unchanged: the guest's own `catch` takes it, and the guest restores the mask itself.
//!
//! Differs: the alternate signal stack is not used; `ucontext` is zero.

use cenote_abi::signal::SaFlags;
use cenote_abi::wait::WaitStatus;
use cenote_kernel::signal::{HandlerCall, SigHandler};
use wasmtime::{AsContextMut, Caller, Ref, Val};

use super::layout;
use crate::error::Stop;
use crate::process::Process;

/// Handlers interrupted by handlers. Each takes a fiber stack of the pool.
const MAX_DEPTH: u32 = 12;

/// What clang may use below the stack pointer.
const RED_ZONE: u32 = 128;

const SIGINFO_SIZE: u32 = 128;
const UCONTEXT_SIZE: u32 = 936;

/// Calls a handler and comes back when it returned.
///
/// # Errors
/// [`Stop::End`]: the process cannot go on (no room for the frame, no such function, too many nested handlers).
/// Whatever the guest throws.
pub(super) async fn run_handler(
    caller: &mut Caller<'_, Process>,
    call: &HandlerCall,
) -> wasmtime::Result<()> {
    let SigHandler::Function(function) = call.action.handler else {
        return Ok(());
    };
    if caller.data().handler_depth() >= MAX_DEPTH {
        return Err(give_up(
            caller,
            "too many signal handlers interrupted by others",
        ));
    }
    let Some(pointer) = caller
        .data()
        .exports()
        .and_then(|exports| exports.stack_pointer)
    else {
        return Err(give_up(
            caller,
            "a handler, but the module exports no __stack_pointer",
        ));
    };
    let before = pointer
        .get(caller.as_context_mut())
        .i32()
        .unwrap_or(0)
        .cast_unsigned();
    let Some(frame) = push_frame(caller, before, call) else {
        return Err(give_up(caller, "no stack left for a signal handler"));
    };
    pointer.set(caller.as_context_mut(), Val::I32(frame.top.cast_signed()))?;
    caller.data_mut().handler_began();
    let result = call_function(caller, function, call, &frame).await;
    caller.data_mut().handler_ended();
    result?;
    pointer.set(caller.as_context_mut(), Val::I32(before.cast_signed()))?;
    Ok(())
}

/// Where a handler's arguments lie.
#[derive(Debug)]
struct Frame {
    top: u32,
    siginfo: u32,
    ucontext: u32,
}

fn push_frame(caller: &mut Caller<'_, Process>, before: u32, call: &HandlerCall) -> Option<Frame> {
    let top = before.checked_sub(RED_ZONE)? & !15;
    if !call.action.flags.contains(SaFlags::SA_SIGINFO) {
        return (top > 0).then_some(Frame {
            top,
            siginfo: 0,
            ucontext: 0,
        });
    }
    let siginfo = top.checked_sub(SIGINFO_SIZE)? & !15;
    let ucontext = siginfo.checked_sub(UCONTEXT_SIZE)? & !15;
    let memory = caller.data().memory().ok()?;
    let mut memory = crate::memory::GuestMemory::new(memory.data_mut(caller));
    memory.write(siginfo, &layout::siginfo(&call.info)).ok()?;
    memory.slice_mut(ucontext, UCONTEXT_SIZE).ok()?.fill(0);
    Some(Frame {
        top: ucontext,
        siginfo,
        ucontext,
    })
}

async fn call_function(
    caller: &mut Caller<'_, Process>,
    function: u64,
    call: &HandlerCall,
    frame: &Frame,
) -> wasmtime::Result<()> {
    let handler = i32::from_le_bytes(low_word(function));
    let (signo, siginfo, ucontext) = (
        call.signal.raw(),
        frame.siginfo.cast_signed(),
        frame.ucontext.cast_signed(),
    );
    let exports = caller.data().exports();
    if let Some(trampoline) = exports.and_then(|exports| exports.signal_trampoline.clone()) {
        return trampoline
            .call_async(caller.as_context_mut(), (handler, signo, siginfo, ucontext))
            .await;
    }
    let table = exports.and_then(|exports| exports.function_table);
    let entry = table.and_then(|table| table.get(caller.as_context_mut(), function));
    let Some(Ref::Func(Some(target))) = entry else {
        return Err(give_up(
            caller,
            "a handler that is no function of the module",
        ));
    };
    if let Ok(simple) = target.typed::<i32, ()>(&mut *caller) {
        return simple.call_async(caller.as_context_mut(), signo).await;
    }
    match target.typed::<(i32, i32, i32), ()>(&mut *caller) {
        Ok(full) => {
            full.call_async(caller.as_context_mut(), (signo, siginfo, ucontext))
                .await
        }
        Err(_) => Err(give_up(caller, "a handler of a type that no handler has")),
    }
}

fn low_word(value: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = value.to_le_bytes();
    [a, b, c, d]
}

/// Ends the process as a bad handler address would on Linux.
fn give_up(caller: &mut Caller<'_, Process>, reason: &'static str) -> wasmtime::Error {
    let task = caller.data().task();
    tracing::debug!(target: "cenote::signal", pid = %task.pid(), reason, "ended by SIGSEGV");
    task.exit(WaitStatus::Signaled {
        signal: cenote_abi::SigNum::SIGSEGV,
        core: true,
    });
    Stop::End.into()
}
