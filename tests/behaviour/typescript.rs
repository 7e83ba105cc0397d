//! The npm package: its sources compile, its own tests pass against the `cenote` program of this build, and its API reference is current.
//!
//! `npm ci` puts the package's dependencies into the cache, once for a lock file; the sources are compiled into the target directory.
//! Nothing is written into the repository. This is a test of `cenote-cli`, for whose tests Cargo builds the program.
#![expect(clippy::panic, reason = "a test target")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use cenote_test::{Case, repository, run_cases};
use sha2::{Digest, Sha256};

/// What the package is made of, beside its installed dependencies.
const SOURCES: &[&str] = &[
    "package.json",
    "tsconfig.json",
    "reference.mjs",
    "release.mjs",
    "src",
    "examples",
    "test",
];

fn main() {
    let package = repository::root().join("sdk/typescript");
    let tests = repository::files_below(&package.join("test"), &["ts"])
        .unwrap_or_else(|error| panic!("{}: {error}", package.display()));
    let cases = tests
        .into_iter()
        .filter_map(|path| {
            let name = path.to_str()?.strip_suffix(".test.ts")?.to_owned();
            let run = Box::new({
                let name = name.clone();
                move || test(&name)
            });
            Some(Case { name, run })
        })
        .chain([Case {
            name: "reference".to_owned(),
            run: Box::new(reference),
        }])
        .collect();
    run_cases(cases, &package.join("test/expectations.toml"));
}

/// The compiled package.
static BUILT: LazyLock<Result<PathBuf, String>> = LazyLock::new(build);

/// The page of the API says what the types do.
fn reference() -> Result<(), String> {
    let built = BUILT.as_ref().map_err(String::clone)?;
    let page = repository::root().join("docs/reference/typescript.md");
    let mut node = Command::new("node");
    node.args(["reference.mjs", "--check"]).arg(page);
    let output = output(node.current_dir(built).env_remove("NODE_OPTIONS"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs one file of the package's tests.
fn test(name: &str) -> Result<(), String> {
    let built = BUILT.as_ref().map_err(String::clone)?;
    let mut node = Command::new("node");
    node.args([
        "--enable-source-maps",
        "--test",
        "--test-force-exit",
        "--test-timeout=120000",
    ])
    .arg(format!("dist/test/{name}.test.js"))
    .current_dir(built)
    .env("CENOTE_BIN", env!("CARGO_BIN_EXE_cenote"))
    .env_remove("NODE_OPTIONS");
    let output = output(&mut node)?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The directory in which the package is compiled.
fn build() -> Result<PathBuf, String> {
    let package = repository::root().join("sdk/typescript");
    let installed = install(&package)?;
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typescript");
    let failed = |error: std::io::Error| format!("copying the package: {error}");
    if place.exists() {
        fs::remove_dir_all(&place).map_err(failed)?;
    }
    fs::create_dir_all(&place).map_err(failed)?;
    for source in SOURCES {
        copy(&package.join(source), &place.join(source)).map_err(failed)?;
    }
    std::os::unix::fs::symlink(&installed, place.join("node_modules")).map_err(failed)?;
    let mut compiler = Command::new("node");
    compiler
        .arg(installed.join("typescript/bin/tsc"))
        .args(["-p", "tsconfig.json"])
        .current_dir(&place);
    let output = output(&mut compiler)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Ok(place)
}

/// The `node_modules` made from the lock file.
fn install(package: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("installing the dependencies: {error}");
    let lock = fs::read(package.join("package-lock.json")).map_err(failed)?;
    let digest = Sha256::digest(&lock)
        .iter()
        .take(8)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let cache = repository::cache();
    let place = cache.join(format!("typescript-{digest}"));
    fs::create_dir_all(&cache).map_err(failed)?;
    // One process installs, the others wait for it.
    let guard = fs::File::create(cache.join("typescript.lock")).map_err(failed)?;
    guard.lock().map_err(failed)?;
    if !place.is_dir() {
        let fresh = tempfile::tempdir_in(&cache).map_err(failed)?;
        for file in ["package.json", "package-lock.json", ".npmrc"] {
            fs::copy(package.join(file), fresh.path().join(file)).map_err(failed)?;
        }
        let output = output(Command::new("npm").arg("ci").current_dir(fresh.path()))?;
        if !output.status.success() {
            return Err(format!(
                "npm ci failed:\n{}",
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        fs::rename(fresh.keep(), &place).map_err(failed)?;
    }
    Ok(place.join("node_modules"))
}

fn output(command: &mut Command) -> Result<Output, String> {
    command
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir(to)?;
    for entry in from.read_dir()? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
