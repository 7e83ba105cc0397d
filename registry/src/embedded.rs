//! Files inside the program: [`EmbeddedFile`], compressed, unpacked when they are read.
//!
//! The unpacked bytes are shared by everybody who holds them and given back with the last holder: a compiled module is cached by
//! digest, so most machines never unpack a program at all.
//!
//! Lock order: `EmbeddedFile::shared` is a leaf. It is held while unpacking, so that two readers do not unpack twice.

use std::fmt;
use std::io::Read as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// How much of a file [`EmbeddedFile::head`] keeps: what a loader looks at.
const HEAD: usize = 256;

/// Why a file of the registry could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A file does not unpack to what the registry says of it: the program is damaged.
    #[error("{file}: the packed data is damaged ({why})")]
    Damaged {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such package.
    #[error("there is no package named {0}")]
    UnknownPackage(String),
}

/// SHA-256 of a file's bytes.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A file that this program carries compressed.
pub struct EmbeddedFile {
    name: &'static str,
    digest: Digest,
    size: usize,
    packed: &'static [u8],
    head: OnceLock<Box<[u8]>>,
    shared: Mutex<Option<Weak<[u8]>>>,
}

impl fmt::Debug for EmbeddedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedFile")
            .field("name", &self.name)
            .field("size", &self.size)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl EmbeddedFile {
    pub(crate) const fn new(
        name: &'static str,
        digest: Digest,
        size: usize,
        packed: &'static [u8],
    ) -> Self {
        Self {
            name,
            digest,
            size,
            packed,
            head: OnceLock::new(),
            shared: Mutex::new(None),
        }
    }

    /// Returns the name in the registry: a file of `wasm/`, or a path in a pack.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the digest of the unpacked bytes, without unpacking them.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the unpacked size.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Returns the first bytes, at most 256: enough to see what kind of program it is. Kept once unpacked.
    ///
    /// # Errors
    /// [`RegistryError::Damaged`].
    pub fn head(&self) -> Result<&[u8], RegistryError> {
        if let Some(head) = self.head.get() {
            return Ok(head);
        }
        let mut bytes = vec![0; HEAD.min(self.size)];
        let mut decoder =
            zstd::Decoder::with_buffer(self.packed).map_err(|why| self.damaged(&why))?;
        decoder
            .read_exact(&mut bytes)
            .map_err(|why| self.damaged(&why))?;
        Ok(self.head.get_or_init(|| bytes.into()))
    }

    /// Returns the bytes; all who hold them at a time share them.
    ///
    /// # Errors
    /// [`RegistryError::Damaged`].
    pub fn bytes(&self) -> Result<Arc<[u8]>, RegistryError> {
        // A panic while unpacking leaves nothing half done: the old value is still right.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = shared.as_ref().and_then(Weak::upgrade) {
            return Ok(bytes);
        }
        let bytes =
            zstd::bulk::decompress(self.packed, self.size).map_err(|why| self.damaged(&why))?;
        if bytes.len() != self.size {
            return Err(self.damaged(&format!("{} bytes instead of {}", bytes.len(), self.size)));
        }
        let bytes: Arc<[u8]> = bytes.into();
        *shared = Some(Arc::downgrade(&bytes));
        Ok(bytes)
    }

    fn damaged(&self, why: &dyn fmt::Display) -> RegistryError {
        RegistryError::Damaged {
            file: self.name,
            why: why.to_string(),
        }
    }
}
