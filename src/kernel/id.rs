//! Features as index arrays hold them: by their number alone, or with how often they occur.

use super::sparse::Compiled;

/// An entry of an index array: a feature, and how often it occurs. Entries are ordered by their features.
pub trait Id: Copy + Ord + Send + Sync + Compiled {
    /// Whether [`Id::times`] may be other than 1. Where it may not, kernels do not multiply.
    const REPEATS: bool;

    /// Which row of a table that starts at feature 0.
    fn place(self) -> usize;

    /// How often it occurs: what its weight row, or its delta, is multiplied by.
    fn times(self) -> f32;
}

/// The number of a feature, which occurs once.
pub trait Single: Id + Default {
    /// The same with how often it occurs.
    type Repeated: Id;

    /// A feature that occurs so often.
    fn repeated(self, times: u16) -> Self::Repeated;
}

impl Id for u16 {
    const REPEATS: bool = false;

    #[inline(always)]
    fn place(self) -> usize {
        usize::from(self)
    }

    #[inline(always)]
    fn times(self) -> f32 {
        1.0
    }
}

impl Id for u32 {
    const REPEATS: bool = false;

    #[inline(always)]
    fn place(self) -> usize {
        self as usize
    }

    #[inline(always)]
    fn times(self) -> f32 {
        1.0
    }
}

/// A feature in the upper half of a number, and how often it occurs in the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repeated<P>(P);

impl Single for u16 {
    type Repeated = Repeated<u32>;

    #[inline(always)]
    fn repeated(self, times: u16) -> Repeated<u32> {
        Repeated(u32::from(self) << u16::BITS | u32::from(times))
    }
}

impl Single for u32 {
    type Repeated = Repeated<u64>;

    #[inline(always)]
    fn repeated(self, times: u16) -> Repeated<u64> {
        Repeated(u64::from(self) << u32::BITS | u64::from(times))
    }
}

impl Repeated<u32> {
    /// Another feature that occurs as often.
    #[inline(always)]
    pub(crate) fn of_slot(self, slot: u32) -> Repeated<u64> {
        slot.repeated(self.0 as u16)
    }
}

impl Repeated<u64> {
    /// Another feature that occurs as often.
    #[inline(always)]
    pub(crate) fn of_slot(self, slot: u32) -> Repeated<u64> {
        slot.repeated(self.0 as u16)
    }
}

impl Id for Repeated<u32> {
    const REPEATS: bool = true;

    #[inline(always)]
    fn place(self) -> usize {
        (self.0 >> u16::BITS) as usize
    }

    #[inline(always)]
    fn times(self) -> f32 {
        f32::from(self.0 as u16)
    }
}

impl Id for Repeated<u64> {
    const REPEATS: bool = true;

    #[inline(always)]
    fn place(self) -> usize {
        (self.0 >> u32::BITS) as usize
    }

    #[inline(always)]
    fn times(self) -> f32 {
        f32::from(self.0 as u16)
    }
}
