//! What JavaScript gives to SQL: functions, aggregates, and who permits what.

use std::rc::Rc;

use super::values::{self, failure};
use super::{database, options, wrong_type};
use crate::glue::sqlite::{
    Aggregate, Authorizer, CallbackError, FunctionFlags, ScalarFunction, SqlValue,
};
use crate::glue::{Args, BindingResult, Failure, Object, Scope, ScopeExt, Value, js_string_bytes};

/// The arguments of a call from SQL.
fn arguments<'s>(
    scope: &mut Scope<'s, '_>,
    args: &[SqlValue],
    uses_bigints: bool,
) -> Result<Vec<Value<'s>>, CallbackError> {
    let mut values = Vec::with_capacity(args.len() + 1);
    for value in args {
        match values::to_js(scope, value.clone(), uses_bigints) {
            Ok(value) => values.push(value),
            Err(error) => {
                error.throw(scope);
                return Err(CallbackError::Threw);
            }
        }
    }
    Ok(values)
}

fn name_of(scope: &Scope<'_, '_>, value: Value<'_>) -> Result<Vec<u8>, Failure> {
    v8::Local::<v8::String>::try_from(value)
        .map(|string| js_string_bytes(scope, string))
        .map_err(|_| wrong_type("The \"name\" argument must be a string."))
}

/// A function's `length`.
fn length<'s>(
    scope: &Scope<'s, '_>,
    function: v8::Local<'s, v8::Function>,
) -> Result<i32, Failure> {
    let length = scope.get_property(function.into(), "length")?;
    Ok(length.int32_value(scope).unwrap_or(0))
}

struct Scalar {
    function: v8::Global<v8::Function>,
    uses_bigints: bool,
}

impl ScalarFunction for Scalar {
    fn call(
        &self,
        scope: &mut Scope<'_, '_>,
        args: &[SqlValue],
    ) -> Result<SqlValue, CallbackError> {
        let args = arguments(scope, args, self.uses_bigints)?;
        let function = v8::Local::new(scope, &self.function);
        let result = function
            .call(scope, scope.undefined(), &args)
            .ok_or(CallbackError::Threw)?;
        values::to_result(scope, result)
    }
}

/// `function(name, options, fn)`, `function(name, fn)`.
pub(super) fn add_function<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = database::this(scope, args)?.connection()?;
    let name = name_of(scope, args.get(0))?;
    let mut flags = FunctionFlags::default();
    let (mut uses_bigints, mut varargs) = (false, false);
    let at = if args.len() < 3 { 1 } else { 2 };
    if at == 2 {
        let given = options::object(args.get(1))?;
        uses_bigints = options::boolean(scope, given, "useBigIntArguments", false)?;
        varargs = options::boolean(scope, given, "varargs", false)?;
        flags.is_deterministic = options::boolean(scope, given, "deterministic", false)?;
        flags.is_direct_only = options::boolean(scope, given, "directOnly", false)?;
    }
    let function = v8::Local::<v8::Function>::try_from(args.get(at))
        .map_err(|_| wrong_type("The \"function\" argument must be a function."))?;
    let count = if varargs {
        -1
    } else {
        length(scope, function)?
    };
    let scalar = Scalar {
        function: v8::Global::new(scope, function),
        uses_bigints,
    };
    connection
        .add_function(&name, count, flags, Box::new(scalar))
        .map_err(|error| failure(scope, &error))?;
    Ok(().into())
}

struct Accumulator {
    start: v8::Global<v8::Value>,
    step: v8::Global<v8::Function>,
    inverse: Option<v8::Global<v8::Function>>,
    result: Option<v8::Global<v8::Function>>,
    uses_bigints: bool,
}

impl Aggregate for Accumulator {
    fn start(&self, scope: &mut Scope<'_, '_>) -> Result<v8::Global<v8::Value>, CallbackError> {
        let start = v8::Local::new(scope, &self.start);
        let Ok(function) = v8::Local::<v8::Function>::try_from(start) else {
            return Ok(self.start.clone());
        };
        let value = function
            .call(scope, scope.null(), &[])
            .ok_or(CallbackError::Threw)?;
        Ok(v8::Global::new(scope, value))
    }

    fn step(
        &self,
        scope: &mut Scope<'_, '_>,
        state: &v8::Global<v8::Value>,
        args: &[SqlValue],
        is_inverse: bool,
    ) -> Result<v8::Global<v8::Value>, CallbackError> {
        let mut args = arguments(scope, args, self.uses_bigints)?;
        args.insert(0, v8::Local::new(scope, state));
        let function = match &self.inverse {
            Some(inverse) if is_inverse => inverse,
            _ => &self.step,
        };
        let function = v8::Local::new(scope, function);
        let value = function
            .call(scope, scope.undefined(), &args)
            .ok_or(CallbackError::Threw)?;
        Ok(v8::Global::new(scope, value))
    }

    fn value(
        &self,
        scope: &mut Scope<'_, '_>,
        state: &v8::Global<v8::Value>,
    ) -> Result<SqlValue, CallbackError> {
        let state = v8::Local::new(scope, state);
        let value = match &self.result {
            None => state,
            Some(result) => {
                let result = v8::Local::new(scope, result);
                result
                    .call(scope, scope.null(), &[state])
                    .ok_or(CallbackError::Threw)?
            }
        };
        values::to_result(scope, value)
    }
}

/// `aggregate(name, options)`.
pub(super) fn add_aggregate<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let connection = database::this(scope, args)?.connection()?;
    let name = name_of(scope, args.get(0))?;
    let given = options::object(args.get(1))?;
    let start = scope.get_property(given, "start")?;
    if start.is_undefined() {
        return Err(wrong_type(
            "The \"options.start\" argument must be a function or a primitive value.",
        ));
    }
    let step = v8::Local::<v8::Function>::try_from(scope.get_property(given, "step")?)
        .map_err(|_| wrong_type("The \"options.step\" argument must be a function."))?;
    let result = scope.get_property(given, "result")?;
    let result = v8::Local::<v8::Function>::try_from(result).ok();
    let uses_bigints = options::boolean(scope, given, "useBigIntArguments", false)?;
    let varargs = options::boolean(scope, given, "varargs", false)?;
    let flags = FunctionFlags {
        is_deterministic: false,
        is_direct_only: options::boolean(scope, given, "directOnly", false)?,
    };
    let inverse = options::function(scope, given, "inverse")?;
    let count = if varargs {
        -1
    } else {
        // The first argument is the state.
        let mut count = length(scope, step)?.saturating_sub(1);
        if let Some(inverse) = inverse {
            count = count.max(length(scope, inverse)?.saturating_sub(1));
        }
        count.max(0)
    };
    let accumulator = Accumulator {
        start: v8::Global::new(scope, start),
        step: v8::Global::new(scope, step),
        inverse: inverse.map(|function| v8::Global::new(scope, function)),
        result: result.map(|function| v8::Global::new(scope, function)),
        uses_bigints,
    };
    connection
        .add_aggregate(
            &name,
            count,
            flags,
            inverse.is_some(),
            Box::new(accumulator),
        )
        .map_err(|error| failure(scope, &error))?;
    Ok(().into())
}

/// The authorizer of a database: its function is in a field of the database's object, where the collector sees it.
struct Permission {
    database: i32,
}

impl Authorizer for Permission {
    fn authorize(
        &self,
        scope: &mut Scope<'_, '_>,
        action: i32,
        details: [Option<Vec<u8>>; 4],
    ) -> Result<i32, CallbackError> {
        const DENIED: CallbackError = CallbackError::Message("not authorized");
        let env = scope.env();
        let object = env.natives().object(scope, self.database).ok_or(DENIED)?;
        let function = object
            .get_internal_field(scope, database::AUTHORIZER_FIELD)
            .and_then(|field| Value::try_from(field).ok())
            .and_then(|value| v8::Local::<v8::Function>::try_from(value).ok())
            .ok_or(DENIED)?;
        let mut args: Vec<Value<'_>> = vec![v8::Integer::new(scope, action).into()];
        for detail in details {
            args.push(detail.map_or_else(|| scope.null(), |text| scope.utf8(&text).into()));
        }
        let result = function
            .call(scope, scope.undefined(), &args)
            .ok_or(CallbackError::Threw)?;
        let refused = |scope: &mut Scope<'_, '_>, failure: Failure| {
            failure.throw(scope);
            CallbackError::Threw
        };
        let Ok(code) = v8::Local::<v8::Int32>::try_from(result) else {
            let message = "Authorizer callback must return an integer authorization code";
            return Err(refused(scope, wrong_type(message)));
        };
        if !(0..=2).contains(&code.value()) {
            let message = "Authorizer callback returned a invalid authorization code";
            let failure = Failure::range_error("ERR_OUT_OF_RANGE", message);
            return Err(refused(scope, failure));
        }
        Ok(code.value())
    }
}

/// `setAuthorizer(fn)`, `setAuthorizer(null)`.
pub(super) fn set_authorizer<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let database = database::this(scope, args)?;
    let connection = database.connection()?;
    let callback = args.get(0);
    let this: Object<'s> = args.this();
    let authorizer: Option<Rc<dyn Authorizer>> = if callback.is_null() {
        None
    } else if callback.is_function() {
        let database = database.number();
        Some(Rc::new(Permission { database }))
    } else {
        let message = "The \"callback\" argument must be a function or null.";
        return Err(wrong_type(message));
    };
    this.set_internal_field(database::AUTHORIZER_FIELD, callback.into());
    connection
        .set_authorizer(authorizer)
        .map_err(|error| failure(scope, &error))?;
    Ok(().into())
}
