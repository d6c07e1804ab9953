//! Numbers that an option takes.

use std::error::Error;

/// An `f32`, but none that is infinite or 0 where the text says otherwise: what checks it would show a number that nobody has
/// written.
pub(super) fn number(text: &str) -> Result<f32, Box<dyn Error + Send + Sync>> {
    let (number, written): (f32, f64) = (text.parse()?, text.parse()?);
    if number.is_infinite() && written.is_finite() {
        return Err("expected a number up to 3.4e38".into());
    }
    match number == 0.0 && written != 0.0 {
        true => Err("expected 0, or a number from 1.2e-38".into()),
        false => Ok(number),
    }
}
