//! Rules for files and programs that can match: they are asked about files by their resolved paths, so one that names a link would hold for
//! nothing. [`Named::check`] refuses it and says what the link leads to.
//!
//! What a link leads to is not put in its place: `/bin/ls` is a link to all of coreutils, and to allow that must be said.

use cenote::NodeRuntime;

use crate::options::MachineOptions;
use crate::session::Failure;

/// How many links may follow each other.
const LINKS: usize = 40;

/// The paths and globs of the rules, with the options that gave them.
#[derive(Debug)]
pub(crate) struct Named(Vec<(&'static str, String)>);

impl Named {
    pub(crate) fn of(options: &MachineOptions) -> Self {
        let all = [
            ("--allow-program", &options.allow_program),
            ("--deny-read", &options.deny_read),
            ("--deny-write", &options.deny_write),
        ];
        let each = all
            .into_iter()
            .flat_map(|(option, globs)| globs.iter().map(move |glob| (option, glob.clone())));
        Self(each.collect())
    }

    /// Fails when a rule names what it cannot match, before anything of a guest runs.
    pub(crate) async fn check(&self, rt: &NodeRuntime) -> Result<(), Failure> {
        for (option, glob) in &self.0 {
            let (place, pattern) = split(glob);
            if let Some(meant) = beyond_links(rt, place).await {
                return Err(format!(
                    "{option} {glob}: a rule speaks of files, and `{place}` leads over a link to `{meant}`; `{meant}{pattern}` names what it leads to"
                )
                .into());
            }
        }
        Ok(())
    }
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
async fn beyond_links(rt: &NodeRuntime, path: &str) -> Option<String> {
    let mut links = 0;
    let mut waiting: Vec<String> = path.split('/').rev().map(ToOwned::to_owned).collect();
    let mut reached = String::new();
    while let Some(part) = waiting.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                reached.truncate(reached.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let next = format!("{reached}/{part}");
        // No link, or not there.
        let Ok(target) = rt.read_link(&next).await else {
            reached = next;
            continue;
        };
        links += 1;
        if links > LINKS {
            return None;
        }
        let target = String::from_utf8_lossy(&target).into_owned();
        if target.starts_with('/') {
            reached.clear();
        }
        waiting.extend(target.split('/').rev().map(ToOwned::to_owned));
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
