//! Our side: one live machine in this process, and machines made for a measurement.

use std::time::{Duration, Instant};

use cenote::{NodeRuntime, Output, Timing};
use tokio::runtime::Runtime;

/// A live machine and the executor it runs on.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) executor: Runtime,
    pub(crate) live: NodeRuntime,
}

impl Machine {
    /// Makes a machine and runs each kind of program once, so that nothing is compiled while the clock runs.
    ///
    /// # Errors
    /// When the machine cannot be made or does not work.
    pub(crate) fn new() -> Result<Self, String> {
        let executor = Runtime::new().map_err(|error| error.to_string())?;
        let live = executor
            // Programs time themselves: the real clock.
            .block_on(NodeRuntime::builder().timing(Timing::Off).create())
            .map_err(|error| error.to_string())?;
        let machine = Self { executor, live };
        machine.shell("echo ready | cat | wc -c")?;
        machine.bash("x=$(echo ready)")?;
        machine.exec("console.log('ready')")?;
        Ok(machine)
    }

    /// Runs a script with dash in the live machine.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub(crate) fn shell(&self, script: &str) -> Result<(Duration, String), String> {
        let start = Instant::now();
        let output = self
            .executor
            .block_on(async { self.live.shell(script).await });
        finished(start, output)
    }

    /// Runs a script with bash in the live machine.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub(crate) fn bash(&self, script: &str) -> Result<(Duration, String), String> {
        let start = Instant::now();
        let output = self
            .executor
            .block_on(async { self.live.exec_command("bash", ["-c", script]).await });
        finished(start, output)
    }

    /// Runs code with node in the live machine.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub(crate) fn exec(&self, code: &str) -> Result<(Duration, String), String> {
        let start = Instant::now();
        let output = self.executor.block_on(async { self.live.exec(code).await });
        finished(start, output)
    }

    /// Makes a machine, runs code in it, ends it.
    ///
    /// # Errors
    /// When any of that fails.
    pub(crate) fn create_and_exec(
        &self,
        code: &str,
        warm: usize,
    ) -> Result<(Duration, String), String> {
        let start = Instant::now();
        let output = self.executor.block_on(async {
            let fresh = NodeRuntime::builder().warm(warm).create().await?;
            fresh.exec(code).await
        });
        finished(start, output)
    }

    /// Makes a machine that keeps engines ready.
    ///
    /// # Errors
    /// When the machine cannot be made.
    pub(crate) fn warm(&self, count: usize) -> Result<Warm<'_>, String> {
        let live = self
            .executor
            .block_on(NodeRuntime::builder().warm(count).create())
            .map_err(|error| error.to_string())?;
        Ok(Warm {
            executor: &self.executor,
            live,
        })
    }
}

/// A machine that keeps engines ready.
#[derive(Debug)]
pub(crate) struct Warm<'a> {
    executor: &'a Runtime,
    live: NodeRuntime,
}

impl Warm<'_> {
    /// Runs code with node.
    ///
    /// # Errors
    /// When it cannot be started or fails.
    pub(crate) fn exec(&self, code: &str) -> Result<(Duration, String), String> {
        let start = Instant::now();
        let output = self.executor.block_on(async { self.live.exec(code).await });
        finished(start, output)
    }
}

fn finished(
    start: Instant,
    output: Result<Output, cenote::Error>,
) -> Result<(Duration, String), String> {
    let took = start.elapsed();
    let output = output.map_err(|error| error.to_string())?;
    if output.exit_code != 0 {
        return Err(format!(
            "exit code {}: {}",
            output.exit_code,
            output.stderr.text()
        ));
    }
    Ok((took, output.stdout.text().into_owned()))
}
