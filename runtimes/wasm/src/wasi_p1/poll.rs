//! `poll_oneoff`: clocks and descriptors at once, over the kernel's `poll`.

use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::poll::PollEvents;
use cenote_base::SysResult;
use cenote_kernel::syscall::{self, PollFd};

use super::clock::clock;
use super::descriptors::Descriptors;
use super::fd::write_u32;
use crate::linux::call::Call;
use crate::memory::widen;
use cenote_abi::wasi;

/// Bytes of a `subscription` and of an `event`.
const SUBSCRIPTION: u32 = 48;
const EVENT: usize = 32;

/// Subscriptions one call may have.
const MAX_SUBSCRIPTIONS: u32 = 65_536;

/// What a subscription waits for.
enum Wanted {
    /// That this much time passes.
    Clock(Duration),
    /// That this entry of the poll list is ready.
    Ready(usize),
    /// Nothing: it failed at once.
    Failed(u16),
}

struct Subscription {
    user_data: u64,
    kind: u8,
    wanted: Wanted,
}

pub(super) async fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    result: u32,
) -> SysResult {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Errno::EINVAL.into());
    }
    let descriptors = call.process().descriptors.clone();
    let (mut memory, task) = call.parts()?;
    let mut fds = Vec::new();
    let mut list = Vec::new();
    for bytes in memory
        .slice(subscriptions, count * SUBSCRIPTION)?
        .chunks_exact(widen(SUBSCRIPTION))
    {
        list.push(decode(task, &descriptors, bytes, &mut fds)?);
    }
    let deadline = list
        .iter()
        .filter_map(|one| {
            if let Wanted::Clock(after) = one.wanted {
                Some(after)
            } else {
                None
            }
        })
        .min();
    let timeout = if list
        .iter()
        .any(|one| matches!(one.wanted, Wanted::Failed(_)))
    {
        Some(Duration::ZERO)
    } else {
        deadline
    };
    let ready = syscall::poll(task, &mut fds, timeout, None).await?;
    let mut out = Vec::new();
    for one in &list {
        let (errno, flags) = match one.wanted {
            Wanted::Failed(errno) => (errno, 0),
            Wanted::Clock(after) if ready == 0 && timeout.is_some_and(|passed| after <= passed) => {
                (wasi::SUCCESS, 0)
            }
            Wanted::Clock(_) => continue,
            Wanted::Ready(index) => match fds.get(index).map(|fd| fd.revents) {
                Some(revents) if revents.contains(PollEvents::POLLNVAL) => (wasi::BADF, 0),
                Some(revents) if !revents.is_empty() => (
                    wasi::SUCCESS,
                    u16::from(revents.contains(PollEvents::POLLHUP)),
                ),
                _ => continue,
            },
        };
        out.push(event(one, errno, flags));
    }
    let bytes: Vec<u8> = out.concat();
    if !bytes.is_empty() {
        memory.write(events, &bytes)?;
    }
    write_u32(&mut memory, result, out.len())
}

fn decode(
    task: &cenote_kernel::Task,
    descriptors: &Descriptors,
    bytes: &[u8],
    fds: &mut Vec<PollFd>,
) -> SysResult<Subscription> {
    let u64_at = |at: usize| {
        bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .copied()
            .map_or(0, u64::from_le_bytes)
    };
    let u32_at = |at: usize| bytes.get(at..).map_or(0, crate::memory::number);
    let kind = bytes.get(8).copied().unwrap_or(u8::MAX);
    let wanted = match kind {
        0 => {
            let timeout = u64_at(24);
            let is_absolute = u32_at(40) & 1 != 0;
            let left = if is_absolute {
                let now = syscall::clock_gettime(task, clock(u32_at(16).cast_signed())?)?;
                timeout.saturating_sub(wasi::timestamp(now))
            } else {
                timeout
            };
            Wanted::Clock(Duration::from_nanos(left))
        }
        1 | 2 => match descriptors.get(u32_at(16).cast_signed()) {
            Ok(fd) => {
                fds.push(PollFd::new(
                    fd,
                    if kind == 1 {
                        PollEvents::POLLIN
                    } else {
                        PollEvents::POLLOUT
                    },
                ));
                Wanted::Ready(fds.len() - 1)
            }
            Err(error) => Wanted::Failed(wasi::errno(error.errno())),
        },
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok(Subscription {
        user_data: u64_at(0),
        kind,
        wanted,
    })
}

fn event(subscription: &Subscription, errno: u16, flags: u16) -> [u8; EVENT] {
    let mut bytes = [0; EVENT];
    bytes[..8].copy_from_slice(&subscription.user_data.to_le_bytes());
    bytes[8..10].copy_from_slice(&errno.to_le_bytes());
    bytes[10] = subscription.kind;
    // How many bytes there are is not known; that it is more than none is.
    if subscription.kind != 0 && errno == wasi::SUCCESS {
        bytes[16..24].copy_from_slice(&1_u64.to_le_bytes());
    }
    bytes[24..26].copy_from_slice(&flags.to_le_bytes());
    bytes
}
