//! One run of `cenote`: build the machine, start the program, join its streams to ours, pass signals on.
//!
//! When our standard streams are a terminal the program gets one, too ([`terminal`](crate::terminal)); otherwise pipes.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use cenote::{
    Call, FileAccess, FileRule, NetworkRule, NodeRuntime, NodeRuntimeBuilder, Permissions,
    PortForward, Process, Signal, Spawn,
};
use clap::CommandFactory;
use clap::error::ErrorKind;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Receiver;

use crate::options::{Action, MachineOptions, Options, Publish};
use crate::outlet::Outlet;
use crate::terminal;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// WebAssembly programs that can run at once: what one machine may have, and some that are just ending.
const PROGRAMS: u32 = 400;

/// Exit status of a run that its timeout ended, as timeout(1) has it.
pub(crate) const TIMED_OUT: i32 = 124;

pub(crate) fn run(options: Options) -> Result<i32, Failure> {
    if let Some(filter) = &options.machine.trace {
        let filter = tracing_subscriber::EnvFilter::try_new(filter)?;
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
    // One machine lives here, with its usual limits.
    cenote::reserve_programs(PROGRAMS);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let status = tokio.block_on(session(options))?;
    // A thread blocked on our standard input must not keep us.
    tokio.shutdown_background();
    Ok(status)
}

async fn session(options: Options) -> Result<i32, Failure> {
    let Options { action, machine } = options;
    let timeout = machine.timeout.filter(|timeout| !timeout.is_zero());
    let mut published = machine.publish.clone();
    published.extend(action.inspect().and_then(|inspect| inspect.publish()));
    let on_terminal = !machine.no_terminal && terminal::is_ours();
    if matches!(action, Action::Shell { .. }) && !on_terminal {
        return Err(
            "`cenote shell` needs a terminal; `cenote bash` reads commands from anywhere".into(),
        );
    }
    let own_variables: Vec<String> = machine
        .env
        .iter()
        .map(|variable| variable.split('=').next().unwrap_or_default().to_owned())
        .collect();
    let (builder, program) = prepare(action, builder(machine)?)?;
    let rt = builder.create().await?;
    let _forwards = publish(&rt, &published).await?;
    let status = if on_terminal {
        terminal::run(&rt, program, &own_variables, timeout).await
    } else {
        with_pipes(&rt, program, timeout).await
    };
    rt.dispose().await;
    status
}

/// Runs the program with its streams joined to ours; its exit status.
async fn with_pipes(
    rt: &NodeRuntime,
    program: Program,
    timeout: Option<std::time::Duration>,
) -> Result<i32, Failure> {
    let process = program.spawn(rt).await?;
    forward_stdin(process.clone());
    let out = Outlet::Stdout.join(&process);
    let err = Outlet::Stderr.join(&process);
    let status = supervise(&process, timeout).await?;
    process.finish_output().await;
    out.await?
        .map_err(|error| format!("standard output: {error}"))?;
    err.await?
        .map_err(|error| format!("standard error: {error}"))?;
    Ok(status)
}

/// Opens the host's ports; a port that was chosen is told.
async fn publish(rt: &NodeRuntime, published: &[Publish]) -> Result<Vec<PortForward>, Failure> {
    let mut forwards = Vec::new();
    for wanted in published {
        let forward = rt.forward_port(wanted.host, wanted.guest).await?;
        if wanted.host.port() == 0 {
            eprintln!(
                "cenote: {} leads to port {}",
                forward.host_address(),
                wanted.guest
            );
        }
        forwards.push(forward);
    }
    Ok(forwards)
}

/// What is to be run.
pub(crate) enum Program {
    /// JavaScript as text.
    Code {
        code: String,
        common_js: bool,
        /// An option that has node listen for a debugger.
        inspect: Option<String>,
        args: Vec<Argument>,
    },
    /// A command of the machine.
    Command { name: String, args: Vec<Argument> },
}

/// An argument as Linux has it: bytes, in whatever encoding.
type Argument = Vec<u8>;

fn arguments(args: impl IntoIterator<Item = OsString>) -> Vec<Argument> {
    args.into_iter().map(OsString::into_vec).collect()
}

impl Program {
    fn command(name: &str, args: impl IntoIterator<Item = OsString>) -> Self {
        Self::Command {
            name: name.to_owned(),
            args: arguments(args),
        }
    }

    /// Starts it with pipes.
    fn spawn(self, rt: &NodeRuntime) -> Call<Spawn> {
        match self {
            Self::Code {
                code,
                common_js,
                inspect,
                args,
            } => {
                let mut call = rt.spawn(code).args(args);
                if let Some(option) = inspect {
                    call = call.env("NODE_OPTIONS", option);
                }
                if common_js { call.common_js() } else { call }
            }
            Self::Command { name, args } => rt.spawn_command(name, args),
        }
    }

    /// The command and its arguments, for a terminal.
    pub(crate) fn command_line(self) -> (String, Vec<Argument>) {
        match self {
            Self::Code {
                code,
                common_js,
                inspect,
                args,
            } => {
                let input_type = if common_js { "commonjs" } else { "module" };
                let options = [
                    format!("--input-type={input_type}"),
                    "--eval".to_owned(),
                    code,
                    "--".to_owned(),
                ];
                let options = inspect.into_iter().chain(options);
                let line = options.map(String::into_bytes).chain(args).collect();
                ("node".to_owned(), line)
            }
            Self::Command { name, args } => (name, args),
        }
    }
}

/// What the action adds to the machine, and what it runs.
fn prepare(
    action: Action,
    builder: NodeRuntimeBuilder,
) -> Result<(NodeRuntimeBuilder, Program), Failure> {
    Ok(match action {
        Action::Exec {
            common_js,
            code,
            inspect,
            args,
        } => (
            builder,
            Program::Code {
                code,
                common_js,
                inspect: inspect.node_option(),
                args: arguments(args),
            },
        ),
        Action::Run {
            file: None,
            inspect,
            ..
        } => {
            let words = inspect.node_option().map(OsString::from);
            (builder, Program::command("node", words))
        }
        Action::Run {
            file: Some(file),
            inspect,
            args,
        } => {
            let (builder, guest) = mount_script(builder, &file)?;
            let words = inspect.node_option().into_iter().chain([guest]);
            let words = words.map(OsString::from).chain(args);
            (builder, Program::command("node", words))
        }
        Action::Sh { args } => shell(builder, "sh", args)?,
        Action::Bash { args } => shell(builder, "bash", args)?,
        Action::Shell { program: None, .. } => (builder, Program::command("bash", ["-l".into()])),
        Action::Serve { .. } => Options::command()
            .error(
                ErrorKind::ArgumentConflict,
                "options of a machine mean nothing to `serve`, which stands first",
            )
            .exit(),
        Action::Command { program, args }
        | Action::Shell {
            program: Some(program),
            args,
        } => (builder, Program::command(&program, args)),
    })
}

/// A shell: a first operand that is a file of the host is the script, whose directory is mounted.
fn shell(
    builder: NodeRuntimeBuilder,
    name: &str,
    mut args: Vec<OsString>,
) -> Result<(NodeRuntimeBuilder, Program), Failure> {
    let mut builder = builder;
    if let Some(first) = args.first_mut()
        && !first.as_bytes().starts_with(b"-")
        && Path::new(first).is_file()
    {
        let (with_script, guest) = mount_script(builder, Path::new(first))?;
        builder = with_script;
        *first = guest.into();
    }
    Ok((builder, Program::command(name, args)))
}

/// Mounts the directory of a host file read-only at its own absolute path; answers the file's path in the machine.
fn mount_script(
    builder: NodeRuntimeBuilder,
    file: &Path,
) -> Result<(NodeRuntimeBuilder, String), Failure> {
    let file = file
        .canonicalize()
        .map_err(|error| format!("{}: {error}", file.display()))?;
    let path = file
        .to_str()
        .ok_or("the file's path is not UTF-8")?
        .to_owned();
    let directory: PathBuf = file.parent().ok_or("not a file")?.into();
    let mut guest = directory
        .to_str()
        .ok_or("the file's path is not UTF-8")?
        .to_owned();
    let mut path_in_guest = path;
    // These directories of the machine are its own: a script from there appears below /mnt.
    const OWN: [&str; 8] = [
        "/", "/bin", "/usr", "/etc", "/proc", "/dev", "/lib", "/sbin",
    ];
    if OWN
        .iter()
        .any(|own| guest == *own || (*own != "/" && guest.starts_with(&format!("{own}/"))))
    {
        path_in_guest = format!("/mnt{path_in_guest}");
        guest = format!("/mnt{guest}");
    }
    Ok((builder.mount(directory, guest), path_in_guest))
}

fn builder(options: MachineOptions) -> Result<NodeRuntimeBuilder, Failure> {
    let mut builder = NodeRuntime::builder().timing(options.timing.into());
    for variable in options.env {
        builder = match variable.split_once('=') {
            Some((name, value)) => builder.env(name, value),
            None => match std::env::var(&variable) {
                Ok(value) => builder.env(variable, value),
                Err(_) => {
                    return Err(format!("--env {variable}: the host has no such variable").into());
                }
            },
        };
    }
    for mount in options.mount {
        builder = builder.mount_with(mount.0);
    }
    for image in options.image {
        builder = builder.image(image.file, image.guest);
    }
    if let Some(cwd) = options.cwd {
        builder = builder.cwd(cwd);
    }
    if let Some(directory) = options.node_modules {
        builder = builder.node_modules(directory);
    }
    if let Some(directory) = options.commands_dir {
        builder = builder.commands_dir(directory);
    }
    if let Some(user) = options.user {
        builder = builder.user(user.uid, user.gid);
    }
    if let Some(count) = options.processors {
        builder = builder.processors(count);
    }
    let rule = |access| move |glob| FileRule::new(cenote::Effect::Deny, access, glob);
    let files = options.deny_read.into_iter().map(rule(FileAccess::Read));
    let files = files
        .chain(options.deny_write.into_iter().map(rule(FileAccess::Write)))
        .collect();
    // Refusals come last, so they count.
    let allowed = options.allow_net.iter().map(|to| NetworkRule::allow(to));
    let denied = options.deny_net.iter().map(|to| NetworkRule::deny(to));
    let network = allowed.chain(denied).collect();
    Ok(builder.permissions(Permissions {
        files,
        child_process: !options.deny_child_process,
        programs: options.allow_program,
        network,
        ..Permissions::default()
    }))
}

/// Waits for the end; passes our signals on meanwhile.
async fn supervise(
    process: &Process,
    timeout: Option<std::time::Duration>,
) -> Result<i32, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    let deadline = async {
        match timeout {
            Some(after) => tokio::time::sleep(after).await,
            None => std::future::pending().await,
        }
    };
    let mut deadline = std::pin::pin!(deadline);
    loop {
        let passed_on = tokio::select! {
            code = process.wait() => return Ok(code?),
            () = &mut deadline => {
                process.kill_all();
                process.wait().await?;
                return Ok(TIMED_OUT);
            }
            _ = interrupt.recv() => Signal::SIGINT,
            _ = terminate.recv() => Signal::SIGTERM,
            _ = hangup.recv() => Signal::SIGHUP,
            _ = quit.recv() => Signal::SIGQUIT,
        };
        process.signal_group(passed_on);
    }
}

/// Reads our standard input, at most `size` bytes at once, from a thread of its own until it ends or nobody takes it.
pub(crate) fn standard_input(size: usize) -> Receiver<Vec<u8>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    std::thread::spawn(move || {
        let mut chunk = vec![0; size];
        let mut stdin = std::io::stdin().lock();
        while let Ok(count @ 1..) = stdin.read(&mut chunk) {
            let Some(bytes) = chunk.get(..count) else {
                break;
            };
            if sender.blocking_send(bytes.to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Feeds our standard input to the process.
fn forward_stdin(process: Process) {
    let mut receiver = standard_input(64 << 10);
    tokio::spawn(async move {
        while let Some(bytes) = receiver.recv().await {
            if process.write_stdin(bytes).await.is_err() {
                break;
            }
        }
        // Closing cannot fail for a process of this machine.
        let _closed: Result<(), cenote::Error> = process.close_stdin().await;
    });
}
