//! Where the command line of `cenote` ends and the program's begins.
//!
//! Options of the machine may stand before the subcommand and right after it. The first word after the subcommand that is no option begins
//! what belongs to the program: the file, the code, the name, with all that follows. For the shells any word does that is none of the
//! machine's long options, so that `-p`, `-e` and `-c` are the shell's. clap alone would look for options among the program's arguments, and
//! forget those before the subcommand when the same is given after it: here they are put together, and `--` before what is the program's.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

/// Subcommands whose own arguments begin with options.
const SHELLS: [&str; 2] = ["sh", "bash"];
/// Subcommands with command lines of their own.
const APART: [&str; 1] = ["serve"];

/// The command line, with `cenote help serve` made the `cenote serve --help` that it means.
pub(crate) fn asked_for(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let words: Vec<OsString> = words.collect();
    match words.as_slice() {
        [program, help, topic]
            if help == "help" && APART.iter().any(|apart| OsStr::new(apart) == topic) =>
        {
            vec![program.clone(), topic.clone(), "--help".into()]
        }
        _ => words,
    }
}

/// Puts the machine's options before the subcommand, and `--` before what belongs to the program.
pub(crate) fn settle(words: Vec<OsString>, cenote: &Command) -> Vec<OsString> {
    let mut rest = words.into_iter().peekable();
    let mut front: Vec<OsString> = rest.next().into_iter().collect();
    // Those before the subcommand.
    let subcommand = loop {
        let Some(word) = rest.next() else {
            return front;
        };
        if !is_option(&word) {
            break word;
        }
        let takes_next = find(cenote, &word).is_some_and(|option| wants_next(option, &word));
        front.push(word);
        if takes_next {
            front.extend(rest.next());
        }
    };
    let mut own = vec![subcommand.clone()];
    let known = subcommand
        .to_str()
        .filter(|name| !APART.contains(name))
        .and_then(|name| cenote.find_subcommand(name));
    let Some(known) = known else {
        return [front, own, rest.collect()].concat();
    };
    let is_shell = SHELLS.contains(&known.get_name());
    // Those after it.
    while let Some(word) = rest.next_if(|word| is_option(word) && word != "--") {
        let is_for_shell = is_shell && !word.as_encoded_bytes().starts_with(b"--");
        let machines = find(cenote, &word).filter(|_| !is_for_shell);
        let (place, option) = match (machines, find(known, &word)) {
            (Some(option), _) => (&mut front, Some(option)),
            (None, Some(option)) => (&mut own, Some(option)),
            (None, None) if is_shell && word != "--help" => {
                own.extend(["--".into(), word]);
                return [front, own, rest.collect()].concat();
            }
            // Help, or what clap calls unknown.
            (None, None) => (&mut own, None),
        };
        if !option.is_some_and(|option| wants_next(option, &word)) {
            place.push(word);
        } else if let Some(value) = rest.next() {
            place.extend([word, value]);
        } else {
            // In front the subcommand would be its value.
            own.push(word);
        }
    }
    if rest.peek().is_some_and(|word| word != "--") {
        own.push("--".into());
    }
    [front, own, rest.collect()].concat()
}

fn is_option(word: &OsStr) -> bool {
    let word = word.as_encoded_bytes();
    word.len() > 1 && word.starts_with(b"-")
}

/// The option that a word names, `--name`, `--name=value`, `-n` or `-nvalue`.
fn find<'a>(of: &'a Command, word: &OsStr) -> Option<&'a Arg> {
    let word = word.to_str()?;
    let mut options = of.get_arguments();
    match word.strip_prefix("--") {
        Some(long) => {
            let name = long.split('=').next();
            options.find(|option| option.get_long().is_some() && option.get_long() == name)
        }
        None => {
            let name = word.chars().nth(1);
            options.find(|option| option.get_short().is_some() && option.get_short() == name)
        }
    }
}

/// Whether an option's value is the next word.
fn wants_next(option: &Arg, word: &OsStr) -> bool {
    let word = word.as_encoded_bytes();
    let has_its_own = if word.starts_with(b"--") {
        word.contains(&b'=')
    } else {
        word.len() > 2
    };
    option.get_action().takes_values() && !option.is_require_equals_set() && !has_its_own
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::{CommandFactory, Parser};

    use super::settle;
    use crate::options::{Action, Options};

    fn read(line: &[&str]) -> Options {
        let words = ["cenote"].iter().chain(line).map(Into::into).collect();
        let words = settle(words, &Options::command());
        Options::try_parse_from(words).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    fn program(line: &[&str]) -> Vec<OsString> {
        match read(line).action {
            Action::Sh { args } | Action::Bash { args } => args,
            Action::Command { program: own, args }
            | Action::Exec {
                code: own, args, ..
            } => [vec![own.into()], args].concat(),
            Action::Run { file, args, .. } => {
                let file = file.map(OsString::from);
                file.into_iter().chain(args).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_follows_the_program_is_its_own() {
        for (line, own) in [
            (&["command", "mkdir", "-p", "/tmp/a/b"][..], 1),
            (&["command", "node", "-p", "1+1"], 1),
            (&["command", "ls", "--help"], 1),
            (&["command", "ls", "--version", "-V", "-h"], 1),
            (&["command", "ls", "--", "-x", "--"], 1),
            (&["run", "a.mjs", "-p", "80:80", "--env", "A", "--help"], 1),
            (
                &["run", "--inspect", "a.mjs", "--inspect", "--timeout", "5"],
                2,
            ),
            (&["exec", "--common-js", "1", "--common-js", "--mount"], 2),
            (&["exec", "1", "--", "--deny-net"], 1),
            (&["bash", "-p", "-c", "echo hi"], 1),
            (&["bash", "--norc", "-c", ":", "--env"], 1),
            (&["bash", "--version"], 1),
            (&["sh", "-c", "echo $1", "sh", "--env", "-p"], 1),
            (&["sh", "-eu", "script", "--cwd"], 1),
            (&["sh", "script", "-x"], 1),
            (&["sh", "-h"], 1),
            (&["sh"], 1),
            (&["run"], 1),
        ] {
            assert_eq!(program(line), &line[own..], "{line:?}");
        }
        assert_eq!(program(&["bash", "--", "--cwd", "/"]), ["--cwd", "/"]);
        assert_eq!(program(&["command", "--", "-x", "--"]), ["-x", "--"]);
    }

    #[test]
    fn options_of_the_machine_stand_on_both_sides_of_the_subcommand() {
        let options = read(&[
            "--env",
            "A=1",
            "--deny-read=/a",
            "-p",
            "1:2",
            "command",
            "--deny-read",
            "/b",
            "-p3:4",
            "--env=B",
            "--allow-net",
            "--no-terminal",
            "--cwd",
            "/",
            "ls",
            "--env",
            "C",
        ]);
        let machine = options.machine;
        assert_eq!(machine.env, ["A=1", "B"]);
        assert_eq!(machine.deny_read, ["/a", "/b"]);
        assert_eq!(machine.allow_net, ["*"]);
        assert_eq!(machine.publish.len(), 2);
        assert!(machine.no_terminal);
        assert_eq!(machine.cwd.as_deref(), Some("/"));
        let options = read(&["bash", "--cwd", "/", "-p"]);
        assert!(options.machine.publish.is_empty());
        assert_eq!(options.machine.cwd.as_deref(), Some("/"));
    }

    #[test]
    fn what_is_wrong_before_the_program_is_told() {
        for line in [
            &["command", "--no-such", "ls"][..],
            &["run", "-x", "a.mjs"],
            &["--env"],
            &["run", "--env"],
            &["command"],
            &["no-such", "-p"],
            &["--", "sh"],
        ] {
            let words = ["cenote"].iter().chain(line).map(Into::into).collect();
            let words = settle(words, &Options::command());
            assert!(Options::try_parse_from(words).is_err(), "{line:?}");
        }
    }
}
