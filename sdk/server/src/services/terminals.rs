//! The service `Terminals`.

use std::sync::Arc;

use cenote::{Terminal, TerminalOptions};
use cenote_proto::CHUNK;
use cenote_proto::v1::program::What;
use cenote_proto::v1::terminal_event::Event;
use cenote_proto::v1::terminal_request::Message;
use cenote_proto::v1::terminals_server::Terminals;
use cenote_proto::v1::{
    CloseTerminalReply, CloseTerminalRequest, Exited, ModuleType, OpenTerminalReply,
    OpenTerminalRequest, Program, ResizeReply, ResizeRequest, TerminalEvent, TerminalRequest,
    WindowSize,
};
use prost::bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};

use super::relay::{Out, serve_call, time_limit};
use super::{Answers, answers};
use crate::failure::{option, unimplemented};
use crate::machines::{Machine, Machines};

/// The service.
#[derive(Debug)]
pub(crate) struct Service(pub(crate) Arc<Machines>);

/// The option for how many there may be.
const TERMINALS: &str = "limits.terminals";

/// Columns and rows.
fn size(size: WindowSize) -> Result<(u16, u16), Status> {
    let fits = |value: u32| {
        u16::try_from(value).map_err(|_| option("size", format!("{value} is too much")))
    };
    Ok((fits(size.columns)?, fits(size.rows)?))
}

fn terminal_options(request: OpenTerminalRequest) -> Result<TerminalOptions, Status> {
    let mut options = TerminalOptions::new();
    if let Some(program) = request.program {
        options = program_of(options, program)?;
    }
    if !request.term.is_empty() {
        options = options.env("TERM", request.term);
    }
    if let Some(asked) = request.size
        && asked != WindowSize::default()
    {
        let (columns, rows) = size(asked)?;
        options = options.size(columns, rows);
    }
    Ok(options)
}

fn program_of(options: TerminalOptions, program: Program) -> Result<TerminalOptions, Status> {
    let mut options = match program.what {
        Some(What::Command(command)) => options.program(command, [] as [Vec<u8>; 0]),
        Some(What::Shell(script)) => options.program("/bin/sh", [b"-c".to_vec(), script.into()]),
        Some(What::Code(code)) if !code.filename.is_empty() => {
            return Err(unimplemented("a file name for code on a terminal"));
        }
        Some(What::Code(code)) => {
            let how = match code.r#type() {
                ModuleType::Commonjs => "--input-type=commonjs",
                ModuleType::Module | ModuleType::Unspecified => "--input-type=module",
            };
            let args = [how.into(), "--eval".into(), code.text, "--".into()];
            options.program("/usr/bin/node", args.map(String::into_bytes))
        }
        None => options,
    };
    options.args.extend(program.args.into_iter().map(Vec::from));
    for (name, value) in program.env {
        options = options.env(name, value);
    }
    if !program.cwd.is_empty() {
        options = options.cwd(program.cwd);
    }
    Ok(options)
}

/// The terminal that the first message names.
async fn named(
    machine: &Machine,
    input: &mut Streaming<TerminalRequest>,
) -> Result<Terminal, Status> {
    let first = input.message().await?.and_then(|first| first.message);
    let Some(Message::Terminal(number)) = first else {
        return Err(option("terminal", "the first message must name it"));
    };
    machine.terminals.get(number)
}

async fn converse(
    machine: &Machine,
    terminal: &Terminal,
    input: Streaming<TerminalRequest>,
    out: &Out<TerminalEvent>,
) -> Result<(), Status> {
    let exited = tokio::select! {
        exited = show(terminal, out) => exited,
        status = listen(machine, terminal, input) => return Err(status),
    };
    machine.check_live()?;
    let event = Event::Exited(exited);
    // A caller that has gone needs no answer.
    let _sent = out
        .send(Ok(TerminalEvent { event: Some(event) }))
        .await
        .is_ok();
    Ok(())
}

/// Sends what the terminal shows, to the end of its program.
async fn show(terminal: &Terminal, out: &Out<TerminalEvent>) -> Exited {
    let mut output = terminal.output();
    while let Some(bytes) = output.next().await {
        let mut rest = Bytes::from(bytes);
        while !rest.is_empty() {
            let event = Event::Output(rest.split_to(rest.len().min(CHUNK)));
            let sent = out.send(Ok(TerminalEvent { event: Some(event) })).await;
            if sent.is_err() {
                // The whole call ends with its caller.
                return std::future::pending().await;
            }
        }
    }
    let (exit_code, signal) = terminal.ended().await;
    Exited {
        exit_code,
        signal: signal.map_or(0, cenote::Signal::raw),
        ..Exited::default()
    }
}

/// Types what the caller sends; ends only when the caller breaks off.
async fn listen(
    machine: &Machine,
    terminal: &Terminal,
    mut input: Streaming<TerminalRequest>,
) -> Status {
    loop {
        let next = match input.message().await {
            Ok(Some(next)) => next.message,
            Ok(None) => return std::future::pending().await,
            Err(status) => return status,
        };
        let done = match next {
            // A line that has hung up takes no keys; its end is on the way.
            Some(Message::Input(bytes)) => {
                let _typed = terminal.write(&bytes).await.is_ok();
                Ok(())
            }
            Some(Message::Resize(asked)) => size(asked).and_then(|(columns, rows)| {
                terminal
                    .resize(columns, rows)
                    .map_err(|error| machine.failed(&error))
            }),
            Some(Message::Terminal(_)) => Err(option("terminal", "must come first, and once")),
            None => Ok(()),
        };
        if let Err(status) = done {
            return status;
        }
    }
}

#[tonic::async_trait]
impl Terminals for Service {
    type AttachStream = Answers<TerminalEvent>;

    async fn open(
        &self,
        request: Request<OpenTerminalRequest>,
    ) -> Result<Response<OpenTerminalReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let request = request.into_inner();
        let limit = time_limit(&machine, &request.program.clone().unwrap_or_default());
        let options = terminal_options(request)?;
        let opened = match machine.rt.open_terminal(options.clone()).await {
            Err(error) if error.limit() == Some(TERMINALS) && machine.terminals.drop_ended() => {
                machine.rt.open_terminal(options).await
            }
            opened => opened,
        };
        let opened = opened.map_err(|error| machine.failed(&error))?;
        if let Some(limit) = limit {
            let late = opened.clone();
            tokio::spawn(async move {
                if tokio::time::timeout(limit, late.ended()).await.is_err() {
                    late.kill_all();
                }
            });
        }
        let pid = opened.pid();
        Ok(Response::new(OpenTerminalReply {
            terminal: machine.terminals.add(opened),
            pid,
        }))
    }

    async fn attach(
        &self,
        request: Request<Streaming<TerminalRequest>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let mut input = request.into_inner();
        // Found before the call is answered: who has the answer's head may close the terminal and still hears of its end.
        let terminal = named(&machine, &mut input).await?;
        let (out, stream) = answers();
        tokio::spawn(async move {
            serve_call(&out, converse(&machine, &terminal, input, &out)).await;
        });
        Ok(Response::new(stream))
    }

    async fn resize(
        &self,
        request: Request<ResizeRequest>,
    ) -> Result<Response<ResizeReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        let asked = request.into_inner();
        let (columns, rows) = size(asked.size.unwrap_or_default())?;
        machine
            .terminals
            .get(asked.terminal)?
            .resize(columns, rows)
            .map_err(|error| machine.failed(&error))?;
        Ok(Response::new(ResizeReply {}))
    }

    async fn close(
        &self,
        request: Request<CloseTerminalRequest>,
    ) -> Result<Response<CloseTerminalReply>, Status> {
        let machine = self.0.named_by(request.metadata())?;
        if let Some(terminal) = machine.terminals.remove(request.into_inner().terminal) {
            terminal.hang_up();
        }
        Ok(Response::new(CloseTerminalReply {}))
    }
}
