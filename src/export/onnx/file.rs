//! Writing a model whose weights are not copied: the messages around them are encoded, they themselves go out as they are.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use prost::{Message, encode_length_delimiter, length_delimiter_len};

use super::proto::{GRAPH_INITIALIZER, Graph, MODEL_GRAPH, Model, TENSOR_RAW_DATA, Tensor};
use crate::error::{Error, Result};
use crate::output::OutputFile;

/// Protobuf's readers refuse longer files.
const MAX_BYTES: usize = i32::MAX as usize;

/// A constant of the graph.
pub(super) struct Initializer<'a> {
    pub(super) head: Tensor,
    /// Little endian.
    pub(super) values: Cow<'a, [u8]>,
}

pub(super) fn write(
    path: &Path,
    model: &Model,
    graph: &Graph,
    initializers: &[Initializer<'_>],
) -> Result<()> {
    let sizes = Sizes::of(model, graph, initializers.iter().map(|i| (&i.head, i.values.len())));
    sizes.check()?;
    let mut output = OutputFile::create(path)?;
    write_messages(&mut output, &sizes, model, graph, initializers)
        .map_err(Error::io(path, "write"))?;
    output.commit()
}

fn write_messages(
    output: &mut impl Write,
    sizes: &Sizes,
    model: &Model,
    graph: &Graph,
    initializers: &[Initializer<'_>],
) -> io::Result<()> {
    output.write_all(&model.encode_to_vec())?;
    output.write_all(&begin(MODEL_GRAPH, sizes.graph))?;
    output.write_all(&graph.encode_to_vec())?;
    for (Initializer { head, values }, size) in initializers.iter().zip(&sizes.initializers) {
        output.write_all(&begin(GRAPH_INITIALIZER, *size))?;
        output.write_all(&head.encode_to_vec())?;
        output.write_all(&begin(TENSOR_RAW_DATA, values.len()))?;
        output.write_all(values)?;
    }
    Ok(())
}

/// How many bytes each message has, without its key and length.
struct Sizes {
    initializers: Vec<usize>,
    graph: usize,
    model: usize,
}

impl Sizes {
    /// Of initializers with so many bytes of values.
    fn of<'a>(
        model: &Model,
        graph: &Graph,
        initializers: impl Iterator<Item = (&'a Tensor, usize)>,
    ) -> Sizes {
        let initializers: Vec<usize> =
            initializers.map(|(head, values)| head.encoded_len() + with_begin(values)).collect();
        let inner: usize = initializers.iter().map(|size| with_begin(*size)).sum();
        let graph = graph.encoded_len() + inner;
        let model = model.encoded_len() + with_begin(graph);
        Sizes { initializers, graph, model }
    }

    fn check(&self) -> Result<()> {
        if self.model <= MAX_BYTES {
            return Ok(());
        }
        Err(Error::Unfit {
            option: "--format",
            value: "onnx".to_owned(),
            reason: format!(
                "the file would have {} bytes, and ONNX's readers take {MAX_BYTES} at most (protobuf's 2 GiB)",
                self.model
            ),
            remedy: "export it as keras-npz or torch-safetensors, or train on fewer features or \
                     narrower layers"
                .to_owned(),
        })
    }
}

/// The key and the length that stand before a field of bytes, or a message, in a message.
fn begin(field: u8, length: usize) -> Vec<u8> {
    const LENGTH_DELIMITED: u8 = 2;
    // Numbers above 15 would take more than a byte.
    debug_assert!(field < 16);
    let mut bytes = vec![field << 3 | LENGTH_DELIMITED];
    encode_length_delimiter(length, &mut bytes).expect("a vector grows");
    bytes
}

/// The bytes of such a field with its key and length.
fn with_begin(length: usize) -> usize {
    1 + length_delimiter_len(length) + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_what_is_written() {
        let model = Model { producer_name: Some("test".to_owned()), ..Model::default() };
        let graph = Graph { name: Some("graph".to_owned()), ..Graph::default() };
        let tensor = |dims: &[i64], bytes: usize| Initializer {
            head: Tensor { dims: dims.to_vec(), data_type: Some(1), name: Some("w".to_owned()) },
            values: vec![7; bytes].into(),
        };
        let initializers = [tensor(&[4000, 16], 256_000), tensor(&[], 0), tensor(&[32], 128)];
        let sizes =
            Sizes::of(&model, &graph, initializers.iter().map(|i| (&i.head, i.values.len())));
        let mut bytes = Vec::new();
        write_messages(&mut bytes, &sizes, &model, &graph, &initializers).unwrap();
        assert_eq!(bytes.len(), sizes.model);
    }

    #[test]
    fn what_protobuf_cannot_hold_is_refused() {
        let sizes = |bytes| {
            let head = Tensor::default();
            Sizes::of(&Model::default(), &Graph::default(), [(&head, bytes)].into_iter())
        };
        // Three keys of a byte, three lengths of five.
        assert!(sizes(MAX_BYTES - 18).check().is_ok());
        let error = sizes(MAX_BYTES - 17).check().unwrap_err().to_string();
        assert!(error.contains("2147483648 bytes") && error.contains("keras-npz"), "{error}");
    }
}
