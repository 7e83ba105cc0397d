//! `internalBinding('report')`: diagnostic reports about this process. Node: `src/node_report_module.cc`, `src/node_report.cc`.
//!
//! JavaScript decides when a report is written (on a signal, on an uncaught exception, when asked). A report tells of the
//! machine and of this process; nothing in it is the host's.

mod content;
mod error;
mod settings;

use cenote_base::Fd;
use cenote_base::abi::Errno;
use cenote_kernel::syscall;

use self::content::Header;
use self::settings::settings;
use crate::bindings::permission::{self, Permission};
use crate::environment::Environment;
use crate::glue::{Args, Binding, BindingResult, Failure, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("report")
    .partial(
        "writeReport",
        write_report,
        "no native stack and no reports of workers; handles without their addresses",
    )
    .partial("getReport", get_report, "as writeReport")
    .partial(
        "shouldReportOnFatalError",
        settings::should_report_on_fatal_error,
        "no report is written at a fatal error",
    )
    .function("getCompact", settings::get_compact)
    .function("setCompact", settings::set_compact)
    .function("getExcludeNetwork", settings::get_exclude_network)
    .function("setExcludeNetwork", settings::set_exclude_network)
    .function("getExcludeEnv", settings::get_exclude_env)
    .function("setExcludeEnv", settings::set_exclude_env)
    .function("setReportOnFatalError", settings::set_report_on_fatal_error)
    .function("shouldReportOnSignal", settings::should_report_on_signal)
    .function("setReportOnSignal", settings::set_report_on_signal)
    .function(
        "shouldReportOnUncaughtException",
        settings::should_report_on_uncaught_exception,
    )
    .function(
        "setReportOnUncaughtException",
        settings::set_report_on_uncaught_exception,
    )
    .function("getDirectory", settings::get_directory)
    .function("setDirectory", settings::set_directory)
    .function("getFilename", settings::get_filename)
    .function("setFilename", settings::set_filename)
    .function("getSignal", settings::get_signal)
    .function("setSignal", settings::set_signal);

/// `writeReport(event, trigger, filename | null, error)`: the name of the file, empty if it could not be written.
fn write_report<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (event, trigger) = (args.text(scope, 0)?, args.text(scope, 1)?);
    let name = if args.get(2).is_string() {
        args.text(scope, 2)?
    } else {
        String::new()
    };
    may_write(scope, &name)?;
    let name = write(scope, &event, &trigger, name, args.get(3))?;
    Ok(scope.string(&name)?.into())
}

/// Asks Node's permission model about the file, or the directory where its name is still to be made.
fn may_write(scope: &Scope<'_, '_>, name: &str) -> Result<(), Failure> {
    let settings = settings(scope);
    let filename = if name.is_empty() {
        settings.filename.borrow().clone()
    } else {
        name.to_owned()
    };
    let directory = settings.directory.borrow().clone();
    let resource = match (filename.as_str(), directory.is_empty()) {
        ("stdout" | "stderr", _) => return Ok(()),
        ("", true) => syscall::getcwd(scope.env().task())?,
        ("", false) => directory.into_bytes(),
        (file, true) => file.as_bytes().to_vec(),
        (file, false) => format!("{directory}/{file}").into_bytes(),
    };
    permission::check(scope, Permission::FileSystemWrite, &resource)
}

/// Writes a report of an exception that nobody caught, if that was asked for.
pub(super) fn of_uncaught<'s>(scope: &mut Scope<'s, '_>, error: Value<'s>) {
    if !settings(scope).on_uncaught_exception.get() {
        return;
    }
    v8::tc_scope!(let catch, scope);
    if let Err(failure) = write(catch, "Exception", "Exception", String::new(), error) {
        tracing::debug!(target: "cenote::node", ?failure, "no report could be made");
    }
}

/// Writes a report to `name`, or to a file named by the settings; what it was written to.
fn write<'s>(
    scope: &mut Scope<'s, '_>,
    event: &str,
    trigger: &str,
    mut name: String,
    error: Value<'s>,
) -> Result<String, Failure> {
    let env = scope.env();
    let settings = settings(scope);
    if name.is_empty() {
        name.clone_from(&settings.filename.borrow());
    }
    if name.is_empty() {
        name = crate::diagnostic_file::name(&env, "report", "json");
    }
    let header = Header {
        event,
        trigger,
        filename: Some(&name),
    };
    let report = content::report(scope, &header, error)?;
    let text = if settings.compact.get() {
        serde_json::to_string(&report)
    } else {
        serde_json::to_string_pretty(&report)
    };
    let text = text.unwrap_or_default() + "\n";
    match name.as_str() {
        "stdout" => crate::program::write_all(env.task(), Fd::new(1), text.as_bytes()),
        "stderr" => env.print_error(text.as_bytes()),
        _ => {
            let directory = settings.directory.borrow().clone();
            if let Err(errno) = write_file(&env, &directory, &name, &text) {
                let place = if directory.is_empty() {
                    String::new()
                } else {
                    format!(" directory: {directory}")
                };
                let number = errno.raw();
                let why = format!(
                    "\nFailed to open Node.js report file: {name}{place} (errno: {number})\n"
                );
                env.print_error(why.as_bytes());
                return Ok(String::new());
            }
            env.print_error(format!("\nWriting Node.js report to file: {name}").as_bytes());
        }
    }
    env.print_error(b"\nNode.js report completed\n");
    Ok(name)
}

fn write_file(env: &Environment, directory: &str, name: &str, text: &str) -> Result<(), Errno> {
    let path = if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    };
    crate::diagnostic_file::write(env, path.as_bytes(), text.as_bytes())
}

/// `getReport(error)`: the report as JSON text.
fn get_report<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let header = Header {
        event: "JavaScript API",
        trigger: "GetReport",
        filename: None,
    };
    let report = content::report(scope, &header, args.get(0))?;
    Ok(scope.string(&report.to_string())?.into())
}
