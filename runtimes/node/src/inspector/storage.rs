//! The `DOMStorage` and `Storage` domains (`--experimental-storage-inspection`): what `localStorage` and `sessionStorage` hold, and how
//! that changes, as the program's library tells. Node: `src/inspector/dom_storage_agent.cc`, `src/inspector/storage_agent.cc`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use cenote_kernel::syscall;
use serde_json::{Map, Value as Json, json};

use crate::bindings::stored_items;
use crate::environment::Environment;
use crate::glue::{Failure, Object, Scope, ScopeExt};
use crate::inspector::Agent;
use crate::inspector::domains::{Refusal, Request, event};

/// Bytes of registered items a session keeps at most.
const MOST_REGISTERED: usize = 16 << 20;

/// What a session has of the domain.
#[derive(Default)]
pub(super) struct DomStorage {
    is_enabled: Cell<bool>,
    /// Items that the program registered in the place of its storages' own: those of `localStorage`, of `sessionStorage`.
    local: RefCell<BTreeMap<String, String>>,
    session: RefCell<BTreeMap<String, String>>,
}

/// Whether the program shows its storages.
pub(super) fn is_on(env: &Environment) -> bool {
    env.command_line().is("--experimental-storage-inspection")
}

/// A `TypeError` without a code.
fn missing(scope: &Scope<'_, '_>, what: &str) -> Failure {
    let text = scope.text(&format!("Missing {what}"));
    let error = v8::Exception::type_error(scope, text);
    Failure::Thrown(v8::Global::new(scope, error))
}

fn text_field<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    name: &str,
    place: &str,
) -> Result<Json, Failure> {
    let value = scope.get_property(object, name)?;
    if value.is_string() {
        Ok(value.to_rust_string_lossy(scope).into())
    } else {
        Err(missing(scope, &format!("{name} in {place}")))
    }
}

fn object_field<'s>(
    scope: &mut Scope<'s, '_>,
    object: Object<'s>,
    name: &str,
) -> Result<Object<'s>, Failure> {
    let value = scope.get_property(object, name)?;
    Object::try_from(value).map_err(|_| missing(scope, &format!("{name} in event")))
}

/// An event from JavaScript.
///
/// # Errors
/// A `TypeError` when something is not in it that must be.
pub(crate) fn emit<'s>(
    scope: &mut Scope<'s, '_>,
    name: &str,
    params: Object<'s>,
) -> Result<(), Failure> {
    let env = scope.env();
    let agent = is_on(&env).then(|| super::existing(&env)).flatten();
    let Some(agent) = agent else {
        return Ok(());
    };
    let fields: &[&str] = match name {
        "DOMStorage.registerStorage" => return register(scope, &agent, params),
        "DOMStorage.domStorageItemAdded" => &["key", "newValue"],
        "DOMStorage.domStorageItemUpdated" => &["key", "oldValue", "newValue"],
        "DOMStorage.domStorageItemRemoved" => &["key"],
        "DOMStorage.domStorageItemsCleared" => &[],
        _ => return Ok(()),
    };
    let id = object_field(scope, params, "storageId")?;
    let origin = text_field(scope, id, "securityOrigin", "storageId")?;
    let is_local = scope.get_property(id, "isLocalStorage")?.is_true();
    let key = text_field(scope, id, "storageKey", "storageId")?;
    let id = json!({ "securityOrigin": origin, "isLocalStorage": is_local, "storageKey": key });
    let mut about = Map::new();
    about.insert("storageId".into(), id);
    for field in fields {
        let value = text_field(scope, params, field, "event")?;
        about.insert((*field).into(), value);
    }
    let about = Json::Object(about);
    for frontend in agent.all() {
        event(&agent, &frontend, name, &about);
    }
    Ok(())
}

/// The program says what its storage holds.
fn register<'s>(
    scope: &mut Scope<'s, '_>,
    agent: &Agent,
    params: Object<'s>,
) -> Result<(), Failure> {
    let is_local = scope.get_property(params, "isLocalStorage")?;
    if !is_local.is_boolean() {
        return Err(missing(scope, "isLocalStorage in event"));
    }
    let map = object_field(scope, params, "storageMap")?;
    let names = map
        .get_own_property_names(scope, v8::GetPropertyNamesArgs::default())
        .ok_or(Failure::Pending)?;
    let (mut items, mut bytes) = (Vec::new(), 0);
    for index in 0..names.length() {
        let key = names.get_index(scope, index).ok_or(Failure::Pending)?;
        let value = map.get(scope, key).ok_or(Failure::Pending)?;
        let value = value.to_string(scope).ok_or(Failure::Pending)?;
        let (key, value) = (
            key.to_rust_string_lossy(scope),
            value.to_rust_string_lossy(scope),
        );
        bytes += key.len() + value.len();
        if bytes > MOST_REGISTERED {
            return Err(Failure::range_error(
                "ERR_OUT_OF_RANGE",
                "no room for more items of a storage",
            ));
        }
        items.push((key, value));
    }
    for frontend in agent.all() {
        let own = &frontend.domains.storage;
        let place = if is_local.is_true() {
            &own.local
        } else {
            &own.session
        };
        let mut place = place.borrow_mut();
        if place.len() + items.len() > MOST_REGISTERED / 16 {
            // Registered again and again.
            place.clear();
        }
        place.extend(items.iter().cloned());
    }
    Ok(())
}

impl DomStorage {
    /// Answers a request of either domain.
    pub(super) fn answer(&self, agent: &Agent, request: &Request) -> Result<Json, Refusal> {
        match request.method.as_str() {
            "DOMStorage.enable" => self.is_enabled.set(true),
            "DOMStorage.disable" => self.is_enabled.set(false),
            "DOMStorage.getDOMStorageItems" => return self.items(agent, request),
            "DOMStorage.setDOMStorageItem"
            | "DOMStorage.removeDOMStorageItem"
            | "DOMStorage.clear" => return Err(Refusal::server("Not implemented")),
            "Storage.getStorageKey" => {
                let key = agent.env().map(|env| storage_key(&env));
                return Ok(json!({ "storageKey": key.unwrap_or_default() }));
            }
            other => return Err(Refusal::unknown(other)),
        }
        Ok(json!({}))
    }

    fn items(&self, agent: &Agent, request: &Request) -> Result<Json, Refusal> {
        const UNREADABLE: &str = "Could not read DOM storage items";
        let is_local = request.flag_in("storageId", "isLocalStorage")?;
        if !self.is_enabled.get() {
            return Err(Refusal::server("DOMStorage domain is not enabled"));
        }
        let registered = if is_local { &self.local } else { &self.session };
        let registered: Vec<(String, String)> = registered
            .borrow()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let entries = if registered.is_empty() {
            let own = agent.inspector().in_scope(|scope| {
                v8::tc_scope!(let catch, scope);
                stored_items(catch, is_local)
            });
            match own {
                Ok(Some(items)) => items,
                Err(Failure::Coded { message, .. }) => {
                    return Err(Refusal::server(&format!("{UNREADABLE}: {message}")));
                }
                Ok(None) | Err(_) => return Err(Refusal::server(UNREADABLE)),
            }
        } else {
            registered
        };
        Ok(json!({ "entries": entries }))
    }
}

/// What names the storages of a program: the URL of the file.
fn storage_key(env: &Environment) -> String {
    let file = env.command_line().text("--localstorage-file");
    if file.is_empty() {
        return String::new();
    }
    let cwd = syscall::getcwd(env.task()).unwrap_or_default();
    let path = std::path::Path::new(&*String::from_utf8_lossy(&cwd)).join(file);
    let parts = path
        .components()
        .filter(|part| *part != std::path::Component::CurDir);
    url::Url::from_file_path(parts.collect::<std::path::PathBuf>())
        .map(String::from)
        .unwrap_or_default()
}
