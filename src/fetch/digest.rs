//! SHA-256: what a file is known by, wherever it came from.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use sha2::Digest as _;

use crate::error::{Error, Result, shortened};
use crate::input;

/// A SHA-256. It is written and read as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// From its bytes.
    pub const fn new(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// Of the file at `path`.
    ///
    /// # Errors
    /// [`Error::WrongKind`] for folders, pipes and devices; [`Error::Io`].
    pub fn of_file(path: &Path) -> Result<Digest> {
        let mut hasher = Hasher::default();
        let file = input::open(path)?;
        hasher.read(file).map_err(Error::io(path, "read"))?;
        Ok(hasher.finish())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Digest> {
        let wrong = || {
            let expected = "64 hexadecimal digits, as sha256sum prints them";
            Error::invalid("the SHA-256", shortened(text, 100), expected)
        };
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Digest(bytes))
    }
}

/// A digest under construction.
#[derive(Default)]
pub(super) struct Hasher(sha2::Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes in all that a reader has.
    pub(super) fn read(&mut self, mut reader: impl Read) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4's own example.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn is_what_the_standard_says() {
        let mut hasher = Hasher::default();
        hasher.read(&b"abc"[..]).unwrap();
        let digest = hasher.finish();
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(ABC.parse::<Digest>().unwrap(), digest);
        assert_eq!(ABC.to_uppercase().parse::<Digest>().unwrap(), digest);
    }

    #[test]
    fn only_64_digits_are_one() {
        let accented = format!("é{}", &ABC[..62]);
        for wrong in ["", "ab", &ABC[1..], &format!("{ABC}0"), &ABC.replace('b', "g"), &accented] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }
}
