//! Programs that take the whole screen: vim, nano, less, top.

use cenote::{NodeRuntime, TerminalOptions};

use super::screen::{Screen, in_state};
use crate::{block_on, builder};

async fn with_file(content: &str) -> NodeRuntime {
    builder()
        .file("/root/poem.txt", content)
        .create()
        .await
        .unwrap()
}

fn numbered() -> String {
    (1..=200).map(|number| format!("line {number}\n")).collect()
}

#[test]
fn vim_edits_and_saves_a_file() {
    block_on(async {
        let rt = with_file("roses are red\n").await;
        let options = TerminalOptions::new().program("vim", ["poem.txt"]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows("roses are red").await;
        screen.shows("\"poem.txt\"").await;
        assert!(screen.screen().alternate_screen());
        screen.keys("oviolets are blue\x1b").await;
        screen.shows("roses are red\nviolets are blue\n~").await;
        // Undo, redo, a substitution, a visual block.
        screen.keys("u").await;
        screen.shows("roses are red\n~").await;
        screen.keys("\x12").await;
        screen.keys(":%s/are/were/\r").await;
        screen.shows("roses were red\nviolets were blue").await;
        screen.resize(40, 12);
        screen
            .until("a smaller window", |screen| {
                screen.text().lines().count() <= 12 && screen.text().contains("violets were blue")
            })
            .await;
        screen.keys(":wq\r").await;
        assert_eq!(screen.ended().await, 0);
        assert_eq!(
            rt.read_file("/root/poem.txt").await.unwrap(),
            b"roses were red\nviolets were blue\n"
        );
    });
}

#[test]
fn vim_is_suspended_and_comes_back() {
    block_on(async {
        let rt = with_file("roses are red\n").await;
        let mut screen = Screen::shell(&rt).await;
        screen.keys("vim poem.txt\r").await;
        screen.shows("roses are red").await;
        screen.shows("\"poem.txt\"").await;
        // What is typed while it starts may be thrown away.
        in_state(&rt, "vim", 'S').await;
        screen.keys("\x1a").await;
        screen.shows("Stopped").await;
        screen.prompt().await;
        assert!(!screen.screen().alternate_screen());
        let lines = screen.run("stty -a | grep -o ' icanon'").await;
        assert_eq!(lines, [" icanon"]);
        screen.keys("fg\r").await;
        screen
            .until("vim again", |screen| {
                screen.screen().alternate_screen() && screen.text().contains("roses are red\n~")
            })
            .await;
        screen.keys(":q!\r").await;
        screen.prompt().await;
    });
}

#[test]
fn nano_writes_what_was_typed() {
    block_on(async {
        let rt = with_file("").await;
        let options = TerminalOptions::new().program("nano", ["poem.txt"]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows("GNU nano").await;
        screen.shows("^X Exit").await;
        screen.keys("two\rlines").await;
        screen.shows("two\nlines").await;
        screen.keys("\x0f").await;
        screen.shows("File Name to Write: poem.txt").await;
        screen.keys("\r").await;
        screen.shows("Wrote 2 lines").await;
        screen.keys("\x18").await;
        assert_eq!(screen.ended().await, 0);
        assert_eq!(
            rt.read_file("/root/poem.txt").await.unwrap(),
            b"two\nlines\n"
        );
    });
}

#[test]
fn less_pages_searches_and_quits() {
    block_on(async {
        let rt = with_file(&numbered()).await;
        let options = TerminalOptions::new().program("less", ["poem.txt"]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows("line 1\nline 2\n").await;
        screen.shows("poem.txt").await;
        screen.keys(" ").await;
        screen.shows("line 46").await;
        screen.keys("/line 150\r").await;
        screen
            .until("the found line on top", |screen| {
                screen.text().starts_with("line 150\n")
            })
            .await;
        screen.keys("G").await;
        screen.shows("line 200").await;
        screen.keys("b").await;
        screen.shows("line 160").await;
        screen.keys("q").await;
        assert_eq!(screen.ended().await, 0);
    });
}

#[test]
fn less_takes_keys_from_the_terminal_when_it_reads_a_pipe() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        screen.keys("seq 1 1000 | less\r").await;
        screen
            .until("the first page", |screen| {
                screen.text().starts_with("1\n2\n") && screen.before_cursor() == ":"
            })
            .await;
        screen.keys("G").await;
        screen.shows("1000\n").await;
        screen.keys("q").await;
        screen.prompt().await;
    });
}

#[test]
fn top_shows_the_machines_processes() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        screen.keys("top\r").await;
        screen.shows("PID USER").await;
        screen.shows("bash").await;
        screen.keys("q").await;
        screen.prompt().await;
    });
}
