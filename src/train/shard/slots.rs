//! Where the rows that a batch touches have their gradients.

use super::super::rows::Word;
use crate::kernel::{Span, Touched, prefetch};

/// How many words ahead of its use what is known of a row is asked for.
const AHEAD: usize = 32;

/// In what is kept of a row's last step, marks one that has been touched in this step: the other bits are its slot.
const IN_SLOT: u32 = 1 << 31;

/// The most steps of a run: they are counted beside that mark.
pub(in super::super) const MOST_STEPS: u32 = IN_SLOT - 1;

/// Finds the slots of rows.
pub(super) trait Finder {
    /// Asks for what is known of a row. Must be `#[inline(always)]`, as the other.
    fn ask(&self, row: u32);

    /// The slot of a row; one that has none yet gets the next, and is listed.
    fn slot(&mut self, row: u32, touched: &mut Vec<Touched>) -> u32;
}

/// Lists the slots of all words of the spans, in `slots`, and the rows that get one, in `touched`.
pub(super) fn give_slots<I: Word>(
    (words, spans): (&[I], &[Span]),
    first: usize,
    mut finder: impl Finder,
    touched: &mut Vec<Touched>,
    slots: &mut Vec<I::Slot>,
) {
    slots.clear();
    touched.clear();
    let row = |id: I| (id.place() - first) as u32;
    let of = |span: &Span| &words[span.start..][..span.length as usize];
    for (at, span) in spans.iter().enumerate() {
        let (words, next) = (of(span), spans.get(at + 1).map_or(&[][..], of));
        for (at, &id) in words.iter().enumerate() {
            // The first words of the next span are asked for at the end of this one.
            let later = words.get(at + AHEAD).or_else(|| next.get(at + AHEAD - words.len()));
            if let Some(&later) = later {
                finder.ask(row(later));
            }
            slots.push(id.with_slot(finder.slot(row(id), touched)));
        }
    }
}

/// Finds slots by the last step of each row, which is kept anyway where rows decay.
pub(super) struct Marks<'a> {
    pub(super) updated: &'a mut [u32],
    /// The number of the step before this.
    pub(super) before: u32,
}

impl Finder for Marks<'_> {
    #[inline(always)]
    fn ask(&self, row: u32) {
        prefetch(&self.updated[row as usize]);
    }

    #[inline(always)]
    fn slot(&mut self, row: u32, touched: &mut Vec<Touched>) -> u32 {
        let mark = &mut self.updated[row as usize];
        if *mark & IN_SLOT == 0 {
            let slot = touched.len() as u32;
            touched.push(Touched { row, slot, skipped: self.before - *mark });
            *mark = IN_SLOT | slot;
        }
        *mark & !IN_SLOT
    }
}

/// Finds slots where nothing is kept of a row: in a hash table of those of the batch, which fits a cache as a mark for each row of
/// the shard would not.
///
/// It is open-addressed with double hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm D), and
/// multiplicative, by which words that stand next to each other come to lie far apart. Two words that meet in one place go on by
/// steps of different lengths: no dataset can make many of them meet again and again.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// At the place of a row its slot and one; 0 where there is none.
    places: Vec<u32>,
    /// Whether there is a place for each row, at its own number.
    has_all: bool,
}

/// Places for each word, up to one for each row: in a table that is so empty, few rows meet.
const PLACES: usize = 4;

/// 2^32 over the golden ratio.
const FACTOR: u32 = 0x9e37_79b9;

impl Table {
    /// Forgets what it has, `touched`, and makes room for so many words of so many rows.
    pub(super) fn clear(&mut self, touched: &[Touched], words: usize, rows: usize) {
        match self.has_all {
            true => touched.iter().for_each(|touched| self.places[touched.row as usize] = 0),
            false => self.places.fill(0),
        }
        let places = (PLACES * words).min(rows).next_power_of_two();
        self.has_all = rows <= places;
        self.places.resize(places, 0);
    }
}

impl Finder for &mut Table {
    #[inline(always)]
    fn ask(&self, _row: u32) {}

    #[inline(always)]
    fn slot(&mut self, row: u32, touched: &mut Vec<Touched>) -> u32 {
        let places = &mut self.places[..];
        let hash = row.wrapping_mul(FACTOR);
        let mut place = match self.has_all {
            true => row as usize,
            false => (hash >> (u32::BITS - places.len().ilog2())) as usize,
        };
        loop {
            let number = &mut places[place & (places.len() - 1)];
            match *number {
                0 => {
                    let slot = touched.len() as u32;
                    touched.push(Touched { row, slot, skipped: 0 });
                    *number = slot + 1;
                    return slot;
                }
                found if touched[found as usize - 1].row == row => return found - 1,
                // Odd, and so prime to the number of places: in the end it comes to all of them.
                _ => place = place.wrapping_add((hash | 1) as usize),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    #[test]
    fn a_table_finds_rows_again() {
        let mut random = Random::new(5, Stream::SyntheticReviews);
        let (mut table, mut touched) = (Table::default(), Vec::new());
        // Any, next to each other, and all with the same lower half.
        let draws: [fn(&mut Random, u32) -> u32; 3] =
            [|random, _| random.below(1 << 26) as u32, |_, at| at, |_, at| at << 16];
        let cases = [1, 2, 3, 7, 100, 5_000, 50].into_iter().flat_map(|words| {
            let few = [words as usize, 2 * words as usize].map(|all| (words, all, draws[1]));
            draws.map(|draw| (words, 1 << 26, draw)).into_iter().chain(few)
        });
        for (words, all, draw) in cases {
            table.clear(&touched, words as usize, all);
            touched.clear();
            let mut rows: Vec<u32> = Vec::new();
            for at in 0..words {
                rows.push(draw(&mut random, at));
                for row in [rows[at as usize], rows[at as usize / 2]] {
                    let slot = (&mut table).slot(row, &mut touched);
                    let expected = Touched { row, slot, skipped: 0 };
                    assert_eq!(touched[slot as usize], expected, "{words} of {all}");
                }
            }
            let mut listed: Vec<u32> = touched.iter().map(|touched| touched.row).collect();
            listed.sort_unstable();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(listed, rows, "{words} of {all}");
        }
    }
}
