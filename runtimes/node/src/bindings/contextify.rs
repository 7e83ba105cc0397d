//! `internalBinding('contextify')`. Node: src/node_contextify.cc.

use crate::glue::Binding;

pub(super) const BINDING: Binding = Binding::new("contextify");
