//! `backup(source, path, options)`: copies a database, some pages in each turn of the loop.

use std::rc::Rc;

use super::values::{failure, to_exception};
use super::{database, options, wrong_type};
use crate::event_loop::after_callback;
use crate::glue::sqlite::{Backup, Connection, SqlError, SqlFailure};
use crate::glue::{Args, BindingResult, Failure, Scope, ScopeExt, Value, quota};

const DONE: i32 = 101;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;

struct Job {
    backup: Rc<Backup>,
    resolver: v8::Global<v8::PromiseResolver>,
    progress: Option<v8::Global<v8::Function>>,
    /// Keeps the source's object.
    _source: v8::Global<v8::Object>,
    rate: i32,
}

struct Settings<'s> {
    rate: i32,
    source: Vec<u8>,
    target: Vec<u8>,
    progress: Option<v8::Local<'s, v8::Function>>,
}

fn settings<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Settings<'s>, Failure> {
    let mut settings = Settings {
        rate: 100,
        source: b"main".to_vec(),
        target: b"main".to_vec(),
        progress: None,
    };
    if args.len() > 2 {
        let given = options::object(args.get(2))?;
        if let Some(rate) = options::integer(scope, given, "rate")? {
            if rate <= 0 {
                let message = "The \"options.rate\" argument must be a positive integer.";
                return Err(Failure::range_error("ERR_OUT_OF_RANGE", message));
            }
            settings.rate = rate;
        }
        if let Some(source) = options::string(scope, given, "source")? {
            settings.source = source;
        }
        if let Some(target) = options::string(scope, given, "target")? {
            settings.target = target;
        }
        settings.progress = options::function(scope, given, "progress")?;
    }
    Ok(settings)
}

pub(super) fn backup<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let object = v8::Local::<v8::Object>::try_from(args.get(0))
        .map_err(|_| wrong_type("The \"sourceDb\" argument must be an object."))?;
    let source = database::of(scope, object)
        .ok_or_else(Failure::illegal_invocation)?
        .connection()?;
    let path = options::path(scope, args.get(1))?;
    let settings = settings(scope, args)?;
    let resolver = v8::PromiseResolver::new(scope).ok_or(Failure::Pending)?;
    let env = scope.env();
    let begun = Connection::open(env.task(), quota(scope), &path, false)
        .map_err(SqlFailure::Sql)
        .and_then(|target| source.begin_backup(&settings.source, &target, &settings.target));
    match begun {
        Ok(backup) => {
            let job = Job {
                backup,
                resolver: v8::Global::new(scope, resolver),
                progress: settings
                    .progress
                    .map(|function| v8::Global::new(scope, function)),
                _source: v8::Global::new(scope, object),
                rate: settings.rate,
            };
            go_on(scope, job);
        }
        Err(error) => {
            let error = failure(scope, &error).to_exception(scope);
            let error = error.ok_or(Failure::Pending)?;
            resolver.reject(scope, error).ok_or(Failure::Pending)?;
        }
    }
    Ok(resolver.get_promise(scope).into())
}

fn go_on(scope: &Scope<'_, '_>, job: Job) {
    scope
        .env()
        .event_loop()
        .complete(move |scope| step(scope, job));
}

/// Copies some pages, and says how far it is.
fn step(scope: &mut Scope<'_, '_>, job: Job) {
    let Some((code, left, total)) = job.backup.step(job.rate) else {
        let error = to_exception(scope, &SqlError::of_code(21));
        settle(scope, &job, Err(error));
        return;
    };
    if !matches!(code, 0 | DONE | BUSY | LOCKED) {
        let error = to_exception(scope, &SqlError::of_code(code));
        settle(scope, &job, Err(error));
    } else if code == DONE {
        let total = v8::Integer::new(scope, total).into();
        settle(scope, &job, Ok(total));
    } else if left == 0 {
        let error = to_exception(scope, &job.backup.target_error());
        settle(scope, &job, Err(error));
    } else if let Err(error) = tell(scope, &job, total, left) {
        let error = v8::Local::new(scope, &error);
        settle(scope, &job, Err(error));
    } else {
        after_callback(scope);
        go_on(scope, job);
    }
}

/// Calls `progress`; its exception is the backup's failure.
fn tell(
    scope: &mut Scope<'_, '_>,
    job: &Job,
    total: i32,
    left: i32,
) -> Result<(), v8::Global<v8::Value>> {
    let Some(progress) = &job.progress else {
        return Ok(());
    };
    v8::tc_scope!(let catch, scope);
    let info = catch.object();
    catch.set(info, "totalPages", v8::Integer::new(catch, total).into());
    catch.set(info, "remainingPages", v8::Integer::new(catch, left).into());
    let progress = v8::Local::new(catch, progress);
    let nothing = catch.null();
    if progress.call(catch, nothing, &[info.into()]).is_some() {
        return Ok(());
    }
    let exception = catch.exception().unwrap_or_else(|| catch.undefined());
    Err(v8::Global::new(catch, exception))
}

fn settle<'s>(scope: &mut Scope<'s, '_>, job: &Job, outcome: Result<Value<'s>, Value<'s>>) {
    job.backup.finish();
    let resolver = v8::Local::new(scope, &job.resolver);
    let _settled = match outcome {
        Ok(value) => resolver.resolve(scope, value),
        Err(error) => resolver.reject(scope, error),
    };
    after_callback(scope);
}
