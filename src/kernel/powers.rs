//! Powers of one factor.

/// The powers of a factor, each rounded once.
#[derive(Debug, Clone, PartialEq)]
pub struct Powers {
    factor: f64,
    table: Vec<f32>,
}

impl Powers {
    /// Those that are looked up; longer gaps are rare.
    const TABLE: u32 = 1024;

    /// The powers of `factor`.
    pub fn of(factor: f32) -> Powers {
        let factor = f64::from(factor);
        let table = (0..Powers::TABLE).map(|k| factor.powf(f64::from(k)) as f32).collect();
        Powers { factor, table }
    }

    /// `factor^exponent`
    #[inline(always)]
    pub fn get(&self, exponent: u32) -> f32 {
        match self.table.get(exponent as usize) {
            Some(&power) => power,
            None => self.far(exponent),
        }
    }

    #[cold]
    fn far(&self, exponent: u32) -> f32 {
        self.factor.powf(f64::from(exponent)) as f32
    }
}
