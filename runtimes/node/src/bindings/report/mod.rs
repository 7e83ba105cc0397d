//! `internalBinding('report')`: diagnostic reports about this process. Node: `src/node_report_module.cc`, `src/node_report.cc`.
//!
//! JavaScript decides when a report is written (on a signal, on an uncaught exception, when asked). A report tells of the
//! machine and of this process; nothing in it is the host's.

mod content;
mod error;
mod settings;

use self::content::Header;
use self::settings::settings;
use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt};

pub(super) const BINDING: Binding = settings::accessors(
    Binding::new("report")
        .partial(
            "writeReport",
            write_report,
            "no native stack and no reports of workers; handles without their addresses",
        )
        .partial("getReport", get_report, "as writeReport"),
);

/// `writeReport(event, trigger, filename | null, error)`: the name of the file, empty if it could not be written.
fn write_report<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (event, trigger) = (args.text(scope, 0)?, args.text(scope, 1)?);
    let env = scope.env();
    let settings = settings(scope);
    let mut name = if args.get(2).is_string() {
        args.text(scope, 2)?
    } else {
        String::new()
    };
    if name.is_empty() {
        name.clone_from(&settings.filename.borrow());
    }
    if name.is_empty() {
        name = crate::diagnostic_file::name(&env, "report", "json");
    }
    let header = Header {
        event: &event,
        trigger: &trigger,
        filename: Some(&name),
    };
    let report = content::report(scope, &header, args.get(3))?;
    let text = if settings.compact.get() {
        serde_json::to_string(&report)
    } else {
        serde_json::to_string_pretty(&report)
    };
    let text = text.unwrap_or_default() + "\n";
    match name.as_str() {
        "stdout" => crate::program::write_all(env.task(), cenote_base::Fd::new(1), text.as_bytes()),
        "stderr" => env.print_error(text.as_bytes()),
        _ => {
            let directory = settings.directory.borrow().clone();
            let path = if directory.is_empty() {
                name.clone()
            } else {
                format!("{directory}/{name}")
            };
            if let Err(errno) =
                crate::diagnostic_file::write(&env, path.as_bytes(), text.as_bytes())
            {
                let place = if directory.is_empty() {
                    String::new()
                } else {
                    format!(" directory: {directory}")
                };
                let number = errno.raw();
                env.print_error(
                    format!(
                        "\nFailed to open Node.js report file: {name}{place} (errno: {number})\n"
                    )
                    .as_bytes(),
                );
                return Ok(scope.text("").into());
            }
            env.print_error(format!("\nWriting Node.js report to file: {name}").as_bytes());
        }
    }
    env.print_error(b"\nNode.js report completed\n");
    Ok(scope.string(&name)?.into())
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
