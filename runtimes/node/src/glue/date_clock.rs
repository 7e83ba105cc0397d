//! Where V8 has the time of day from: `Date`, and `Intl`'s idea of now, show the machine's clock.
//!
//! V8 asks its platform, of which a host process has one, and the crate's custom platform leaves that question to V8's default. So the
//! answer is put into the platform's own table of virtual functions, and looks at the clock that its thread was given ([`set`]).

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::Arc;

use cenote_base::Clock;

thread_local! {
    /// The clock of the machine that this thread's isolate belongs to.
    static CLOCK: RefCell<Option<Arc<dyn Clock>>> = const { RefCell::new(None) };
}

/// How many words of the platform's table are copied: what lies before its address point, and more functions than there are.
const TABLE: usize = 64;
/// Words before the address point: the offset to the top and the type.
const PREFIX: usize = 2;

unsafe extern "C" {
    /// `v8::platform::DefaultPlatform::CurrentClockTimeMillis`: only its address is used.
    #[link_name = "_ZN2v88platform15DefaultPlatform22CurrentClockTimeMillisEv"]
    fn default_current_clock_time_millis(platform: *mut c_void) -> f64;
}

/// What a thread's `Date` shows, until dropped.
#[derive(Debug)]
#[must_use = "the clock is taken back when this is dropped"]
pub(crate) struct DateClock {
    before: Option<Arc<dyn Clock>>,
}

/// Has `Date` on this thread show this clock.
pub(crate) fn set(clock: Arc<dyn Clock>) -> DateClock {
    DateClock {
        before: CLOCK.replace(Some(clock)),
    }
}

impl Drop for DateClock {
    fn drop(&mut self) {
        CLOCK.set(self.before.take());
    }
}

/// What V8 calls instead of its own. Threads that run no guest's code have no use for the time: there it is 1970.
unsafe extern "C" fn current_clock_time_millis(_: *mut c_void) -> f64 {
    CLOCK
        .try_with(|clock| {
            let time = clock.try_borrow().ok()?.as_ref()?.realtime();
            #[expect(
                clippy::cast_precision_loss,
                reason = "exact for 285,000 years of milliseconds"
            )]
            Some(time.sec as f64 * 1e3 + f64::from(time.nsec) / 1e6)
        })
        .ok()
        .flatten()
        .unwrap_or(0.0)
}

/// Puts the answer into a platform that was just made. Whether it could: not when V8 was built so that the function has no place in
/// the table, which `tests` would notice.
pub(crate) fn install(platform: &mut v8::UniqueRef<v8::Platform>) -> bool {
    let object = std::ptr::from_mut::<v8::Platform>(&mut **platform).cast::<*const usize>();
    let replacement = (
        default_current_clock_time_millis as *const () as usize,
        current_clock_time_millis as *const () as usize,
    );
    // SAFETY: the platform was just made, nobody else uses it; both functions take the object and answer a number.
    unsafe { replace_virtual(object, &[replacement]) }
}

/// Gives a C++ object a table of virtual functions in which some are replaced: `(old, new)` addresses. Whether all the old ones were
/// in its table; if not, nothing is changed.
///
/// # Safety
/// The object has virtual functions and belongs to the caller alone; it stays as long as the host process. Each new function has the
/// signature and the contract of the old one.
pub(super) unsafe fn replace_virtual(
    object: *mut *const usize,
    replacements: &[(usize, usize)],
) -> bool {
    // SAFETY: a C++ object with virtual functions begins with the address of their table.
    let functions = unsafe { object.read() };
    // SAFETY: the table's address point has two words before it, in the same constant section.
    let table = unsafe { functions.sub(PREFIX) };
    // SAFETY: the table and what the linker put after it: constant data of the same section, which is far larger than this.
    let words = unsafe { std::slice::from_raw_parts(table, TABLE) };
    let mut own = words.to_vec();
    for (old, new) in replacements {
        let Some(place) = own.iter_mut().find(|word| **word == *old) else {
            return false;
        };
        *place = *new;
    }
    // The object is there as long as the host process.
    let own = Vec::leak(own);
    // SAFETY: the address point lies inside the copy.
    let own_functions = unsafe { own.as_ptr().add(PREFIX) };
    // SAFETY: the caller's object alone; the copy has every function the original has.
    unsafe { object.write(own_functions) };
    true
}
