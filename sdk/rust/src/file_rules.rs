//! Rules for files: [`FileRule`], and what they say of an operation.
//!
//! The last rule that matches wins. What changes names moves what is below them, and lets content be reached under another path: a rename or a
//! hard link needs, besides its own permission at both paths, that nothing refuses reading or writing there, and for a directory that no rule
//! refuses anything that could be below either path. So no rule is escaped by giving what it speaks of another name.

use cenote_base::policy::{FileOperation, Verdict};

use crate::Error;
use crate::policy::{Effect, Line, Ruling, as_path, matcher};

/// What refusals name.
const OPTION: &str = "permissions.files";

/// Which file operations a rule speaks of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileAccess {
    /// All that only looks: reading files and links, listing directories, asking for attributes.
    Read,
    /// All that changes something: creating, writing, removing, moving, modes, owners, times.
    Write,
    /// Both.
    ReadWrite,
    /// These and no others.
    Only(FileOperations),
}

impl FileAccess {
    pub(crate) fn speaks_of(self, operation: FileOperation) -> bool {
        match self {
            Self::Read => !operation.changes(),
            Self::Write => operation.changes(),
            Self::ReadWrite => true,
            Self::Only(operations) => operations.contains(operation),
        }
    }
}

/// A set of operations.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FileOperations(u32);

impl FileOperations {
    /// Whether an operation is one of them.
    #[must_use]
    pub fn contains(self, operation: FileOperation) -> bool {
        self.0 & Self::bit(operation) != 0
    }

    /// Those that are in it.
    pub fn iter(self) -> impl Iterator<Item = FileOperation> {
        let all = FileOperation::ALL.into_iter();
        all.filter(move |operation| self.contains(*operation))
    }

    fn bit(operation: FileOperation) -> u32 {
        1 << (operation as u8)
    }
}

impl FromIterator<FileOperation> for FileOperations {
    fn from_iter<T: IntoIterator<Item = FileOperation>>(operations: T) -> Self {
        let bits = operations.into_iter().map(Self::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

/// A rule for files: what matches `glob` is allowed, refused or asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileRule {
    /// What it says.
    pub effect: Effect,
    /// For which operations.
    pub access: FileAccess,
    /// Paths in the machine: `*` within a directory, `**` across.
    pub glob: String,
    /// Why, where it refuses: for the guest's error and the audit.
    pub reason: Option<String>,
}

impl FileRule {
    /// A rule without a reason.
    pub fn new(effect: Effect, access: FileAccess, glob: impl Into<String>) -> Self {
        Self {
            effect,
            access,
            glob: glob.into(),
            reason: None,
        }
    }

    /// The same, saying why it refuses.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// Rules made ready to be asked.
#[derive(Debug)]
pub(crate) struct FileRules(Vec<(FileAccess, Line)>);

/// An operation on files, as rules are asked about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileUse<'a> {
    pub(crate) operation: FileOperation,
    pub(crate) path: &'a [u8],
    pub(crate) destination: Option<&'a [u8]>,
    pub(crate) is_directory: bool,
}

impl FileRules {
    pub(crate) fn compile(rules: &[FileRule]) -> Result<Self, Error> {
        let rules = rules.iter();
        let rules = rules.map(|rule| {
            let line = Line::new(rule.effect, rule.reason.as_ref(), matcher(&rule.glob)?);
            Ok((rule.access, line))
        });
        rules.collect::<Result<_, Error>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the rules say of an operation.
    pub(crate) fn rule(&self, asked: &FileUse<'_>) -> Ruling {
        let (operation, path) = (asked.operation, asked.path);
        let (FileOperation::Rename | FileOperation::Link, Some(destination)) =
            (operation, asked.destination)
        else {
            return self.said(path, operation);
        };
        let mut rulings = vec![
            self.said(path, operation),
            self.said(path, FileOperation::Read),
            self.said(path, FileOperation::Write),
            self.said(destination, operation),
            self.said(destination, FileOperation::Write),
        ];
        if asked.is_directory {
            rulings.push(self.below(path));
            rulings.push(self.below(destination));
        }
        strictest(rulings)
    }

    fn said(&self, path: &[u8], operation: FileOperation) -> Ruling {
        if is_provided(path, operation) {
            return Ruling::Said(Verdict::Allow);
        }
        let path = as_path(path);
        let last = self
            .0
            .iter()
            .rev()
            .find(|(access, line)| access.speaks_of(operation) && line.glob.is_match(path));
        match last {
            Some((_, line)) => line.said(OPTION),
            None => Ruling::Silent(Verdict::Allow),
        }
    }

    /// Whether something below a directory could be refused or asked for, whatever the operation.
    fn below(&self, directory: &[u8]) -> Ruling {
        let mut strictest = Ruling::Silent(Verdict::Allow);
        for (access, line) in &self.0 {
            let pattern = line.glob.glob().glob().as_bytes();
            match line.effect {
                Effect::Allow => {
                    if *access == FileAccess::ReadWrite && covers(pattern, directory) {
                        strictest = Ruling::Said(Verdict::Allow);
                    }
                }
                Effect::Deny | Effect::Ask if !may_match_below(pattern, directory) => {}
                Effect::Ask if matches!(strictest, Ruling::Said(Verdict::Deny { .. })) => {}
                Effect::Deny | Effect::Ask => strictest = line.said(OPTION),
            }
        }
        strictest
    }
}

/// What the machine itself needs to give guests what the embedder gives them (host functions): to look at it is always allowed, and to see that the
/// directories above are there.
fn is_provided(path: &[u8], operation: FileOperation) -> bool {
    const PROVIDED: &[u8] = b"/usr/lib/cenote";
    !operation.changes() && is_in(path, PROVIDED)
        || operation == FileOperation::Stat && is_in(PROVIDED, path)
}

/// Refused when one is refused, asked for when one is; silent when one is and the others allow.
fn strictest(rulings: Vec<Ruling>) -> Ruling {
    let weight = |ruling: &Ruling| match ruling {
        Ruling::Said(Verdict::Allow) => 0,
        Ruling::Silent(_) => 1,
        Ruling::Asks(_) => 2,
        Ruling::Said(Verdict::Deny { .. }) => 3,
    };
    let heaviest = rulings.into_iter().max_by_key(weight);
    heaviest.unwrap_or(Ruling::Silent(Verdict::Allow))
}

/// Whether a pattern matches everything below a directory.
fn covers(pattern: &[u8], directory: &[u8]) -> bool {
    let Some(above) = pattern.strip_suffix(b"**") else {
        return false;
    };
    let above = above.strip_suffix(b"/").unwrap_or(above);
    !above.iter().any(is_special) && is_in(directory, above)
}

/// Whether a pattern could match something below a directory that it would not match elsewhere too.
fn may_match_below(pattern: &[u8], directory: &[u8]) -> bool {
    if let Some(rest) = pattern.strip_prefix(b"**/")
        && !rest.contains(&b'/')
        && rest != b"**"
    {
        // A name, wherever it is: it is refused at its new place as at the old.
        return false;
    }
    let end = pattern.iter().position(is_special);
    let literal = pattern.get(..end.unwrap_or(pattern.len()));
    let literal = literal.unwrap_or_default();
    let directory = directory.strip_suffix(b"/").unwrap_or(directory);
    let inside = [directory, b"/"].concat();
    literal.starts_with(&inside) || inside.starts_with(literal)
}

/// Whether a path is a directory or below it; everything is below the empty one.
fn is_in(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || directory.is_empty() || rest.starts_with(b"/"))
}

fn is_special(byte: &u8) -> bool {
    b"*?[]{}\\".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(list: &[(Effect, FileAccess, &str)]) -> FileRules {
        let rules: Vec<FileRule> = list
            .iter()
            .map(|(effect, access, glob)| FileRule::new(*effect, *access, *glob))
            .collect();
        FileRules::compile(&rules).unwrap()
    }

    fn allows(rules: &FileRules, operation: FileOperation, path: &str) -> bool {
        let ruling = rules.rule(&FileUse {
            operation,
            path: path.as_bytes(),
            destination: None,
            is_directory: false,
        });
        ruling.verdict() == Verdict::Allow
    }

    fn moves(rules: &FileRules, from: &str, to: &str) -> bool {
        let ruling = rules.rule(&FileUse {
            operation: FileOperation::Rename,
            path: from.as_bytes(),
            destination: Some(to.as_bytes()),
            is_directory: true,
        });
        ruling.verdict() == Verdict::Allow
    }

    const ALL: FileAccess = FileAccess::ReadWrite;

    #[test]
    fn last_matching_rule_wins() {
        let list = rules(&[
            (Effect::Deny, ALL, "/etc/**"),
            (Effect::Allow, FileAccess::Read, "/etc/passwd"),
        ]);
        assert!(allows(&list, FileOperation::Read, "/etc/passwd"));
        assert!(allows(&list, FileOperation::Stat, "/etc/passwd"));
        assert!(!allows(&list, FileOperation::Chmod, "/etc/passwd"));
        assert!(!allows(&list, FileOperation::Read, "/etc/ssl/cert"));
        assert!(allows(&list, FileOperation::Write, "/tmp/x"));
    }

    #[test]
    fn rules_may_speak_of_single_operations() {
        let only = [FileOperation::Remove, FileOperation::Rename];
        let only = FileAccess::Only(only.into_iter().collect());
        let list = rules(&[(Effect::Deny, only, "/data/**")]);
        assert!(!allows(&list, FileOperation::Remove, "/data/x"));
        assert!(allows(&list, FileOperation::Rmdir, "/data/x"));
        assert!(!moves(&list, "/data/x", "/tmp/x"));
        assert!(!moves(&list, "/tmp/x", "/data/x"));
    }

    /// Threat: what a rule refuses is reached under another name of the directory above it.
    #[test]
    fn directories_with_something_refused_below_are_not_moved() {
        let list = rules(&[(Effect::Deny, ALL, "/secret/**")]);
        assert!(!moves(&list, "/secret", "/tmp/s"));
        assert!(!moves(&list, "/tmp/s", "/secret"));
        assert!(moves(&list, "/tmp/a", "/tmp/b"));
        assert!(moves(&list, "/secrets", "/tmp/b"));
        let list = rules(&[(Effect::Deny, FileAccess::Write, "/a/*/key")]);
        assert!(!moves(&list, "/a", "/b"));
        assert!(!moves(&list, "/a/x", "/b"));
        assert!(moves(&list, "/b", "/c"));
        let list = rules(&[(Effect::Deny, ALL, "**/.env")]);
        assert!(moves(&list, "/a", "/b"));
        let list = rules(&[(Effect::Deny, ALL, "**/secret/*")]);
        assert!(!moves(&list, "/a", "/b"));
        let list = rules(&[(Effect::Deny, ALL, "**"), (Effect::Allow, ALL, "/tmp/**")]);
        assert!(moves(&list, "/tmp/a", "/tmp/b"));
        assert!(!moves(&list, "/tmp/a", "/b"));
    }

    /// Threat: a file that may not be read, but changed, is moved to where it may be read.
    #[test]
    fn files_that_may_not_be_read_are_not_moved() {
        let list = rules(&[(Effect::Deny, FileAccess::Read, "/key")]);
        assert!(!moves(&list, "/key", "/tmp/key"));
        let list = rules(&[(Effect::Ask, FileAccess::Read, "/key")]);
        let ruling = list.rule(&FileUse {
            operation: FileOperation::Link,
            path: b"/key",
            destination: Some(b"/tmp/key"),
            is_directory: false,
        });
        assert!(matches!(ruling, Ruling::Asks(_)));
    }
}
