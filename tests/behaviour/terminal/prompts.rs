//! Prompts of interpreters: node's and python's.

use cenote::{NodeRuntime, TerminalOptions};

use super::screen::{Screen, UP, in_state};
use crate::{block_on, builder};

async fn node(rt: &NodeRuntime) -> Screen {
    let mut screen = Screen::open(rt, TerminalOptions::new().program("node", [""; 0])).await;
    screen.shows("Welcome to Node.js v24.").await;
    node_prompt(&mut screen).await;
    screen
}

async fn node_prompt(screen: &mut Screen) {
    screen
        .until("node's prompt", |screen| screen.before_cursor() == "> ")
        .await;
}

#[test]
fn node_answers_in_colour_and_remembers() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = node(&rt).await;
        screen.keys("40 + 2\r").await;
        screen.shows("> 40 + 2\n42\n").await;
        node_prompt(&mut screen).await;
        let (row, _) = screen.screen().cursor_position();
        let answer = screen.screen().cell(row - 1, 0).unwrap();
        assert_eq!(
            (answer.contents(), answer.fgcolor()),
            ("4", vt100::Color::Idx(3))
        );
        screen.keys("const o = { a: 'x' };\r").await;
        screen.shows("undefined").await;
        screen.keys(UP).await;
        screen.keys("\x15").await;
        screen.keys("o.a + _\r").await;
        screen.shows("'xundefined'").await;
        // A function over lines, a promise that is awaited.
        screen.keys("function f() {\rreturn 7;\r}\r").await;
        screen.keys("await Promise.resolve(f())\r").await;
        screen.shows("\n7\n").await;
        screen.keys(".exit\r").await;
        assert_eq!(screen.ended().await, 0);
    });
}

#[test]
fn node_completes_previews_and_is_interrupted() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = node(&rt).await;
        screen.keys("proces\t").await;
        screen
            .until("a completed name", |screen| {
                screen.before_cursor() == "> process"
            })
            .await;
        screen.keys(".plat\t").await;
        // The preview of the value below the line.
        screen.shows("> process.platform\n'linux'").await;
        screen.keys("\r").await;
        node_prompt(&mut screen).await;
        // Not by console.log(): an interrupt within it, which is as early as the word can be seen, leaves its stream writing for ever,
        // in real Node too.
        screen
            .keys("fs.writeSync(1, \"bu\" + \"sy\"); while (true) {}\r")
            .await;
        screen.shows("\nbusy").await;
        screen.keys("\x03").await;
        screen
            .shows("Script execution was interrupted by `SIGINT`")
            .await;
        node_prompt(&mut screen).await;
        screen.keys("half a line").await;
        screen.shows("> half a line").await;
        screen.keys("\x03").await;
        node_prompt(&mut screen).await;
        screen.keys("\x03").await;
        screen.shows("(To exit, press Ctrl+C again").await;
        screen.keys("\x03").await;
        assert_eq!(screen.ended().await, 0);
    });
}

#[test]
fn node_under_a_shell_is_stopped_and_continued() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let mut screen = Screen::shell(&rt).await;
        screen.keys("node\r").await;
        node_prompt(&mut screen).await;
        screen.keys("1 + 1\r").await;
        screen.shows("\n2\n").await;
        screen.keys("\x1a").await;
        screen.shows("Stopped                 node").await;
        screen.prompt().await;
        screen.keys("fg\r").await;
        screen.keys("3 * 3\r").await;
        screen.shows("\n9\n").await;
        screen.keys("\x04").await;
        screen.prompt().await;
        // The terminal is as the shell left it.
        assert_eq!(screen.run("stty -a | grep -o ' echo '").await, [" echo"]);
    });
}

#[test]
fn node_sees_keys_and_sizes() {
    block_on(async {
        let script = "process.stdin.setRawMode(true);
            process.stdin.on('data', (key) => {
              console.log('key', JSON.stringify(String(key)));
              if (String(key) === 'q') process.exit(3);
            });
            process.stdout.on('resize', () => console.log('now', process.stdout.columns, process.stdout.rows));
            console.log('ready', process.stdout.columns, process.stdout.getColorDepth());";
        let rt = builder()
            .file("/root/keys.js", script)
            .create()
            .await
            .unwrap();
        let options = TerminalOptions::new().program("node", ["keys.js"]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows("ready 80 8").await;
        screen.keys("\x03").await;
        screen.shows(r#"key "\u0003""#).await;
        screen.keys("ä").await;
        screen.shows(r#"key "ä""#).await;
        screen.resize(120, 40);
        screen.shows("now 120 40").await;
        screen.keys("q").await;
        assert_eq!(screen.ended().await, 3);
    });
}

#[test]
fn python_has_a_prompt_with_editing() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let options = TerminalOptions::new().program("python3", ["-q"]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows(">>> ").await;
        screen.keys("6 * 7\r").await;
        screen.shows(">>> 6 * 7\n42\n>>> ").await;
        screen.keys("input('name? ')\r").await;
        screen.shows("name? ").await;
        screen.keys("anx\x7f\r").await;
        screen.shows("'an'").await;
        screen
            .keys("import time; print('as' + 'leep', flush=True); time.sleep(1000)\r")
            .await;
        screen.shows("asleep").await;
        in_state(&rt, "python3", 'S').await;
        screen.keys("\x03").await;
        screen.shows("KeyboardInterrupt\n>>>").await;
        screen.keys("exit(4)\r").await;
        assert_eq!(screen.ended().await, 4);
    });
}
