//! What is set about reports, by options and by `process.report`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::glue::{Args, BindingResult, Scope, ScopeExt};

/// The settings, as `process.report` shows them.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Whether the options of the command line were taken over.
    is_ready: Cell<bool>,
    pub(super) compact: Cell<bool>,
    pub(super) exclude_network: Cell<bool>,
    pub(super) exclude_env: Cell<bool>,
    pub(super) directory: RefCell<String>,
    pub(super) filename: RefCell<String>,
    signal: RefCell<String>,
    on_fatal_error: Cell<bool>,
    on_signal: Cell<bool>,
    pub(super) on_uncaught_exception: Cell<bool>,
}

/// The settings of this thread: at first those of the command line.
pub(super) fn settings(scope: &Scope<'_, '_>) -> Rc<Settings> {
    let env = scope.env();
    let settings = env.state::<Settings>();
    if !settings.is_ready.replace(true) {
        let line = env.command_line();
        for (cell, option) in [
            (&settings.compact, "--report-compact"),
            (&settings.exclude_network, "--report-exclude-network"),
            (&settings.exclude_env, "--report-exclude-env"),
            (&settings.on_fatal_error, "--report-on-fatalerror"),
            (&settings.on_signal, "--report-on-signal"),
            (
                &settings.on_uncaught_exception,
                "--report-uncaught-exception",
            ),
        ] {
            cell.set(line.is(option));
        }
        for (cell, option) in [
            (&settings.directory, "--report-dir"),
            (&settings.filename, "--report-filename"),
            (&settings.signal, "--report-signal"),
        ] {
            cell.replace(line.text(option));
        }
    }
    settings
}

macro_rules! flags {
    ($($get:ident $set:ident $field:ident;)*) => {
        $(pub(super) fn $get<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
            Ok(settings(scope).$field.get().into())
        }
        pub(super) fn $set<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
            let on = args.bool(scope, 0);
            settings(scope).$field.set(on);
            Ok(().into())
        })*
    };
}

flags! {
    get_compact set_compact compact;
    get_exclude_network set_exclude_network exclude_network;
    get_exclude_env set_exclude_env exclude_env;
    should_report_on_fatal_error set_report_on_fatal_error on_fatal_error;
    should_report_on_signal set_report_on_signal on_signal;
    should_report_on_uncaught_exception set_report_on_uncaught_exception on_uncaught_exception;
}

pub(super) fn get_directory<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let settings = settings(scope);
    let text = settings.directory.borrow();
    Ok(scope.string(&text)?.into())
}

pub(super) fn set_directory<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    settings(scope).directory.replace(text);
    Ok(().into())
}

pub(super) fn get_filename<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let settings = settings(scope);
    let text = settings.filename.borrow();
    Ok(scope.string(&text)?.into())
}

pub(super) fn set_filename<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    settings(scope).filename.replace(text);
    Ok(().into())
}

pub(super) fn get_signal<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let settings = settings(scope);
    let signal = settings.signal.borrow();
    Ok(scope.string(&signal)?.into())
}

pub(super) fn set_signal<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    settings(scope).signal.replace(text);
    Ok(().into())
}
