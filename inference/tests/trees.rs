//! Ensembles of trees of every kind, against ONNX Runtime (`trees.py` asked it) and against tract.

use mlinfra_inference::manifest::Manifest;
use mlinfra_inference::model::{Engines, Model};
use mlinfra_inference::source::{self, Files};
use mlinfra_inference::tensor::{Tensor, Values};
use mlinfra_inference::trees::Trees;
use serde::Deserialize;
use serde_json::{Value, json};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto};
use tract_onnx::prelude::Framework;

use crate::support::model_folder;

#[derive(Deserialize)]
struct Case {
    manifest: Value,
    onnx: String,
    golden: Value,
}

impl Case {
    fn name(&self) -> &str {
        self.manifest["name"].as_str().unwrap()
    }

    fn onnx(&self) -> Vec<u8> {
        let digits = self.onnx.as_bytes().chunks(2);
        digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn files(&self) -> Files {
        Files {
            manifest: Manifest::read(self.manifest.to_string().as_bytes(), self.name(), None).unwrap(),
            onnx: self.onnx(),
            golden: Some(self.golden.to_string().into_bytes()),
            at: self.name().to_owned(),
        }
    }

    fn graph(&self) -> GraphProto {
        let file: ModelProto = tract_onnx::onnx()
            .proto_model_for_read(&mut self.onnx().as_slice())
            .unwrap();
        file.graph.unwrap()
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("trees.json")).unwrap()
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name() == name).unwrap()
}

/// Loading asks the golden requests, whose answers are ONNX Runtime's.
#[test]
fn every_kind_of_ensemble_answers_as_onnx_runtime_does() {
    let cases = cases();
    assert!(cases.len() > 80, "{} cases", cases.len());
    for case in cases {
        let model = Model::load(case.files()).unwrap_or_else(|failure| panic!("{}: {failure}", case.name()));
        assert_eq!(model.platform(), "onnx_trees", "{}", case.name());
    }
}

/// A golden answer that is a little off is noticed in every one of them, so the test above can fail.
#[test]
fn an_ensemble_that_answers_otherwise_is_noticed() {
    for mut case in cases() {
        let outputs = case.golden[0]["outputs"].as_object_mut().unwrap();
        let scores = outputs.values_mut().last().unwrap();
        let first = &mut scores[0][0];
        *first = json!(first.as_f64().unwrap() + 0.001);
        let failure = Model::load(case.files())
            .err()
            .unwrap_or_else(|| panic!("{}", case.name()));
        assert!(failure.to_string().contains("it answers"), "{failure}");
    }
}

/// Numbers without order, the same each time.
fn scattered(count: usize) -> Vec<f32> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let numbers = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // From 0 to 2,000, most of them small, as the features of the model are.
        let unit = f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX);
        (unit.powi(4) * 2_000.0) as f32
    });
    numbers.take(count).collect()
}

#[tokio::test]
async fn the_model_of_the_package_answers_as_tract_runs_it() {
    let folder = model_folder();
    let files = || source::read(folder.to_str().unwrap(), None);
    let trees = Model::load(files().await.unwrap()).unwrap();
    let tract = Model::load_with(files().await.unwrap(), Engines::Tract).unwrap();
    assert_eq!((trees.platform(), tract.platform()), ("onnx_trees", "onnx_tract"));
    let rows = 1_000;
    let input = Tensor {
        rows,
        row_shape: vec![11],
        values: Values::Fp32(scattered(rows * 11)),
    };
    let (ours, theirs) = (trees.run(vec![input.clone()]).unwrap(), tract.run(vec![input]).unwrap());
    assert_eq!(ours[0], theirs[0], "the labels");
    let (Values::Fp32(ours), Values::Fp32(theirs)) = (&ours[1].values, &theirs[1].values) else {
        panic!("not FP32")
    };
    assert_eq!(ours.len(), theirs.len());
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!((ours - theirs).abs() < 1e-6, "score {index}: {ours} and {theirs}");
    }
    let Values::Int64(labels) = &trees.run(vec![probe(1, &[0.5; 11])]).unwrap()[0].values else {
        panic!("not INT64")
    };
    assert_eq!(labels.len(), 1);
}

fn probe(rows: usize, values: &[f32]) -> Tensor {
    Tensor {
        rows,
        row_shape: vec![values.len() / rows],
        values: Values::Fp32(values.to_vec()),
    }
}

fn attribute<'g>(graph: &'g mut GraphProto, name: &str) -> &'g mut AttributeProto {
    let node = &mut graph.node[0];
    node.attribute
        .iter_mut()
        .find(|attribute| attribute.name == name)
        .unwrap()
}

#[test]
fn a_missing_value_goes_where_the_ensemble_says() {
    let run = |missing: i64, value: f32| {
        let mut graph = case("mode-leq").graph();
        attribute(&mut graph, "nodes_missing_value_tracks_true")
            .ints
            .fill(missing);
        Trees::of(&graph).unwrap().unwrap().run(&probe(1, &[value; 5])).unwrap()
    };
    let (low, high) = (run(0, -1e9), run(0, 1e9));
    assert_ne!(low, high);
    // `feature <= value` holds of the lowest everywhere, and of the highest nowhere.
    assert_eq!(run(1, f32::NAN), low);
    assert_eq!(run(0, f32::NAN), high);
}

/// The number of a node, and the numbers of the two that follow; none of a leaf.
type Planted = (i64, Option<(i64, i64)>);

/// Puts one tree in place of all.
fn plant(graph: &mut GraphProto, nodes: &[Planted]) {
    let mut set = |name: &str, of: fn(&Planted) -> i64| {
        attribute(graph, name).ints = nodes.iter().map(of).collect();
    };
    set("nodes_treeids", |_| 0);
    set("nodes_nodeids", |node| node.0);
    set("nodes_featureids", |_| 0);
    set("nodes_missing_value_tracks_true", |_| 0);
    set("nodes_truenodeids", |node| node.1.map_or(0, |next| next.0));
    set("nodes_falsenodeids", |node| node.1.map_or(0, |next| next.1));
    attribute(graph, "nodes_values").floats = vec![0.0; nodes.len()];
    attribute(graph, "nodes_modes").strings = nodes
        .iter()
        .map(|node| if node.1.is_some() { "BRANCH_LEQ" } else { "LEAF" }.into())
        .collect();
}

#[test]
fn what_is_no_tree_is_refused() {
    let planted = |nodes: &[Planted]| {
        let mut graph = case("three-none").graph();
        plant(&mut graph, nodes);
        Trees::of(&graph)
    };
    assert!(planted(&[(0, Some((1, 2))), (1, None), (2, None)]).is_ok());
    assert!(planted(&[(7, None)]).is_ok(), "a leaf alone is a tree");
    for (nodes, says) in [
        (
            &[(0, Some((1, 1))), (1, None)][..],
            "node 1 is not there, or is reached in two ways",
        ),
        (&[(0, Some((1, 9))), (1, None)], "node 9 is not there"),
        (
            &[(5, Some((0, 1))), (0, Some((0, 1))), (1, None)],
            "reached in two ways",
        ),
        (
            &[(0, Some((1, 2))), (1, Some((0, 2))), (2, None)],
            "no root, or several",
        ),
        (&[(0, None), (1, None)], "no root, or several"),
        (&[(0, Some((1, 2))), (1, None), (1, None)], "have the same number"),
        (&[], "it has no trees"),
    ] {
        let reason = planted(nodes).err().unwrap_or_else(|| panic!("not refused: {nodes:?}"));
        assert!(reason.contains(says), "{reason}");
    }
}

#[test]
fn attributes_that_do_not_fit_each_other_are_refused() {
    let refused = |change: fn(&mut GraphProto), says: &str| {
        let mut graph = case("three-none").graph();
        assert!(Trees::of(&graph).unwrap().is_some());
        change(&mut graph);
        let reason = Trees::of(&graph).err().unwrap_or_else(|| panic!("not refused: {says}"));
        assert!(reason.contains(says), "{reason}");
    };
    refused(
        |graph| {
            attribute(graph, "nodes_values").floats.pop();
        },
        "`nodes_values` has 13 entries, and others have 14",
    );
    refused(
        |graph| attribute(graph, "nodes_modes").strings[0] = b"BRANCH_MEMBER".to_vec(),
        "no mode `BRANCH_MEMBER`",
    );
    refused(
        |graph| attribute(graph, "class_ids").ints[0] = 3,
        "gives to score 3, and there are 3",
    );
    refused(
        |graph| attribute(graph, "nodes_featureids").ints[0] = -1,
        "-1 in `nodes_featureids`",
    );
    refused(
        |graph| attribute(graph, "post_transform").s = b"SQUARE".to_vec(),
        "no post_transform `SQUARE`",
    );
}

#[test]
fn every_other_graph_is_left_to_tract() {
    let left = |change: fn(&mut GraphProto)| {
        let mut graph = case("three-none").graph();
        change(&mut graph);
        assert!(Trees::of(&graph).unwrap().is_none());
    };
    left(|graph| attribute(graph, "post_transform").s = b"PROBIT".to_vec());
    left(|graph| graph.node[0].domain.clear());
    left(|graph| {
        let again = graph.node[0].clone();
        graph.node.push(again);
    });
    left(|graph| graph.output[0].name = "elsewhere".to_owned());
}

#[test]
fn a_manifest_that_does_not_fit_the_trees_is_refused() {
    let refused = |change: fn(&mut Value), says: &str| {
        let mut case = case("labels-words");
        change(&mut case.manifest);
        let failure = Model::load(case.files()).err().unwrap();
        assert!(failure.to_string().contains(says), "{failure}");
    };
    refused(
        |manifest| manifest["inputs"][0]["shape"] = json!([-1, 2]),
        "and model.json says FP32 [-1, 2]",
    );
    refused(
        |manifest| manifest["inputs"][0]["datatype"] = json!("FP64"),
        "and model.json says FP64 [-1, 5]",
    );
    refused(
        |manifest| manifest["outputs"][0]["datatype"] = json!("INT64"),
        "the output `label` is BYTES",
    );
    refused(
        |manifest| manifest["outputs"][1]["shape"] = json!([-1, 3]),
        "model.json promises FP32 [3]",
    );
}
