//! `internalBinding('fs')`: files. Node: `src/node_file.cc`, lib/fs.js, lib/internal/fs/promises.js.
//!
//! Every verb does its system call at once, on this thread: files in memory never wait. What differs is how the answer is given
//! ([`request`]): returned or thrown, to a request object's `oncomplete`, or through a promise. Only reading, writing and opening
//! can wait (pipes, terminals); they do so on the event loop unless the call is synchronous.
//!
//! Reading order: `request` (answers), `paths` (verbs on paths and descriptors), `stat`, `transfer` (read, write), `whole` (whole files),
//! `stat_watcher` (`fs.watchFile`), `tree` (copying and removing trees), `file_handle` (`FileHandle`, `FSReqCallback`), `modules` (what the module loaders ask),
//! `traced` (in traces).

mod fast;
mod file_handle;
mod file_stream;
pub(super) mod gate;
mod modules;
mod paths;
mod request;
mod stat;
mod stat_watcher;
mod traced;
mod transfer;
mod tree;
mod whole;

pub(crate) use paths::{entry_type, list};
pub(crate) use request::{Answer, Encoding, Unanswered, answer};
pub(crate) use traced::{Verb, around, traced};
pub(crate) use transfer::encode;

use crate::glue::Binding;

pub(super) const BINDING: Binding = Binding::new("fs")
    .function(
        "access",
        traced!(paths::access, "fs.sync.access", "access", 2),
    )
    .function("existsSync", paths::exists_sync)
    .fast(&fast::EXISTS_SYNC)
    .function("open", traced!(paths::open, "fs.sync.open", "open", 3))
    .function(
        "openFileHandle",
        traced!(paths::open_file_handle, "fs.sync.open", "open", 3),
    )
    .function("close", traced!(paths::close, "fs.sync.close", "close", 1))
    .function(
        "rename",
        traced!(paths::rename, "fs.sync.rename", "rename", 2),
    )
    .function(
        "ftruncate",
        traced!(paths::ftruncate, "fs.sync.ftruncate", "ftruncate", 2),
    )
    .function("rmdir", traced!(paths::rmdir, "fs.sync.rmdir", "rmdir", 1))
    .function("mkdir", traced!(paths::mkdir, "fs.sync.mkdir", "mkdir", 3))
    .function(
        "mkdtemp",
        traced!(paths::mkdtemp, "fs.sync.mkdtemp", "mkdtemp", 2),
    )
    .function(
        "readdir",
        traced!(paths::readdir, "fs.sync.readdir", "scandir", 3),
    )
    .function("link", traced!(paths::link, "fs.sync.link", "link", 2))
    .function(
        "symlink",
        traced!(paths::symlink, "fs.sync.symlink", "symlink", 3),
    )
    .function(
        "readlink",
        traced!(paths::readlink, "fs.sync.readlink", "readlink", 2),
    )
    .function(
        "realpath",
        traced!(paths::realpath, "fs.sync.realpath", "realpath", 2),
    )
    .function(
        "unlink",
        traced!(paths::unlink, "fs.sync.unlink", "unlink", 1),
    )
    .function("chmod", traced!(paths::chmod, "fs.sync.chmod", "chmod", 2))
    .function(
        "fchmod",
        traced!(paths::fchmod, "fs.sync.fchmod", "fchmod", 2),
    )
    .function("chown", traced!(paths::chown, "fs.sync.chown", "chown", 3))
    .function(
        "fchown",
        traced!(paths::fchown, "fs.sync.fchown", "fchown", 3),
    )
    .function(
        "lchown",
        traced!(paths::lchown, "fs.sync.lchown", "lchown", 3),
    )
    .function(
        "utimes",
        traced!(paths::utimes, "fs.sync.utimes", "utime", 3),
    )
    .function(
        "futimes",
        traced!(paths::futimes, "fs.sync.futimes", "futime", 3),
    )
    .function(
        "lutimes",
        traced!(paths::lutimes, "fs.sync.lutimes", "lutime", 3),
    )
    .function("fsync", traced!(paths::fsync, "fs.sync.fsync", "fsync", 1))
    .function(
        "fdatasync",
        traced!(paths::fdatasync, "fs.sync.fdatasync", "fdatasync", 1),
    )
    .function("stat", traced!(stat::stat, "fs.sync.stat", "stat", 2))
    .function("lstat", traced!(stat::lstat, "fs.sync.lstat", "lstat", 2))
    .function("fstat", traced!(stat::fstat, "fs.sync.fstat", "fstat", 2))
    .function(
        "statfs",
        traced!(stat::statfs, "fs.sync.statfs", "statfs", 2),
    )
    .function("internalModuleStat", modules::internal_module_stat)
    .fast(&fast::INTERNAL_MODULE_STAT)
    .function("legacyMainResolve", modules::legacy_main_resolve)
    .function(
        "getFormatOfExtensionlessFile",
        modules::format_of_extensionless_file,
    )
    .function("read", traced!(transfer::read, "fs.sync.read", "read", 5))
    .function(
        "readBuffers",
        traced!(transfer::read_buffers, "fs.sync.read", "read", 3),
    )
    .function(
        "writeBuffer",
        traced!(transfer::write_buffer, "fs.sync.write", "write", 5),
    )
    .function(
        "writeBuffers",
        traced!(transfer::write_buffers, "fs.sync.write", "write", 3),
    )
    .function(
        "writeString",
        traced!(transfer::write_string, "fs.sync.write", "write", 4),
    )
    .function("readFileUtf8", whole::read_file_utf8)
    .function("writeFileUtf8", whole::write_file_utf8)
    .function(
        "copyFile",
        traced!(whole::copy_file, "fs.sync.copyfile", "copyfile", 3),
    )
    .function("rmSync", tree::rm_sync)
    .function("cpSyncCheckPaths", tree::cp_sync_check_paths)
    .function("cpSyncOverrideFile", tree::cp_sync_override_file)
    .function("cpSyncCopyDir", tree::cp_sync_copy_dir)
    .class(&file_handle::FS_REQ_CALLBACK)
    .class(&file_handle::FILE_HANDLE)
    .class(&stat_watcher::STAT_WATCHER);
