//! Bash as people use it: editing and history, completion, jobs, Ctrl-C, a window that changes.

use cenote::{NodeRuntime, TerminalOptions};

use super::screen::{LEFT, Screen, UP, in_state};
use crate::{block_on, builder};

/// Waits until a program is in the foreground of its terminal: keys sent before go to the shell, which ignores most.
async fn in_foreground(rt: &NodeRuntime, program: &str) {
    in_state(rt, program, '+').await;
}

#[test]
fn login_shell_has_a_prompt_and_ends_with_control_d() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::open(&rt, TerminalOptions::new()).await;
        screen.shows("root@cenote:~#").await;
        assert!(
            !screen.text().contains("no job control"),
            "{}",
            screen.text()
        );
        screen.keys("exit 7\r").await;
        assert_eq!(screen.ended().await, 7);
        let mut screen = Screen::open(&rt, TerminalOptions::new()).await;
        screen.shows("root@cenote:~#").await;
        screen.keys("\x04").await;
        assert_eq!(screen.ended().await, 0);
    });
}

#[test]
fn line_is_edited_with_readline() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        // A letter put in, a word deleted, the start of the line, the end.
        screen.keys("cho helo xyzzy").await;
        screen.keys("\x17").await;
        screen.keys(LEFT).await;
        screen.keys(LEFT).await;
        screen.keys("l").await;
        screen.keys("\x01e\x05wörld").await;
        screen
            .until("the edited line", |screen| {
                screen.before_cursor() == "vm> echo hello wörld"
            })
            .await;
        screen.keys("\x7f\x7f\x7f\x7fø\r").await;
        screen.shows("\nhello wø\n").await;
        screen.prompt().await;
        // History: the line before, and by a search.
        screen.keys(UP).await;
        screen
            .until("the line again", |screen| {
                screen.before_cursor() == "vm> echo hello wø"
            })
            .await;
        screen.keys("\x15").await;
        assert_eq!(screen.run("echo second").await, ["second"]);
        screen.keys("\x12hel").await;
        screen.shows("(reverse-i-search)`hel': echo hello wø").await;
        screen.keys("\r").await;
        screen.prompt().await;
    });
}

#[test]
fn tab_completes_commands_and_files() {
    block_on(async {
        let rt = builder()
            .file("/root/a-rather-long-name.txt", "content\n")
            .file("/root/a-rather-other.txt", "")
            .create()
            .await
            .unwrap();
        let mut screen = Screen::shell(&rt).await;
        screen.keys("cat a-ra\t").await;
        screen
            .until("what both have in common", |screen| {
                screen.before_cursor() == "vm> cat a-rather-"
            })
            .await;
        // Twice: the choices.
        screen.keys("\t\t").await;
        screen
            .shows("a-rather-long-name.txt  a-rather-other.txt")
            .await;
        screen.keys("l\t\r").await;
        screen.shows("\ncontent\n").await;
        screen.prompt().await;
        screen.keys("rmdi\t").await;
        screen
            .until("a completed command", |screen| {
                screen.before_cursor() == "vm> rmdir "
            })
            .await;
    });
}

#[test]
fn control_c_interrupts_a_line_and_a_program() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        screen.keys("never run").await;
        screen.shows("vm> never run").await;
        // Within the write that shows it, readline notes an interrupt and waits for the next key, on Linux too.
        in_state(&rt, "bash", 'S').await;
        screen.keys("\x03").await;
        screen.shows("vm> never run^C\nvm> ").await;
        assert_eq!(screen.run("echo $?").await, ["130"]);
        for program in ["sleep 1000", "cat", "yes >/dev/null"] {
            screen.keys(&format!("{program}\r")).await;
            let name = program.split(' ').next().unwrap_or(program);
            in_foreground(&rt, name).await;
            screen.keys("\x03").await;
            screen.prompt().await;
            assert_eq!(screen.run("echo $?").await, ["130"], "{program}");
        }
        screen.keys("cat\r").await;
        in_foreground(&rt, "cat").await;
        screen.keys("\x1c").await;
        screen.shows("Quit").await;
        screen.prompt().await;
    });
}

#[test]
fn jobs_are_stopped_listed_and_continued() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        screen.keys("sleep 1000\r").await;
        in_foreground(&rt, "sleep").await;
        screen.keys("\x1a").await;
        screen
            .shows("[1]+  Stopped                 sleep 1000")
            .await;
        screen.prompt().await;
        assert_eq!(
            screen.run("jobs").await,
            ["[1]+  Stopped                 sleep 1000"]
        );
        assert_eq!(screen.run("bg").await, ["[1]+ sleep 1000 &"]);
        assert_eq!(
            screen.run("jobs").await,
            ["[1]+  Running                 sleep 1000 &"]
        );
        screen.keys("fg\r").await;
        screen.shows("fg\nsleep 1000").await;
        in_foreground(&rt, "sleep").await;
        screen.keys("\x03").await;
        screen.prompt().await;
        assert_eq!(screen.run("jobs").await, [""; 0]);
        // A pipeline is one job; a job in the background that reads is stopped.
        screen.keys("cat | cat\r").await;
        in_foreground(&rt, "cat").await;
        screen.keys("one\r").await;
        screen.shows("\none\none").await;
        screen.keys("\x1a").await;
        screen.shows("Stopped                 cat | cat").await;
        screen.prompt().await;
        screen.keys("fg\r").await;
        in_foreground(&rt, "cat").await;
        screen.keys("two\r").await;
        screen.shows("\ntwo\ntwo").await;
        screen.keys("\x04").await;
        screen.prompt().await;
        screen.run("cat &").await;
        in_state(&rt, "cat", 'T').await;
        screen.keys("\r").await;
        screen.shows("Stopped                 cat").await;
        screen.prompt().await;
        let lines = screen.run("kill %1; wait %1; echo ended").await;
        assert!(lines.iter().any(|line| line == "ended"), "{lines:?}");
    });
}

#[test]
fn background_writes_are_stopped_only_when_asked() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        let lines = screen.run("(echo from behind) & wait").await;
        assert!(lines.iter().any(|line| line == "from behind"), "{lines:?}");
        screen.run("stty tostop").await;
        screen.run("(echo later) &").await;
        let lines = screen.run("sleep 0.2; jobs").await;
        assert!(
            lines
                .iter()
                .any(|line| line.contains("Stopped") && line.contains("echo later")),
            "{lines:?}"
        );
        let lines = screen.run("fg").await;
        assert!(lines.iter().any(|line| line == "later"), "{lines:?}");
    });
}

#[test]
fn shell_follows_the_windows_size() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        assert_eq!(
            screen
                .run("stty size; echo $COLUMNS $LINES; tput cols")
                .await,
            ["24 80", "80 24", "80"]
        );
        screen.resize(60, 20);
        assert_eq!(
            screen
                .run("stty size; shopt -s checkwinsize; (:); echo $COLUMNS $LINES; tput lines")
                .await,
            ["20 60", "60 20", "20"]
        );
        // A long line wraps where the window ends.
        screen.keys(&"x".repeat(100)).await;
        screen
            .until("a wrapped line", |screen| {
                screen.before_cursor() == "x".repeat(100 - 56)
            })
            .await;
    });
}

#[test]
fn colours_come_through() {
    block_on(async {
        let rt = builder()
            .file("/root/plain", "needle in hay\n")
            .create()
            .await
            .unwrap();
        let mut screen = Screen::shell(&rt).await;
        screen.run("mkdir dir").await;
        let lines = screen
            .run("ls --color=auto; grep --color=auto needle plain")
            .await;
        assert_eq!(lines, ["dir  plain", "needle in hay"]);
        let cell = |row, col| screen.screen().cell(row, col).unwrap().fgcolor();
        assert_eq!(cell(1, 0), vt100::Color::Idx(4));
        assert_eq!(cell(2, 0), vt100::Color::Idx(1));
        assert_eq!(cell(2, 8), vt100::Color::Default);
    });
}
