//! The model itself: an ONNX graph that is ready to run, with what its manifest promises. Ensembles of trees run by
//! [`Trees`], all other graphs by tract.

use std::sync::Arc;

use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::*;

use crate::error::Failure;
use crate::golden;
use crate::manifest::{Datatype, Manifest, Port};
use crate::source::Files;
use crate::tensor::{Tensor as Rows, Values, split_front};
use crate::trees::Trees;

/// A model that is ready to run. Cheap to clone; every thread may run it.
#[derive(Clone)]
pub struct Model {
    engine: Engine,
    /// What the model says of itself.
    pub manifest: Arc<Manifest>,
}

/// What runs the graph.
#[derive(Clone)]
enum Engine {
    Trees(Arc<Trees>),
    Tract(Arc<TypedRunnableModel>),
}

/// Which engines may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engines {
    /// Whichever is best for the graph.
    Any,
    /// Only tract: to compare the others with it.
    Tract,
}

impl Model {
    /// Reads the graph, fits it to the manifest, optimises it, and asks it the golden requests.
    ///
    /// # Errors
    /// [`Failure::ModelUnusable`] with what does not fit.
    pub fn load(files: Files) -> Result<Self, Failure> {
        Self::load_with(files, Engines::Any)
    }

    /// The same, with a choice of engines.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(files: Files, engines: Engines) -> Result<Self, Failure> {
        let at = files.at.clone();
        let unusable = |reason: String, hint: &str| Failure::ModelUnusable {
            at: at.clone(),
            reason,
            hint: hint.to_owned(),
        };
        let engine = engine(&files.onnx, &files.manifest, engines)
            .map_err(|reason| unusable(reason, "Export it again: the README of `inference` lists what is read"))?;
        let model = Self {
            engine,
            manifest: Arc::new(files.manifest),
        };
        if let Some(text) = &files.golden {
            golden::check(&model, text).map_err(|reason| {
                unusable(
                    reason,
                    "The server does not answer as the trained model does; it must not serve. Export the model in \
                     another way, or train it again with its golden answers",
                )
            })?;
        }
        Ok(model)
    }

    /// What runs it, in the words of the Open Inference Protocol's `platform`.
    pub fn platform(&self) -> &'static str {
        match self.engine {
            Engine::Trees(_) => "onnx_trees",
            Engine::Tract(_) => "onnx_tract",
        }
    }

    /// How many rows it answers in less time than it takes to hand them to another thread and back; 0 if it is not
    /// known to be so quick.
    pub fn quick_rows(&self) -> usize {
        match &self.engine {
            Engine::Trees(trees) => trees.quick_rows(),
            Engine::Tract(_) => 0,
        }
    }

    /// Runs the model on rows: one tensor for each input of the manifest, in its order, all with the same number of
    /// rows. Gives one tensor for each output.
    ///
    /// # Errors
    /// What the engine says, or what an output is instead of what the manifest promises.
    pub fn run(&self, inputs: Vec<Rows>) -> Result<Vec<Rows>, String> {
        match (&self.engine, inputs.as_slice()) {
            (Engine::Trees(trees), [input]) => trees.run(input),
            (Engine::Trees(_), inputs) => Err(format!("{} inputs came, and trees have one", inputs.len())),
            (Engine::Tract(plan), _) => run_tract(plan, &self.manifest, inputs),
        }
    }

    /// Runs the model on rows and gives each row its own answer. When the run fails, each row is run alone, so that
    /// one row cannot fail others.
    pub fn run_each(&self, mut inputs: Vec<Rows>) -> Vec<Result<Vec<Rows>, String>> {
        let rows = inputs.first().map_or(0, |tensor| tensor.rows);
        if rows == 0 {
            return Vec::new();
        }
        match self.run(inputs.clone()) {
            Ok(mut answers) => (0..rows).map(|_| Ok(split_front(&mut answers, 1))).collect(),
            Err(_) => (0..rows).map(|_| self.run(split_front(&mut inputs, 1))).collect(),
        }
    }
}

fn engine(onnx: &[u8], manifest: &Manifest, engines: Engines) -> Result<Engine, String> {
    let file = tract_onnx::onnx()
        .proto_model_for_read(&mut std::io::Cursor::new(onnx))
        .map_err(|error| chain(&error))?;
    let graph = file.graph.as_ref().ok_or("it has no graph")?;
    fits(graph, manifest)?;
    if engines == Engines::Any
        && let Some(trees) = Trees::of(graph)?
    {
        trees.fits(manifest)?;
        return Ok(Engine::Trees(Arc::new(trees)));
    }
    plan(&file, manifest).map(Engine::Tract).map_err(|error| chain(&error))
}

/// Whether the graph has the inputs and outputs of the manifest, by their names and their number.
fn fits(graph: &GraphProto, manifest: &Manifest) -> Result<(), String> {
    // Older files list their constants among the inputs.
    let constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs: Vec<&str> = graph
        .input
        .iter()
        .map(|input| input.name.as_str())
        .filter(|name| !constant(name))
        .collect();
    if !inputs.iter().eq(manifest.inputs.iter().map(|port| &port.name)) {
        return Err(format!(
            "the graph's inputs are {inputs:?}, and model.json lists others or in another order"
        ));
    }
    if graph.output.len() != manifest.outputs.len() {
        return Err(format!(
            "the graph has {} outputs, and model.json lists {}",
            graph.output.len(),
            manifest.outputs.len()
        ));
    }
    Ok(())
}

fn plan(file: &ModelProto, manifest: &Manifest) -> TractResult<Arc<TypedRunnableModel>> {
    let mut graph = tract_onnx::onnx().model_for_proto_model(file)?;
    let rows = graph.symbols.sym("rows");
    for (index, port) in manifest.inputs.iter().enumerate() {
        let shape: TVec<TDim> = std::iter::once(rows.to_dim())
            .chain(port.row_shape().into_iter().map(|length| length.to_dim()))
            .collect();
        graph.set_input_fact(index, InferenceFact::dt_shape(datum_type(port.datatype), shape))?;
    }
    let typed = graph.into_typed()?;
    for (outlet, port) in typed.output_outlets()?.iter().zip(&manifest.outputs) {
        let fact = typed.outlet_fact(*outlet)?;
        if fact.datum_type != datum_type(port.datatype) {
            return Err(TractError::msg(format!(
                "the output `{}` is {:?}, and model.json says {}",
                port.name,
                fact.datum_type,
                port.datatype.name()
            )));
        }
    }
    typed.into_optimized()?.into_runnable()
}

fn run_tract(plan: &Arc<TypedRunnableModel>, manifest: &Manifest, inputs: Vec<Rows>) -> Result<Vec<Rows>, String> {
    let rows = inputs.first().map_or(0, |tensor| tensor.rows);
    let mut values: TVec<TValue> = TVec::new();
    for input in inputs {
        values.push(to_tract(input).map_err(|error| chain(&error))?.into_tvalue());
    }
    let answers = plan.run(values).map_err(|error| chain(&error))?;
    if answers.len() < manifest.outputs.len() {
        return Err(format!(
            "{} outputs came, {} are promised",
            answers.len(),
            manifest.outputs.len()
        ));
    }
    answers
        .iter()
        .zip(&manifest.outputs)
        .map(|(answer, port)| from_tract(answer, port, rows))
        .collect()
}

fn datum_type(datatype: Datatype) -> DatumType {
    match datatype {
        Datatype::Fp32 => DatumType::F32,
        Datatype::Fp64 => DatumType::F64,
        Datatype::Int32 => DatumType::I32,
        Datatype::Int64 => DatumType::I64,
        Datatype::Bytes => DatumType::String,
    }
}

fn to_tract(rows: Rows) -> TractResult<Tensor> {
    let shape = rows.shape();
    match rows.values {
        Values::Fp32(list) => Tensor::from_shape(&shape, &list),
        Values::Fp64(list) => Tensor::from_shape(&shape, &list),
        Values::Int32(list) => Tensor::from_shape(&shape, &list),
        Values::Int64(list) => Tensor::from_shape(&shape, &list),
        Values::Bytes(list) => Ok(tract_ndarray::ArrayD::from_shape_vec(shape, list)?.into_tensor()),
    }
}

fn from_tract(tensor: &Tensor, port: &Port, rows: usize) -> Result<Rows, String> {
    fn list<T: Datum + Clone>(tensor: &Tensor) -> TractResult<Vec<T>> {
        Ok(tensor.to_plain_array_view::<T>()?.iter().cloned().collect())
    }
    let values = match port.datatype {
        Datatype::Fp32 => list(tensor).map(Values::Fp32),
        Datatype::Fp64 => list(tensor).map(Values::Fp64),
        Datatype::Int32 => list(tensor).map(Values::Int32),
        Datatype::Int64 => list(tensor).map(Values::Int64),
        Datatype::Bytes => list(tensor).map(Values::Bytes),
    }
    .map_err(|error| format!("the output `{}`: {}", port.name, chain(&error)))?;
    let row_shape = port.row_shape();
    let expected: Vec<usize> = std::iter::once(rows).chain(row_shape.iter().copied()).collect();
    if tensor.shape() != expected {
        return Err(format!(
            "the output `{}` has the shape {:?}, and model.json promises {expected:?}",
            port.name,
            tensor.shape()
        ));
    }
    Ok(Rows {
        rows,
        row_shape,
        values,
    })
}

fn chain(error: &TractError) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
