//! A node of `/proc` as an inode: [`Node`]; and its text as a file: [`TextFile`].

use std::any::Any;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{FileType, OpenFlags, Stat};
use cenote_base::{Fd, Pid, SysResult, Tid};
use cenote_vfs::file::IoctlCaller;
use cenote_vfs::inode::LinkTarget;
use cenote_vfs::{AttributeChanges, DirEntry, File, Inode};
use parking_lot::Mutex;

use super::machine::MachineFile;
use super::process::ProcessFile;
use super::{Key, Shared, descriptor, process, sys};
use crate::kernel::Kernel;
use crate::process::{Process, Task};

/// A node of `/proc`.
#[derive(Debug)]
pub(super) struct Node {
    shared: Arc<Shared>,
    key: Key,
}

impl Node {
    pub(super) fn new(shared: Arc<Shared>, key: Key) -> Self {
        Self { shared, key }
    }

    fn kernel(&self) -> SysResult<Arc<Kernel>> {
        self.shared.kernel.upgrade().ok_or(Errno::ENOENT.into())
    }

    fn living(&self, pid: Pid) -> SysResult<Arc<Process>> {
        self.kernel()?.process(pid).ok_or(Errno::ENOENT.into())
    }

    fn child(&self, key: Key) -> Arc<dyn Inode> {
        self.shared.node(key)
    }

    /// The process a node is about.
    fn pid(&self) -> Option<Pid> {
        match self.key {
            Key::Process(pid)
            | Key::ProcessFile(pid, _)
            | Key::Descriptors(pid)
            | Key::Descriptor(pid, _)
            | Key::DescriptorInfos(pid)
            | Key::DescriptorInfo(pid, _)
            | Key::Threads(pid) => Some(pid),
            Key::Root | Key::Own { .. } | Key::Machine(_) | Key::Sys(_) => None,
        }
    }

    fn permissions(&self) -> u32 {
        match self.key {
            Key::Root | Key::Process(_) | Key::Threads(_) => 0o555,
            Key::Descriptors(_) | Key::DescriptorInfos(_) => 0o500,
            Key::Own { .. } => 0o777,
            Key::Descriptor(..) => 0o700,
            Key::DescriptorInfo(..) => 0o400,
            Key::Machine(_) => 0o444,
            Key::ProcessFile(_, file) => file.permissions(),
            Key::Sys(at) => sys::permissions(at),
        }
    }

    fn ino(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.key.hash(&mut hasher);
        // Programs with 32-bit inode numbers must be able to stat it; 1 is the root's.
        (hasher.finish() & 0x7fff_ffff).max(2)
    }

    /// The names in this directory, with what they are.
    fn entries(&self) -> SysResult<Vec<(Vec<u8>, Key)>> {
        let named = |name: &str, key: Key| (name.as_bytes().to_vec(), key);
        Ok(match self.key {
            Key::Root => {
                let mut entries = vec![
                    named("self", Key::Own { is_thread: false }),
                    named("thread-self", Key::Own { is_thread: true }),
                    named("sys", Key::Sys(sys::ROOT)),
                ];
                entries.extend(
                    MachineFile::ALL
                        .iter()
                        .map(|file| named(file.name(), Key::Machine(*file))),
                );
                let processes = self.kernel()?.processes();
                entries.extend(
                    processes
                        .iter()
                        .map(|info| named(&info.pid.to_string(), Key::Process(info.pid))),
                );
                entries
            }
            Key::Process(pid) => {
                self.living(pid)?;
                let mut entries = vec![
                    named("fd", Key::Descriptors(pid)),
                    named("fdinfo", Key::DescriptorInfos(pid)),
                    named("task", Key::Threads(pid)),
                ];
                entries.extend(
                    ProcessFile::ALL
                        .iter()
                        .map(|file| named(file.name(), Key::ProcessFile(pid, *file))),
                );
                entries
            }
            Key::Descriptors(pid) => {
                let files = self.living(pid)?.files().list();
                files
                    .iter()
                    .map(|(fd, _)| named(&fd.to_string(), Key::Descriptor(pid, *fd)))
                    .collect()
            }
            Key::DescriptorInfos(pid) => {
                let files = self.living(pid)?.files().list();
                files
                    .iter()
                    .map(|(fd, _)| named(&fd.to_string(), Key::DescriptorInfo(pid, *fd)))
                    .collect()
            }
            Key::Threads(pid) => {
                let process = self.living(pid)?;
                let signals = process.signals().lock();
                let threads: Vec<Tid> = signals.threads.iter().map(|thread| thread.tid).collect();
                drop(signals);
                // A thread's files are those of its process.
                threads
                    .iter()
                    .map(|tid| named(&tid.to_string(), Key::Process(pid)))
                    .collect()
            }
            Key::Sys(at) => sys::entries(at)
                .map(|(name, at)| named(name, Key::Sys(at)))
                .collect(),
            Key::Own { .. }
            | Key::Machine(_)
            | Key::ProcessFile(..)
            | Key::Descriptor(..)
            | Key::DescriptorInfo(..) => {
                return Err(Errno::ENOTDIR.into());
            }
        })
    }

    fn text(&self) -> SysResult<Vec<u8>> {
        let kernel = self.kernel()?;
        match self.key {
            Key::Machine(file) => Ok(file.text(&kernel)),
            Key::ProcessFile(pid, file) => process::text(&kernel, &self.living(pid)?, file),
            Key::DescriptorInfo(pid, fd) => descriptor::info(&*self.living(pid)?.files().get(fd)?),
            Key::Sys(at) => sys::text(&kernel, at),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}

/// Checks that the caller may see where a process stands: itself, its user's, or the superuser. See `ptrace(2)`,
/// "Ptrace access mode checking".
fn check_inspection(caller: Option<&dyn IoctlCaller>, process: &Process) -> SysResult {
    let Some(task) = caller.and_then(|caller| caller.as_any().downcast_ref::<Task>()) else {
        return Ok(());
    };
    let (own, other) = (task.process().credentials(), process.credentials());
    if own.overrides_file_permissions() || own.fsuid == other.uid || task.pid() == process.pid() {
        Ok(())
    } else {
        Err(Errno::EACCES.into())
    }
}

fn own_target(is_thread: bool, caller: Option<&dyn IoctlCaller>) -> SysResult<Vec<u8>> {
    let task = caller
        .and_then(|caller| caller.as_any().downcast_ref::<Task>())
        .ok_or(Errno::ENOENT)?;
    Ok(if is_thread {
        format!("{}/task/{}", task.pid(), task.tid()).into_bytes()
    } else {
        task.pid().to_string().into_bytes()
    })
}

impl Inode for Node {
    fn stat(&self) -> SysResult<Stat> {
        let kernel = self.kernel()?;
        let file_type = self.file_type();
        let mut stat = Stat {
            dev: self.shared.device,
            ino: if self.key == Key::Root { 1 } else { self.ino() },
            nlink: if file_type == FileType::Directory {
                2
            } else {
                1
            },
            mode: file_type.mode_bits() | self.permissions(),
            blksize: 1024,
            ..Stat::default()
        };
        let now = kernel.clock().realtime();
        (stat.atime, stat.mtime, stat.ctime, stat.btime) = (now, now, now, now);
        if let Some(pid) = self.pid() {
            let credentials = self.living(pid)?.credentials();
            stat.uid = credentials.euid.raw();
            stat.gid = credentials.egid.raw();
        }
        if let Key::Descriptor(pid, fd) = self.key {
            // The link shows how the file is open.
            let file = self
                .living(pid)?
                .files()
                .get(fd)
                .map_err(|_| Errno::ENOENT)?;
            let access = file.access_mode();
            let (reads, writes) = (access.can_read(), access.can_write());
            stat.mode = file_type.mode_bits()
                | 0o100
                | if reads { 0o400 } else { 0 }
                | if writes { 0o200 } else { 0 };
        }
        if file_type == FileType::Symlink {
            stat.size = 64;
        }
        Ok(stat)
    }

    fn file_type(&self) -> FileType {
        match self.key {
            Key::Root
            | Key::Process(_)
            | Key::Descriptors(_)
            | Key::DescriptorInfos(_)
            | Key::Threads(_) => FileType::Directory,
            Key::Own { .. } | Key::Descriptor(..) => FileType::Symlink,
            Key::Machine(MachineFile::Mounts) => FileType::Symlink,
            Key::ProcessFile(_, file) if file.is_link() => FileType::Symlink,
            Key::Sys(at) if sys::is_directory(at) => FileType::Directory,
            Key::Machine(_) | Key::ProcessFile(..) | Key::DescriptorInfo(..) | Key::Sys(_) => {
                FileType::Regular
            }
        }
    }

    fn lookup(&self, name: &[u8]) -> SysResult<Arc<dyn Inode>> {
        let number = std::str::from_utf8(name)
            .ok()
            .and_then(|name| name.parse::<i32>().ok())
            .filter(|number| *number >= 0);
        match (self.key, number) {
            (Key::Root, Some(number)) => {
                let process = self
                    .kernel()?
                    .table()
                    .of_thread(Tid::new(number))
                    .ok_or(Errno::ENOENT)?;
                Ok(self.child(Key::Process(process.pid())))
            }
            (Key::Descriptors(pid), Some(number)) => {
                self.living(pid)?
                    .files()
                    .flags(Fd::new(number))
                    .map_err(|_| Errno::ENOENT)?;
                Ok(self.child(Key::Descriptor(pid, Fd::new(number))))
            }
            _ => {
                let entries = self.entries()?;
                let key = entries
                    .into_iter()
                    .find(|(entry, _)| entry == name)
                    .map(|(_, key)| key);
                Ok(self.child(key.ok_or(Errno::ENOENT)?))
            }
        }
    }

    fn read_dir(&self, cursor: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        let skipped = usize::try_from(cursor).unwrap_or(usize::MAX);
        for (index, (name, key)) in self.entries()?.into_iter().enumerate().skip(skipped) {
            let node = Self::new(Arc::clone(&self.shared), key);
            let next_cursor = u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1);
            if !emit(DirEntry {
                name: &name,
                ino: node.ino(),
                file_type: node.file_type(),
                next_cursor,
            }) {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self) -> SysResult<Vec<u8>> {
        self.read_link_as(None)
    }

    fn read_link_as(&self, caller: Option<&dyn IoctlCaller>) -> SysResult<Vec<u8>> {
        match self.key {
            Key::Own { is_thread } => own_target(is_thread, caller),
            Key::Machine(MachineFile::Mounts) => Ok(b"self/mounts".to_vec()),
            Key::ProcessFile(pid, file) => {
                let process = self.living(pid)?;
                check_inspection(caller, &process)?;
                process::link_text(&process, file)
            }
            Key::Descriptor(pid, fd) => {
                let process = self.living(pid)?;
                check_inspection(caller, &process)?;
                let file = process.files().get(fd).map_err(|_| Errno::ENOENT)?;
                let root = process.fs().lock().root.clone();
                Ok(descriptor::place(&process, &file).path_from(&root))
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn follow_link(&self, caller: Option<&dyn IoctlCaller>) -> SysResult<LinkTarget> {
        match self.key {
            Key::ProcessFile(pid, file) => {
                let process = self.living(pid)?;
                check_inspection(caller, &process)?;
                process::link_target(&process, file)
            }
            Key::Descriptor(pid, fd) => {
                let process = self.living(pid)?;
                check_inspection(caller, &process)?;
                let file = process.files().get(fd).map_err(|_| Errno::ENOENT)?;
                Ok(LinkTarget::Location(descriptor::place(&process, &file)))
            }
            _ => self.read_link_as(caller).map(LinkTarget::Path),
        }
    }

    fn set_attributes(&self, changes: &AttributeChanges) -> SysResult {
        // Opening for writing truncates; nothing else can change.
        let truncates_only = AttributeChanges {
            size: Some(0),
            ..AttributeChanges::default()
        };
        if *changes == truncates_only {
            Ok(())
        } else {
            Err(Errno::EPERM.into())
        }
    }

    fn open(self: Arc<Self>, _flags: OpenFlags) -> SysResult<Option<Arc<dyn File>>> {
        if self.file_type() != FileType::Regular {
            return Ok(None);
        }
        Ok(Some(Arc::new(TextFile {
            text: Mutex::new(self.text()?),
            node: self,
        })))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A node's text, open for reading.
#[derive(Debug)]
struct TextFile {
    node: Arc<Node>,
    text: Mutex<Vec<u8>>,
}

impl File for TextFile {
    fn read(&self, at: u64, buf: &mut [u8]) -> SysResult<usize> {
        if at == 0 {
            let fresh = self.node.text()?;
            *self.text.lock() = fresh;
        }
        let text = self.text.lock();
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
        let count = buf.len().min(text.len() - start);
        buf[..count].copy_from_slice(&text[start..start + count]);
        Ok(count)
    }

    fn write(&self, _at: u64, buf: &[u8]) -> SysResult<usize> {
        match self.node.key {
            Key::Sys(at) => sys::write(&*self.node.kernel()?, at, buf),
            Key::ProcessFile(pid, ProcessFile::Comm) => {
                self.node
                    .living(pid)?
                    .set_comm(buf.strip_suffix(b"\n").unwrap_or(buf));
                Ok(buf.len())
            }
            _ => Err(Errno::EINVAL.into()),
        }
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
