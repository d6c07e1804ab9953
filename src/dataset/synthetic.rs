//! placeholder
#![allow(missing_docs)]
use super::*;
#[derive(Debug, Clone, Default)]
pub struct SyntheticOptions {
    pub reviews: usize,
    pub words: usize,
    pub seed: u64,
}
pub struct Synthetic;
impl Synthetic {
    pub fn new(_: SyntheticOptions) -> Result<Synthetic> {
        Ok(Synthetic)
    }
}
impl ReviewSource for Synthetic {
    fn contents(&self) -> Contents {
        unimplemented!()
    }
    fn for_each(&mut self, _: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        Ok(())
    }
}
