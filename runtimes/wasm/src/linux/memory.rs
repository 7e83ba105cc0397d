//! `mmap` and its kin over linear memory.
//!
//! Anonymous maps are ranges of the program's own memory; maps of files are copies, read when they are made. A shared
//! map that may be written is written back by `msync`, by `munmap` and when the program ends, page by page where its
//! contents changed. The break never moves: allocators then take `mmap`.
//!
//! Differs: no sharing between processes, no protection (`mprotect` answers 0 and changes nothing), `MAP_FIXED` only
//! within memory that the host gives out.

use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_abi::mman::{
    MADV_DONTNEED, MADV_NORMAL, MADV_POPULATE_WRITE, MapFlags, MremapFlags, MsyncFlags, ProtFlags,
};
use cenote_base::{Fd, SysResult};
use cenote_kernel::{Task, syscall};
use cenote_vfs::OpenFile;

use super::address_space::{PAGE, round_up};
use super::call::Call;
use crate::memory::{GuestMemory, widen};

/// Memory is grown by at least this, so that small maps do not each grow it.
const GROWTH: u64 = 1 << 20;

/// The size of WebAssembly's own pages.
const WASM_PAGE: u64 = 65_536;

/// File maps one process can have; Linux's `max_map_count` is of the same order.
const MAX_SHARED_MAPS: usize = 4_096;

/// A map of a file that is written back.
#[derive(Clone, Debug)]
pub(crate) struct SharedMap {
    range: Range<u64>,
    file: Arc<OpenFile>,
    offset: u64,
    /// A hash of each page as it was read or written back last.
    pages: Vec<u64>,
}

pub(super) fn brk(call: &mut Call<'_>, _wanted: u32) -> SysResult<u64> {
    Ok(call.process().space.start())
}

pub(super) async fn mmap(
    call: &mut Call<'_>,
    address: u32,
    len: u32,
    prot: i32,
    flags: i32,
    fd: i32,
    offset: i64,
) -> SysResult<u64> {
    let flags = MapFlags::from_bits_truncate(flags.cast_unsigned());
    let prot = ProtFlags::from_bits_truncate(prot.cast_unsigned());
    let offset = super::fd::position(offset)?;
    if len == 0 || !offset.is_multiple_of(PAGE) || !flags.intersects(MapFlags::MAP_SHARED_VALIDATE)
    {
        return Err(Errno::EINVAL.into());
    }
    let file = if flags.contains(MapFlags::MAP_ANONYMOUS) {
        None
    } else {
        let file = call.task().files().get(Fd::new(fd))?;
        if file.stat()?.file_type() == Some(FileType::Directory) {
            return Err(Errno::ENODEV.into());
        }
        check_access(&file, prot, flags)?;
        Some(file)
    };
    let len = round_up(u64::from(len));
    let start = place(call, u64::from(address), len, flags)?;
    let Some(file) = file else { return Ok(start) };
    let result = read_file(call, &file, start, len, offset).await;
    if let Err(error) = result {
        call.process().space.put_back(start..start + len);
        return Err(error);
    }
    if flags.contains(MapFlags::MAP_SHARED) && prot.contains(ProtFlags::PROT_WRITE) {
        let (memory, process) = call.memory_and_process()?;
        if process.shared_maps.len() >= MAX_SHARED_MAPS {
            return Err(Errno::ENOMEM.into());
        }
        let pages = page_hashes(&memory, &(start..start + len))?;
        process.shared_maps.push(SharedMap {
            range: start..start + len,
            file,
            offset,
            pages,
        });
    }
    Ok(start)
}

fn check_access(file: &OpenFile, prot: ProtFlags, flags: MapFlags) -> SysResult {
    let mode = file.flags().access_mode();
    let writes_back = flags.contains(MapFlags::MAP_SHARED) && prot.contains(ProtFlags::PROT_WRITE);
    if !mode.can_read() || (writes_back && !mode.can_write()) {
        return Err(Errno::EACCES.into());
    }
    if file.file().is_seekable() {
        Ok(())
    } else {
        Err(Errno::ENODEV.into())
    }
}

/// Finds room, zeroed, growing the memory where there is none.
fn place(call: &mut Call<'_>, address: u64, len: u64, flags: MapFlags) -> SysResult<u64> {
    let memory = call.process().memory()?;
    let size = u64::try_from(memory.data_size(&*call.caller())).unwrap_or(u64::MAX);
    call.process().space.notice_size(size);
    let clean_from = call.process().space.untouched();
    let start = if flags.intersects(MapFlags::MAP_FIXED | MapFlags::MAP_FIXED_NOREPLACE) {
        let range = address..address.saturating_add(len);
        if !address.is_multiple_of(PAGE) {
            return Err(Errno::EINVAL.into());
        }
        let (guest, process) = call.memory_and_process()?;
        if flags.contains(MapFlags::MAP_FIXED_NOREPLACE) && !process.space.is_free(&range) {
            return Err(Errno::EEXIST.into());
        }
        forget_shared(&guest, &mut process.shared_maps, &range);
        if !process.space.take_fixed(range) {
            return Err(Errno::ENOMEM.into());
        }
        address
    } else {
        match call.process().space.take(len) {
            Some(start) => start,
            None => {
                grow(call, len)?;
                call.process().space.take(len).ok_or(Errno::ENOMEM)?
            }
        }
    };
    if start < clean_from {
        let end = (start + len).min(clean_from);
        zero(call, start..end)?;
    }
    Ok(start)
}

fn zero(call: &mut Call<'_>, range: Range<u64>) -> SysResult {
    let mut memory = call.memory()?;
    let range = indices(&range)?;
    memory.all().get_mut(range).ok_or(Errno::EFAULT)?.fill(0);
    Ok(())
}

fn indices(range: &Range<u64>) -> SysResult<Range<usize>> {
    let index = |value: u64| usize::try_from(value).map_err(|_| Errno::EFAULT);
    Ok(index(range.start)?..index(range.end)?)
}

fn grow(call: &mut Call<'_>, len: u64) -> SysResult {
    let memory = call.process().memory()?;
    let missing = call.process().space.missing(len);
    let pages = |bytes: u64| bytes.div_ceil(WASM_PAGE);
    let caller = call.caller();
    // Near the limit less than the usual step may still fit.
    memory
        .grow(&mut *caller, pages(missing.max(GROWTH)))
        .or_else(|_| memory.grow(&mut *caller, pages(missing)))
        .map_err(|_| Errno::ENOMEM)?;
    let size = u64::try_from(memory.data_size(&*caller)).unwrap_or(u64::MAX);
    call.process().space.extend(size);
    Ok(())
}

/// Reads a file into a range; what lies past its end stays zero.
async fn read_file(
    call: &mut Call<'_>,
    file: &Arc<OpenFile>,
    start: u64,
    len: u64,
    offset: u64,
) -> SysResult {
    let range = indices(&(start..start + len))?;
    let mut memory = call.memory()?;
    let target = memory.all().get_mut(range).ok_or(Errno::EFAULT)?;
    let mut done = 0;
    while let Some(rest) = target.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(u64::try_from(done).unwrap_or(u64::MAX));
        match file.file().read(at, rest)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(())
}

fn page_hashes(memory: &GuestMemory<'_>, range: &Range<u64>) -> SysResult<Vec<u64>> {
    let start = u32::try_from(range.start).map_err(|_| Errno::EFAULT)?;
    let len = u32::try_from(range.end - range.start).map_err(|_| Errno::EFAULT)?;
    Ok(memory
        .slice(start, len)?
        .chunks(widen(cenote_abi::mman::PAGE_SIZE))
        .map(page_hash)
        .collect())
}

fn page_hash(page: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(page);
    hasher.finish()
}

/// Writes back what changed in the maps that touch `range`.
fn write_back(memory: &GuestMemory<'_>, maps: &mut [SharedMap], range: &Range<u64>) -> SysResult {
    let mut outcome = Ok(());
    for map in maps
        .iter_mut()
        .filter(|map| map.range.start < range.end && range.start < map.range.end)
    {
        if let Err(error) = write_back_map(memory, map) {
            outcome = Err(error);
        }
    }
    outcome
}

fn write_back_map(memory: &GuestMemory<'_>, map: &mut SharedMap) -> SysResult {
    let size = match map.file.stat() {
        Ok(stat) => stat.size,
        Err(error) => return Err(error),
    };
    let now = page_hashes(memory, &map.range)?;
    for (index, hash) in now.into_iter().enumerate() {
        let Some(before) = map.pages.get_mut(index).filter(|before| **before != hash) else {
            continue;
        };
        let page = u64::try_from(index)
            .unwrap_or(u64::MAX)
            .saturating_mul(PAGE);
        let at = map.offset.saturating_add(page);
        // A map does not make its file longer.
        let len = size.saturating_sub(at).min(PAGE);
        let start = u32::try_from(map.range.start + page).map_err(|_| Errno::EFAULT)?;
        let bytes = memory.slice(start, u32::try_from(len).unwrap_or(0))?;
        map.file.file().write(at, bytes)?;
        *before = hash;
    }
    Ok(())
}

/// Writes back and forgets the maps that lie within `range`; maps cut in two stay until the program ends.
fn forget_shared(memory: &GuestMemory<'_>, maps: &mut Vec<SharedMap>, range: &Range<u64>) {
    if let Err(error) = write_back(memory, maps, range) {
        tracing::debug!(target: "cenote::syscall", %error, "a shared map could not be written back");
    }
    maps.retain(|map| !(range.start <= map.range.start && map.range.end <= range.end));
}

/// Writes back everything, for a program that ends.
pub(crate) fn write_back_all(bytes: &mut [u8], maps: &mut Vec<SharedMap>) {
    forget_shared(&GuestMemory::new(bytes), maps, &(0..u64::MAX));
}

fn page_range(address: u32, len: u32) -> SysResult<Range<u64>> {
    let start = u64::from(address);
    if !start.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL.into());
    }
    Ok(start..start + round_up(u64::from(len)))
}

pub(super) fn munmap(call: &mut Call<'_>, address: u32, len: u32) -> SysResult {
    let range = page_range(address, len)?;
    if range.is_empty() {
        return Err(Errno::EINVAL.into());
    }
    let (memory, process) = call.memory_and_process()?;
    forget_shared(&memory, &mut process.shared_maps, &range);
    // What we never gave out (the program's own data) is not ours to take.
    if !process.space.owns(&range) {
        return Err(Errno::EINVAL.into());
    }
    process.space.put_back(range);
    Ok(())
}

pub(super) fn mremap(
    call: &mut Call<'_>,
    address: u32,
    old: u32,
    new: u32,
    flags: i32,
    _target: u32,
) -> SysResult<u64> {
    let flags = MremapFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    let range = page_range(address, old)?;
    let (old, new) = (range.end - range.start, round_up(u64::from(new)));
    if new == 0
        || old == 0
        || flags.intersects(MremapFlags::MREMAP_FIXED | MremapFlags::MREMAP_DONTUNMAP)
    {
        return Err(Errno::EINVAL.into());
    }
    let space = &mut call.process().space;
    if !space.is_taken(&range) {
        return Err(Errno::EFAULT.into());
    }
    if new <= old {
        space.put_back(range.start + new..range.end);
        return Ok(range.start);
    }
    let extension = range.end..range.start + new;
    if space.is_free(&extension) {
        let clean_from = space.untouched();
        space.take_fixed(extension.clone());
        if extension.start < clean_from {
            zero(call, extension.start..extension.end.min(clean_from))?;
        }
        return Ok(range.start);
    }
    if !flags.contains(MremapFlags::MREMAP_MAYMOVE) {
        return Err(Errno::ENOMEM.into());
    }
    let target = place(call, 0, new, MapFlags::empty())?;
    let (mut memory, process) = call.memory_and_process()?;
    memory
        .all()
        .copy_within(indices(&range)?, indices(&(target..target))?.start);
    for map in process
        .shared_maps
        .iter_mut()
        .filter(|map| map.range == range)
    {
        map.range = target..target + old;
    }
    process.space.put_back(range);
    Ok(target)
}

pub(super) fn mprotect(call: &mut Call<'_>, address: u32, len: u32, prot: i32) -> SysResult {
    let range = page_range(address, len)?;
    if range.start == 0 && range.end > 0 {
        // Here there is memory at 0, but no program may believe that it mapped it.
        return Err(Errno::ENOMEM.into());
    }
    ProtFlags::from_bits(prot.cast_unsigned()).ok_or(Errno::EINVAL)?;
    inside(call, &range)
}

/// Tells whether a range lies in the memory there is.
fn inside(call: &mut Call<'_>, range: &Range<u64>) -> SysResult {
    let size = u64::try_from(call.memory()?.len()).unwrap_or(u64::MAX);
    if range.end <= size {
        Ok(())
    } else {
        Err(Errno::ENOMEM.into())
    }
}

pub(super) fn madvise(call: &mut Call<'_>, address: u32, len: u32, advice: i32) -> SysResult {
    let range = page_range(address, len)?;
    inside(call, &range)?;
    if !(MADV_NORMAL..=MADV_POPULATE_WRITE).contains(&advice) {
        return Err(Errno::EINVAL.into());
    }
    let is_plain = |call: &mut Call<'_>| {
        let process = call.process();
        process.space.is_taken(&range)
            && !process
                .shared_maps
                .iter()
                .any(|map| map.range.contains(&range.start))
    };
    if advice == MADV_DONTNEED && is_plain(call) {
        zero(call, range)?;
    }
    Ok(())
}

pub(super) fn msync(call: &mut Call<'_>, address: u32, len: u32, flags: i32) -> SysResult {
    let flags = MsyncFlags::from_bits(flags.cast_unsigned()).ok_or(Errno::EINVAL)?;
    if flags.contains(MsyncFlags::MS_ASYNC | MsyncFlags::MS_SYNC) {
        return Err(Errno::EINVAL.into());
    }
    let range = page_range(address, len)?;
    inside(call, &range)?;
    let (memory, process) = call.memory_and_process()?;
    write_back(&memory, &mut process.shared_maps, &range)
}

/// `mincore`: everything is resident.
pub(super) fn mincore(call: &mut Call<'_>, address: u32, len: u32, vector: u32) -> SysResult {
    let range = page_range(address, len)?;
    inside(call, &range)?;
    let pages = u32::try_from((range.end - range.start) / PAGE).map_err(|_| Errno::ENOMEM)?;
    call.memory()?.slice_mut(vector, pages)?.fill(1);
    Ok(())
}

/// `mlock`, `munlock`: memory is never swapped by us, so there is nothing to do but to check.
pub(super) fn mlock(call: &mut Call<'_>, address: u32, len: u32) -> SysResult {
    let end = u64::from(address) + u64::from(len);
    inside(call, &(u64::from(address)..end))
}

pub(super) fn mlock2(call: &mut Call<'_>, address: u32, len: u32, flags: i32) -> SysResult {
    if flags & !1 != 0 {
        return Err(Errno::EINVAL.into());
    }
    mlock(call, address, len)
}

pub(super) fn munlockall(_call: &mut Call<'_>) -> SysResult {
    Ok(())
}

pub(super) fn mlockall(_call: &mut Call<'_>, flags: i32) -> SysResult {
    match cenote_abi::mman::MlockallFlags::from_bits(flags.cast_unsigned()) {
        Some(flags) if !flags.is_empty() => Ok(()),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// `futex` of a process with one thread: nobody else can wake it or be woken.
pub(super) async fn futex(
    call: &mut Call<'_>,
    address: u32,
    operation: i32,
    value: i32,
    timeout: u32,
    _second: u32,
    _value3: i32,
) -> SysResult<i32> {
    use cenote_abi::user::{
        FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAKE,
        FUTEX_WAKE_BITSET,
    };
    let (memory, task) = call.parts()?;
    match operation & !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME) {
        FUTEX_WAKE | FUTEX_WAKE_BITSET => Ok(0),
        FUTEX_WAIT => {
            if memory.i32(address)? != value {
                return Err(Errno::EAGAIN.into());
            }
            let timeout: Option<super::layout::Span> = memory.get_optional(timeout)?;
            let deadline = timeout.map(|span| task.kernel().clock().now().after(span.0));
            wait_for_nobody(task, deadline).await
        }
        FUTEX_WAIT_BITSET => {
            if memory.i32(address)? != value {
                return Err(Errno::EAGAIN.into());
            }
            let at: Option<super::layout::Span> = memory.get_optional(timeout)?;
            let now = syscall::clock_gettime(task, clock_of(operation))?;
            let now = now.to_duration().unwrap_or_default();
            let deadline = at.map(|at| task.kernel().clock().now().after(at.0.saturating_sub(now)));
            wait_for_nobody(task, deadline).await
        }
        _ => Err(Errno::ENOSYS.into()),
    }
}

fn clock_of(operation: i32) -> cenote_abi::clock::ClockId {
    use cenote_abi::clock::ClockId;
    if operation & cenote_abi::user::FUTEX_CLOCK_REALTIME == 0 {
        ClockId::Monotonic
    } else {
        ClockId::Realtime
    }
}

async fn wait_for_nobody(task: &Task, deadline: Option<cenote_base::MonoTime>) -> SysResult<i32> {
    match task.wait_until::<i32>(&[], deadline, || None).await? {
        Some(answer) => Ok(answer),
        None => Err(Errno::ETIMEDOUT.into()),
    }
}
