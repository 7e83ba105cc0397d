//! A person at a terminal: [`Screen`] types keys and waits until what should be seen is.

use std::num::NonZeroU16;
use std::time::Duration;

use cenote::{NodeRuntime, Terminal, TerminalOptions, TerminalOutput};

/// How long a person waits before calling it broken.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) const UP: &str = "\x1b[A";
pub(super) const LEFT: &str = "\x1b[D";

pub(super) struct Screen {
    pub(super) terminal: Terminal,
    output: TerminalOutput,
    parser: vt100::Parser,
}

/// Waits until a program's state, as `ps` shows it, has this letter.
pub(super) async fn in_state(rt: &NodeRuntime, program: &str, letter: char) {
    let script =
        format!("until ps -o stat= -C {program} | grep -q '[{letter}]'; do sleep 0.05; done");
    assert_eq!(rt.shell(script).await.unwrap().exit_code, 0);
}

fn size(cols: u16, rows: u16) -> (NonZeroU16, NonZeroU16) {
    (
        NonZeroU16::new(rows).unwrap(),
        NonZeroU16::new(cols).unwrap(),
    )
}

impl Screen {
    pub(super) async fn open(rt: &NodeRuntime, options: TerminalOptions) -> Self {
        let (rows, cols) = size(options.cols, options.rows);
        let terminal = rt.open_terminal(options).await.unwrap();
        let output = terminal.output();
        Self {
            terminal,
            output,
            parser: vt100::Parser::new(rows, cols, 1000),
        }
    }

    /// Bash with a prompt that nothing else looks like.
    pub(super) async fn shell(rt: &NodeRuntime) -> Self {
        let options = TerminalOptions::new().program("bash", ["--norc", "--noprofile"]);
        let mut screen = Self::open(rt, options.env("PS1", "vm> ")).await;
        screen.prompt().await;
        screen
    }

    pub(super) async fn keys(&self, keys: &str) {
        self.terminal.write(keys).await.unwrap();
    }

    pub(super) fn resize(&mut self, cols: u16, rows: u16) {
        self.terminal.resize(cols, rows).unwrap();
        let (rows, cols) = size(cols, rows);
        self.parser.set_size(rows, cols);
    }

    pub(super) fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// The whole screen as text.
    pub(super) fn text(&self) -> String {
        self.screen().contents()
    }

    /// The line the cursor is in, up to the cursor.
    pub(super) fn before_cursor(&self) -> String {
        let (row, col) = self.screen().cursor_position();
        self.screen().contents_between(row, 0, row, col)
    }

    /// Waits until the screen is as it should be.
    pub(super) async fn until(&mut self, what: &str, seen: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !seen(self) {
                match self.output.next().await {
                    Some(chunk) => self.parser.process(&chunk),
                    None => return false,
                }
            }
            true
        })
        .await;
        assert_eq!(
            waited,
            Ok(true),
            "never seen: {what}\n--- cursor {:?}, screen:\n{}\n---",
            self.screen().cursor_position(),
            self.text()
        );
    }

    pub(super) async fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.text().contains(text))
            .await;
    }

    /// Waits for a fresh prompt of [`shell`](Self::shell).
    pub(super) async fn prompt(&mut self) {
        self.until("a prompt", |screen| screen.before_cursor() == "vm> ")
            .await;
    }

    /// Runs a command and waits for the next prompt; the lines between.
    pub(super) async fn run(&mut self, command: &str) -> Vec<String> {
        self.keys("\x0c").await;
        self.until("a cleared screen", |screen| {
            screen.screen().cursor_position() == (0, 4) && screen.before_cursor() == "vm> "
        })
        .await;
        self.keys(command).await;
        self.keys("\r").await;
        self.until("the next prompt", |screen| {
            screen.screen().cursor_position().0 > 0 && screen.before_cursor() == "vm> "
        })
        .await;
        let text = self.text();
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect();
        lines[1..lines.len() - 1].to_vec()
    }

    /// What comes until the end, without looking at it as a screen.
    pub(super) async fn rest(&mut self) -> String {
        let mut text = Vec::new();
        while let Some(chunk) = tokio::time::timeout(PATIENCE, self.output.next())
            .await
            .expect("the output ends")
        {
            text.extend(chunk);
        }
        String::from_utf8(text).unwrap()
    }

    /// Waits for the end of the program.
    pub(super) async fn ended(&mut self) -> i32 {
        self.rest().await;
        self.terminal.wait().await.unwrap()
    }
}
