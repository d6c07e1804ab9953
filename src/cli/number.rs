//! Numbers that an option takes.

use std::error::Error;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

/// What is expected in place of a whole number that is too large.
pub(super) const SMALLER: &str = "expected a smaller number";

/// A whole number. The error says what is expected: a smaller one, or what `expected` says.
pub(super) fn whole<T: FromStr<Err = ParseIntError>>(
    text: &str,
    expected: &str,
) -> Result<T, String> {
    text.parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => SMALLER.to_owned(),
        _ => expected.to_owned(),
    })
}

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
