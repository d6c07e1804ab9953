//! A graph under construction.

use std::borrow::Cow;

use super::file::Initializer;
use super::proto::{
    self, Attribute, AttributeType, DataType, Dimension, Length, Tensor, TensorShape, TensorType,
    Type, ValueInfo,
};

/// What values are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Float,
    Int64,
}

/// The length of a dimension, known now or by name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Size {
    Fixed(usize),
    Named(&'static str),
}

/// The value of a node's attribute.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Float(f32),
    Int(i64),
}

/// Nodes in an order in which they can be run, and the constants that they take.
pub(super) struct Graph<'a> {
    pub(super) proto: proto::Graph,
    pub(super) initializers: Vec<Initializer<'a>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(name: &str) -> Graph<'a> {
        let proto = proto::Graph { name: Some(name.to_owned()), ..proto::Graph::default() };
        Graph { proto, initializers: Vec::new() }
    }

    /// What is given to the graph.
    pub(super) fn input(&mut self, name: &str, kind: Kind, sizes: &[Size]) -> String {
        self.proto.input.push(value_info(name, kind, sizes));
        name.to_owned()
    }

    /// Applies an operator and returns the name of its result.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Value)],
    ) -> String {
        let name = format!("{}_{}", operator.to_lowercase(), self.proto.node.len());
        self.proto.node.push(proto::Node {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![name.clone()],
            name: Some(name.clone()),
            op_type: Some(operator.to_owned()),
            attribute: attributes.iter().map(|(name, value)| attribute(name, *value)).collect(),
        });
        name
    }

    /// Makes the last node's result, which is `value`, the graph's.
    pub(super) fn output(&mut self, value: &str, name: &str, sizes: &[Size]) {
        let last = self.proto.node.last_mut().expect("a graph has nodes");
        debug_assert_eq!(last.output, [value]);
        last.output = vec![name.to_owned()];
        self.proto.output.push(value_info(name, Kind::Float, sizes));
    }

    /// Values of the network.
    pub(super) fn weights(&mut self, name: &str, shape: &[usize], values: &'a [f32]) -> String {
        let dims = shape.iter().map(|&length| length as i64).collect();
        let values = Cow::Borrowed(bytemuck::cast_slice(values));
        self.initializer(name, DataType::Float, dims, values)
    }

    /// A list of whole numbers.
    pub(super) fn constant(&mut self, name: &str, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, DataType::Int64, vec![values.len() as i64], bytes.into())
    }

    /// A whole number that is no list.
    pub(super) fn scalar(&mut self, name: &str, value: i64) -> String {
        let bytes = value.to_le_bytes().to_vec();
        self.initializer(name, DataType::Int64, Vec::new(), bytes.into())
    }

    /// A row of zeros of 64 bits.
    pub(super) fn zeros(&mut self, name: &str, width: usize) -> String {
        let bytes = vec![0; width * size_of::<f64>()];
        self.initializer(name, DataType::Double, vec![1, width as i64], bytes.into())
    }

    /// A number for element-wise operators.
    pub(super) fn number(&mut self, name: &str, value: f32) -> String {
        let bytes = value.to_le_bytes().to_vec();
        self.initializer(name, DataType::Float, Vec::new(), bytes.into())
    }

    /// Adds a constant, unless one of its name is there: layers share those of their activation.
    fn initializer(
        &mut self,
        name: &str,
        data_type: DataType,
        dims: Vec<i64>,
        values: Cow<'a, [u8]>,
    ) -> String {
        let is_there = |i: &Initializer<'_>| i.head.name.as_deref() == Some(name);
        if !self.initializers.iter().any(is_there) {
            let head =
                Tensor { dims, data_type: Some(data_type.into()), name: Some(name.to_owned()) };
            self.initializers.push(Initializer { head, values });
        }
        name.to_owned()
    }
}

fn attribute(name: &str, value: Value) -> Attribute {
    let mut attribute = Attribute { name: Some(name.to_owned()), ..Attribute::default() };
    let r#type = match value {
        Value::Float(f) => {
            attribute.f = Some(f);
            AttributeType::Float
        }
        Value::Int(i) => {
            attribute.i = Some(i);
            AttributeType::Int
        }
    };
    Attribute { r#type: Some(r#type.into()), ..attribute }
}

fn value_info(name: &str, kind: Kind, sizes: &[Size]) -> ValueInfo {
    let elem_type = match kind {
        Kind::Float => DataType::Float,
        Kind::Int64 => DataType::Int64,
    };
    let length = |size: &Size| match *size {
        Size::Fixed(length) => Length::Fixed(length as i64),
        Size::Named(name) => Length::Named(name.to_owned()),
    };
    let dim = sizes.iter().map(|size| Dimension { value: Some(length(size)) }).collect();
    let tensor = TensorType { elem_type: Some(elem_type.into()), shape: Some(TensorShape { dim }) };
    ValueInfo { name: Some(name.to_owned()), r#type: Some(Type { tensor_type: Some(tensor) }) }
}
