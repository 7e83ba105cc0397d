//! Node's own library in an isolate: compiling its modules ([`builtins`]) and running its bootstrap ([`realm`]).

pub(crate) mod builtins;
mod realm;

pub(crate) use realm::EagerCompilation;
pub(crate) use realm::{
    bootstrap, get_internal_binding, get_linked_binding, has_unsettled_entry, per_context_exports,
    run_main, warn_of_unsettled_entry,
};
