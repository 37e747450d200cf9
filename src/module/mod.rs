//! Modules: contracts, the catalogue, typed and wired inputs, and rendering to CloudFormation documents.
//!
//! Pure: the built-in catalogue is compiled in, a project's own files are handed over as texts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::Source;
use crate::spec::Environment;
use crate::template::Document;

mod anatomy;
mod blocks;
mod bounds;
mod catalogue;
mod contract;
mod files;
mod jinja;
mod keys;
mod lines;
mod origin;
pub mod package;
mod parts;
mod read;
mod render;
mod sample;
pub mod schema;
#[cfg(test)]
mod tests;
mod types;
mod typing;
mod wiring;

pub use anatomy::{Anatomy, Resource, anatomy};
pub use catalogue::{Catalogue, FetchedPackage};
pub use contract::{BUILT_IN, Contract, Field, Files, Origin, Output, Pattern, Price, Provider, Record, pascal};
pub use files::{BuiltInFile, built_in_files, module_files};
pub use keys::{LAYOUT, layout};
pub use origin::relocate;
pub use parts::Part;
pub use render::plain::{Plain, PlainDocument};
pub use render::{attempt, render};
pub use sample::{Sample, SampleOrigin, sample};
pub use types::Type;

/// An environment whose stacks are typed, wired and rendered: nothing in it is unresolved.
#[derive(Debug, Clone)]
pub struct RenderedEnvironment {
    /// The environment that was rendered.
    pub environment: Environment,
    /// Its stacks by name, dependencies before dependents (ties in the order of the file).
    pub stacks: IndexMap<String, RenderedStack>,
}

/// One stack, ready to be planned.
#[derive(Debug, Clone)]
pub struct RenderedStack {
    /// The name in the environment file, `network`.
    pub name: String,
    /// The CloudFormation name, `PROJECT-ENV-STACK`.
    pub stack_name: String,
    /// The module that it instantiates.
    pub module: String,
    /// The template: canonical JSON.
    pub template: String,
    /// SHA-256 of `template`, lower-case hex.
    pub digest: String,
    /// The template with positions; spans point into the rendered text, see [`RenderedStack::origins`].
    pub document: Document,
    /// CloudFormation parameters by name: only values that other stacks make.
    pub parameters: BTreeMap<String, OutputRef>,
    /// The stacks that `parameters` come from.
    pub depends_on: BTreeSet<String>,
    /// Tags of the stack: the environment's, and `mlinfra:project`, `mlinfra:environment`, `mlinfra:stack`, `mlinfra:module`.
    pub tags: BTreeMap<String, String>,
    /// The outputs that the contract promises: contract name (`vpc_id`) to template output (`VpcId`).
    pub outputs: BTreeMap<String, String>,
    /// What the template needs of `CAPABILITY_IAM` and `CAPABILITY_NAMED_IAM`; empty if it makes no IAM resource.
    pub capabilities: Vec<String>,
    /// Where each rendered line comes from.
    pub origins: Origins,
}

/// The output of another stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct OutputRef {
    /// The stack's name in the environment, `network`.
    pub stack: String,
    /// The output by the contract's name, `private_subnet_ids`.
    pub output: String,
    /// The output by the template's name, `PrivateSubnetIds`.
    pub key: String,
}

/// From lines of a rendered template to the template line and the inputs that led there.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The template as its author wrote it.
    pub template: Option<Arc<Source>>,
    /// For rendered line N (from 0): the template line (from 0).
    pub lines: Vec<usize>,
    /// For template line N: the inputs that it names.
    pub inputs: BTreeMap<usize, Vec<String>>,
    /// For an input: where its value was written (none if it is a default).
    pub values: BTreeMap<String, crate::diagnostic::Span>,
    /// For an input that is a table or a list: where each of its parts was written.
    pub parts: BTreeMap<String, Vec<Part>>,
    /// For a logical id of the document: the template line where it stands.
    pub resources: BTreeMap<String, usize>,
}
