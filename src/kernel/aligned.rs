//! Arrays that start at a cache line, so that a row of sixteen values is one line and not two halves.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};
use memmap2::MmapMut;

use super::LANES;

/// From here on an array has pages of its own, which go back to the system with it. On the heap, what outlives it would keep the
/// hole that it leaves from what is a little larger: a sweep over many widths would need more memory with each of them. Smaller
/// ones are left to the heap all the same: two threads are 3 % slower with the book's shards in pages of their own.
const PAGES_FROM_BYTES: usize = 1 << 20;

/// From here on an array gets huge pages where the system has them: its rows are read all over, and each small page would
/// be looked up in the page table, and cleared when it is first touched, for one row.
const HUGE_FROM_BYTES: usize = 8 << 20;

/// One cache line.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

/// An array of a fixed length that starts at a cache line.
pub struct Aligned<T = f32> {
    memory: Memory,
    length: usize,
    values: PhantomData<T>,
}

enum Memory {
    Lines(Vec<Line>),
    Pages(MmapMut),
}

impl<T: Pod> Aligned<T> {
    /// `length` zeros, of many in memory that the system has not yet had to provide.
    pub fn zeros(length: usize) -> Aligned<T> {
        const { assert!(size_of::<Line>().is_multiple_of(size_of::<T>())) }
        let lines = length.div_ceil(size_of::<Line>() / size_of::<T>());
        let bytes = lines * size_of::<Line>();
        let memory = match bytes >= PAGES_FROM_BYTES {
            true => pages(bytes).map(Memory::Pages),
            false => None,
        };
        let lines = || match bytemuck::allocation::try_zeroed_vec(lines) {
            Ok(lines) => Memory::Lines(lines),
            // As any other allocation that the system refuses.
            Err(()) => {
                handle_alloc_error(Layout::array::<Line>(lines).expect("it has their bytes"))
            }
        };
        Aligned { memory: memory.unwrap_or_else(lines), length, values: PhantomData }
    }
}

/// Whether the system would give so many bytes more, as far as it tells beforehand.
pub(crate) fn has_room(bytes: usize) -> bool {
    bytes == 0 || MmapMut::map_anon(bytes).is_ok()
}

/// Zeroed pages, huge ones for many if they are to be had; nothing where the system refuses.
fn pages(bytes: usize) -> Option<MmapMut> {
    let map = MmapMut::map_anon(bytes).ok()?;
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_FROM_BYTES {
        // A hint: without huge pages all is as it was.
        let _ = map.advise(memmap2::Advice::HugePage);
    }
    Some(map)
}

impl<T: Pod> Clone for Aligned<T> {
    fn clone(&self) -> Aligned<T> {
        Aligned::from(&**self)
    }
}

impl<T: Pod> From<&[T]> for Aligned<T> {
    fn from(values: &[T]) -> Aligned<T> {
        let mut aligned = Aligned::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }
}

impl<T: Pod> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let values: &[T] = match &self.memory {
            Memory::Lines(lines) => bytemuck::cast_slice(lines),
            Memory::Pages(map) => bytemuck::cast_slice(map),
        };
        &values[..self.length]
    }
}

impl<T: Pod> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let values: &mut [T] = match &mut self.memory {
            Memory::Lines(lines) => bytemuck::cast_slice_mut(lines),
            Memory::Pages(map) => bytemuck::cast_slice_mut(map),
        };
        &mut values[..self.length]
    }
}

impl<T: Pod + PartialEq> PartialEq for Aligned<T> {
    fn eq(&self, other: &Aligned<T>) -> bool {
        **self == **other
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_little_and_not_for_all() {
        assert!(has_room(0) && has_room(1 << 16));
        assert!(!has_room(usize::MAX / 2));
    }
}
