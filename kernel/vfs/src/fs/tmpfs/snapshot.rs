//! A filesystem as it was at one moment, to start others from: [`Snapshot`].
//!
//! It shares everything with the filesystem it was taken of and with those that start from it, until one of them changes something. Taking it
//! and starting from it take the same time however many files there are (but for those that are open without a name, which are left
//! out one by one). It is charged to nobody; who starts from it is charged for all that is in it.

use std::fmt;
use std::sync::Arc;

use cenote_base::SysResult;
use cenote_base::clock::Clock;
use cenote_base::limits::{Budget, Limits};

use super::table::{Files, Meter, Table};
use super::{Shared, Tmpfs};
use crate::filesystem::FileSystem;

/// A filesystem in memory, as it was. Clones are the same one.
#[derive(Clone)]
pub struct Snapshot {
    kept: Arc<Kept>,
}

struct Kept {
    table: Table,
    layers: Vec<Arc<dyn FileSystem>>,
    inodes: u64,
    bytes: u64,
}

impl Tmpfs {
    /// Keeps the filesystem as it is now. Whoever writes meanwhile comes before or after it as a whole.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (table, inodes, bytes) = self.shared.files.read().copied();
        Snapshot {
            kept: Arc::new(Kept {
                table,
                layers: self.shared.layers.clone(),
                inodes,
                bytes,
            }),
        }
    }
}

impl Snapshot {
    /// A filesystem that starts with these files, as its own.
    ///
    /// # Errors
    /// `ENOSPC`: the budget has no room for them.
    pub fn restore(&self, clock: Arc<dyn Clock>, budget: Arc<Budget>) -> SysResult<Arc<Tmpfs>> {
        let Kept {
            table,
            layers,
            inodes,
            bytes,
        } = &*self.kept;
        let meter = Meter::new(&budget, *inodes, *bytes)?;
        let files = Files {
            table: table.clone(),
            meter,
        };
        let shared = Shared::new(clock, budget, layers.clone(), files);
        Ok(Tmpfs::of(shared))
    }

    /// These files as a layer that never changes, charged to nobody.
    #[must_use]
    pub fn as_layer(&self, clock: Arc<dyn Clock>) -> Arc<Tmpfs> {
        let budget = Budget::new(Limits::default());
        let files = Files {
            table: self.kept.table.clone(),
            meter: Meter::new(&budget, 0, 0).expect("nothing is always granted"),
        };
        let shared = Shared::plain(clock, budget, self.kept.layers.clone(), files);
        Tmpfs::of(Arc::new(Shared {
            is_frozen: true,
            ..shared
        }))
    }

    /// How many files it holds that are no layer's.
    #[must_use]
    pub fn inodes(&self) -> u64 {
        self.kept.inodes
    }

    /// How many bytes they hold, names included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.kept.bytes
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Snapshot({} files, {} bytes)",
            self.kept.inodes, self.kept.bytes
        )
    }
}
