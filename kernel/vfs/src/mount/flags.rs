//! How a filesystem is mounted: [`MountFlags`], with the bits of mount(2).

use cenote_abi::fs::{ST_NODEV, ST_NOEXEC, ST_NOSUID, ST_RDONLY};

bitflags::bitflags! {
    /// What may be done on a mount.
    #[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Hash)]
    pub struct MountFlags: u64 {
        /// Nothing can be changed.
        const RDONLY = 1;
        /// Set-user-id and set-group-id bits have no effect.
        const NOSUID = 2;
        /// Device files cannot be opened.
        const NODEV = 4;
        /// Programs cannot be executed.
        const NOEXEC = 8;
    }
}

impl MountFlags {
    /// The flags as statfs(2) tells them.
    #[must_use]
    pub fn statfs_bits(self) -> u64 {
        [
            (Self::RDONLY, ST_RDONLY),
            (Self::NOSUID, ST_NOSUID),
            (Self::NODEV, ST_NODEV),
            (Self::NOEXEC, ST_NOEXEC),
        ]
        .into_iter()
        .filter(|(flag, _)| self.contains(*flag))
        .fold(0, |bits, (_, bit)| bits | bit)
    }

    /// The flags as `/proc/mounts` shows them.
    #[must_use]
    pub fn options(self) -> String {
        let mut text = String::from(if self.contains(Self::RDONLY) {
            "ro"
        } else {
            "rw"
        });
        for (flag, name) in [
            (Self::NOSUID, ",nosuid"),
            (Self::NODEV, ",nodev"),
            (Self::NOEXEC, ",noexec"),
        ] {
            if self.contains(flag) {
                text.push_str(name);
            }
        }
        text
    }
}
