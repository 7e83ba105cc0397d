//! Finds Node's own standard library: the sources of every built-in module, checked against the pin in `stdlib.toml`.
//!
//! Shared by `build.rs` and `cargo xtask node-lib`. In order: the dump named by `CENOTE_NODE_LIB`; the one in the cache;
//! one made by running the pinned binary of the npm package (downloaded into the cache by `npm pack` when it is not there);
//! one made by a `node` on `PATH` of exactly the pinned version. Nothing of Node's is committed to the repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// What `stdlib.toml` says.
#[derive(Debug)]
pub(crate) struct Pin {
    /// Node's version, without the `v`.
    pub(crate) version: String,
    package: String,
    /// Digest of the normalised dump.
    pub(crate) sha256: String,
    modules: usize,
}

/// The sources by module id.
pub(crate) type Library = BTreeMap<String, String>;

/// Reads the pin. The file is flat, so a few lines of parsing do.
///
/// # Errors
/// A message for people when the file cannot be read or lacks a key.
pub(crate) fn read_pin(crate_dir: &Path) -> Result<Pin, String> {
    let value = |key: &str| pinned(crate_dir, key);
    Ok(Pin {
        version: value("version")?,
        package: value("package")?,
        sha256: value("sha256")?,
        modules: value("modules")?
            .parse()
            .map_err(|error| format!("stdlib.toml: modules: {error}"))?,
    })
}

/// A value of `stdlib.toml`.
///
/// # Errors
/// A message for people when the file cannot be read or lacks the key.
pub(crate) fn pinned(crate_dir: &Path, key: &str) -> Result<String, String> {
    let path = crate_dir.join("stdlib.toml");
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .ok_or_else(|| format!("{}: no `{key}`", path.display()))
}

/// The folder for things that are fetched or made once.
#[must_use]
pub(crate) fn cache_dir() -> PathBuf {
    std::env::var_os("XDG_CACHE_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("cenote")
}

/// Where the dump lies in the cache.
#[must_use]
pub(crate) fn cached_dump(pin: &Pin) -> PathBuf {
    cache_dir().join(format!("node-lib-{}.json", pin.version))
}

/// Returns the library, making the dump if no good one is at hand.
///
/// # Errors
/// A message that says what to install or set.
pub(crate) fn library(crate_dir: &Path, pin: &Pin) -> Result<Library, String> {
    if let Some(path) = std::env::var_os("CENOTE_NODE_LIB") {
        let path = PathBuf::from(path);
        let dump = std::fs::read(&path)
            .map_err(|error| format!("CENOTE_NODE_LIB={}: {error}", path.display()))?;
        return check(pin, &dump)
            .map_err(|error| format!("CENOTE_NODE_LIB={}: {error}", path.display()));
    }
    let cached = cached_dump(pin);
    if let Ok(dump) = std::fs::read(&cached)
        && let Ok(library) = check(pin, &dump)
    {
        return Ok(library);
    }
    let dump = make_dump(crate_dir, pin)?;
    let library = check(pin, &dump)?;
    store(&cached, &dump)?;
    Ok(library)
}

/// Writes through a temporary file, so that two builds at once cannot see half of it.
pub(crate) fn store(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(fail)?;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    std::fs::write(&partial, bytes).map_err(fail)?;
    std::fs::rename(&partial, path).map_err(fail)
}

fn make_dump(crate_dir: &Path, pin: &Pin) -> Result<Vec<u8>, String> {
    let mut reasons = String::new();
    let wanted = format!("v{}", pin.version);
    let on_path = Command::new("node").arg("--version").output();
    if on_path.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == wanted) {
        match dump_with(crate_dir, Path::new("node")) {
            Ok(dump) => return Ok(dump),
            Err(error) => reasons.push_str(&format!("  node on PATH: {error}\n")),
        }
    }
    match packaged_binary(pin).and_then(|binary| dump_with(crate_dir, &binary)) {
        Ok(dump) => Ok(dump),
        Err(error) => Err(format!(
            "Node's standard library {} is needed and could not be obtained.\n{reasons}  npm package: {error}\n\
             Install npm (it fetches the pinned package once), or put a `node` of exactly {wanted} on PATH,\n\
             or set CENOTE_NODE_LIB to a dump made by such a node: node {} > FILE",
            pin.version,
            crate_dir.join("build/dump-natives.js").display(),
        )),
    }
}

fn dump_with(crate_dir: &Path, node: &Path) -> Result<Vec<u8>, String> {
    let output = Command::new(node)
        .arg(crate_dir.join("build/dump-natives.js"))
        .env_remove("NODE_OPTIONS")
        .output()
        .map_err(|error| format!("{}: {error}", node.display()))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!(
            "{}: {}",
            node.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

/// The binary of the pinned package, fetched by `npm pack` and unpacked into the cache.
///
/// # Errors
/// A message when npm or tar is missing or fails.
pub(crate) fn packaged_binary(pin: &Pin) -> Result<PathBuf, String> {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let dir = cache_dir().join("npm");
    let name = format!("{}-{os}-{arch}", pin.package);
    let binary = dir
        .join("package/bin")
        .join(if os == "win" { "node.exe" } else { "node" });
    let is_wanted = |binary: &Path| {
        Command::new(binary)
            .arg("--version")
            .output()
            .is_ok_and(|output| {
                String::from_utf8_lossy(&output.stdout).trim() == format!("v{}", pin.version)
            })
    };
    if is_wanted(&binary) {
        return Ok(binary);
    }
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let archive = dir.join(format!("{name}-{}.tgz", pin.version));
    if !archive.exists() {
        run(Command::new("npm")
            .args(["pack", "--silent", &format!("{name}@{}", pin.version)])
            .current_dir(&dir))?;
    }
    run(Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&dir)
        .arg("package/bin"))?;
    if is_wanted(&binary) {
        Ok(binary)
    } else {
        Err(format!("{} does not run", binary.display()))
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!(
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

fn check(pin: &Pin, dump: &[u8]) -> Result<Library, String> {
    #[derive(serde::Deserialize)]
    struct Dump {
        version: String,
        natives: Library,
    }
    let dump: Dump =
        serde_json::from_slice(dump).map_err(|error| format!("not a dump: {error}"))?;
    if dump.version != format!("v{}", pin.version) {
        return Err(format!("made by {}, wanted v{}", dump.version, pin.version));
    }
    if dump.natives.len() != pin.modules {
        return Err(format!(
            "{} modules, wanted {}",
            dump.natives.len(),
            pin.modules
        ));
    }
    let mut hash = Sha256::new();
    for (id, source) in &dump.natives {
        hash.update(format!("{id}\n{}\n", source.len()));
        hash.update(source);
        hash.update("\n");
    }
    let digest = hex(&hash.finalize());
    if digest != pin.sha256 {
        return Err(format!("SHA-256 {digest}, stdlib.toml has {}", pin.sha256));
    }
    Ok(dump.natives)
}

/// Lower-case hexadecimal.
#[must_use]
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}
