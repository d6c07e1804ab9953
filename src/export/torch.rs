//! A PyTorch `state_dict` as safetensors.

use std::path::Path;

use super::network::{Input, Network};
use crate::container::{TensorBytes, write_foreign};
use crate::error::Result;

pub(super) fn write(network: &Network<'_>, path: &Path) -> Result<()> {
    let layers = &network.layers[..];
    // The rows that words choose are kept as ours are: an embedding's rows are its inputs.
    let (first, width, rest) = match &network.input {
        Input::Average(embedding, kernel) => (*kernel, embedding.dim, layers),
        Input::Words | Input::UnitLength(_) => (layers[0].kernel, layers[0].units, &layers[1..]),
    };
    let transposed: Vec<Vec<f32>> =
        rest.iter().map(|layer| transposed(layer.kernel, layer.units)).collect();
    let mut tensors = vec![TensorBytes::new("embedding.weight", &[network.inputs, width], first)];
    if rest.len() < layers.len() {
        tensors.push(TensorBytes::new("bias", &[width], layers[0].bias));
    }
    if let Input::UnitLength(squares) = &network.input {
        tensors.push(TensorBytes::new("squares.weight", &[network.inputs, 1], squares));
    }
    for (i, (layer, weight)) in rest.iter().zip(&transposed).enumerate() {
        let shape = [layer.units, layer.fan_in];
        tensors.push(TensorBytes::new(format!("linear.{i}.weight"), &shape, weight));
        tensors.push(TensorBytes::new(format!("linear.{i}.bias"), &[layer.units], layer.bias));
    }
    for (i, layer) in network.layers.iter().enumerate().filter(|(_, l)| !l.alpha.is_empty()) {
        let name = format!("activation.{i}.weight");
        tensors.push(TensorBytes::new(name, &[layer.units], layer.alpha));
    }
    // `pt` is what PyTorch's own writer says and transformers' loader asks for.
    let strings = vec![("format", "pt".to_owned()), ("architecture", network.architecture.clone())];
    write_foreign(path, strings, &tensors)
}

/// `[rows, columns]` as `[columns, rows]`.
fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| values[column..].iter().step_by(columns).copied()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_become_columns() {
        let three_by_two = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(super::transposed(&three_by_two, 2), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        assert_eq!(super::transposed(&three_by_two, 1), three_by_two);
    }
}
