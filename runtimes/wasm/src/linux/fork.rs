//! `cenote.fork`: unwinding the stack into memory, copying the instance, rewinding both.
//!
//! The module went through Binaryen's asyncify for this one import. The import notes a buffer in the dead part of the
//! stack and says *unwind*; `_start` then returns to `program.rs`, which calls [`complete`]; both instances say
//! *rewind* and enter `_start` again, until the import is reached a second time and answers. Asyncify is steered by
//! exported globals where there are some, else by its exported functions.
//!
//! Linux's fork(2) in all the kernel keeps; in memory the child is a copy, of which only written pages are copied.

use cenote_abi::Errno;
use cenote_base::SysResult;
use cenote_kernel::syscall;
use wasmtime::{AsContextMut, Global, Store, TypedFunc, Val};

use super::call::Call;
use super::dirty_pages;
use crate::process::Process;

/// What the unwound stack may take: some hundred bytes are usual, deep recursion takes more.
const BUFFER: u32 = 256 << 10;

/// What clang may use below the stack pointer.
const RED_ZONE: u32 = 128;

const STATE_NORMAL: i32 = 0;
const STATE_UNWIND: i32 = 1;
const STATE_REWIND: i32 = 2;

/// Where a process stands in a fork.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum ForkState {
    /// In none.
    #[default]
    None,
    /// The stack is being unwound into the buffer at this address.
    Unwinding { buffer: u32 },
    /// The stack is being rewound; the call will answer this.
    Rewinding { answer: i32 },
}

/// How a module's asyncify is told what to do.
#[derive(Clone)]
pub(crate) enum Asyncify {
    /// By its globals.
    Globals { state: Global, data: Global },
    /// By calling it.
    Functions(Box<AsyncifyFunctions>),
}

/// The functions that asyncify exports.
#[derive(Clone)]
pub(crate) struct AsyncifyFunctions {
    pub(crate) start_unwind: TypedFunc<i32, ()>,
    pub(crate) stop_unwind: TypedFunc<(), ()>,
    pub(crate) start_rewind: TypedFunc<i32, ()>,
    pub(crate) stop_rewind: TypedFunc<(), ()>,
}

impl Asyncify {
    async fn start_unwind(
        &self,
        mut store: impl AsContextMut<Data = Process>,
        buffer: i32,
    ) -> wasmtime::Result<()> {
        match self {
            Self::Globals { state, data } => {
                data.set(&mut store, Val::I32(buffer))?;
                state.set(&mut store, Val::I32(STATE_UNWIND))
            }
            Self::Functions(functions) => {
                functions.start_unwind.call_async(&mut store, buffer).await
            }
        }
    }

    async fn stop_unwind(
        &self,
        mut store: impl AsContextMut<Data = Process>,
    ) -> wasmtime::Result<()> {
        match self {
            Self::Globals { state, .. } => state.set(&mut store, Val::I32(STATE_NORMAL)),
            Self::Functions(functions) => functions.stop_unwind.call_async(&mut store, ()).await,
        }
    }

    async fn start_rewind(
        &self,
        mut store: impl AsContextMut<Data = Process>,
        buffer: i32,
    ) -> wasmtime::Result<()> {
        match self {
            Self::Globals { state, data } => {
                data.set(&mut store, Val::I32(buffer))?;
                state.set(&mut store, Val::I32(STATE_REWIND))
            }
            Self::Functions(functions) => {
                functions.start_rewind.call_async(&mut store, buffer).await
            }
        }
    }

    async fn stop_rewind(
        &self,
        mut store: impl AsContextMut<Data = Process>,
    ) -> wasmtime::Result<()> {
        match self {
            Self::Globals { state, .. } => state.set(&mut store, Val::I32(STATE_NORMAL)),
            Self::Functions(functions) => functions.stop_rewind.call_async(&mut store, ()).await,
        }
    }
}

/// The import: begins a fork, or answers the one that was rewound to here.
///
/// # Errors
/// wasmtime's, from asyncify's functions.
pub(super) async fn fork(call: &mut Call<'_>) -> wasmtime::Result<i32> {
    let process = call.process();
    let exports = process.exports().cloned();
    let Some((asyncify, pointer)) =
        exports.and_then(|exports| Some((exports.asyncify.clone()?, exports.stack_pointer?)))
    else {
        return Ok(-Errno::ENOSYS.raw());
    };
    if let ForkState::Rewinding { answer } = process.fork {
        process.fork = ForkState::None;
        asyncify.stop_rewind(call.caller()).await?;
        return Ok(answer);
    }
    // Inside a handler the host's own frame is on the stack, which nobody can unwind.
    if process.handler_depth() > 0 {
        tracing::debug!(target: "cenote::syscall", pid = %process.task().pid(), "fork inside a signal handler");
        return Ok(-Errno::ENOSYS.raw());
    }
    let top = pointer
        .get(call.caller().as_context_mut())
        .i32()
        .unwrap_or(0)
        .cast_unsigned();
    let Some(buffer) = note_buffer(call, top) else {
        return Ok(-Errno::ENOMEM.raw());
    };
    asyncify
        .start_unwind(call.caller(), buffer.cast_signed())
        .await?;
    call.process().fork = ForkState::Unwinding { buffer };
    Ok(0)
}

/// Writes `{ current, end }` of the buffer below the stack pointer.
fn note_buffer(call: &mut Call<'_>, stack_pointer: u32) -> Option<u32> {
    let end = stack_pointer.checked_sub(RED_ZONE)? & !15;
    let buffer = end.saturating_sub(BUFFER).max(16);
    if end < buffer + 1024 {
        return None;
    }
    let mut memory = call.memory().ok()?;
    memory.write(buffer, &(buffer + 8).to_le_bytes()).ok()?;
    memory.write(buffer + 4, &end.to_le_bytes()).ok()?;
    Some(buffer)
}

/// Why `_start` returned.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The program ended.
    NoFork,
    /// It forked: here is the child, if there could be one. Both are to be entered again.
    Forked(Option<Store<Process>>),
}

/// Makes the child of a process whose stack was unwound, and says *rewind* in both.
///
/// # Errors
/// wasmtime's, from the parent's own asyncify; what keeps the child from being is the call's answer instead.
pub(crate) async fn complete(parent: &mut Store<Process>) -> wasmtime::Result<Outcome> {
    let ForkState::Unwinding { buffer } = parent.data().fork else {
        return Ok(Outcome::NoFork);
    };
    let Some(asyncify) = parent
        .data()
        .exports()
        .and_then(|exports| exports.asyncify.clone())
    else {
        return Ok(Outcome::NoFork);
    };
    asyncify.stop_unwind(&mut *parent).await?;
    let child = make_child(parent, buffer).await;
    let answer = match &child {
        Ok(child) => child.data().task().pid().raw(),
        Err(error) => -error.errno().raw(),
    };
    parent.data_mut().fork = ForkState::Rewinding { answer };
    asyncify
        .start_rewind(&mut *parent, buffer.cast_signed())
        .await?;
    Ok(Outcome::Forked(child.ok()))
}

async fn make_child(parent: &mut Store<Process>, buffer: u32) -> SysResult<Store<Process>> {
    // The instance first: it can fail where the pool is used up, and then there is no process to take back.
    let mut child = parent.data().fork_store()?;
    crate::program::instantiate(&mut child).await?;
    copy_memory(parent, &mut child)?;
    let pointer = |store: &Store<Process>| {
        store
            .data()
            .exports()
            .and_then(|exports| exports.stack_pointer)
    };
    if let (Some(from), Some(to)) = (pointer(parent), pointer(&child)) {
        let value = from.get(&mut *parent);
        to.set(&mut child, value).map_err(|_| Errno::ENOMEM)?;
    }
    let asyncify = child
        .data()
        .exports()
        .and_then(|exports| exports.asyncify.clone())
        .ok_or(Errno::ENOSYS)?;
    asyncify
        .start_rewind(&mut child, buffer.cast_signed())
        .await
        .map_err(|_| Errno::ENOMEM)?;
    let task = syscall::fork(parent.data().task())?;
    child.data_mut().become_child(task);
    child.data_mut().fork = ForkState::Rewinding { answer: 0 };
    Ok(child)
}

fn copy_memory(parent: &mut Store<Process>, child: &mut Store<Process>) -> SysResult {
    let (from, to) = (parent.data().memory()?, child.data().memory()?);
    let grow = from.size(&*parent).saturating_sub(to.size(&*child));
    if grow > 0 {
        to.grow(&mut *child, grow).map_err(|_| Errno::ENOMEM)?;
    }
    dirty_pages::copy(from.data(&*parent), to.data_mut(child));
    Ok(())
}
