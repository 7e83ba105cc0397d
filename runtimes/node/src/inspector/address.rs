//! Where a process lets itself be debugged: [`DebugAddress`] (`--inspect-port`, `process.debugPort`), and the start of its
//! [`Server`]. Node: `HostPort` in `src/node_options.h`, `Agent::StartIoThread`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cenote_abi::random::RandomFlags;
use cenote_base::abi::fs::Mode;
use cenote_kernel::syscall;

use crate::bindings::host_addresses;
use crate::environment::Environment;
use crate::glue::{Object, Scope, ScopeExt, Value};
use crate::inspector::agent::{self, Agent};
use crate::inspector::mailbox;
use crate::inspector::server::{Publish, Server, Target};
use crate::options::OptionValue;

/// Host and port, as far as something else than the command line has said them.
#[derive(Default)]
pub(crate) struct DebugAddress {
    host: RefCell<Option<String>>,
    port: Cell<Option<u16>>,
}

impl DebugAddress {
    /// Sets the host.
    pub(crate) fn set_host(&self, host: String) {
        *self.host.borrow_mut() = Some(host);
    }

    /// Sets the port; 0 lets the machine choose.
    pub(crate) fn set_port(&self, port: u16) {
        self.port.set(Some(port));
    }
}

fn given(env: &Environment) -> (String, u16) {
    match env.command_line().value("--inspect-port") {
        Some(OptionValue::HostPort { host, port }) => (host, port),
        _ => ("127.0.0.1".into(), 9229),
    }
}

/// The port as it stands: `process.debugPort`.
pub(crate) fn debug_port(env: &Environment) -> u16 {
    let address = env.state::<DebugAddress>();
    address.port.get().unwrap_or_else(|| given(env).1)
}

/// An identifier that nobody can guess: a version 4 UUID.
fn identifier(env: &Environment) -> String {
    let mut bytes = [0_u8; 16];
    if let Err(error) = syscall::getrandom(env.task(), &mut bytes, RandomFlags::empty()) {
        tracing::warn!(target: "cenote::node", %error, "random bytes");
    }
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let text = format!("{number:032x}");
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}

/// What debuggers are shown of the process.
fn target(env: &Environment) -> Target {
    let script = env.command_line().rest.first().cloned().unwrap_or_default();
    let path = if script.is_empty() {
        script.clone()
    } else {
        whole_path(env, &script)
    };
    Target {
        id: identifier(env),
        title: if script.is_empty() {
            agent::name_of(env)
        } else {
            script
        },
        url: format!("file://{path}"),
    }
}

/// A path from the root, without links where that can be said.
fn whole_path(env: &Environment, path: &str) -> String {
    let flags = cenote_base::abi::fs::OpenFlags::O_PATH;
    let opened = crate::blocking::blocking(env, async || {
        let at = syscall::At::Cwd;
        syscall::openat(env.task(), at, path.as_bytes(), flags, Mode::empty()).await
    });
    let Ok(fd) = opened else {
        return path.to_owned();
    };
    let whole = env.task().path_of(fd);
    let closed = syscall::close(env.task(), fd);
    match (whole, closed) {
        (Ok(whole), Ok(())) => String::from_utf8_lossy(&whole).into_owned(),
        _ => path.to_owned(),
    }
}

/// Starts the server, if it does not run. Whether it runs then; what went wrong was printed.
pub(crate) fn start_server(scope: &mut Scope<'_, '_>, agent: &Rc<Agent>) -> bool {
    if agent.has_server() {
        return true;
    }
    let env = scope.env();
    let address = env.state::<DebugAddress>();
    let host = address
        .host
        .borrow()
        .clone()
        .unwrap_or_else(|| given(&env).0);
    let addresses = host_addresses(scope, &host);
    if addresses.is_empty() {
        let text = format!("Unable to resolve \"{host}\": unknown node or service\n");
        env.print_error(text.as_bytes());
        return false;
    }
    let published = env.command_line().text("--inspect-publish-uid");
    let publishes = |what: &str| published.split(',').any(|word| word == what);
    let publish = Publish {
        console: publishes("stderr"),
        http: publishes("http"),
    };
    let port = debug_port(&env);
    let started = Server::start(
        &env,
        mailbox(&env),
        &host,
        &addresses,
        port,
        target(&env),
        publish,
    );
    match started {
        Ok(server) => {
            address.set_port(server.port);
            agent.set_server(server);
            tell_cluster(scope);
            true
        }
        Err(text) => {
            env.print_error(text.as_bytes());
            false
        }
    }
}

/// Has a cluster's primary start the inspectors of its workers. Node: `NotifyClusterWorkersDebugEnabled`.
fn tell_cluster(scope: &mut Scope<'_, '_>) {
    v8::tc_scope!(let catch, scope);
    let process: Object<'_> = catch.env().process(catch);
    let Ok(emit) = catch.get_property(process, "emit") else {
        return;
    };
    if let Ok(emit) = v8::Local::<v8::Function>::try_from(emit) {
        let message = catch.object();
        let command: Value<'_> = catch.name("NODE_DEBUG_ENABLED").into();
        catch.set(message, "cmd", command);
        let args = [catch.name("internalMessage").into(), message.into()];
        let told = emit.call(catch, process.into(), &args);
        tracing::trace!(target: "cenote::node", told = told.is_some(), "NODE_DEBUG_ENABLED");
    }
}
