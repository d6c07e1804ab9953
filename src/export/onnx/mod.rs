//! A network as a graph of ONNX's standard operators.

mod file;
mod nodes;
mod proto;

use std::path::Path;

use super::OnnxInput;
use super::network::{Input, LEAST_SQUARES, Layer, Network};
use crate::error::{Error, Result};
use crate::nn::{Activation, Embedding};
use nodes::{Graph, Kind, Size};
use proto::DataType;

/// The operators' version: old enough for any runtime, and it has all that is needed but `Gelu`, which is spelled out.
const OPSET: i64 = 13;
/// The version of the file format that came with that.
const IR_VERSION: i64 = 7;

/// The name of the output.
const OUTPUT: &str = "probability";

pub(super) fn write(network: &Network<'_>, input: OnnxInput, path: &Path) -> Result<()> {
    let takes_ids = matches!(network.input, Input::Average(..));
    if takes_ids != (input == OnnxInput::Ids) {
        let (reason, remedy) = match takes_ids {
            true => ("the network is one of sequences", "take ids"),
            false => ("the network is one of sets of words", "take multi-hot or indices"),
        };
        return Err(Error::Unfit {
            option: "--onnx-input",
            value: input.to_string(),
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        });
    }
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

fn graph<'a>(network: &'a Network<'a>, input: OnnxInput) -> Graph<'a> {
    let mut graph = Graph::new("imdb-fast");
    let layers = &network.layers;
    let mut z = match (&network.input, input) {
        (Input::Average(embedding, kernel), _) => {
            let average = average(&mut graph, network.inputs, *embedding, kernel);
            dense(&mut graph, 0, &layers[0], &average)
        }
        (Input::Words, OnnxInput::MultiHot) => {
            let rows = multi_hot(&mut graph, network.inputs);
            dense(&mut graph, 0, &layers[0], &rows)
        }
        (Input::UnitLength(squares), OnnxInput::MultiHot) => {
            let rows = multi_hot(&mut graph, network.inputs);
            let kernel = kernel(&mut graph, 0, &layers[0]);
            let sum = graph.node("MatMul", &[&rows, &kernel], &[]);
            let squares = graph.weights("squares", &[network.inputs, 1], squares);
            let squares = graph.node("MatMul", &[&rows, &squares], &[]);
            unit_length(&mut graph, &layers[0], &sum, &squares)
        }
        (Input::Words, OnnxInput::Indices) => {
            let bags = Bags::new(&mut graph);
            let kernel = kernel(&mut graph, 0, &layers[0]);
            let sum = bags.sum(&mut graph, &kernel, layers[0].units);
            let bias = bias(&mut graph, 0, &layers[0]);
            graph.node("Add", &[&sum, &bias], &[])
        }
        (Input::UnitLength(squares), OnnxInput::Indices) => {
            let bags = Bags::new(&mut graph);
            let kernel = kernel(&mut graph, 0, &layers[0]);
            let sum = bags.sum(&mut graph, &kernel, layers[0].units);
            let squares = graph.weights("squares", &[network.inputs, 1], squares);
            let squares = bags.sum(&mut graph, &squares, 1);
            unit_length(&mut graph, &layers[0], &sum, &squares)
        }
        (_, OnnxInput::Ids) => unreachable!("it has been refused"),
    };
    for (i, layer) in layers.iter().enumerate().skip(1) {
        let h = activation(&mut graph, i - 1, &layers[i - 1], &z);
        z = dense(&mut graph, i, layer, &h);
    }
    let last = layers.len() - 1;
    let h = activation(&mut graph, last, &layers[last], &z);
    graph.output(&h, OUTPUT, &[Size::Named("reviews"), Size::Fixed(1)]);
    graph
}

/// Rows of zeros and ones.
fn multi_hot(graph: &mut Graph<'_>, features: usize) -> String {
    graph.input("multi_hot", Kind::Float, &[Size::Named("reviews"), Size::Fixed(features)])
}

/// `z = sum / sqrt(squares) + bias`.
fn unit_length<'a>(graph: &mut Graph<'a>, layer: &Layer<'a>, sum: &str, squares: &str) -> String {
    let least = graph.number("least_squares", LEAST_SQUARES);
    let squares = graph.node("Max", &[squares, &least], &[]);
    let length = graph.node("Sqrt", &[&squares], &[]);
    let scaled = graph.node("Div", &[sum, &length], &[]);
    let bias = bias(graph, 0, layer);
    graph.node("Add", &[&scaled, &bias], &[])
}

/// The average of a kernel's rows over the positions of `ids`; with a mask, over those whose id is not 0.
fn average<'a>(
    graph: &mut Graph<'a>,
    features: usize,
    embedding: Embedding,
    kernel: &'a [f32],
) -> String {
    use nodes::Value::Int;
    let sizes = [Size::Named("reviews"), Size::Fixed(embedding.max_len)];
    let ids = graph.input("ids", Kind::Int64, &sizes);
    let kernel = graph.weights("embedding.kernel", &[features, embedding.dim], kernel);
    let rows = graph.node("Gather", &[&kernel, &ids], &[]);
    let axis = graph.constant("positions", &[1]);
    let without_axis = [("keepdims", Int(0))];
    if !embedding.mask {
        let sum = graph.node("ReduceSum", &[&rows, &axis], &without_axis);
        let count = graph.number("count", embedding.max_len as f32);
        return graph.node("Div", &[&sum, &count], &[]);
    }
    let zero = graph.scalar("padding", 0);
    let is_padding = graph.node("Equal", &[&ids, &zero], &[]);
    let counts = graph.node("Not", &[&is_padding], &[]);
    let counts = graph.node("Cast", &[&counts], &[("to", Int(DataType::Float as i64))]);
    let last = graph.constant("last_axis", &[2]);
    let factors = graph.node("Unsqueeze", &[&counts, &last], &[]);
    let rows = graph.node("Mul", &[&rows, &factors], &[]);
    let sum = graph.node("ReduceSum", &[&rows, &axis], &without_axis);
    let count = graph.node("ReduceSum", &[&counts, &axis], &[("keepdims", Int(1))]);
    // Of padding alone the sum is 0, and so is the average.
    let one = graph.number("one_float", 1.0);
    let count = graph.node("Max", &[&count, &one], &[]);
    graph.node("Div", &[&sum, &count], &[])
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

/// Reviews as lists of words.
struct Bags {
    indices: String,
    /// Where each review begins in `indices`.
    offsets: String,
    /// Where it ends.
    ends: String,
}

impl Bags {
    fn new(graph: &mut Graph<'_>) -> Bags {
        use nodes::Value::Int;
        let indices = graph.input("indices", Kind::Int64, &[Size::Named("words")]);
        let offsets = graph.input("offsets", Kind::Int64, &[Size::Named("reviews")]);
        // Where a review ends the next begins; the last ends with the words.
        let one = graph.constant("one", &[1]);
        let reviews = graph.node("Shape", &[&offsets], &[]);
        let following = graph.node("Slice", &[&offsets, &one, &reviews], &[]);
        let words = graph.node("Shape", &[&indices], &[]);
        let ends = graph.node("Concat", &[&following, &words], &[("axis", Int(0))]);
        // Of no review at all there is no end either.
        let zero = graph.constant("zero", &[0]);
        let ends = graph.node("Slice", &[&ends, &zero, &reviews], &[]);
        Bags { indices, offsets, ends }
    }

    /// The sum of the rows of a table, `[features, width]`, that the words choose, review by review.
    ///
    /// The sums up to each word are made once for all reviews; a review's is the difference of two of them. In 64 bits nothing
    /// of a float32 sum is lost by that. `ScatterND` with the reduction `add` would be the plainer way, but ONNX Runtime (1.15,
    /// 1.17 and 1.32 were seen to) runs its additions on several threads at once and loses some.
    fn sum(&self, graph: &mut Graph<'_>, table: &str, width: usize) -> String {
        use nodes::Value::Int;
        let Bags { indices, offsets, ends } = self;
        let chosen = graph.node("Gather", &[table, indices], &[]);
        let chosen = graph.node("Cast", &[&chosen], &[("to", Int(DataType::Double as i64))]);
        let none = graph.zeros(&format!("no_words_{width}"), width);
        let rows = graph.node("Concat", &[&none, &chosen], &[("axis", Int(0))]);
        let axis = graph.scalar("axis", 0);
        let sums = graph.node("CumSum", &[&rows, &axis], &[]);
        let until = graph.node("Gather", &[&sums, ends], &[]);
        let before = graph.node("Gather", &[&sums, offsets], &[]);
        let sum = graph.node("Sub", &[&until, &before], &[]);
        graph.node("Cast", &[&sum], &[("to", Int(DataType::Float as i64))])
    }
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
