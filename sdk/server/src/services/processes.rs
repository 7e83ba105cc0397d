//! The service `Processes`.

use std::sync::Arc;

use cenote::{ProcessActivity, Signal};
use cenote_proto::v1::processes_server::Processes;
use cenote_proto::v1::{
    AttachEvent, AttachRequest, ExecEvent, ExecRequest, Exited, ListProcessesReply,
    ListProcessesRequest, ProcessInfo, ProcessState, Program, SignalReply, SignalRequest,
    SignalScope, SpawnReply, WaitRequest,
};
use tonic::{Request, Response, Status, Streaming};

use super::relay::{call, time_limit};
use super::{Answers, answers, attach, exec};
use crate::failure::option;
use crate::machines::Machines;

/// The service.
#[derive(Debug)]
pub(crate) struct Service(pub(crate) Arc<Machines>);

impl Service {
    fn execute(
        &self,
        request: Request<ExecRequest>,
        returns: bool,
    ) -> Result<Response<Answers<ExecEvent>>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let (sender, stream) = answers();
        tokio::spawn(exec::run(machine, request.into_inner(), returns, sender));
        Ok(Response::new(stream))
    }
}

#[tonic::async_trait]
impl Processes for Service {
    type ExecStream = Answers<ExecEvent>;
    type RunStream = Answers<ExecEvent>;
    type AttachStream = Answers<AttachEvent>;

    async fn exec(
        &self,
        request: Request<ExecRequest>,
    ) -> Result<Response<Self::ExecStream>, Status> {
        self.execute(request, false)
    }

    async fn run(
        &self,
        request: Request<ExecRequest>,
    ) -> Result<Response<Self::RunStream>, Status> {
        self.execute(request, true)
    }

    async fn spawn(&self, request: Request<Program>) -> Result<Response<SpawnReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let program = request.into_inner();
        let limit = time_limit(&machine, &program);
        let mut call = call(&machine.rt, program)?;
        if let Some(limit) = limit {
            call = call.timeout(limit);
        }
        let process = call.await.map_err(|error| machine.failed(&error))?;
        machine.remember(&process);
        Ok(Response::new(SpawnReply { pid: process.pid() }))
    }

    async fn attach(
        &self,
        request: Request<Streaming<AttachRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let (sender, stream) = answers();
        tokio::spawn(attach::run(machine, request.into_inner(), sender));
        Ok(Response::new(stream))
    }

    async fn signal(
        &self,
        request: Request<SignalRequest>,
    ) -> Result<Response<SignalReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let signal = match asked.signal {
            0 => None,
            raw => Some(
                Signal::from_raw(raw)
                    .ok_or_else(|| option("signal", format!("{raw} is not a signal")))?,
            ),
        };
        match (asked.scope(), signal) {
            (SignalScope::Unspecified | SignalScope::Process, signal) => machine
                .rt
                .kill(asked.pid, signal)
                .map_err(|error| machine.failed(&error))?,
            (SignalScope::Group, Some(signal)) => machine.rt.kill_group(asked.pid, signal),
            (SignalScope::Session, Some(Signal::SIGKILL)) => {
                machine.rt.end_session(asked.pid).await;
            }
            (SignalScope::Group | SignalScope::Session, _) => {
                return Err(option("signal", "not for this scope"));
            }
        }
        Ok(Response::new(SignalReply {}))
    }

    async fn wait(&self, request: Request<WaitRequest>) -> Result<Response<Exited>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let process = machine.process(request.into_inner().pid)?;
        let (exit_code, signal) = process.ended().await;
        machine.check_live()?;
        Ok(Response::new(Exited {
            exit_code,
            signal: signal.map_or(0, Signal::raw),
            ..Exited::default()
        }))
    }

    async fn list(
        &self,
        request: Request<ListProcessesRequest>,
    ) -> Result<Response<ListProcessesReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let processes = machine
            .rt
            .processes()
            .map_err(|error| machine.failed(&error))?;
        let state = |activity| match activity {
            ProcessActivity::Live => ProcessState::Live,
            ProcessActivity::Stopped => ProcessState::Stopped,
            ProcessActivity::Zombie => ProcessState::Zombie,
        };
        let processes = processes.into_iter().map(|process| ProcessInfo {
            pid: process.pid,
            parent: process.parent,
            group: process.group,
            session: process.session,
            name: process.name.into(),
            state: state(process.activity).into(),
            uid: process.uid,
            argv: process.argv.into_iter().map(Into::into).collect(),
        });
        Ok(Response::new(ListProcessesReply {
            processes: processes.collect(),
        }))
    }
}
