//! System calls that wait, made from a node thread.
//!
//! The thread belongs to one process, so a synchronous call may simply block it. Signals that come meanwhile are noted for the
//! event loop and the call goes on, as libuv restarts its calls; only the end of the process cuts one short.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use cenote_base::clock::Timer;
use cenote_base::wait::block_on;
use cenote_base::{SysResult, Waiter};

use crate::environment::Environment;

/// Runs a call to its end on this thread; `call` is made again after a signal with a handler.
///
/// # Errors
/// Those of the call; `EINTR` only when the process must end.
pub(crate) fn blocking<T>(
    env: &Environment,
    mut call: impl AsyncFnMut() -> SysResult<T>,
) -> SysResult<T> {
    loop {
        match block_on(call()) {
            Err(error) if error.is_restartable() && !env.task().must_end() => {
                crate::program::note_signals(env)
            }
            outcome => return outcome,
        }
    }
}

/// Waits until woken, or until the timer ends.
pub(crate) async fn woken_or(waiter: &Waiter, mut timer: Option<Timer>) {
    let mut woken = pin!(waiter.woken());
    poll_fn(|cx| {
        if woken.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        timer
            .as_mut()
            .map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    })
    .await;
}
