//! Trees of files made elsewhere: [`Image`], a tar file or an OCI layer.
//!
//! Lock order: `Inner::alone` and `Inner::at_root` are held while the image is unpacked, so that this is done once.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cenote_base::Clock;
use cenote_base::limits::{Budget, Limits};
use cenote_vfs::FileSystem;
use cenote_vfs::fs::{Tmpfs, overlay};
use parking_lot::Mutex;

use crate::Error;
use crate::archive::{Unpacker, plain};

/// The most that one image may hold unpacked: 4 GiB in a million files. It is in the embedder's memory, once for all machines.
const LIMITS: (u64, u64) = (4 << 30, 1 << 20);

/// A tar file, plain or packed with gzip or zstd; names of OCI layers that begin with `.wh.` take files of the layers below away.
///
/// Clones are the same image. It is unpacked when the first machine is made with it, and shared by all: keep it for as long as machines are
/// made.
#[derive(Clone)]
pub struct Image {
    inner: Arc<Inner>,
}

struct Inner {
    source: Source,
    /// By itself, for a mount.
    alone: Mutex<Option<Arc<dyn FileSystem>>>,
    /// Over the files that ship, for a root, by the address of what is below.
    at_root: Mutex<Option<(usize, Arc<dyn FileSystem>)>>,
}

/// Where an image comes from.
pub(crate) enum Source {
    /// A file of the host.
    Host(PathBuf),
    /// Memory.
    Bytes(Arc<[u8]>),
}

impl Image {
    /// An image in a file of the host, which is read when the first machine is made with it.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self::of(Source::Host(path.into()))
    }

    /// An image in memory.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::of(Source::Bytes(bytes.into()))
    }

    fn of(source: Source) -> Self {
        Self {
            inner: Arc::new(Inner {
                source,
                alone: Mutex::default(),
                at_root: Mutex::default(),
            }),
        }
    }

    pub(crate) fn source(&self) -> &Source {
        &self.inner.source
    }

    fn unpack_over(&self, files: &Arc<Tmpfs>) -> Result<(), Error> {
        let unpack = |stream: &mut dyn Read| {
            plain(stream)
                .map_err(Into::into)
                .and_then(|stream| Unpacker::new(files.root()).unpack(stream))
                .map(drop)
                .map_err(|failure| Error::Option {
                    option: "image",
                    reason: format!("{self:?}: {failure}"),
                })
        };
        match &self.inner.source {
            Source::Bytes(bytes) => unpack(&mut bytes.as_ref()),
            Source::Host(path) => {
                let mut file = File::open(path).map_err(|cause| Error::HostPath {
                    option: "image",
                    path: path.clone(),
                    cause,
                })?;
                unpack(&mut file)
            }
        }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.source {
            Source::Host(path) => write!(f, "Image({})", path.display()),
            Source::Bytes(bytes) => write!(f, "Image({} bytes)", bytes.len()),
        }
    }
}

impl From<&Path> for Image {
    fn from(path: &Path) -> Self {
        Self::open(path)
    }
}

impl From<&str> for Image {
    fn from(path: &str) -> Self {
        Self::open(path)
    }
}

impl From<PathBuf> for Image {
    fn from(path: PathBuf) -> Self {
        Self::open(path)
    }
}

impl From<&Image> for Image {
    fn from(image: &Image) -> Self {
        image.clone()
    }
}

/// Unpacks images one after another over what is below.
fn layer(
    images: &[&Image],
    below: &[Arc<dyn FileSystem>],
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn FileSystem>, Error> {
    let (filesystem_bytes, inodes) = LIMITS;
    let budget = Budget::new(Limits {
        filesystem_bytes,
        inodes,
        ..Limits::default()
    });
    let files = overlay(below, Arc::clone(clock), budget).map_err(|cause| Error::File {
        operation: "image",
        path: "/".into(),
        cause,
    })?;
    for image in images {
        image.unpack_over(&files)?;
    }
    Ok(files.snapshot().as_layer(Arc::clone(clock)))
}

/// Images over each other, the last uppermost, and nothing below.
pub(crate) fn alone(
    images: &[&Image],
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn FileSystem>, Error> {
    let [image] = images else {
        return layer(images, &[], clock);
    };
    let mut kept = image.inner.alone.lock();
    if let Some(kept) = &*kept {
        return Ok(Arc::clone(kept));
    }
    let made = layer(images, &[], clock)?;
    *kept = Some(Arc::clone(&made));
    Ok(made)
}

/// Images over each other and over what ships.
pub(crate) fn over(
    images: &[&Image],
    below: Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn FileSystem>, Error> {
    let address = Arc::as_ptr(&below).addr();
    let [image] = images else {
        return layer(images, &[below], clock);
    };
    let mut kept = image.inner.at_root.lock();
    if let Some((_, kept)) = kept.as_ref().filter(|(of, _)| *of == address) {
        return Ok(Arc::clone(kept));
    }
    let made = layer(images, &[below], clock)?;
    *kept = Some((address, Arc::clone(&made)));
    Ok(made)
}
