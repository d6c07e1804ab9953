//! The end of a process that reads a mapped file which another program has cut short, with words instead of a core dump.

use std::os::raw::{c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// As many maps as are told apart; the lost pages of further ones end the process without words.
const MOST: usize = 64;

/// What the handler knows of a map. A start of 0 is none.
struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
    message: AtomicPtr<u8>,
    length: AtomicUsize,
}

static SLOTS: [Slot; MOST] = [const {
    Slot {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        message: AtomicPtr::new(ptr::null_mut()),
        length: AtomicUsize::new(0),
    }
}; MOST];

/// Marks a slot that is being filled: no address is as high.
const TAKEN: usize = usize::MAX;

/// What is said, and what was done about the signal before.
struct Guard {
    message: fn(&Path) -> String,
    previous: libc::sigaction,
}

static GUARD: OnceLock<Guard> = OnceLock::new();

/// From now on the loss of a page of a mapped file ends the process with exit code 1, after `message` of the file was written
/// to stderr, instead of with SIGBUS. Maps that were made before are not covered. Other faults go where they went before.
///
/// A signal belongs to the whole process: this is for programs, once, at their start.
///
/// # Errors
/// The system's, where it refuses.
pub fn exit_on_lost_pages(message: fn(&Path) -> String) -> std::io::Result<()> {
    // SAFETY: `sigaction` is a plain structure of integers and pointers, for which zeros mean the default action.
    let (mut action, mut previous): (libc::sigaction, libc::sigaction) =
        unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: without a new action it only tells the present one.
    if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &mut previous) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // The handler finds it set.
    GUARD.get_or_init(|| Guard { message, previous });
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_lost_page;
    action.sa_sigaction = handler as libc::sighandler_t;
    // On the stack for signals that Rust gives each thread.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action is complete, and its handler calls only what a handler may.
    match unsafe { libc::sigaction(libc::SIGBUS, &action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Runs in the middle of anything: reads atomics, calls `write`, `_exit` and `sigaction`, which POSIX allows, and nothing
/// else.
extern "C" fn on_lost_page(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the system hands a handler with SA_SIGINFO what it knows of the fault.
    let address = unsafe { (*info).si_addr() } as usize;
    // An end is rounded up, so that the next map may begin before it: the nearest start counts.
    let mut nearest = None;
    for slot in &SLOTS {
        let (start, end) = (slot.start.load(Ordering::Acquire), slot.end.load(Ordering::Relaxed));
        let is_map = start != 0 && start != TAKEN;
        if is_map && (start..end).contains(&address) && nearest.is_none_or(|(s, _)| s < start) {
            nearest = Some((start, slot));
        }
    }
    if let Some((_, slot)) = nearest {
        let message = slot.message.load(Ordering::Relaxed).cast_const();
        let length = slot.length.load(Ordering::Relaxed);
        // SAFETY: the message lives as long as the map is in the slot, and its map is in use: it has just faulted.
        unsafe {
            libc::write(libc::STDERR_FILENO, message.cast(), length);
            libc::_exit(1);
        }
    }
    if let Some(guard) = GUARD.get() {
        // SAFETY: it was in force before. The instruction is run again and faults again.
        unsafe { libc::sigaction(libc::SIGBUS, &guard.previous, ptr::null_mut()) };
    }
}

/// A map that the handler knows, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    slot: usize,
    _message: Box<[u8]>,
}

impl Place {
    /// Makes the map of a file known, where there is a handler and room.
    pub(super) fn of(path: &Path, map: &[u8]) -> Option<Place> {
        let guard = GUARD.get()?;
        let mut message = (guard.message)(path).into_bytes().into_boxed_slice();
        let free = |slot: &Slot| {
            let swapped =
                slot.start.compare_exchange(0, TAKEN, Ordering::Acquire, Ordering::Relaxed);
            swapped.is_ok()
        };
        let at = SLOTS.iter().position(free)?;
        let slot = &SLOTS[at];
        let start = map.as_ptr() as usize;
        // The last page is mapped whole.
        slot.end.store(start + map.len().next_multiple_of(1 << 16), Ordering::Relaxed);
        slot.message.store(message.as_mut_ptr(), Ordering::Relaxed);
        slot.length.store(message.len(), Ordering::Relaxed);
        slot.start.store(start, Ordering::Release);
        Some(Place { slot: at, _message: message })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        SLOTS[self.slot].start.store(0, Ordering::Release);
    }
}
