//! Unmodified npm packages, mounted as `node_modules`, loaded by the programs of `tests/fixtures/npm*/programs` in both module
//! systems: output and status equal those of Node on the host.
//!
//! Each fixture directory has a set of packages of its own. They are not in the repository: `npm ci` puts them into the cache,
//! once for a lock file. A program runs with a VM's default limits unless one of its first lines says otherwise, with the
//! reason: `// heap: 256 MiB: why`. The files of `tests/fixtures/npm*/shared`, where there is one, lie beside it in `shared`.
#![expect(clippy::panic, reason = "a test target")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cenote_test::world::{Job, World};
use cenote_test::{Case, Outcome, oracle, repository, run_cases};
use sha2::{Digest, Sha256};

mod live;

const TIMEOUT: Duration = Duration::from_secs(180);

fn main() {
    let fixtures = repository::root().join("tests/fixtures");
    let tools = fixtures.join("npm-tools");
    type Talk = fn(&Path) -> Result<(), String>;
    let talks: [(&str, Talk); 2] = [
        ("npm-tools/prompts on a terminal", live::prompts),
        ("npm-tools/dev server from outside", live::dev_server),
    ];
    let talks = talks.map(|(name, check)| Case {
        name: name.to_owned(),
        run: Box::new({
            let tools = tools.clone();
            move || check(&tools)
        }),
    });
    let cases = sets(&fixtures)
        .unwrap_or_else(|error| panic!("{}: {error}", fixtures.display()))
        .into_iter()
        .flat_map(|set| cases(&fixtures.join(&set), &set))
        .chain(talks)
        .collect();
    run_cases(cases, &fixtures.join("npm-expectations.toml"));
}

/// The names of the fixture directories: `npm` and those that begin with `npm-`.
fn sets(fixtures: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fixtures.read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && (name == "npm" || name.starts_with("npm-")) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The programs of one fixture directory.
fn cases(fixture: &Path, set: &str) -> Vec<Case> {
    repository::files_below(&fixture.join("programs"), &["mjs", "cjs"])
        .unwrap_or_else(|error| panic!("{}: {error}", fixture.display()))
        .into_iter()
        .map(|program| Case {
            name: format!("{set}/{}", program.display()),
            run: Box::new({
                let fixture = fixture.to_owned();
                move || check(&fixture, &program)
            }),
        })
        .collect()
}

/// A program and what lies beside it.
struct Files<'a> {
    name: &'a str,
    text: &'a [u8],
    shared: &'a Path,
}

fn check(fixture: &Path, program: &Path) -> Result<(), String> {
    let node = oracle::node()
        .ok_or("there is no Node to compare with: build once, or set CENOTE_TEST_NODE")?;
    let installed = install(fixture)?;
    let text =
        fs::read(fixture.join("programs").join(program)).map_err(|error| error.to_string())?;
    let name = program.to_string_lossy().into_owned();
    let files = Files {
        name: &name,
        text: &text,
        shared: &fixture.join("shared"),
    };
    let expected = on_host(&node, &installed, &files)?;
    let ours = in_machine(&installed, &files)?;
    match ours.difference(&expected, true) {
        Some(difference) => Err(difference),
        None => Ok(()),
    }
}

/// The directory with `node_modules` made from the lock file.
fn install(fixture: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("installing the packages: {error}");
    let lock = fs::read(fixture.join("package-lock.json")).map_err(failed)?;
    let digest = Sha256::digest(&lock)
        .iter()
        .take(8)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let cache = repository::cache();
    let place = cache.join(format!("test-packages-{digest}"));
    fs::create_dir_all(&cache).map_err(failed)?;
    // One process installs, the others wait for it.
    let guard = fs::File::create(cache.join("test-packages.lock")).map_err(failed)?;
    guard.lock().map_err(failed)?;
    if place.is_dir() {
        return Ok(place);
    }
    let fresh = tempfile::tempdir_in(&cache).map_err(failed)?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(fixture.join(file), fresh.path().join(file)).map_err(failed)?;
    }
    let output = Command::new("npm")
        .arg("ci")
        .current_dir(fresh.path())
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        return Err(format!(
            "npm ci failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    fs::rename(fresh.keep(), &place).map_err(failed)?;
    Ok(place)
}

fn on_host(node: &Path, installed: &Path, files: &Files<'_>) -> Result<Outcome, String> {
    let failed = |error: std::io::Error| error.to_string();
    // No leading dot: servers of files hide such directories.
    let place = tempfile::Builder::new()
        .prefix("run-")
        .tempdir_in(installed)
        .map_err(failed)?;
    fs::write(place.path().join(files.name), files.text).map_err(failed)?;
    if files.shared.is_dir() {
        let shared = place.path().join("shared");
        fs::create_dir(&shared).map_err(failed)?;
        for entry in files.shared.read_dir().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            fs::copy(entry.path(), shared.join(entry.file_name())).map_err(failed)?;
        }
    }
    let mut command = oracle::command(node, place.path());
    command.arg(files.name);
    oracle::run(&mut command, b"", TIMEOUT).map_err(|error| format!("node on the host: {error}"))
}

fn in_machine(installed: &Path, files: &Files<'_>) -> Result<Outcome, String> {
    let heap = wanted_heap(files.text)?;
    let world = World::with(|builder| {
        let builder = builder.node_modules(installed.join("node_modules"));
        match heap {
            Some(bytes) => builder.js_heap(bytes),
            None => builder,
        }
    })?;
    world.write(&format!("/root/work/{}", files.name), files.text)?;
    if files.shared.is_dir() {
        world.copy_tree(files.shared, "/root/work/shared")?;
    }
    world.run(&Job {
        program: "node",
        args: &[files.name.to_owned()],
        cwd: "/root/work",
        env: &[],
        stdin: b"",
        timeout: TIMEOUT,
    })
}

/// The heap limit in bytes that a program asks for in its first lines, if it does.
fn wanted_heap(text: &[u8]) -> Result<Option<usize>, String> {
    let text = String::from_utf8_lossy(text);
    let mut comments = text.lines().take_while(|line| line.starts_with("//"));
    let Some(wish) = comments.find_map(|line| line.strip_prefix("// heap: ")) else {
        return Ok(None);
    };
    wish.split_once(" MiB: ")
        .and_then(|(number, _)| number.parse::<usize>().ok())
        .map(|mebibytes| Some(mebibytes << 20))
        .ok_or_else(|| format!("`// heap: {wish}` is not of the form `// heap: 256 MiB: why`"))
}
