//! The hash of a file on its first use, kept beside it, so that another file of that name is noticed.
//!
//! A pin is a file as `sha256sum` writes it, and `sha256sum -c` reads it.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Digest;
use crate::error::{Error, Result};
use crate::output;

/// Where the pin of a file lies.
pub fn pin_of(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".sha256");
    path.into()
}

/// The pinned hash of a file; none where it has no pin.
///
/// # Errors
/// [`Error::Malformed`] where the pin does not start with a hash; [`Error::Io`].
pub fn pinned(file: &Path) -> Result<Option<Digest>> {
    let path = pin_of(file);
    if !path.exists() {
        return Ok(None);
    }
    let mut text = Vec::new();
    let pin = crate::input::open(&path)?;
    pin.take(4096).read_to_end(&mut text).map_err(Error::io(&path, "read"))?;
    let text = String::from_utf8_lossy(&text);
    let digest = text.split_whitespace().next().unwrap_or("").parse();
    digest.map(Some).map_err(|error: Error| {
        Error::malformed(&path, "line 1", error.reason(), "delete the file to pin the hash anew")
    })
}

/// Pins a file to a hash.
///
/// # Errors
/// [`Error::Io`]
pub fn pin(file: &Path, digest: Digest) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    output::write(&pin_of(file), format!("{digest}  {name}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.tar.gz");
        assert_eq!(pinned(&file).unwrap(), None);
        pin(&file, Digest::new([7; 32])).unwrap();
        assert_eq!(pinned(&file).unwrap(), Some(Digest::new([7; 32])));
        let text = std::fs::read_to_string(folder.path().join("a.tar.gz.sha256")).unwrap();
        assert_eq!(text, format!("{}  a.tar.gz\n", "07".repeat(32)));
    }

    #[test]
    fn a_damaged_pin_is_an_error_and_no_pin_to_overlook() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        std::fs::write(pin_of(&file), "").unwrap();
        let error = pinned(&file).unwrap_err().to_string();
        assert!(error.contains("a.sha256: line 1: the SHA-256 is"), "{error}");
        assert!(error.contains("expected 64 hexadecimal digits"), "{error}");
    }
}
