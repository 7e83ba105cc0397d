//! `internalBinding('fs')`: files. Node: `src/node_file.cc`, lib/fs.js, lib/internal/fs/promises.js.
//!
//! Every verb does its system call at once, on this thread: files in memory never wait. What differs is how the answer is given
//! ([`request`]): returned or thrown, to a request object's `oncomplete`, or through a promise. Only reading, writing and opening
//! can wait (pipes, terminals); they do so on the event loop unless the call is synchronous.
//!
//! Reading order: `request` (answers), `paths` (verbs on paths and descriptors), `stat`, `transfer` (read, write), `whole` (whole files),
//! `stat_watcher` (`fs.watchFile`), `tree` (copying and removing trees), `file_handle` (`FileHandle`, `FSReqCallback`), `modules` (what the module loaders ask).

mod fast;
mod file_handle;
mod file_stream;
pub(super) mod gate;
mod modules;
mod paths;
mod request;
mod stat;
mod stat_watcher;
mod transfer;
mod tree;
mod whole;

pub(crate) use paths::{entry_type, list};
pub(crate) use request::{Answer, Encoding, answer};
pub(crate) use transfer::encode;

use crate::glue::Binding;

pub(super) const BINDING: Binding = Binding::new("fs")
    .function("access", paths::access)
    .function("existsSync", paths::exists_sync)
    .fast(&fast::EXISTS_SYNC)
    .function("open", paths::open)
    .function("openFileHandle", paths::open_file_handle)
    .function("close", paths::close)
    .function("rename", paths::rename)
    .function("ftruncate", paths::ftruncate)
    .function("rmdir", paths::rmdir)
    .function("mkdir", paths::mkdir)
    .function("mkdtemp", paths::mkdtemp)
    .function("readdir", paths::readdir)
    .function("link", paths::link)
    .function("symlink", paths::symlink)
    .function("readlink", paths::readlink)
    .function("realpath", paths::realpath)
    .function("unlink", paths::unlink)
    .function("chmod", paths::chmod)
    .function("fchmod", paths::fchmod)
    .function("chown", paths::chown)
    .function("fchown", paths::fchown)
    .function("lchown", paths::lchown)
    .function("utimes", paths::utimes)
    .function("futimes", paths::futimes)
    .function("lutimes", paths::lutimes)
    .function("fsync", paths::fsync)
    .function("fdatasync", paths::fdatasync)
    .function("stat", stat::stat)
    .function("lstat", stat::lstat)
    .function("fstat", stat::fstat)
    .function("statfs", stat::statfs)
    .function("internalModuleStat", modules::internal_module_stat)
    .fast(&fast::INTERNAL_MODULE_STAT)
    .function("legacyMainResolve", modules::legacy_main_resolve)
    .function(
        "getFormatOfExtensionlessFile",
        modules::format_of_extensionless_file,
    )
    .function("read", transfer::read)
    .function("readBuffers", transfer::read_buffers)
    .function("writeBuffer", transfer::write_buffer)
    .function("writeBuffers", transfer::write_buffers)
    .function("writeString", transfer::write_string)
    .function("readFileUtf8", whole::read_file_utf8)
    .function("writeFileUtf8", whole::write_file_utf8)
    .function("copyFile", whole::copy_file)
    .function("rmSync", tree::rm_sync)
    .function("cpSyncCheckPaths", tree::cp_sync_check_paths)
    .function("cpSyncOverrideFile", tree::cp_sync_override_file)
    .function("cpSyncCopyDir", tree::cp_sync_copy_dir)
    .class(&file_handle::FS_REQ_CALLBACK)
    .class(&file_handle::FILE_HANDLE)
    .class(&stat_watcher::STAT_WATCHER);
