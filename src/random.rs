//! placeholder until merged
#![allow(missing_docs)]
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    Initialisation,
    Shuffle,
}
pub struct Random(Xoshiro256PlusPlus);
impl Random {
    pub fn new(seed: u64, stream: Stream) -> Random {
        let mut r = Xoshiro256PlusPlus::seed_from_u64(seed);
        for _ in 0..stream as u8 {
            r.jump()
        }
        Random(r)
    }
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }
    pub fn uniform_f32(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1u32 << 24) as f32
    }
    pub fn below(&mut self, n: u64) -> u64 {
        ((self.next_u64() as u128 * n as u128) >> 64) as u64
    }
    pub fn shuffle(&mut self, v: &mut [u32]) {
        for i in (1..v.len()).rev() {
            let j = self.below(i as u64 + 1) as usize;
            v.swap(i, j)
        }
    }
}
