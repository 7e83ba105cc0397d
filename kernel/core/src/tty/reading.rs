//! Reading a terminal as a program does: lines as they are done, raw bytes at the pace of `VMIN` and `VTIME`. Linux: `n_tty_read`.

use std::time::Duration;

use cenote_abi::Errno;
use cenote_base::SysResult;
use cenote_vfs::{File, OpenFile};

use super::controlling::await_foreground_to_read;
use super::ends::PtySlave;
use crate::process::Task;

/// Reads from a terminal; nothing: the file is none.
pub(crate) async fn read(task: &Task, file: &OpenFile, buf: &mut [u8]) -> Option<SysResult<usize>> {
    let slave = file.downcast::<PtySlave>()?;
    Some(read_paced(task, file, slave, buf).await)
}

async fn read_paced(
    task: &Task,
    file: &OpenFile,
    slave: &PtySlave,
    buf: &mut [u8],
) -> SysResult<usize> {
    await_foreground_to_read(task, slave).await?;
    if file.is_nonblocking() || buf.is_empty() {
        return file.read(buf);
    }
    let Some(queue) = slave.wait_queue() else {
        return file.read(buf);
    };
    let pace = slave.terminal().state.lock().discipline.pace();
    let limit = Duration::from_millis(u64::from(pace.tenths) * 100);
    let queues = [queue];
    let mut count = 0;
    loop {
        // With a minimum the time counts from the first byte on, without one it counts for the first.
        let is_timed = pace.tenths > 0 && (pace.minimum == 0 || count > 0);
        let deadline = is_timed.then(|| task.kernel().clock().now().after(limit));
        let rest = buf.get_mut(count..).unwrap_or_default();
        let read = task.wait_until(&queues, deadline, || match file.read(rest) {
            Err(error) if error.errno() == Errno::EAGAIN => None,
            done => Some(done),
        });
        match read.await {
            Err(_) if count > 0 => return Ok(count),
            Err(error) => return Err(error),
            Ok(None | Some(0)) => return Ok(count),
            Ok(Some(more)) => count += more,
        }
        if count >= pace.minimum || count >= buf.len() {
            return Ok(count);
        }
    }
}
