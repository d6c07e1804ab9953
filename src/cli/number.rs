//! Numbers that an option takes.

use std::error::Error;

/// An `f32`, but none that is infinite or 0 where the text says otherwise: what checks it would show that as what was written.
pub(super) fn number(text: &str) -> Result<f32, Box<dyn Error + Send + Sync>> {
    let number: f32 = text.parse()?;
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    let has =
        |range: std::ops::RangeInclusive<char>| digits.contains(|digit| range.contains(&digit));
    if number.is_infinite() && has('0'..='9') {
        return Err("expected a number up to 3.4e38".into());
    }
    match number == 0.0 && has('1'..='9') {
        true => Err("expected a number that is not so near to 0".into()),
        false => Ok(number),
    }
}
