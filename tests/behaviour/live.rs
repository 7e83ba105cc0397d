//! Packages that are talked to while they run: prompts on a terminal, a dev server that is asked from outside the machine.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cenote::TerminalOptions;
use cenote::http::Request;
use cenote_test::oracle;
use cenote_test::world::World;

use crate::{TIMEOUT, install};

/// What is to be on the screen, and what is typed then.
const ANSWERS: &[(&str, &str)] = &[
    ("? Name?", "ab\r"),
    ("> too short", "c\r"),
    ("? Sure?", "n\r"),
    ("❯ red", "\x1b[B"),
    ("❯ green", "\r"),
    ("❯◯ one", "a"),
    ("❯◉ one", "\x1b[B"),
    ("❯◉ two", " "),
    ("❯◯ two", "\r"),
    ("? Secret?", "pasw\x7fs\r"),
    ("? Age?", "2\r"),
    ("> Value must", "\x7f4\r"),
    ("? Stop?", "\x03"),
];
const ROWS: NonZero<u16> = NonZero::<u16>::MIN.saturating_add(39);
const COLUMNS: NonZero<u16> = NonZero::<u16>::MIN.saturating_add(79);

/// Someone at a terminal: types the next answer when its question is there.
struct Person {
    screen: vt100::Parser,
    answers: std::slice::Iter<'static, (&'static str, &'static str)>,
    next: Option<&'static (&'static str, &'static str)>,
}

impl Person {
    fn new() -> Self {
        let mut answers = ANSWERS.iter();
        let next = answers.next();
        Self {
            screen: vt100::Parser::new(ROWS, COLUMNS, 0),
            answers,
            next,
        }
    }

    /// Looks at more output; what is typed, if anything.
    fn look(&mut self, output: &[u8]) -> Option<&'static str> {
        self.screen.process(output);
        let (question, answer) = self.next?;
        if !self.screen.screen().contents().contains(question) {
            return None;
        }
        self.next = self.answers.next();
        Some(answer)
    }

    /// What is on the screen in the end.
    fn left(&self) -> String {
        let screen = self.screen.screen().contents();
        match self.next {
            None => screen,
            Some((question, _)) => format!("{screen}\n(`{question}` never came)"),
        }
    }
}

/// inquirer's prompts, on a terminal of the host and on one of a machine: the same screen in the end.
pub(crate) fn prompts(fixture: &Path) -> Result<(), String> {
    let installed = install(fixture)?;
    let program = std::fs::read(fixture.join("live/inquirer.mjs")).map_err(|e| e.to_string())?;
    let expected = prompts_on_host(&installed, &program)?;
    let ours = prompts_in_machine(&installed, &program)?;
    if ours == expected {
        return Ok(());
    }
    Err(format!(
        "--- screen of the real thing\n{expected}\n--- screen in the machine\n{ours}"
    ))
}

/// `script` gives the program a terminal and passes keys and output on.
fn prompts_on_host(installed: &Path, program: &[u8]) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("prompts on the host: {error}");
    let node = oracle::node().ok_or("there is no Node to compare with")?;
    let place = tempfile::tempdir_in(installed).map_err(failed)?;
    std::fs::write(place.path().join("inquirer.mjs"), program).map_err(failed)?;
    let line = format!(
        "stty rows {ROWS} cols {COLUMNS}; exec '{}' inquirer.mjs",
        node.display()
    );
    let mut child = oracle::command(Path::new("script"), place.path())
        .args(["-qfec", &line, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (mut keys, mut output) = (child.stdin.take(), child.stdout.take());
    let (Some(keys), Some(output)) = (keys.as_mut(), output.as_mut()) else {
        return Err("script has no pipes".into());
    };
    let mut person = Person::new();
    let mut chunk = [0; 4096];
    loop {
        let count = output.read(&mut chunk).map_err(failed)?;
        let Some(shown) = chunk.get(..count).filter(|shown| !shown.is_empty()) else {
            break;
        };
        if let Some(answer) = person.look(shown) {
            keys.write_all(answer.as_bytes()).map_err(failed)?;
            keys.flush().map_err(failed)?;
        }
    }
    let status = child.wait().map_err(failed)?.code();
    Ok(format!("{}\nstatus {status:?}", person.left()))
}

fn prompts_in_machine(installed: &Path, program: &[u8]) -> Result<String, String> {
    let world = World::with(|builder| builder.node_modules(installed.join("node_modules")))?;
    world.write("/root/work/inquirer.mjs", program)?;
    let talk = async {
        let options = TerminalOptions::new()
            .program("node", ["inquirer.mjs"])
            .env("TERM", "xterm-256color")
            .cwd("/root/work")
            .size(COLUMNS.get(), ROWS.get());
        let terminal = world.machine().open_terminal(options).await?;
        let mut output = terminal.output();
        let mut person = Person::new();
        while let Some(shown) = output.next().await {
            if let Some(answer) = person.look(&shown) {
                terminal.write(answer).await?;
            }
        }
        let status = Some(terminal.wait().await?);
        Ok(format!("{}\nstatus {status:?}", person.left()))
    };
    world.drive(async {
        match tokio::time::timeout(TIMEOUT, talk).await {
            Ok(outcome) => outcome.map_err(|error: cenote::Error| error.to_string()),
            Err(_) => Err("the prompts did not end in the machine".into()),
        }
    })
}

/// Vite's dev server, asked through the embedder's `fetch`.
pub(crate) fn dev_server(fixture: &Path) -> Result<(), String> {
    let installed = install(fixture)?;
    let program = std::fs::read_to_string(fixture.join("live/vite.mjs"))
        .map_err(|error| error.to_string())?;
    let world = World::with(|builder| builder.node_modules(installed.join("node_modules")))?;
    world.drive(async {
        let rt = world.machine();
        let failed = |error: cenote::Error| error.to_string();
        let server = rt.spawn(program).await.map_err(failed)?;
        let listening = cenote::ListenerFilter::any()
            .port(5173)
            .timeout(Duration::from_secs(30));
        rt.wait_for_listener(listening).await.map_err(failed)?;
        for (path, kind, part) in [
            ("/", "text/html", "src=\"/@vite/client\""),
            (
                "/src/main.ts",
                "text/javascript",
                "import { area } from \"/src/area.ts\";\nconst shape = { side: 2 };",
            ),
            (
                "/src/area.ts",
                "text/javascript",
                "export const area = (shape) => shape.side ** 2;",
            ),
            ("/@vite/client", "text/javascript", "createHotContext"),
        ] {
            let request = Request::get(path)
                .header("accept", "text/html,*/*")
                .body(())
                .map_err(|error| error.to_string())?;
            let answer = rt.fetch(5173, request).await.map_err(failed)?;
            let head = format!(
                "{} {:?}",
                answer.status(),
                answer.headers().get("content-type")
            );
            let text = answer.text().await.map_err(failed)?;
            if head != format!("200 OK Some(\"{kind}\")") || !text.contains(part) {
                return Err(format!("{path}: {head}\n{text}"));
            }
        }
        server.kill(cenote::Signal::SIGTERM).map_err(failed)?;
        server.wait().await.map_err(failed)?;
        Ok(())
    })
}
