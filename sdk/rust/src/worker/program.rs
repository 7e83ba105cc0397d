//! Where the `cenote` program is.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

/// Names the program, when set.
const VARIABLE: &str = "CENOTE_BIN";

/// What the program is called.
const NAME: &str = "cenote";

/// The program that the embedder named, that `CENOTE_BIN` names, that lies beside this one, or that `PATH` has: the first there is.
pub(super) fn find(named: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(named) = named {
        return usable(named, "the option `worker_program`");
    }
    if let Some(named) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return usable(Path::new(&named), VARIABLE);
    }
    let beside = env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(NAME)));
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|directory| directory.join(NAME));
    beside
        .into_iter()
        .chain(in_path)
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| missing("it is neither beside this program nor in PATH".to_owned()))
}

fn usable(path: &Path, by: &str) -> Result<PathBuf, Error> {
    if path.is_file() {
        Ok(path.to_path_buf())
    } else {
        Err(missing(format!(
            "{by} names {}, which is no file",
            path.display()
        )))
    }
}

fn missing(reason: String) -> Error {
    Error::Runtime {
        runtime: "worker",
        reason: format!(
            "isolation by processes needs the `cenote` program, and {reason}; set CENOTE_BIN"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_program_that_is_not_there_is_an_error_that_says_so() {
        let error = find(Some(Path::new("/nowhere/cenote"))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/nowhere/cenote"), "{text}");
        assert!(text.contains("CENOTE_BIN"), "{text}");
    }
}
