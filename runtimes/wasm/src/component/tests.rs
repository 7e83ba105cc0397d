//! What WASI's words are for what the kernel says.

use cenote_abi::Errno;

use super::bindings::types::{ErrorCode, NewTimestamp};
use super::convert::{error_code, time_change};

#[test]
fn errno_without_a_word_of_wasis_is_io() {
    assert_eq!(error_code(Errno::ENOENT), ErrorCode::NoEntry);
    assert_eq!(error_code(Errno::EXDEV), ErrorCode::CrossDevice);
    assert_eq!(error_code(Errno::ENOTCONN), ErrorCode::Io);
}

#[test]
fn time_with_too_many_nanoseconds_is_refused() {
    let time = |nanoseconds| {
        NewTimestamp::Timestamp(wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime {
            seconds: 1,
            nanoseconds,
        })
    };
    assert!(time_change(time(999_999_999)).is_ok());
    assert!(time_change(time(1_000_000_000)).is_err_and(|errno| errno == Errno::EINVAL));
}
