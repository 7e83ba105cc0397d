//! Who may do what to a file: owner, group and other bits, the sticky bit, and what the superuser may.
//!
//! Follows `path_resolution(7)`, "Permissions", and capabilities(7) as if the superuser had `CAP_DAC_OVERRIDE`,
//! `CAP_FOWNER` and `CAP_FSETID`, and nobody else any.

use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{AccessFlags, FileType, Mode, Stat};
use cenote_base::{Credentials, Gid, SysResult, Uid};

use crate::inode::{AttributeChanges, Inode};

/// Checks that the file may be accessed as asked.
///
/// # Errors
/// `EACCES`: it may not.
pub fn check(stat: &Stat, credentials: &Credentials, access: AccessFlags) -> SysResult {
    if credentials.overrides_file_permissions() {
        // Even the superuser executes only what somebody may execute.
        let needs_x =
            access.contains(AccessFlags::X_OK) && stat.file_type() != Some(FileType::Directory);
        return if needs_x && stat.mode & 0o111 == 0 {
            Err(Errno::EACCES.into())
        } else {
            Ok(())
        };
    }
    let shift = if credentials.fsuid == Uid::new(stat.uid) {
        6
    } else if credentials.is_in_group(Gid::new(stat.gid)) {
        3
    } else {
        0
    };
    // The bits of AccessFlags are those of one class of a mode.
    let granted = AccessFlags::from_bits_truncate(stat.mode >> shift & 0o7);
    if granted.contains(access) {
        Ok(())
    } else {
        Err(Errno::EACCES.into())
    }
}

/// Whether the file is the process's own, or the process is the superuser's.
#[must_use]
pub fn owns(stat: &Stat, credentials: &Credentials) -> bool {
    credentials.overrides_file_permissions() || credentials.fsuid == Uid::new(stat.uid)
}

/// Checks that `victim` may be removed from `directory`: in a sticky directory only by the owner of either.
///
/// # Errors
/// `EPERM`: it may not.
pub fn check_sticky(directory: &Stat, victim: &Stat, credentials: &Credentials) -> SysResult {
    if directory.permissions().contains(Mode::S_ISVTX)
        && !owns(victim, credentials)
        && !owns(directory, credentials)
    {
        return Err(Errno::EPERM.into());
    }
    Ok(())
}

/// The permissions without the set-user-id bit, and without the set-group-id bit where it means a program.
#[must_use]
pub fn without_set_id(mode: Mode) -> Mode {
    let mut mode = mode.difference(Mode::S_ISUID);
    if mode.contains(Mode::S_IXGRP) {
        mode.remove(Mode::S_ISGID);
    }
    mode
}

/// Takes set-id bits of a regular file away.
pub(crate) fn strip_set_id(inode: &Arc<dyn Inode>) -> SysResult {
    if inode.file_type() != FileType::Regular {
        return Ok(());
    }
    let mode = inode.stat()?.permissions();
    let stripped = without_set_id(mode);
    if stripped == mode {
        return Ok(());
    }
    inode.set_attributes(&AttributeChanges {
        mode: Some(stripped),
        ..AttributeChanges::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(mode: u32, uid: u32, gid: u32) -> Stat {
        Stat {
            mode,
            uid,
            gid,
            ..Stat::default()
        }
    }

    fn user(id: u32) -> Credentials {
        Credentials::of(Uid::new(id), Gid::new(id))
    }

    #[test]
    fn the_first_class_that_matches_decides() {
        // The owner is refused what the group and others may do.
        let file = stat(0o100_077, 1, 2);
        assert!(check(&file, &user(1), AccessFlags::R_OK).is_err());
        assert!(check(&file, &user(2), AccessFlags::R_OK).is_ok());
        assert!(check(&file, &user(3), AccessFlags::R_OK | AccessFlags::W_OK).is_ok());
        let mut in_group = user(9);
        in_group.groups.push(Gid::new(2));
        assert!(check(&stat(0o100_640, 1, 2), &in_group, AccessFlags::R_OK).is_ok());
        assert!(check(&stat(0o100_640, 1, 2), &in_group, AccessFlags::W_OK).is_err());
    }

    #[test]
    fn the_superuser_needs_some_execute_bit_except_on_directories() {
        let root = Credentials::root();
        assert!(
            check(
                &stat(0o100_000, 1, 1),
                &root,
                AccessFlags::R_OK | AccessFlags::W_OK
            )
            .is_ok()
        );
        assert!(check(&stat(0o100_666, 0, 0), &root, AccessFlags::X_OK).is_err());
        assert!(check(&stat(0o100_001, 1, 1), &root, AccessFlags::X_OK).is_ok());
        assert!(check(&stat(0o040_000, 1, 1), &root, AccessFlags::X_OK).is_ok());
    }

    #[test]
    fn sticky_directories_keep_files_of_others() {
        let tmp = stat(0o041_777, 0, 0);
        assert!(check_sticky(&tmp, &stat(0o100_666, 1, 1), &user(2)).is_err());
        assert!(check_sticky(&tmp, &stat(0o100_666, 1, 1), &user(1)).is_ok());
        assert!(check_sticky(&stat(0o041_777, 2, 0), &stat(0o100_666, 1, 1), &user(2)).is_ok());
        assert!(check_sticky(&tmp, &stat(0o100_666, 1, 1), &Credentials::root()).is_ok());
    }
}
