//! The locale data that `Intl` uses: all of ICU's, as Node has it, embedded by the build (`build/locale_data.rs`).

/// ICU reads the data in place and wants it aligned.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

/// Empty when the build found none.
static DATA: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/icu.dat")));

/// Gives ICU the data, before anything uses it; without, V8's own smaller set stays.
pub(crate) fn install() {
    if DATA.0.is_empty() {
        return;
    }
    if let Err(code) = v8::icu::set_common_data_78(&DATA.0) {
        tracing::error!(target: "cenote::node", code, "ICU refused the embedded locale data");
    }
}
