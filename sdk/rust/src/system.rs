//! What a machine calls itself, and how many processors it shows: [`OsNames`].
//!
//! Names are words: the calls, paths and numbers of a machine stay those of Linux. What a program could not believe without going wrong is refused.

use std::sync::LazyLock;

use cenote_kernel::System;
use cenote_kernel::system::MAX_PROCESSORS;

use crate::Error;

/// What a field of uname(2) can hold, in bytes.
const WORD: usize = 64;

/// Systems a machine can pass for, in Node's words and those of `uname -s`.
const PLATFORMS: &[(&str, &str)] = &[
    ("linux", "Linux"),
    ("darwin", "Darwin"),
    ("freebsd", "FreeBSD"),
    ("openbsd", "OpenBSD"),
];

/// Processors a machine can pass for, in Node's words and those of `uname -m`. All are little-endian, as the machine is.
const ARCHITECTURES: &[(&str, &str)] = &[
    ("x64", "x86_64"),
    ("arm64", "aarch64"),
    ("arm", "armv7l"),
    ("ia32", "i686"),
    ("loong64", "loongarch64"),
    ("mipsel", "mips"),
    ("ppc64", "ppc64le"),
    ("riscv64", "riscv64"),
];

/// What guests are told of their system, where that is not to be what it is. What is not set has its default.
///
/// One source for all that ask: Node's `process` and `os`, `uname`, `/proc`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OsNames {
    /// Node's `process.platform`: `linux` (the default), `darwin`, `freebsd` or `openbsd`. Others are refused: a program that believed them would
    /// go wrong here. Node's own modules go on to do what fits the machine.
    pub platform: Option<String>,
    /// Node's `process.arch`: `x64` (the default), `arm64`, `arm`, `ia32`, `loong64`, `mipsel`, `ppc64` or `riscv64`. Others are refused.
    pub arch: Option<String>,
    /// `uname -s`, Node's `os.type()`. Default: as goes with the platform. At most 64 bytes, as the next three.
    pub sysname: Option<String>,
    /// `uname -r`, Node's `os.release()`.
    pub release: Option<String>,
    /// `uname -v`, Node's `os.version()`.
    pub version: Option<String>,
    /// `uname -m`, Node's `os.machine()`. Default: as goes with the processor.
    pub machine: Option<String>,
    /// The user's home, absolute; made if missing. The variable `HOME` says it (so that one of [`env`](crate::NodeRuntimeBuilder::env) wins), and
    /// `/etc/passwd`. Default `/root`, or `/home/user` for another user than 0.
    pub homedir: Option<String>,
    /// Where temporary files go, absolute; made if missing. The variable `TMPDIR` says it. Default `/tmp`, with no such variable.
    pub tmpdir: Option<String>,
}

impl OsNames {
    /// The machine's system.
    ///
    /// # Errors
    /// [`Error::Option`] for what cannot be pretended, or makes no sense.
    pub(crate) fn system(&self, processors: Option<u32>) -> Result<System, Error> {
        let mut system = System {
            processors: count(processors)?,
            ..System::default()
        };
        if let Some(platform) = &self.platform {
            let sysname = known("os.platform", platform, PLATFORMS)?;
            sysname.clone_into(&mut system.sysname);
            system.platform.clone_from(platform);
        }
        if let Some(arch) = &self.arch {
            let machine = known("os.arch", arch, ARCHITECTURES)?;
            machine_of(&system.platform, arch, machine).clone_into(&mut system.machine);
            system.arch.clone_from(arch);
        }
        for (option, given, field) in [
            ("os.type", &self.sysname, &mut system.sysname),
            ("os.release", &self.release, &mut system.release),
            ("os.version", &self.version, &mut system.version),
            ("os.machine", &self.machine, &mut system.machine),
        ] {
            if let Some(given) = given {
                check_word(option, given)?;
                field.clone_from(given);
            }
        }
        directory("os.homedir", self.homedir.as_deref())?;
        directory("os.tmpdir", self.tmpdir.as_deref())?;
        Ok(system)
    }
}

/// What `uname -m` says of a processor: systems have words of their own.
fn machine_of<'a>(platform: &str, arch: &str, on_linux: &'a str) -> &'a str {
    match (platform, arch) {
        ("darwin" | "freebsd" | "openbsd", "arm64") => "arm64",
        ("freebsd" | "openbsd", "x64") => "amd64",
        _ => on_linux,
    }
}

fn wrong<T>(option: &'static str, reason: String) -> Result<T, Error> {
    Err(Error::Option { option, reason })
}

fn known(
    option: &'static str,
    asked: &str,
    names: &'static [(&str, &str)],
) -> Result<&'static str, Error> {
    if let Some((_, other)) = names.iter().find(|(name, _)| *name == asked) {
        return Ok(other);
    }
    let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let why = match (option, asked) {
        ("os.platform", "win32" | "cygwin") => {
            "paths, line ends and signals of the machine are those of Linux, and Node's `path` would not fit its files"
        }
        ("os.arch", "s390x" | "mips" | "s390" | "ppc") => {
            "the machine's numbers are little-endian, and a program would read them the other way round"
        }
        _ => "a program that believed it would expect of the machine what it does not do",
    };
    wrong(
        option,
        format!(
            "`{asked}` cannot be pretended: {why}; it can be one of {}",
            names.join(", ")
        ),
    )
}

fn check_word(option: &'static str, given: &str) -> Result<(), Error> {
    if given.is_empty() || given.len() > WORD || given.contains('\0') {
        return wrong(
            option,
            format!("{given:?} is not 1 to {WORD} bytes without NUL"),
        );
    }
    Ok(())
}

fn directory(option: &'static str, given: Option<&str>) -> Result<(), Error> {
    match given {
        Some(path) if !path.starts_with('/') || path.contains(['\0', ':', '\n']) => wrong(
            option,
            format!("{path:?} is not an absolute path without NUL, colon and line end"),
        ),
        _ => Ok(()),
    }
}

/// Processors of a machine that is not told a number: as many as this process may use.
static OF_HOST: LazyLock<u32> = LazyLock::new(|| {
    let parallelism = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(parallelism)
        .unwrap_or(u32::MAX)
        .clamp(1, MAX_PROCESSORS)
});

/// How many processors a machine shows unless told otherwise: those this process may use, by its affinity and its control group. Asked of the
/// host once, at the first call; a process that will not be let near `/sys` later asks early.
#[must_use]
pub fn host_processors() -> u32 {
    *OF_HOST
}

fn count(asked: Option<u32>) -> Result<u32, Error> {
    match asked {
        None => Ok(host_processors()),
        Some(count @ 1..=MAX_PROCESSORS) => Ok(count),
        Some(count) => wrong(
            "processors",
            format!("{count} is not from 1 to {MAX_PROCESSORS}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: impl FnOnce(&mut OsNames)) -> Result<System, Error> {
        let mut names = OsNames::default();
        set(&mut names);
        names.system(Some(2))
    }

    #[test]
    fn names_that_are_not_given_go_with_those_that_are() {
        let plain = of(|_| {}).unwrap();
        assert_eq!(
            (&*plain.platform, &*plain.sysname, plain.processors),
            ("linux", "Linux", 2)
        );
        let mac = of(|names| {
            names.platform = Some("darwin".into());
            names.arch = Some("arm64".into());
        })
        .unwrap();
        assert_eq!((&*mac.sysname, &*mac.machine), ("Darwin", "arm64"));
        let arm = of(|names| names.arch = Some("arm64".into())).unwrap();
        assert_eq!((&*arm.sysname, &*arm.machine), ("Linux", "aarch64"));
        let own = of(|names| {
            names.platform = Some("freebsd".into());
            names.sysname = Some("Mine".into());
            names.machine = Some("abacus".into());
        })
        .unwrap();
        assert_eq!(
            (&*own.sysname, &*own.machine, &*own.arch),
            ("Mine", "abacus", "x64")
        );
    }

    #[test]
    fn what_cannot_be_pretended_is_refused_by_name_and_reason() {
        let reason = |made: Result<System, Error>| match made.unwrap_err() {
            Error::Option { option, reason } => (option, reason),
            other => panic!("{other}"),
        };
        let (option, why) = reason(of(|names| names.platform = Some("win32".into())));
        assert_eq!(option, "os.platform");
        assert!(why.contains("paths") && why.contains("darwin"), "{why}");
        let (option, why) = reason(of(|names| names.arch = Some("s390x".into())));
        assert_eq!(option, "os.arch");
        assert!(why.contains("little-endian"), "{why}");
        assert_eq!(
            reason(of(|names| names.release = Some(String::new()))).0,
            "os.release"
        );
        assert_eq!(
            reason(of(|names| names.version = Some("x".repeat(65)))).0,
            "os.version"
        );
        assert_eq!(
            reason(of(|names| names.tmpdir = Some("tmp".into()))).0,
            "os.tmpdir"
        );
        assert_eq!(reason(OsNames::default().system(Some(0))).0, "processors");
        assert_eq!(
            reason(OsNames::default().system(Some(1_025))).0,
            "processors"
        );
        assert_eq!(
            OsNames::default().system(None).unwrap().processors,
            host_processors()
        );
    }
}
