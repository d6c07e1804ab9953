//! NumPy's archive of arrays (`numpy/lib/_format_impl.py`, format 1.0; `numpy/lib/_npyio_impl.py`, `savez`).

use std::io::{self, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::network::{Input, Network};
use crate::error::{Error, Result};
use crate::output::OutputFile;

/// From here on an archive has to speak of an entry's size in 64 bits.
const LARGE: usize = u32::MAX as usize;

/// An array's values start on a multiple of this many bytes of its entry (`ARRAY_ALIGN`).
const ALIGNMENT: usize = 64;

pub(super) fn write(network: &Network<'_>, path: &Path) -> Result<()> {
    let mut file = OutputFile::create(path)?;
    let mut archive = ZipWriter::new(&mut file);
    if let Err(error) = write_arrays(network, &mut archive) {
        // Dropped, it would try again, and print that it cannot. It has nothing to clear away: the file is only lent to it.
        std::mem::forget(archive);
        return Err(Error::io(path, "write")(error));
    }
    archive.finish().map_err(|error| Error::io(path, "write")(error.into()))?;
    file.commit()
}

/// All of them, to the last byte: what is left to write is a few hundred bytes.
fn write_arrays(network: &Network<'_>, archive: &mut ZipWriter<&mut OutputFile>) -> io::Result<()> {
    let mut number = 0;
    let mut add = |shape: &[usize], values: &[f32]| -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            // The clock would make each file another.
            .last_modified_time(DateTime::default())
            .large_file(size_of_val(values) + LARGE / 64 > LARGE);
        archive.start_file(format!("arr_{number}.npy"), options)?;
        archive.write_all(&header(shape))?;
        archive.write_all(bytemuck::cast_slice(values))?;
        number += 1;
        Ok(())
    };
    if let Input::Average(embedding, kernel) = &network.input {
        add(&[network.inputs, embedding.dim], kernel)?;
    }
    for (i, layer) in network.layers.iter().enumerate() {
        add(&[layer.fan_in, layer.units], layer.kernel)?;
        add(&[layer.units], layer.bias)?;
        if let (0, Input::UnitLength(squares)) = (i, &network.input) {
            add(&[network.inputs, 1], squares)?;
        }
        if !layer.alpha.is_empty() {
            add(&[layer.units], layer.alpha)?;
        }
    }
    archive.flush()
}

/// What stands before an array of little-endian float32 values.
fn header(shape: &[usize]) -> Vec<u8> {
    // A tuple of one has a comma behind it.
    let shape: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let shape = match shape.trim_end() {
        one if one.matches(',').count() == 1 => one,
        more => more.trim_end_matches(','),
    };
    let description = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    let mut header = b"\x93NUMPY\x01\x00\x00\x00".to_vec();
    header.extend(description.as_bytes());
    let padded = (header.len() + 1).next_multiple_of(ALIGNMENT);
    header.resize(padded - 1, b' ');
    header.push(b'\n');
    let length = (padded - 10) as u16;
    header[8..10].copy_from_slice(&length.to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_numpy() {
        // numpy.save of an array of zeros, NumPy 2.4.6.
        let mut expected = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        expected.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (10000, 16), }");
        expected.resize(127, b' ');
        expected.push(b'\n');
        assert_eq!(header(&[10_000, 16]), expected);
        let one = header(&[16]);
        assert!(one.len() == 128 && String::from_utf8_lossy(&one).contains("'shape': (16,), }"));
    }
}
