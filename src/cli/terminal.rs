//! What files say, on a terminal: a word or a name may hold the codes that move its cursor or worse.

use std::io::{self, Write};

/// Passes on all but control characters, for which a question mark stands; line breaks and tabs stay.
pub(super) struct Tame<W>(pub(super) W);

fn tame(byte: u8) -> u8 {
    let is_code = byte.is_ascii_control() && byte != b'\n' && byte != b'\t';
    if is_code { b'?' } else { byte }
}

impl<W: Write> Write for Tame<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let tamed: Vec<u8> = bytes.iter().map(|&byte| tame(byte)).collect();
        self.0.write(&tamed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_do_not_reach_the_terminal() {
        let mut out = Tame(Vec::new());
        out.write_all("naïve\x1b[2J\x07\r\n\t日\x7f".as_bytes()).unwrap();
        assert_eq!(out.0, "naïve?[2J??\n\t日?".as_bytes());
    }
}
