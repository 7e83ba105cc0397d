//! Who a process is: user, groups, and what that lets it do. See credentials(7).

use crate::id::{Gid, Uid};

/// Real, effective and saved ids, and supplementary groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// The user that started the process.
    pub uid: Uid,
    /// The user whose rights count.
    pub euid: Uid,
    /// The user the process may go back to.
    pub suid: Uid,
    /// The user whose rights count for files.
    pub fsuid: Uid,
    /// The group that started the process.
    pub gid: Gid,
    /// The group whose rights count.
    pub egid: Gid,
    /// The group the process may go back to.
    pub sgid: Gid,
    /// The group whose rights count for files.
    pub fsgid: Gid,
    /// Further groups, at most 65,536.
    pub groups: Vec<Gid>,
}

impl Credentials {
    /// A user with one group.
    #[must_use]
    pub fn of(uid: Uid, gid: Gid) -> Self {
        Self {
            uid,
            euid: uid,
            suid: uid,
            fsuid: uid,
            gid,
            egid: gid,
            sgid: gid,
            fsgid: gid,
            groups: vec![gid],
        }
    }

    /// The superuser.
    #[must_use]
    pub fn root() -> Self {
        Self::of(Uid::ROOT, Gid::ROOT)
    }

    /// Whether the process may do everything inside the machine.
    #[must_use]
    pub fn is_privileged(&self) -> bool {
        self.euid == Uid::ROOT
    }

    /// Whether file access runs as the superuser.
    #[must_use]
    pub fn overrides_file_permissions(&self) -> bool {
        self.fsuid == Uid::ROOT
    }

    /// Whether the process is of `group` when it comes to files.
    #[must_use]
    pub fn is_in_group(&self, group: Gid) -> bool {
        self.fsgid == group || self.groups.contains(&group)
    }
}
