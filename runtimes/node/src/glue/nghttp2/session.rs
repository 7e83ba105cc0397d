//! [`Session`]: one connection's state in the library.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use libnghttp2_sys as sys;

use super::callbacks::{self, Events, Running};
use super::{HeaderList, OriginList, Setting, entries};

/// How frames are padded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Padding {
    #[default]
    None,
    Aligned,
    Max,
}

/// An option, if it was given.
type Option32 = Option<u32>;

/// Options of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionOptions {
    pub(crate) max_deflate_dynamic_table_size: Option32,
    pub(crate) max_reserved_remote_streams: Option32,
    pub(crate) max_send_header_block_length: Option32,
    pub(crate) peer_max_concurrent_streams: Option32,
    pub(crate) max_settings: Option32,
    /// How many streams may be reset at once, and how many a second.
    pub(crate) stream_reset_rate: Option<(u32, u32)>,
    pub(crate) no_strict_whitespace: Option32,
    pub(crate) padding: Padding,
}

/// What the library knows of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamFacts {
    pub(crate) state: u32,
    pub(crate) weight: i32,
    pub(crate) sum_dependency_weight: i32,
    pub(crate) local_close: i32,
    pub(crate) remote_close: i32,
    pub(crate) local_window_size: i32,
}

/// A session.
pub(crate) struct Session {
    raw: NonNull<sys::nghttp2_session>,
    running: Cell<bool>,
    padding: Padding,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("running", &self.running.get())
            .finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the session is ours alone; it does not run, as running borrows it.
        unsafe { sys::nghttp2_session_del(self.raw.as_ptr()) };
    }
}

/// The library's options, freed when dropped.
struct Options(*mut sys::nghttp2_option);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made by the library, freed once.
        unsafe { sys::nghttp2_option_del(self.0) };
    }
}

impl Options {
    fn new(options: &SessionOptions, is_server: bool) -> Option<Self> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: a place for the new pointer.
        if unsafe { sys::nghttp2_option_new(&raw mut raw) } != 0 {
            return None;
        }
        let made = Self(raw);
        // SAFETY: the option object is live. Closed streams take memory and serve a priority tree nobody uses.
        unsafe { sys::nghttp2_option_set_no_closed_streams(raw, 1) };
        // SAFETY: as above. Windows are opened as JavaScript takes the data, which is back-pressure.
        unsafe { sys::nghttp2_option_set_no_auto_window_update(raw, 1) };
        if !is_server {
            for kind in [10, 12] {
                // SAFETY: as above. ALTSVC and ORIGIN go from servers to clients.
                unsafe { sys::nghttp2_option_set_builtin_recv_extension_type(raw, kind) };
            }
        }
        let peer_max = options.peer_max_concurrent_streams.unwrap_or(100);
        // SAFETY: as above.
        unsafe { sys::nghttp2_option_set_peer_max_concurrent_streams(raw, peer_max) };
        if let Some(size) = options.max_deflate_dynamic_table_size {
            // SAFETY: as above.
            unsafe { sys::nghttp2_option_set_max_deflate_dynamic_table_size(raw, size as usize) };
        }
        if let Some(max) = options.max_reserved_remote_streams {
            // SAFETY: as above.
            unsafe { sys::nghttp2_option_set_max_reserved_remote_streams(raw, max) };
        }
        if let Some(max) = options.max_send_header_block_length {
            // SAFETY: as above.
            unsafe { sys::nghttp2_option_set_max_send_header_block_length(raw, max as usize) };
        }
        if let Some(max) = options.max_settings {
            // SAFETY: as above.
            unsafe { sys::nghttp2_option_set_max_settings(raw, max as usize) };
        }
        if let Some((burst, rate)) = options.stream_reset_rate {
            // SAFETY: as above.
            unsafe {
                sys::nghttp2_option_set_stream_reset_rate_limit(raw, burst.into(), rate.into());
            }
        }
        if let Some(value) = options.no_strict_whitespace {
            let value = c_int::from(value != 0);
            // SAFETY: as above.
            unsafe {
                sys::nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(raw, value);
            }
        }
        Some(made)
    }
}

/// The library's table of callbacks, freed when dropped.
struct Callbacks(*mut sys::nghttp2_session_callbacks);

impl Drop for Callbacks {
    fn drop(&mut self) {
        // SAFETY: made by the library, freed once; sessions copy it.
        unsafe { sys::nghttp2_session_callbacks_del(self.0) };
    }
}

macro_rules! set_callbacks {
    ($raw:expr, $($setter:ident => $callback:expr),* $(,)?) => {
        $(
            // SAFETY: the table is live, and the function has the type the setter wants.
            unsafe { sys::$setter($raw, Some($callback)) };
        )*
    };
}

impl Callbacks {
    fn new(padding: Padding) -> Option<Self> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: a place for the new pointer.
        if unsafe { sys::nghttp2_session_callbacks_new(&raw mut raw) } != 0 {
            return None;
        }
        let made = Self(raw);
        set_callbacks!(raw,
            nghttp2_session_callbacks_set_on_begin_headers_callback => callbacks::on_begin_headers,
            nghttp2_session_callbacks_set_on_header_callback2 => callbacks::on_header,
            nghttp2_session_callbacks_set_on_invalid_header_callback2 => callbacks::on_invalid_header,
            nghttp2_session_callbacks_set_on_frame_recv_callback => callbacks::on_frame_recv,
            nghttp2_session_callbacks_set_on_invalid_frame_recv_callback => callbacks::on_invalid_frame,
            nghttp2_session_callbacks_set_on_frame_not_send_callback => callbacks::on_frame_not_sent,
            nghttp2_session_callbacks_set_on_frame_send_callback => callbacks::on_frame_sent,
            nghttp2_session_callbacks_set_on_stream_close_callback => callbacks::on_stream_close,
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback => callbacks::on_data,
            nghttp2_session_callbacks_set_error_callback2 => callbacks::on_error,
            nghttp2_session_callbacks_set_send_data_callback => callbacks::on_send_data,
        );
        if padding != Padding::None {
            set_callbacks!(raw,
                nghttp2_session_callbacks_set_select_padding_callback2 => callbacks::select_padding,
            );
        }
        Some(made)
    }
}

/// Where a stream's outgoing bytes come from: always from `on_read`.
fn provider() -> sys::nghttp2_data_provider2 {
    sys::nghttp2_data_provider2 {
        source: sys::nghttp2_data_source {
            ptr: std::ptr::null_mut(),
        },
        read_callback: Some(callbacks::on_read),
    }
}

/// A number the library answers with something.
type Number = i32;

impl Session {
    /// A new session; `None` when memory is short.
    pub(crate) fn new(is_server: bool, options: &SessionOptions) -> Option<Self> {
        let raw_options = Options::new(options, is_server)?;
        let callbacks = Callbacks::new(options.padding)?;
        let mut raw = std::ptr::null_mut();
        let make = if is_server {
            sys::nghttp2_session_server_new3
        } else {
            sys::nghttp2_session_client_new3
        };
        // SAFETY: callbacks and options are live and copied; no user data while nothing runs; the default allocator.
        let status = unsafe {
            make(
                &raw mut raw,
                callbacks.0,
                std::ptr::null_mut(),
                raw_options.0,
                std::ptr::null_mut(),
            )
        };
        if status != 0 {
            return None;
        }
        Some(Self {
            raw: NonNull::new(raw)?,
            running: Cell::new(false),
            padding: options.padding,
        })
    }

    fn raw(&self) -> *mut sys::nghttp2_session {
        self.raw.as_ptr()
    }

    pub(super) fn padding(&self) -> Padding {
        self.padding
    }

    /// Whether it receives or sends now.
    pub(crate) fn is_running(&self) -> bool {
        self.running.get()
    }

    fn run<R>(&self, events: &mut dyn Events, call: impl FnOnce() -> R) -> Option<R> {
        if self.running.replace(true) {
            return None;
        }
        let mut running = Running {
            session: self,
            events,
        };
        let user_data: *mut c_void = (&raw mut running).cast();
        // SAFETY: the session is live and does not run; `running` outlives the call.
        unsafe { sys::nghttp2_session_set_user_data(self.raw(), user_data) };
        let result = call();
        // SAFETY: as above.
        unsafe { sys::nghttp2_session_set_user_data(self.raw(), std::ptr::null_mut()) };
        self.running.set(false);
        Some(result)
    }

    /// Receives bytes: their number, or a negative error number. `None` when it runs already.
    pub(crate) fn receive(&self, events: &mut dyn Events, bytes: &[u8]) -> Option<isize> {
        self.run(events, || {
            // SAFETY: the session is live; the bytes are borrowed for the call.
            unsafe { sys::nghttp2_session_mem_recv2(self.raw(), bytes.as_ptr(), bytes.len()) }
        })
    }

    /// The next bytes to send, but for those that go through `on_send_data`; empty when there are no more, a negative error number
    /// when the session failed. `None` when it runs already.
    pub(crate) fn gather(&self, events: &mut dyn Events) -> Option<Result<Vec<u8>, isize>> {
        self.run(events, || {
            let mut data = std::ptr::null();
            // SAFETY: the session is live.
            let len = unsafe { sys::nghttp2_session_mem_send2(self.raw(), &raw mut data) };
            match usize::try_from(len) {
                Ok(0) => Ok(Vec::new()),
                // SAFETY: the library vouches for so many bytes until its next call; they are copied at once.
                Ok(len) => Ok(unsafe { std::slice::from_raw_parts(data, len) }.to_vec()),
                Err(_) => Err(len),
            }
        })
    }

    /// Whether it waits for bytes from the peer.
    pub(crate) fn wants_read(&self) -> bool {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_want_read(self.raw()) != 0 }
    }

    /// Whether it has something to send.
    pub(crate) fn wants_write(&self) -> bool {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_want_write(self.raw()) != 0 }
    }

    /// Begins a request: the new stream's id, or a negative error number.
    pub(crate) fn submit_request(
        &self,
        (parent, weight, exclusive): (i32, i32, bool),
        headers: &HeaderList,
        has_body: bool,
    ) -> Number {
        let spec = sys::nghttp2_priority_spec {
            stream_id: parent,
            weight,
            exclusive: u8::from(exclusive),
        };
        let provider = provider();
        let body = if has_body {
            &raw const provider
        } else {
            std::ptr::null()
        };
        // SAFETY: the session is live; everything is copied during the call.
        unsafe {
            sys::nghttp2_submit_request2(
                self.raw(),
                &raw const spec,
                headers.as_ptr(),
                headers.len(),
                body,
                std::ptr::null_mut(),
            )
        }
    }

    /// Answers a request.
    pub(crate) fn submit_response(
        &self,
        stream: i32,
        headers: &HeaderList,
        has_body: bool,
    ) -> Number {
        let provider = provider();
        let body = if has_body {
            &raw const provider
        } else {
            std::ptr::null()
        };
        // SAFETY: as in `submit_request`.
        unsafe {
            sys::nghttp2_submit_response2(self.raw(), stream, headers.as_ptr(), headers.len(), body)
        }
    }

    /// Sends informational headers.
    pub(crate) fn submit_info(&self, stream: i32, headers: &HeaderList) -> Number {
        // SAFETY: as in `submit_request`.
        unsafe {
            sys::nghttp2_submit_headers(
                self.raw(),
                0,
                stream,
                std::ptr::null(),
                headers.as_ptr(),
                headers.len(),
                std::ptr::null_mut(),
            )
        }
    }

    /// Sends trailers; none of them ends the stream with an empty DATA frame, which browsers like better.
    pub(crate) fn submit_trailers(&self, stream: i32, headers: &HeaderList) -> Number {
        const END_STREAM: u8 = 1;
        if headers.len() == 0 {
            let provider = provider();
            // SAFETY: as in `submit_request`.
            return unsafe {
                sys::nghttp2_submit_data2(self.raw(), END_STREAM, stream, &raw const provider)
            };
        }
        // SAFETY: as in `submit_request`.
        unsafe { sys::nghttp2_submit_trailer(self.raw(), stream, headers.as_ptr(), headers.len()) }
    }

    /// Ends a stream with an error code.
    pub(crate) fn submit_rst_stream(&self, stream: i32, code: u32) -> Number {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_submit_rst_stream(self.raw(), 0, stream, code) }
    }

    /// Promises a stream: its id, or a negative error number.
    pub(crate) fn submit_push_promise(&self, stream: i32, headers: &HeaderList) -> Number {
        // SAFETY: as in `submit_request`.
        unsafe {
            sys::nghttp2_submit_push_promise(
                self.raw(),
                0,
                stream,
                headers.as_ptr(),
                headers.len(),
                std::ptr::null_mut(),
            )
        }
    }

    /// Sends a PRIORITY frame.
    pub(crate) fn submit_priority(
        &self,
        stream: i32,
        (parent, weight, exclusive): (i32, i32, bool),
    ) -> Number {
        let spec = sys::nghttp2_priority_spec {
            stream_id: parent,
            weight,
            exclusive: u8::from(exclusive),
        };
        // SAFETY: the session is live; the specification is copied.
        unsafe { sys::nghttp2_submit_priority(self.raw(), 0, stream, &raw const spec) }
    }

    /// Sends settings.
    pub(crate) fn submit_settings(&self, settings: &[Setting]) -> Number {
        let entries = entries(settings);
        // SAFETY: the session is live; the entries are copied.
        unsafe { sys::nghttp2_submit_settings(self.raw(), 0, entries.as_ptr(), entries.len()) }
    }

    /// Sends a PING.
    pub(crate) fn submit_ping(&self, payload: [u8; 8]) -> Number {
        // SAFETY: the session is live; eight bytes are copied.
        unsafe { sys::nghttp2_submit_ping(self.raw(), 0, payload.as_ptr()) }
    }

    /// Says that no further streams are taken.
    pub(crate) fn submit_goaway(&self, code: u32, last_stream: i32, data: &[u8]) -> Number {
        // SAFETY: the session is live; the data is copied.
        unsafe {
            sys::nghttp2_submit_goaway(self.raw(), 0, last_stream, code, data.as_ptr(), data.len())
        }
    }

    /// Sends an ALTSVC frame.
    pub(crate) fn submit_altsvc(&self, stream: i32, origin: &[u8], value: &[u8]) -> Number {
        // SAFETY: the session is live; both texts are copied.
        unsafe {
            sys::nghttp2_submit_altsvc(
                self.raw(),
                0,
                stream,
                origin.as_ptr(),
                origin.len(),
                value.as_ptr(),
                value.len(),
            )
        }
    }

    /// Sends an ORIGIN frame.
    pub(crate) fn submit_origin(&self, origins: &OriginList) -> Number {
        // SAFETY: the session is live; the origins are copied.
        unsafe { sys::nghttp2_submit_origin(self.raw(), 0, origins.as_ptr(), origins.len()) }
    }

    /// Sends a last GOAWAY and then nothing more.
    pub(crate) fn terminate(&self, code: u32) -> Number {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_terminate_session(self.raw(), code) }
    }

    /// A stream has bytes to send again.
    pub(crate) fn resume(&self, stream: i32) -> Number {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_resume_data(self.raw(), stream) }
    }

    /// Opens a stream's window by what was taken.
    pub(crate) fn consume_stream(&self, stream: i32, size: usize) -> Number {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_consume_stream(self.raw(), stream, size) }
    }

    /// Opens the connection's window by what was taken.
    pub(crate) fn consume_connection(&self, size: usize) -> Number {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_consume_connection(self.raw(), size) }
    }

    /// A setting of this side.
    pub(crate) fn local_setting(&self, id: u32) -> u32 {
        // SAFETY: the session is live; callers give the ids of known settings.
        unsafe { sys::nghttp2_session_get_local_settings(self.raw(), id) }
    }

    /// A setting of the peer.
    pub(crate) fn remote_setting(&self, id: u32) -> u32 {
        // SAFETY: as in `local_setting`.
        unsafe { sys::nghttp2_session_get_remote_settings(self.raw(), id) }
    }

    /// Sets the id of the next stream.
    pub(crate) fn set_next_stream_id(&self, id: i32) -> Number {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_set_next_stream_id(self.raw(), id) }
    }

    /// Sets the connection's window.
    pub(crate) fn set_local_window_size(&self, size: i32) -> Number {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_set_local_window_size(self.raw(), 0, 0, size) }
    }

    /// The last stream of the peer's that was seen.
    pub(crate) fn last_proc_stream_id(&self) -> i32 {
        // SAFETY: the session is live.
        unsafe { sys::nghttp2_session_get_last_proc_stream_id(self.raw()) }
    }

    /// The numbers of `session.state`, in the order of Node's array.
    #[expect(clippy::cast_precision_loss, reason = "sizes fit doubles")]
    pub(crate) fn state(&self) -> [f64; 9] {
        let raw = self.raw();
        let number = |get: unsafe extern "C" fn(*mut sys::nghttp2_session) -> c_int| {
            // SAFETY: the session is live.
            f64::from(unsafe { get(raw) })
        };
        let size = |get: unsafe extern "C" fn(*mut sys::nghttp2_session) -> usize| {
            // SAFETY: the session is live.
            (unsafe { get(raw) }) as f64
        };
        // SAFETY: the session is live.
        let next = f64::from(unsafe { sys::nghttp2_session_get_next_stream_id(raw) });
        [
            number(sys::nghttp2_session_get_effective_local_window_size),
            number(sys::nghttp2_session_get_effective_recv_data_length),
            next,
            number(sys::nghttp2_session_get_local_window_size),
            f64::from(self.last_proc_stream_id()),
            number(sys::nghttp2_session_get_remote_window_size),
            size(sys::nghttp2_session_get_outbound_queue_size),
            size(sys::nghttp2_session_get_hd_deflate_dynamic_table_size),
            size(sys::nghttp2_session_get_hd_inflate_dynamic_table_size),
        ]
    }

    /// What the library knows of a stream; `None` once it is closed.
    pub(crate) fn stream_facts(&self, stream: i32) -> Option<StreamFacts> {
        let raw = self.raw();
        // SAFETY: the session is live.
        let found = unsafe { sys::nghttp2_session_find_stream(raw, stream) };
        if found.is_null() {
            return None;
        }
        // SAFETY: the stream was just found, and nothing ran since.
        let state = unsafe { sys::nghttp2_stream_get_state(found) };
        // SAFETY: as above.
        let weight = unsafe { sys::nghttp2_stream_get_weight(found) };
        // SAFETY: as above.
        let sum = unsafe { sys::nghttp2_stream_get_sum_dependency_weight(found) };
        // SAFETY: the session is live.
        let local_close = unsafe { sys::nghttp2_session_get_stream_local_close(raw, stream) };
        // SAFETY: the session is live.
        let remote_close = unsafe { sys::nghttp2_session_get_stream_remote_close(raw, stream) };
        // SAFETY: the session is live.
        let window = unsafe { sys::nghttp2_session_get_stream_local_window_size(raw, stream) };
        Some(StreamFacts {
            state,
            weight,
            sum_dependency_weight: sum,
            local_close,
            remote_close,
            local_window_size: window,
        })
    }
}
