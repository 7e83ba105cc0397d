//! `internalBinding('errors')`: stacks, and what happens to an exception nobody caught. Node: `src/node_errors.cc`.

use crate::environment::Stored;
use crate::glue::{Args, Binding, BindingResult, Failure, Object, Return, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("errors")
    .function(
        "setPrepareStackTraceCallback",
        set_prepare_stack_trace_callback,
    )
    .function(
        "setGetSourceMapErrorSource",
        set_get_source_map_error_source,
    )
    .function("setSourceMapsEnabled", set_source_maps_enabled)
    .function(
        "setMaybeCacheGeneratedSourceMap",
        set_maybe_cache_generated_source_map,
    )
    .function("setEnhanceStackForFatalException", set_enhance_stack)
    .function("noSideEffectsToString", no_side_effects_to_string)
    .function("triggerUncaughtException", trigger)
    .function("getErrorSourcePositions", get_error_source_positions);

/// Status of a process whose exception handler threw.
const EXCEPTION_IN_FATAL_EXCEPTION_HANDLER: i32 = 7;
/// Status when `process._fatalException` is not a function any more.
const INVALID_FATAL_EXCEPTION_MONKEY_PATCHING: i32 = 6;

/// Whether source maps decorate the stack, so that the native arrow is left out.
#[derive(Default)]
struct SourceMaps(std::cell::Cell<bool>);

fn keep<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, place: Stored) -> BindingResult<'s> {
    let function = args.function(0)?;
    scope.env().store(scope, place, function.into());
    Ok(().into())
}

fn set_prepare_stack_trace_callback<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    keep(scope, args, Stored::PrepareStackTrace)
}

fn set_get_source_map_error_source<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    keep(scope, args, Stored::GetSourceMapErrorSource)
}

fn set_maybe_cache_generated_source_map<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    keep(scope, args, Stored::MaybeCacheGeneratedSourceMap)
}

fn set_source_maps_enabled<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let on = args.bool(scope, 0);
    scope.env().state::<SourceMaps>().0.set(on);
    if on {
        crate::natives_syntax::ask_for_strings(scope);
    }
    Ok(().into())
}

/// Code that `eval` or `new Function` is about to compile may name a source map. Node: `ModifyCodeGenerationFromStrings`.
pub(crate) fn note_generated_code<'s>(
    scope: &mut Scope<'s, '_>,
    source: v8::Local<'s, v8::String>,
) {
    let env = scope.env();
    if !env.state::<SourceMaps>().0.get() {
        return;
    }
    if let Some(note) = env.stored_function(scope, Stored::MaybeCacheGeneratedSourceMap) {
        v8::tc_scope!(let catch, scope);
        // A map that cannot be read is none.
        let _noted = note.call(catch, catch.undefined(), &[source.into()]);
    }
}

fn set_enhance_stack<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (before, after) = (args.function(0)?, args.function(1)?);
    let env = scope.env();
    env.store(scope, Stored::EnhanceBeforeInspector, before.into());
    env.store(scope, Stored::EnhanceAfterInspector, after.into());
    Ok(().into())
}

fn no_side_effects_to_string<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    Ok(args
        .get(0)
        .to_detail_string(scope)
        .map_or(Return::Undefined, Into::into))
}

/// V8 formats a stack for the first time: Node's JavaScript does it. Node: `PrepareStackTraceCallback`.
pub(crate) fn prepare_stack_trace<'s>(
    scope: &mut Scope<'s, '_>,
    error: Value<'s>,
    sites: v8::Local<'s, v8::Array>,
) -> Value<'s> {
    let env = scope.env();
    let fallback = |scope: &Scope<'s, '_>| {
        error
            .to_string(scope)
            .map_or_else(|| scope.undefined(), Into::into)
    };
    let Some(prepare) = env.stored_function(scope, Stored::PrepareStackTrace) else {
        return fallback(scope);
    };
    let global = scope.get_current_context().global(scope);
    // `None` leaves the exception pending, which V8 takes instead of the returned value.
    prepare
        .call(
            scope,
            scope.undefined(),
            &[global.into(), error, sites.into()],
        )
        .unwrap_or_else(|| scope.undefined())
}

/// `triggerUncaughtException(error, fromPromise)`.
fn trigger<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let from_promise = args.bool(scope, 1);
    trigger_uncaught_exception(scope, args.get(0), None, from_promise);
    Ok(().into())
}

/// How many exceptions V8 itself has told of.
#[derive(Default)]
struct Messages(std::cell::Cell<u64>);

/// How many exceptions V8 itself has told of so far.
pub(crate) fn messages(env: &crate::environment::Environment) -> u64 {
    env.state::<Messages>().0.get()
}

/// V8 tells of an exception that left JavaScript.
pub(crate) fn message_came<'s>(
    scope: &mut Scope<'s, '_>,
    message: v8::Local<'s, v8::Message>,
    error: Value<'s>,
) {
    let messages = scope.env().state::<Messages>();
    messages.0.set(messages.0.get().wrapping_add(1));
    trigger_uncaught_exception(scope, error, Some(message), false);
}

/// Gives an exception to `process._fatalException`; when that does not handle it, prints it and ends the process.
/// Node: `TriggerUncaughtException`.
pub(crate) fn trigger_uncaught_exception<'s>(
    scope: &mut Scope<'s, '_>,
    error: Value<'s>,
    message: Option<v8::Local<'s, v8::Message>>,
    from_promise: bool,
) {
    let env = scope.env();
    if !env.can_call_into_js() || scope.is_execution_terminating() {
        return;
    }
    let message = message.unwrap_or_else(|| v8::Exception::create_message(scope, error));
    if !from_promise && aborts_on_uncaught(scope) {
        report_fatal_exception(scope, error, message, false);
        env.abort();
        return;
    }
    let process = env.process(scope);
    let handler = scope
        .get_property(process, "_fatalException")
        .ok()
        .and_then(|value| v8::Local::<v8::Function>::try_from(value).ok());
    let Some(handler) = handler else {
        report_fatal_exception(scope, error, message, false);
        env.exit(INVALID_FATAL_EXCEPTION_MONKEY_PATCHING);
        return;
    };
    let handled = {
        v8::tc_scope!(let catch, scope);
        let args = [error, catch.boolean(from_promise)];
        let handled = handler.call(catch, process.into(), &args);
        if handled.is_none() {
            if catch.has_terminated() || !env.can_call_into_js() {
                return;
            }
            // The handler itself threw: report what it threw.
            if let Some(inner) = catch.exception() {
                // A hook deep in a recursion found no room for the handler: who called the hook will have the same to say.
                if is_stack_overflow(catch, inner) && has_callers(catch) {
                    catch.rethrow();
                    return;
                }
                let message = catch
                    .message()
                    .unwrap_or_else(|| v8::Exception::create_message(catch, inner));
                catch.reset();
                let aborts = aborts_on_uncaught(catch);
                report_fatal_exception(catch, inner, message, !aborts);
                if aborts {
                    env.abort();
                    return;
                }
            }
            env.exit(EXCEPTION_IN_FATAL_EXCEPTION_HANDLER);
            return;
        }
        handled
    };
    // Anything but `false` means that somebody took it.
    if handled.is_none_or(|handled| !handled.is_false()) {
        return;
    }
    report_fatal_exception(scope, error, message, true);
    // An 'exit' listener may have set the code.
    let code = crate::event_loop::process_exit_code(scope)
        .ok()
        .flatten()
        .unwrap_or(1);
    crate::inspector::at_exit(scope);
    env.exit(code);
}

/// Node: `IsStackOverflowError`.
fn is_stack_overflow(scope: &Scope<'_, '_>, error: Value<'_>) -> bool {
    let Ok(object) = Object::try_from(error) else {
        return false;
    };
    let name = object.get_constructor_name().to_rust_string_lossy(scope);
    error.is_native_error()
        && name == "RangeError"
        && scope
            .get_property(v8::Local::new(scope, object), "message")
            .is_ok_and(|text| {
                text.to_rust_string_lossy(scope) == "Maximum call stack size exceeded"
            })
}

/// Whether JavaScript is running below.
fn has_callers(scope: &mut Scope<'_, '_>) -> bool {
    v8::StackTrace::current_stack_trace(scope, 1).is_some_and(|stack| stack.get_frame_count() > 0)
}

/// Writes where JavaScript is now to the process's standard error. Node: `PrintStackTrace`.
pub(super) fn print_stack(scope: &mut Scope<'_, '_>) {
    let limit = scope
        .env()
        .command_line()
        .given_number("--stack-trace-limit")
        .unwrap_or(10.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, then bounded"
    )]
    let limit = (limit as usize).min(200);
    let Some(stack) = v8::StackTrace::current_stack_trace(scope, limit) else {
        return;
    };
    let mut text = String::new();
    for index in 0..stack.get_frame_count() {
        let Some(frame) = stack.get_frame(scope, index) else {
            break;
        };
        let place = format!(
            "{}:{}:{}",
            frame
                .get_script_name_or_source_url(scope)
                .map(|name| name.to_rust_string_lossy(scope))
                .unwrap_or_default(),
            frame.get_line_number(),
            frame.get_column()
        );
        match frame.get_function_name(scope) {
            Some(name) if name.length() > 0 => {
                let name = name.to_rust_string_lossy(scope);
                text.push_str(&format!("    at {name} ({place})\n"));
            }
            _ => text.push_str(&format!("    at {place}\n")),
        }
    }
    scope.env().print_error(text.as_bytes());
}

/// Whether an exception that nobody catches ends the process as by SIGABRT: `--abort-on-uncaught-exception`, unless a handler
/// was set. Node: `ShouldAbortOnUncaughtException`.
fn aborts_on_uncaught(scope: &mut Scope<'_, '_>) -> bool {
    let env = scope.env();
    let line = env.command_line();
    line.v8_option("--abort-on-uncaught-exception").is_some()
        && env
            .field(scope, "util", "shouldAbortOnUncaughtToggle")
            .is_ok_and(|toggle| toggle.get(0) != 0.0)
}

/// Writes to the process's standard error, past all of JavaScript.
pub(crate) fn print(scope: &Scope<'_, '_>, text: &str) {
    scope.env().print_error(text.as_bytes());
}

/// Columns of an underline, the blanks before it included.
const MOST_UNDERLINE: usize = 1020;

/// The source line of a message with its underline, as Node prints it. Node: `GetErrorSource`.
pub(crate) fn error_source(
    scope: &mut Scope<'_, '_>,
    message: v8::Local<'_, v8::Message>,
) -> Option<String> {
    let line = message.get_source_line(scope)?.to_rust_string_lossy(scope);
    if line.contains("node-do-not-add-exception-line") {
        return None;
    }
    if scope.env().state::<SourceMaps>().0.get() {
        let mapped = original_source(scope, message);
        if mapped.is_some() {
            return mapped;
        }
    }
    let file = message.get_script_resource_name(scope)?;
    let file = if file.is_undefined() {
        // Of `new Function`.
        "<anonymous_script>".to_owned()
    } else {
        file.to_rust_string_lossy(scope)
    };
    let number = message.get_line_number(scope)?;
    let (start, end) = (message.get_start_column(), message.get_end_column());
    let mut text = format!("{file}:{number}\n{line}\n");
    // Node looks at columns as if they counted bytes, and so underlines too far left after wide characters.
    let bytes = line.as_bytes();
    if start <= end && end <= bytes.len() {
        let before = bytes.iter().take(start.min(MOST_UNDERLINE));
        text.extend(before.map(|byte| if *byte == b'\t' { '\t' } else { ' ' }));
        let left = MOST_UNDERLINE.saturating_sub(start);
        text.extend(std::iter::repeat_n('^', (end - start).min(left)));
        text.push('\n');
    }
    Some(text)
}

/// The line of the source that a source map names, with its underline, from JavaScript.
fn original_source(
    scope: &mut Scope<'_, '_>,
    message: v8::Local<'_, v8::Message>,
) -> Option<String> {
    v8::tc_scope!(let scope, scope);
    let env = scope.env();
    let find = env.stored_function(scope, Stored::GetSourceMapErrorSource)?;
    let file: Value<'_> = message.get_script_resource_name(scope)?;
    let line = u32::try_from(message.get_line_number(scope)?).ok()?;
    let column = u32::try_from(message.get_start_column()).ok()?;
    let args = [
        file,
        v8::Integer::new_from_unsigned(scope, line).into(),
        v8::Integer::new_from_unsigned(scope, column).into(),
    ];
    // What it throws is nothing to those who see the error.
    let found = find.call(scope, scope.undefined(), &args)?;
    found.is_string().then(|| found.to_rust_string_lossy(scope))
}

/// Attaches the source line to an error, for `decorateErrorStack` and for the final report. Node: `AppendExceptionLine`.
pub(crate) fn append_exception_line<'s>(
    scope: &mut Scope<'s, '_>,
    error: Value<'s>,
    message: v8::Local<'s, v8::Message>,
    is_fatal: bool,
) {
    let object = Object::try_from(error).ok();
    // What was attached first says best where it came from.
    let is_attached = object
        .and_then(|object| object.get_private(scope, scope.private("node:arrowMessage")))
        .is_some_and(|arrow| arrow.is_string());
    if is_attached {
        return;
    }
    let Some(source) = error_source(scope, message) else {
        return;
    };
    match object {
        Some(object) if !is_fatal || object.is_native_error() => {
            let key = scope.private("node:arrowMessage");
            let _set = object.set_private(scope, key, scope.text(&source).into());
        }
        _ => print(scope, &format!("\n{source}")),
    }
}

/// Node: `ReportFatalException`.
fn report_fatal_exception<'s>(
    scope: &mut Scope<'s, '_>,
    error: Value<'s>,
    message: v8::Local<'s, v8::Message>,
    enhance: bool,
) {
    append_exception_line(scope, error, message, true);
    let object = Object::try_from(error).ok();
    let mut trace = None;
    let mut arrow = None;
    if let Some(object) = object {
        let env = scope.env();
        if enhance {
            for place in [
                Stored::EnhanceBeforeInspector,
                Stored::EnhanceAfterInspector,
            ] {
                v8::tc_scope!(let catch, scope);
                if let Some(enhancer) = env.stored_function(catch, place)
                    && let Some(enhanced) = enhancer.call(catch, catch.undefined(), &[error])
                {
                    trace = Some(enhanced);
                }
                if place == Stored::EnhanceBeforeInspector
                    && let Some(agent) = crate::inspector::existing(&env)
                {
                    agent.report_uncaught(catch, error, message);
                }
            }
        } else {
            trace = quiet_get(scope, object, "stack");
        }
        let is_decorated = object
            .get_private(scope, scope.private("node:decorated"))
            .is_some_and(|flag| flag.is_true());
        if !is_decorated {
            arrow = object
                .get_private(scope, scope.private("node:arrowMessage"))
                .filter(|arrow| arrow.is_string());
        }
    }
    let arrow = arrow
        .map(|arrow| format!("{}\n", arrow.to_rust_string_lossy(scope)))
        .unwrap_or_default();
    let trace = trace
        .filter(|trace| !trace.is_undefined())
        .map(|trace| trace.to_rust_string_lossy(scope))
        .filter(|trace| !trace.is_empty());
    if let Some(trace) = trace {
        print(scope, &format!("{arrow}{trace}\n"));
    } else {
        let part = |scope: &mut Scope<'s, '_>, name| {
            let value = object
                .and_then(|object| quiet_get(scope, object, name))
                .filter(|value| !value.is_undefined());
            value.map(|value| value.to_rust_string_lossy(scope))
        };
        match (part(scope, "name"), part(scope, "message")) {
            (Some(name), Some(message)) => print(scope, &format!("{arrow}{name}: {message}\n")),
            _ => {
                let text = quiet_to_string(scope, error)
                    .unwrap_or_else(|| "<toString() threw exception>".into());
                print(scope, &format!("{text}\n"));
            }
        }
        if !scope.env().command_line().is("--trace-uncaught") {
            print(
                scope,
                "(Use `node --trace-uncaught ...` to show where the exception was thrown)\n",
            );
        }
    }
    print_thrown_at(scope, message);
    super::report::of_uncaught(scope, error);
    if scope
        .env()
        .command_line()
        .is("--extra-info-on-fatal-exception")
    {
        print(
            scope,
            &format!("\nNode.js v{}\n", env!("CENOTE_NODE_VERSION")),
        );
    }
}

/// Where it was thrown, under `--trace-uncaught`.
fn print_thrown_at(scope: &Scope<'_, '_>, message: v8::Local<'_, v8::Message>) {
    if scope.env().command_line().is("--trace-uncaught")
        && let Some(stack) = message.get_stack_trace(scope)
    {
        let frames = stack_lines(scope, stack);
        print(scope, &format!("Thrown at:\n{frames}\n"));
    }
}

fn quiet_get<'s>(scope: &mut Scope<'s, '_>, object: Object<'s>, name: &str) -> Option<Value<'s>> {
    v8::tc_scope!(let catch, scope);
    catch.get_property(object, name).ok()
}

fn quiet_to_string<'s>(scope: &mut Scope<'s, '_>, value: Value<'s>) -> Option<String> {
    v8::tc_scope!(let catch, scope);
    value
        .to_string(catch)
        .map(|text| text.to_rust_string_lossy(catch))
}

fn stack_lines(scope: &Scope<'_, '_>, stack: v8::Local<'_, v8::StackTrace>) -> String {
    let mut text = String::new();
    for index in 0..stack.get_frame_count() {
        let Some(frame) = stack.get_frame(scope, index) else {
            break;
        };
        let script = frame
            .get_script_name(scope)
            .map(|name| name.to_rust_string_lossy(scope))
            .unwrap_or_default();
        let place = format!(
            "{script}:{}:{}",
            frame.get_line_number(),
            frame.get_column()
        );
        match frame
            .get_function_name(scope)
            .map(|name| name.to_rust_string_lossy(scope))
            .filter(|name| !name.is_empty())
        {
            Some(name) => text.push_str(&format!("    at {name} ({place})\n")),
            None => text.push_str(&format!("    at {place}\n")),
        }
    }
    text
}

/// Where an error was made, for `assert`'s messages.
fn get_error_source_positions<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let error = args.get(0);
    let message = v8::Exception::create_message(scope, error);
    let line = message.get_source_line(scope).ok_or(Failure::Pending)?;
    let script = message
        .get_script_resource_name(scope)
        .unwrap_or_else(|| scope.undefined());
    let number = message.get_line_number(scope).unwrap_or(0);
    let result = scope.object();
    scope.set(result, "sourceLine", line.into());
    scope.set(result, "scriptResourceName", script);
    #[expect(clippy::cast_precision_loss, reason = "line and column numbers")]
    for (name, value) in [
        ("lineNumber", number as f64),
        ("startColumn", message.get_start_column() as f64),
    ] {
        scope.set(result, name, scope.number(value));
    }
    Ok(result.into())
}
