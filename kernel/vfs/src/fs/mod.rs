//! Filesystems. In memory: [`tmpfs`], [`overlay`] (a tmpfs over read-only layers), [`image`] (such a layer), [`devfs`].
//! Of the embedder: `hostdir`, `adapter`.

pub mod devfs;
pub mod image;
pub mod overlay;
pub mod tmpfs;

pub use devfs::{DevFs, DeviceNode};
pub use image::{Content, Image, ImageBuilder, PlainContent};
pub use overlay::overlay;
pub use tmpfs::Tmpfs;
