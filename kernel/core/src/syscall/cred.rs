//! Users and groups: `getuid` to `setgroups`. See credentials(7).

use cenote_abi::Errno;
use cenote_abi::user::NGROUPS_MAX;
use cenote_base::{Credentials, Gid, SysResult, Uid};

use super::traced;
use crate::process::Task;

/// The real user. See getuid(2).
#[must_use]
pub fn getuid(task: &Task) -> Uid {
    task.process().credentials().uid
}

/// The effective user. See geteuid(2).
#[must_use]
pub fn geteuid(task: &Task) -> Uid {
    task.process().credentials().euid
}

/// The real group. See getgid(2).
#[must_use]
pub fn getgid(task: &Task) -> Gid {
    task.process().credentials().gid
}

/// The effective group. See getegid(2).
#[must_use]
pub fn getegid(task: &Task) -> Gid {
    task.process().credentials().egid
}

/// Real, effective and saved user. See getresuid(2).
#[must_use]
pub fn getresuid(task: &Task) -> [Uid; 3] {
    let own = task.process().credentials();
    [own.uid, own.euid, own.suid]
}

/// Real, effective and saved group. See getresgid(2).
#[must_use]
pub fn getresgid(task: &Task) -> [Gid; 3] {
    let own = task.process().credentials();
    [own.gid, own.egid, own.sgid]
}

fn change(
    task: &Task,
    name: &'static str,
    edit: impl FnOnce(&mut Credentials, bool) -> SysResult,
) -> SysResult {
    traced(task, name, || {
        let mut new = (*task.process().credentials()).clone();
        let is_privileged = new.is_privileged();
        edit(&mut new, is_privileged)?;
        new.fsuid = new.euid;
        new.fsgid = new.egid;
        task.process().set_credentials(new);
        Ok(())
    })
}

/// Becomes a user: all three ids for the superuser, else the effective one. See setuid(2).
///
/// # Errors
/// `EPERM`: neither the superuser nor its real or saved id.
pub fn setuid(task: &Task, uid: Uid) -> SysResult {
    change(task, "setuid", |own, is_privileged| {
        if is_privileged {
            (own.uid, own.suid) = (uid, uid);
        } else if uid != own.uid && uid != own.suid {
            return Err(Errno::EPERM.into());
        }
        own.euid = uid;
        Ok(())
    })
}

/// Becomes a group: all three ids for the superuser, else the effective one. See setgid(2).
///
/// # Errors
/// `EPERM`: neither the superuser nor its real or saved id.
pub fn setgid(task: &Task, gid: Gid) -> SysResult {
    change(task, "setgid", |own, is_privileged| {
        if is_privileged {
            (own.gid, own.sgid) = (gid, gid);
        } else if gid != own.gid && gid != own.sgid {
            return Err(Errno::EPERM.into());
        }
        own.egid = gid;
        Ok(())
    })
}

/// Sets real, effective and saved user; `None` leaves one as it is. See setresuid(2).
///
/// # Errors
/// `EPERM`: not the superuser, and an id it does not have.
pub fn setresuid(task: &Task, uid: Option<Uid>, euid: Option<Uid>, suid: Option<Uid>) -> SysResult {
    change(task, "setresuid", |own, is_privileged| {
        let has = [own.uid, own.euid, own.suid];
        if !is_privileged
            && [uid, euid, suid]
                .into_iter()
                .flatten()
                .any(|id| !has.contains(&id))
        {
            return Err(Errno::EPERM.into());
        }
        own.uid = uid.unwrap_or(own.uid);
        own.euid = euid.unwrap_or(own.euid);
        own.suid = suid.unwrap_or(own.suid);
        Ok(())
    })
}

/// Sets real, effective and saved group; `None` leaves one as it is. See setresgid(2).
///
/// # Errors
/// `EPERM`: not the superuser, and an id it does not have.
pub fn setresgid(task: &Task, gid: Option<Gid>, egid: Option<Gid>, sgid: Option<Gid>) -> SysResult {
    change(task, "setresgid", |own, is_privileged| {
        let has = [own.gid, own.egid, own.sgid];
        if !is_privileged
            && [gid, egid, sgid]
                .into_iter()
                .flatten()
                .any(|id| !has.contains(&id))
        {
            return Err(Errno::EPERM.into());
        }
        own.gid = gid.unwrap_or(own.gid);
        own.egid = egid.unwrap_or(own.egid);
        own.sgid = sgid.unwrap_or(own.sgid);
        Ok(())
    })
}

/// Sets real and effective user; `None` leaves one as it is. See setreuid(2).
///
/// # Errors
/// `EPERM`: not the superuser, and an id it does not have.
pub fn setreuid(task: &Task, uid: Option<Uid>, euid: Option<Uid>) -> SysResult {
    change(task, "setreuid", |own, is_privileged| {
        let real_ok = uid.is_none_or(|id| id == own.uid || id == own.euid);
        let effective_ok = euid.is_none_or(|id| [own.uid, own.euid, own.suid].contains(&id));
        let is_allowed = is_privileged || (real_ok && effective_ok);
        if !is_allowed {
            return Err(Errno::EPERM.into());
        }
        let real_before = own.uid;
        own.uid = uid.unwrap_or(own.uid);
        own.euid = euid.unwrap_or(own.euid);
        if uid.is_some() || euid.is_some_and(|id| id != real_before) {
            own.suid = own.euid;
        }
        Ok(())
    })
}

/// Sets real and effective group; `None` leaves one as it is. See setregid(2).
///
/// # Errors
/// `EPERM`: not the superuser, and an id it does not have.
pub fn setregid(task: &Task, gid: Option<Gid>, egid: Option<Gid>) -> SysResult {
    change(task, "setregid", |own, is_privileged| {
        let real_ok = gid.is_none_or(|id| id == own.gid || id == own.egid);
        let effective_ok = egid.is_none_or(|id| [own.gid, own.egid, own.sgid].contains(&id));
        let is_allowed = is_privileged || (real_ok && effective_ok);
        if !is_allowed {
            return Err(Errno::EPERM.into());
        }
        let real_before = own.gid;
        own.gid = gid.unwrap_or(own.gid);
        own.egid = egid.unwrap_or(own.egid);
        if gid.is_some() || egid.is_some_and(|id| id != real_before) {
            own.sgid = own.egid;
        }
        Ok(())
    })
}

/// The supplementary groups. See getgroups(2).
#[must_use]
pub fn getgroups(task: &Task) -> Vec<Gid> {
    task.process().credentials().groups.clone()
}

/// Replaces the supplementary groups. See setgroups(2).
///
/// # Errors
/// `EPERM`: not the superuser. `EINVAL`: too many.
pub fn setgroups(task: &Task, groups: Vec<Gid>) -> SysResult {
    change(task, "setgroups", |own, is_privileged| {
        if !is_privileged {
            return Err(Errno::EPERM.into());
        }
        if groups.len() > usize::try_from(NGROUPS_MAX).unwrap_or(usize::MAX) {
            return Err(Errno::EINVAL.into());
        }
        own.groups = groups;
        Ok(())
    })
}
