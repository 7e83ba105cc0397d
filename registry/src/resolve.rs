//! Which commands a machine gets: a directory of the user's, or the packages that ship.
//!
//! The order ([`resolve`]): the explicit option; the variables of [`COMMANDS_DIR_VARIABLES`]; the output of a build in the
//! repository; what ships. A directory that was asked for and is not there is an error, never silently another choice.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The variables that name a directory of commands, in their order; the second is for people who come from there.
pub const COMMANDS_DIR_VARIABLES: [&str; 2] =
    ["CENOTE_WASM_COMMANDS_DIR", "SECURE_EXEC_WASM_COMMANDS_DIR"];

/// What [`resolve`] looks at. The caller hands in the environment: nothing here reads the host's.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    /// The explicit option.
    pub option: Option<&'a Path>,
    /// The embedder's environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where a build in the repository puts its commands, if there is a repository; see [`in_repository_output`].
    pub build_output: Option<&'a Path>,
}

impl std::fmt::Debug for Lookup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookup")
            .field("option", &self.option)
            .field("build_output", &self.build_output)
            .finish_non_exhaustive()
    }
}

/// Where the commands of a machine come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CommandSource {
    /// A directory on the host.
    Directory {
        /// Its path.
        path: PathBuf,
        /// Who named it.
        found_by: FoundBy,
    },
    /// The packages that ship.
    Shipped,
}

/// Who named a directory of commands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FoundBy {
    /// The option given to the builder.
    Option,
    /// This environment variable.
    Variable(&'static str),
    /// A build in the repository.
    BuildOutput,
}

impl std::fmt::Display for FoundBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Option => f.write_str("the option commands_dir"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::BuildOutput => f.write_str("the build in the repository"),
        }
    }
}

/// Why a directory of commands cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The directory is not there, or is no directory.
    #[error("{}, named by {found_by}, is not a directory", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
        /// Who named it.
        found_by: FoundBy,
    },
    /// The directory cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Decides where the commands come from.
///
/// # Errors
/// [`ResolveError::NotADirectory`]: the option or a variable names something else.
pub fn resolve(lookup: &Lookup<'_>) -> Result<CommandSource, ResolveError> {
    let directory = |path: PathBuf, found_by| {
        if path.is_dir() {
            Ok(CommandSource::Directory { path, found_by })
        } else {
            Err(ResolveError::NotADirectory { path, found_by })
        }
    };
    if let Some(path) = lookup.option {
        return directory(path.to_owned(), FoundBy::Option);
    }
    for name in COMMANDS_DIR_VARIABLES {
        // set to nothing means not set, as for PATH-like variables
        if let Some(value) = (lookup.env)(name).filter(|value| !value.is_empty()) {
            return directory(value.into(), FoundBy::Variable(name));
        }
    }
    match lookup.build_output {
        Some(path) if path.is_dir() => directory(path.to_owned(), FoundBy::BuildOutput),
        _ => Ok(CommandSource::Shipped),
    }
}

/// Returns the place of a build in the repository this program was built from, when the program still lies in that repository.
#[must_use]
pub fn in_repository_output(program: &Path) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    program
        .starts_with(repository)
        .then(|| repository.join("commands/out"))
}

/// A program in a directory of commands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DirectoryCommand {
    /// The name it is called by: the file's, without `.wasm`.
    pub name: OsString,
    /// The file.
    pub file: PathBuf,
}

/// Lists the programs of a directory, by name: its files, links to files followed. `ls.wasm` is the command `ls`, unless there is an `ls` too.
///
/// # Errors
/// [`ResolveError::Unreadable`].
pub fn directory_commands(directory: &Path) -> Result<Vec<DirectoryCommand>, ResolveError> {
    let unreadable = |source| ResolveError::Unreadable {
        path: directory.to_owned(),
        source,
    };
    let mut found: Vec<DirectoryCommand> = Vec::new();
    for entry in directory.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let stem = if file.extension().is_some_and(|e| e == "wasm") {
            file.file_stem()
        } else {
            file.file_name()
        };
        if let (true, Some(name)) = (file.is_file(), stem) {
            found.push(DirectoryCommand {
                name: name.to_owned(),
                file,
            });
        }
    }
    // the file without an extension sorts first, and stays
    found.sort_by(|a, b| (&a.name, &a.file).cmp(&(&b.name, &b.file)));
    found.dedup_by(|later, first| later.name == first.name);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{
        CommandSource, FoundBy, Lookup, ResolveError, directory_commands, in_repository_output,
        resolve,
    };

    fn none(_: &str) -> Option<OsString> {
        None
    }

    #[test]
    fn the_option_goes_before_the_variables_and_they_before_the_build() {
        let (a, b, c, d) = (
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
            tempfile::tempdir().unwrap(),
        );
        let both = |name: &str| {
            Some(
                if name.starts_with("CENOTE") {
                    b.path()
                } else {
                    c.path()
                }
                .as_os_str()
                .to_owned(),
            )
        };
        let second = |name: &str| {
            Some(if name.starts_with("CENOTE") {
                OsString::new()
            } else {
                c.path().as_os_str().to_owned()
            })
        };
        let found =
            |option, env: &dyn Fn(&str) -> Option<OsString>, build_output| match resolve(&Lookup {
                option,
                env,
                build_output,
            })
            .unwrap()
            {
                CommandSource::Directory { path, found_by } => Some((path, found_by)),
                CommandSource::Shipped => None,
            };
        let at = |dir: &tempfile::TempDir| dir.path().to_owned();
        assert_eq!(
            found(Some(a.path()), &both, Some(d.path())),
            Some((at(&a), FoundBy::Option))
        );
        assert_eq!(
            found(None, &both, Some(d.path())),
            Some((at(&b), FoundBy::Variable("CENOTE_WASM_COMMANDS_DIR")))
        );
        assert_eq!(
            found(None, &second, Some(d.path())),
            Some((at(&c), FoundBy::Variable("SECURE_EXEC_WASM_COMMANDS_DIR")))
        );
        assert_eq!(
            found(None, &none, Some(d.path())),
            Some((at(&d), FoundBy::BuildOutput))
        );
        assert_eq!(found(None, &none, Some(Path::new("/no/such/build"))), None);
        assert_eq!(found(None, &none, None), None);
    }

    #[test]
    fn a_directory_asked_for_that_is_not_there_is_an_error_that_says_who_asked() {
        let wrong = |name: &str| {
            (name == "CENOTE_WASM_COMMANDS_DIR").then(|| OsString::from("/no/such/place"))
        };
        let error = resolve(&Lookup {
            option: None,
            env: &wrong,
            build_output: None,
        })
        .unwrap_err();
        assert!(matches!(error, ResolveError::NotADirectory { .. }));
        let text = error.to_string();
        assert!(
            text.contains("/no/such/place") && text.contains("CENOTE_WASM_COMMANDS_DIR"),
            "{text}"
        );
    }

    #[test]
    fn commands_of_a_directory_lose_their_extension() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["ls", "ls.wasm", "hello.wasm", "notes.txt"] {
            fs::write(dir.path().join(file), "").unwrap();
        }
        fs::create_dir(dir.path().join("sub")).unwrap();
        let names: Vec<(OsString, PathBuf)> = directory_commands(dir.path())
            .unwrap()
            .into_iter()
            .map(|c| (c.name, c.file))
            .collect();
        let at = |file: &str| dir.path().join(file);
        assert_eq!(
            names,
            [
                ("hello".into(), at("hello.wasm")),
                ("ls".into(), at("ls")),
                ("notes.txt".into(), at("notes.txt"))
            ]
        );
        assert!(directory_commands(&at("no-such")).is_err());
    }

    #[test]
    fn a_program_elsewhere_does_not_look_into_the_repository_of_its_build() {
        assert_eq!(in_repository_output(Path::new("/usr/bin/cenote")), None);
        assert!(
            in_repository_output(
                &Path::new(env!("CARGO_MANIFEST_DIR"))
                    .parent()
                    .unwrap()
                    .join("target/debug/cenote")
            )
            .is_some()
        );
    }
}
