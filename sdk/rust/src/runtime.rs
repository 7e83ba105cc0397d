//! The embedder's handle on one machine: [`NodeRuntime`].

use std::sync::Arc;

use crate::HostFunctions;
use crate::call::{Call, Exec, ModuleType, Run, Spawn, Target};
use crate::machine::Machine;
use crate::{Error, NodeRuntimeBuilder, Terminal, TerminalOptions};

/// The version of Node.js whose library runs in machines, e.g. `24.21.0`.
pub const NODE_VERSION: &str = cenote_node::NodeRuntime::version();

/// A virtual machine in which Node.js programs and Linux commands run together.
///
/// Clones are the same machine. When the last is dropped, or at [`dispose`](Self::dispose), every process of the machine is
/// killed and its memory given back.
#[derive(Clone, Debug)]
pub struct NodeRuntime {
    pub(crate) machine: Arc<Machine>,
}

impl NodeRuntime {
    /// A machine with default options.
    ///
    /// # Errors
    /// [`Error::Runtime`] when a runtime cannot be set up on this host.
    pub async fn create() -> Result<Self, Error> {
        Self::builder().create().await
    }

    /// Options for a machine.
    pub fn builder() -> NodeRuntimeBuilder {
        NodeRuntimeBuilder::default()
    }

    /// Runs JavaScript as an ES module in a fresh `node` process and captures its output.
    pub fn exec(&self, code: impl Into<String>) -> Call<Exec> {
        self.code(code)
    }

    /// As [`exec`](Self::exec), and brings back the JSON value that the code passes to the global `__return(value)`.
    pub fn run<T>(&self, code: impl Into<String>) -> Call<Run<T>> {
        self.code(code)
    }

    /// Starts JavaScript as an ES module in a fresh `node` process and returns a live handle.
    pub fn spawn(&self, code: impl Into<String>) -> Call<Spawn> {
        self.code(code)
    }

    /// Runs a command of the machine, by name (looked up in `PATH`) or path, and captures its output.
    pub fn exec_command<A: Into<Vec<u8>>>(
        &self,
        program: impl Into<String>,
        args: impl IntoIterator<Item = A>,
    ) -> Call<Exec> {
        self.command(program).args(args)
    }

    /// Starts a command of the machine and returns a live handle.
    pub fn spawn_command<A: Into<Vec<u8>>>(
        &self,
        program: impl Into<String>,
        args: impl IntoIterator<Item = A>,
    ) -> Call<Spawn> {
        self.command(program).args(args)
    }

    /// Runs a script with `/bin/sh` and captures its output; further arguments become `$0`, `$1` ….
    pub fn shell(&self, script: impl Into<String>) -> Call<Exec> {
        self.command("/bin/sh")
            .args([b"-c".to_vec(), script.into().into_bytes()])
    }

    /// Starts a program on a terminal of its own: a shell unless the options name another. See [`Terminal`].
    ///
    /// # Errors
    /// [`Error::Start`] when the program or the terminal cannot be had, [`Error::Option`] for a size of zero.
    pub async fn open_terminal(&self, options: TerminalOptions) -> Result<Terminal, Error> {
        crate::host::run(Terminal::start(Arc::clone(&self.machine), options)).await
    }

    /// Gives guests functions of yours: programs that start from now on find a frozen global object of the collection's name with an async
    /// function each, and the shell a command `cenote-<collection>` (`--help` tells its usage). A collection of the same name is replaced,
    /// for programs that run already, too.
    ///
    /// # Errors
    /// [`Error::Option`] for a name or schema that cannot be, [`Error::File`] when the machine's files are full, [`Error::Disposed`].
    pub fn register_host_functions(&self, collection: HostFunctions) -> Result<(), Error> {
        self.machine.add_host_functions([collection])
    }

    /// Waits until the engines asked for with [`warm`](crate::NodeRuntimeBuilder::warm) are ready.
    pub async fn when_warm(&self) {
        if let Some(remote) = self.machine.remote() {
            remote.when_warm().await;
            return;
        }
        cenote_node::NodeRuntime::when_warm(self.machine.memory().engine()).await;
    }

    /// Kills every process of the machine, waits until they are gone and gives its memory back. A second time does nothing.
    pub async fn dispose(&self) {
        let machine = Arc::clone(&self.machine);
        // Cannot fail: the future inside always answers Ok.
        let _ended: Result<(), Error> = crate::host::run(async move {
            machine.dispose().await;
            Ok(())
        })
        .await;
    }

    fn code<K>(&self, code: impl Into<String>) -> Call<K> {
        Call::new(
            &self.machine,
            Target::Code {
                code: code.into(),
                module: ModuleType::Module,
                filename: None,
            },
        )
    }

    fn command<K>(&self, program: impl Into<String>) -> Call<K> {
        Call::new(
            &self.machine,
            Target::Command {
                program: program.into(),
            },
        )
    }
}
