//! Finding a command by name along `PATH`. See execvp(3).

use cenote_base::path::join;

/// Where commands are looked for when there is no `PATH`.
pub(crate) const DEFAULT_PATH: &[u8] =
    b"/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// A variable of an environment.
pub(crate) fn variable<'a>(envp: &'a [Vec<u8>], name: &[u8]) -> Option<&'a [u8]> {
    envp.iter()
        .find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

/// The paths a command name may mean, in order: itself if it has a slash, else one a directory of `search`.
pub(crate) fn candidates(name: &[u8], search: &[u8]) -> Vec<Vec<u8>> {
    if name.contains(&b'/') {
        return vec![name.to_vec()];
    }
    if name.is_empty() {
        return Vec::new();
    }
    search
        .split(|byte| *byte == b':')
        // POSIX: an empty part is the working directory.
        .map(|directory| {
            if directory.is_empty() {
                name.to_vec()
            } else {
                join(directory, name)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_with_each_directory_and_paths_stand_for_themselves() {
        assert_eq!(
            candidates(b"ls", b"/usr/bin::/bin"),
            [b"/usr/bin/ls".to_vec(), b"ls".to_vec(), b"/bin/ls".to_vec()]
        );
        assert_eq!(candidates(b"./ls", b"/bin"), [b"./ls".to_vec()]);
        assert!(candidates(b"", b"/bin").is_empty());
    }

    #[test]
    fn variable_is_found_by_its_whole_name() {
        let envp = [b"PATHS=x".to_vec(), b"PATH=/bin".to_vec()];
        assert_eq!(variable(&envp, b"PATH"), Some(&b"/bin"[..]));
        assert_eq!(variable(&envp, b"HOME"), None);
    }
}
