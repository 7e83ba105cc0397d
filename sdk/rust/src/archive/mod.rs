//! Files as tar: `pack` writes them, `entries` reads the stream, `unpack` makes files of it; `packed` undoes gzip and zstd.
//!
//! The format is ustar with PAX records for what does not fit (long names, nanoseconds) and GNU's sparse files for those with holes. What is
//! gone and what is hidden of lower layers is said as OCI layers say it (`.wh.NAME`, `.wh..wh..opq`). Equal files give equal bytes.
//!
//! Nothing here touches the host: a stream comes in or goes out, files are those of a machine. A stream is not trusted: lengths are bounded,
//! no link is followed, and what is written is charged to a budget.

mod entries;
mod pack;
mod packed;
mod unpack;

use std::io;

use cenote_base::SysError;

pub(crate) use pack::Packer;
pub(crate) use packed::plain;
pub(crate) use unpack::Unpacker;

/// A block of a tar stream.
const BLOCK: usize = 512;
/// What begins the name of a file that says that another is gone.
const WHITEOUT: &[u8] = b".wh.";
/// The file that says that nothing of the layers below shows in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Why a stream could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The stream itself broke.
    #[error("{0}")]
    Stream(#[from] io::Error),
    /// What it says makes no sense, or is refused.
    #[error("{0}")]
    Format(String),
    /// A file could not be made or read.
    #[error("`{path}`: {cause}")]
    File {
        /// Where.
        path: String,
        /// Why not.
        cause: SysError,
    },
}

impl Failure {
    fn format(reason: impl Into<String>) -> Self {
        Self::Format(reason.into())
    }

    fn file(path: &[u8]) -> impl FnOnce(SysError) -> Self {
        let path = cenote_base::path::display(path);
        move |cause| Self::File { path, cause }
    }

    /// As the embedder hears it.
    pub(crate) fn into_error(self, operation: &'static str) -> crate::Error {
        match self {
            Self::File { path, cause } => crate::Error::File {
                operation,
                path,
                cause,
            },
            Self::Stream(cause) => crate::Error::Archive {
                operation,
                reason: cause.to_string(),
            },
            Self::Format(reason) => crate::Error::Archive { operation, reason },
        }
    }
}
