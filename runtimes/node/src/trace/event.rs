//! One event, as it stands in a trace.

use cenote_base::MonoTime;
use cenote_kernel::syscall;
use serde_json::{Value as Json, json};

use crate::environment::Environment;

/// One event.
pub(crate) struct Event<'a> {
    /// What it is: `B` and `E` a span, `b` and `e` one that goes over turns of the loop, `X` one that is over, `I` an instant, `M` metadata.
    pub(crate) phase: char,
    /// All categories it belongs to, with commas between.
    pub(crate) category: &'a str,
    /// Escaped as in JSON: what JavaScript names has been escaped there.
    pub(crate) name: &'a str,
    /// What belongs together.
    pub(crate) id: Option<u64>,
    pub(crate) args: Json,
    /// From when to when; now, without it.
    pub(crate) span: Option<(MonoTime, MonoTime)>,
}

fn microseconds(time: MonoTime) -> u64 {
    u64::try_from(time.since_boot().as_micros()).unwrap_or(u64::MAX)
}

impl Event<'_> {
    /// The event of this isolate's thread as JSON.
    pub(super) fn to_text(&self, env: &Environment) -> String {
        let now = || {
            let now = env.clock().now();
            (now, now)
        };
        let (from, to) = self.span.unwrap_or_else(now);
        let (from, to) = (microseconds(from), microseconds(to));
        let mut object = json!({
            "pid": env.pids().0,
            "tid": syscall::gettid(env.task()).raw(),
            "ts": from,
            "tts": 0,
            "ph": self.phase.to_string(),
            "cat": self.category,
            "dur": to.saturating_sub(from),
            "tdur": 0,
            "args": self.args,
        });
        if let (Some(id), Some(object)) = (self.id, object.as_object_mut()) {
            object.insert("id".into(), format!("0x{id:x}").into());
        }
        let start = format!("{{\"name\":\"{}\",", self.name);
        object.to_string().replacen('{', &start, 1)
    }
}
