//! The time zone of a process: what `TZ` in its environment names, UTC without it; never the host's.
//!
//! V8 keeps a zone for each isolate but takes it from ICU's default, of which there is one in the host process. So [`adopt`]
//! makes the wanted zone the default, lets the isolate take it, and puts UTC back, one isolate at a time. `Intl` asks for the
//! default whenever it makes a format without a zone; in a process whose zone is not UTC `time_zone.js` names it there.
//!
//! Between the two steps an isolate of another VM could make a format without a zone and see a zone that is not its own.
//! That is some microseconds long, and a guest that changes its zone over and over is made to wait ([`FREE_CHANGES`]).

use std::cell::{Cell, RefCell};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt, Unlisted, Value};

const DEFAULT_ZONE: &str = "UTC";

/// How often a process may change its zone before each change costs [`PAUSE`].
const FREE_CHANGES: u32 = 64;
const PAUSE: Duration = Duration::from_millis(2);

/// Held while ICU's default zone is that of one isolate.
static CHANGING: Mutex<()> = Mutex::new(());

/// The zone of an isolate.
#[derive(Default)]
struct TimeZone {
    /// Its name for ICU; empty before the first [`adopt`].
    name: RefCell<String>,
    changes: Cell<u32>,
    is_installed: Cell<bool>,
    /// `Date.prototype.getTimezoneOffset` as it was before code of a guest ran.
    offset: RefCell<Option<v8::Global<v8::Function>>>,
}

/// Makes UTC the default of ICU, once per host process.
pub(crate) fn initialize() {
    let _known = v8::icu::set_default_time_zone(DEFAULT_ZONE);
}

/// Remembers what V8 offers, before code of a guest runs, and takes the zone that the environment names.
pub(crate) fn start(scope: &mut Scope<'_, '_>, zone: Option<&str>) -> Result<(), Failure> {
    let global = scope.get_current_context().global(scope);
    let mut offset: Value<'_> = global.into();
    for name in ["Date", "prototype", "getTimezoneOffset"] {
        let object = Object::try_from(offset).map_err(|_| Failure::Pending)?;
        offset = scope.get_property(object, name)?;
    }
    let offset = v8::Local::<v8::Function>::try_from(offset).map_err(|_| Failure::Pending)?;
    let offset = v8::Global::new(scope, offset);
    *scope.env().state::<TimeZone>().offset.borrow_mut() = Some(offset);
    adopt(scope, zone)
}

/// The zone's name, for a worker to [`start`] with.
pub(crate) fn name(scope: &Scope<'_, '_>) -> String {
    scope.env().state::<TimeZone>().name.borrow().clone()
}

/// Makes `zone` that of this isolate's dates: a name of the time zone database, with or without the `:` of POSIX. One that is
/// not known means UTC, as on Linux.
pub(crate) fn adopt(scope: &mut Scope<'_, '_>, zone: Option<&str>) -> Result<(), Failure> {
    let zone = zone
        .map(|zone| zone.strip_prefix(':').unwrap_or(zone))
        .filter(|zone| !zone.is_empty())
        .unwrap_or(DEFAULT_ZONE);
    let state = scope.env().state::<TimeZone>();
    if *state.name.borrow() == zone {
        return Ok(());
    }
    zone.clone_into(&mut state.name.borrow_mut());
    state.changes.set(state.changes.get().saturating_add(1));
    if state.changes.get() > FREE_CHANGES {
        std::thread::sleep(PAUSE);
    }
    let offset = state.offset.borrow().clone();
    let offset = offset
        .ok_or_else(|| Failure::error("ERR_INTERNAL_ASSERTION", "the time zone is not started"))?;
    let offset = v8::Local::new(scope, offset);
    let date = v8::Date::new(scope, 0.0).ok_or(Failure::Pending)?;
    let guard = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let is_known = v8::icu::set_default_time_zone(zone);
    scope.date_time_configuration_change_notification(v8::TimeZoneDetection::Skip);
    // V8 takes the default when it first needs it: now. The function is V8's own, no code of a guest runs.
    let taken = offset.call(scope, date.into(), &[]);
    let _restored = v8::icu::set_default_time_zone(DEFAULT_ZONE);
    drop(guard);
    taken.ok_or(Failure::Pending)?;
    if !is_known {
        DEFAULT_ZONE.clone_into(&mut state.name.borrow_mut());
    }
    if *state.name.borrow() != DEFAULT_ZONE && !state.is_installed.replace(true) {
        install(scope)?;
    }
    Ok(())
}

/// Lets `Intl.DateTimeFormat` and the locale methods of `Date` take the zone of the process where none is asked for.
fn install(scope: &mut Scope<'_, '_>) -> Result<(), Failure> {
    let source = v8::String::new(scope, include_str!("time_zone.js")).ok_or(Failure::Pending)?;
    let name = scope.text("node:internal/cenote/time_zone");
    let origin = v8::ScriptOrigin::new(
        scope,
        name.into(),
        0,
        0,
        false,
        -1,
        None,
        false,
        false,
        false,
        None,
    );
    let install = v8::Script::compile(scope, source, Some(&origin))
        .and_then(|script| script.run(scope))
        .ok_or(Failure::Pending)?;
    let install = v8::Local::<v8::Function>::try_from(install).map_err(|_| Failure::Pending)?;
    let current = scope
        .function("currentTimeZone", &CURRENT)
        .ok_or(Failure::Pending)?;
    let receiver = v8::undefined(scope);
    install
        .call(scope, receiver.into(), &[current.into()])
        .ok_or(Failure::Pending)?;
    Ok(())
}

/// The zone's name, for `time_zone.js`.
fn current<'s>(scope: &mut Scope<'s, '_>, _: &Args<'s>) -> BindingResult<'s> {
    Ok(scope.text(&name(scope)).into())
}

/// The function behind `currentTimeZone`; to be registered with the bindings.
pub(crate) static CURRENT: Unlisted = Unlisted::new(current);
