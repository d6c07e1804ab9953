//! Which instructions the kernels use.

#![allow(unsafe_code)]

use std::fmt;

#[cfg(target_arch = "x86_64")]
use super::avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::lanes::Kernel;
use super::portable::Portable;

/// The environment variable that forces a level.
pub const LEVEL_VARIABLE: &str = "IMDB_FAST_KERNEL";

/// A set of instructions that this CPU has: who holds one may run its kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Why a level was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{asked:?} is none of the kernels that this CPU can run: {supported}")]
pub struct UnsupportedLevel {
    /// What was asked for.
    pub asked: String,
    /// The names of those that are there.
    pub supported: String,
}

impl Level {
    /// What the compiler makes of plain Rust for any CPU of this kind.
    pub const fn portable() -> Level {
        Level(Instructions::Portable)
    }

    /// The instruction sets that a level asks for, each with whether this CPU has it; those of AVX2 come first.
    pub fn instruction_sets() -> Vec<(&'static str, bool)> {
        #[cfg(target_arch = "x86_64")]
        let sets = [&avx2_sets()[..], &avx512_sets()].concat();
        #[cfg(not(target_arch = "x86_64"))]
        let sets = Vec::new();
        sets
    }

    /// AVX2 and FMA (Intel since 2013, AMD since 2015), if this CPU has them.
    pub fn avx2() -> Option<Level> {
        #[cfg(target_arch = "x86_64")]
        if avx2_sets().iter().all(|&(_, is_there)| is_there) {
            return Some(Level(Instructions::Avx2));
        }
        None
    }

    /// AVX-512 F, BW, DQ and VL (Intel servers since 2017, AMD since 2022), if this CPU has them.
    pub fn avx512() -> Option<Level> {
        #[cfg(target_arch = "x86_64")]
        if Level::avx2().is_some() && avx512_sets().iter().all(|&(_, is_there)| is_there) {
            return Some(Level(Instructions::Avx512));
        }
        None
    }

    /// All that this CPU can run, the best last.
    pub fn supported() -> Vec<Level> {
        [Some(Level::portable()), Level::avx2(), Level::avx512()].into_iter().flatten().collect()
    }

    /// The best that this CPU can run.
    pub fn detect() -> Level {
        Level::avx512().or_else(Level::avx2).unwrap_or(Level::portable())
    }

    /// The level that the environment variable `IMDB_FAST_KERNEL` names, or the best where it is not set or empty.
    ///
    /// # Errors
    /// [`UnsupportedLevel`] where this CPU lacks it, or no level has that name.
    pub fn from_env() -> Result<Level, UnsupportedLevel> {
        let asked = std::env::var_os(LEVEL_VARIABLE).filter(|asked| !asked.is_empty());
        let Some(asked) = asked else { return Ok(Level::detect()) };
        let asked = asked.to_string_lossy();
        let supported = Level::supported();
        supported.iter().copied().find(|level| level.name() == asked).ok_or_else(|| {
            let names: Vec<&str> = supported.iter().map(|level| level.name()).collect();
            UnsupportedLevel { asked: asked.into_owned(), supported: names.join(", ") }
        })
    }

    /// `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Instructions::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "avx512",
        }
    }

    /// Runs a kernel with the level's instructions.
    #[inline]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Instructions::Portable => kernel.run::<Portable>(),
            // SAFETY: only `Level::avx2` makes this level, where the CPU has the instructions.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::run(kernel) },
            // SAFETY: only `Level::avx512` makes this level, where the CPU has the instructions.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512::run(kernel) },
        }
    }
}

/// Instruction sets, each with whether this CPU has it.
#[cfg(target_arch = "x86_64")]
macro_rules! detected {
    ($($name:tt),*) => { [$(($name, is_x86_feature_detected!($name))),*] };
}

/// Those that `avx2::run` is compiled for.
#[cfg(target_arch = "x86_64")]
fn avx2_sets() -> [(&'static str, bool); 6] {
    detected!("avx2", "fma", "bmi1", "bmi2", "lzcnt", "popcnt")
}

/// Those that `avx512::run` is compiled for besides.
#[cfg(target_arch = "x86_64")]
fn avx512_sets() -> [(&'static str, bool); 4] {
    detected!("avx512f", "avx512bw", "avx512dq", "avx512vl")
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
