//! `wasi:filesystem` over the kernel's files.
//!
//! A program sees one preopened directory, `/`, which stands for the root and the working directory at once, as for preview 1
//! (`wasi_p1/descriptors.rs`). All other directories and files are descriptors of the process. Flags of a descriptor say what it was
//! opened for; the kernel enforces permissions, not these.
//! Differences: `append-via-stream` looks for the end before each write, so two appending programs may overwrite each other.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AtFlags, Mode, OpenFlags as Open, RenameFlags, Stat};
use cenote_base::SysError;
use cenote_kernel::syscall::{self, At};
use wasmtime::component::Resource;
use wasmtime_wasi::TrappableError;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::bindings::preopens;
use super::bindings::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use super::convert::{descriptor_stat, descriptor_type, error_code, time_change};
use super::state::ComponentProcess;
use super::streams::{Input, OpenFd, Output, Place as StreamPlace};
use crate::wasi_p1::{PREOPEN_NAME, Place as PathPlace, place_in_preopen};

/// Bytes one `read` gives at most.
const MAX_READ: u64 = 1 << 20;

/// An error of WASI's, or one that ends the program.
pub(crate) type FileError = TrappableError<ErrorCode>;

type FileResult<T> = Result<T, FileError>;

/// `descriptor`.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Descriptor(Target);

/// What a descriptor is of.
#[derive(Clone, Debug)]
enum Target {
    /// The preopened directory.
    Preopen,
    /// A file of the process.
    Open {
        file: Arc<OpenFd>,
        flags: DescriptorFlags,
    },
}

/// `directory-entry-stream`: what is left of a directory that was read at once.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Entries(std::vec::IntoIter<DirectoryEntry>);

fn failed(error: SysError) -> FileError {
    error_code(error.errno()).into()
}

fn errno(errno: Errno) -> FileError {
    error_code(errno).into()
}

impl ComponentProcess {
    fn target(&self, descriptor: &Resource<Descriptor>) -> FileResult<Target> {
        let descriptor = self.table.get(descriptor).map_err(FileError::trap)?;
        Ok(descriptor.0.clone())
    }

    fn file(&self, descriptor: &Resource<Descriptor>) -> FileResult<Arc<OpenFd>> {
        match self.target(descriptor)? {
            Target::Open { file, .. } => Ok(file),
            Target::Preopen => Err(ErrorCode::IsDirectory.into()),
        }
    }

    /// Where a path seen from a directory is.
    fn place(&self, descriptor: &Resource<Descriptor>, path: &str) -> FileResult<PathPlace> {
        if path.as_bytes().contains(&0) {
            return Err(ErrorCode::IllegalByteSequence.into());
        }
        Ok(match self.target(descriptor)? {
            Target::Preopen => place_in_preopen(self.task(), path.as_bytes()),
            Target::Open { file, .. } => {
                // WASI's paths never lead out by a leading slash.
                if path.starts_with('/') {
                    return Err(ErrorCode::NotPermitted.into());
                }
                PathPlace {
                    at: At::Fd(file.fd),
                    path: path.as_bytes().to_vec(),
                }
            }
        })
    }

    fn stat_of(&self, descriptor: &Resource<Descriptor>) -> FileResult<Stat> {
        match self.target(descriptor)? {
            Target::Preopen => {
                syscall::fstatat(self.task(), At::Cwd, PREOPEN_NAME, AtFlags::empty())
            }
            Target::Open { file, .. } => syscall::fstat(self.task(), file.fd),
        }
        .map_err(failed)
    }

    fn stat_path(
        &self,
        descriptor: &Resource<Descriptor>,
        flags: PathFlags,
        path: &str,
    ) -> FileResult<Stat> {
        let place = self.place(descriptor, path)?;
        syscall::fstatat(self.task(), place.at, &place.path, nofollow(flags)).map_err(failed)
    }

    fn input(&mut self, stream: Input) -> FileResult<Resource<DynInputStream>> {
        let stream: DynInputStream = Box::new(stream);
        self.table.push(stream).map_err(FileError::trap)
    }

    fn output(&mut self, stream: Output) -> FileResult<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(stream);
        self.table.push(stream).map_err(FileError::trap)
    }
}

fn nofollow(flags: PathFlags) -> AtFlags {
    if flags.contains(PathFlags::SYMLINK_FOLLOW) {
        AtFlags::empty()
    } else {
        AtFlags::AT_SYMLINK_NOFOLLOW
    }
}

/// Status flags for what a program wants of a file.
fn open_flags(path: PathFlags, open: OpenFlags, wanted: DescriptorFlags) -> Open {
    let reads = wanted.contains(DescriptorFlags::READ);
    let writes = wanted.contains(DescriptorFlags::WRITE);
    let mut flags = Open::O_CLOEXEC
        | match (reads, writes) {
            (true, true) => Open::O_RDWR,
            (false, true) => Open::O_WRONLY,
            (_, false) => Open::O_RDONLY,
        };
    flags.set(Open::O_NOFOLLOW, !path.contains(PathFlags::SYMLINK_FOLLOW));
    flags.set(Open::O_CREAT, open.contains(OpenFlags::CREATE));
    flags.set(Open::O_EXCL, open.contains(OpenFlags::EXCLUSIVE));
    flags.set(Open::O_TRUNC, open.contains(OpenFlags::TRUNCATE));
    flags.set(
        Open::O_SYNC,
        wanted.contains(DescriptorFlags::FILE_INTEGRITY_SYNC)
            || wanted.contains(DescriptorFlags::REQUESTED_WRITE_SYNC),
    );
    flags.set(
        Open::O_DSYNC,
        wanted.contains(DescriptorFlags::DATA_INTEGRITY_SYNC),
    );
    if open.contains(OpenFlags::DIRECTORY) {
        // Directories can only be read, whatever is asked of them.
        flags.remove(Open::O_ACCMODE);
        flags |= Open::O_DIRECTORY;
    }
    flags
}

/// Two numbers that are the same for the same state of the same file.
fn metadata_hash(stat: &Stat) -> MetadataHashValue {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, stat.dev, stat.ino, stat.size).hash(&mut hasher);
        (stat.mtime.sec, stat.mtime.nsec).hash(&mut hasher);
        hasher.finish()
    };
    MetadataHashValue {
        lower: half(0),
        upper: half(1),
    }
}

impl types::Host for ComponentProcess {
    async fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error
            .downcast_ref::<SysError>()
            .map(|error| error_code(error.errno())))
    }

    fn convert_error_code(&mut self, error: FileError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

impl preopens::Host for ComponentProcess {
    async fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let preopen = self.table.push(Descriptor(Target::Preopen))?;
        Ok(vec![(preopen, "/".to_owned())])
    }
}

impl types::HostDirectoryEntryStream for ComponentProcess {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<Entries>,
    ) -> FileResult<Option<DirectoryEntry>> {
        let entries = self.table.get_mut(&stream).map_err(FileError::trap)?;
        Ok(entries.0.next())
    }

    async fn drop(&mut self, stream: Resource<Entries>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

impl types::HostDescriptor for ComponentProcess {
    async fn read_via_stream(
        &mut self,
        descriptor: Resource<Descriptor>,
        offset: u64,
    ) -> FileResult<Resource<DynInputStream>> {
        let file = self.file(&descriptor)?;
        self.input(Input::new(file, StreamPlace::At(offset)))
    }

    async fn write_via_stream(
        &mut self,
        descriptor: Resource<Descriptor>,
        offset: u64,
    ) -> FileResult<Resource<DynOutputStream>> {
        let file = self.file(&descriptor)?;
        self.output(Output::new(file, StreamPlace::At(offset)))
    }

    async fn append_via_stream(
        &mut self,
        descriptor: Resource<Descriptor>,
    ) -> FileResult<Resource<DynOutputStream>> {
        let file = self.file(&descriptor)?;
        self.output(Output::new(file, StreamPlace::End))
    }

    /// Advice changes nothing here: files are in memory, or the host's to cache.
    async fn advise(
        &mut self,
        descriptor: Resource<Descriptor>,
        _offset: u64,
        _length: u64,
        _advice: Advice,
    ) -> FileResult<()> {
        self.file(&descriptor).map(drop)
    }

    async fn sync_data(&mut self, descriptor: Resource<Descriptor>) -> FileResult<()> {
        let file = self.file(&descriptor)?;
        syscall::fdatasync(self.task(), file.fd).map_err(failed)
    }

    async fn sync(&mut self, descriptor: Resource<Descriptor>) -> FileResult<()> {
        let file = self.file(&descriptor)?;
        syscall::fsync(self.task(), file.fd).map_err(failed)
    }

    async fn get_flags(&mut self, descriptor: Resource<Descriptor>) -> FileResult<DescriptorFlags> {
        Ok(match self.target(&descriptor)? {
            Target::Preopen => DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY,
            Target::Open { flags, .. } => flags,
        })
    }

    async fn get_type(&mut self, descriptor: Resource<Descriptor>) -> FileResult<DescriptorType> {
        Ok(descriptor_type(self.stat_of(&descriptor)?.file_type()))
    }

    async fn set_size(&mut self, descriptor: Resource<Descriptor>, size: u64) -> FileResult<()> {
        let file = self.file(&descriptor)?;
        syscall::ftruncate(self.task(), file.fd, size).map_err(failed)
    }

    async fn set_times(
        &mut self,
        descriptor: Resource<Descriptor>,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FileResult<()> {
        let times = [
            time_change(access).map_err(errno)?,
            time_change(modification).map_err(errno)?,
        ];
        let (at, path) = match self.target(&descriptor)? {
            Target::Preopen => (At::Cwd, Some(PREOPEN_NAME)),
            Target::Open { file, .. } => (At::Fd(file.fd), None),
        };
        syscall::utimensat(self.task(), at, path, times, AtFlags::empty()).map_err(failed)
    }

    async fn read(
        &mut self,
        descriptor: Resource<Descriptor>,
        length: u64,
        offset: u64,
    ) -> FileResult<(Vec<u8>, bool)> {
        let file = self.file(&descriptor)?;
        let size = usize::try_from(length.min(MAX_READ)).unwrap_or(0);
        let mut bytes = vec![0; size];
        let count = syscall::pread(&file.task, file.fd, &mut bytes, offset)
            .await
            .map_err(failed)?;
        bytes.truncate(count);
        Ok((bytes, count == 0 && size > 0))
    }

    async fn write(
        &mut self,
        descriptor: Resource<Descriptor>,
        bytes: Vec<u8>,
        offset: u64,
    ) -> FileResult<u64> {
        let file = self.file(&descriptor)?;
        let count = syscall::pwrite(&file.task, file.fd, &bytes, offset)
            .await
            .map_err(failed)?;
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    async fn read_directory(
        &mut self,
        descriptor: Resource<Descriptor>,
    ) -> FileResult<Resource<Entries>> {
        // A directory opened anew, so that two readers do not share a position.
        let place = match self.target(&descriptor)? {
            Target::Preopen => place_in_preopen(self.task(), b"."),
            Target::Open { file, .. } => PathPlace {
                at: At::Fd(file.fd),
                path: b".".to_vec(),
            },
        };
        let flags = Open::O_DIRECTORY | Open::O_CLOEXEC;
        let task = Arc::clone(self.task());
        let fd = syscall::openat(&task, place.at, &place.path, flags, Mode::empty())
            .await
            .map_err(failed)?;
        let directory = OpenFd::opened(task, fd);
        let mut list = Vec::new();
        loop {
            let before = list.len();
            syscall::getdents(&directory.task, directory.fd, &mut |entry| {
                if !matches!(entry.name, b"." | b"..") {
                    list.push(DirectoryEntry {
                        type_: descriptor_type(Some(entry.file_type)),
                        name: String::from_utf8_lossy(entry.name).into_owned(),
                    });
                }
                true
            })
            .map_err(failed)?;
            if list.len() == before {
                break;
            }
        }
        self.table
            .push(Entries(list.into_iter()))
            .map_err(FileError::trap)
    }

    async fn create_directory_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        path: String,
    ) -> FileResult<()> {
        let place = self.place(&descriptor, &path)?;
        syscall::mkdirat(self.task(), place.at, &place.path, Mode::from_raw(0o777)).map_err(failed)
    }

    async fn stat(&mut self, descriptor: Resource<Descriptor>) -> FileResult<DescriptorStat> {
        Ok(descriptor_stat(&self.stat_of(&descriptor)?))
    }

    async fn stat_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FileResult<DescriptorStat> {
        Ok(descriptor_stat(&self.stat_path(
            &descriptor,
            flags,
            &path,
        )?))
    }

    async fn set_times_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> FileResult<()> {
        let times = [
            time_change(access).map_err(errno)?,
            time_change(modification).map_err(errno)?,
        ];
        let place = self.place(&descriptor, &path)?;
        let flags = nofollow(flags);
        syscall::utimensat(self.task(), place.at, Some(&place.path), times, flags).map_err(failed)
    }

    async fn link_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        flags: PathFlags,
        old: String,
        target: Resource<Descriptor>,
        new: String,
    ) -> FileResult<()> {
        let follow = if flags.contains(PathFlags::SYMLINK_FOLLOW) {
            AtFlags::AT_SYMLINK_FOLLOW
        } else {
            AtFlags::empty()
        };
        let (old, new) = (self.place(&descriptor, &old)?, self.place(&target, &new)?);
        syscall::linkat(self.task(), old.at, &old.path, new.at, &new.path, follow).map_err(failed)
    }

    async fn open_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open: OpenFlags,
        wanted: DescriptorFlags,
    ) -> FileResult<Resource<Descriptor>> {
        let place = self.place(&descriptor, &path)?;
        let flags = open_flags(path_flags, open, wanted);
        let mode = Mode::from_raw(0o666);
        let task = Arc::clone(self.task());
        let opened = match syscall::openat(&task, place.at, &place.path, flags, mode).await {
            // A program that asked for all rights on a directory meant to read it.
            Err(error) if error.errno() == Errno::EISDIR && !flags.contains(Open::O_CREAT) => {
                let flags = (flags - Open::O_ACCMODE) | Open::O_DIRECTORY;
                syscall::openat(&task, place.at, &place.path, flags, mode).await
            }
            other => other,
        };
        let file = OpenFd::opened(task, opened.map_err(failed)?);
        self.table
            .push(Descriptor(Target::Open {
                file,
                flags: wanted,
            }))
            .map_err(FileError::trap)
    }

    async fn readlink_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        path: String,
    ) -> FileResult<String> {
        let place = self.place(&descriptor, &path)?;
        let target = syscall::readlinkat(self.task(), place.at, &place.path).map_err(failed)?;
        String::from_utf8(target).map_err(|_| ErrorCode::IllegalByteSequence.into())
    }

    async fn remove_directory_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        path: String,
    ) -> FileResult<()> {
        let place = self.place(&descriptor, &path)?;
        let flags = AtFlags::AT_REMOVEDIR;
        syscall::unlinkat(self.task(), place.at, &place.path, flags).map_err(failed)
    }

    async fn rename_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        old: String,
        target: Resource<Descriptor>,
        new: String,
    ) -> FileResult<()> {
        let (old, new) = (self.place(&descriptor, &old)?, self.place(&target, &new)?);
        let flags = RenameFlags::empty();
        syscall::renameat2(self.task(), old.at, &old.path, new.at, &new.path, flags).map_err(failed)
    }

    async fn symlink_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        target: String,
        path: String,
    ) -> FileResult<()> {
        if target.as_bytes().contains(&0) {
            return Err(ErrorCode::IllegalByteSequence.into());
        }
        let place = self.place(&descriptor, &path)?;
        syscall::symlinkat(self.task(), target.as_bytes(), place.at, &place.path).map_err(failed)
    }

    async fn unlink_file_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        path: String,
    ) -> FileResult<()> {
        let place = self.place(&descriptor, &path)?;
        let flags = AtFlags::empty();
        syscall::unlinkat(self.task(), place.at, &place.path, flags).map_err(failed)
    }

    async fn is_same_object(
        &mut self,
        one: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        let of = |error: FileError| match error.downcast() {
            Ok(code) => wasmtime::format_err!("{code:?}"),
            Err(trap) => trap,
        };
        let (one, other) = (
            self.stat_of(&one).map_err(of)?,
            self.stat_of(&other).map_err(of)?,
        );
        Ok((one.dev, one.ino) == (other.dev, other.ino))
    }

    async fn metadata_hash(
        &mut self,
        descriptor: Resource<Descriptor>,
    ) -> FileResult<MetadataHashValue> {
        Ok(metadata_hash(&self.stat_of(&descriptor)?))
    }

    async fn metadata_hash_at(
        &mut self,
        descriptor: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FileResult<MetadataHashValue> {
        Ok(metadata_hash(&self.stat_path(&descriptor, flags, &path)?))
    }

    async fn drop(&mut self, descriptor: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(descriptor)?;
        Ok(())
    }
}
