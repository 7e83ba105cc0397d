//! Filesystems. In memory: [`tmpfs`], [`mod@overlay`] (a tmpfs over read-only layers), [`image`] (such a layer), [`devfs`].
//! Of the embedder: [`hostdir`], [`adapter`], [`remote`]; [`joined`] shows one of them and the machine's own under one top.

pub mod adapter;
pub mod devfs;
#[cfg(unix)]
pub mod hostdir;
pub mod image;
pub mod joined;
mod listing;
pub mod overlay;
pub mod remote;
pub mod tmpfs;

pub use adapter::AdapterFs;
pub use devfs::{DevFs, DeviceNode};
#[cfg(unix)]
pub use hostdir::{HostDir, HostDirOptions};
pub use image::{Content, Image, ImageBuilder, PlainContent};
pub use joined::JoinedFs;
pub use overlay::overlay;
pub use remote::{RemoteFs, RemoteStat, RemoteTree};
pub use tmpfs::Tmpfs;
