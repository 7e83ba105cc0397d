//! Memory that V8 takes from the host by itself, counted in the quota of array buffers: WebAssembly memories, buffers that can be
//! resized, and the stacks of suspended WebAssembly.
//!
//! These pass by the allocator of array buffers. V8 reserves addresses for them with its platform's page allocator, of which a host
//! process has one, and makes pages accessible as they grow. So functions of that allocator are replaced in its table, as `date_clock`
//! does it with the platform's. What is reserved on a thread that runs a guest ([`set`]) belongs to the guest's process until it is
//! freed, on whatever thread. A refusal is V8's to report: a `RangeError`, or -1 of `memory.grow`.
//!
//! V8's own pages (its heap, code, zones) are told from these by their alignment and by what may be done with them at first.
//!
//! Lock order: `REGIONS` is a leaf.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::date_clock::replace_virtual;
use super::heap::{Ending, Quota};

/// `v8::PageAllocator::Permission`, the ones that matter here.
const NO_ACCESS: i32 = 0;
const READ_WRITE: i32 = 2;

/// Pages of WebAssembly, which their memories are aligned to.
const WASM_PAGE: usize = 64 << 10;

/// What a reservation costs before a byte of it can be used: the host's tables, of which it has so many (`vm.max_map_count`).
const RESERVED: usize = 64 << 10;
/// Addresses are scarce too: 128 TiB in all, for all guests. A memory that may grow to 4 GiB costs 512 KiB more.
const ADDRESSES_A_BYTE_SHIFT: u32 = 13;

/// A stack of suspended WebAssembly: `--wasm-stack-switching-stack-size`, which has the default of `--stack-size`, and a page that
/// nobody may touch at either end. V8 aborts if it gets none.
const STACK: usize = 984 << 10;

/// How far such stacks may go past the limit until the process is ended: what V8 may do before it looks whether it is to stop.
const SLACK: usize = 4 << 20;

/// What is counted, from its reservation on.
struct Region {
    len: usize,
    /// Bytes from the beginning that can be used.
    committed: usize,
    /// What was taken from the quota.
    charged: usize,
    kind: Kind,
    quota: Arc<Quota>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Counted by V8 as external memory.
    Buffer,
    Memory,
    Stack,
}

/// By address.
static REGIONS: Mutex<BTreeMap<usize, Region>> = Mutex::new(BTreeMap::new());

fn regions() -> MutexGuard<'static, BTreeMap<usize, Region>> {
    REGIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process that this thread runs.
struct Owner {
    quota: Arc<Quota>,
    ending: Ending,
}

thread_local! {
    static OWNER: RefCell<Option<Owner>> = const { RefCell::new(None) };
}

/// Whose pages this thread's are, until dropped.
#[derive(Debug)]
#[must_use = "pages are nobody's when this is dropped"]
pub(crate) struct PageOwner(());

/// Counts what V8 reserves on this thread in the isolate's quota, from now on.
pub(crate) fn set(isolate: &v8::Isolate) -> PageOwner {
    let owner = isolate
        .get_slot::<Arc<Quota>>()
        .zip(Ending::of(isolate))
        .map(|(quota, ending)| Owner {
            quota: Arc::clone(quota),
            ending,
        });
    OWNER.set(owner);
    PageOwner(())
}

impl Drop for PageOwner {
    fn drop(&mut self) {
        OWNER.set(None);
    }
}

fn with_owner<T>(work: impl FnOnce(&Owner) -> T) -> Option<T> {
    OWNER
        .try_with(|owner| Some(work(owner.try_borrow().ok()?.as_ref()?)))
        .ok()
        .flatten()
}

unsafe extern "C" {
    /// `v8::platform::DefaultPlatform::GetPageAllocator`.
    #[link_name = "_ZN2v88platform15DefaultPlatform16GetPageAllocatorEv"]
    fn platform_page_allocator(platform: *mut c_void) -> *mut *const usize;
    /// `v8::base::PageAllocator::AllocatePages`.
    #[link_name = "_ZN2v84base13PageAllocator13AllocatePagesEPvmmNS_13PageAllocator10PermissionE"]
    fn default_allocate(
        allocator: *mut c_void,
        hint: *mut c_void,
        len: usize,
        alignment: usize,
        permission: i32,
    ) -> *mut c_void;
    /// `v8::base::PageAllocator::SetPermissions`.
    #[link_name = "_ZN2v84base13PageAllocator14SetPermissionsEPvmNS_13PageAllocator10PermissionE"]
    fn default_set_permissions(
        allocator: *mut c_void,
        address: *mut c_void,
        len: usize,
        permission: i32,
    ) -> bool;
    /// `v8::base::PageAllocator::FreePages`.
    #[link_name = "_ZN2v84base13PageAllocator9FreePagesEPvm"]
    fn default_free(allocator: *mut c_void, address: *mut c_void, len: usize) -> bool;
    /// `v8::base::PageAllocator::DecommitPages`.
    #[link_name = "_ZN2v84base13PageAllocator13DecommitPagesEPvm"]
    fn default_decommit(allocator: *mut c_void, address: *mut c_void, len: usize) -> bool;
}

/// What a reservation is, if it is one that is counted.
fn kind_of(hint: *mut c_void, len: usize, alignment: usize, permission: i32) -> Option<Kind> {
    if permission != NO_ACCESS || !hint.is_null() {
        return None;
    }
    match alignment {
        WASM_PAGE => Some(Kind::Memory),
        // The host's page, whatever its size.
        1..WASM_PAGE => Some(
            if len == STACK.next_multiple_of(alignment) + 2 * alignment {
                Kind::Stack
            } else {
                Kind::Buffer
            },
        ),
        _ => None,
    }
}

unsafe extern "C" fn allocate(
    allocator: *mut c_void,
    hint: *mut c_void,
    len: usize,
    alignment: usize,
    permission: i32,
) -> *mut c_void {
    let kind = kind_of(hint, len, alignment, permission);
    let charged = RESERVED.saturating_add(len >> ADDRESSES_A_BYTE_SHIFT);
    let region = kind.and_then(|kind| {
        with_owner(|owner| {
            let quota = Arc::clone(&owner.quota);
            let is_refused = match kind {
                Kind::Stack => {
                    take_for_stack(owner, charged);
                    false
                }
                Kind::Buffer | Kind::Memory => !quota.take_or_note(charged),
            };
            // Made only then: when it is dropped, it gives back.
            (!is_refused).then(|| Region {
                len,
                committed: 0,
                charged,
                kind,
                quota,
            })
        })
    });
    if matches!(region, Some(None)) {
        return std::ptr::null_mut();
    }
    // SAFETY: V8's arguments, passed on to what it meant to call.
    let address = unsafe { default_allocate(allocator, hint, len, alignment, permission) };
    if let Some(region) = region.flatten() {
        if address.is_null() {
            region.quota.give_back(region.charged);
        } else {
            regions().insert(address.addr(), region);
        }
    }
    address
}

/// Takes what V8 must get, and ends the process that is too far past its limit.
fn take_for_stack(owner: &Owner, bytes: usize) {
    if !owner.quota.take_past_limit(bytes, SLACK) {
        owner.end();
    }
}

impl Owner {
    fn end(&self) {
        self.quota.overrun();
        self.ending.end();
    }
}

/// What a change of permissions does to what is counted.
enum Change {
    /// Of pages that are not counted, or of none.
    None,
    /// So many bytes of the region at this address were taken; if the change fails, they are given back.
    Grown {
        base: usize,
        bytes: usize,
        is_too_far: bool,
    },
    /// The region at this address will have so many bytes.
    Shrunk {
        base: usize,
        committed: usize,
    },
    Refused,
}

/// Looks at a change before it is made.
fn change(address: usize, len: usize, permission: i32) -> Change {
    let mut all = regions();
    let Some((&base, region)) = all.range_mut(..=address).next_back() else {
        return Change::None;
    };
    let offset = address - base;
    if offset >= region.len {
        return Change::None;
    }
    let end = offset.saturating_add(len);
    match permission {
        READ_WRITE if end > region.committed => {
            let bytes = end - region.committed;
            let mut is_too_far = false;
            match region.kind {
                Kind::Stack => is_too_far = !region.quota.take_past_limit(bytes, SLACK),
                Kind::Buffer | Kind::Memory if !region.quota.take_or_note(bytes) => {
                    return Change::Refused;
                }
                Kind::Buffer | Kind::Memory => {}
            }
            region.grow(bytes);
            Change::Grown {
                base,
                bytes,
                is_too_far,
            }
        }
        NO_ACCESS if end >= region.committed && offset < region.committed => Change::Shrunk {
            base,
            committed: offset,
        },
        _ => Change::None,
    }
}

impl Region {
    fn grow(&mut self, bytes: usize) {
        self.committed = self.committed.saturating_add(bytes);
        self.charged = self.charged.saturating_add(bytes);
        if self.kind != Kind::Buffer {
            self.quota.map(bytes);
        }
    }

    fn shrink(&mut self, bytes: usize) {
        self.committed = self.committed.saturating_sub(bytes);
        self.charged = self.charged.saturating_sub(bytes);
        self.quota.give_back(bytes);
        if self.kind != Kind::Buffer {
            self.quota.unmap(bytes);
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.quota.give_back(self.charged);
        if self.kind != Kind::Buffer {
            self.quota.unmap(self.committed);
        }
    }
}

unsafe extern "C" fn set_permissions(
    allocator: *mut c_void,
    address: *mut c_void,
    len: usize,
    permission: i32,
) -> bool {
    let change = change(address.addr(), len, permission);
    if matches!(change, Change::Refused) {
        return false;
    }
    // SAFETY: V8's arguments, passed on to what it meant to call.
    let is_done = unsafe { default_set_permissions(allocator, address, len, permission) };
    match change {
        Change::Grown {
            is_too_far: true, ..
        } => {
            let _ended = with_owner(Owner::end);
        }
        Change::Grown { base, bytes, .. } if !is_done => {
            if let Some(region) = regions().get_mut(&base) {
                region.shrink(bytes);
            }
        }
        Change::Shrunk { base, committed } if is_done => {
            if let Some(region) = regions().get_mut(&base) {
                region.shrink(region.committed.saturating_sub(committed));
            }
        }
        _ => {}
    }
    is_done
}

unsafe extern "C" fn free(allocator: *mut c_void, address: *mut c_void, len: usize) -> bool {
    // First: as soon as the pages are free, another thread may get the address.
    drop(regions().remove(&address.addr()));
    // SAFETY: V8's arguments, passed on to what it meant to call.
    unsafe { default_free(allocator, address, len) }
}

/// How V8 lets go of stacks.
unsafe extern "C" fn decommit(allocator: *mut c_void, address: *mut c_void, len: usize) -> bool {
    // SAFETY: V8's arguments, passed on to what it meant to call.
    let is_done = unsafe { default_decommit(allocator, address, len) };
    let mut all = regions();
    if is_done
        && all
            .get(&address.addr())
            .is_some_and(|region| region.len == len)
    {
        all.remove(&address.addr());
    }
    is_done
}

/// Has a platform that was just made count pages. Whether it could, which `js_limits` among the tests would notice.
pub(crate) fn install(platform: &mut v8::UniqueRef<v8::Platform>) -> bool {
    let platform = std::ptr::from_mut::<v8::Platform>(&mut **platform).cast::<c_void>();
    // SAFETY: the crate's custom platform is a `DefaultPlatform`, at the same address.
    let allocator = unsafe { platform_page_allocator(platform) };
    if allocator.is_null() {
        return false;
    }
    let replacements = [
        (
            default_allocate as *const () as usize,
            allocate as *const () as usize,
        ),
        (
            default_set_permissions as *const () as usize,
            set_permissions as *const () as usize,
        ),
        (
            default_free as *const () as usize,
            free as *const () as usize,
        ),
        (
            default_decommit as *const () as usize,
            decommit as *const () as usize,
        ),
    ];
    // SAFETY: the object was just made, nobody else uses it, and each function takes what the one it stands for takes.
    unsafe { replace_virtual(allocator, &replacements) }
}
