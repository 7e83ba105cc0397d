//! A sidecar of its own for each test, and clients of its services.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use cenote_proto::v1::attach_open::Target;
use cenote_proto::v1::exec_event::Event;
use cenote_proto::v1::files_client::FilesClient;
use cenote_proto::v1::host_channel_client::HostChannelClient;
use cenote_proto::v1::network_client::NetworkClient;
use cenote_proto::v1::processes_client::ProcessesClient;
use cenote_proto::v1::program::What;
use cenote_proto::v1::terminals_client::TerminalsClient;
use cenote_proto::v1::vms_client::VmsClient;
use cenote_proto::v1::{
    AttachOpen, Code, CreateVmRequest, ExecEvent, ExecRequest, Exited, OutputMode, Program, Vm,
};
use cenote_proto::{MAX_MESSAGE, VM_METADATA, detail_of};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// A running sidecar; it ends with this.
pub(crate) struct Sidecar {
    pub(crate) child: Child,
    pub(crate) socket: PathBuf,
    pub(crate) channel: Channel,
    _directory: tempfile::TempDir,
}

/// Puts the machine's id into each call.
#[derive(Clone)]
pub(crate) struct Named(String);

impl Interceptor for Named {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let id = MetadataValue::try_from(self.0.as_str()).unwrap();
        request.metadata_mut().insert(VM_METADATA, id);
        Ok(request)
    }
}

pub(crate) type Through = InterceptedService<Channel, Named>;

/// What a program wrote and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) value: Vec<u8>,
    pub(crate) exited: Option<Exited>,
}

/// The program itself, with the environment that lets it find compiled modules; `CENOTE_BIN` names another build of it, for long runs.
pub(crate) fn cenote() -> Command {
    let built = || env!("CARGO_BIN_EXE_cenote").into();
    Command::new(std::env::var_os("CENOTE_BIN").unwrap_or_else(built))
}

pub(crate) async fn connect(socket: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://sidecar")
        .connect_with_connector(connector)
        .await
        .unwrap()
}

impl Sidecar {
    pub(crate) async fn start(args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s");
        let mut child = cenote()
            .args(["serve", "--owner-stdin", "--socket"])
            .arg(&socket)
            .args(spares(args))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(
            line.starts_with("{\"listening\":\"unix:"),
            "said {line:?} instead of its address"
        );
        let channel = connect(socket.clone()).await;
        Self {
            child,
            socket,
            channel,
            _directory: directory,
        }
    }

    pub(crate) fn vms(&self) -> VmsClient<Channel> {
        VmsClient::new(self.channel.clone()).max_encoding_message_size(MAX_MESSAGE * 2)
    }

    pub(crate) async fn create(&self, request: CreateVmRequest) -> Vm {
        self.vms().create(request).await.unwrap().into_inner()
    }

    pub(crate) async fn vm(&self) -> String {
        self.create(CreateVmRequest::default()).await.id
    }

    fn through(&self, vm: &str) -> Through {
        InterceptedService::new(self.channel.clone(), Named(vm.to_owned()))
    }

    pub(crate) fn processes(&self, vm: &str) -> ProcessesClient<Through> {
        ProcessesClient::new(self.through(vm))
    }

    pub(crate) fn files(&self, vm: &str) -> FilesClient<Through> {
        FilesClient::new(self.through(vm))
    }

    pub(crate) fn network(&self, vm: &str) -> NetworkClient<Through> {
        NetworkClient::new(self.through(vm))
    }

    pub(crate) fn host(&self, vm: &str) -> HostChannelClient<Through> {
        HostChannelClient::new(self.through(vm))
    }

    pub(crate) fn terminals(&self, vm: &str) -> TerminalsClient<Through> {
        TerminalsClient::new(self.through(vm))
    }

    pub(crate) async fn exec(&self, vm: &str, program: Program) -> Result<Outcome, Status> {
        let request = ExecRequest {
            program: Some(program),
            ..ExecRequest::default()
        };
        collect(self.processes(vm).exec(request).await?.into_inner()).await
    }

    /// Runs a script of the shell and gives what it wrote.
    pub(crate) async fn shell(&self, vm: &str, script: &str) -> String {
        let outcome = self.exec(vm, shell(script)).await.unwrap();
        assert_eq!(outcome.stderr, "");
        outcome.stdout
    }

    /// Descriptors the sidecar's own process has open.
    pub(crate) fn descriptors(&self) -> usize {
        let path = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(path).unwrap().count()
    }

    /// Resident memory of a process in bytes.
    pub(crate) fn resident(pid: u32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes << 10
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // It ends with its standard input.
        drop(self.child.stdin.take());
        let _status = self.child.wait();
    }
}

/// Most tests need one worker: a spare would only take its time from others.
fn spares(args: &[&str]) -> &'static [&'static str] {
    if args.contains(&"--spares") {
        &[]
    } else {
        &["--spares", "0"]
    }
}

pub(crate) fn shell(script: &str) -> Program {
    Program {
        what: Some(What::Shell(script.into())),
        ..Program::default()
    }
}

pub(crate) fn code(text: &str) -> Program {
    Program {
        what: Some(What::Code(Code {
            text: text.into(),
            ..Code::default()
        })),
        ..Program::default()
    }
}

pub(crate) fn live(program: Program) -> ExecRequest {
    ExecRequest {
        program: Some(program),
        output: OutputMode::Live.into(),
        ..ExecRequest::default()
    }
}

pub(crate) fn open(program: Program) -> AttachOpen {
    AttachOpen {
        target: Some(Target::Program(program)),
        ..AttachOpen::default()
    }
}

pub(crate) async fn collect(mut events: tonic::Streaming<ExecEvent>) -> Result<Outcome, Status> {
    let mut outcome = Outcome::default();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Stdout(bytes)) => stdout.extend_from_slice(&bytes),
            Some(Event::Stderr(bytes)) => stderr.extend_from_slice(&bytes),
            Some(Event::Value(bytes)) => outcome.value.extend_from_slice(&bytes),
            Some(Event::Exited(exited)) => outcome.exited = Some(exited),
            Some(Event::Started(_)) | None => {}
        }
    }
    outcome.stdout = String::from_utf8(stdout).unwrap();
    outcome.stderr = String::from_utf8(stderr).unwrap();
    Ok(outcome)
}

/// Reads a call to its end, whatever it writes.
pub(crate) async fn collect_bytes(mut events: tonic::Streaming<ExecEvent>) -> Result<(), Status> {
    while events.message().await?.is_some() {}
    Ok(())
}

/// The contract's code of a failure.
pub(crate) fn code_of(status: &Status) -> String {
    detail_of(status).map_or_else(|| format!("{status:?}"), |detail| detail.code)
}

/// Reads to the end of a process's standard error.
pub(crate) fn last_words(child: &mut Child) -> String {
    let mut words = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut words).unwrap();
    }
    words
}
