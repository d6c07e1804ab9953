//! The end of a process that reads a mapped file which another program has cut short, with words instead of a core dump.

#![allow(unsafe_code)]

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

/// What is said, what was done about the signal before, what the system does by itself, and the bytes of a page.
struct Guard {
    message: fn(&Path) -> String,
    previous: libc::sigaction,
    default: libc::sigaction,
    page: usize,
}

static GUARD: OnceLock<Guard> = OnceLock::new();

/// From now on the loss of a page of a mapped file ends the process with exit code 1, after `message` of the file was written
/// to stderr, instead of with SIGBUS. Maps that were made before are not covered. Other faults go where they went before;
/// a SIGBUS that a process sends ends this one.
///
/// A signal belongs to the whole process: this is for programs, once, at their start.
///
/// # Errors
/// The system's, where it refuses.
pub fn exit_on_lost_pages(message: fn(&Path) -> String) -> std::io::Result<()> {
    let previous = action_at(libc::SIGBUS)?;
    // The handler finds it set.
    let default = libc::sigaction { sa_sigaction: libc::SIG_DFL, ..previous };
    GUARD.get_or_init(|| Guard { message, previous, default, page: rustix::param::page_size() });
    let mut action = previous;
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

/// Whether the process ignores a signal, as one that `nohup` has started does SIGHUP.
pub fn is_ignored(signal: c_int) -> bool {
    action_at(signal).is_ok_and(|action| action.sa_sigaction == libc::SIG_IGN)
}

/// What the process does at a signal.
fn action_at(signal: c_int) -> std::io::Result<libc::sigaction> {
    // SAFETY: `sigaction` is a plain structure of integers and pointers, for which zeros mean the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action it only tells the present one.
    match unsafe { libc::sigaction(signal, ptr::null(), &mut action) } {
        0 => Ok(action),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Runs in the middle of anything: reads atomics, calls `write`, `_exit`, `sigaction` and `raise`, which POSIX allows, and
/// nothing else.
extern "C" fn on_lost_page(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the system hands a handler with SA_SIGINFO what it knows of the fault.
    let (address, code) = unsafe { ((*info).si_addr() as usize, (*info).si_code) };
    // The kinds of faults, of POSIX and of Linux; other numbers say that a process has sent the signal.
    let is_fault = (1..=5).contains(&code);
    let lost = SLOTS.iter().filter(|_| is_fault).find_map(|slot| slot.message_of(address));
    if let Some((message, length)) = lost {
        // SAFETY: the message lives as long as the map is in the slot. The map has a page at the address, for its end is that of
        // its last page, and whoever has just read that page borrows the map.
        unsafe {
            libc::write(libc::STDERR_FILENO, message.cast(), length);
            libc::_exit(1);
        }
    }
    if let Some(guard) = GUARD.get() {
        // Rust's own handler, which was in force before, would take a signal that was sent for an overflow of the stack.
        let action = if is_fault { &guard.previous } else { &guard.default };
        // SAFETY: both actions are as the system has told them, or its own. The instruction is run again and faults again; a
        // signal that was sent comes again, once this handler has returned.
        unsafe {
            libc::sigaction(libc::SIGBUS, action, ptr::null_mut());
            if !is_fault {
                libc::raise(libc::SIGBUS);
            }
        }
    }
}

impl Slot {
    /// What to say of the map that has an address. None where the slot is filled anew meanwhile: then it has another map.
    fn message_of(&self, address: usize) -> Option<(*const u8, usize)> {
        let start = self.start.load(Ordering::Acquire);
        let end = self.end.load(Ordering::Acquire);
        let message = self.message.load(Ordering::Acquire).cast_const();
        let length = self.length.load(Ordering::Acquire);
        let is_map = start != 0 && start != TAKEN && (start..end).contains(&address);
        (is_map && self.start.load(Ordering::Relaxed) == start).then_some((message, length))
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
        // The last page is mapped whole. Whoever reads one of these sees that the slot was taken.
        slot.end.store(start + map.len().next_multiple_of(guard.page), Ordering::Release);
        slot.message.store(message.as_mut_ptr(), Ordering::Release);
        slot.length.store(message.len(), Ordering::Release);
        slot.start.store(start, Ordering::Release);
        Some(Place { slot: at, _message: message })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        SLOTS[self.slot].start.store(0, Ordering::Release);
    }
}
