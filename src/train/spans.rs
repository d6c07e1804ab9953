//! Spans in the order in which kernels go through them fastest.

use crate::kernel::Span;

/// Lengths that are told apart; all longer ones count as the last.
const LENGTHS: usize = 256;

/// Sorts spans by length, and by their order where the lengths are equal.
///
/// A kernel's loop over a span ends where the CPU does not expect it, which costs as much as some ten words; among spans of
/// equal length it does.
#[derive(Debug, Default)]
pub(super) struct ByLength {
    unsorted: Vec<Span>,
}

impl ByLength {
    /// Puts the sorted spans into `sorted`, in place of what it held.
    pub(super) fn sort(&mut self, spans: impl Iterator<Item = Span>, sorted: &mut Vec<Span>) {
        self.unsorted.clear();
        self.unsorted.extend(spans);
        if self.unsorted.len() < 2 {
            sorted.clone_from(&self.unsorted);
            return;
        }
        let bucket = |span: &Span| (span.length as usize).min(LENGTHS - 1);
        let mut places = [0u32; LENGTHS];
        self.unsorted.iter().for_each(|span| places[bucket(span)] += 1);
        let mut end = 0;
        for place in &mut places {
            (*place, end) = (end, end + *place);
        }
        sorted.resize(self.unsorted.len(), Span::default());
        for span in &self.unsorted {
            let place = &mut places[bucket(span)];
            sorted[*place as usize] = *span;
            *place += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_length_then_by_order() {
        let lengths = [3, 0, 400, 3, 255, 1, 300];
        let spans =
            |(row, &length): (usize, &u32)| Span { start: row * 7, length, row: row as u32 };
        let mut sorted = vec![Span::default(); 100];
        ByLength::default().sort(lengths.iter().enumerate().map(spans), &mut sorted);
        let rows: Vec<u32> = sorted.iter().map(|span| span.row).collect();
        assert_eq!(rows, [1, 5, 0, 3, 2, 4, 6]);
        assert!(sorted.iter().all(|span| span.start == span.row as usize * 7));
    }
}
