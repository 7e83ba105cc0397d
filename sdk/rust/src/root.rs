//! What a machine's tree is made of: the shipped files as shared read-only layers, a writable layer over them, and mounts.
//!
//! Layers from below: the registry's base and packages (made once a process, shared by all machines) · the node image and links ·
//! the machine's own writable layer. Over the tree: host directories, `node_modules`, a directory of commands.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, Mode};
use cenote_base::limits::{Budget, Limits, Resource};
use cenote_base::{Clock, Gid, SysError, SysResult, Uid};
use cenote_kernel::Kernel;
use cenote_registry::{
    CommandSource, Content as RegistryContent, EmbeddedFile, Entry, Lookup, RegistryError,
};
use cenote_vfs::fs::tmpfs::Snapshot as Kept;
use cenote_vfs::fs::{
    AdapterFs, Content, HostDir, HostDirOptions, Image as Files, ImageBuilder, JoinedFs,
    PlainContent, Tmpfs, overlay,
};
use cenote_vfs::{FileSystem, LookupContext, LookupFlags, MountFlags, NewOwner, ops};

use crate::Error;
use crate::builder::{SeedFile, check_directory};
use crate::files::{HostView, make_directories, read, write};
use crate::host_files::HostFilesMount;
use crate::image::{self, Image};
use crate::mounts::{HostMount, MemoryMount, MountAccess, VfsMount};
use crate::network::dns::NAME_SERVER;
use crate::system::OsNames;

/// What the embedder adds to the tree.
pub(crate) struct Plan<'a> {
    pub(crate) mounts: &'a [HostMount],
    pub(crate) vfs_mounts: &'a [VfsMount],
    pub(crate) callback_mounts: &'a [HostFilesMount],
    pub(crate) images: &'a [(Image, String)],
    pub(crate) memory_mounts: &'a [MemoryMount],
    pub(crate) node_modules: Option<&'a Path>,
    pub(crate) files: &'a [SeedFile],
    pub(crate) cwd: &'a str,
    pub(crate) owner: (u32, u32),
    pub(crate) os: &'a OsNames,
    /// The authority that stands for all hosts outside, as PEM.
    pub(crate) authority: Option<&'a [u8]>,
}

/// Where the program `node` lies.
pub(crate) const NODE_PATH: &str = "/usr/bin/node";
/// Where a C library finds its name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where programs other than node look for the authorities they trust.
pub(crate) const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Where the `node_modules` overlay lies.
const NODE_MODULES: &str = "/root/node_modules";

/// The contents of a packed file, unpacked when they are read.
#[derive(Debug)]
struct Packed(&'static EmbeddedFile);

/// The file unpacked last stays, so that reading one in portions does not unpack it each time.
static UNPACKED_LAST: Mutex<Option<Arc<[u8]>>> = Mutex::new(None);

impl Content for Packed {
    fn len(&self) -> u64 {
        self.0.size() as u64
    }

    fn digest(&self) -> Option<[u8; 32]> {
        Some(self.0.digest().0)
    }

    fn head(&self) -> SysResult<&[u8]> {
        self.0.head().map_err(|error| damaged(&error))
    }

    fn bytes(&self) -> SysResult<Arc<[u8]>> {
        let bytes = self.0.bytes().map_err(|error| damaged(&error))?;
        *UNPACKED_LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&bytes));
        Ok(bytes)
    }
}

fn damaged(error: &RegistryError) -> SysError {
    tracing::error!(%error, "a file of the registry cannot be unpacked");
    SysError::with_note(Errno::EIO, "a file of the registry is damaged")
}

fn add(image: &mut ImageBuilder, entry: &Entry) -> SysResult {
    let (path, mode) = (entry.path.as_bytes(), Mode::from_raw(entry.mode));
    let added = match entry.content {
        RegistryContent::Directory => image.directory(path, mode).map(drop),
        RegistryContent::Symlink(target) => image.symlink(path, target.as_bytes()).map(drop),
        RegistryContent::Inline(bytes) => {
            image.file(path, mode, PlainContent::new(bytes)).map(drop)
        }
        RegistryContent::Embedded(file) => image.file(path, mode, Arc::new(Packed(file))).map(drop),
    };
    match added {
        // Two packages may share a directory or a link.
        Err(error) if error.errno() == Errno::EEXIST => return Ok(()),
        added => added?,
    }
    if path != b"/" && (entry.uid, entry.gid) != (0, 0) {
        image.owner(path, Uid::new(entry.uid), Gid::new(entry.gid))?;
    }
    Ok(())
}

/// What ships, as a layer: made once. Without the packages when a directory of commands takes their place.
pub(crate) fn shipped(with_packages: bool) -> Result<Arc<Files>, Error> {
    static FULL: OnceLock<SysResult<Arc<Files>>> = OnceLock::new();
    static BARE: OnceLock<SysResult<Arc<Files>>> = OnceLock::new();
    let layer = if with_packages { &FULL } else { &BARE };
    layer
        .get_or_init(|| make_shipped(with_packages))
        .clone()
        .map_err(|cause| Error::File {
            operation: "build",
            path: "/".into(),
            cause,
        })
}

fn make_shipped(with_packages: bool) -> SysResult<Arc<Files>> {
    let mut image = ImageBuilder::new();
    for entry in cenote_registry::base() {
        add(&mut image, entry)?;
    }
    for package in cenote_registry::packages() {
        // A machine without a shell runs nothing: dash stays, unless the directory has a `sh` of its own.
        if with_packages || package.name == "dash" {
            for entry in package.entries {
                add(&mut image, entry)?;
            }
        }
    }
    let node = PlainContent::new(cenote_node::NodeRuntime::image());
    image.file(NODE_PATH.as_bytes(), Mode::from_raw(0o755), node)?;
    image.symlink(b"/bin/node", NODE_PATH.as_bytes())?;
    Ok(image.build())
}

/// Where the commands come from, by the order of ARCHITECTURE.md §2.
fn command_source(option: Option<&Path>) -> Result<CommandSource, Error> {
    let program = std::env::current_exe().ok();
    let output = program
        .as_deref()
        .and_then(cenote_registry::in_repository_output);
    cenote_registry::resolve(&Lookup {
        option,
        env: &|name| std::env::var_os(name),
        build_output: output.as_deref(),
    })
    .map_err(|error| Error::Option {
        option: "commands_dir",
        reason: error.to_string(),
    })
}

/// The host directory whose commands a machine gets without being told, if there is one.
pub(crate) fn host_commands() -> Option<PathBuf> {
    match command_source(None) {
        Ok(CommandSource::Directory { path, .. }) => Some(path),
        Ok(CommandSource::Shipped) | Err(_) => None,
    }
}

/// The root filesystem of a new machine.
pub(crate) fn filesystem(
    commands_dir: Option<&Path>,
    start: Option<&Kept>,
    images: &[(Image, String)],
    clock: Arc<dyn Clock>,
    budget: Arc<Budget>,
) -> Result<(Arc<dyn FileSystem>, CommandSource), Error> {
    let source = command_source(commands_dir)?;
    let failed = |operation| {
        move |cause| Error::File {
            operation,
            path: "/".into(),
            cause,
        }
    };
    if let Some(start) = start {
        let root = start.restore(clock, budget);
        return Ok((root.map_err(failed("restore"))?, source));
    }
    let shipped = shipped(source == CommandSource::Shipped)?;
    let at_root: Vec<&Image> = images
        .iter()
        .filter(|(_, guest)| guest == "/")
        .map(|(image, _)| image)
        .collect();
    let layer = if at_root.is_empty() {
        shipped as Arc<dyn FileSystem>
    } else {
        image::over(&at_root, shipped, &clock)?
    };
    let root = overlay(&[layer], clock, budget).map_err(failed("build"))?;
    Ok((root, source))
}

/// What a machine cannot be without: at the top these names are its own, whatever a filesystem of the embedder at `/` has.
const KEPT: [&[u8]; 10] = [
    b"bin", b"dev", b"etc", b"lib", b"proc", b"run", b"sbin", b"sys", b"usr", b"var",
];

/// The root of a machine with a filesystem of the embedder's at `/`, if one of the mounts is that.
pub(crate) fn joined(
    root: &Arc<dyn FileSystem>,
    mounts: &[HostFilesMount],
    handle: &tokio::runtime::Handle,
    has_node_modules: bool,
) -> Option<Arc<JoinedFs>> {
    let mount = mounts.iter().find(|mount| mount.is_root())?;
    let mut kept = KEPT.to_vec();
    if has_node_modules {
        kept.push(b"root");
    }
    let files = mount.filesystem(handle);
    Some(JoinedFs::new(Arc::clone(root), &files, &kept))
}

/// Mounts images that are not the root's, those at one place over each other.
fn mount_images(
    kernel: &Arc<Kernel>,
    view: &HostView,
    images: &[(Image, String)],
) -> Result<(), Error> {
    let mut places: Vec<(&str, Vec<&Image>)> = Vec::new();
    for (image, guest) in images.iter().filter(|(_, guest)| guest != "/") {
        match places.iter_mut().find(|(place, _)| *place == guest) {
            Some((_, there)) => there.push(image),
            None => places.push((guest, vec![image])),
        }
    }
    for (guest, images) in places {
        let layer = image::alone(&images, kernel.clock())?;
        // A view of the machine's own, so that nothing that happens to it is seen by another.
        let (clock, budget) = (Arc::clone(kernel.clock()), Arc::clone(kernel.budget()));
        let files = overlay(&[layer], clock, budget).map_err(|cause| Error::File {
            operation: "mount",
            path: guest.to_owned(),
            cause,
        })?;
        mount_at(kernel, view, "image", guest, files, MountFlags::RDONLY)?;
    }
    Ok(())
}

/// Mounts an empty directory in memory.
fn mount_memory(
    kernel: &Arc<Kernel>,
    view: &HostView,
    mount: &MemoryMount,
    (uid, gid): (u32, u32),
) -> Result<(), Error> {
    let budget = match mount.size_limit {
        None => Arc::clone(kernel.budget()),
        Some(bytes) => Budget::new(Limits {
            filesystem_bytes: bytes,
            inodes: kernel.budget().limit(Resource::Inodes),
            ..Limits::default()
        }),
    };
    let owner = NewOwner {
        mode: Mode::from_raw(0o755),
        uid: Uid::new(uid),
        gid: Gid::new(gid),
    };
    let files = Tmpfs::with_root(Arc::clone(kernel.clock()), budget, &owner);
    let guest = &mount.guest;
    mount_at(
        kernel,
        view,
        "memory_directory",
        guest,
        files,
        MountFlags::empty(),
    )
}

/// Mounts what the embedder asked for.
fn mount_all(kernel: &Arc<Kernel>, view: &HostView, plan: &Plan<'_>) -> Result<(), Error> {
    mount_images(kernel, view, plan.images)?;
    for mount in plan.memory_mounts {
        mount_memory(kernel, view, mount, plan.owner)?;
    }
    for mount in plan.mounts {
        let options = HostDirOptions::default();
        mount_host(kernel, view, "mount", mount, plan.owner, options)?;
    }
    for mount in plan.vfs_mounts {
        mount_vfs(kernel, view, mount, plan.owner)?;
    }
    // One at `/` is joined with the root already.
    for mount in plan.callback_mounts.iter().filter(|one| !one.is_root()) {
        let filesystem = mount.filesystem(crate::host::host()?.handle());
        let (guest, flags) = (&mount.guest, MountFlags::empty());
        mount_at(kernel, view, "mount_callback", guest, filesystem, flags)?;
    }
    Ok(())
}

/// Mounts and fills what the embedder asked for.
pub(crate) fn furnish(
    kernel: &Arc<Kernel>,
    source: &CommandSource,
    plan: &Plan<'_>,
) -> Result<(), Error> {
    let view = HostView::new(kernel.namespace().root(), b"/");
    let at = |path: &str, operation| {
        let path = path.to_owned();
        move |cause| Error::File {
            operation,
            path,
            cause,
        }
    };
    if let CommandSource::Directory { path, .. } = source {
        mount_commands(kernel, &view, path)?;
    }
    mount_all(kernel, &view, plan)?;
    if let Some(directory) = plan.node_modules {
        let mount = HostMount::new(directory, NODE_MODULES);
        // Writes give EACCES, as the reference documents say, not EROFS.
        let options = HostDirOptions {
            refusal: Some(Errno::EACCES),
            ..HostDirOptions::default()
        };
        mount_host(kernel, &view, "node_modules", &mount, (0, 0), options)?;
        // Code outside /root finds the packages too: every lookup ends at the root.
        view.in_context(|cx| {
            match ops::symlink(cx, NODE_MODULES.as_bytes(), None, b"/node_modules") {
                // A snapshot has it.
                Err(error) if error.errno() == Errno::EEXIST => Ok(()),
                made => made,
            }
        })
        .map_err(at("/node_modules", "symlink"))?;
    }
    let content = format!("nameserver {NAME_SERVER}\n");
    view.in_context(|cx| write(cx, RESOLV_CONF.as_bytes(), content.as_bytes(), 0o644))
        .map_err(at(RESOLV_CONF, "write"))?;
    if let Some(authority) = plan.authority {
        view.in_context(|cx| {
            make_directories(cx, b"/etc/ssl/certs")?;
            write(cx, AUTHORITIES.as_bytes(), authority, 0o644)
        })
        .map_err(at(AUTHORITIES, "write"))?;
    }
    for SeedFile {
        path,
        content,
        mode,
    } in plan.files
    {
        if !path.starts_with('/') {
            return Err(Error::Option {
                option: "file",
                reason: format!("`{path}` is not an absolute path"),
            });
        }
        if cannot_answer_yet(plan, path) {
            return Err(Error::Option {
                option: "file",
                reason: format!(
                    "`{path}` is in a filesystem of the embedder, who cannot be asked yet: write it when its channel is open"
                ),
            });
        }
        view.in_context(|cx| {
            let above = path.rsplit_once('/').map(|(above, _)| above.as_bytes());
            if let Some(parent @ [_, ..]) = above {
                make_directories(cx, parent)?;
            }
            write(cx, path.as_bytes(), content, 0o644)?;
            own(cx, path, plan.owner)?;
            // Now, while the machine's own tree answers at `/`: later the embedder is asked there, who has no such file.
            match mode {
                Some(mode) => set_mode(cx, path, *mode),
                None => Ok(()),
            }
        })
        .map_err(at(path, "write"))?;
    }
    make_personal(&view, plan)
}

/// The directories that the user of the machine is told of: made if missing, the user's own.
fn make_personal(view: &HostView, plan: &Plan<'_>) -> Result<(), Error> {
    let (home, temporary) = (plan.os.homedir.as_deref(), plan.os.tmpdir.as_deref());
    let wanted = [
        (Some(plan.cwd), plan.owner, 0o755),
        (home, plan.owner, 0o755),
        (temporary, (0, 0), 0o1777),
    ];
    for (path, owner, mode) in wanted {
        let Some(path) = path.filter(|path| !cannot_answer_yet(plan, path)) else {
            continue;
        };
        view.in_context(|cx| {
            if ops::lookup(cx, None, path.as_bytes(), LookupFlags::FOLLOW).is_err() {
                make_directories(cx, path.as_bytes())?;
                own(cx, path, owner)?;
                set_mode(cx, path, mode)?;
            }
            Ok(())
        })
        .map_err(|cause| Error::File {
            operation: "mkdir",
            path: path.to_owned(),
            cause,
        })?;
    }
    match home {
        Some(home) => move_home(view, plan.owner.0, home),
        None => Ok(()),
    }
}

const PASSWD: &str = "/etc/passwd";

/// Says in `/etc/passwd` where a user's home is; an image without that file, or without that user, stays as it is.
fn move_home(view: &HostView, uid: u32, home: &str) -> Result<(), Error> {
    view.in_context(|cx| {
        let before = match read(cx, PASSWD.as_bytes()) {
            Err(error) if error.errno() == Errno::ENOENT => return Ok(()),
            before => before?,
        };
        let uid = uid.to_string();
        let mut after = Vec::with_capacity(before.len() + home.len());
        for line in before.split_inclusive(|byte| *byte == b'\n') {
            let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
            if fields.len() == 7 && fields[2] == uid.as_bytes() {
                fields[5] = home.as_bytes();
            }
            after.extend(fields.join(&b':'));
        }
        if after == before {
            return Ok(());
        }
        write(cx, PASSWD.as_bytes(), &after, 0o644)
    })
    .map_err(|cause| Error::File {
        operation: "write",
        path: PASSWD.into(),
        cause,
    })
}

fn set_mode(cx: &LookupContext<'_>, path: &str, mode: u32) -> SysResult {
    let mode = Mode::from_raw(mode & 0o7777);
    ops::chmod(cx, None, path.as_bytes(), mode, AtFlags::empty())
}

/// Whether a path is in a filesystem of the embedder that cannot be asked while the machine is made. One at `/` is not asked then: the machine's own
/// tree takes what is made.
fn cannot_answer_yet(plan: &Plan<'_>, path: &str) -> bool {
    plan.callback_mounts.iter().any(|mount| {
        let below = path.strip_prefix(mount.guest.trim_end_matches('/'));
        !mount.is_root()
            && !mount.filesystem.answers_at_once()
            && below.is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Writes files of ours into a machine's directory.
pub(crate) fn install(
    kernel: &Arc<Kernel>,
    directory: &str,
    write: impl FnOnce(&LookupContext<'_>) -> SysResult,
) -> Result<(), Error> {
    let view = HostView::new(kernel.namespace().root(), b"/");
    view.in_context(write).map_err(|cause| Error::File {
        operation: "install",
        path: directory.into(),
        cause,
    })
}

fn own(cx: &LookupContext<'_>, path: &str, (uid, gid): (u32, u32)) -> SysResult {
    ops::chown(
        cx,
        None,
        path.as_bytes(),
        Some(Uid::new(uid)),
        Some(Gid::new(gid)),
        AtFlags::empty(),
    )
}

fn mount_host(
    kernel: &Arc<Kernel>,
    view: &HostView,
    option: &'static str,
    mount: &HostMount,
    owner: (u32, u32),
    options: HostDirOptions,
) -> Result<(), Error> {
    check_directory(option, &mount.host)?;
    let options = HostDirOptions {
        writable: mount.access == MountAccess::ReadWrite,
        uid: Uid::new(owner.0),
        gid: Gid::new(owner.1),
        growth_limit: mount.size_limit,
        ..options
    };
    let filesystem = HostDir::open(&mount.host, options).map_err(|cause| Error::HostPath {
        option,
        path: mount.host.clone(),
        cause,
    })?;
    mount_at(
        kernel,
        view,
        option,
        &mount.guest,
        filesystem,
        MountFlags::empty(),
    )
}

fn mount_vfs(
    kernel: &Arc<Kernel>,
    view: &HostView,
    mount: &VfsMount,
    (uid, gid): (u32, u32),
) -> Result<(), Error> {
    let filesystem = AdapterFs::new(
        mount.root.clone(),
        Uid::new(uid),
        Gid::new(gid),
        Arc::clone(kernel.budget()),
    )
    .map_err(|cause| Error::Option {
        option: "mount_vfs",
        reason: format!(
            "the filesystem for `{}` has no root directory: {cause}",
            mount.guest
        ),
    })?;
    let guest = &mount.guest;
    mount_at(
        kernel,
        view,
        "mount_vfs",
        guest,
        filesystem,
        MountFlags::empty(),
    )
}

/// Mounts at an absolute path of the machine, made if it is not there.
fn mount_at(
    kernel: &Arc<Kernel>,
    view: &HostView,
    option: &'static str,
    guest: &str,
    filesystem: Arc<dyn FileSystem>,
    flags: MountFlags,
) -> Result<(), Error> {
    if !guest.starts_with('/') {
        let reason = format!("`{guest}` is not an absolute path in the machine");
        return Err(Error::Option { option, reason });
    }
    let failed = |cause| Error::File {
        operation: "mount",
        path: guest.to_owned(),
        cause,
    };
    view.in_context(|cx| {
        make_directories(cx, guest.as_bytes())?;
        let place = ops::lookup(cx, None, guest.as_bytes(), LookupFlags::FOLLOW)?;
        kernel.namespace().mount(&place, filesystem, flags)
    })
    .map(drop)
    .map_err(failed)
}

/// Shows a directory of commands at `/bin`: its files read-only and executable, `name.wasm` as `name` too. What the base has
/// there and the directory has not (`sh`, `node`) stays.
fn mount_commands(kernel: &Arc<Kernel>, view: &HostView, directory: &Path) -> Result<(), Error> {
    check_directory("commands_dir", directory)?;
    let options = HostDirOptions {
        all_executable: true,
        ..HostDirOptions::default()
    };
    let unusable = |cause| Error::HostPath {
        option: "commands_dir",
        path: directory.to_owned(),
        cause,
    };
    let files = HostDir::open(directory, options).map_err(unusable)?;
    let commands =
        cenote_registry::directory_commands(directory).map_err(|error| Error::Option {
            option: "commands_dir",
            reason: error.to_string(),
        })?;
    let failed = |cause| Error::File {
        operation: "mount",
        path: "/bin".into(),
        cause,
    };

    let mut links = ImageBuilder::new();
    let mut names = BTreeSet::new();
    for command in &commands {
        let name = command.name.as_bytes();
        names.insert(name.to_vec());
        if let Some(file) = command.file.file_name()
            && file != command.name.as_os_str()
        {
            links.symlink(name, file.as_bytes()).map_err(failed)?;
        }
    }
    view.in_context(|cx| {
        let bin = ops::lookup(cx, None, b"/bin", LookupFlags::FOLLOW)?;
        // The base's own, which the directory does not replace.
        let mut kept = Vec::new();
        bin.inode().read_dir(0, &mut |entry| {
            if !names.contains(entry.name) {
                kept.push(entry.name.to_vec());
            }
            true
        })?;
        for name in kept {
            let inode = bin.inode().lookup(&name)?;
            if let Ok(target) = inode.read_link() {
                links.symlink(&name, &target)?;
            } else if let Some(bytes) = inode.shared_bytes() {
                let content = match inode.content_digest() {
                    Some(digest) => PlainContent::with_digest(bytes, digest),
                    None => PlainContent::new(bytes),
                };
                links.file(&name, Mode::from_raw(0o755), content)?;
            }
        }
        Ok(())
    })
    .map_err(failed)?;
    let layers: [Arc<dyn FileSystem>; 2] = [links.build(), files];
    let merged = overlay(
        &layers,
        Arc::clone(kernel.clock()),
        Arc::clone(kernel.budget()),
    )
    .map_err(failed)?;
    view.in_context(|cx| {
        let bin = ops::lookup(cx, None, b"/bin", LookupFlags::FOLLOW)?;
        kernel.namespace().mount(&bin, merged, MountFlags::RDONLY)
    })
    .map(drop)
    .map_err(failed)
}
