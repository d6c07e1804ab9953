//! The first layer: sums of weight rows, and deltas added to gradient rows.

mod addend;
mod columns;
mod gather;
mod scatter;
mod span;

use super::{Level, Repeated};
use gather::Gather;
pub use gather::{Table, gather_sum};
use scatter::Scatter;
pub use scatter::scatter_add;
pub(crate) use scatter::scatter_add_ahead;
pub use span::Span;
pub(crate) use span::prefetch_span;

/// Independent partial sums, so that additions need not wait for each other.
const CHAINS: usize = 4;

/// Tables of more bytes than this do not stay in a core's own cache: their rows are asked for one span ahead.
const NEAR_BYTES: usize = 2 << 20;

/// The kernels of one kind of entries. Functions of any kind would be compiled again in each crate that calls them, for all
/// levels and widths, and with whatever optimization that crate has; these are compiled here, once.
pub trait Compiled: Sized {
    /// [`gather_sum`]
    fn gather(level: Level, gather: Gather<'_, Self>);

    /// [`scatter_add`]
    fn scatter(level: Level, scatter: Scatter<'_, Self, Self>);
}

macro_rules! compiled {
    ($($id:ty),*) => {$(
        impl Compiled for $id {
            #[inline(never)]
            fn gather(level: Level, gather: Gather<'_, $id>) {
                level.run(gather);
            }

            #[inline(never)]
            fn scatter(level: Level, scatter: Scatter<'_, $id, $id>) {
                level.run(scatter);
            }
        }
    )*};
}

compiled!(u16, u32, Repeated<u32>, Repeated<u64>);
