//! Node's own library in an isolate: compiling its modules ([`builtins`]) and running its bootstrap ([`realm`]).

pub(crate) mod builtins;
mod realm;

pub(crate) use realm::EagerCompilation;
pub(crate) use realm::{
    GET_INTERNAL_BINDING, GET_LINKED_BINDING, bootstrap, has_unsettled_entry, per_context_exports,
    run_main, warn_of_unsettled_entry,
};
