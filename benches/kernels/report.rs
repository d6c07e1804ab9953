//! The times of kernels beside their rooflines.

use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;

use super::common::{best_of, duration, is_test};
use super::epoch::Epoch;
use super::roofline::{Pattern, Rooflines};

/// What a kernel cannot be faster than.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// So many bytes moved in a pattern, over arrays of so many bytes.
    Bytes { moved: usize, pattern: Pattern, arrays: usize },
    /// Multiplications and additions.
    Operations(usize),
}

/// A kernel with all that it works on, and its bounds; those of its parts add up.
pub struct Case<'a> {
    pub kernel: String,
    pub by: &'static str,
    pub bounds: Vec<Bound>,
    /// Runs it and says how long that took.
    pub run: Box<dyn FnMut() -> Duration + 'a>,
}

/// A routine that is timed from its beginning to its end.
pub fn timed<'a>(mut routine: impl FnMut() + 'a) -> Box<dyn FnMut() -> Duration + 'a> {
    Box::new(move || {
        let start = Instant::now();
        routine();
        start.elapsed()
    })
}

impl Case<'_> {
    /// Measures its rooflines.
    fn measure(&self, rooflines: &mut Rooflines) {
        for bound in &self.bounds {
            match *bound {
                Bound::Bytes { pattern, arrays, .. } => rooflines.measure(pattern, arrays),
                Bound::Operations(_) => rooflines.measure(Pattern::Multiply, 0),
            }
        }
    }

    /// The seconds that it takes at least.
    fn roofline(&self, rooflines: &Rooflines) -> f64 {
        let seconds = self.bounds.iter().map(|&bound| match bound {
            Bound::Bytes { moved, pattern, arrays } => {
                moved as f64 / rooflines.rate(pattern, arrays)
            }
            Bound::Operations(count) => count as f64 / rooflines.rate(Pattern::Multiply, 0),
        });
        seconds.sum()
    }

    /// Bytes or operations.
    fn amount(&self) -> f64 {
        let amounts = self.bounds.iter().map(|bound| match *bound {
            Bound::Bytes { moved, .. } => moved,
            Bound::Operations(count) => count,
        });
        amounts.sum::<usize>() as f64
    }

    fn is_of_bytes(&self) -> bool {
        matches!(self.bounds[..], [Bound::Bytes { .. }, ..])
    }

    /// The best of some times.
    fn best(&mut self) -> Duration {
        let start = Instant::now();
        let mut best = (self.run)();
        while start.elapsed() < AGAIN {
            best = best.min((self.run)());
        }
        best
    }
}

/// How often all is timed again at the end. Other work on a machine, or on the machine that it shares a core with, slows down
/// everything for seconds, so kernels and rooflines each get several chances at different times.
const ROUNDS: usize = 3;

/// How long a kernel is timed in each round.
const AGAIN: Duration = Duration::from_millis(30);

/// All that was measured.
pub struct Report<'a> {
    cases: Vec<(Case<'a>, Duration)>,
    rooflines: Rooflines,
}

impl<'a> Report<'a> {
    /// Nothing yet; `epoch` has the words in whose order lines are moved for comparison.
    pub fn new(epoch: &Epoch<'_>) -> Report<'a> {
        Report { cases: Vec::new(), rooflines: Rooflines::new(epoch.words_in_order()) }
    }

    /// Times a kernel with criterion and keeps it, to be timed again at the end.
    pub fn time(&mut self, group: &mut BenchmarkGroup<'_, WallTime>, name: &str, case: Case<'a>) {
        let mut case = case;
        if let (Some(best), false) = (best_of(group, name, &mut case.run), is_test()) {
            case.measure(&mut self.rooflines);
            self.cases.push((case, best));
        }
    }

    /// Times everything some more, each kernel beside its rooflines, and prints the tables, if there is anything in them.
    pub fn print(mut self, origin: &str) {
        if self.cases.is_empty() {
            return;
        }
        let has_bytes = self.cases.iter().any(|(case, _)| case.is_of_bytes());
        for _ in 0..ROUNDS {
            for (case, best) in &mut self.cases {
                case.measure(&mut self.rooflines);
                *best = case.best().min(*best);
            }
            if has_bytes {
                self.rooflines.measure_words();
            }
        }
        println!("Kernels against their rooflines, {origin}; best times, one thread");
        println!();
        self.print_table(true, "MB moved", "10^9 bytes/s");
        if has_bytes {
            self.print_words_alone("reads", Pattern::ReadWords, Pattern::Read);
            self.print_words_alone("updates", Pattern::UpdateWords, Pattern::Update);
            println!();
        }
        self.print_table(false, "10^6 operations", "10^9 operations/s");
        self.rooflines.print();
    }

    /// What the order of the words costs by itself, for kernels at sixteen columns.
    fn print_words_alone(&self, does: &str, in_order: Pattern, streamed: Pattern) {
        let (time, factor) = self.rooflines.words_alone(in_order, streamed);
        let time = duration(Duration::from_secs_f64(time));
        println!(
            "A loop that {does} the lines of the words in their order, and no more, takes {time}:"
        );
        println!("{factor:.2} times as long as over the table from one end to the other.");
    }

    fn print_table(&self, is_of_bytes: bool, amounts: &str, rates: &str) {
        if !self.cases.iter().any(|(case, _)| case.is_of_bytes() == is_of_bytes) {
            return;
        }
        println!(
            "| kernel | by | time | {amounts} | {rates} | roofline | % of roofline | factor |"
        );
        println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        for (case, best) in self.cases.iter().filter(|(case, _)| case.is_of_bytes() == is_of_bytes)
        {
            let (time, bound) = (best.as_secs_f64(), case.roofline(&self.rooflines));
            println!(
                "| {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.0} | {:.2} |",
                case.kernel,
                case.by,
                duration(*best),
                case.amount() / 1e6,
                case.amount() / time / 1e9,
                case.amount() / bound / 1e9,
                100.0 * bound / time,
                time / bound,
            );
        }
        println!();
    }
}
