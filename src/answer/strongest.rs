//! The words that move a model most.

use super::Judge;
use crate::nn::Workspace;
use crate::text::Encoding;

/// Features that a thread takes at a time.
const BLOCK: usize = 256;

/// What each feature does to an empty review.
#[derive(Debug, Clone, PartialEq)]
pub struct Strongest {
    /// The probability of the empty review.
    pub empty: f32,
    /// Features with their names and the change that they make, the most negative first.
    pub negative: Vec<(String, f32)>,
    /// The same, the most positive first.
    pub positive: Vec<(String, f32)>,
}

impl Judge<'_> {
    /// The `top` words, and n-grams that have a name, with the strongest effect on an empty review, to each side.
    /// Features of equal effect come in the order of their ids.
    ///
    /// An n-gram stands for itself here, without its words.
    pub fn strongest(&self, top: usize) -> Strongest {
        let mut encoding = Encoding::default();
        self.encoder.encode("", &mut encoding);
        let empty = self.sum_of(encoding.features());
        let name = |id: u32| self.model.vocabulary.as_ref().and_then(|words| words.word(id));
        let named: Vec<u32> = {
            let names = self.model.vocabulary.as_ref().map_or(0, |words| words.len() as u32);
            (0..names).filter(|&id| name(id).is_some()).collect()
        };
        let mut effects = vec![0.0; named.len()];
        let mut blocks: Vec<(&[u32], &mut [f32])> =
            named.chunks(BLOCK).zip(effects.chunks_mut(BLOCK)).collect();
        let (level, head) = (self.level(), &self.model.parameters().head);
        let width = empty.len();
        let workspace = || Workspace::new(self.model.architecture(), BLOCK);
        let base = {
            let mut workspace = workspace();
            workspace.first_z(1).copy_from_slice(&empty);
            workspace.forward(level, head);
            workspace.probabilities()[0]
        };
        self.team.for_each_with(&mut blocks, workspace, |workspace, _, (ids, effects)| {
            let rows = workspace.first_z(ids.len()).chunks_exact_mut(width);
            for (z, &id) in rows.zip(ids.iter()) {
                let sums = empty.iter().zip(self.row(id));
                z.iter_mut().zip(sums).for_each(|(z, (base, weight))| *z = base + weight);
            }
            workspace.forward(level, head);
            let changes = workspace.probabilities().iter().map(|probability| probability - base);
            effects.iter_mut().zip(changes).for_each(|(effect, change)| *effect = change);
        });

        let mut order: Vec<usize> = (0..named.len()).collect();
        // Stable: equal effects stay in the order of the ids. No effect is NaN, since no weight is.
        order.sort_by(|&a, &b| effects[a].total_cmp(&effects[b]));
        let negative = order.iter().copied().take_while(|&at| effects[at] < 0.0).take(top);
        let negative = negative.collect::<Vec<_>>();
        order.sort_by(|&a, &b| effects[b].total_cmp(&effects[a]));
        let positive = order.into_iter().take_while(|&at| effects[at] > 0.0).take(top);
        let with_name = |at: usize| (name(named[at]).unwrap_or("").to_owned(), effects[at]);
        Strongest {
            empty: base,
            negative: negative.into_iter().map(with_name).collect(),
            positive: positive.map(with_name).collect(),
        }
    }
}
