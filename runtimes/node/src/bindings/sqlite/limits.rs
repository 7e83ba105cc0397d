//! `database.limits`: an object whose properties are SQLite's limits. SQLite: <https://sqlite.org/limits.html>.

use std::rc::Rc;

use super::statement::{made_by_us, make, owner};
use super::{database, options, wrong_state, wrong_type};
use crate::glue::sqlite::Connection;
use crate::glue::{
    Args, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Unlisted, Value,
};

pub(in crate::bindings) static LIMITS: Class =
    Class::new("DatabaseSyncLimits", made_by_us).fields(2);

struct Limits;

impl Native for Limits {}

/// Name, number, how it is read and set.
type Limit = (&'static str, i32, Unlisted, Unlisted);

/// The limits Node shows, in SQLite's order.
static TABLE: [Limit; 11] = [
    limit::<0>("length"),
    limit::<1>("sqlLength"),
    limit::<2>("column"),
    limit::<3>("exprDepth"),
    limit::<4>("compoundSelect"),
    limit::<5>("vdbeOp"),
    limit::<6>("functionArg"),
    limit::<7>("attach"),
    limit::<8>("likePatternLength"),
    limit::<9>("variableNumber"),
    limit::<10>("triggerDepth"),
];

const fn limit<const NUMBER: i32>(name: &'static str) -> Limit {
    (
        name,
        NUMBER,
        Unlisted::new(read_limit::<NUMBER>),
        Unlisted::new(set_limit::<NUMBER>),
    )
}

/// The functions of the table, which no binding names.
pub(super) fn accessors() -> impl Iterator<Item = &'static Unlisted> {
    TABLE.iter().flat_map(|(_, _, read, set)| [read, set])
}

/// The object of a database.
pub(super) fn new_object<'s>(
    scope: &mut Scope<'s, '_>,
    database: Object<'s>,
) -> Result<Object<'s>, Failure> {
    let object = make(scope, &LIMITS, database, Limits)?;
    for (name, _, read, set) in &TABLE {
        let read = scope.function(name, read).ok_or(Failure::Pending)?;
        let set = scope.function(name, set).ok_or(Failure::Pending)?;
        let mut descriptor = v8::PropertyDescriptor::new_from_get_set(read.into(), set.into());
        descriptor.set_enumerable(true);
        descriptor.set_configurable(false);
        object
            .define_property(scope, scope.name(name).into(), &descriptor)
            .ok_or(Failure::Pending)?;
    }
    Ok(object)
}

fn connection<'s>(scope: &Scope<'s, '_>, args: &Args<'s>) -> Result<Rc<Connection>, Failure> {
    args.native::<Limits>(scope)?;
    owner(scope, args.this())
        .and_then(|database| database::of(scope, database))
        .ok_or_else(|| wrong_state("database is not open"))?
        .connection()
}

fn read_limit<'s, const NUMBER: i32>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    Ok(connection(scope, args)?.limit(NUMBER, -1).into())
}

fn set_limit<'s, const NUMBER: i32>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let connection = connection(scope, args)?;
    let value = args.get(0);
    let refused = || wrong_type("Limit value must be a non-negative integer or Infinity.");
    let number = v8::Local::<v8::Number>::try_from(value)
        .map_err(|_| refused())?
        .value();
    let to = if number == f64::INFINITY {
        i32::MAX
    } else {
        let whole = v8::Local::<v8::Int32>::try_from(value).map_err(|_| refused())?;
        whole.value()
    };
    if to < 0 {
        let message = "Limit value must be non-negative.";
        return Err(Failure::range_error("ERR_OUT_OF_RANGE", message));
    }
    connection.limit(NUMBER, to);
    Ok(().into())
}

/// The option `limits` of the constructor.
pub(super) fn read<'s>(
    scope: &Scope<'s, '_>,
    value: Value<'s>,
) -> Result<Vec<(i32, i32)>, Failure> {
    let given = v8::Local::<v8::Object>::try_from(value)
        .map_err(|_| wrong_type("The \"options.limits\" argument must be an object."))?;
    let mut limits = Vec::new();
    for (name, which, ..) in &TABLE {
        let Some(value) = options::given(scope, given, name)? else {
            continue;
        };
        let number = v8::Local::<v8::Int32>::try_from(value).map_err(|_| {
            wrong_type(&format!(
                "The \"options.limits.{name}\" argument must be an integer."
            ))
        })?;
        if number.value() < 0 {
            let message = format!("The \"options.limits.{name}\" argument must be non-negative.");
            return Err(Failure::range_error("ERR_OUT_OF_RANGE", message));
        }
        limits.push((*which, number.value()));
    }
    Ok(limits)
}
