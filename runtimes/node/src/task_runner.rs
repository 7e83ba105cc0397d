//! `node --run NAME`: a script of the nearest `package.json`, run by `/bin/sh`. Node: `src/node_task_runner.cc`.

use std::sync::Arc;

use cenote_base::Fd;
use cenote_base::abi::fs::{AtFlags, FileType};
use cenote_base::abi::wait::{WaitOptions, WaitStatus};
use cenote_base::abi::{Errno, SigSet};
use cenote_base::wait::block_on;
use cenote_kernel::syscall::{At, WaitTarget};
use cenote_kernel::{FileAction, Spawn, Task, syscall};
use serde_json::{Map, Value};

use crate::program::{read_small, write_all};

const SHELL: &str = "/bin/sh";
const FAILURE: u8 = 1;

/// What is to be run, and where.
struct Script {
    command: String,
    /// The `package.json` it is from.
    package: Vec<u8>,
    directory: Vec<u8>,
    /// Directories of programs of packages, each with a colon after it.
    path: Vec<u8>,
}

/// Runs the script of this name with the arguments after `--`. The status of the process; what is wrong goes to standard error.
pub(crate) fn run(task: &Arc<Task>, name: &str) -> WaitStatus {
    let status = find(task, name).and_then(|script| start(task, name, &script));
    match status {
        // As Node, which forgets the number, and signals.
        Ok(WaitStatus::Exited(1..)) => WaitStatus::Exited(FAILURE),
        Ok(_) => WaitStatus::Exited(0),
        Err(text) => {
            write_all(task, Fd::new(2), text.as_bytes());
            WaitStatus::Exited(FAILURE)
        }
    }
}

/// Finds the script in the first `package.json` on the way to the root, which is not looked into.
fn find(task: &Arc<Task>, name: &str) -> Result<Script, String> {
    let cwd = syscall::getcwd(task).unwrap_or_else(|_| b"/".to_vec());
    let mut path = Vec::new();
    let mut found: Option<(Vec<u8>, Vec<u8>, Vec<u8>)> = None;
    let mut directory = cwd.clone();
    while directory.len() > 1 {
        let programs = [&directory, &b"/node_modules/.bin"[..]].concat();
        let is_directory = syscall::fstatat(task, At::Cwd, &programs, AtFlags::empty())
            .is_ok_and(|stat| stat.file_type() == Some(FileType::Directory));
        if is_directory {
            path.extend_from_slice(&programs);
            path.push(b':');
        }
        if found.is_none() {
            let package = [&directory, &b"/package.json"[..]].concat();
            if let Ok(text) = read_small(task, &package)
                && !text.is_empty()
            {
                found = Some((text, package, directory.clone()));
            }
        }
        let parent = directory.iter().rposition(|byte| *byte == b'/');
        directory.truncate(parent.unwrap_or(0));
    }
    let Some((text, package, directory)) = found else {
        let cwd = String::from_utf8_lossy(&cwd);
        return Err(format!("Can't find package.json for directory {cwd}\n"));
    };
    let command = command(&text, name, &String::from_utf8_lossy(&package))?;
    Ok(Script {
        command,
        package,
        directory,
        path,
    })
}

fn command(text: &[u8], name: &str, package: &str) -> Result<String, String> {
    let Ok(root) = serde_json::from_slice::<Value>(text) else {
        return Err(format!("Can't parse {package}\n"));
    };
    let Value::Object(root) = root else {
        return Err(format!(
            "Root value unexpected not an object for {package}\n\n"
        ));
    };
    let Some(Value::Object(scripts)) = root.get("scripts") else {
        return Err(format!("Can't find \"scripts\" field in {package}\n"));
    };
    match scripts.get(name) {
        Some(Value::String(command)) => Ok(command.clone()),
        Some(_) => Err(format!(
            "Script \"{name}\" is unexpectedly not a string for {package}\n\n"
        )),
        None => Err(missing(scripts, name, package)),
    }
}

fn missing(scripts: &Map<String, Value>, name: &str, package: &str) -> String {
    let list: String = scripts
        .iter()
        .filter_map(|(name, command)| Some(format!("  {name}: {}\n", command.as_str()?)))
        .collect();
    format!("Missing script: \"{name}\" for {package}\n\nAvailable scripts are:\n{list}")
}

/// Starts the shell and waits for its end.
fn start(task: &Arc<Task>, name: &str, script: &Script) -> Result<WaitStatus, String> {
    let mut command = script.command.clone().into_bytes();
    let argv = task.argv();
    let arguments = argv.iter().skip_while(|word| *word != b"--").skip(1);
    for argument in arguments {
        command.push(b' ');
        command.extend(quoted(argument));
    }
    let envp = environment(task, name, script);
    let request = Spawn {
        search_path: None,
        path: SHELL.into(),
        argv: vec![SHELL.into(), b"-c".to_vec(), command],
        envp,
        file_actions: vec![FileAction::ChangeDirectory(script.directory.clone())],
        process_group: None,
        signal_mask: Some(SigSet::EMPTY),
        default_signals: SigSet::ALL,
        new_session: false,
        reset_ids: false,
        credentials: None,
    };
    let pid = block_on(syscall::posix_spawn(task, request)).map_err(|error| {
        let number = -error.errno().raw();
        let reason = crate::shapes::uv_error(number).map_or("unknown error", |(_, text)| text);
        format!("Error: {reason}\n")
    })?;
    loop {
        let target = WaitTarget::Pid(pid);
        match block_on(syscall::wait4(task, target, WaitOptions::empty())) {
            Ok(Some((_, status, _))) => return Ok(status),
            Err(error) if error.errno() == Errno::EINTR && !task.must_end() => {}
            Ok(None) | Err(_) => return Ok(WaitStatus::Exited(FAILURE)),
        }
    }
}

/// The environment of this process, with the programs of packages before the others.
fn environment(task: &Task, name: &str, script: &Script) -> Vec<Vec<u8>> {
    let mut envp: Vec<Vec<u8>> = task.envp().to_vec();
    for entry in &mut envp {
        let Some(end) = entry.iter().position(|byte| *byte == b'=') else {
            continue;
        };
        let (key, value) = entry.split_at(end);
        if key.eq_ignore_ascii_case(b"path") {
            let value = value.get(1..).unwrap_or_default();
            *entry = [key, b"=", &script.path, value].concat();
        }
    }
    envp.push([b"NODE_RUN_SCRIPT_NAME=", name.as_bytes()].concat());
    envp.push([b"NODE_RUN_PACKAGE_JSON_PATH=", script.package.as_slice()].concat());
    envp
}

/// A word for the shell. Node: `EscapeShell`.
fn quoted(word: &[u8]) -> Vec<u8> {
    const SPECIAL: &[u8] = b"[\t\n\r \"#$&'()*;<>?\\`|~]";
    if word.is_empty() {
        return b"''".to_vec();
    }
    if !word.iter().any(|byte| SPECIAL.contains(byte)) {
        return word.to_vec();
    }
    let mut quoted = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}
