//! `internalBinding('spawn_sync')`: a child run to its end while this thread waits. Node: `src/spawn_sync.cc`.
//!
//! One waiter is registered with everything that can change: the pipes, the children, the end of our own process.

use std::sync::Arc;

use cenote_abi::wait::WaitStatus;
use cenote_abi::{Errno, SigNum};
use cenote_base::wait::block_on;
use cenote_base::{Clock, MonoTime, Pid, Waiter};
use cenote_kernel::{Task, syscall};
use cenote_vfs::OpenFile;

use super::child::{Child, Stdio, channel, exit_of, reap};
use super::process_wrap::{bytes_of, id_of, list_of};
use crate::glue::{
    Args, Binding, BindingResult, Failure, Object, Scope, ScopeExt, Value, copy_bytes,
    new_node_buffer,
};

pub(super) const BINDING: Binding = Binding::new("spawn_sync").function("spawn", spawn);

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// Our end of one pipe to the child.
struct Pipe {
    file: Option<Arc<OpenFile>>,
    input: Vec<u8>,
    written: usize,
    /// What the child wrote, when it writes there.
    output: Option<Vec<u8>>,
}

impl Pipe {
    /// Moves what can be moved now. Answers how many bytes were read.
    fn advance(&mut self, chunk: &mut [u8]) -> usize {
        let Some(file) = self.file.clone() else {
            return 0;
        };
        while self.written < self.input.len() {
            match file.write(self.input.get(self.written..).unwrap_or_default()) {
                Ok(count @ 1..) => self.written += count,
                Err(error) if error.errno() == Errno::EAGAIN => break,
                // The child does not read (any more): what is left is lost, as with a real pipe.
                Ok(_) | Err(_) => self.written = self.input.len(),
            }
        }
        let Some(output) = &mut self.output else {
            if self.written == self.input.len() {
                self.file = None;
            }
            return 0;
        };
        let mut read = 0;
        loop {
            match file.read(chunk) {
                Ok(0) => self.file = None,
                Ok(count) => {
                    output.extend_from_slice(&chunk[..count]);
                    read += count;
                    continue;
                }
                Err(error) if error.errno() == Errno::EAGAIN => {}
                Err(_) => self.file = None,
            }
            return read;
        }
    }
}

/// A child on its way to its end.
struct Run {
    task: Arc<Task>,
    /// What the deadline is on.
    clock: Arc<dyn Clock>,
    pid: Pid,
    pipes: Vec<Option<Pipe>>,
    deadline: Option<MonoTime>,
    max_buffer: Option<usize>,
    kill_signal: SigNum,
    status: Option<WaitStatus>,
    error: Option<Errno>,
}

impl Run {
    fn kill(&mut self, why: Errno) {
        if self.error.is_none() {
            self.error = Some(why);
        }
        for pipe in self.pipes.iter_mut().flatten() {
            pipe.file = None;
        }
        if self.status.is_none()
            && let Err(error) = syscall::kill(&self.task, self.pid.raw(), Some(self.kill_signal))
        {
            tracing::debug!(target: "cenote::node", %error, "the child is gone already");
        }
    }

    /// One round; whether all is over.
    fn advance(&mut self, chunk: &mut [u8]) -> bool {
        let max = self.max_buffer.unwrap_or(usize::MAX);
        let mut overflow = false;
        for pipe in self.pipes.iter_mut().flatten() {
            pipe.advance(chunk);
            overflow |= pipe
                .output
                .as_ref()
                .is_some_and(|output| output.len() > max);
        }
        if overflow {
            self.kill(Errno::ENOBUFS);
        }
        if self.status.is_none() {
            self.status = reap(&self.task, self.pid);
        }
        let now = self.clock.now();
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.deadline = None;
            self.kill(Errno::ETIMEDOUT);
        }
        self.status.is_some() && self.pipes.iter().flatten().all(|pipe| pipe.file.is_none())
    }

    /// Waits for the child's end and for that of its output; `false` when our own process must end first.
    fn finish(&mut self, env: &crate::environment::Environment) -> bool {
        let waiter = Waiter::new();
        let mut chunk = vec![0; CHUNK];
        let files: Vec<Arc<OpenFile>> = self
            .pipes
            .iter()
            .flatten()
            .filter_map(|pipe| pipe.file.clone())
            .collect();
        let mut registrations: Vec<_> = files
            .iter()
            .filter_map(|file| file.wait_queue())
            .map(|queue| queue.register(Arc::clone(&waiter) as _))
            .collect();
        registrations.push(self.task.child_queue().register(Arc::clone(&waiter) as _));
        registrations.push(self.task.signal_queue().register(Arc::clone(&waiter) as _));
        // Our copies must not keep the pipes open.
        drop(files);
        loop {
            if self.advance(&mut chunk) {
                return true;
            }
            if self.task.must_end() {
                return false;
            }
            crate::program::note_signals(env);
            let timer = self.deadline.map(|deadline| self.clock.timer(deadline));
            block_on(crate::blocking::woken_or(&waiter, timer));
        }
    }
}

fn option<'s>(
    scope: &Scope<'s, '_>,
    options: Object<'s>,
    name: &str,
) -> Result<Value<'s>, Failure> {
    scope.get_property(options, name)
}

fn positive(value: Value<'_>) -> Option<f64> {
    v8::Local::<v8::Number>::try_from(value)
        .ok()
        .map(|number| number.value())
        .filter(|number| *number > 0.0)
}

/// The child's descriptors and our ends of them.
fn stdio<'s>(
    scope: &Scope<'s, '_>,
    task: &Task,
    value: Value<'s>,
) -> Result<(Vec<Stdio>, Vec<Option<Pipe>>), Failure> {
    let invalid = || {
        Failure::type_error(
            "ERR_INVALID_ARG_TYPE",
            "options.stdio must be an array of objects",
        )
    };
    let array = v8::Local::<v8::Array>::try_from(value).map_err(|_| invalid())?;
    let (mut stdio, mut pipes) = (Vec::new(), Vec::new());
    for index in 0..array.length() {
        let entry = Object::try_from(array.get_index(scope, index).ok_or(Failure::Pending)?)
            .map_err(|_| invalid())?;
        let kind = scope
            .get_property(entry, "type")?
            .to_rust_string_lossy(scope);
        match kind.as_str() {
            "ignore" => {
                stdio.push(Stdio::Ignore);
                pipes.push(None);
            }
            "pipe" => {
                let (ours, theirs) = channel(task)?;
                let input = copy_bytes(scope.get_property(entry, "input")?).unwrap_or_default();
                let output = scope
                    .get_property(entry, "writable")?
                    .boolean_value(scope)
                    .then(Vec::new);
                stdio.push(Stdio::File(theirs));
                pipes.push(Some(Pipe {
                    file: Some(ours),
                    input,
                    written: 0,
                    output,
                }));
            }
            _ => {
                let fd = scope
                    .get_property(entry, "fd")?
                    .int32_value(scope)
                    .ok_or(Failure::Pending)?;
                stdio.push(Stdio::Inherit(fd));
                pipes.push(None);
            }
        }
    }
    Ok((stdio, pipes))
}

/// `spawn(options)`: `{ pid, status, signal, output, error }`.
fn spawn<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let options = args.object(0)?;
    let file = bytes_of(scope, option(scope, options, "file")?).unwrap_or_default();
    super::permission::check(scope, super::permission::Permission::ChildProcess, &file)?;
    let env = scope.env();
    let task = Arc::clone(env.task());
    let clock = Arc::clone(env.steady_clock());
    let described = option(scope, options, "stdio").and_then(|value| stdio(scope, &task, value));
    let (stdio, pipes) = match described {
        Ok(described) => described,
        Err(Failure::System { errno, .. }) => return result(scope, None, Some(errno)),
        Err(failure) => return Err(failure),
    };
    let child = Child {
        args: list_of(scope, option(scope, options, "args")?).unwrap_or_else(|| vec![file.clone()]),
        file,
        cwd: bytes_of(scope, option(scope, options, "cwd")?).filter(|cwd| !cwd.is_empty()),
        env: list_of(scope, option(scope, options, "envPairs")?),
        stdio,
        detached: option(scope, options, "detached")?.boolean_value(scope),
        uid: id_of(scope, option(scope, options, "uid")?),
        gid: id_of(scope, option(scope, options, "gid")?),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive; saturates"
    )]
    let max_buffer = positive(option(scope, options, "maxBuffer")?).map(|bytes| bytes as usize);
    let max_buffer = if option(scope, options, "maxBuffer")?.is_number() {
        max_buffer.or(Some(0))
    } else {
        None
    };
    let timeout = positive(option(scope, options, "timeout")?);
    let kill_signal = option(scope, options, "killSignal")?
        .int32_value(scope)
        .and_then(SigNum::from_raw);
    let deadline = timeout.map(|millis| {
        let span = std::time::Duration::try_from_secs_f64(millis / 1e3)
            .unwrap_or(std::time::Duration::MAX);
        clock.now().after(span)
    });
    let pid = match child.start(&task) {
        Ok(pid) => pid,
        Err(error) => return result(scope, None, Some(error.errno().raw())),
    };
    let mut run = Run {
        task,
        clock,
        pid,
        pipes,
        deadline,
        max_buffer,
        kill_signal: kill_signal.unwrap_or(SigNum::SIGTERM),
        status: None,
        error: None,
    };
    if !run.finish(&env) {
        return Err(Failure::Pending);
    }
    let error = run.error.map(Errno::raw);
    result(scope, Some(run), error)
}

fn result<'s>(
    scope: &mut Scope<'s, '_>,
    run: Option<Run>,
    error: Option<i32>,
) -> BindingResult<'s> {
    let object = scope.object();
    let pid = v8::Integer::new(scope, run.as_ref().map_or(0, |run| run.pid.raw()));
    if let Some(errno) = error {
        let errno = v8::Integer::new(scope, -errno);
        scope.set(object, "error", errno.into());
    }
    let (code, signal) = run
        .as_ref()
        .and_then(|run| run.status)
        .map_or((None, None), |status| {
            let (code, signal) = exit_of(status);
            (signal.is_none().then_some(code), signal)
        });
    let code: Value<'s> =
        code.map_or_else(|| scope.null(), |code| v8::Integer::new(scope, code).into());
    scope.set(object, "status", code);
    let signal: Value<'s> =
        signal.map_or_else(|| scope.null(), |signal| scope.name(signal.name()).into());
    scope.set(object, "signal", signal);
    let output: Value<'s> = match run {
        None => scope.null(),
        Some(run) => {
            let mut list = Vec::with_capacity(run.pipes.len());
            for pipe in run.pipes {
                list.push(match pipe.and_then(|pipe| pipe.output) {
                    Some(bytes) => new_node_buffer(scope, bytes)
                        .ok_or(Failure::Pending)?
                        .into(),
                    None => scope.null(),
                });
            }
            scope.array(&list).into()
        }
    };
    scope.set(object, "output", output);
    scope.set(object, "pid", pid.into());
    Ok(object.into())
}
