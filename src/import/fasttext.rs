//! fastText's text files: `__label__NAME TEXT`, a review a line. As fastText has it, a label may stand anywhere in its line.

use super::lines::Lines;
use super::row::{LabelUse, Row, Rows};
use crate::error::Result;

/// What fastText puts before each label by default.
const PREFIX: &[u8] = b"__label__";

/// The lines of a file, with their labels.
pub(super) struct Fasttext {
    lines: Lines,
    labels: LabelUse,
    /// A line without its labels.
    text: Vec<u8>,
}

/// Whether a file that begins with `head`, and is no JSON, is in this format: its first line has a label.
pub(super) fn looks_like_it(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.split(u8::is_ascii_whitespace).any(|word| word.starts_with(PREFIX))
}

/// The reviews of these lines.
pub(super) fn of(lines: Lines, labels: LabelUse) -> Fasttext {
    Fasttext { lines, labels, text: Vec::new() }
}

impl Rows for Fasttext {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if !self.lines.advance_past_blank()? {
            return Ok(None);
        }
        self.lines.expect_line_feeds()?;
        let line = self.lines.line();
        self.text.clear();
        let (mut label, mut copied, mut start) = (None, 0, 0);
        for word in line.split(u8::is_ascii_whitespace) {
            let end = start + word.len();
            if let Some(name) = word.strip_prefix(PREFIX) {
                if label.is_some() && self.labels == LabelUse::Needed {
                    return Err(self.lines.malformed(
                        "it has two labels",
                        "leave one of them: a review is positive or negative",
                    ));
                }
                label.get_or_insert(name);
                self.text.extend_from_slice(&line[copied..start]);
                copied = end;
            }
            start = end + 1;
        }
        self.text.extend_from_slice(&line[copied..]);
        let (number, text) = (self.lines.number(), self.text.trim_ascii());
        Ok(Some(Row { number, text, label, split: None }))
    }
}
