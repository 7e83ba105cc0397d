//! What the tests of this crate share: a [`Machine`], which is a namespace and who walks in it.

use std::sync::Arc;
use std::time::Duration;

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, Mode, OpenFlags, RenameFlags, Stat};
use cenote_base::limits::{Budget, Limits};
use cenote_base::{Credentials, Gid, ManualClock, SysResult, Uid};

use crate::fs::Tmpfs;
use crate::{FileSystem, Location, LookupContext, MountFlags, Namespace, OpenFile, ops};

/// A namespace, and a process in it.
pub(crate) struct Machine {
    pub(crate) namespace: Namespace,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) credentials: Credentials,
    pub(crate) root: Location,
    pub(crate) cwd: Location,
    pub(crate) umask: u32,
}

/// The errno of a result that must have failed.
#[track_caller]
pub(crate) fn errno<T: std::fmt::Debug>(result: SysResult<T>) -> Errno {
    result.expect_err("this call must fail").errno()
}

impl Machine {
    /// An empty tmpfs as root, the superuser, umask 0.
    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        let (clock, budget) = (ManualClock::new(), Budget::new(limits));
        let tmpfs = Tmpfs::new(clock.clone(), Arc::clone(&budget));
        Self::on(tmpfs, clock, budget)
    }

    pub(crate) fn on(
        filesystem: Arc<dyn FileSystem>,
        clock: Arc<ManualClock>,
        budget: Arc<Budget>,
    ) -> Self {
        clock.advance(Duration::from_secs(1_000));
        let namespace = Namespace::new(filesystem, MountFlags::empty());
        let root = namespace.root();
        Self {
            cwd: root.clone(),
            root,
            namespace,
            clock,
            budget,
            credentials: Credentials::root(),
            umask: 0,
        }
    }

    pub(crate) fn as_user(&mut self, id: u32) {
        self.credentials = Credentials::of(Uid::new(id), Gid::new(id));
    }

    pub(crate) fn cx(&self) -> LookupContext<'_> {
        LookupContext::new(&self.root, &self.cwd, &self.credentials, self.umask)
    }

    pub(crate) fn locate(&self, path: &str) -> Location {
        ops::lookup(
            &self.cx(),
            None,
            path.as_bytes(),
            crate::LookupFlags::FOLLOW,
        )
        .unwrap()
    }

    pub(crate) fn open(&self, path: &str, flags: OpenFlags) -> SysResult<Arc<OpenFile>> {
        ops::open(
            &self.cx(),
            None,
            path.as_bytes(),
            flags,
            Mode::from_raw(0o666),
        )
    }

    pub(crate) fn mkdir(&self, path: &str) -> SysResult {
        ops::mkdir(&self.cx(), None, path.as_bytes(), Mode::from_raw(0o777))
    }

    pub(crate) fn write(&self, path: &str, content: &str) -> SysResult {
        ops::write_file(
            &self.cx(),
            None,
            path.as_bytes(),
            content.as_bytes(),
            Mode::from_raw(0o666),
        )
    }

    pub(crate) fn read(&self, path: &str) -> SysResult<String> {
        ops::read_file(&self.cx(), None, path.as_bytes())
            .map(|bytes| String::from_utf8(bytes).unwrap())
    }

    pub(crate) fn symlink(&self, target: &str, path: &str) -> SysResult {
        ops::symlink(&self.cx(), target.as_bytes(), None, path.as_bytes())
    }

    pub(crate) fn link(&self, old: &str, new: &str) -> SysResult {
        ops::link(
            &self.cx(),
            None,
            old.as_bytes(),
            None,
            new.as_bytes(),
            AtFlags::empty(),
        )
    }

    pub(crate) fn unlink(&self, path: &str) -> SysResult {
        ops::unlink(&self.cx(), None, path.as_bytes())
    }

    pub(crate) fn rmdir(&self, path: &str) -> SysResult {
        ops::rmdir(&self.cx(), None, path.as_bytes())
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> SysResult {
        self.rename_with(from, to, RenameFlags::empty())
    }

    pub(crate) fn rename_with(&self, from: &str, to: &str, flags: RenameFlags) -> SysResult {
        ops::rename(
            &self.cx(),
            None,
            from.as_bytes(),
            None,
            to.as_bytes(),
            flags,
        )
    }

    pub(crate) fn stat(&self, path: &str) -> SysResult<Stat> {
        ops::stat(&self.cx(), None, path.as_bytes(), AtFlags::empty())
    }

    pub(crate) fn lstat(&self, path: &str) -> SysResult<Stat> {
        ops::stat(
            &self.cx(),
            None,
            path.as_bytes(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        )
    }

    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let mut names: Vec<String> = ops::list(&self.cx(), None, path.as_bytes())
            .unwrap()
            .into_iter()
            .map(|entry| String::from_utf8(entry.name).unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn path_of(&self, location: &Location) -> String {
        String::from_utf8(location.path_from(&self.root)).unwrap()
    }
}
