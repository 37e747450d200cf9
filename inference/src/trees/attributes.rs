//! The attributes of a tree ensemble, as they stand in the file: parallel lists, one entry for each node or weight.

use tract_onnx::pb::{AttributeProto, NodeProto};

use super::scores::{Aggregate, Labels, Transform};

/// What a node of a tree does. Each branch compares a feature with the node's value, and goes to its true node when
/// that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It gives its weights to the scores.
    Leaf,
    /// feature <= value
    LessOrEqual,
    /// feature < value
    Less,
    /// feature >= value
    GreaterOrEqual,
    /// feature > value
    Greater,
    /// feature == value
    Equal,
    /// feature != value
    NotEqual,
}

/// A node as the file has it.
#[derive(Debug, Clone)]
pub struct FileNode {
    /// The tree.
    pub tree: i64,
    /// The number in that tree.
    pub id: i64,
    /// What it does.
    pub mode: Mode,
    /// The feature that is compared.
    pub feature: usize,
    /// What it is compared with.
    pub value: f32,
    /// The number of the next node when the comparison holds.
    pub then: i64,
    /// The number of the next node when it does not.
    pub otherwise: i64,
    /// Whether a missing value goes the way of a comparison that holds.
    pub missing: bool,
}

/// A weight as the file has it: what a leaf gives to a score.
#[derive(Debug, Clone)]
pub struct FileWeight {
    /// The tree.
    pub tree: i64,
    /// The leaf.
    pub node: i64,
    /// The score: the class or the target.
    pub score: usize,
    /// How much.
    pub value: f32,
}

/// All attributes.
#[derive(Debug, Clone)]
pub struct Attributes {
    /// All nodes of all trees.
    pub nodes: Vec<FileNode>,
    /// All weights of all leaves.
    pub weights: Vec<FileWeight>,
    /// The classes; none of a regressor.
    pub labels: Labels,
    /// How many scores there are.
    pub outputs: usize,
    /// How the weights of a score are brought together.
    pub aggregate: Aggregate,
    /// What is added to each score.
    pub base: Vec<f32>,
    /// What is done with the scores in the end.
    pub transform: Transform,
}

impl Attributes {
    /// Reads them; none if they ask for what is not run here.
    ///
    /// # Errors
    /// Lists of different lengths, numbers out of range, or words that ONNX does not have.
    pub fn of(node: &NodeProto) -> Result<Option<Self>, String> {
        let doubles = [
            "nodes_values_as_tensor",
            "class_weights_as_tensor",
            "target_weights_as_tensor",
        ];
        if node
            .attribute
            .iter()
            .any(|attribute| doubles.contains(&attribute.name.as_str()) || attribute.name == "base_values_as_tensor")
        {
            return Ok(None);
        }
        let classifier = node.op_type == "TreeEnsembleClassifier";
        let prefix = if classifier { "class" } else { "target" };
        let transform = match word(node, "post_transform") {
            "" | "NONE" => Transform::None,
            "SOFTMAX" => Transform::Softmax,
            "SOFTMAX_ZERO" => Transform::SoftmaxZero,
            "LOGISTIC" => Transform::Logistic,
            "PROBIT" => return Ok(None),
            other => return Err(format!("there is no post_transform `{other}`")),
        };
        let aggregate = match word(node, "aggregate_function") {
            "" | "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            other => return Err(format!("there is no aggregate_function `{other}`")),
        };
        let labels = match (integers(node, "classlabels_int64s"), words(node, "classlabels_strings")) {
            _ if !classifier => Labels::None,
            (numbers, []) => Labels::Numbers(numbers.to_vec()),
            ([], texts) => Labels::Words(
                texts
                    .iter()
                    .map(|text| String::from_utf8_lossy(text).into_owned())
                    .collect(),
            ),
            _ => return Err("its classes are named by numbers and by words".to_owned()),
        };
        let outputs = match &labels {
            Labels::None => index(find(node, "n_targets").map_or(0, |attribute| attribute.i), "n_targets")?,
            Labels::Numbers(numbers) => numbers.len(),
            Labels::Words(words) => words.len(),
        };
        if outputs == 0 || (classifier && outputs == 1) {
            return Err("it has no classes to choose from, or no targets".to_owned());
        }
        let attributes = Self {
            nodes: nodes(node)?,
            weights: weights(node, prefix, outputs)?,
            labels,
            outputs,
            aggregate: if classifier { Aggregate::Sum } else { aggregate },
            base: floats(node, "base_values").to_vec(),
            transform,
        };
        if attributes.base.len() > outputs {
            return Err(format!("{} base_values, and {outputs} scores", attributes.base.len()));
        }
        Ok(Some(attributes))
    }
}

fn nodes(node: &NodeProto) -> Result<Vec<FileNode>, String> {
    let modes = words(node, "nodes_modes");
    let count = modes.len();
    let trees = of_length(integers(node, "nodes_treeids"), count, "nodes_treeids")?;
    let ids = of_length(integers(node, "nodes_nodeids"), count, "nodes_nodeids")?;
    let features = of_length(integers(node, "nodes_featureids"), count, "nodes_featureids")?;
    let values = of_length(floats(node, "nodes_values"), count, "nodes_values")?;
    let then = of_length(integers(node, "nodes_truenodeids"), count, "nodes_truenodeids")?;
    let otherwise = of_length(integers(node, "nodes_falsenodeids"), count, "nodes_falsenodeids")?;
    let missing = match integers(node, "nodes_missing_value_tracks_true") {
        [] => &[],
        given => of_length(given, count, "nodes_missing_value_tracks_true")?,
    };
    let mut nodes = Vec::with_capacity(count);
    for (((((((at, mode), tree), id), feature), value), then), otherwise) in modes
        .iter()
        .enumerate()
        .zip(trees)
        .zip(ids)
        .zip(features)
        .zip(values)
        .zip(then)
        .zip(otherwise)
    {
        let mode = match mode.as_slice() {
            b"LEAF" => Mode::Leaf,
            b"BRANCH_LEQ" => Mode::LessOrEqual,
            b"BRANCH_LT" => Mode::Less,
            b"BRANCH_GTE" => Mode::GreaterOrEqual,
            b"BRANCH_GT" => Mode::Greater,
            b"BRANCH_EQ" => Mode::Equal,
            b"BRANCH_NEQ" => Mode::NotEqual,
            other => {
                return Err(format!(
                    "there is no mode `{}` of nodes",
                    String::from_utf8_lossy(other)
                ));
            }
        };
        nodes.push(FileNode {
            tree: *tree,
            id: *id,
            mode,
            // Of leaves it means nothing, and some exporters write -2.
            feature: if mode == Mode::Leaf {
                0
            } else {
                index(*feature, "nodes_featureids")?
            },
            value: *value,
            then: *then,
            otherwise: *otherwise,
            missing: missing.get(at).is_some_and(|&flag| flag != 0),
        });
    }
    Ok(nodes)
}

fn weights(node: &NodeProto, prefix: &str, outputs: usize) -> Result<Vec<FileWeight>, String> {
    let name = |list: &str| format!("{prefix}_{list}");
    let values = floats(node, &name("weights"));
    let trees = of_length(integers(node, &name("treeids")), values.len(), &name("treeids"))?;
    let nodes = of_length(integers(node, &name("nodeids")), values.len(), &name("nodeids"))?;
    let scores = of_length(integers(node, &name("ids")), values.len(), &name("ids"))?;
    let mut weights = Vec::with_capacity(values.len());
    for (((value, tree), node), score) in values.iter().zip(trees).zip(nodes).zip(scores) {
        let score = index(*score, &name("ids"))?;
        if score >= outputs {
            return Err(format!("a leaf gives to score {score}, and there are {outputs}"));
        }
        weights.push(FileWeight {
            tree: *tree,
            node: *node,
            score,
            value: *value,
        });
    }
    Ok(weights)
}

fn of_length<'l, T>(list: &'l [T], length: usize, name: &str) -> Result<&'l [T], String> {
    if list.len() == length {
        Ok(list)
    } else {
        Err(format!("`{name}` has {} entries, and others have {length}", list.len()))
    }
}

fn index(number: i64, name: &str) -> Result<usize, String> {
    // Nothing here is counted in more than 32 bits.
    u32::try_from(number)
        .map(|number| number as usize)
        .map_err(|_| format!("{number} in `{name}` is out of range"))
}

fn find<'n>(node: &'n NodeProto, name: &str) -> Option<&'n AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn integers<'n>(node: &'n NodeProto, name: &str) -> &'n [i64] {
    find(node, name).map_or(&[], |attribute| &attribute.ints)
}

fn floats<'n>(node: &'n NodeProto, name: &str) -> &'n [f32] {
    find(node, name).map_or(&[], |attribute| &attribute.floats)
}

fn words<'n>(node: &'n NodeProto, name: &str) -> &'n [Vec<u8>] {
    find(node, name).map_or(&[], |attribute| &attribute.strings)
}

fn word<'n>(node: &'n NodeProto, name: &str) -> &'n str {
    find(node, name)
        .and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
        .unwrap_or_default()
}
