//! The program on a real terminal: keys and screens of tmux, where that is installed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test target, which tells what it leaves out"
)]

use std::process::Command;
use std::time::{Duration, Instant};

/// How long what should be seen may take: the first start compiles commands.
const PATIENCE: Duration = Duration::from_secs(120);

/// A tmux server of its own with one window.
struct Window {
    socket: String,
}

impl Window {
    /// A window of 80 by 24 in which a shell of the host runs `command`; nothing without tmux, which is told.
    fn open(name: &str, command: &str) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("tmux is not installed, {name} on a terminal is left out");
            return None;
        }
        let socket = format!("cenote-{name}-{}", std::process::id());
        let window = Self { socket };
        let size = ["-x", "80", "-y", "24"];
        let opened = Command::new("tmux")
            .args(["-L", &window.socket, "-f", "/dev/null", "new-session", "-d"])
            .args(size)
            .args([
                "sh",
                "-c",
                &format!("{command}; echo \"status $?\"; stty -a; exec sleep 1000"),
            ])
            .env("CENOTE", env!("CARGO_BIN_EXE_cenote"))
            .status()
            .unwrap();
        assert!(opened.success(), "tmux opens no window");
        Some(window)
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-L", &self.socket])
            .args(args)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn shows(&self, text: &str) {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if screen.contains(text) {
                return;
            }
            if begin.elapsed() > PATIENCE {
                panic!("never seen: {text}\n{screen}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The host's terminal has its own modes again.
    fn is_restored(&self) {
        self.shows("-extproc");
        let screen = self.screen();
        for mode in ["icanon", "echo", "isig", "opost"] {
            assert!(
                screen.split_whitespace().any(|word| word == mode),
                "{mode}: {screen}"
            );
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn shell_has_job_control_and_follows_the_window() {
    let Some(window) = Window::open("shell", "\"$CENOTE\" shell") else {
        return;
    };
    window.shows("root@cenote:~#");
    window.keys(&["stty size", "Enter"]);
    window.shows("24 80");
    // What is typed while the prompt still reads the terminal is not echoed: what it runs says when it has it.
    window.keys(&["echo ready; cat", "Enter"]);
    window.shows("\nready\n");
    window.keys(&["one", "Enter"]);
    window.shows("one\none");
    window.keys(&["C-z"]);
    window.shows("[1]+  Stopped                 cat");
    window.keys(&["fg", "Enter"]);
    window.shows("fg\ncat\n");
    window.keys(&["two", "Enter"]);
    window.shows("two\ntwo");
    window.keys(&["C-c"]);
    window.shows("^C\nroot@cenote:~#");
    window.tmux(&["resize-window", "-x", "100", "-y", "30"]);
    window.keys(&["stty size", "Enter"]);
    window.shows("30 100");
    window.keys(&["exit 7", "Enter"]);
    window.shows("status 7");
    window.is_restored();
}

#[test]
fn editor_fills_the_screen_and_leaves_it() {
    let Some(window) = Window::open(
        "less",
        "seq 1 500 >/tmp/cenote-less-$$; \"$CENOTE\" --mount /tmp:/host command less /host/cenote-less-$$; rm /tmp/cenote-less-$$",
    ) else {
        return;
    };
    window.shows("1\n2\n3\n");
    window.keys(&["G"]);
    window.shows("500");
    window.keys(&["q"]);
    window.shows("status 0");
    window.is_restored();
}

#[test]
fn node_without_a_file_is_a_prompt() {
    let Some(window) = Window::open("node", "\"$CENOTE\" run") else {
        return;
    };
    window.shows("Welcome to Node.js v24");
    window.keys(&["process.stdout.columns + 1", "Enter"]);
    window.shows("81");
    window.keys(&["process.exit(5)", "Enter"]);
    window.shows("status 5");
    window.is_restored();
}

#[test]
fn terminal_is_given_back_when_a_signal_ends_the_program() {
    let Some(window) = Window::open("signal", "\"$CENOTE\" shell") else {
        return;
    };
    window.shows("root@cenote:~#");
    let shell = window.tmux(&["list-panes", "-F", "#{pane_pid}"]);
    let children = format!("/proc/{0}/task/{0}/children", shell.trim());
    let child = std::fs::read_to_string(children).unwrap();
    let killed = Command::new("kill").args(["-TERM", child.trim()]).status();
    assert!(killed.unwrap().success());
    window.shows("status 143");
    window.is_restored();
}

#[test]
fn without_a_terminal_there_are_pipes() {
    let output = Command::new(env!("CARGO_BIN_EXE_cenote"))
        .args(["sh", "-c", "[ -t 0 ] || [ -t 1 ] || echo pipes"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "pipes\n");
    let output = Command::new(env!("CARGO_BIN_EXE_cenote"))
        .arg("shell")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs a terminal"));
}
