//! V8 in this host process: the one platform, its flags, and isolates with their limits.

use std::sync::OnceLock;

/// Limits of one isolate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub struct HeapLimits {
    /// Bytes of JavaScript objects.
    pub heap: usize,
    /// Bytes of array buffers.
    pub array_buffers: usize,
}

impl Default for HeapLimits {
    fn default() -> Self {
        Self {
            heap: 128 << 20,
            array_buffers: 256 << 20,
        }
    }
}

/// Flags that every isolate of the process shares.
///
/// * `--no-turboshaft-loop-unrolling`: with it some endless loops lose their stack check and cannot be terminated.
/// * `--js-source-phase-imports`: `import source` of WebAssembly modules, which Node has; syntax only.
/// * `--stack-size`: guests run on threads of ours, of which we know the stack (see `program`).
const FLAGS: &str = "--no-turboshaft-loop-unrolling --js-source-phase-imports --stack-size=984";

static PLATFORM: OnceLock<v8::SharedRef<v8::Platform>> = OnceLock::new();

/// Initialises V8, once per host process.
pub(crate) fn initialize_v8() -> &'static v8::SharedRef<v8::Platform> {
    PLATFORM.get_or_init(|| {
        // Before anything of a guest can make OpenSSL's first call.
        crate::glue::openssl::init();
        crate::locale_data::install();
        v8::V8::set_flags_from_string(FLAGS);
        let platform = crate::platform::new_platform();
        v8::V8::initialize_platform(platform.clone());
        v8::V8::initialize();
        crate::time_zone::initialize();
        platform
    })
}

/// Parameters of an isolate with these limits.
pub(crate) fn create_params(
    limits: HeapLimits,
    quota: &std::sync::Arc<crate::glue::Quota>,
) -> v8::CreateParams {
    v8::CreateParams::default()
        .heap_limits(0, limits.heap)
        .array_buffer_allocator(crate::glue::allocator_with_quota(quota).make_shared())
        .external_references(crate::glue::external_references())
}
