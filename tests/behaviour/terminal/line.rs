//! What the terminal does by itself, whatever runs on it.

use cenote::{Error, Signal, TerminalOptions};

use super::screen::Screen;
use crate::{IS_ISOLATED, block_on, builder};

#[test]
fn program_sees_a_terminal_of_its_size_and_controls_it() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let script = "tty; stty size; echo $TERM; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all; \
                      echo own >/dev/tty; (sleep 0.3; ps -o stat= -p $$); :";
        let options = TerminalOptions::new()
            .program("sh", ["-c", script])
            .size(132, 43);
        let mut screen = Screen::open(&rt, options).await;
        assert_eq!(
            screen.rest().await,
            "/dev/pts/0\r\n43 132\r\nxterm-256color\r\nall\r\nown\r\nSs+\r\n"
        );
        assert_eq!(screen.terminal.wait().await.unwrap(), 0);
        assert_eq!(screen.terminal.exit_code(), Some(0));
        // What a closed terminal's number was is free again.
        drop(screen);
        // Elsewhere that takes a moment.
        rt.shell("while [ -e /dev/pts/0 ]; do sleep 0.01; done")
            .await
            .unwrap();
        let options = TerminalOptions::new().program("tty", [""; 0]);
        let mut screen = Screen::open(&rt, options).await;
        assert_eq!(screen.rest().await, "/dev/pts/0\r\n");
    });
}

#[test]
fn window_without_size_and_program_that_is_not_there_are_errors() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let none = rt.open_terminal(TerminalOptions::new().size(0, 24)).await;
        assert!(matches!(none, Err(Error::Option { option: "cols", .. })));
        let none = rt
            .open_terminal(TerminalOptions::new().program("no-such-program", [""; 0]))
            .await;
        assert!(matches!(none, Err(Error::Start { .. })), "{none:?}");
    });
}

#[test]
fn dropped_terminal_hangs_up_on_its_session() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let script = "trap 'echo hup >>/tmp/told; exit' HUP; echo ready; while :; do sleep 1; done";
        let options = TerminalOptions::new().program("sh", ["-c", script]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows("ready").await;
        drop(screen);
        let told = rt
            .shell("until [ -s /tmp/told ]; do sleep 0.05; done; cat /tmp/told")
            .await
            .unwrap();
        assert_eq!(told.stdout.text(), "hup\n");
    });
}

#[test]
fn hang_up_ends_reading_and_writing() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let script = "trap '' HUP; echo ready; cat; echo status $? >/tmp/after; echo lost; echo $? >>/tmp/after; mv /tmp/after /tmp/told";
        let options = TerminalOptions::new().program("sh", ["-c", script]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows("ready").await;
        screen.terminal.hang_up();
        assert_eq!(screen.rest().await, "");
        assert!(screen.terminal.write("x").await.is_err());
        let told = rt
            .shell("until [ -s /tmp/told ]; do sleep 0.05; done; cat /tmp/told")
            .await
            .unwrap();
        assert_eq!(told.stdout.text(), "status 0\n1\n");
    });
}

#[test]
fn program_that_floods_waits_for_its_reader() {
    if IS_ISOLATED {
        // What is on the way between processes is more than this program writes; `sidecar` floods for longer.
        return;
    }
    block_on(async {
        let rt = builder().create().await.unwrap();
        let script = "i=0; while [ $i -lt 40 ]; do printf '%08192d' 0; i=$((i+1)); echo $i >/tmp/count; done";
        let options = TerminalOptions::new().program("sh", ["-c", script]);
        let mut screen = Screen::open(&rt, options).await;
        // It comes to a halt by itself: 64 KiB and what one write more is.
        let halted = rt
            .shell("last=; while now=$(cat /tmp/count 2>/dev/null); [ -z \"$now\" ] || [ \"$now\" != \"$last\" ]; do last=$now; sleep 0.5; done; echo $now")
            .await
            .unwrap();
        assert_eq!(halted.stdout.text().trim(), "8");
        assert_eq!(screen.rest().await.len(), 40 * 8192);
        assert_eq!(screen.terminal.wait().await.unwrap(), 0);
    });
}

#[test]
fn signals_and_resizing_reach_the_foreground() {
    block_on(async {
        let rt = builder().create().await.unwrap();
        let script = "trap 'echo size $(stty size)' WINCH; trap 'echo usr1' USR1; echo ready; while :; do sleep 0.1; done";
        let options = TerminalOptions::new().program("bash", ["-c", script]);
        let mut screen = Screen::open(&rt, options).await;
        screen.shows("ready").await;
        screen.resize(100, 30);
        screen.shows("size 30 100").await;
        assert_eq!(screen.terminal.size(), (100, 30));
        screen.terminal.signal_foreground(Signal::SIGUSR1);
        screen.shows("usr1").await;
        screen.keys("\x03").await;
        assert_eq!(screen.ended().await, 128 + 2);
    });
}
