//! From the builder's options to the contract's, and the machine they make.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use cenote_base::Timing;
use cenote_base::limits::Limits;
use cenote_proto::v1::{
    CreateVmRequest, Decision, HostDirectory, HostFilesystem, HostFunction,
    HostFunctions as Collection, Image as WireImage, Isolation as WireIsolation,
    Limits as WireLimits, MemoryFilesystem, Mount, NameOverride, OsConfig, PermissionRule,
    PermissionScope, Permissions as WirePermissions, RegisterHostFunctionsRequest,
    SeedFile as WireSeed, Timing as WireTiming, User, Vm, image, mount,
};

use super::Remote;
use super::embedder::Embedder;
use super::failure::{self, About};
use super::host_files::Filesystems;
use super::program;
use super::remote::vms;
use super::sidecar::Sidecar;
use crate::ask::Callbacks;
use crate::builder::{Parts, SeedFile};
use crate::file_rules::FileAccess;
use crate::host::MemoryLimits;
use crate::host_functions::{Collections, Described};
use crate::image::Source;
use crate::mounts::{HostMount, MemoryMount, MountAccess};
use crate::policy::{Effect, Permissions};
use crate::{
    Error, FileOperation, Image, NetworkRule, NewAttributes, OsNames, Scope, Snapshot, host,
};

/// Bytes of files that go with the request; larger ones are written afterwards.
const SEEDS: usize = 8 << 20;
/// Bytes of images that go with the request: together with the rest, less than a message may hold.
const IMAGES: usize = 4 << 20;

/// Makes a machine in a process of its own.
///
/// # Errors
/// [`Error::Runtime`] when there is no program to start; those of the options.
pub(crate) async fn create(
    parts: Parts,
    embedder: Option<Embedder>,
    functions: &Collections,
) -> Result<Remote, Error> {
    let program = program::find(parts.worker_program.as_deref())?;
    let sidecar = Sidecar::shared(&program).await?;
    let mut parts = parts;
    let start = parts.start.take();
    let files = embedder.as_ref().map(Embedder::files);
    let cwd = parts.cwd.clone();
    let is_late = files.is_some_and(|files| files.show(&cwd));
    let (request, mut late) = request(parts, functions, files)?;
    let (vm, to_import) = make(&sidecar, request, start, &mut late).await?;
    let remote = Remote::new(sidecar, vm.id)?;
    if let Some(embedder) = embedder {
        embedder.serve(&remote).await?;
    }
    if let Some(start) = to_import {
        bring(&remote, start).await?;
    }
    for file in late {
        let path = file.path.as_bytes();
        remote
            .write_file(path, Bytes::from(file.content), true)
            .await?;
        if let Some(mode) = file.mode {
            let new = NewAttributes {
                mode: Some(mode),
                ..NewAttributes::default()
            };
            remote.set_attributes(path, true, new).await?;
        }
    }
    if is_late {
        make_directory(&remote, &cwd).await?;
    }
    Ok(remote)
}

/// Makes the working directory where it is in a filesystem of the embedder's, which answers only now. One that cannot be made is no error,
/// as in this process: calls will say so.
async fn make_directory(remote: &Remote, cwd: &str) -> Result<(), Error> {
    match remote.mkdir(cwd.as_bytes(), None).await {
        Err(Error::File { .. }) => Ok(()),
        made => made,
    }
}

/// Makes the machine; what it answers besides is a snapshot to be brought there: one of this process, or one that lives with a machine that
/// was granted less than this one is to be.
async fn make(
    sidecar: &Arc<Sidecar>,
    mut request: CreateVmRequest,
    start: Option<Snapshot>,
    late: &mut Late,
) -> Result<(Vm, Option<Snapshot>), Error> {
    let failed = |status: tonic::Status| failure::error(&status, About::Machine);
    if let Some(there) = start.as_ref().and_then(Snapshot::elsewhere)
        && there.is_of(sidecar)
    {
        request.snapshot = there.id().to_owned();
        match vms(sidecar).create(request.clone()).await {
            Ok(vm) => return Ok((vm.into_inner(), None)),
            Err(status) if is_not_granted(&status) => request.snapshot = String::new(),
            Err(status) => return Err(failed(status)),
        }
    }
    if start.is_some() {
        // They come over the snapshot.
        let seeds = std::mem::take(&mut request.files);
        late.splice(
            0..0,
            seeds.into_iter().map(|seed| SeedFile {
                path: String::from_utf8_lossy(&seed.path).into_owned(),
                content: seed.content.to_vec(),
                mode: (seed.mode != 0).then_some(seed.mode),
            }),
        );
    }
    let made = vms(sidecar).create(request).await.map_err(failed)?;
    Ok((made.into_inner(), start))
}

/// Whether a machine cannot live where the snapshot is.
fn is_not_granted(status: &tonic::Status) -> bool {
    cenote_proto::detail_of(status)
        .is_some_and(|detail| detail.code == "OPTION" && detail.option == "snapshot")
}

/// Unpacks a snapshot in a new machine.
async fn bring(remote: &Remote, start: Snapshot) -> Result<(), Error> {
    let remote = remote.clone();
    let brought = tokio::task::spawn_blocking(move || {
        let (mut reader, writer) = std::io::pipe().map_err(|error| Error::Archive {
            operation: "export",
            reason: error.to_string(),
        })?;
        let exporting = std::thread::spawn(move || start.export(writer));
        let imported = remote.import(b"/", &mut reader);
        // One that still writes hears that nobody reads.
        drop(reader);
        let exported = exporting.join().unwrap_or(Err(Error::Disposed));
        // When the import failed, that is why.
        imported?;
        exported.map(drop)
    });
    brought.await.unwrap_or(Err(Error::Disposed))
}

/// Files that are written once the machine is there.
type Late = Vec<SeedFile>;

/// The request, and files that are too large for it.
fn request(
    parts: Parts,
    functions: &Collections,
    filesystems: Option<&Filesystems>,
) -> Result<(CreateVmRequest, Late), Error> {
    let (mut files, mut late, mut size) = (Vec::new(), Vec::new(), 0_usize);
    for file in parts.files {
        size = size.saturating_add(file.content.len());
        // The embedder's filesystems do not answer before the machine is there.
        let is_shown = filesystems.is_some_and(|files| files.show(&file.path));
        if is_shown || size > SEEDS {
            late.push(file);
        } else {
            files.push(WireSeed {
                path: file.path.into_bytes().into(),
                content: file.content.into(),
                mode: file.mode.unwrap_or(0),
            });
        }
    }
    let directory = |path: Option<std::path::PathBuf>| {
        path.map_or_else(String::new, |path| path.to_string_lossy().into_owned())
    };
    let permissions = permissions(&parts.permissions, &parts.callbacks);
    let request = CreateVmRequest {
        env: parts.env.into_iter().collect(),
        cwd: parts.cwd,
        user: parts.user.map(|(uid, gid)| User { uid, gid }),
        hostname: parts.hostname.unwrap_or_default(),
        os: Some(os(parts.os)),
        processors: parts.processors.unwrap_or(0),
        files,
        mounts: parts
            .mounts
            .into_iter()
            .map(host_mount)
            .chain(parts.memory_mounts.into_iter().map(memory_mount))
            .chain(images(&parts.images)?)
            .chain(filesystems.into_iter().flat_map(callback_mounts))
            .collect(),
        host_commands: parts.host_commands,
        node_modules: directory(parts.node_modules),
        commands_dir: directory(parts.commands_dir),
        permissions: Some(permissions),
        limits: Some(limits(&parts.limits, &parts.memory, parts.output_limit)),
        isolation: WireIsolation::Process.into(),
        host_functions: functions.described().into_iter().map(collection).collect(),
        loopback_exempt_ports: parts
            .loopback_exempt_ports
            .into_iter()
            .map(u32::from)
            .collect(),
        timing: match parts.timing {
            Timing::Off => WireTiming::Off,
            Timing::Coarse => WireTiming::Coarse,
            Timing::Frozen => WireTiming::Frozen,
        }
        .into(),
        names: parts.names.overrides().map(named).collect(),
        host_network: parts.has_network_adapter,
        host_resolver: parts.names.has_resolver(),
        warm: u32::try_from(parts.warm).unwrap_or(u32::MAX),
        ..CreateVmRequest::default()
    };
    Ok((request, late))
}

fn os(names: OsNames) -> OsConfig {
    OsConfig {
        platform: names.platform.unwrap_or_default(),
        arch: names.arch.unwrap_or_default(),
        r#type: names.sysname.unwrap_or_default(),
        release: names.release.unwrap_or_default(),
        version: names.version.unwrap_or_default(),
        machine: names.machine.unwrap_or_default(),
        homedir: names.homedir.unwrap_or_default(),
        tmpdir: names.tmpdir.unwrap_or_default(),
    }
}

fn named((name, addresses): (&str, &[IpAddr])) -> NameOverride {
    NameOverride {
        name: name.to_owned(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
    }
}

fn host_mount(mount: HostMount) -> Mount {
    Mount {
        guest: mount.guest,
        source: Some(mount::Source::Host(HostDirectory {
            path: mount.host.to_string_lossy().into_owned(),
            writable: mount.access == MountAccess::ReadWrite,
            size_limit_bytes: mount.size_limit.unwrap_or(0),
        })),
    }
}

fn images(images: &[(Image, String)]) -> Result<Vec<Mount>, Error> {
    let mut size = 0_usize;
    let images = images.iter().map(|(image, guest)| {
        let source = match image.source() {
            Source::Host(path) => image::Source::Path(path.to_string_lossy().into_owned()),
            Source::Bytes(bytes) => {
                size = size.saturating_add(bytes.len());
                if size > IMAGES {
                    return Err(Error::Option {
                        option: "image",
                        reason: format!(
                            "bytes beyond {IMAGES} cannot go to a machine in another process; put them into a file (`Image::open`)"
                        ),
                    });
                }
                image::Source::Tar(Bytes::copy_from_slice(bytes))
            }
        };
        Ok(Mount {
            guest: guest.clone(),
            source: Some(mount::Source::Image(WireImage {
                source: Some(source),
            })),
        })
    });
    images.collect()
}

fn callback_mounts(filesystems: &Filesystems) -> impl Iterator<Item = Mount> {
    filesystems.mounts().map(|(name, mounted)| Mount {
        guest: mounted.guest.clone(),
        source: Some(mount::Source::Callback(HostFilesystem {
            name: name.to_owned(),
            writable: mounted.is_writable,
        })),
    })
}

fn memory_mount(mount: MemoryMount) -> Mount {
    Mount {
        guest: mount.guest,
        source: Some(mount::Source::Memory(MemoryFilesystem {
            size_limit_bytes: mount.size_limit.unwrap_or(0),
        })),
    }
}

fn limits(limits: &Limits, memory: &MemoryLimits, output: usize) -> WireLimits {
    WireLimits {
        processes: Some(limits.processes),
        open_files: Some(limits.open_files),
        open_files_per_process: Some(limits.open_files_per_process),
        pipes: Some(limits.pipes),
        sockets: Some(limits.sockets),
        filesystem_bytes: Some(limits.filesystem_bytes),
        inodes: Some(limits.inodes),
        wasm_memory_total_bytes: Some(limits.wasm_memory_total_bytes),
        wasm_memory_bytes: Some(memory.wasm),
        js_heap_bytes: Some(memory.heap as u64),
        array_buffers_bytes: Some(memory.array_buffers as u64),
        output_bytes: Some(output as u64),
        cpu_time_ms: limits.cpu_time.map(|time| {
            // Less than one is not none.
            u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
        }),
        terminals: Some(limits.terminals),
        outward_connections: Some(limits.outward_connections),
        ..WireLimits::default()
    }
}

fn rule(
    effect: Effect,
    operations: &[&str],
    pattern: String,
    reason: Option<&String>,
) -> PermissionRule {
    let decision = match effect {
        Effect::Allow => Decision::Allow,
        Effect::Deny => Decision::Deny,
        Effect::Ask => Decision::Ask,
    };
    PermissionRule {
        decision: decision.into(),
        operations: operations.iter().map(|name| (*name).to_owned()).collect(),
        patterns: vec![pattern],
        reason: reason.cloned().unwrap_or_default(),
    }
}

/// The rules that the worker keeps. Those for the environment are kept here, where variables come from.
fn permissions(of: &Permissions, callbacks: &Callbacks) -> WirePermissions {
    let scope = |scope: Scope, otherwise: Decision, rules: Vec<PermissionRule>| {
        let asks = callbacks.contains_key(&scope);
        PermissionScope {
            fallback: if asks { Decision::Ask } else { otherwise }.into(),
            rules,
        }
    };
    // With nobody to ask, there is no channel to wait for either.
    let settled = |effect, scope| match effect {
        Effect::Ask if !callbacks.contains_key(&scope) => Effect::Deny,
        effect => effect,
    };
    let files = of.files.iter().map(|one| {
        let operations: Vec<&str> = match one.access {
            FileAccess::Read => vec!["read"],
            FileAccess::Write => vec!["write"],
            FileAccess::ReadWrite => Vec::new(),
            FileAccess::Only(some) => some.iter().map(FileOperation::rule_name).collect(),
        };
        rule(
            settled(one.effect, Scope::Fs),
            &operations,
            one.glob.clone(),
            one.reason.as_ref(),
        )
    });
    let named = of.child_process && !of.programs.is_empty();
    let mut programs: Vec<PermissionRule> = if named {
        let globs = of.programs.iter();
        globs
            .map(|glob| rule(Effect::Allow, &[], glob.clone(), None))
            .collect()
    } else {
        Vec::new()
    };
    programs.extend(of.program_rules.iter().map(|one| {
        let effect = settled(one.effect, Scope::ChildProcess);
        rule(effect, &[], one.glob.clone(), one.reason.as_ref())
    }));
    let child_process = if of.child_process && !named {
        scope(Scope::ChildProcess, Decision::Allow, programs)
    } else {
        // What rules settle is not asked.
        PermissionScope {
            fallback: Decision::Deny.into(),
            rules: programs,
        }
    };
    let functions = of.host_functions.iter().map(|one| {
        let effect = settled(one.effect, Scope::HostFunction);
        rule(effect, &[], one.glob.clone(), one.reason.as_ref())
    });
    // Without rules the ports of the loopback that are let through are.
    let otherwise = if of.network.is_empty() {
        Decision::Unspecified
    } else {
        Decision::Deny
    };
    let network = of.network.iter();
    let network = network
        .map(|one| {
            let operations = one.operations.iter().map(|one| one.rule_name());
            let operations: Vec<&str> = operations.collect();
            let effect = settled(one.effect, Scope::Network);
            rule(effect, &operations, target(one), one.reason.as_ref())
        })
        .collect();
    WirePermissions {
        fs: Some(scope(Scope::Fs, Decision::Allow, files.collect())),
        network: Some(scope(Scope::Network, otherwise, network)),
        child_process: Some(child_process),
        env: None,
        host_function: Some(scope(
            Scope::HostFunction,
            Decision::Allow,
            functions.collect(),
        )),
    }
}

/// `HOST[:PORTS]`, as [`NetworkRule::allow`] reads it.
fn target(rule: &NetworkRule) -> String {
    if rule.ports.is_empty() {
        return rule.host.clone();
    }
    let ports: Vec<String> = rule
        .ports
        .iter()
        .map(|range| format!("{}-{}", range.start(), range.end()))
        .collect();
    let host = if rule.host.contains(':') {
        format!("[{}]", rule.host)
    } else {
        rule.host.clone()
    };
    format!("{host}:{}", ports.join(","))
}

fn collection(described: Described) -> Collection {
    Collection {
        name: described.name,
        description: described.description,
        functions: described
            .functions
            .into_iter()
            .map(|function| HostFunction {
                name: function.name,
                description: function.description,
                input_schema: function.parameters.to_string(),
                timeout_ms: u64::try_from(function.timeout.as_millis()).unwrap_or(u64::MAX),
                ..HostFunction::default()
            })
            .collect(),
    }
}

impl Remote {
    /// Tells the machine of functions that it does not know yet, and answers its calls.
    pub(crate) fn register(
        &self,
        embedder: Embedder,
        functions: &Collections,
        answers_already: bool,
    ) -> Result<(), Error> {
        let request = RegisterHostFunctionsRequest {
            vm: self.id().to_owned(),
            collections: functions.described().into_iter().map(collection).collect(),
        };
        let (remote, mut vms) = (self.clone(), self.vms());
        host::wait(async move {
            if !answers_already {
                embedder.serve(&remote).await?;
            }
            let call = async move { vms.register_host_functions(request).await };
            remote.call(About::Machine, call).await.map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_rules_come_back() {
        for text in [
            "*",
            "example.com",
            "*.example.com:443-443",
            "10.0.0.0/8:80-80,8000-8999",
            "[::1]:5432-5432",
            "2001:db8::1",
        ] {
            let rule = NetworkRule::allow(text);
            assert_eq!(target(&rule), text);
            assert_eq!(NetworkRule::allow(&target(&rule)), rule);
        }
    }
}
