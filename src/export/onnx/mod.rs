//! A network as a graph of ONNX's standard operators.

mod file;
mod nodes;
mod proto;

use std::path::Path;

use super::OnnxInput;
use super::network::{Layer, Network};
use crate::error::Result;
use crate::nn::Activation;
use nodes::{Graph, Kind, Size};
use proto::DataType;

/// The operators' version: old enough for any runtime, and it has all that is needed but `Gelu`, which is spelled out.
const OPSET: i64 = 13;
/// The version of the file format that came with that.
const IR_VERSION: i64 = 7;

/// The name of the output.
const OUTPUT: &str = "probability";

pub(super) fn write(network: &Network<'_>, input: OnnxInput, path: &Path) -> Result<()> {
    let graph = graph(network, input);
    let text = |text: &str| Some(text.to_owned());
    let model = proto::Model {
        ir_version: Some(IR_VERSION),
        producer_name: text("imdb-fast"),
        producer_version: text(env!("CARGO_PKG_VERSION")),
        doc_string: text("The probability that a review is positive."),
        opset_import: vec![proto::OperatorSetId { domain: text(""), version: Some(OPSET) }],
        metadata_props: vec![proto::StringStringEntry {
            key: text("architecture"),
            value: text(&network.architecture),
        }],
    };
    file::write(path, &model, &graph.proto, &graph.initializers)
}

fn graph<'a>(network: &Network<'a>, input: OnnxInput) -> Graph<'a> {
    let mut graph = Graph::new("imdb-fast");
    let (first, rest) = network.layers.split_first().expect("a network has an output layer");
    let mut z = match input {
        OnnxInput::MultiHot => {
            let sizes = [Size::Named("reviews"), Size::Fixed(network.inputs)];
            let rows = graph.input("multi_hot", Kind::Float, &sizes);
            dense(&mut graph, 0, first, &rows)
        }
        OnnxInput::Indices => first_layer_of_indices(&mut graph, first),
    };
    for (i, layer) in rest.iter().enumerate() {
        let h = activation(&mut graph, i, &network.layers[i], &z);
        z = dense(&mut graph, i + 1, layer, &h);
    }
    let last = network.layers.len() - 1;
    let h = activation(&mut graph, last, &network.layers[last], &z);
    graph.output(&h, OUTPUT, &[Size::Named("reviews"), Size::Fixed(1)]);
    graph
}

/// `z = x kernel + bias`.
fn dense<'a>(graph: &mut Graph<'a>, number: usize, layer: &Layer<'a>, x: &str) -> String {
    let kernel = kernel(graph, number, layer);
    let bias = bias(graph, number, layer);
    graph.node("Gemm", &[x, &kernel, &bias], &[])
}

fn kernel<'a>(graph: &mut Graph<'a>, number: usize, layer: &Layer<'a>) -> String {
    let shape = [layer.fan_in, layer.units];
    graph.weights(&format!("dense_{number}.kernel"), &shape, layer.kernel)
}

fn bias<'a>(graph: &mut Graph<'a>, number: usize, layer: &Layer<'a>) -> String {
    graph.weights(&format!("dense_{number}.bias"), &[layer.units], layer.bias)
}

/// The same without rows of zeros and ones: the kernel's rows that the words choose are added up, review by review.
///
/// The sums up to each word are made once for all reviews; a review's is the difference of two of them. In 64 bits nothing
/// of a float32 sum is lost by that. `ScatterND` with the reduction `add` would be the plainer way, but ONNX Runtime (1.15, 1.17
/// and 1.32 were seen to) runs its additions on several threads at once and loses some.
fn first_layer_of_indices<'a>(graph: &mut Graph<'a>, layer: &Layer<'a>) -> String {
    use nodes::Value::Int;
    let indices = graph.input("indices", Kind::Int64, &[Size::Named("words")]);
    let offsets = graph.input("offsets", Kind::Int64, &[Size::Named("reviews")]);
    let kernel = kernel(graph, 0, layer);
    let chosen = graph.node("Gather", &[&kernel, &indices], &[]);
    let chosen = graph.node("Cast", &[&chosen], &[("to", Int(DataType::Double as i64))]);
    let none = graph.zeros("no_words", layer.units);
    let rows = graph.node("Concat", &[&none, &chosen], &[("axis", Int(0))]);
    let axis = graph.scalar("axis", 0);
    let sums = graph.node("CumSum", &[&rows, &axis], &[]);

    // Where a review ends the next begins; the last ends with the words.
    let one = graph.constant("one", &[1]);
    let reviews = graph.node("Shape", &[&offsets], &[]);
    let following = graph.node("Slice", &[&offsets, &one, &reviews], &[]);
    let words = graph.node("Shape", &[&indices], &[]);
    let ends = graph.node("Concat", &[&following, &words], &[("axis", Int(0))]);
    // Of no review at all there is no end either.
    let zero = graph.constant("zero", &[0]);
    let ends = graph.node("Slice", &[&ends, &zero, &reviews], &[]);

    let until = graph.node("Gather", &[&sums, &ends], &[]);
    let before = graph.node("Gather", &[&sums, &offsets], &[]);
    let sum = graph.node("Sub", &[&until, &before], &[]);
    let sum = graph.node("Cast", &[&sum], &[("to", Int(DataType::Float as i64))]);
    let bias = bias(graph, 0, layer);
    graph.node("Add", &[&sum, &bias], &[])
}

/// What follows a layer's sums; see [`Activation`] for the formulas.
fn activation<'a>(graph: &mut Graph<'a>, number: usize, layer: &Layer<'a>, z: &str) -> String {
    use nodes::Value::Float;
    match layer.activation {
        Activation::Relu => graph.node("Relu", &[z], &[]),
        Activation::Tanh => graph.node("Tanh", &[z], &[]),
        Activation::Sigmoid => graph.node("Sigmoid", &[z], &[]),
        Activation::Elu => graph.node("Elu", &[z], &[("alpha", Float(1.0))]),
        Activation::Selu => {
            let scales =
                [("alpha", Float(crate::nn::SELU_ALPHA)), ("gamma", Float(crate::nn::SELU_SCALE))];
            graph.node("Selu", &[z], &scales)
        }
        Activation::LeakyRelu => {
            graph.node("LeakyRelu", &[z], &[("alpha", Float(crate::nn::LEAKY_SLOPE))])
        }
        Activation::Prelu => {
            let alpha =
                graph.weights(&format!("dense_{number}.alpha"), &[layer.units], layer.alpha);
            graph.node("PRelu", &[z, &alpha], &[])
        }
        Activation::Gelu => {
            let root = graph.number("one_over_root_two", std::f32::consts::FRAC_1_SQRT_2);
            let (one, half) = (graph.number("one_float", 1.0), graph.number("half", 0.5));
            let scaled = graph.node("Mul", &[z, &root], &[]);
            let erf = graph.node("Erf", &[&scaled], &[]);
            let doubled = graph.node("Add", &[&erf, &one], &[]);
            let cdf = graph.node("Mul", &[&doubled, &half], &[]);
            graph.node("Mul", &[z, &cdf], &[])
        }
        Activation::Silu => {
            let sigmoid = graph.node("Sigmoid", &[z], &[]);
            graph.node("Mul", &[z, &sigmoid], &[])
        }
        Activation::Softplus => graph.node("Softplus", &[z], &[]),
        Activation::Linear => z.to_owned(),
    }
}
