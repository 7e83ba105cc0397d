//! Landlock: files only below what was granted, no TCP, no signals to and no abstract sockets of others.

use cenote_proto::v1::WallState;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Grants, Report};

/// The newest of the kernel's interfaces that is asked for; older kernels apply what they know.
const NEWEST: ABI = ABI::V6;

/// What every runtime reads of its own process: which pages it has dirtied, its maps.
const OWN: &str = "/proc/self";

/// Applies the rules.
pub(super) fn apply(grants: &Grants, report: &mut Report) {
    match restrict(grants) {
        Ok(RulesetStatus::FullyEnforced) => {
            report.add("landlock", WallState::Applied, described(grants));
        }
        Ok(RulesetStatus::PartiallyEnforced) => {
            report.add("landlock", WallState::Partial, described(grants));
        }
        Ok(RulesetStatus::NotEnforced) => report.add(
            "landlock",
            WallState::Unavailable,
            "this kernel does not have it",
        ),
        Err(error) => report.add("landlock", WallState::Unavailable, error.to_string()),
    }
}

fn described(grants: &Grants) -> String {
    format!(
        "{} paths to read, {} to change",
        grants.read.len(),
        grants.write.len()
    )
}

fn restrict(grants: &Grants) -> Result<RulesetStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    let mut rules = ruleset.create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let own = std::iter::once(OWN.into());
    let readable = grants.read.iter().cloned().chain(own);
    for path in readable {
        // What is not there cannot be granted; its use fails by its own error.
        if let Ok(fd) = PathFd::new(&path) {
            let access = if path.is_dir() {
                read
            } else {
                AccessFs::ReadFile.into()
            };
            rules = rules.add_rule(PathBeneath::new(fd, access))?;
        }
    }
    for path in &grants.write {
        if let Ok(fd) = PathFd::new(path) {
            let all = AccessFs::from_all(NEWEST);
            let execute = AccessFs::Execute | AccessFs::IoctlDev | AccessFs::MakeChar;
            let access = all & !(execute | AccessFs::MakeBlock | AccessFs::MakeSock);
            rules = rules.add_rule(PathBeneath::new(fd, access))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}
