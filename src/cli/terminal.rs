//! What files say, on a terminal: a word or a name may hold the codes that move its cursor or worse.

use std::io::{self, IsTerminal, Write};

/// Passes on all but control characters, for which a question mark stands; line breaks and tabs stay.
pub(super) struct Tame<W> {
    out: W,
    /// Whether [`LEAD`] came last: what follows tells whether it is a code.
    held: bool,
}

/// The first byte of the codes from U+0080 to U+009F.
const LEAD: u8 = 0xc2;

fn is_code(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// Stdout, which gets all as it is unless it is a terminal.
pub(super) fn stdout() -> Box<dyn Write> {
    let stdout = io::stdout().lock();
    if stdout.is_terminal() { Box::new(Tame::new(stdout)) } else { Box::new(stdout) }
}

impl<W: Write> Tame<W> {
    pub(super) fn new(out: W) -> Tame<W> {
        Tame { out, held: false }
    }
}

impl<W: Write> Write for Tame<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let held: &[u8] = if self.held { &[LEAD] } else { &[] };
        let all = [held, bytes].concat();
        let whole = all.strip_suffix(&[LEAD]).unwrap_or(&all);
        self.held = whole.len() < all.len();
        let mut tamed = Vec::with_capacity(whole.len());
        for chunk in whole.utf8_chunks() {
            tamed.extend_from_slice(chunk.valid().replace(is_code, "?").as_bytes());
            // No text, or a part of another character that two writes share.
            tamed.extend_from_slice(chunk.invalid());
        }
        self.out.write_all(&tamed)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // It would make a code of what may come later.
        if std::mem::take(&mut self.held) {
            self.out.write_all(b"?")?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_do_not_reach_the_terminal() {
        let mut out = Tame::new(Vec::new());
        out.write_all("naïve\x1b[2J\x07\r\n\t日\x7f \u{80}\u{9b}2J\u{9f}\u{a0}©".as_bytes())
            .unwrap();
        assert_eq!(out.out, "naïve?[2J??\n\t日? ??2J?\u{a0}©".as_bytes());
    }

    #[test]
    fn characters_may_come_in_parts() {
        let text = "\u{9b}2J © 日\u{85}\u{a0}\x1b";
        let mut out = Tame::new(Vec::new());
        for byte in text.bytes() {
            out.write_all(&[byte]).unwrap();
        }
        assert_eq!(out.out, "?2J © 日?\u{a0}?".as_bytes());
    }

    #[test]
    fn half_a_character_is_told_and_makes_no_code() {
        let mut out = Tame::new(Vec::new());
        out.write_all(b"a\xc2").unwrap();
        out.flush().unwrap();
        out.write_all(b"\x9b2J\xc2\n").unwrap();
        assert_eq!(out.out, b"a?\x9b2J\xc2\n");
    }
}
