//! The content of a file in an image: [`Content`].

use std::fmt::Debug;
use std::sync::Arc;

use cenote_base::SysResult;

/// Bytes that never change and may still be packed.
pub trait Content: Send + Sync + Debug + 'static {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their SHA-256, if it is known without unpacking.
    fn digest(&self) -> Option<[u8; 32]> {
        None
    }

    /// The first bytes, as many as can be told without unpacking the rest; none by default. `execve` reads the head of a program
    /// each time, and seldom more of it.
    ///
    /// # Errors
    /// `EIO`: they cannot be unpacked.
    fn head(&self) -> SysResult<&[u8]> {
        Ok(&[])
    }

    /// The bytes, exactly [`len`](Self::len) of them. Called often: keep them once they are unpacked, for as long as
    /// somebody uses them or for good.
    ///
    /// # Errors
    /// `EIO`: they cannot be unpacked.
    fn bytes(&self) -> SysResult<Arc<[u8]>>;
}

/// Bytes as they are.
#[derive(Clone)]
pub struct PlainContent {
    bytes: Arc<[u8]>,
    digest: Option<[u8; 32]>,
}

impl PlainContent {
    /// Bytes whose digest is not known.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Arc<Self> {
        Arc::new(Self {
            bytes: bytes.into(),
            digest: None,
        })
    }

    /// Bytes with their SHA-256.
    #[must_use]
    pub fn with_digest(bytes: impl Into<Arc<[u8]>>, digest: [u8; 32]) -> Arc<Self> {
        Arc::new(Self {
            bytes: bytes.into(),
            digest: Some(digest),
        })
    }
}

impl Debug for PlainContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PlainContent({} bytes)", self.bytes.len())
    }
}

impl Content for PlainContent {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn digest(&self) -> Option<[u8; 32]> {
        self.digest
    }

    fn bytes(&self) -> SysResult<Arc<[u8]>> {
        Ok(Arc::clone(&self.bytes))
    }
}
