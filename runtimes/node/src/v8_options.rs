//! V8's own options on `node`'s command line: which there are, and what each can mean for one program.
//!
//! V8 has its options once in a host process, where programs of many machines run: no guest may set them. The few that have a meaning
//! for one isolate are honoured. Those that only make V8 faster, slower or smaller are accepted, for they change no result. Those that
//! would write something, or add to the language, are accepted with a word on standard error where programs are often started with
//! them, and are otherwise refused. The names come from the real binary (`node --v8-options`; `data/v8-options.txt`).

/// One of V8's options, as given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct V8Option<'a> {
    /// With dashes, without those in front.
    pub(crate) name: &'static str,
    /// After `=`.
    pub(crate) value: &'a str,
    /// `--no-name`.
    pub(crate) is_negated: bool,
}

/// What an option does for one program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Meaning {
    Honoured,
    /// No result depends on it.
    Tuning,
    WithoutEffect,
    Refused,
}

const NAMES: &str = include_str!("../data/v8-options.txt");

/// Those that are honoured.
const HONOURED: &[&str] = &[
    "abort-on-uncaught-exception",
    "allow-natives-syntax",
    "disallow-code-generation-from-strings",
    "expose-gc",
    "max-heap-size",
    "max-old-space-size",
    "stack-trace-limit",
];

/// How and when V8 compiles and collects; by the beginnings of names.
const TUNING: &[&str] = &[
    "always-",
    "assert-types",
    "baseline-",
    "compact-",
    "concurrent-",
    "enable-etw-",
    "enable-sharedarraybuffer-per-context",
    "flush-",
    "gc-",
    "incremental-",
    "initial-heap-size",
    "initial-old-space-size",
    "interrupt-budget",
    "invocation-count-",
    "js-source-phase-imports",
    "lazy",
    "maglev",
    "max-inlined-",
    "max-lazy",
    "max-semi-space-size",
    "min-semi-space-size",
    "minor-",
    "opt",
    "optimize-for-size",
    "parallel-",
    // Where, not whether: the profile itself is refused.
    "perf-basic-prof-path",
    "perf-prof-path",
    "predictable",
    "scavenger-",
    "semi-space-growth-factor",
    "single-threaded",
    "sparkplug",
    "stress-",
    "turbo-",
    "turbofan",
    "use-ic",
    "use-osr",
];

/// Those that programs are started with.
const WITHOUT_EFFECT: &[&str] = &[
    "harmony",
    "jitless",
    "stack-size",
    "trace-deopt",
    "trace-gc",
    "trace-opt",
    "use-strict",
];

impl<'a> V8Option<'a> {
    /// Reads one word; `None` if it is no option of V8's.
    pub(crate) fn parse(word: &'a str) -> Option<Self> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let name = name.strip_prefix("--")?.replace('_', "-");
        let find = |wanted: &str| NAMES.lines().find(|known| *known == wanted);
        if let Some(name) = find(&name) {
            return Some(Self {
                name,
                value,
                is_negated: false,
            });
        }
        let positive = name.strip_prefix("no")?;
        let name = find(positive.strip_prefix('-').unwrap_or(positive))?;
        Some(Self {
            name,
            value,
            is_negated: true,
        })
    }

    /// What the option does here.
    pub(crate) fn meaning(&self) -> Meaning {
        let is_of = |list: &[&str]| list.iter().any(|start| self.name.starts_with(start));
        if HONOURED.contains(&self.name) {
            Meaning::Honoured
        } else if is_of(WITHOUT_EFFECT) {
            // What is not on need not be taken away.
            if self.is_negated {
                Meaning::Tuning
            } else {
                Meaning::WithoutEffect
            }
        } else if self.is_negated || is_of(TUNING) {
            Meaning::Tuning
        } else {
            Meaning::Refused
        }
    }
}
