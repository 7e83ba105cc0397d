//! The path walk: from a path to a place.
//!
//! [`resolve`] answers a [`Location`], [`find`] only the file (and makes no dentries on the way), [`resolve_parent`] the
//! directory and the last component, for calls that make or remove names. `Walker` is the state they share: a held
//! place, and the components below it that nobody holds yet.
//!
//! Follows `path_resolution(7)`: 40 links, search permission on each directory on the way, `..` stops at the root, a
//! trailing slash asks for a directory and follows a final link.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, FileType};
use cenote_base::path::{NAME_MAX, PATH_MAX, components, is_absolute};
use cenote_base::{Credentials, SysResult};
use smallvec::SmallVec;

use crate::dentry::{Dentry, Location, same_inode};
use crate::file::IoctlCaller;
use crate::inode::{Inode, LinkTarget};
use crate::mount::Mount;
use crate::permission;

/// How many symbolic links one walk follows.
const MAX_LINKS: u32 = 40;

/// For whom a path is walked, and from where.
#[derive(Clone, Copy, Debug)]
pub struct LookupContext<'a> {
    /// The process's root directory.
    pub root: &'a Location,
    /// The process's working directory.
    pub cwd: &'a Location,
    /// Whose permissions count.
    pub credentials: &'a Credentials,
    /// Permissions that new files do not get.
    pub umask: u32,
    /// The task, for files that are another one for each process (`/proc/self`, `/dev/tty`).
    pub caller: Option<&'a dyn IoctlCaller>,
}

impl<'a> LookupContext<'a> {
    /// A context without a calling task.
    #[must_use]
    pub fn new(
        root: &'a Location,
        cwd: &'a Location,
        credentials: &'a Credentials,
        umask: u32,
    ) -> Self {
        Self {
            root,
            cwd,
            credentials,
            umask,
            caller: None,
        }
    }

    /// The same, for files that are another one for each process.
    #[must_use]
    pub fn with_caller(self, caller: &'a dyn IoctlCaller) -> Self {
        Self {
            caller: Some(caller),
            ..self
        }
    }
}

bitflags::bitflags! {
    /// How the end of a path is treated.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
    pub struct LookupFlags: u32 {
        /// A final symbolic link is followed.
        const FOLLOW = 1;
        /// An empty path is the starting place itself (`AT_EMPTY_PATH`).
        const EMPTY_PATH = 2;
        /// The result must be a directory.
        const DIRECTORY = 4;
    }
}

/// A file that was found, with the mount it was found on.
#[derive(Clone, Debug)]
pub struct Found {
    /// The mount.
    pub mount: Arc<Mount>,
    /// The file.
    pub inode: Arc<dyn Inode>,
}

/// The last component of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Last {
    /// A name.
    Name(Vec<u8>),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// There is none: the path was `/`.
    Root,
}

/// What [`resolve_parent`] answers.
#[derive(Debug)]
pub struct Parent {
    /// The directory.
    pub directory: Location,
    /// What is meant in it.
    pub last: Last,
    /// Whether the path ended in a slash.
    pub wants_directory: bool,
}

impl Parent {
    /// The name to make, remove or move; `otherwise` for `.`, `..` and `/`.
    ///
    /// # Errors
    /// `otherwise`.
    pub fn name(&self, otherwise: Errno) -> SysResult<&[u8]> {
        match &self.last {
            Last::Name(name) => Ok(name),
            Last::Dot | Last::DotDot | Last::Root => Err(otherwise.into()),
        }
    }
}

/// Walks a path to its place.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `ELOOP`, `EACCES`: a directory may not be searched. `ENAMETOOLONG`.
pub fn resolve(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    flags: LookupFlags,
) -> SysResult<Location> {
    let mut walker = Walker::start(cx, at);
    walker.walk_to_end(path, flags)?;
    walker.into_location()
}

/// Walks a path to its file. As [`resolve`], but makes no dentries: for calls that only look.
///
/// # Errors
/// As `resolve`.
pub fn find(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
    flags: LookupFlags,
) -> SysResult<Found> {
    let mut walker = Walker::start(cx, at);
    walker.walk_to_end(path, flags)?;
    Ok(Found {
        inode: Arc::clone(walker.inode()),
        mount: walker.mount,
    })
}

/// Walks all of a path but its last component.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_parent(
    cx: &LookupContext<'_>,
    at: Option<&Location>,
    path: &[u8],
) -> SysResult<Parent> {
    let mut walker = Walker::start(cx, at);
    check_path(path)?;
    let (last, wants_directory) = walker.walk_to_parent(path)?;
    Ok(Parent {
        directory: walker.into_location()?,
        last,
        wants_directory,
    })
}

fn check_path(path: &[u8]) -> SysResult {
    if path.is_empty() {
        return Err(Errno::ENOENT.into());
    }
    // PATH_MAX counts the final zero.
    if path.len() >= PATH_MAX {
        Err(Errno::ENAMETOOLONG.into())
    } else {
        Ok(())
    }
}

/// Where a walk is.
#[derive(Debug)]
pub(crate) struct Walker<'a> {
    cx: &'a LookupContext<'a>,
    mount: Arc<Mount>,
    base: Arc<Dentry>,
    /// Components below `base` that had no dentry: each file, and where its name starts in `names`.
    tail: SmallVec<[(Arc<dyn Inode>, usize); 8]>,
    names: SmallVec<[u8; 128]>,
    links: u32,
}

impl<'a> Walker<'a> {
    pub(crate) fn start(cx: &'a LookupContext<'a>, at: Option<&Location>) -> Self {
        let at = at.unwrap_or(cx.cwd);
        Self {
            cx,
            mount: Arc::clone(at.mount()),
            base: Arc::clone(at.dentry()),
            tail: SmallVec::new(),
            names: SmallVec::new(),
            links: 0,
        }
    }

    pub(crate) fn inode(&self) -> &Arc<dyn Inode> {
        match self.tail.last() {
            Some((inode, _)) => inode,
            None => self.base.inode(),
        }
    }

    fn go_to(&mut self, location: &Location) {
        self.mount = Arc::clone(location.mount());
        self.base = Arc::clone(location.dentry());
        self.tail.clear();
        self.names.clear();
    }

    fn walk_to_end(&mut self, path: &[u8], flags: LookupFlags) -> SysResult {
        if path.is_empty() && flags.contains(LookupFlags::EMPTY_PATH) {
            return Ok(());
        }
        check_path(path)?;
        self.walk(path, flags.contains(LookupFlags::FOLLOW))?;
        if flags.contains(LookupFlags::DIRECTORY) {
            self.check_directory()
        } else {
            Ok(())
        }
    }

    /// Walks every component of `path`.
    fn walk(&mut self, path: &[u8], follow_last: bool) -> SysResult {
        if is_absolute(path) {
            self.restart_at_root();
        }
        let wants_directory = path.ends_with(b"/");
        let mut names = components(path).peekable();
        while let Some(name) = names.next() {
            let follow = names.peek().is_some() || follow_last || wants_directory;
            self.step(name, follow)?;
        }
        if wants_directory {
            self.check_directory()
        } else {
            Ok(())
        }
    }

    /// Walks every component of `path` but the last; answers that, and whether a slash follows it.
    pub(crate) fn walk_to_parent(&mut self, path: &[u8]) -> SysResult<(Last, bool)> {
        if is_absolute(path) {
            self.restart_at_root();
        }
        let mut names = components(path);
        let Some(last) = names.next_back() else {
            return Ok((Last::Root, true));
        };
        for name in names {
            self.step(name, true)?;
        }
        self.check_search()?;
        if last.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        let last = match last {
            b"." => Last::Dot,
            b".." => Last::DotDot,
            name => Last::Name(name.to_vec()),
        };
        Ok((last, path.ends_with(b"/")))
    }

    fn restart_at_root(&mut self) {
        let root = self.cx.root.clone().top();
        self.go_to(&root);
    }

    fn check_directory(&self) -> SysResult {
        if self.inode().file_type() == FileType::Directory {
            Ok(())
        } else {
            Err(Errno::ENOTDIR.into())
        }
    }

    /// Checks that names may be looked up in the directory the walk is at.
    fn check_search(&self) -> SysResult {
        self.check_directory()?;
        if self.cx.credentials.overrides_file_permissions() {
            return Ok(());
        }
        permission::check(
            &self.inode().stat()?,
            self.cx.credentials,
            AccessFlags::X_OK,
        )
    }

    /// Goes on by one component.
    pub(crate) fn step(&mut self, name: &[u8], follow: bool) -> SysResult {
        self.check_search()?;
        match name {
            b"." => return Ok(()),
            b".." => {
                self.step_up();
                return Ok(());
            }
            _ if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG.into()),
            _ => {}
        }
        let held = if self.tail.is_empty() {
            self.base.live_child(name)
        } else {
            None
        };
        if let Some(covered) = held.as_ref().filter(|child| child.is_mountpoint()) {
            let place = Location::new(Arc::clone(&self.mount), Arc::clone(covered)).top();
            self.go_to(&place);
            return Ok(());
        }
        let inode = self.inode().lookup(name)?;
        if follow && inode.file_type() == FileType::Symlink {
            return self.follow(&inode);
        }
        match held {
            Some(child) if same_inode(child.inode(), &inode) => self.base = child,
            _ => {
                self.tail.push((inode, self.names.len()));
                self.names.extend_from_slice(name);
            }
        }
        Ok(())
    }

    fn step_up(&mut self) {
        if let Some((_, start)) = self.tail.pop() {
            self.names.truncate(start);
            return;
        }
        let here = Location::new(Arc::clone(&self.mount), Arc::clone(&self.base));
        let parent = here.parent(self.cx.root);
        self.go_to(&parent);
    }

    /// Counts a link that is about to be followed, and asks where it leads.
    pub(crate) fn read_link(&mut self, link: &Arc<dyn Inode>) -> SysResult<LinkTarget> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::ELOOP.into());
        }
        let target = link.follow_link(self.cx.caller)?;
        if let LinkTarget::Path(path) = &target {
            check_path(path)?;
        }
        Ok(target)
    }

    /// Goes where a link in the directory the walk is at leads. Recursion ends with the count of links.
    fn follow(&mut self, link: &Arc<dyn Inode>) -> SysResult {
        match self.read_link(link)? {
            LinkTarget::Path(path) => self.walk(&path, true),
            LinkTarget::Location(location) => {
                self.go_to(&location);
                Ok(())
            }
        }
    }

    /// Makes the dentries of what has none yet, and answers the place.
    pub(crate) fn into_location(mut self) -> SysResult<Location> {
        self.settle()?;
        Ok(Location::new(self.mount, self.base))
    }

    /// The place the walk is at, from which it can go on.
    pub(crate) fn location(&mut self) -> SysResult<Location> {
        self.settle()?;
        Ok(Location::new(
            Arc::clone(&self.mount),
            Arc::clone(&self.base),
        ))
    }

    fn settle(&mut self) -> SysResult {
        let tail = std::mem::take(&mut self.tail);
        let names = std::mem::take(&mut self.names);
        let mut ends = tail
            .iter()
            .skip(1)
            .map(|(_, start)| *start)
            .chain([names.len()]);
        for (inode, start) in &tail {
            let name = names
                .get(*start..ends.next().unwrap_or(names.len()))
                .unwrap_or_default();
            let child = self.base.look_up(name)?;
            // Someone may have put another file here since: it must pass where this one passed.
            if !same_inode(child.inode(), inode) && child.inode().file_type() == FileType::Directory
            {
                self.base = child;
                self.check_search()?;
            } else {
                self.base = child;
            }
        }
        let top = Location::new(Arc::clone(&self.mount), Arc::clone(&self.base)).top();
        self.go_to(&top);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
