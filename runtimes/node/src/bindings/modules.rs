//! `internalBinding('modules')`: `package.json`, read and found. Node: `src/node_modules.cc`.
//!
//! A package file is answered as `[name, main, type, imports, exports, path]`: `imports` and `exports` as JSON text (objects and
//! arrays) or as the string they are; the JavaScript side parses them when it needs them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value as Json;

use super::compile_cache;
use crate::glue::{Args, Binding, BindingResult, Failure, Return, Scope, ScopeExt, Value};

pub(super) const BINDING: Binding = Binding::new("modules")
    .function("readPackageJSON", read_package_json)
    .function(
        "getNearestParentPackageJSON",
        get_nearest_parent_package_json,
    )
    .function(
        "getNearestParentPackageJSONType",
        get_nearest_parent_package_json_type,
    )
    .function("getPackageScopeConfig", get_package_scope_config)
    .function("getPackageType", get_package_type)
    .function("setLazyPathHelpers", set_lazy_path_helpers)
    .function("enableCompileCache", enable_compile_cache)
    .function("getCompileCacheDir", get_compile_cache_dir)
    .function("flushCompileCache", flush_compile_cache)
    .function("getCompileCacheEntry", get_compile_cache_entry)
    .function("saveCompileCacheEntry", save_compile_cache_entry);

/// What of a package file matters.
#[derive(Debug, Default)]
struct Package {
    path: String,
    name: Option<String>,
    main: Option<String>,
    kind: Kind,
    imports: Option<String>,
    exports: Option<String>,
}

/// Its `type`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Kind {
    #[default]
    None,
    CommonJs,
    Module,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::CommonJs => "commonjs",
            Self::Module => "module",
        }
    }
}

/// Files read so far; `None` where there is none. A process sees one state of each, as in Node.
#[derive(Default)]
struct Cache {
    packages: RefCell<HashMap<String, Option<Rc<Package>>>>,
}

/// Reads and parses a package file.
fn load(
    scope: &mut Scope<'_, '_>,
    path: &str,
    blame: &dyn Fn() -> String,
) -> Result<Option<Rc<Package>>, Failure> {
    let cache = scope.env().state::<Cache>();
    if let Some(known) = cache.packages.borrow().get(path) {
        return Ok(known.clone());
    }
    let package = match scope.env().read_file(path.as_bytes()) {
        Ok(bytes) => {
            let package = parse(path, &bytes).ok_or_else(|| {
                let blame = match blame() {
                    blame if blame.is_empty() => ".".to_owned(),
                    blame => blame,
                };
                let message = format!("Invalid package config {path}{blame}");
                Failure::error("ERR_INVALID_PACKAGE_CONFIG", message)
            })?;
            Some(Rc::new(package))
        }
        Err(_) => None,
    };
    cache
        .packages
        .borrow_mut()
        .insert(path.to_owned(), package.clone());
    Ok(package)
}

/// `None` if it is no JSON, or no object.
fn parse(path: &str, bytes: &[u8]) -> Option<Package> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Ok(Json::Object(json)) = serde_json::from_slice(bytes) else {
        return None;
    };
    let text = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
    let plain_or_json = |key: &str| match json.get(key) {
        Some(Json::String(text)) => Some(text.clone()),
        Some(value @ (Json::Object(_) | Json::Array(_))) => Some(value.to_string()),
        _ => None,
    };
    Some(Package {
        path: path.to_owned(),
        name: text("name"),
        main: text("main"),
        kind: match json.get("type").and_then(Json::as_str) {
            Some("module") => Kind::Module,
            Some("commonjs") => Kind::CommonJs,
            _ => Kind::None,
        },
        imports: plain_or_json("imports")
            .filter(|text| text.starts_with('{') || text.starts_with('[')),
        // `exports: null` and the like are kept as no exports; `false` too, as Node does.
        exports: plain_or_json("exports"),
    })
}

fn to_js<'s>(scope: &Scope<'s, '_>, package: &Package) -> Result<Value<'s>, Failure> {
    let optional = |text: &Option<String>| -> Result<Value<'s>, Failure> {
        text.as_ref().map_or_else(
            || Ok(scope.undefined()),
            |text| Ok(scope.string(text)?.into()),
        )
    };
    let json = |text: &Option<String>| -> Result<Value<'s>, Failure> {
        text.as_ref()
            .map_or_else(|| Ok(scope.null()), |text| Ok(scope.string(text)?.into()))
    };
    let items = [
        optional(&package.name)?,
        optional(&package.main)?,
        scope.name(package.kind.name()).into(),
        json(&package.imports)?,
        json(&package.exports)?,
        scope.string(&package.path)?.into(),
    ];
    Ok(scope.array(&items).into())
}

/// `readPackageJSON(path, isESM, base, specifier)`: `undefined` when there is none.
fn read_package_json<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let path = args.text(scope, 0)?;
    let text = |value: Value<'s>, scope: &Scope<'s, '_>| {
        value.is_string().then(|| value.to_rust_string_lossy(scope))
    };
    let (base, specifier) = (text(args.get(2), scope), text(args.get(3), scope));
    let base = base.map(|base| file_path(&base).unwrap_or(base));
    let blame = move || match (&base, &specifier) {
        (Some(base), Some(specifier)) => format!(" while importing \"{specifier}\" from {base}."),
        (Some(base), None) => format!(" while importing {base}."),
        _ => String::new(),
    };
    let package = load(scope, &path, &blame)?;
    package.map_or(Ok(Return::Undefined), |package| {
        to_js(scope, &package).map(Return::Value)
    })
}

/// The nearest package file at or above the folder of a path, within its `node_modules`.
fn nearest(scope: &mut Scope<'_, '_>, path: &str) -> Result<Option<Rc<Package>>, Failure> {
    let mut dir = path;
    while let Some((parent, _)) = dir.rsplit_once('/') {
        dir = parent;
        // A folder of packages is no package, and what lies above it is another's. Node: TraverseParent.
        if dir.ends_with("/node_modules") {
            return Ok(None);
        }
        let found = load(scope, &format!("{dir}/package.json"), &String::new)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn get_nearest_parent_package_json<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let path = args.text(scope, 0)?;
    let package = nearest(scope, &path)?;
    package.map_or(Ok(Return::Undefined), |package| {
        to_js(scope, &package).map(Return::Value)
    })
}

fn get_nearest_parent_package_json_type<'s>(
    scope: &mut Scope<'s, '_>,
    args: &Args<'s>,
) -> BindingResult<'s> {
    let path = args.text(scope, 0)?;
    let kind = nearest(scope, &path)?.map_or(Kind::None, |package| package.kind);
    Ok(scope.name(kind.name()).into())
}

/// The package that a `file:` URL belongs to, or the path where the search ended.
fn scope_of(scope: &mut Scope<'_, '_>, url: &str) -> Result<Result<Rc<Package>, String>, Failure> {
    let path = file_path(url).ok_or_else(|| {
        let message = format!("Invalid URL: {url}");
        Failure::type_error("ERR_INVALID_URL", message)
    })?;
    let mut dir = path.as_str();
    let mut last = "/package.json".to_owned();
    while let Some((parent, _)) = dir.rsplit_once('/') {
        dir = parent;
        let candidate = format!("{dir}/package.json");
        // A folder of packages is no package.
        if dir.ends_with("/node_modules") {
            last = candidate;
            break;
        }
        if let Some(package) = load(scope, &candidate, &String::new)? {
            return Ok(Ok(package));
        }
        last = candidate;
    }
    Ok(Err(last))
}

/// The path of a `file:` URL, percent-decoded.
fn file_path(url: &str) -> Option<String> {
    let rest = url.strip_prefix("file://")?;
    let path = rest.find('/').and_then(|at| rest.get(at..))?;
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let mut look = rest.clone();
        let digit = |byte: Option<u8>| {
            byte.and_then(|byte| char::from(byte).to_digit(16))
                .and_then(|digit| u8::try_from(digit).ok())
        };
        match (byte, digit(look.next()), digit(look.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = look;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

fn get_package_scope_config<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let url = args.text(scope, 0)?;
    match scope_of(scope, &url)? {
        Ok(package) => to_js(scope, &package).map(Return::Value),
        Err(path) => Ok(scope.string(&path)?.into()),
    }
}

/// `undefined` for none.
fn get_package_type<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let url = args.text(scope, 0)?;
    let kind = scope_of(scope, &url)?.map_or(Kind::None, |package| package.kind);
    Ok(if kind == Kind::None {
        Return::Undefined
    } else {
        scope.name(kind.name()).into()
    })
}

/// `import.meta.dirname` and `filename`.
fn set_lazy_path_helpers<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let meta = args.object(0)?;
    let url = args.text(scope, 1)?;
    if let Some(path) = file_path(&url) {
        let dir = match path.rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((dir, _)) => dir,
        };
        scope.set(meta, "dirname", scope.string(dir)?.into());
        scope.set(meta, "filename", scope.string(&path)?.into());
    }
    Ok(().into())
}

/// `enableCompileCache(directory, portable)`: `[status, message?, directory?]`.
fn enable_compile_cache<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let directory = args.text(scope, 0)?;
    let is_portable = args.bool(scope, 1);
    let (status, message, folder) = compile_cache::enable(scope, &directory, is_portable);
    let text = |text: Option<String>| -> Result<Value<'s>, Failure> {
        text.map_or_else(
            || Ok(scope.undefined()),
            |text| Ok(scope.string(&text)?.into()),
        )
    };
    let status = v8::Integer::new(scope, status as i32);
    let list = [status.into(), text(message)?, text(folder)?];
    Ok(scope.array(&list).into())
}

fn get_compile_cache_dir<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    match compile_cache::folder(scope) {
        Some(folder) => Ok(scope.string(&folder)?.into()),
        None => Ok(Return::Undefined),
    }
}

fn flush_compile_cache<'s>(scope: &mut Scope<'s, '_>, _args: &Args<'s>) -> BindingResult<'s> {
    let env = scope.env();
    compile_cache::persist(&env);
    compile_cache::note_flushed(&env);
    Ok(().into())
}

/// `getCompileCacheEntry(source, filename, type)`: `{ external, transpiled? }`; `external` stands for the entry.
fn get_compile_cache_entry<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (code, filename) = (args.string(0)?, args.string(1)?);
    let kind = compile_cache::Kind::from_number(args.u32(scope, 2)?);
    let entry = kind.and_then(|kind| compile_cache::lookup(scope, code, filename, kind));
    let Some(entry) = entry else {
        return Ok(Return::Undefined);
    };
    let result = scope.null_object();
    scope.set(result, "external", scope.string(entry.path())?.into());
    if let Some(text) = entry.text_told(&scope.env()) {
        scope.set(result, "transpiled", scope.string(&text)?.into());
    }
    Ok(result.into())
}

/// `saveCompileCacheEntry(external, transpiled)`.
fn save_compile_cache_entry<'s>(scope: &mut Scope<'s, '_>, args: &Args<'s>) -> BindingResult<'s> {
    let (path, text) = (args.text(scope, 0)?, args.text(scope, 1)?);
    compile_cache::keep_text(scope, &path, &text);
    Ok(().into())
}
