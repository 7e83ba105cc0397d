//! What the library calls while it runs, handed to [`Events`].
//!
//! The library's user data points to a [`Running`] on the stack of `Session::run`, and to nothing while no run is under way.

use std::ffi::{c_char, c_int, c_void};

use libnghttp2_sys as sys;

use super::Setting;
use super::session::{Padding, Session};

/// What a read of a stream's outgoing bytes answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Read {
    /// Nothing now; `resume` follows.
    Deferred,
    /// So many bytes, which `on_send_data` then takes.
    Bytes {
        count: usize,
        is_last: bool,
        trailers_follow: bool,
    },
}

/// A received frame.
#[derive(Debug)]
pub(crate) enum Frame<'a> {
    Data {
        stream: i32,
        flags: u8,
        len: usize,
    },
    /// HEADERS, or `PUSH_PROMISE` (then `stream` is the promised one).
    Headers {
        stream: i32,
        flags: u8,
    },
    Priority {
        stream: i32,
        parent: i32,
        weight: i32,
        exclusive: bool,
    },
    Settings {
        is_ack: bool,
        entries: Vec<Setting>,
    },
    Ping {
        is_ack: bool,
        data: [u8; 8],
    },
    Goaway {
        code: u32,
        last_stream: i32,
        data: &'a [u8],
    },
    AltSvc {
        stream: i32,
        origin: &'a [u8],
        value: &'a [u8],
    },
    Origin(Vec<&'a [u8]>),
    Other,
}

/// The answer of a callback: 0, or an error number of the library's.
pub(crate) type Answer = i32;

/// Who is told.
pub(crate) trait Events {
    fn on_begin_headers(&mut self, stream: i32, category: i32) -> Answer;
    fn on_header(&mut self, stream: i32, name: &[u8], value: &[u8], flags: u8) -> Answer;
    fn on_frame(&mut self, frame: Frame<'_>) -> Answer;
    fn on_invalid_frame(&mut self, code: i32) -> Answer;
    fn on_frame_not_sent(&mut self, stream: i32, kind: u8, code: i32);
    fn on_frame_sent(&mut self, kind: u8);
    fn on_stream_close(&mut self, stream: i32, code: u32);
    fn on_data(&mut self, stream: i32, bytes: &[u8]);
    fn on_error(&mut self, code: i32);
    fn on_read(&mut self, stream: i32, room: usize) -> Read;
    /// A DATA frame of `len` bytes: its header, `padding` bytes of padding and the length byte before them.
    fn on_send_data(&mut self, stream: i32, header: [u8; 9], padding: usize, len: usize);
}

/// What the user data points to while the library runs.
pub(super) struct Running<'a> {
    pub(super) session: &'a Session,
    pub(super) events: &'a mut dyn Events,
}

/// Calls with the events of the run under way; `default` when there is none.
fn told<R>(user_data: *mut c_void, default: R, tell: impl FnOnce(&mut Running<'_>) -> R) -> R {
    if user_data.is_null() {
        return default;
    }
    // SAFETY: `Session::run` put a `Running` there that outlives the library's run, and the library calls one callback at a time.
    tell(unsafe { &mut *user_data.cast::<Running<'_>>() })
}

/// Bytes of the library's, for the time of a callback.
fn bytes<'a>(at: *const u8, len: usize) -> &'a [u8] {
    if at.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: the library vouches for so many bytes at the address during the callback; no caller keeps them longer.
    unsafe { std::slice::from_raw_parts(at, len) }
}

fn rcbuf<'a>(buffer: *mut sys::nghttp2_rcbuf) -> &'a [u8] {
    // SAFETY: the library gives a live buffer.
    let vec = unsafe { sys::nghttp2_rcbuf_get_buf(buffer) };
    bytes(vec.base, vec.len)
}

fn header_of(frame: *const sys::nghttp2_frame) -> sys::nghttp2_frame_hd {
    // SAFETY: every member of the union begins with the header, at its address.
    unsafe { *frame.cast::<sys::nghttp2_frame_hd>() }
}

/// The stream a frame is about; for `PUSH_PROMISE` the promised one.
fn stream_of(frame: *const sys::nghttp2_frame) -> i32 {
    let header = header_of(frame);
    if u32::from(header.type_) == sys::NGHTTP2_PUSH_PROMISE {
        // SAFETY: the type says which member it is.
        unsafe { (*frame.cast::<sys::nghttp2_push_promise>()).promised_stream_id }
    } else {
        header.stream_id
    }
}

pub(super) unsafe extern "C" fn on_begin_headers(
    _: *mut sys::nghttp2_session,
    frame: *const sys::nghttp2_frame,
    user_data: *mut c_void,
) -> c_int {
    // A PUSH_PROMISE has no category; reading the member HEADERS has there gives a number without meaning, as in Node.
    let category = if u32::from(header_of(frame).type_) == sys::NGHTTP2_HEADERS {
        // SAFETY: the type says which member it is.
        unsafe { (*frame.cast::<sys::nghttp2_headers>()).cat }
    } else {
        sys::NGHTTP2_HCAT_REQUEST
    };
    let category = i32::try_from(category).unwrap_or(0);
    told(user_data, 0, |running| {
        running.events.on_begin_headers(stream_of(frame), category)
    })
}

pub(super) unsafe extern "C" fn on_header(
    _: *mut sys::nghttp2_session,
    frame: *const sys::nghttp2_frame,
    name: *mut sys::nghttp2_rcbuf,
    value: *mut sys::nghttp2_rcbuf,
    flags: u8,
    user_data: *mut c_void,
) -> c_int {
    told(user_data, 0, |running| {
        running
            .events
            .on_header(stream_of(frame), rcbuf(name), rcbuf(value), flags)
    })
}

/// Invalid headers are ignored.
pub(super) unsafe extern "C" fn on_invalid_header(
    _: *mut sys::nghttp2_session,
    _: *const sys::nghttp2_frame,
    _: *mut sys::nghttp2_rcbuf,
    _: *mut sys::nghttp2_rcbuf,
    _: u8,
    _: *mut c_void,
) -> c_int {
    0
}

pub(super) unsafe extern "C" fn on_frame_recv(
    _: *mut sys::nghttp2_session,
    frame: *const sys::nghttp2_frame,
    user_data: *mut c_void,
) -> c_int {
    told(user_data, 0, |running| {
        running.events.on_frame(received(frame))
    })
}

/// The parts of a frame that matter.
fn received<'a>(frame: *const sys::nghttp2_frame) -> Frame<'a> {
    let header = header_of(frame);
    let is_ack = u32::from(header.flags) & sys::NGHTTP2_FLAG_ACK != 0;
    match u32::from(header.type_) {
        sys::NGHTTP2_DATA => Frame::Data {
            stream: header.stream_id,
            flags: header.flags,
            len: header.length,
        },
        sys::NGHTTP2_HEADERS | sys::NGHTTP2_PUSH_PROMISE => Frame::Headers {
            stream: stream_of(frame),
            flags: header.flags,
        },
        sys::NGHTTP2_PRIORITY => {
            // SAFETY: the type says which member it is.
            let spec = unsafe { (*frame.cast::<sys::nghttp2_priority>()).pri_spec };
            Frame::Priority {
                stream: header.stream_id,
                parent: spec.stream_id,
                weight: spec.weight,
                exclusive: spec.exclusive != 0,
            }
        }
        sys::NGHTTP2_SETTINGS => {
            // SAFETY: the type says which member it is.
            let settings = unsafe { *frame.cast::<sys::nghttp2_settings>() };
            Frame::Settings {
                is_ack,
                entries: setting_entries(settings.iv, settings.niv),
            }
        }
        sys::NGHTTP2_PING => Frame::Ping {
            is_ack,
            // SAFETY: the type says which member it is.
            data: unsafe { (*frame.cast::<sys::nghttp2_ping>()).opaque_data },
        },
        sys::NGHTTP2_GOAWAY => {
            // SAFETY: the type says which member it is.
            let goaway = unsafe { *frame.cast::<sys::nghttp2_goaway>() };
            Frame::Goaway {
                code: goaway.error_code,
                last_stream: goaway.last_stream_id,
                data: bytes(goaway.opaque_data, goaway.opaque_data_len),
            }
        }
        sys::NGHTTP2_ALTSVC => altsvc(header.stream_id, extension_payload(frame).cast()),
        sys::NGHTTP2_ORIGIN => origins(extension_payload(frame).cast()),
        _ => Frame::Other,
    }
}

fn setting_entries(at: *const sys::nghttp2_settings_entry, len: usize) -> Vec<Setting> {
    if at.is_null() || len == 0 {
        return Vec::new();
    }
    // SAFETY: the library vouches for so many entries during the callback.
    let entries = unsafe { std::slice::from_raw_parts(at, len) };
    entries
        .iter()
        .map(|entry| (entry.settings_id, entry.value))
        .collect()
}

fn extension_payload(frame: *const sys::nghttp2_frame) -> *const c_void {
    // SAFETY: only called for frames whose type says that they are extensions.
    unsafe { (*frame.cast::<sys::nghttp2_extension>()).payload }
}

fn altsvc<'a>(stream: i32, payload: *const sys::nghttp2_ext_altsvc) -> Frame<'a> {
    if payload.is_null() {
        return Frame::Other;
    }
    // SAFETY: the payload of an ALTSVC frame is of this type.
    let altsvc = unsafe { *payload };
    Frame::AltSvc {
        stream,
        origin: bytes(altsvc.origin, altsvc.origin_len),
        value: bytes(altsvc.field_value, altsvc.field_value_len),
    }
}

fn origins<'a>(payload: *const sys::nghttp2_ext_origin) -> Frame<'a> {
    if payload.is_null() {
        return Frame::Other;
    }
    // SAFETY: the payload of an ORIGIN frame is of this type.
    let origin = unsafe { *payload };
    if origin.ov.is_null() || origin.nov == 0 {
        return Frame::Origin(Vec::new());
    }
    // SAFETY: the library vouches for so many entries during the callback.
    let entries = unsafe { std::slice::from_raw_parts(origin.ov, origin.nov) };
    Frame::Origin(
        entries
            .iter()
            .map(|entry| bytes(entry.origin, entry.origin_len))
            .collect(),
    )
}

pub(super) unsafe extern "C" fn on_invalid_frame(
    _: *mut sys::nghttp2_session,
    _: *const sys::nghttp2_frame,
    code: c_int,
    user_data: *mut c_void,
) -> c_int {
    told(user_data, 0, |running| {
        running.events.on_invalid_frame(code)
    })
}

pub(super) unsafe extern "C" fn on_frame_not_sent(
    _: *mut sys::nghttp2_session,
    frame: *const sys::nghttp2_frame,
    code: c_int,
    user_data: *mut c_void,
) -> c_int {
    let header = header_of(frame);
    told(user_data, (), |running| {
        running
            .events
            .on_frame_not_sent(header.stream_id, header.type_, code);
    });
    0
}

pub(super) unsafe extern "C" fn on_frame_sent(
    _: *mut sys::nghttp2_session,
    frame: *const sys::nghttp2_frame,
    user_data: *mut c_void,
) -> c_int {
    let header = header_of(frame);
    told(user_data, (), |running| {
        running.events.on_frame_sent(header.type_);
    });
    0
}

pub(super) unsafe extern "C" fn on_stream_close(
    _: *mut sys::nghttp2_session,
    stream: i32,
    code: u32,
    user_data: *mut c_void,
) -> c_int {
    told(user_data, (), |running| {
        running.events.on_stream_close(stream, code);
    });
    0
}

pub(super) unsafe extern "C" fn on_data(
    _: *mut sys::nghttp2_session,
    _: u8,
    stream: i32,
    data: *const u8,
    len: usize,
    user_data: *mut c_void,
) -> c_int {
    told(user_data, (), |running| {
        running.events.on_data(stream, bytes(data, len));
    });
    0
}

pub(super) unsafe extern "C" fn on_error(
    _: *mut sys::nghttp2_session,
    code: c_int,
    _: *const c_char,
    _: usize,
    user_data: *mut c_void,
) -> c_int {
    told(user_data, (), |running| running.events.on_error(code));
    0
}

pub(super) unsafe extern "C" fn select_padding(
    _: *mut sys::nghttp2_session,
    frame: *const sys::nghttp2_frame,
    max: usize,
    user_data: *mut c_void,
) -> sys::nghttp2_ssize {
    let len = header_of(frame).length;
    let padding = told(user_data, Padding::None, |running| {
        running.session.padding()
    });
    let padded = match padding {
        Padding::None => len,
        Padding::Max => max,
        // The whole frame, its 9 bytes of header too, becomes a multiple of 8 if it may.
        Padding::Aligned => match (len + 9) % 8 {
            0 => len,
            over => (len + 8 - over).min(max),
        },
    };
    isize::try_from(padded).unwrap_or(isize::MAX)
}

/// Gives the bytes' number only; `on_send_data` takes the bytes themselves.
pub(super) unsafe extern "C" fn on_read(
    _: *mut sys::nghttp2_session,
    stream: i32,
    _: *mut u8,
    room: usize,
    flags: *mut u32,
    _: *mut sys::nghttp2_data_source,
    user_data: *mut c_void,
) -> sys::nghttp2_ssize {
    match told(user_data, Read::Deferred, |running| {
        running.events.on_read(stream, room)
    }) {
        Read::Deferred => isize::try_from(sys::NGHTTP2_ERR_DEFERRED).unwrap_or(-1),
        Read::Bytes {
            count,
            is_last,
            trailers_follow,
        } => {
            let mut set = 0;
            if count > 0 {
                set |= sys::NGHTTP2_DATA_FLAG_NO_COPY;
            }
            if is_last {
                set |= sys::NGHTTP2_DATA_FLAG_EOF;
            }
            if trailers_follow {
                set |= sys::NGHTTP2_DATA_FLAG_NO_END_STREAM;
            }
            // SAFETY: the library gives a place for flags.
            unsafe { *flags |= set };
            isize::try_from(count.min(room)).unwrap_or(0)
        }
    }
}

pub(super) unsafe extern "C" fn on_send_data(
    _: *mut sys::nghttp2_session,
    frame: *mut sys::nghttp2_frame,
    header: *const u8,
    len: usize,
    _: *mut sys::nghttp2_data_source,
    user_data: *mut c_void,
) -> c_int {
    let stream = header_of(frame).stream_id;
    // SAFETY: this callback is for DATA frames only.
    let padding = unsafe { (*frame.cast::<sys::nghttp2_data>()).padlen };
    let header: [u8; 9] = bytes(header, 9).try_into().unwrap_or_default();
    told(user_data, (), |running| {
        running.events.on_send_data(stream, header, padding, len);
    });
    0
}
