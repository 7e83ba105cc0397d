//! The name that a program is known by, which no guest can make up: [`command_name`].
//!
//! Guests choose `argv[0]` freely, and the names of links they make. What is told is the name in a directory where commands are looked for,
//! if a file lies there under that name, or a link that ships with the machine; for everything else, the whole path of what is executed.

use std::collections::HashMap;
use std::sync::OnceLock;

use cenote_base::path::file_name;
use cenote_registry::Content;

/// Where commands are looked for.
const DIRECTORIES: [&[u8]; 6] = [
    b"/usr/local/sbin",
    b"/usr/local/bin",
    b"/usr/sbin",
    b"/usr/bin",
    b"/sbin",
    b"/bin",
];

/// What a program is called that was found as `found_as`, lies at `path`, and calls itself `own_name`.
pub(crate) fn command_name<'a>(found_as: &'a [u8], path: &'a [u8], own_name: &[u8]) -> &'a [u8] {
    if !found_as.contains(&b'/') {
        // A program of the embedder, by the name it is started by.
        return found_as;
    }
    let (Some(called), Some(name)) = (in_commands(found_as), in_commands(path)) else {
        return path;
    };
    if found_as == path {
        return name;
    }
    // One file that is many programs goes by what it is told to be: the name must be the same to the program and to who is asked.
    let own_name = file_name(own_name).unwrap_or(own_name);
    let own_name = own_name.strip_prefix(b"-").unwrap_or(own_name);
    let is_wasm_of = name.strip_suffix(b".wasm") == Some(called);
    if called == name || is_wasm_of || (own_name == called && is_shipped(found_as, path)) {
        called
    } else {
        path
    }
}

/// The name of a file in one of the directories of commands.
fn in_commands(path: &[u8]) -> Option<&[u8]> {
    let name = file_name(path)?;
    let directory = path.strip_suffix(name)?.strip_suffix(b"/")?;
    DIRECTORIES.contains(&directory).then_some(name)
}

/// Whether a link that ships leads from one path to the other.
fn is_shipped(found_as: &[u8], path: &[u8]) -> bool {
    static LINKS: OnceLock<HashMap<&'static [u8], Vec<u8>>> = OnceLock::new();
    let links = LINKS.get_or_init(|| {
        let packages = cenote_registry::packages().iter();
        let entries = packages.flat_map(|package| package.entries);
        let entries = cenote_registry::base().iter().chain(entries);
        let links = entries.filter_map(|entry| match entry.content {
            Content::Symlink(target) => Some((entry.path.as_bytes(), leads_to(entry.path, target))),
            _ => None,
        });
        links.collect()
    });
    let mut at = found_as;
    // Links of links are few.
    for _ in 0..8 {
        match links.get(at) {
            Some(next) => at = next,
            None => return false,
        }
        if at == path {
            return true;
        }
    }
    false
}

/// Where a link at `path` leads, without `.` and `..`.
fn leads_to(path: &str, target: &str) -> Vec<u8> {
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        above.split('/').filter(|part| !part.is_empty()).collect()
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name<'a>(found_as: &'a str, path: &'a str, own: &str) -> &'a str {
        let name = command_name(found_as.as_bytes(), path.as_bytes(), own.as_bytes());
        std::str::from_utf8(name).unwrap()
    }

    #[test]
    fn programs_are_known_by_the_names_they_ship_with() {
        assert_eq!(name("/usr/bin/node", "/usr/bin/node", "harmless"), "node");
        assert_eq!(name("/bin/node", "/usr/bin/node", "node"), "node");
        assert_eq!(name("/bin/tool", "/bin/tool.wasm", "tool"), "tool");
        assert_eq!(name("git", "git", "git"), "git");
        let links = cenote_registry::packages().iter();
        let mut links = links.flat_map(|package| package.entries);
        let sh = links.find(|entry| entry.path == "/bin/sh").unwrap();
        let Content::Symlink(target) = sh.content else {
            panic!("sh is a link");
        };
        let path = String::from_utf8(leads_to("/bin/sh", target)).unwrap();
        assert_eq!(name("/bin/sh", &path, "/bin/sh"), "sh");
        assert_eq!(name("/bin/sh", &path, "-sh"), "sh");
        // What it is told to be is something else.
        assert_eq!(name("/bin/sh", &path, "node"), path);
    }

    /// Threat: a guest gives a program the name of another, which it may start.
    #[test]
    fn links_and_places_of_guests_give_no_names() {
        for found_as in ["/usr/local/bin/node", "/tmp/node", "/bin/sh"] {
            assert_eq!(name(found_as, "/tmp/evil", "node"), "/tmp/evil");
        }
        let node = name("/usr/local/bin/node", "/bin/dash", "node");
        assert_eq!(node, "/bin/dash");
        assert_eq!(name("/tmp/node", "/bin/dash", "node"), "/bin/dash");
        assert_eq!(name("/tmp/node", "/tmp/node", "node"), "/tmp/node");
    }
}
