//! `poll_oneoff`: waits for files and for time.

use std::time::Duration;

use cenote_abi::poll::PollEvents;
use cenote_abi::wasi;
use cenote_kernel::syscall::{self, PollFd};

use super::args::clock;
use super::{Call, Outcome, Refusal};
use crate::blocking::blocking;

/// Bytes of a `subscription` and of an `event`.
const SUBSCRIPTION: usize = 48;

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

pub(super) fn poll_oneoff(
    call: &mut Call<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    result: u32,
) -> Outcome {
    if count == 0 || count > MAX_SUBSCRIPTIONS {
        return Err(Refusal::INVALID);
    }
    let len = u32::try_from(SUBSCRIPTION)
        .unwrap_or(0)
        .saturating_mul(count);
    let bytes = call.memory.read(subscriptions, len)?;
    let mut fds = Vec::new();
    let (records, _) = bytes.as_chunks::<SUBSCRIPTION>();
    let list = records
        .iter()
        .map(|record| decode(call, record, &mut fds))
        .collect::<Outcome<Vec<_>>>()?;
    let has_failed = list
        .iter()
        .any(|one| matches!(one.wanted, Wanted::Failed(_)));
    let shortest = list.iter().filter_map(|one| match one.wanted {
        Wanted::Clock(after) => Some(after),
        _ => None,
    });
    let timeout = if has_failed {
        Some(Duration::ZERO)
    } else {
        shortest.min()
    };
    let task = call.task();
    let ready = blocking(&call.env, async || {
        syscall::poll(task, &mut fds, timeout, None).await
    })?;
    let mut out = Vec::new();
    let mut told = 0;
    for one in &list {
        let (errno, flags) = match one.wanted {
            Wanted::Failed(errno) => (errno, 0),
            Wanted::Clock(after) if ready == 0 && timeout.is_some_and(|passed| after <= passed) => {
                (wasi::SUCCESS, 0)
            }
            Wanted::Clock(_) => continue,
            Wanted::Ready(index) => match fds.get(index).map(|fd| fd.revents) {
                Some(revents) if revents.contains(PollEvents::POLLNVAL) => (wasi::BADF, 0),
                Some(revents) if !revents.is_empty() => {
                    let has_ended = revents.contains(PollEvents::POLLHUP);
                    (wasi::SUCCESS, u16::from(has_ended))
                }
                _ => continue,
            },
        };
        out.extend(event(one, errno, flags));
        told += 1;
    }
    call.memory.write(events, &out)?;
    call.memory.write_u32(result, told)
}

fn decode(
    call: &Call<'_>,
    record: &[u8; SUBSCRIPTION],
    fds: &mut Vec<PollFd>,
) -> Outcome<Subscription> {
    let (words, _) = record.as_chunks::<4>();
    let word = |at: usize| words.get(at / 4).copied().map_or(0, u32::from_le_bytes);
    let long = |at: usize| u64::from(word(at)) | (u64::from(word(at + 4)) << 32);
    let kind = record[8];
    let wanted = match kind {
        0 => {
            let timeout = long(24);
            let is_absolute = word(40) & 1 != 0;
            let left = if is_absolute {
                let now = syscall::clock_gettime(call.task(), clock(word(16).cast_signed())?)?;
                timeout.saturating_sub(wasi::timestamp(now))
            } else {
                timeout
            };
            Wanted::Clock(Duration::from_nanos(left))
        }
        1 | 2 => match call.wasi.descriptors.borrow().get(word(16).cast_signed()) {
            Ok(entry) => {
                let events = if kind == 1 {
                    PollEvents::POLLIN
                } else {
                    PollEvents::POLLOUT
                };
                fds.push(PollFd::new(entry.fd, events));
                Wanted::Ready(fds.len() - 1)
            }
            Err(Refusal(errno)) => Wanted::Failed(errno),
        },
        _ => return Err(Refusal::INVALID),
    };
    Ok(Subscription {
        user_data: long(0),
        kind,
        wanted,
    })
}

fn event(subscription: &Subscription, errno: u16, flags: u16) -> Vec<u8> {
    let mut bytes = subscription.user_data.to_le_bytes().to_vec();
    bytes.extend(errno.to_le_bytes());
    bytes.extend([subscription.kind, 0, 0, 0, 0, 0]);
    // How many bytes there are is not known; that it is more than none is.
    let has_bytes = subscription.kind != 0 && errno == wasi::SUCCESS;
    bytes.extend(u64::from(has_bytes).to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    bytes.extend([0; 6]);
    bytes
}
