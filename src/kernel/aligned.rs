//! Arrays that start at a cache line, so that a row of sixteen values is one line and not two halves.

use std::fmt;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};
use memmap2::MmapMut;

use super::LANES;

/// From here on an array gets huge pages where the system has them: its rows are read all over, and each small page would
/// be looked up in the page table, and cleared when it is first touched, for one row.
const HUGE_FROM_BYTES: usize = 8 << 20;

/// One cache line.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

/// An array of `f32` of a fixed length that starts at a cache line.
pub struct Aligned {
    memory: Memory,
    length: usize,
}

enum Memory {
    Lines(Vec<Line>),
    Pages(MmapMut),
}

impl Aligned {
    /// `length` zeros, in memory that the system has not yet had to provide.
    pub fn zeros(length: usize) -> Aligned {
        let bytes = length.div_ceil(LANES) * size_of::<Line>();
        let memory = match bytes >= HUGE_FROM_BYTES {
            true => pages(bytes).map(Memory::Pages),
            false => None,
        };
        let lines = || Memory::Lines(bytemuck::zeroed_vec(length.div_ceil(LANES)));
        Aligned { memory: memory.unwrap_or_else(lines), length }
    }
}

/// Zeroed pages, huge ones if they are to be had; nothing where the system refuses.
fn pages(bytes: usize) -> Option<MmapMut> {
    let map = MmapMut::map_anon(bytes).ok()?;
    // A hint: without huge pages all is as it was.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    Some(map)
}

impl Clone for Aligned {
    fn clone(&self) -> Aligned {
        Aligned::from(&**self)
    }
}

impl From<&[f32]> for Aligned {
    fn from(values: &[f32]) -> Aligned {
        let mut aligned = Aligned::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        let values: &[f32] = match &self.memory {
            Memory::Lines(lines) => bytemuck::cast_slice(lines),
            Memory::Pages(map) => bytemuck::cast_slice(map),
        };
        &values[..self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        let values: &mut [f32] = match &mut self.memory {
            Memory::Lines(lines) => bytemuck::cast_slice_mut(lines),
            Memory::Pages(map) => bytemuck::cast_slice_mut(map),
        };
        &mut values[..self.length]
    }
}

impl PartialEq for Aligned {
    fn eq(&self, other: &Aligned) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
