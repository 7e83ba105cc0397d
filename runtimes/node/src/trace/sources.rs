//! The events that native code makes. Node has macros for these at the places that call here.

use std::rc::Rc;

use cenote_base::MonoTime;
use serde_json::{Value as Json, json};

use crate::environment::Environment;
use crate::glue::Scope;
use crate::trace::{Event, Tracing, add, is_enabled};

const ASYNC_HOOKS: &str = "node,node.async_hooks";

/// An event without arguments, if its category is on: an instant, a beginning (`B`) or an end (`E`).
pub(crate) fn note(env: &Environment, category: &str, name: &str, phase: char) {
    if is_enabled(env, category) {
        add_plain(env, category, name, phase, None);
    }
}

/// The same of a time that has passed.
pub(crate) fn note_between(
    env: &Environment,
    category: &str,
    name: &str,
    (from, to): (MonoTime, MonoTime),
) {
    if is_enabled(env, category) {
        add_plain(env, category, name, 'B', Some((from, from)));
        add_plain(env, category, name, 'E', Some((to, to)));
    }
}

fn add_plain(
    env: &Environment,
    category: &str,
    name: &str,
    phase: char,
    span: Option<(MonoTime, MonoTime)>,
) {
    let event = Event {
        phase,
        category,
        name,
        id: None,
        args: json!({}),
        span,
    };
    add(env, &event);
}

fn add_async(env: &Environment, category: &str, name: &str, phase: char, id: u64, args: Json) {
    let event = Event {
        phase,
        category,
        name,
        id: Some(id),
        args,
        span: None,
    };
    add(env, &event);
}

/// Something begins that ends in another turn of the loop, if its category is on: what [`end_async`] wants.
pub(crate) fn begin_async(
    env: &Environment,
    category: &str,
    name: &str,
    args: impl FnOnce() -> Json,
) -> Option<u64> {
    if !is_enabled(env, category) {
        return None;
    }
    let id = env.state::<Tracing>().next_id();
    add_async(env, category, name, 'b', id, args());
    Some(id)
}

/// It has ended.
pub(crate) fn end_async(
    env: &Environment,
    category: &str,
    name: &str,
    id: Option<u64>,
    args: Json,
) {
    if let Some(id) = id {
        add_async(env, category, name, 'e', id, args);
    }
}

/// `process.title` changed.
pub(crate) fn note_title(env: &Environment, title: &str) {
    if env.is_traced() || env.state::<Tracing>().is_introduced() {
        let event = Event {
            phase: 'M',
            category: "__metadata",
            name: "process_name",
            id: None,
            args: json!({ "name": title }),
            span: None,
        };
        add(env, &event);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "async ids are small whole numbers; a float cast saturates"
)]
fn id_of(async_id: f64) -> u64 {
    async_id as u64
}

/// A native async resource was made. Node: `AsyncWrap::EmitAsyncInit`.
pub(crate) fn resource_made(
    scope: &mut Scope<'_, '_>,
    async_id: f64,
    provider: &str,
    trigger: f64,
) {
    use crate::glue::ScopeExt;
    let env = scope.env();
    if !is_enabled(&env, ASYNC_HOOKS) {
        return;
    }
    let ids = env.field(scope, "async_wrap", "async_id_fields");
    let execution = ids.map_or(0.0, |ids| ids.get(0));
    let data = json!({
        "executionAsyncId": id_of(execution),
        "triggerAsyncId": id_of(trigger),
    });
    let args = json!({ "data": data });
    add_async(&env, ASYNC_HOOKS, provider, 'b', id_of(async_id), args);
}

/// It is gone. Node: `AsyncWrap::EmitTraceEventDestroy`.
pub(crate) fn resource_gone(env: &Environment, async_id: f64, provider: &str) {
    if is_enabled(env, ASYNC_HOOKS) {
        let id = id_of(async_id);
        add_async(env, ASYNC_HOOKS, provider, 'e', id, json!({}));
    }
}

/// A resource is called back (`b`) or was (`e`). Node: `AsyncWrap::EmitTraceEventBefore` and `…After`.
pub(crate) fn called_back(env: &Environment, async_id: f64, provider: &str, phase: char) {
    if is_enabled(env, ASYNC_HOOKS) {
        let name = format!("{provider}_CALLBACK");
        let id = id_of(async_id);
        add_async(env, ASYNC_HOOKS, &name, phase, id, json!({}));
    }
}

/// Something that takes until this is dropped: one event, told at its end.
pub(crate) struct Timed {
    env: Rc<Environment>,
    category: &'static str,
    name: &'static str,
    from: MonoTime,
}

impl Timed {
    /// Begins now, if the category is on.
    pub(crate) fn begin(
        env: &Rc<Environment>,
        category: &'static str,
        name: &'static str,
    ) -> Option<Self> {
        is_enabled(env, category).then(|| Self {
            env: Rc::clone(env),
            category,
            name,
            from: env.clock().now(),
        })
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        let to = self.env.clock().now();
        let span = Some((self.from, to));
        add_plain(&self.env, self.category, self.name, 'X', span);
    }
}
