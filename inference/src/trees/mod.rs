//! Ensembles of decision trees, run by code of our own.
//!
//! A graph that is one `TreeEnsembleClassifier` or `TreeEnsembleRegressor` of ONNX-ML over 32-bit numbers is run here,
//! every other one by tract. tract 0.23 takes such models too, but makes an error value for each leaf that it reaches,
//! passes over all leaves before that one, and gives wrong labels where there are two classes.
//!
//! Where the specification leaves open what is meant, which is mostly so with two classes, the answers are those of
//! ONNX Runtime, because that is what exporters are checked against. `tests/trees.py` asks it for them.

mod attributes;
mod forest;
mod scores;

use tract_onnx::pb::{GraphProto, NodeProto, tensor_proto, type_proto};

use self::attributes::Attributes;
use self::forest::Forest;
use self::scores::Scores;
use crate::manifest::{Datatype, Manifest};
use crate::tensor::{Tensor, Values};

/// How many branches may be decided before a run is worth a thread of its own: about 0.1 ms.
const QUICK_BRANCHES: usize = 20_000;

/// An ensemble of trees.
#[derive(Debug)]
pub struct Trees {
    forest: Forest,
    scores: Scores,
    /// What each output of the graph is, in its order.
    outputs: Vec<Output>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Labels,
    Scores,
}

impl Trees {
    /// The ensemble that a graph is; none if it is anything else, or an ensemble with what is not run here: numbers of
    /// other types, or the transform `PROBIT`.
    ///
    /// # Errors
    /// What is wrong with the ensemble: attributes of different lengths, or nodes that are no trees.
    pub fn of(graph: &GraphProto) -> Result<Option<Self>, String> {
        let Some((node, outputs)) = only_ensemble(graph) else {
            return Ok(None);
        };
        let Some(attributes) = Attributes::of(node)? else {
            return Ok(None);
        };
        let forest = Forest::of(&attributes)?;
        Ok(Some(Self {
            scores: Scores::of(&attributes, forest.trees()),
            forest,
            outputs,
        }))
    }

    /// Whether the manifest promises what the trees take and give.
    ///
    /// # Errors
    /// The first port that differs.
    pub fn fits(&self, manifest: &Manifest) -> Result<(), String> {
        let wanted = self.forest.features();
        for input in &manifest.inputs {
            if input.datatype != Datatype::Fp32 || input.row_shape().len() != 1 || input.row_length() < wanted {
                return Err(format!(
                    "the input `{}` is FP32 [-1, {wanted} or more], and model.json says {} {:?}",
                    input.name,
                    input.datatype.name(),
                    input.shape
                ));
            }
        }
        for (output, port) in self.outputs.iter().zip(&manifest.outputs) {
            let (datatype, row_shape) = match output {
                Output::Labels => (self.scores.labels().datatype(), Vec::new()),
                Output::Scores => (Datatype::Fp32, vec![self.scores.outputs()]),
            };
            if (port.datatype, port.row_shape()) != (datatype, row_shape.clone()) {
                return Err(format!(
                    "the output `{}` is {} {:?} in each row, and model.json promises {} {:?}",
                    port.name,
                    datatype.name(),
                    row_shape,
                    port.datatype.name(),
                    port.row_shape()
                ));
            }
        }
        Ok(())
    }

    /// How many rows are answered in less time than it takes to hand them to another thread and back.
    pub fn quick_rows(&self) -> usize {
        QUICK_BRANCHES / self.forest.branches().max(1)
    }

    /// Answers rows: one tensor for each output of the graph, in its order.
    ///
    /// # Errors
    /// When the rows are not of 32-bit numbers.
    pub fn run(&self, input: &Tensor) -> Result<Vec<Tensor>, String> {
        let Values::Fp32(values) = &input.values else {
            return Err("the trees take FP32".to_owned());
        };
        let mut answers = self.scores.answers(input.rows);
        for row in values.chunks_exact(input.row_length().max(1)) {
            answers.add(self.forest.leaves(row));
        }
        let (labels, scores) = answers.finish();
        let tensor = |row_shape: Vec<usize>, values: Values| Tensor {
            rows: input.rows,
            row_shape,
            values,
        };
        let answer = |output: &Output| match output {
            Output::Labels => tensor(Vec::new(), self.scores.labels().of(&labels)),
            Output::Scores => tensor(vec![self.scores.outputs()], Values::Fp32(scores.clone())),
        };
        Ok(self.outputs.iter().map(answer).collect())
    }
}

/// The only node of a graph that does anything, if it is an ensemble, and which of its outputs each of the graph's is.
fn only_ensemble(graph: &GraphProto) -> Option<(&NodeProto, Vec<Output>)> {
    let plain = |node: &&NodeProto| node.op_type == "Identity" && node.domain.is_empty();
    let mut doing = graph.node.iter().filter(|node| !plain(node));
    let (Some(ensemble), None) = (doing.next(), doing.next()) else {
        return None;
    };
    let classifier = match (ensemble.domain.as_str(), ensemble.op_type.as_str()) {
        ("ai.onnx.ml", "TreeEnsembleClassifier") => true,
        ("ai.onnx.ml", "TreeEnsembleRegressor") => false,
        _ => return None,
    };
    let ([input], [read]) = (graph.input.as_slice(), ensemble.input.as_slice()) else {
        return None;
    };
    let type_proto::Value::TensorType(tensor) = input.r#type.as_ref()?.value.as_ref()?;
    if input.name != *read || tensor.elem_type != tensor_proto::DataType::Float as i32 {
        return None;
    }
    let output = |name: &str| {
        let mut name = name;
        // As many steps as there are nodes are enough; a graph in a circle ends too.
        for _ in &graph.node {
            let before = graph
                .node
                .iter()
                .filter(plain)
                .find(|node| node.output.iter().any(|output| output == name));
            match before.and_then(|node| node.input.first()) {
                Some(input) => name = input,
                None => break,
            }
        }
        let index = ensemble.output.iter().position(|output| output == name)?;
        match (classifier, index) {
            (true, 0) => Some(Output::Labels),
            (true, 1) | (false, 0) => Some(Output::Scores),
            _ => None,
        }
    };
    let outputs = graph
        .output
        .iter()
        .map(|info| output(&info.name))
        .collect::<Option<_>>()?;
    Some((ensemble, outputs))
}
