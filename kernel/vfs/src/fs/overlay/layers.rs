//! The read-only directories below one directory of an overlay: [`Layers`].

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::FileType;
use cenote_base::SysResult;
use smallvec::SmallVec;

use crate::filesystem::FileSystem;
use crate::inode::{DirEntry, Inode};

/// The number of bits of a layer's own inode numbers that we keep; the layer's index goes above.
const SHIFT: u32 = 48;
const LOW: u64 = (1 << SHIFT) - 1;
/// How many layers fit above the kept bits, with inode numbers still exact in a JavaScript number.
const MAX_LAYERS: usize = 31;

/// A directory of a layer, and which layer that is.
#[derive(Clone, Debug)]
struct Layer {
    index: u8,
    directory: Arc<dyn Inode>,
}

/// Directories that lie over each other, the uppermost first.
#[derive(Clone, Debug, Default)]
pub(in crate::fs) struct Layers {
    stack: SmallVec<[Layer; 1]>,
}

/// A file found in a layer.
#[derive(Debug)]
pub(in crate::fs) struct Found {
    /// The file.
    pub(in crate::fs) inode: Arc<dyn Inode>,
    /// Its number in the overlay.
    pub(in crate::fs) ino: u64,
    /// What is below it, for a directory.
    pub(in crate::fs) below: Option<Layers>,
}

/// A layer's inode number as the overlay shows it: never one of the overlay's own, which count from 1.
fn shown_ino(index: u8, ino: u64) -> u64 {
    // Our own layers number below the limit; a host's numbers may be larger.
    let low = if ino <= LOW {
        ino
    } else {
        scattered(ino) & LOW
    };
    (u64::from(index) + 1) << SHIFT | low
}

/// A number spread over all bits, so that a part of them still tells numbers apart.
pub(in crate::fs) fn scattered(number: u64) -> u64 {
    // The finaliser of splitmix64.
    let mixed = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

impl Layers {
    /// The top directories of filesystems, the uppermost first; those past the thirty-first are left out.
    pub(in crate::fs) fn of_roots(filesystems: &[Arc<dyn FileSystem>]) -> Self {
        let stack = (0_u8..).zip(filesystems.iter().take(MAX_LAYERS));
        Self {
            stack: stack
                .map(|(index, filesystem)| Layer {
                    index,
                    directory: filesystem.root(),
                })
                .collect(),
        }
    }

    /// The uppermost directory, whose attributes are shown.
    pub(in crate::fs) fn top(&self) -> Option<&Arc<dyn Inode>> {
        self.stack.first().map(|layer| &layer.directory)
    }

    /// Finds a name in the uppermost layer that has it; directories of the same name join.
    pub(in crate::fs) fn lookup(&self, name: &[u8]) -> SysResult<Found> {
        let mut found: Option<Found> = None;
        for layer in &self.stack {
            let inode = match layer.directory.lookup(name) {
                Ok(inode) => inode,
                Err(error) if error.errno() == Errno::ENOENT => continue,
                Err(error) => return Err(error),
            };
            let is_directory = inode.file_type() == FileType::Directory;
            match &mut found {
                None => {
                    let ino = shown_ino(layer.index, inode.stat()?.ino);
                    let mut below = Self::default();
                    if is_directory {
                        below.stack.push(Layer {
                            index: layer.index,
                            directory: Arc::clone(&inode),
                        });
                    }
                    found = Some(Found {
                        inode,
                        ino,
                        below: is_directory.then_some(below),
                    });
                    if !is_directory {
                        break;
                    }
                }
                // What is no directory hides nothing of those above and ends the search.
                Some(_) if !is_directory => break,
                Some(upper) => {
                    if let Some(below) = &mut upper.below {
                        below.stack.push(Layer {
                            index: layer.index,
                            directory: inode,
                        });
                    }
                }
            }
        }
        found.ok_or(Errno::ENOENT.into())
    }

    /// Tells all names, each once, with the numbers the overlay shows, until `emit` answers false. The order is always
    /// the same; cursors are not told.
    pub(in crate::fs) fn list(&self, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) -> SysResult {
        let mut goes_on = true;
        for (position, layer) in self.stack.iter().enumerate() {
            let uppers = self.stack.get(..position).unwrap_or_default();
            layer.directory.read_dir(0, &mut |entry| {
                if uppers
                    .iter()
                    .any(|upper| upper.directory.lookup(entry.name).is_ok())
                {
                    return true;
                }
                goes_on = emit(DirEntry {
                    ino: shown_ino(layer.index, entry.ino),
                    ..entry
                });
                goes_on
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}
