//! Programs without a file: a runtime that has one of its own for what a guest names ([`Runtime::stands_in`]).
//!
//! The name is what the policy is asked about and what the runtime is told; the guest's own `argv[0]`, which may say anything, is not.
//!
//! [`Runtime::stands_in`]: super::Runtime::stands_in

use std::sync::Arc;

use cenote_base::path::{components, file_name, is_absolute, join};
use cenote_base::policy::Request;
use cenote_base::{Pid, SysResult};

use super::image::check_size;
use super::{DEFAULT_PATH, Loaded};
use crate::kernel::Kernel;
use crate::process::info::shorten_comm;
use crate::process::{ProgramInfo, Task};

/// A program as a guest names it.
#[derive(Clone, Debug)]
pub struct NamedProgram {
    /// The machine.
    pub kernel: Arc<Kernel>,
    /// A name without a slash (to be looked for along `PATH`), or an absolute path without `.`, `..` and doubled slashes. Links in it
    /// were not followed.
    pub name: Vec<u8>,
    /// The arguments; the first is the name, without its directory where that is one in which commands are looked for anyway.
    pub argv: Arc<Vec<Vec<u8>>>,
    /// The environment.
    pub envp: Arc<Vec<Vec<u8>>>,
    /// The process that is to run it.
    pub pid: Pid,
}

/// What a runtime has for `name`, asked for by a guest; `None`: look for the file.
///
/// # Errors
/// `E2BIG`: arguments and environment are too long. `EACCES`: the policy refuses. What the runtime answers.
pub(crate) async fn load_stand_in(
    task: &Task,
    name: &[u8],
    argv: &[Vec<u8>],
    envp: &[Vec<u8>],
) -> SysResult<Option<Loaded>> {
    let runtimes = task.kernel().runtimes();
    let name = plain(task, name);
    let known_as = bare(&name).to_vec();
    let mut runtimes = runtimes.iter();
    let Some(runtime) = runtimes.find(|runtime| runtime.stands_in(&name, &known_as)) else {
        return Ok(None);
    };
    check_size(argv, envp)?;
    let argv: Vec<Vec<u8>> = std::iter::once(known_as)
        .chain(argv.iter().skip(1).cloned())
        .collect();
    task.kernel().permit(&Request::Execute {
        path: &name,
        found_as: &name,
        argv: &argv,
        envp,
        cwd: &task.place(),
    })?;
    let (argv, envp) = (Arc::new(argv), Arc::new(envp.to_vec()));
    let named = NamedProgram {
        kernel: Arc::clone(task.kernel()),
        name: name.clone(),
        argv: Arc::clone(&argv),
        envp: Arc::clone(&envp),
        pid: task.pid(),
    };
    let Some(program) = runtime.load_named(named).await? else {
        return Ok(None);
    };
    let comm = shorten_comm(file_name(&name).unwrap_or(&name));
    let info = ProgramInfo {
        argv,
        envp,
        exe_path: name.into(),
        comm,
    };
    let credentials = (*task.process().credentials()).clone();
    Ok(Some(Loaded {
        program,
        info,
        credentials,
    }))
}

/// A bare name as it is; a path from the root, with nothing in it that means another part of it.
fn plain(task: &Task, name: &[u8]) -> Vec<u8> {
    if !name.contains(&b'/') {
        return name.to_vec();
    }
    if is_absolute(name) {
        return collapse(name);
    }
    collapse(&join(&task.process().working_directory(), name))
}

/// What an exec that searches nothing calls a file: never a bare name.
pub(crate) fn as_path(path: &[u8]) -> Vec<u8> {
    if path.contains(&b'/') {
        path.to_vec()
    } else {
        join(b".", path)
    }
}

/// The name of a program that lies where commands are looked for by default.
fn bare(name: &[u8]) -> &[u8] {
    let is_common = |file: &&[u8]| {
        let directory = name
            .strip_suffix(*file)
            .and_then(|rest| rest.strip_suffix(b"/"));
        let mut common = DEFAULT_PATH.split(|byte| *byte == b':');
        common.any(|one| Some(one) == directory)
    };
    file_name(name).filter(is_common).unwrap_or(name)
}

fn collapse(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in components(path) {
        match part {
            b"." => {}
            b".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let mut plain = vec![b'/'];
    plain.extend_from_slice(&kept.join(&b'/'));
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_hides_them() {
        assert_eq!(collapse(b"/usr//bin/./../bin/git"), b"/usr/bin/git");
        assert_eq!(collapse(b"/../.."), b"/");
        assert_eq!(bare(b"/usr/bin/git"), b"git");
        assert_eq!(bare(b"/opt/git"), b"/opt/git");
        assert_eq!(bare(b"git"), b"git");
    }
}
