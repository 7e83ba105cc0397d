//! llhttp, Node's HTTP/1 parser in C (`third_party/llhttp`), as a safe [`Machine`] that tells [`Events`] what it finds.
//!
//! The C structure is behind an `UnsafeCell` and only ever touched through its raw pointer, so a callback may ask and pause the
//! machine that is calling it. A second `execute` meanwhile is refused: the structure must not change under the running code.

use std::cell::{Cell, UnsafeCell};
use std::ffi::{CStr, c_char, c_int, c_void};

/// Which messages are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MessageKind {
    Request,
    Response,
}

/// What the machine found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    MessageBegin,
    Url(&'a [u8]),
    Status(&'a [u8]),
    HeaderField(&'a [u8]),
    HeaderValue(&'a [u8]),
    ChunkExtension(&'a [u8]),
    HeadersComplete,
    Body(&'a [u8]),
    MessageComplete,
    ChunkHeader,
    ChunkComplete,
}

/// What to do after an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Continue,
    /// After `HeadersComplete`: the message has no body.
    NoBody,
    /// After `HeadersComplete`: no body, and what follows is another protocol.
    Upgrade,
    /// Stop: the receiver says why ([`USER`]).
    Stop,
}

/// Who is told.
pub(crate) trait Events {
    /// Something was found. `machine` may be asked, and paused.
    fn event(&mut self, machine: &Machine, event: Event<'_>) -> Verdict;
}

/// llhttp's error numbers that the binding tells apart.
pub(crate) const OK: i32 = 0;
pub(crate) const PAUSED_UPGRADE: i32 = 22;
pub(crate) const USER: i32 = 24;
const LAST_ERRNO: i32 = 38;

/// How an execution ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// llhttp's error number.
    pub(crate) errno: i32,
    /// How many bytes were parsed.
    pub(crate) parsed: usize,
}

/// `struct llhttp__internal_s`.
#[repr(C)]
struct State {
    index: i32,
    span_pos0: *mut c_void,
    span_cb0: *mut c_void,
    error: i32,
    reason: *const c_char,
    error_pos: *const c_char,
    data: *mut c_void,
    current: *mut c_void,
    content_length: u64,
    kind: u8,
    method: u8,
    http_major: u8,
    http_minor: u8,
    header_state: u8,
    lenient_flags: u16,
    upgrade: u8,
    finish: u8,
    flags: u16,
    status_code: u16,
    initial_message_completed: u8,
    settings: *mut c_void,
}

type Callback = Option<unsafe extern "C" fn(*mut State) -> c_int>;
type DataCallback = Option<unsafe extern "C" fn(*mut State, *const c_char, usize) -> c_int>;

/// `struct llhttp_settings_s`.
#[repr(C)]
struct Settings {
    on_message_begin: Callback,
    on_protocol: DataCallback,
    on_url: DataCallback,
    on_status: DataCallback,
    on_method: DataCallback,
    on_version: DataCallback,
    on_header_field: DataCallback,
    on_header_value: DataCallback,
    on_chunk_extension_name: DataCallback,
    on_chunk_extension_value: DataCallback,
    on_headers_complete: Callback,
    on_body: DataCallback,
    on_message_complete: Callback,
    on_protocol_complete: Callback,
    on_url_complete: Callback,
    on_status_complete: Callback,
    on_method_complete: Callback,
    on_version_complete: Callback,
    on_header_field_complete: Callback,
    on_header_value_complete: Callback,
    on_chunk_extension_name_complete: Callback,
    on_chunk_extension_value_complete: Callback,
    on_chunk_header: Callback,
    on_chunk_complete: Callback,
    on_reset: Callback,
}

unsafe extern "C" {
    fn llhttp_init(state: *mut State, kind: c_int, settings: *const Settings);
    fn llhttp_execute(state: *mut State, data: *const c_char, len: usize) -> c_int;
    fn llhttp_finish(state: *mut State) -> c_int;
    fn llhttp_pause(state: *mut State);
    fn llhttp_resume(state: *mut State);
    fn llhttp_resume_after_upgrade(state: *mut State);
    fn llhttp_should_keep_alive(state: *const State) -> c_int;
    fn llhttp_errno_name(errno: c_int) -> *const c_char;
    fn llhttp_set_lenient_headers(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_chunked_length(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_keep_alive(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_transfer_encoding(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_version(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_data_after_close(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_optional_lf_after_cr(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_optional_crlf_after_chunk(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_optional_cr_before_lf(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_spaces_after_chunk_size(state: *mut State, enabled: c_int);
    fn llhttp_set_lenient_header_value_relaxed(state: *mut State, enabled: c_int);
}

/// The leniency setters in the order of Node's `kLenient*` bits.
const LENIENT: [unsafe extern "C" fn(*mut State, c_int); 11] = [
    llhttp_set_lenient_headers,
    llhttp_set_lenient_chunked_length,
    llhttp_set_lenient_keep_alive,
    llhttp_set_lenient_transfer_encoding,
    llhttp_set_lenient_version,
    llhttp_set_lenient_data_after_close,
    llhttp_set_lenient_optional_lf_after_cr,
    llhttp_set_lenient_optional_crlf_after_chunk,
    llhttp_set_lenient_optional_cr_before_lf,
    llhttp_set_lenient_spaces_after_chunk_size,
    llhttp_set_lenient_header_value_relaxed,
];

/// What `State::data` points to while the machine runs.
struct Running<'a> {
    machine: &'a Machine,
    events: &'a mut dyn Events,
}

fn tell(state: *mut State, event: Event<'_>) -> c_int {
    // SAFETY: llhttp hands back the pointer it was given, which lives as long as the `Machine` that runs.
    let data = unsafe { (*state).data };
    if data.is_null() {
        return -1;
    }
    // SAFETY: `Machine::run` put a `Running` there that outlives the execution, and llhttp calls from one place at a time: this
    // is the only reference to it.
    let running = unsafe { &mut *data.cast::<Running<'_>>() };
    match running.events.event(running.machine, event) {
        Verdict::Continue => 0,
        Verdict::NoBody => 1,
        Verdict::Upgrade => 2,
        Verdict::Stop => USER,
    }
}

macro_rules! callbacks {
    ($($name:ident => $event:expr),* $(,)?) => {
        $(unsafe extern "C" fn $name(state: *mut State) -> c_int {
            tell(state, $event)
        })*
    };
}
callbacks! {
    on_message_begin => Event::MessageBegin,
    on_headers_complete => Event::HeadersComplete,
    on_message_complete => Event::MessageComplete,
    on_chunk_header => Event::ChunkHeader,
    on_chunk_complete => Event::ChunkComplete,
}

macro_rules! data_callbacks {
    ($($name:ident => $event:expr),* $(,)?) => {
        $(unsafe extern "C" fn $name(state: *mut State, at: *const c_char, len: usize) -> c_int {
            if at.is_null() || len == 0 {
                return tell(state, $event(&[]));
            }
            // SAFETY: llhttp gives a part of the bytes that `llhttp_execute` was given, which are borrowed for its whole run.
            let bytes = unsafe { std::slice::from_raw_parts(at.cast::<u8>(), len) };
            tell(state, $event(bytes))
        })*
    };
}
data_callbacks! {
    on_url => Event::Url,
    on_status => Event::Status,
    on_header_field => Event::HeaderField,
    on_header_value => Event::HeaderValue,
    on_chunk_extension => Event::ChunkExtension,
    on_body => Event::Body,
}

static SETTINGS: Settings = Settings {
    on_message_begin: Some(on_message_begin),
    on_protocol: None,
    on_url: Some(on_url),
    on_status: Some(on_status),
    on_method: None,
    on_version: None,
    on_header_field: Some(on_header_field),
    on_header_value: Some(on_header_value),
    on_chunk_extension_name: Some(on_chunk_extension),
    on_chunk_extension_value: Some(on_chunk_extension),
    on_headers_complete: Some(on_headers_complete),
    on_body: Some(on_body),
    on_message_complete: Some(on_message_complete),
    on_protocol_complete: None,
    on_url_complete: None,
    on_status_complete: None,
    on_method_complete: None,
    on_version_complete: None,
    on_header_field_complete: None,
    on_header_value_complete: None,
    on_chunk_extension_name_complete: None,
    on_chunk_extension_value_complete: None,
    on_chunk_header: Some(on_chunk_header),
    on_chunk_complete: Some(on_chunk_complete),
    on_reset: None,
};

/// One parser.
pub(crate) struct Machine {
    state: Box<UnsafeCell<State>>,
    running: Cell<bool>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("running", &self.running.get())
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine at the beginning of a message. `lenient` are Node's `kLenient*` bits.
    pub(crate) fn new(kind: MessageKind, lenient: u32) -> Self {
        let machine = Self {
            state: Box::new(UnsafeCell::new(State {
                index: 0,
                span_pos0: std::ptr::null_mut(),
                span_cb0: std::ptr::null_mut(),
                error: 0,
                reason: std::ptr::null(),
                error_pos: std::ptr::null(),
                data: std::ptr::null_mut(),
                current: std::ptr::null_mut(),
                content_length: 0,
                kind: 0,
                method: 0,
                http_major: 0,
                http_minor: 0,
                header_state: 0,
                lenient_flags: 0,
                upgrade: 0,
                finish: 0,
                flags: 0,
                status_code: 0,
                initial_message_completed: 0,
                settings: std::ptr::null_mut(),
            })),
            running: Cell::new(false),
        };
        let kind = match kind {
            MessageKind::Request => 1,
            MessageKind::Response => 2,
        };
        // SAFETY: the pointer is to a whole structure of the library's layout, and the settings are static.
        unsafe { llhttp_init(machine.state.get(), kind, &raw const SETTINGS) };
        for (bit, set) in LENIENT.iter().enumerate() {
            if lenient & (1 << bit) != 0 {
                // SAFETY: the structure was initialised above.
                unsafe { set(machine.state.get(), 1) };
            }
        }
        machine
    }

    /// Whether it runs now, and its caller is one of its callbacks.
    pub(crate) fn is_running(&self) -> bool {
        self.running.get()
    }

    /// Parses bytes; `None` when it runs already.
    pub(crate) fn execute(&self, events: &mut dyn Events, bytes: &[u8]) -> Option<Outcome> {
        let state = self.state.get();
        let errno = self.run(events, || {
            // SAFETY: the structure is initialised, and `bytes` stay borrowed until this returns.
            unsafe { llhttp_execute(state, bytes.as_ptr().cast::<c_char>(), bytes.len()) }
        })?;
        let parsed = if errno == OK {
            bytes.len()
        } else {
            self.error_offset(bytes)
        };
        Some(Outcome { errno, parsed })
    }

    /// Says that no bytes follow; `None` when it runs already.
    pub(crate) fn finish(&self, events: &mut dyn Events) -> Option<i32> {
        let state = self.state.get();
        self.run(events, || {
            // SAFETY: the structure is initialised.
            unsafe { llhttp_finish(state) }
        })
    }

    fn run(&self, events: &mut dyn Events, call: impl FnOnce() -> c_int) -> Option<c_int> {
        if self.running.replace(true) {
            return None;
        }
        let mut running = Running {
            machine: self,
            events,
        };
        // SAFETY: only this thread touches the structure, and the library does not run now.
        unsafe { (*self.state.get()).data = (&raw mut running).cast() };
        let errno = call();
        // SAFETY: as above.
        unsafe { (*self.state.get()).data = std::ptr::null_mut() };
        self.running.set(false);
        Some(errno)
    }

    /// Where in `bytes` the last error is.
    fn error_offset(&self, bytes: &[u8]) -> usize {
        // SAFETY: a plain read of an initialised field.
        let at = unsafe { (*self.state.get()).error_pos };
        (at as usize)
            .checked_sub(bytes.as_ptr() as usize)
            .filter(|offset| *offset <= bytes.len())
            .unwrap_or(0)
    }

    /// Why it stopped, in the library's words.
    pub(crate) fn reason(&self) -> &'static str {
        // SAFETY: a plain read of an initialised field.
        let reason = unsafe { (*self.state.get()).reason };
        text(reason)
    }

    /// Makes the next `execute` stop at once, until `resume`.
    pub(crate) fn pause(&self) {
        // SAFETY: sets the error fields of an initialised structure; nothing the running code holds on to.
        unsafe { llhttp_pause(self.state.get()) };
    }

    /// Ends a pause.
    pub(crate) fn resume(&self) {
        // SAFETY: as in `pause`.
        unsafe { llhttp_resume(self.state.get()) };
    }

    /// Goes on after the headers of another protocol.
    pub(crate) fn resume_after_upgrade(&self) {
        // SAFETY: as in `pause`.
        unsafe { llhttp_resume_after_upgrade(self.state.get()) };
    }

    /// Whether another message may follow on the connection.
    pub(crate) fn should_keep_alive(&self) -> bool {
        // SAFETY: reads fields of an initialised structure.
        unsafe { llhttp_should_keep_alive(self.state.get()) != 0 }
    }

    /// The request method's number.
    pub(crate) fn method(&self) -> u8 {
        // SAFETY: a plain read of an initialised field.
        unsafe { (*self.state.get()).method }
    }

    /// The response's status.
    pub(crate) fn status_code(&self) -> u16 {
        // SAFETY: a plain read of an initialised field.
        unsafe { (*self.state.get()).status_code }
    }

    /// The message's version: major and minor.
    pub(crate) fn version(&self) -> (u8, u8) {
        let state = self.state.get();
        // SAFETY: a plain read of an initialised field.
        let major = unsafe { (*state).http_major };
        // SAFETY: a plain read of an initialised field.
        let minor = unsafe { (*state).http_minor };
        (major, minor)
    }

    /// Whether the message switches to another protocol.
    pub(crate) fn is_upgrade(&self) -> bool {
        // SAFETY: a plain read of an initialised field.
        unsafe { (*self.state.get()).upgrade != 0 }
    }

    /// Whether requests are read.
    pub(crate) fn kind(&self) -> MessageKind {
        // SAFETY: a plain read of an initialised field.
        if unsafe { (*self.state.get()).kind } == 1 {
            MessageKind::Request
        } else {
            MessageKind::Response
        }
    }
}

/// The name of an error (`HPE_INVALID_METHOD`…).
pub(crate) fn errno_name(errno: i32) -> &'static str {
    if !(OK..=LAST_ERRNO).contains(&errno) {
        return "HPE_UNKNOWN";
    }
    // SAFETY: the library has a name for each of these numbers (and aborts for others).
    let name = unsafe { llhttp_errno_name(errno) };
    text(name)
}

/// A text of the library's own.
fn text(pointer: *const c_char) -> &'static str {
    if pointer.is_null() {
        return "";
    }
    // SAFETY: the library's reasons and names are string literals, which live for ever.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Events for Log {
        fn event(&mut self, _: &Machine, event: Event<'_>) -> Verdict {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.0.push(match event {
                Event::Url(bytes) => format!("url {}", text(bytes)),
                Event::HeaderField(bytes) => format!("field {}", text(bytes)),
                Event::HeaderValue(bytes) => format!("value {}", text(bytes)),
                Event::Body(bytes) => format!("body {}", text(bytes)),
                other => format!("{other:?}"),
            });
            Verdict::Continue
        }
    }

    #[test]
    fn tells_the_parts_of_a_request() {
        let machine = Machine::new(MessageKind::Request, 0);
        let mut log = Log::default();
        let outcome = machine
            .execute(&mut log, b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
            .expect("it does not run");
        assert_eq!((outcome.errno, outcome.parsed), (OK, 41));
        assert_eq!(
            log.0,
            [
                "MessageBegin",
                "url /x",
                "field Content-Length",
                "value 2",
                "HeadersComplete",
                "body hi",
                "MessageComplete"
            ]
        );
        assert_eq!(machine.method(), 3);
        assert_eq!(machine.version(), (1, 1));
        assert!(machine.should_keep_alive());
    }

    #[test]
    fn names_errors() {
        let machine = Machine::new(MessageKind::Response, 0);
        let outcome = machine
            .execute(&mut Log::default(), b"nonsense")
            .expect("it does not run");
        assert_eq!(errno_name(outcome.errno), "HPE_INVALID_CONSTANT");
        assert_eq!(machine.reason(), "Expected HTTP/, RTSP/ or ICE/");
        assert_eq!(errno_name(-1), "HPE_UNKNOWN");
        assert_eq!(errno_name(4711), "HPE_UNKNOWN");
    }
}
