//! Rules for files and programs that can match: they are asked about files by their resolved paths, so one that names a link would hold for
//! nothing. [`check`] refuses it and says what the link leads to.
//!
//! What a link leads to is not put in its place: `/bin/ls` is a link to all of coreutils, and to allow that must be said.

use cenote_base::path::display;
use cenote_base::policy::FileOperation;
use cenote_vfs::ops;

use crate::Error;
use crate::files::HostView;
use crate::policy::Permissions;

/// How many links may follow each other.
const LINKS: usize = 40;

/// What is done with a link itself: a rule for nothing else may name one.
const OF_LINKS: [FileOperation; 5] = [
    FileOperation::Readlink,
    FileOperation::Remove,
    FileOperation::Rename,
    FileOperation::Symlink,
    FileOperation::Link,
];

/// Fails when a rule names what it cannot match. Nothing is looked for below the directories of `unasked`, which cannot answer yet.
pub(crate) fn check(
    permissions: &Permissions,
    view: &HostView,
    unasked: &[&str],
) -> Result<(), Error> {
    let files = permissions.files.iter().map(|rule| {
        let of_links = OF_LINKS.iter().filter(|one| rule.access.speaks_of(**one));
        let all = FileOperation::ALL.iter();
        let all = all.filter(|one| rule.access.speaks_of(**one)).count();
        ("permissions.files", &rule.glob, of_links.count() == all)
    });
    let programs = permissions.programs.iter();
    let programs = programs.map(|glob| ("permissions.programs", glob, false));
    let rules = permissions.program_rules.iter();
    let rules = rules.map(|rule| ("permissions.program_rules", &rule.glob, false));
    for (option, glob, is_of_links) in files.chain(programs).chain(rules) {
        let (place, pattern) = split(glob);
        let (place, pattern) = match place.rfind('/') {
            Some(last) if is_of_links && pattern.is_empty() => place.split_at(last),
            _ => (place, pattern),
        };
        let is_inside = |directory: &&str| {
            let rest = place.strip_prefix(directory.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if unasked.iter().any(is_inside) {
            continue;
        }
        if let Some(meant) = beyond_links(view, place.as_bytes()) {
            let meant = display(&meant);
            return Err(Error::Option {
                option,
                reason: format!(
                    "`{glob}`: a rule speaks of files, and `{place}` leads over a link to `{meant}`; `{meant}{pattern}` names what it leads to"
                ),
            });
        }
    }
    Ok(())
}

/// A glob's path up to the last directory without a pattern (all of it if it has none), and the rest.
fn split(glob: &str) -> (&str, &str) {
    let Some(first) = glob.find(['*', '?', '[', '{', '\\']) else {
        return (glob, "");
    };
    let plain = glob.get(..first).unwrap_or_default();
    let end = plain.rfind('/').unwrap_or(0);
    glob.split_at(end)
}

/// The path without links; nothing if there are none in it.
fn beyond_links(view: &HostView, path: &[u8]) -> Option<Vec<u8>> {
    let mut links = 0;
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        let parts = path.rsplit(|byte| *byte == b'/');
        parts.map(<[u8]>::to_vec).collect()
    };
    if !path.starts_with(b"/") {
        // A name, wherever it is.
        return None;
    }
    let mut waiting = parts(path);
    let mut reached: Vec<u8> = Vec::new();
    while let Some(part) = waiting.pop() {
        match part.as_slice() {
            b"" | b"." => continue,
            b".." => {
                let above = reached.iter().rposition(|byte| *byte == b'/');
                reached.truncate(above.unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let next = [reached.as_slice(), b"/", &part].concat();
        // No link, or not there.
        let Ok(target) = view.in_context(|cx| ops::readlink(cx, None, &next)) else {
            reached = next;
            continue;
        };
        links += 1;
        if links > LINKS {
            return None;
        }
        if target.starts_with(b"/") {
            reached.clear();
        }
        waiting.extend(parts(&target));
    }
    (links > 0).then_some(reached)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn pattern_begins_after_the_last_plain_directory() {
        for (glob, place, pattern) in [
            ("/bin/ls", "/bin/ls", ""),
            ("/sbin/**", "/sbin", "/**"),
            ("/usr/bin/py*", "/usr/bin", "/py*"),
            ("/a/{b,c}/d", "/a", "/{b,c}/d"),
            ("**/x", "", "**/x"),
            ("/*", "", "/*"),
        ] {
            assert_eq!(split(glob), (place, pattern), "{glob}");
        }
    }
}
