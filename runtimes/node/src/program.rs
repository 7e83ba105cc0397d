//! One `node` process: its thread, its isolate, its main script, its end.

use crate::glue::Scope;

/// Serves what the kernel has for this process: signals, ended children, the order to end. Whether there was anything.
pub(crate) fn serve_kernel(_scope: &mut Scope<'_, '_>) -> bool {
    false
}
