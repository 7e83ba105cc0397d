//! A process whose program is the embedder's, while it runs.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use cenote_abi::SigNum;
use cenote_abi::signal::{DefaultAction, SaFlags};
use cenote_abi::wait::WaitStatus;
use cenote_base::Waiter;
use cenote_kernel::{Delivery, Program, SigAction, SigHandler, Task, syscall};
use tokio::runtime::Handle;

use super::executor::{CommandEnd, Running};
use super::streams::ProcessSide;

/// The signals that the embedder hears of.
const PASSED_ON: [SigNum; 7] = [
    SigNum::SIGHUP,
    SigNum::SIGINT,
    SigNum::SIGQUIT,
    SigNum::SIGTERM,
    SigNum::SIGUSR1,
    SigNum::SIGUSR2,
    SigNum::SIGALRM,
];

/// A program of the embedder that runs already; its process takes over now.
pub(super) struct CommandProgram {
    running: Running,
    side: ProcessSide,
    handle: Handle,
}

impl CommandProgram {
    pub(super) fn new(running: Running, side: ProcessSide, handle: Handle) -> Self {
        Self {
            running,
            side,
            handle,
        }
    }
}

impl Program for CommandProgram {
    fn start(self: Box<Self>, task: Arc<Task>) {
        let Self {
            running,
            side,
            handle,
        } = *self;
        catch_signals(&task);
        side.attach(&task);
        handle.spawn(async move {
            let status = live(&task, running, &side).await;
            // Its ends of pipes go before its parent hears of the end.
            drop(side);
            task.exit(status);
            task.finish();
        });
    }
}

/// Has the signals that the embedder hears of come to us, but for those that the starter ignores.
fn catch_signals(task: &Task) {
    let own = SigAction {
        handler: SigHandler::Function(1),
        flags: SaFlags::SA_RESTART,
        ..SigAction::default()
    };
    for signal in PASSED_ON {
        let is_default = syscall::rt_sigaction(task, signal, None)
            .is_ok_and(|action| action.handler == SigHandler::Default);
        if is_default && let Err(error) = syscall::rt_sigaction(task, signal, Some(own)) {
            tracing::debug!(target: "cenote::host_command", %error, %signal, "not passed on");
        }
    }
}

/// The life of the process: until the embedder says how it ended, or a signal ends it.
async fn live(task: &Arc<Task>, mut running: Running, side: &ProcessSide) -> WaitStatus {
    let waiter = Waiter::new();
    let _registration = task.signal_queue().register(waiter.clone());
    loop {
        // A stop waits in here, and the embedder's future with it.
        loop {
            match task.next_delivery().await {
                Delivery::None => break,
                // Its status is known already.
                Delivery::End => return WaitStatus::Exited(0),
                Delivery::Handler(call) => {
                    let is_taken = side.pass_on(call.signal);
                    task.handler_returned(&call);
                    if !is_taken {
                        return by_signal(call.signal);
                    }
                }
            }
        }
        let mut woken = std::pin::pin!(waiter.woken());
        let end = poll_fn(|cx| match poll(&mut running, cx) {
            Poll::Ready(end) => Poll::Ready(Some(end)),
            Poll::Pending => woken.as_mut().poll(cx).map(|()| None),
        })
        .await;
        match end {
            Some(CommandEnd::Exited(status)) => return WaitStatus::Exited(status),
            Some(CommandEnd::Signaled(signal)) => return by_signal(signal),
            None => {}
        }
    }
}

fn by_signal(signal: SigNum) -> WaitStatus {
    WaitStatus::Signaled {
        signal,
        core: signal.default_action() == DefaultAction::CoreDump,
    }
}

/// The embedder's future; one that panics has ended by `SIGABRT`.
fn poll(running: &mut Running, cx: &mut Context<'_>) -> Poll<CommandEnd> {
    catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)))
        .unwrap_or(Poll::Ready(CommandEnd::Signaled(SigNum::SIGABRT)))
}
