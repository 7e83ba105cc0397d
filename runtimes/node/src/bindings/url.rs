//! `internalBinding('url')`: the WHATWG URL parser. Node: `src/node_url.cc` (over ada); here the `url` crate.
//!
//! Results go to JavaScript as the `href` and nine offsets into it (`urlComponents`), laid out as ada's `url_components`.

use url::{Position, Url};

use crate::glue::{Args, Binding, BindingResult, Failure, Return, Scope, ScopeExt};

pub(super) const BINDING: Binding = Binding::new("url")
    .function("parse", parse)
    .function("canParse", can_parse)
    .fast(&fast::CAN_PARSE)
    .function("pathToFileURL", path_to_file_url)
    .function("update", update)
    .function("format", format)
    .function("getOrigin", get_origin)
    .function("domainToASCII", domain_to_ascii)
    .function("domainToUnicode", domain_to_unicode);

const OMITTED: f64 = 4_294_967_295.0;

fn parse_with_base(input: &str, base: Option<&str>) -> Option<Url> {
    match base {
        Some(base) => Url::parse(base).ok()?.join(input).ok(),
        None => Url::parse(input).ok(),
    }
}

/// `TypeError [ERR_INVALID_URL]: Invalid URL` with what was given.
pub(super) fn invalid<'s>(scope: &Scope<'s, '_>, input: &str, base: Option<&str>) -> Failure {
    let failure = Failure::type_error("ERR_INVALID_URL", "Invalid URL");
    let Some(error) = failure.to_exception(scope) else {
        return Failure::Pending;
    };
    if let Ok(object) = v8::Local::<v8::Object>::try_from(error) {
        scope.set(object, "input", scope.text(input).into());
        if let Some(base) = base {
            scope.set(object, "base", scope.text(base).into());
        }
    }
    Failure::Thrown(v8::Global::new(scope, error))
}

/// Writes the offsets and returns the href.
fn publish<'s>(scope: &mut Scope<'s, '_>, url: &Url) -> BindingResult<'s> {
    let at = |position: Position| url[..position].len();
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    let protocol_end = at(Position::AfterScheme) + 1;
    let has_authority = url.has_authority();
    let (username_end, host_start, host_end) = if has_authority {
        let host = at(Position::BeforeHost);
        (
            at(Position::AfterUsername),
            if has_credentials { host - 1 } else { host },
            at(Position::AfterHost),
        )
    } else {
        (protocol_end, protocol_end, protocol_end)
    };
    let scheme = match url.scheme() {
        "http" => 0.0,
        "https" => 2.0,
        "ws" => 3.0,
        "ftp" => 4.0,
        "wss" => 5.0,
        "file" => 6.0,
        _ => 1.0,
    };
    #[expect(clippy::cast_precision_loss, reason = "offsets fit a double")]
    let values = [
        protocol_end as f64,
        username_end as f64,
        host_start as f64,
        host_end as f64,
        url.port().map_or(OMITTED, f64::from),
        at(Position::BeforePath) as f64,
        url.query()
            .map_or(OMITTED, |_| (at(Position::BeforeQuery) - 1) as f64),
        url.fragment()
            .map_or(OMITTED, |_| (at(Position::BeforeFragment) - 1) as f64),
        scheme,
    ];
    let components = scope.env().field(scope, "url", "urlComponents")?;
    for (index, value) in values.into_iter().enumerate() {
        components.set(index, value);
    }
    Ok(scope.string(url.as_str())?.into())
}

/// `parse(input, base, raise)`.
fn parse<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let input = args.text(scope, 0)?;
    let base = if args.get(1).is_string() {
        Some(args.text(scope, 1)?)
    } else {
        None
    };
    let raise = args.bool(scope, 2);
    match parse_with_base(&input, base.as_deref()) {
        Some(url) => publish(scope, &url),
        None if raise => Err(invalid(scope, &input, base.as_deref())),
        None => Ok(Return::Undefined),
    }
}

fn can_parse<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let input = args.text(scope, 0)?;
    let base = if args.get(1).is_string() {
        Some(args.text(scope, 1)?)
    } else {
        None
    };
    Ok(parse_with_base(&input, base.as_deref()).is_some().into())
}

/// What optimised JavaScript calls.
mod fast {
    use encoding_rs::mem::decode_latin1;

    use super::parse_with_base;
    use crate::glue::{Failure, FastContext, fast_call};

    fast_call!(CAN_PARSE: can_parse(text) -> bool, can_parse_with_base(text, text) -> bool);

    #[expect(clippy::unnecessary_wraps, reason = "the shape of fast calls")]
    fn can_parse(_: FastContext<'_>, input: &[u8]) -> Result<bool, Failure> {
        Ok(parse_with_base(&decode_latin1(input), None).is_some())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of fast calls")]
    fn can_parse_with_base(_: FastContext<'_>, input: &[u8], base: &[u8]) -> Result<bool, Failure> {
        Ok(parse_with_base(&decode_latin1(input), Some(&decode_latin1(base))).is_some())
    }
}

/// `pathToFileURL(path, isWindows, hostname)`: what a URL would take as special is escaped first.
fn path_to_file_url<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = args.text(scope, 0)?;
    let is_windows = args.bool(scope, 1);
    let mut escaped = String::with_capacity(path.len() + 8);
    for char in path.chars() {
        match char {
            '%' => escaped.push_str("%25"),
            '\\' if !is_windows => escaped.push_str("%5C"),
            '\n' => escaped.push_str("%0A"),
            '\r' => escaped.push_str("%0D"),
            '\t' => escaped.push_str("%09"),
            '?' => escaped.push_str("%3F"),
            '#' => escaped.push_str("%23"),
            '[' => escaped.push_str("%5B"),
            ']' => escaped.push_str("%5D"),
            '^' => escaped.push_str("%5E"),
            '|' => escaped.push_str("%7C"),
            '~' => escaped.push_str("%7E"),
            other => escaped.push(other),
        }
    }
    let mut url = Url::parse("file://").ok();
    if is_windows {
        // `C:` must not become a scheme.
        if let Some(url) = &mut url {
            url::quirks::set_pathname(url, &escaped);
        }
    } else {
        url = url.and_then(|base| base.join(&escaped).ok());
    }
    // A path that begins with two slashes must not become a host.
    if !is_windows && escaped.starts_with("//") {
        url = Url::parse(&format!("file://{escaped}")).ok();
    }
    let Some(mut url) = url else {
        return Err(invalid(scope, &path, None));
    };
    if is_windows && args.get(2).is_string() {
        let host = args.text(scope, 2)?;
        // A colon would begin a port, which a share has not.
        let has_port = host.contains(':') && !host.starts_with('[');
        // What begins a path, a query or a fragment ends the host: `\\?\C:\` has none.
        let has_host = !host.starts_with(['/', '?', '#']);
        if has_host && (has_port || url::quirks::set_hostname(&mut url, &host).is_err()) {
            return Err(invalid(scope, &path, None));
        }
    }
    publish(scope, &url)
}

/// `update(href, action, value)`: what a setter of `URL` does; `false` when it changes nothing.
fn update<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let href = args.text(scope, 0)?;
    let action = args.i32(scope, 1)?;
    let value = args.text(scope, 2)?;
    let Ok(mut url) = Url::parse(&href) else {
        return Ok(false.into());
    };
    let changed = match action {
        0 => url::quirks::set_protocol(&mut url, &value).is_ok(),
        1 => url::quirks::set_host(&mut url, &value).is_ok(),
        2 => url::quirks::set_hostname(&mut url, &value).is_ok(),
        3 => url::quirks::set_port(&mut url, &value).is_ok(),
        4 => url::quirks::set_username(&mut url, &value).is_ok(),
        5 => url::quirks::set_password(&mut url, &value).is_ok(),
        6 => {
            url::quirks::set_pathname(&mut url, &value);
            true
        }
        7 => {
            url::quirks::set_search(&mut url, &value);
            true
        }
        8 => {
            url::quirks::set_hash(&mut url, &value);
            true
        }
        _ => match Url::parse(&value) {
            Ok(new) => {
                url = new;
                true
            }
            Err(_) => return Err(invalid(scope, &value, None)),
        },
    };
    if changed {
        publish(scope, &url)
    } else {
        Ok(false.into())
    }
}

/// `format(href, fragment, unicode, search, auth)`.
fn format<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let href = args.text(scope, 0)?;
    let [fragment, unicode, search, auth] = [1, 2, 3, 4].map(|index| args.bool(scope, index));
    let Ok(mut url) = Url::parse(&href) else {
        return Ok(scope.string(&href)?.into());
    };
    if !fragment {
        url.set_fragment(None);
    }
    if !search {
        url.set_query(None);
    }
    if !auth {
        let _cannot_have = url.set_username("");
        let _cannot_have = url.set_password(None);
    }
    let mut text = url.as_str().to_owned();
    if unicode && let Some(host) = url.host_str() {
        let (readable, _result) = idna::domain_to_unicode(host);
        text = format!(
            "{}{readable}{}",
            &url[..Position::BeforeHost],
            &url[Position::AfterHost..]
        );
    }
    Ok(scope.string(&text)?.into())
}

fn get_origin<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let href = args.text(scope, 0)?;
    match Url::parse(&href) {
        Ok(url) => Ok(scope.string(&url.origin().ascii_serialization())?.into()),
        Err(_) => Err(invalid(scope, &href, None)),
    }
}

/// The host of `ws://domain`, normalised; empty when it is none.
fn host_of(domain: &str) -> String {
    let mut url = match Url::parse("ws://x") {
        Ok(url) => url,
        Err(_) => return String::new(),
    };
    if domain.is_empty() || url::quirks::set_hostname(&mut url, domain).is_err() {
        return String::new();
    }
    url.host_str().unwrap_or_default().to_owned()
}

fn domain_to_ascii<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let domain = args.text(scope, 0)?;
    Ok(scope.string(&host_of(&domain))?.into())
}

fn domain_to_unicode<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let domain = args.text(scope, 0)?;
    let (readable, _result) = idna::domain_to_unicode(&host_of(&domain));
    Ok(scope.string(&readable)?.into())
}
