//! Options of a machine: [`NodeRuntimeBuilder`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cenote_base::limits::{Budget, Limits};
use cenote_base::policy::Policy;
use cenote_base::{Credentials, Gid, HostClock, Timing, Uid};
use cenote_kernel::{Kernel, KernelOptions};
use cenote_net::Network;

use crate::ask::{Callback, Callbacks, Permit};
use crate::environment::Environment;
use crate::events::Events;
use crate::files::HostView;
use crate::host::{HostEntropy, MemoryLimits};
use crate::host_commands::{self, Commands, HostCommandRuntime, HostCommands};
use crate::host_files::{HostFileSystem, HostFilesMount};
use crate::host_functions::{Collections, HostFunctions};
use crate::host_network::{AdapterNetwork, NetworkAdapter};
use crate::machine::{Defaults, Machine};
use crate::mounts::{HostMount, MemoryMount, VfsMount};
use crate::network::AdapterGuard;
use crate::network::dns::{NameService, Names};
use crate::network::outward::HostNetwork;
use crate::network::pins::Pins;
use crate::policy::{Permissions, Rules};
use crate::rules_over_links;
use crate::system::OsNames;
use crate::worker::{self, Filesystems};
use crate::{
    Decision, Error, Image, Isolation, NetworkRule, NodeRuntime, PermissionRequest, Resolve, Scope,
    Snapshot, host, root,
};

/// Bytes of output kept for one stream of one call, unless changed: 16 MiB.
const OUTPUT_LIMIT: usize = 16 << 20;

/// The least of [`NodeRuntimeBuilder::js_heap`], in bytes: `node` itself starts in some 12 MiB, and V8 cannot start at all in less than 8.
pub const LEAST_JS_HEAP: usize = 16 << 20;

/// Memory of one process, unless changed: 256 MiB for WebAssembly, a JavaScript heap of 128 MiB, 256 MiB in array buffers.
const MEMORY: MemoryLimits = MemoryLimits {
    wasm: 256 << 20,
    heap: 128 << 20,
    array_buffers: 256 << 20,
};

/// Options for a machine; [`create`](Self::create) makes it.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is made before create()"]
pub struct NodeRuntimeBuilder {
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    user: Option<(u32, u32)>,
    hostname: Option<String>,
    os: OsNames,
    processors: Option<u32>,
    files: Vec<SeedFile>,
    mounts: Vec<HostMount>,
    vfs_mounts: Vec<VfsMount>,
    callback_mounts: Vec<HostFilesMount>,
    images: Vec<(Image, String)>,
    memory_mounts: Vec<MemoryMount>,
    start: Option<Snapshot>,
    node_modules: Option<PathBuf>,
    commands_dir: Option<PathBuf>,
    permissions: Permissions,
    limits: Limits,
    output_limit: Option<usize>,
    host_functions: Vec<HostFunctions>,
    host_commands: Vec<HostCommands>,
    callbacks: Callbacks,
    memory: Option<MemoryLimits>,
    timing: Timing,
    loopback_exempt_ports: Vec<u16>,
    names: Names,
    network_adapter: Option<Adapter>,
    warm: usize,
    isolation: Isolation,
    worker_program: Option<PathBuf>,
}

/// A file put into a new machine.
#[derive(Clone, Debug)]
pub(crate) struct SeedFile {
    pub(crate) path: String,
    pub(crate) content: Vec<u8>,
    /// Permission bits; 0644 unless it says otherwise.
    pub(crate) mode: Option<u32>,
}

/// The embedder's network.
#[derive(Clone)]
struct Adapter(Arc<dyn NetworkAdapter>);

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Adapter")
    }
}

/// The options of a machine that a process of its own is told.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    pub(crate) user: Option<(u32, u32)>,
    pub(crate) hostname: Option<String>,
    pub(crate) os: OsNames,
    pub(crate) processors: Option<u32>,
    pub(crate) files: Vec<SeedFile>,
    pub(crate) mounts: Vec<HostMount>,
    pub(crate) memory_mounts: Vec<MemoryMount>,
    pub(crate) images: Vec<(Image, String)>,
    pub(crate) start: Option<Snapshot>,
    /// What guests start and the embedder runs.
    pub(crate) host_commands: Vec<String>,
    pub(crate) node_modules: Option<PathBuf>,
    pub(crate) commands_dir: Option<PathBuf>,
    pub(crate) permissions: Permissions,
    pub(crate) callbacks: Callbacks,
    pub(crate) limits: Limits,
    pub(crate) memory: MemoryLimits,
    pub(crate) output_limit: usize,
    pub(crate) timing: Timing,
    pub(crate) loopback_exempt_ports: Vec<u16>,
    pub(crate) names: Names,
    pub(crate) has_network_adapter: bool,
    pub(crate) warm: usize,
    pub(crate) worker_program: Option<PathBuf>,
}

impl NodeRuntimeBuilder {
    /// Sets where the machine lives. Default [`Isolation::Shared`]: in this process.
    ///
    /// With [`Isolation::Process`] a fork, and a machine that starts from a snapshot, live in the process of the machine that those were made of
    /// where that was granted what they need. Calls that are not async wait for the other process then, and filesystems, networks and names of
    /// yours are asked over a channel.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Names the `cenote` program that is started for [`Isolation::Process`], in place of the one found as it says.
    pub fn worker_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.worker_program = Some(program.into());
        self
    }

    /// Adds an environment variable for every process started from the host.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets the working directory of processes started from the host; made if missing. Default `/root`.
    pub fn cwd(mut self, path: impl Into<String>) -> Self {
        self.cwd = Some(path.into());
        self
    }

    /// Runs programs as this user and group. Default 0:0, the machine's own superuser, who has no power outside it.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, gid));
        self
    }

    /// Sets the machine's host name. Default `cenote`.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// Sets what guests are told of their system, where that is not to be what it is.
    pub fn os(mut self, names: OsNames) -> Self {
        self.os = names;
        self
    }

    /// Sets how many processors guests see, 1 to 1,024, wherever they ask (`nproc`, `/proc`, Node's `os`). It is no limit. Default: as many as this
    /// process may use ([`host_processors`](crate::host_processors)).
    pub fn processors(mut self, count: u32) -> Self {
        self.processors = Some(count);
        self
    }

    /// Puts a file into the machine (mode 0644, directories above it made).
    pub fn file(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.files.push(SeedFile {
            path: path.into(),
            content: content.into(),
            mode: None,
        });
        self
    }

    /// As [`file`](Self::file), with these permission bits.
    pub fn file_with_mode(
        mut self,
        path: impl Into<String>,
        content: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Self {
        self.files.push(SeedFile {
            path: path.into(),
            content: content.into(),
            mode: Some(mode),
        });
        self
    }

    /// Shows a host directory at `guest`, read-only.
    pub fn mount(self, host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        self.mount_with(HostMount::new(host, guest))
    }

    /// Shows a host directory at `guest` and lets guests change it.
    pub fn mount_read_write(self, host: impl Into<PathBuf>, guest: impl Into<String>) -> Self {
        self.mount_with(HostMount::new(host, guest).writable())
    }

    /// Shows a host directory as the mount says.
    pub fn mount_with(mut self, mount: HostMount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Shows a filesystem of the [`vfs`] crate at `guest`: one in memory, an overlay, one of your own.
    ///
    /// It is asked from the threads that guests' calls run on; one that is slow makes only its users wait. Its files belong to the
    /// machine's user, with mode 755 and 644; links, devices and changes of mode or owner are `EPERM`. What is written reaches it
    /// when the last descriptor is closed, or on `fsync`.
    pub fn mount_vfs(mut self, root: vfs::VfsPath, guest: impl Into<String>) -> Self {
        self.vfs_mounts.push(VfsMount {
            root,
            guest: guest.into(),
        });
        self
    }

    /// Shows the files of an image at `guest`: at `/` they lie over the files that ship and under the machine's own, so that guests can change
    /// what they see (their own limit pays for that); elsewhere they are read-only. Later images at the same place lie over earlier ones.
    pub fn image(mut self, image: impl Into<Image>, guest: impl Into<String>) -> Self {
        self.images.push((image.into(), guest.into()));
        self
    }

    /// Shows an empty directory in memory at `guest`, with room for so many bytes; without a limit of its own it counts with the machine's
    /// files. Snapshots leave it out.
    pub fn memory_directory(mut self, guest: impl Into<String>, size_limit: Option<u64>) -> Self {
        self.memory_mounts.push(MemoryMount {
            guest: guest.into(),
            size_limit,
        });
        self
    }

    /// Starts with the files of a snapshot; mounts and seeded files come over them. They count against
    /// [`limits`](Self::limits) as files the machine wrote.
    pub fn from_snapshot(mut self, snapshot: &Snapshot) -> Self {
        self.start = Some(snapshot.clone());
        self
    }

    /// What makes another machine like this one, but for its files and host functions.
    fn recipe(&self) -> Self {
        Self {
            files: Vec::new(),
            host_functions: Vec::new(),
            start: None,
            ..self.clone()
        }
    }

    /// As [`host_functions`](Self::host_functions), several.
    pub(crate) fn with_host_functions(mut self, collections: Vec<HostFunctions>) -> Self {
        self.host_functions.extend(collections);
        self
    }

    /// Shows a filesystem of yours at `guest`, answered call by call. At `/` it is joined with the machine's own tree: `bin`, `dev`, `etc`, `lib`, `proc`,
    /// `run`, `sbin`, `sys`, `usr`, `var` (and `root`, with [`node_modules`](Self::node_modules)) stay the machine's, as does what yours has not;
    /// new names at the top are made in yours.
    pub fn mount_callback(
        mut self,
        guest: impl Into<String>,
        filesystem: impl HostFileSystem,
    ) -> Self {
        self.callback_mounts.push(HostFilesMount {
            filesystem: Arc::new(filesystem),
            guest: guest.into(),
            is_writable: true,
        });
        self
    }

    /// As [`mount_callback`](Self::mount_callback), and lets nobody change it: changes answer `EROFS` without asking you.
    pub fn mount_callback_read_only(
        mut self,
        guest: impl Into<String>,
        filesystem: impl HostFileSystem,
    ) -> Self {
        self.callback_mounts.push(HostFilesMount {
            filesystem: Arc::new(filesystem),
            guest: guest.into(),
            is_writable: false,
        });
        self
    }

    /// Shows the host's `node_modules` directory at `/root/node_modules`, read-only (`EACCES`), and on the resolution path of code
    /// that runs elsewhere in the machine. Native addons (`.node`) in it are refused when loaded.
    pub fn node_modules(mut self, directory: impl Into<PathBuf>) -> Self {
        self.node_modules = Some(directory.into());
        self
    }

    /// Uses the WASM commands in this host directory instead of those shipped. See ARCHITECTURE.md §2 for the lookup order
    /// when it is not set.
    pub fn commands_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.commands_dir = Some(directory.into());
        self
    }

    /// Sets what guests may do.
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = permissions;
        self
    }

    /// Takes these ports of the host's own loopback out of the guard of private addresses, where nobody in the machine listens on them: a
    /// connection to `127.0.0.1` or `::1` and that port leads to the host. Whether it may be made, the rules of [`Permissions::network`] and the
    /// callback for the network say as of any other address; with neither, it may.
    pub fn loopback_exempt_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.loopback_exempt_ports.extend(ports);
        self
    }

    /// Answers a name with these addresses, before anybody else is asked. Whether they may be reached is for
    /// [`Permissions::network`] to say.
    pub fn dns_override(
        mut self,
        name: impl AsRef<str>,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        self.names.set(name.as_ref(), addresses);
        self
    }

    /// Asks this for names outside the machine, where rules allow the name, in place of the host's resolver.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.names.ask(Arc::new(resolver));
        self
    }

    /// Lets your code answer for the network outside: names, connections, requests. The host's own network is not touched then. What guests
    /// may reach of it, [`Permissions::network`] says.
    pub fn network_adapter(mut self, adapter: impl NetworkAdapter) -> Self {
        self.network_adapter = Some(Adapter(Arc::new(adapter)));
        self
    }

    /// Sets the machine's limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how much memory one WebAssembly process may have. Default 256 MiB.
    pub fn wasm_memory(mut self, bytes: u64) -> Self {
        self.memory.get_or_insert(MEMORY).wasm = bytes;
        self
    }

    /// Sets how large the JavaScript heap of one `node` process may grow, in bytes. Default 128 MiB, at least [`LEAST_JS_HEAP`].
    pub fn js_heap(mut self, bytes: usize) -> Self {
        self.memory.get_or_insert(MEMORY).heap = bytes;
        self
    }

    /// Sets how much memory the array buffers of one `node` process may hold together. Default 256 MiB.
    pub fn array_buffers(mut self, bytes: usize) -> Self {
        self.memory.get_or_insert(MEMORY).array_buffers = bytes;
        self
    }

    /// Sets how many bytes of a stream are kept for one call. Default 16 MiB; what is over is dropped and flagged.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = Some(bytes);
        self
    }

    /// Sets how much of time guests see. Default [`Timing::Coarse`]: whole milliseconds.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Gives guests functions of yours. See [`NodeRuntime::register_host_functions`].
    pub fn host_functions(mut self, collection: HostFunctions) -> Self {
        self.host_functions.push(collection);
        self
    }

    /// Runs programs that guests start in your own code. A second call adds to the first; where both answer a name, the first is asked.
    pub fn host_commands(mut self, commands: HostCommands) -> Self {
        self.host_commands.push(commands);
        self
    }

    /// Asks your code for what no rule of [`permissions`](Self::permissions) decides in these scopes. It is called on the guest's thread,
    /// which waits: be quick, or use [`on_permission_async`](Self::on_permission_async). The last callback of a scope counts.
    ///
    /// Addresses of the host's own and private networks stay refused unless a rule names them.
    pub fn on_permission(
        mut self,
        scopes: impl IntoIterator<Item = Scope>,
        decide: impl Fn(&PermissionRequest) -> Decision + Send + Sync + 'static,
    ) -> Self {
        let callback = Callback::Now(Arc::new(decide));
        self.callbacks
            .extend(scopes.into_iter().map(|scope| (scope, callback.clone())));
        self
    }

    /// As [`on_permission`](Self::on_permission), with an answer that takes its time: the guest's call waits for it, at most 30 seconds, then
    /// it is refused.
    pub fn on_permission_async<F>(
        mut self,
        scopes: impl IntoIterator<Item = Scope>,
        decide: impl Fn(PermissionRequest) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Decision> + Send + 'static,
    {
        let callback = Callback::Later(Arc::new(move |request| Box::pin(decide(request))));
        self.callbacks
            .extend(scopes.into_iter().map(|scope| (scope, callback.clone())));
        self
    }

    /// Keeps so many JavaScript engines ready, at most 64, so that a node process starts in a fraction of the time. Each runs one process and
    /// is replaced then; while it waits it takes a few megabytes. They are made in the background, and shared by all machines of this
    /// host process that have the same memory limits: the largest number counts. Some seconds after the last such machine they go.
    /// Default 0.
    pub fn warm(mut self, count: usize) -> Self {
        self.warm = count;
        self
    }

    /// Makes the machine.
    ///
    /// # Errors
    /// [`Error::HostPath`] for a host directory that cannot be used, [`Error::Option`] for an option that makes no sense,
    /// [`Error::File`] when a seeded file does not fit, [`Error::Runtime`] when a runtime cannot be set up on this host, or the `cenote`
    /// program of [`Isolation::Process`] cannot be started.
    pub async fn create(self) -> Result<NodeRuntime, Error> {
        if let Some(heap) = self.memory.map(|memory| memory.heap)
            && heap < LEAST_JS_HEAP
        {
            return Err(Error::Option {
                option: "js_heap",
                reason: format!("{heap} bytes are too few; the least is {LEAST_JS_HEAP}"),
            });
        }
        self.os.system(self.processors)?;
        match self.isolation {
            Isolation::Shared => host::run(async move { self.build() }).await,
            Isolation::Process => host::run(self.build_elsewhere()).await,
        }
    }

    /// Makes the machine in a process of its own; what its embedder keeps of it is here.
    async fn build_elsewhere(self) -> Result<NodeRuntime, Error> {
        let host = host::host()?;
        // Made again there; here for what is wrong with them, for variables, and for what the other process asks of the network here.
        let asks = self.callbacks.contains_key(&Scope::Network);
        let exempt =
            with_exempt_ports(self.permissions.clone(), asks, &self.loopback_exempt_ports)?;
        let pins = Arc::<Pins>::default();
        for (name, addresses) in self.names.overrides() {
            pins.know(name, addresses);
        }
        let rules = Arc::new(exempt.compile(Arc::clone(&pins))?);
        let events = Arc::<Events>::default();
        let network = worker::HostNetwork::new(
            self.network_adapter.clone().map(|adapter| adapter.0),
            self.names.resolver(),
            AdapterGuard::of(&rules, &pins, asks),
            &pins,
        );
        let permit = permit(rules, self.callbacks.clone(), &events, host.handle());
        let (uid, gid) = self.user.unwrap_or((0, 0));
        let memory = self.memory.unwrap_or(MEMORY);
        let functions = Arc::<Collections>::default();
        for collection in self.host_functions {
            functions.add(collection.compile()?);
        }
        let env = given_env(self.env, &permit);
        let defaults = Defaults {
            env: Environment::of(env.clone()),
            cwd: absolute_cwd(self.cwd)?,
            credentials: Credentials::of(Uid::new(uid), Gid::new(gid)),
            output_limit: self.output_limit.unwrap_or(OUTPUT_LIMIT),
            memory,
        };
        let most = self.limits.filesystem_bytes;
        let mounts = self.vfs_mounts.into_iter();
        let mounts = mounts.map(|mount| mount.answered((uid, gid), most));
        let mut mounts = mounts.collect::<Result<Vec<_>, _>>()?;
        mounts.extend(self.callback_mounts);
        let files = Filesystems::new(mounts);
        let commands = Commands::compile(self.host_commands.clone())?;
        let embedder = worker::Embedder::new(&permit, &functions, network).with(files, commands);
        let calls_back = !self.callbacks.is_empty() || !functions.all().is_empty();
        let asks = calls_back || embedder.is_asked();
        let parts = Parts {
            env,
            cwd: defaults.cwd.clone(),
            user: self.user,
            hostname: self.hostname,
            os: self.os,
            processors: self.processors,
            files: self.files,
            mounts: self.mounts,
            memory_mounts: self.memory_mounts,
            images: self.images,
            start: self.start,
            host_commands: self
                .host_commands
                .iter()
                .flat_map(HostCommands::patterns)
                .collect(),
            node_modules: self.node_modules,
            commands_dir: self.commands_dir,
            permissions: self.permissions,
            callbacks: self.callbacks,
            limits: self.limits,
            memory,
            output_limit: defaults.output_limit,
            timing: self.timing,
            loopback_exempt_ports: self.loopback_exempt_ports,
            names: self.names,
            has_network_adapter: self.network_adapter.is_some(),
            warm: self.warm,
            worker_program: self.worker_program,
        };
        let remote = worker::create(parts, asks.then(|| embedder.clone()), &functions).await?;
        let functions = asks.then_some(functions);
        events.made();
        let machine = Machine::elsewhere(remote, embedder, defaults, events, permit, functions);
        Ok(NodeRuntime { machine })
    }

    fn build(self) -> Result<NodeRuntime, Error> {
        let host = host::host()?;
        let recipe = self.recipe();
        let asks = self.callbacks.contains_key(&Scope::Network);
        let permissions = with_exempt_ports(self.permissions, asks, &self.loopback_exempt_ports)?;
        let pins = Arc::<Pins>::default();
        let said = permissions.clone();
        let permissions = Arc::new(permissions.compile(Arc::clone(&pins))?);
        let opens_network = asks || permissions.open_network();
        let (uid, gid) = self.user.unwrap_or((0, 0));
        let cwd = absolute_cwd(self.cwd)?;
        let clock = Arc::new(HostClock::new(host.handle().clone()));
        let clock = self.timing.limit(clock);
        let memory = self.memory.unwrap_or(MEMORY);
        let events = Arc::<Events>::default();
        let permit = permit(permissions, self.callbacks, &events, host.handle());
        let adapter = self.network_adapter.filter(|_| opens_network);
        let outside = Outside::new(adapter, self.names, &permit, &pins, host.handle())?;
        let budget = Budget::watched(self.limits.clone(), Arc::clone(&events) as _);
        let start = self.start.map(Snapshot::into_here).transpose()?;
        let (root, commands) = root::filesystem(
            self.commands_dir.as_deref(),
            start.as_ref(),
            &self.images,
            Arc::clone(&clock),
            Arc::clone(&budget),
        )?;
        let has_modules = self.node_modules.is_some();
        let joined = root::joined(&root, &self.callback_mounts, host.handle(), has_modules);
        let root = joined.clone().map_or(root, |joined| joined as _);
        let mut runtimes = host.runtimes(memory, self.warm)?;
        let commands_of_host = compile_commands(self.host_commands, host.handle())?;
        runtimes.extend(commands_of_host.clone().map(|runtime| runtime as _));
        let kernel = Kernel::new(KernelOptions {
            clock,
            spawner: host.spawner(),
            policy: Arc::clone(&permit) as Arc<dyn Policy>,
            limits: self.limits,
            budget: Some(budget),
            hostname: self.hostname.unwrap_or_else(|| "cenote".into()),
            system: self.os.system(self.processors)?,
            root,
            runtimes,
            entropy: Arc::new(HostEntropy),
            network: opens_network.then(|| outside.network(host.handle())),
        });
        boot(&kernel)?;
        let plan = root::Plan {
            mounts: &self.mounts,
            vfs_mounts: &self.vfs_mounts,
            callback_mounts: &self.callback_mounts,
            images: &self.images,
            memory_mounts: &self.memory_mounts,
            node_modules: self.node_modules.as_deref(),
            files: &self.files,
            cwd: &cwd,
            owner: (uid, gid),
            os: &self.os,
            authority: outside.authority(),
        };
        root::furnish(&kernel, &commands, &plan)?;
        check_rules(&kernel, &said, &self.vfs_mounts, &self.callback_mounts)?;
        let policy = Arc::clone(&permit) as Arc<dyn Policy>;
        let names = NameService::new(outside.names, policy, pins);
        show_host(&kernel, commands_of_host.as_deref(), &names, host.handle())?;
        if let Some(joined) = joined {
            joined.open();
        }
        let own_env = default_env(uid, &self.os, outside.adapter.is_some());
        let defaults = Defaults {
            env: Environment::new(own_env, &self.env, &permit),
            cwd,
            credentials: Credentials::of(Uid::new(uid), Gid::new(gid)),
            output_limit: self.output_limit.unwrap_or(OUTPUT_LIMIT),
            memory,
        };
        events.made();
        let machine = Machine::new(kernel, defaults, events, permit, recipe);
        machine.add_host_functions(self.host_functions)?;
        Ok(NodeRuntime { machine })
    }
}

/// Shows a machine what its host does for it: programs, names.
fn show_host(
    kernel: &Arc<Kernel>,
    commands: Option<&HostCommandRuntime>,
    names: &NameService,
    handle: &tokio::runtime::Handle,
) -> Result<(), Error> {
    if let Some(runtime) = commands {
        root::install(kernel, "/usr/local/bin", |cx| {
            host_commands::write_files(cx, runtime)
        })?;
    }
    names.serve(kernel.sockets(), handle)
}

/// Fails when a rule names what it cannot match.
fn check_rules(
    kernel: &Kernel,
    permissions: &Permissions,
    vfs_mounts: &[VfsMount],
    callback_mounts: &[HostFilesMount],
) -> Result<(), Error> {
    let vfs_mounts = vfs_mounts.iter().map(|mount| mount.guest.as_str());
    let callback_mounts = callback_mounts.iter().filter(|one| !one.is_root());
    let callback_mounts = callback_mounts.map(|mount| mount.guest.as_str());
    let unasked: Vec<&str> = vfs_mounts.chain(callback_mounts).collect();
    let view = HostView::new(kernel.namespace().root(), b"/");
    rules_over_links::check(permissions, &view, &unasked)
}

/// The variables that may be given.
fn given_env(env: BTreeMap<String, String>, permit: &Permit) -> BTreeMap<String, String> {
    let given = env.into_iter();
    given
        .filter(|(name, value)| permit.env(name, value))
        .collect()
}

/// The working directory of processes started from the host.
fn absolute_cwd(asked: Option<String>) -> Result<String, Error> {
    let cwd = asked.unwrap_or_else(|| "/root".into());
    if cwd.starts_with('/') {
        return Ok(cwd);
    }
    Err(Error::Option {
        option: "cwd",
        reason: format!("`{cwd}` is not an absolute path"),
    })
}

/// Who decides.
fn permit(
    rules: Arc<Rules>,
    callbacks: Callbacks,
    events: &Arc<Events>,
    handle: &tokio::runtime::Handle,
) -> Arc<Permit> {
    let events = Arc::clone(events);
    Arc::new(Permit::new(rules, callbacks, events, handle.clone()))
}

/// The way out, and who knows names.
struct Outside {
    adapter: Option<Arc<AdapterNetwork>>,
    names: Names,
}

impl Outside {
    fn new(
        adapter: Option<Adapter>,
        mut names: Names,
        permit: &Arc<Permit>,
        pins: &Arc<Pins>,
        handle: &tokio::runtime::Handle,
    ) -> Result<Self, Error> {
        let Some(Adapter(adapter)) = adapter else {
            return Ok(Self {
                adapter: None,
                names,
            });
        };
        let failed = |reason| Error::Runtime {
            runtime: "network adapter",
            reason,
        };
        let network = AdapterNetwork::new(adapter, permit, pins, handle).map_err(failed)?;
        let network = Arc::new(network);
        names.set_network(Arc::clone(&network) as _);
        Ok(Self {
            adapter: Some(network),
            names,
        })
    }

    fn network(&self, handle: &tokio::runtime::Handle) -> Arc<dyn Network> {
        match &self.adapter {
            Some(adapter) => Arc::clone(adapter) as _,
            None => Arc::new(HostNetwork(handle.clone())),
        }
    }

    /// The authority that stands for all hosts outside, as PEM.
    fn authority(&self) -> Option<&[u8]> {
        self.adapter.as_ref().map(|adapter| adapter.certificate())
    }
}

fn boot(kernel: &Arc<Kernel>) -> Result<(), Error> {
    kernel.boot().map_err(|cause| Error::File {
        operation: "boot",
        path: "/dev".into(),
        cause,
    })
}

/// The permissions with what they say of the host's loopback ports that the guard does not keep.
fn with_exempt_ports(
    mut permissions: Permissions,
    asks: bool,
    ports: &[u16],
) -> Result<Permissions, Error> {
    let exempt = NetworkRule::exempt(&permissions.network, asks, ports)?;
    permissions.network.extend(exempt);
    Ok(permissions)
}

/// The runtime of the embedder's programs, if it has any.
fn compile_commands(
    commands: Vec<HostCommands>,
    handle: &tokio::runtime::Handle,
) -> Result<Option<Arc<HostCommandRuntime>>, Error> {
    if commands.is_empty() {
        return Ok(None);
    }
    let commands = commands.into_iter().map(HostCommands::compile);
    let commands = commands.collect::<Result<_, _>>()?;
    Ok(Some(Arc::new(HostCommandRuntime::new(
        commands,
        handle.clone(),
    ))))
}

/// What a login gives. Nothing of the host's environment.
fn default_env(uid: u32, os: &OsNames, has_authority: bool) -> BTreeMap<String, String> {
    let (home, user) = if uid == 0 {
        ("/root", "root")
    } else {
        ("/home/user", "user")
    };
    let mut env: BTreeMap<String, String> = [
        ("HOME", os.homedir.as_deref().unwrap_or(home)),
        ("LOGNAME", user),
        ("USER", user),
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("SHELL", "/bin/bash"),
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    if let Some(directory) = &os.tmpdir {
        env.insert("TMPDIR".into(), directory.clone());
    }
    if has_authority {
        env.insert("NODE_EXTRA_CA_CERTS".into(), root::AUTHORITIES.into());
    }
    env
}

/// Whether a host path is a directory we can open; the error names the option.
pub(crate) fn check_directory(option: &'static str, path: &Path) -> Result<(), Error> {
    let unusable = |cause| Error::HostPath {
        option,
        path: path.to_path_buf(),
        cause,
    };
    let metadata = path.metadata().map_err(unusable)?;
    if metadata.is_dir() {
        Ok(())
    } else {
        Err(unusable(std::io::ErrorKind::NotADirectory.into()))
    }
}
