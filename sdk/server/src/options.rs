//! A machine's options: from the contract's to the SDK's.
//!
//! What the SDK cannot do yet is refused by name, never passed over.

use std::net::IpAddr;
use std::sync::Arc;

use cenote::{
    Effect, EnvRule, FileAccess, FileOperation, FileOperations, FileRule, FunctionRule, HostMount,
    Image, LEAST_JS_HEAP, Limits as MachineLimits, NetworkOperation, NetworkRule, NodeRuntime,
    NodeRuntimeBuilder, OsNames, Permissions as MachinePermissions, ProgramRule, Scope,
    Timing as MachineTiming,
};
use cenote_proto::v1::{
    CreateVmRequest, Decision, Limits, Mount, OsConfig, PermissionRule, PermissionScope,
    Permissions, Timing, image, mount,
};
use tonic::Status;

use crate::failure::option;
use crate::host_link::{self, HostLink, LinkFiles, LinkNames, LinkNetwork};

/// The options of the contract that this server refuses.
pub(crate) const UNIMPLEMENTED: &[&str] =
    &["HostFunction.output_schema", "Code.filename for terminals"];

/// Characters kept of a rule's reason.
const REASON: usize = 1_000;

/// Bytes of output kept for one stream of one call, unless changed.
pub(crate) const OUTPUT_LIMIT: usize = 16 << 20;

/// The SDK's builder for a request.
pub(crate) fn builder(
    request: &CreateVmRequest,
    link: &Arc<HostLink>,
) -> Result<NodeRuntimeBuilder, Status> {
    let mut builder = NodeRuntime::builder();
    if let Some(asked) = &request.os {
        builder = builder.os(names(asked));
    }
    if request.processors > 0 {
        builder = builder.processors(request.processors);
    }
    for (name, value) in &request.env {
        builder = builder.env(name, value);
    }
    if !request.cwd.is_empty() {
        builder = builder.cwd(&request.cwd);
    }
    if let Some(user) = request.user {
        builder = builder.user(user.uid, user.gid);
    }
    if !request.hostname.is_empty() {
        builder = builder.hostname(&request.hostname);
    }
    for file in &request.files {
        let path = std::str::from_utf8(&file.path)
            .map_err(|_| option("files", "a path is not UTF-8; write it with Files.Write"))?;
        builder = match file.mode {
            0 => builder.file(path, file.content.to_vec()),
            mode => builder.file_with_mode(path, file.content.to_vec(), mode),
        };
    }
    for mount in &request.mounts {
        builder = with_mount(builder, mount, link)?;
    }
    if !request.node_modules.is_empty() {
        builder = builder.node_modules(&request.node_modules);
    }
    if !request.commands_dir.is_empty() {
        builder = builder.commands_dir(&request.commands_dir);
    }
    builder = builder.timing(match request.timing() {
        Timing::Off => MachineTiming::Off,
        Timing::Unspecified | Timing::Coarse => MachineTiming::Coarse,
        Timing::Frozen => MachineTiming::Frozen,
    });
    builder = builder.loopback_exempt_ports(exempt_ports(request)?);
    if let Some(asked) = &request.permissions {
        builder = builder.permissions(permissions(asked)?);
        builder = host_link::ask_in(builder, asking(asked), link);
    }
    for collection in &request.host_functions {
        builder = builder.host_functions(host_link::collection(collection.clone(), link)?);
    }
    if !request.host_commands.is_empty() {
        builder = builder.host_commands(host_link::commands(&request.host_commands, link));
    }
    if request.host_network {
        builder = builder.network_adapter(LinkNetwork::new(link));
    } else if request.host_resolver {
        builder = builder.resolver(LinkNames::new(link));
    }
    for (name, addresses) in overrides(request)? {
        builder = builder.dns_override(name, addresses);
    }
    builder = builder.warm(usize::try_from(request.warm).unwrap_or(usize::MAX));
    if let Some(asked) = &request.limits {
        builder = limits(builder, asked)?;
    }
    Ok(builder)
}

fn names(asked: &OsConfig) -> OsNames {
    let given = |word: &String| (!word.is_empty()).then(|| word.clone());
    OsNames {
        platform: given(&asked.platform),
        arch: given(&asked.arch),
        sysname: given(&asked.r#type),
        release: given(&asked.release),
        version: given(&asked.version),
        machine: given(&asked.machine),
        homedir: given(&asked.homedir),
        tmpdir: given(&asked.tmpdir),
    }
}

fn with_mount(
    builder: NodeRuntimeBuilder,
    mount: &Mount,
    link: &Arc<HostLink>,
) -> Result<NodeRuntimeBuilder, Status> {
    match &mount.source {
        Some(mount::Source::Host(host)) => {
            let mut shown = HostMount::new(&host.path, &mount.guest);
            if host.writable {
                shown = shown.writable();
            }
            if host.size_limit_bytes > 0 {
                shown = shown.size_limit(host.size_limit_bytes);
            }
            Ok(builder.mount_with(shown))
        }
        Some(mount::Source::Image(image)) => {
            let image = match &image.source {
                Some(image::Source::Path(path)) => Image::open(path),
                Some(image::Source::Tar(tar)) => Image::from_bytes(tar.to_vec()),
                None => return Err(option("mounts", "an image has no source")),
            };
            Ok(builder.image(image, &mount.guest))
        }
        Some(mount::Source::Memory(memory)) => {
            let limit = (memory.size_limit_bytes > 0).then_some(memory.size_limit_bytes);
            Ok(builder.memory_directory(&mount.guest, limit))
        }
        Some(mount::Source::Callback(asked)) => {
            let files = LinkFiles::new(link, &asked.name);
            Ok(if asked.writable {
                builder.mount_callback(&mount.guest, files)
            } else {
                builder.mount_callback_read_only(&mount.guest, files)
            })
        }
        None => Err(option("mounts", "a mount has no source")),
    }
}

fn limits(builder: NodeRuntimeBuilder, asked: &Limits) -> Result<NodeRuntimeBuilder, Status> {
    let mut builder = builder.limits(machine_limits(asked));
    if let Some(bytes) = asked.wasm_memory_bytes {
        builder = builder.wasm_memory(bytes);
    }
    if let Some(bytes) = asked.js_heap_bytes {
        let name = "limits.js_heap_bytes";
        let bytes = in_memory(name, bytes)?;
        if bytes < LEAST_JS_HEAP {
            let reason = format!("{bytes} bytes are too few; the least is {LEAST_JS_HEAP}");
            return Err(option(name, reason));
        }
        builder = builder.js_heap(bytes);
    }
    if let Some(bytes) = asked.array_buffers_bytes {
        builder = builder.array_buffers(in_memory("limits.array_buffers_bytes", bytes)?);
    }
    Ok(builder)
}

/// The kernel's limits of a request.
pub(crate) fn machine_limits(asked: &Limits) -> MachineLimits {
    let defaults = MachineLimits::default();
    MachineLimits {
        processes: asked.processes.unwrap_or(defaults.processes),
        open_files: asked.open_files.unwrap_or(defaults.open_files),
        open_files_per_process: asked
            .open_files_per_process
            .unwrap_or(defaults.open_files_per_process),
        pipes: asked.pipes.unwrap_or(defaults.pipes),
        sockets: asked.sockets.unwrap_or(defaults.sockets),
        filesystem_bytes: asked.filesystem_bytes.unwrap_or(defaults.filesystem_bytes),
        inodes: asked.inodes.unwrap_or(defaults.inodes),
        wasm_memory_total_bytes: asked
            .wasm_memory_total_bytes
            .unwrap_or(defaults.wasm_memory_total_bytes),
        outward_connections: asked
            .outward_connections
            .unwrap_or(defaults.outward_connections),
        terminals: asked.terminals.unwrap_or(defaults.terminals),
        cpu_time: asked.cpu_time_ms.map(std::time::Duration::from_millis),
    }
}

/// Bytes that fit an address space.
fn in_memory(name: &str, bytes: u64) -> Result<usize, Status> {
    usize::try_from(bytes).map_err(|_| option(name, "more than this host can address"))
}

/// How much of a stream is kept.
pub(crate) fn output_limit(request: &CreateVmRequest) -> Result<usize, Status> {
    match request.limits.as_ref().and_then(|asked| asked.output_bytes) {
        Some(bytes) => in_memory("limits.output_bytes", bytes),
        None => Ok(OUTPUT_LIMIT),
    }
}

fn permissions(asked: &Permissions) -> Result<MachinePermissions, Status> {
    let mut permissions = MachinePermissions::default();
    if let Some(scope) = &asked.fs {
        permissions.files = file_rules(scope)?;
    }
    if let Some(scope) = &asked.network {
        permissions.network = network_rules(scope)?;
    }
    if let Some(scope) = &asked.child_process {
        permissions.child_process = scope.fallback() != Decision::Deny;
        permissions.program_rules = program_rules(scope)?;
    }
    if let Some(scope) = &asked.host_function {
        permissions.host_functions = function_rules(scope)?;
    }
    if let Some(scope) = &asked.env {
        permissions.env = env_rules(scope)?;
    }
    Ok(permissions)
}

fn asks_by_rule(scope: &PermissionScope) -> bool {
    scope
        .rules
        .iter()
        .any(|rule| rule.decision() == Decision::Ask)
}

/// What a rule says.
fn effect(rule: &PermissionRule) -> Effect {
    match rule.decision() {
        Decision::Allow => Effect::Allow,
        Decision::Ask => Effect::Ask,
        Decision::Deny | Decision::Unspecified => Effect::Deny,
    }
}

/// The scopes in which the embedder is asked: for what no rule says, or a rule says so.
fn asking(asked: &Permissions) -> Vec<Scope> {
    let scopes = [
        (Scope::Fs, &asked.fs),
        (Scope::Network, &asked.network),
        (Scope::ChildProcess, &asked.child_process),
        (Scope::Env, &asked.env),
        (Scope::HostFunction, &asked.host_function),
    ];
    let asks = |scope: &Option<PermissionScope>| {
        scope
            .as_ref()
            .is_some_and(|scope| scope.fallback() == Decision::Ask || asks_by_rule(scope))
    };
    scopes
        .into_iter()
        .filter_map(|(scope, asked)| asks(asked).then_some(scope))
        .collect()
}

/// What holds for what no rule matches, where a rule of its own says so: what is denied, and where rules ask what is allowed, or all of it
/// would be asked.
fn otherwise(scope: &PermissionScope) -> Option<Effect> {
    match scope.fallback() {
        Decision::Deny => Some(Effect::Deny),
        Decision::Allow | Decision::Unspecified if asks_by_rule(scope) => Some(Effect::Allow),
        _ => None,
    }
}

/// A scope's rules, one for each pattern, with `everything` where a rule has none.
fn each<'a>(
    scope: &'a PermissionScope,
    everything: &'a str,
) -> impl Iterator<Item = (&'a PermissionRule, &'a str)> {
    scope.rules.iter().flat_map(move |rule| {
        let all = rule.patterns.is_empty().then_some(everything);
        let patterns = rule.patterns.iter().map(String::as_str);
        all.into_iter()
            .chain(patterns)
            .map(move |pattern| (rule, pattern))
    })
}

/// Rules of a scope that has one operation: to name it is to name none.
fn one_operation(rule: &PermissionRule, scope: &str, only: &str) -> Result<(), Status> {
    match rule.operations.iter().find(|name| *name != only) {
        Some(name) => Err(option(
            &format!("permissions.{scope}"),
            format!("there is no operation `{name}`; all there is is `{only}`"),
        )),
        None => Ok(()),
    }
}

/// Why a rule refuses, if it says.
fn reason(rule: &PermissionRule) -> Option<String> {
    let reason = Some(rule.reason.as_str()).filter(|reason| !reason.is_empty());
    reason.map(|reason| reason.chars().take(REASON).collect())
}

fn program_rules(scope: &PermissionScope) -> Result<Vec<ProgramRule>, Status> {
    // What is denied besides has an option of its own.
    let first = otherwise(scope).filter(|effect| *effect == Effect::Allow);
    let first = first.map(|effect| Ok(ProgramRule::new(effect, "**")));
    let rules = each(scope, "**").map(|(one, pattern)| {
        one_operation(one, "child_process", "spawn")?;
        Ok(ProgramRule {
            effect: effect(one),
            glob: pattern.to_owned(),
            reason: reason(one),
        })
    });
    first.into_iter().chain(rules).collect()
}

fn function_rules(scope: &PermissionScope) -> Result<Vec<FunctionRule>, Status> {
    let first = otherwise(scope).map(|effect| Ok(FunctionRule::new(effect, "*")));
    let rules = each(scope, "*").map(|(one, pattern)| {
        one_operation(one, "host_function", "call")?;
        Ok(FunctionRule {
            effect: effect(one),
            glob: pattern.to_owned(),
            reason: reason(one),
        })
    });
    first.into_iter().chain(rules).collect()
}

fn env_rules(scope: &PermissionScope) -> Result<Vec<EnvRule>, Status> {
    let first = otherwise(scope).map(|effect| Ok(EnvRule::new(effect, "*")));
    let rules = each(scope, "*").map(|(one, pattern)| {
        one_operation(one, "env", "read")?;
        Ok(EnvRule {
            effect: effect(one),
            glob: pattern.to_owned(),
            reason: reason(one),
        })
    });
    first.into_iter().chain(rules).collect()
}

fn file_rules(scope: &PermissionScope) -> Result<Vec<FileRule>, Status> {
    let first = otherwise(scope);
    let first = first.map(|effect| Ok(FileRule::new(effect, FileAccess::ReadWrite, "**")));
    let rules = each(scope, "**").map(|(one, glob)| {
        Ok(FileRule {
            effect: effect(one),
            access: file_access(one)?,
            glob: glob.to_owned(),
            reason: reason(one),
        })
    });
    first.into_iter().chain(rules).collect()
}

fn file_access(rule: &PermissionRule) -> Result<FileAccess, Status> {
    if rule.operations.is_empty() {
        return Ok(FileAccess::ReadWrite);
    }
    let mut meant = Vec::new();
    for name in &rule.operations {
        let named = FileOperation::of_rule_name(name);
        if named.is_empty() {
            let reason = format!("there is no operation `{name}` of files");
            return Err(option("permissions.fs", reason));
        }
        meant.extend(named);
    }
    let operations: FileOperations = meant.into_iter().collect();
    Ok(
        match FileOperation::ALL
            .iter()
            .all(|one| operations.contains(*one))
        {
            true => FileAccess::ReadWrite,
            false => FileAccess::Only(operations),
        },
    )
}

/// The host's loopback ports that guests may reach.
pub(crate) fn exempt_ports(request: &CreateVmRequest) -> Result<Vec<u16>, Status> {
    let ports = request.loopback_exempt_ports.iter().map(|port| {
        let reason = || option("loopback_exempt_ports", format!("{port} is not a port"));
        u16::try_from(*port).map_err(|_| reason())
    });
    ports.collect()
}

/// Names and the addresses that they are answered with.
pub(crate) fn overrides(request: &CreateVmRequest) -> Result<Vec<(&str, Vec<IpAddr>)>, Status> {
    let address = |text: &String| {
        let reason = |_| option("names", format!("`{text}` is not an address"));
        text.parse().map_err(reason)
    };
    let names = request.names.iter().map(|named| {
        let addresses = named.addresses.iter().map(address);
        Ok((named.name.as_str(), addresses.collect::<Result<_, _>>()?))
    });
    names.collect()
}

/// The rules of the network: for the machine, and for the broker outside it.
pub(crate) fn network_rules(scope: &PermissionScope) -> Result<Vec<NetworkRule>, Status> {
    let mut rules = Vec::new();
    match scope.fallback() {
        Decision::Allow => rules.push(NetworkRule::allow("*")),
        Decision::Deny => rules.push(NetworkRule::deny("*")),
        // Only what the rules ask for is asked.
        Decision::Unspecified if asks_by_rule(scope) => rules.push(NetworkRule::deny("*")),
        _ => {}
    }
    for (rule, pattern) in each(scope, "*") {
        let make = match effect(rule) {
            Effect::Allow => NetworkRule::allow,
            Effect::Deny => NetworkRule::deny,
            Effect::Ask => NetworkRule::ask,
        };
        let operations = rule.operations.iter().map(|name| {
            NetworkOperation::of_rule_name(name).ok_or_else(|| {
                let reason = format!("there is no operation `{name}` of the network");
                option("permissions.network", reason)
            })
        });
        let mut made = make(pattern);
        made.operations = operations.collect::<Result<_, Status>>()?;
        made.reason = reason(rule);
        rules.push(made);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_programs_and_functions_keep_their_order_after_the_fallback() {
        let rule = |decision: Decision, patterns: &[&str]| PermissionRule {
            decision: decision.into(),
            patterns: patterns.iter().map(|one| (*one).to_owned()).collect(),
            ..PermissionRule::default()
        };
        let scope = |fallback: Decision, rules: Vec<PermissionRule>| {
            Some(PermissionScope {
                fallback: fallback.into(),
                rules,
            })
        };
        let asked = Permissions {
            child_process: scope(
                Decision::Deny,
                vec![
                    rule(Decision::Allow, &["node", "/bin/echo"]),
                    rule(Decision::Ask, &["sh"]),
                ],
            ),
            host_function: scope(
                Decision::Allow,
                vec![rule(Decision::Ask, &["db.*"]), rule(Decision::Deny, &[])],
            ),
            ..Permissions::default()
        };
        let made = permissions(&asked).unwrap();
        assert!(!made.child_process && made.programs.is_empty());
        let programs = made.program_rules.iter();
        let programs: Vec<_> = programs.map(|one| (one.effect, &*one.glob)).collect();
        assert_eq!(
            programs,
            [
                (Effect::Allow, "node"),
                (Effect::Allow, "/bin/echo"),
                (Effect::Ask, "sh"),
            ]
        );
        let functions = made.host_functions.iter();
        let functions: Vec<_> = functions.map(|one| (one.effect, &*one.glob)).collect();
        assert_eq!(
            functions,
            [
                (Effect::Allow, "*"),
                (Effect::Ask, "db.*"),
                (Effect::Deny, "*"),
            ]
        );
        assert_eq!(asking(&asked), [Scope::ChildProcess, Scope::HostFunction]);
    }

    #[test]
    fn operations_and_reasons_are_taken_and_unknown_ones_refused() {
        let rule = |operation: &str| PermissionRule {
            decision: Decision::Deny.into(),
            operations: vec![operation.into()],
            reason: "because".into(),
            ..PermissionRule::default()
        };
        let scope = |operation: &str| PermissionScope {
            fallback: Decision::Allow.into(),
            rules: vec![rule(operation)],
        };
        let made = network_rules(&scope("listen")).unwrap();
        assert_eq!(made[1].operations, [NetworkOperation::Listen]);
        assert_eq!(made[1].reason.as_deref(), Some("because"));
        let made = env_rules(&scope("read")).unwrap();
        let expected = EnvRule::new(Effect::Deny, "*").because("because");
        assert_eq!(made.last(), Some(&expected));
        let unknown = |refused: Result<(), Status>| {
            let status = refused.unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
            assert!(status.message().contains("frobnicate"), "{status}");
        };
        let asked = scope("frobnicate");
        unknown(network_rules(&asked).map(drop));
        unknown(env_rules(&asked).map(drop));
        unknown(program_rules(&asked).map(drop));
        unknown(function_rules(&asked).map(drop));
        unknown(file_rules(&asked).map(drop));
    }

    #[test]
    fn network_rules_keep_their_order_after_the_fallback() {
        let rule = |decision: Decision, pattern: &str| PermissionRule {
            decision: decision.into(),
            patterns: vec![pattern.into()],
            ..PermissionRule::default()
        };
        let scope = PermissionScope {
            fallback: Decision::Allow.into(),
            rules: vec![
                rule(Decision::Deny, "*.example.com:443"),
                rule(Decision::Allow, "api.example.com"),
            ],
        };
        assert_eq!(
            network_rules(&scope).unwrap(),
            [
                NetworkRule::allow("*"),
                NetworkRule::deny("*.example.com:443"),
                NetworkRule::allow("api.example.com"),
            ]
        );
    }

    #[tokio::test]
    async fn what_cannot_be_pretended_is_refused_by_name() {
        let request = CreateVmRequest {
            os: Some(OsConfig {
                platform: "plan9".into(),
                ..OsConfig::default()
            }),
            ..CreateVmRequest::default()
        };
        let made = builder(&request, &Arc::default()).unwrap().create().await;
        let refused = made.unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("option `os.platform`: `plan9`"),
            "{refused}"
        );
    }
}
