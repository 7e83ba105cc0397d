//! `internalBinding('url_pattern')`: `URLPattern`. Node: `src/node_url_pattern.cc` over ada; WHATWG URL Pattern.
//!
//! The crate `urlpattern` parses patterns and makes their regular expressions; V8 runs them, as it does for Node, so that a
//! pattern may hold whatever JavaScript's regular expressions may.

use std::borrow::Cow;
use std::rc::Rc;

use urlpattern::quirks::{
    self, EcmaRegexp, MatchInput, StringOrInit, UrlPatternComponent, UrlPatternInit,
};
use urlpattern::{RegexSyntax, UrlPatternOptions};

use crate::glue::{
    Args, Binding, BindingResult, Class, Failure, Native, Object, Scope, ScopeExt, Value, attach,
};

pub(super) const BINDING: Binding = Binding::new("url_pattern").class(&URL_PATTERN);

static URL_PATTERN: Class = Class::new("URLPattern", new_pattern)
    .getter("protocol", |scope, args| text(scope, args, PROTOCOL))
    .shown()
    .getter("username", |scope, args| text(scope, args, USERNAME))
    .shown()
    .getter("password", |scope, args| text(scope, args, PASSWORD))
    .shown()
    .getter("hostname", |scope, args| text(scope, args, HOSTNAME))
    .shown()
    .getter("port", |scope, args| text(scope, args, PORT))
    .shown()
    .getter("pathname", |scope, args| text(scope, args, PATHNAME))
    .shown()
    .getter("search", |scope, args| text(scope, args, SEARCH))
    .shown()
    .getter("hash", |scope, args| text(scope, args, HASH))
    .shown()
    .getter("hasRegExpGroups", has_regexp_groups)
    .shown()
    .method("exec", exec)
    .method("test", test);

const NAMES: [&str; 8] = [
    "protocol", "username", "password", "hostname", "port", "pathname", "search", "hash",
];
const PROTOCOL: usize = 0;
const USERNAME: usize = 1;
const PASSWORD: usize = 2;
const HOSTNAME: usize = 3;
const PORT: usize = 4;
const PATHNAME: usize = 5;
const SEARCH: usize = 6;
const HASH: usize = 7;

/// A regular expression that V8 will make: nothing is checked here.
struct Expression(EcmaRegexp);

impl urlpattern::regexp::RegExp for Expression {
    fn syntax() -> RegexSyntax {
        EcmaRegexp::syntax()
    }

    fn parse(pattern: &str, flags: &str, _force_eval: bool) -> Result<Self, ()> {
        EcmaRegexp::parse(pattern, flags, false).map(Self)
    }

    /// Only asked whether a protocol matches a special scheme.
    fn matches<'a>(&self, text: &'a str) -> Option<Vec<Option<&'a str>>> {
        self.0.matches(text)
    }

    fn pattern_string(&self) -> &str {
        self.0.pattern_string()
    }
}

struct Component {
    text: String,
    groups: Vec<String>,
    expression: v8::Global<v8::RegExp>,
}

struct Pattern {
    components: Vec<Component>,
    has_regexp_groups: bool,
}

impl Native for Pattern {}

fn wrong_type(message: &str) -> Failure {
    Failure::type_error("ERR_INVALID_ARG_TYPE", message)
}

// Constructing

fn new_pattern<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    if !args.is_construct_call() {
        return Err(Failure::type_error(
            "ERR_CONSTRUCT_CALL_REQUIRED",
            "Cannot call constructor without `new`",
        ));
    }
    let input = input(scope, args.get(0), "Input must be an object or a string")?;
    let (base, options) = base_and_options(scope, args)?;
    let ignore_case = match options {
        Some(options) => scope
            .get_property(options, "ignoreCase")?
            .boolean_value(scope),
        None => false,
    };
    let pattern = parse(scope, input, base.as_deref(), ignore_case).ok_or_else(|| {
        Failure::type_error("ERR_INVALID_URL_PATTERN", "Failed to construct URLPattern")
    })?;
    attach(scope, args.this(), Rc::new(pattern));
    Ok(().into())
}

/// `(input, baseURL, options)`, `(input, options)`, `(input, baseURL)`.
fn base_and_options<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
) -> Result<(Option<String>, Option<Object<'s>>), Failure> {
    let second = args.get(1);
    if args.len() <= 2 {
        if second.is_null_or_undefined() {
            return Ok((None, None));
        }
        if second.is_string() {
            return Ok((Some(second.to_rust_string_lossy(scope)), None));
        }
        return v8::Local::<v8::Object>::try_from(second)
            .map(|options| (None, Some(options)))
            .map_err(|_| wrong_type("second argument must be a string or object"));
    }
    let third = args.get(2);
    let options = if third.is_null_or_undefined() {
        None
    } else {
        let options = v8::Local::<v8::Object>::try_from(third)
            .map_err(|_| wrong_type("options must be an object"))?;
        Some(options)
    };
    let base = second.to_string(scope).ok_or(Failure::Pending)?;
    Ok((Some(base.to_rust_string_lossy(scope)), options))
}

fn input<'s>(
    scope: &Scope<'s, '_>,
    value: Value<'s>,
    message: &str,
) -> Result<StringOrInit<'static>, Failure> {
    if value.is_null_or_undefined() {
        return Ok(StringOrInit::Init(UrlPatternInit::default()));
    }
    if value.is_string() {
        let text = value.to_rust_string_lossy(scope);
        return Ok(StringOrInit::String(Cow::Owned(text)));
    }
    let object = v8::Local::<v8::Object>::try_from(value).map_err(|_| wrong_type(message))?;
    let field = |name: &str| {
        let value = scope.get_property(object, name)?;
        Ok::<_, Failure>(value.is_string().then(|| value.to_rust_string_lossy(scope)))
    };
    Ok(StringOrInit::Init(UrlPatternInit {
        protocol: field("protocol")?,
        username: field("username")?,
        password: field("password")?,
        hostname: field("hostname")?,
        port: field("port")?,
        pathname: field("pathname")?,
        search: field("search")?,
        hash: field("hash")?,
        base_url: field("baseURL")?,
    }))
}

fn parse(
    scope: &mut Scope<'_, '_>,
    input: StringOrInit<'_>,
    base: Option<&str>,
    ignore_case: bool,
) -> Option<Pattern> {
    let init = quirks::process_construct_pattern_input(input, base).ok()?;
    let options = UrlPatternOptions {
        regex_syntax: RegexSyntax::EcmaScript,
        ignore_case,
    };
    let parsed = quirks::parse_pattern::<Expression>(init, options).ok()?;
    let has_regexp_groups = parsed.has_regexp_groups;
    let parts = [
        parsed.protocol,
        parsed.username,
        parsed.password,
        parsed.hostname,
        parsed.port,
        parsed.pathname,
        parsed.search,
        parsed.hash,
    ];
    let components = parts
        .into_iter()
        .map(|part| component(scope, part, ignore_case))
        .collect::<Option<Vec<_>>>()?;
    Some(Pattern {
        components,
        has_regexp_groups,
    })
}

fn component(
    scope: &mut Scope<'_, '_>,
    part: UrlPatternComponent,
    ignore_case: bool,
) -> Option<Component> {
    let mut flags = v8::RegExpCreationFlags::UNICODE_SETS;
    flags.set(v8::RegExpCreationFlags::IGNORE_CASE, ignore_case);
    // A wrong expression is the pattern's error, not one of its own.
    v8::tc_scope!(let scope, scope);
    let source = scope.string(&part.regexp_string).ok()?;
    let expression = v8::RegExp::new(scope, source, flags)?;
    Some(Component {
        text: part.pattern_string,
        groups: part.group_name_list,
        expression: v8::Global::new(scope, expression),
    })
}

fn text<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>, which: usize) -> BindingResult<'s> {
    let pattern = args.native::<Pattern>(scope)?;
    let text = pattern
        .components
        .get(which)
        .map_or("", |component| component.text.as_str());
    Ok(scope.string(text)?.into())
}

fn has_regexp_groups<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pattern = args.native::<Pattern>(scope)?;
    Ok(pattern.has_regexp_groups.into())
}

// Matching

/// The parts of what is to be matched, and what the result shows as the inputs; `None` when it is no URL.
type Given = Option<(MatchInput, (StringOrInit<'static>, Option<String>))>;

fn given<'s>(
    scope: &Scope<'s, '_>,
    args: &Args<'s>,
    failure: &'static str,
) -> Result<Given, Failure> {
    let message = "URLPattern input needs to be a string or an object";
    let input = input(scope, args.get(0), message)?;
    let base = args.get(1);
    let base = if base.is_undefined() {
        None
    } else if base.is_string() || base.is_null() {
        Some(base.to_rust_string_lossy(scope))
    } else {
        return Err(wrong_type("baseURL must be a string"));
    };
    let processed = quirks::process_match_input(input, base.as_deref())
        .map_err(|_| Failure::type_error("ERR_OPERATION_FAILED", failure))?;
    Ok(processed.and_then(|(input, inputs)| Some((quirks::parse_match_input(input)?, inputs))))
}

/// One component's groups, by name; `None` when it does not match.
fn match_component<'s>(
    scope: &Scope<'s, '_>,
    component: &Component,
    input: &str,
) -> Result<Option<Object<'s>>, Failure> {
    let expression = v8::Local::new(scope, &component.expression);
    let subject = scope.string(input)?;
    let found = expression.exec(scope, subject).ok_or(Failure::Pending)?;
    if !found.is_array() {
        return Ok(None);
    }
    let groups = scope.object();
    for (index, name) in (1_u32..).zip(&component.groups) {
        let value = found.get_index(scope, index).ok_or(Failure::Pending)?;
        scope.set(groups, name, value);
    }
    Ok(Some(groups))
}

fn parts(input: &MatchInput) -> [&str; 8] {
    [
        &input.protocol,
        &input.username,
        &input.password,
        &input.hostname,
        &input.port,
        &input.pathname,
        &input.search,
        &input.hash,
    ]
}

fn test<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pattern = args.native::<Pattern>(scope)?;
    let Some((input, _)) = given(scope, args, "Failed to test URLPattern")? else {
        return Ok(false.into());
    };
    for (component, part) in pattern.components.iter().zip(parts(&input)) {
        if match_component(scope, component, part)?.is_none() {
            return Ok(false.into());
        }
    }
    Ok(true.into())
}

fn exec<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let pattern = args.native::<Pattern>(scope)?;
    let Some((input, inputs)) = given(scope, args, "Failed to exec URLPattern")? else {
        return Ok(scope.null().into());
    };
    let mut results = vec![("inputs", shown_inputs(scope, inputs)?)];
    let all = NAMES.iter().zip(&pattern.components).zip(parts(&input));
    for ((name, component), part) in all {
        let Some(groups) = match_component(scope, component, part)? else {
            return Ok(scope.null().into());
        };
        let matched = scope.object();
        scope.set(matched, "groups", groups.into());
        scope.set(matched, "input", scope.string(part)?.into());
        results.push((name, matched.into()));
    }
    // In Node they come out by name.
    results.sort_unstable_by_key(|(name, _)| *name);
    let result = scope.object();
    for (name, value) in results {
        scope.set(result, name, value);
    }
    Ok(result.into())
}

fn shown_inputs<'s>(
    scope: &Scope<'s, '_>,
    (input, base): (StringOrInit<'_>, Option<String>),
) -> Result<Value<'s>, Failure> {
    let first: Value<'s> = match input {
        StringOrInit::String(text) => scope.string(&text)?.into(),
        StringOrInit::Init(init) => {
            let object = scope.object();
            let fields = [
                ("protocol", init.protocol),
                ("username", init.username),
                ("password", init.password),
                ("hostname", init.hostname),
                ("port", init.port),
                ("pathname", init.pathname),
                ("search", init.search),
                ("hash", init.hash),
                ("baseURL", init.base_url),
            ];
            for (name, value) in fields {
                if let Some(value) = value {
                    scope.set(object, name, scope.string(&value)?.into());
                }
            }
            object.into()
        }
    };
    let mut shown = vec![first];
    if let Some(base) = base {
        shown.push(scope.string(&base)?.into());
    }
    Ok(scope.array(&shown).into())
}
