//! `internalBinding('report')`: settings of diagnostic reports; reports themselves are not written. Node: `src/node_report_module.cc`.

use std::cell::{Cell, RefCell};

use crate::glue::{Args, Binding, BindingResult, Scope, ScopeExt};

/// The settings, as `process.report` shows them.
#[derive(Default)]
struct Settings {
    compact: Cell<bool>,
    exclude_network: Cell<bool>,
    exclude_env: Cell<bool>,
    directory: RefCell<String>,
    filename: RefCell<String>,
    signal: RefCell<Option<String>>,
    on_fatal_error: Cell<bool>,
    on_signal: Cell<bool>,
    on_uncaught_exception: Cell<bool>,
}

macro_rules! flags {
    ($($get:ident $set:ident $field:ident;)*) => {
        $(fn $get<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
            Ok(scope.env().state::<Settings>().$field.get().into())
        }
        fn $set<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
            let on = args.bool(scope, 0);
            scope.env().state::<Settings>().$field.set(on);
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

pub(super) const BINDING: Binding = Binding::new("report")
    .note("settings are kept, reports are not written")
    .function("getCompact", get_compact)
    .function("setCompact", set_compact)
    .function("getExcludeNetwork", get_exclude_network)
    .function("setExcludeNetwork", set_exclude_network)
    .function("getExcludeEnv", get_exclude_env)
    .function("setExcludeEnv", set_exclude_env)
    .function("shouldReportOnFatalError", should_report_on_fatal_error)
    .function("setReportOnFatalError", set_report_on_fatal_error)
    .function("shouldReportOnSignal", should_report_on_signal)
    .function("setReportOnSignal", set_report_on_signal)
    .function(
        "shouldReportOnUncaughtException",
        should_report_on_uncaught_exception,
    )
    .function(
        "setReportOnUncaughtException",
        set_report_on_uncaught_exception,
    )
    .function("getDirectory", get_directory)
    .function("setDirectory", set_directory)
    .function("getFilename", get_filename)
    .function("setFilename", set_filename)
    .function("getSignal", get_signal)
    .function("setSignal", set_signal);

fn get_directory<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let settings = scope.env().state::<Settings>();
    let text = settings.directory.borrow();
    Ok(scope.string(&text)?.into())
}

fn set_directory<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    scope.env().state::<Settings>().directory.replace(text);
    Ok(().into())
}

fn get_filename<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let settings = scope.env().state::<Settings>();
    let text = settings.filename.borrow();
    Ok(scope.string(&text)?.into())
}

fn set_filename<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    scope.env().state::<Settings>().filename.replace(text);
    Ok(().into())
}

fn get_signal<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let settings = scope.env().state::<Settings>();
    let signal = settings.signal.borrow();
    Ok(scope.string(signal.as_deref().unwrap_or("SIGUSR2"))?.into())
}

fn set_signal<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let text = args.text(scope, 0)?;
    scope.env().state::<Settings>().signal.replace(Some(text));
    Ok(().into())
}
