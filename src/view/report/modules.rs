//! What the verbs of `mlinfra module` hand over.

use indexmap::IndexMap;
use serde::Serialize;

/// What `module list` shows.
#[derive(Debug, Serialize)]
pub struct ModuleList {
    /// By name.
    pub modules: Vec<ModuleLine>,
}

/// One module of the list.
#[derive(Debug, Serialize)]
pub struct ModuleLine {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Whether the project brings it or overrides the built-in one.
    pub own: bool,
    /// Which of these it is.
    pub kind: ModuleKind,
}

/// Where a module comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModuleKind {
    /// Compiled into the binary.
    BuiltIn,
    /// Fetched from a Git repository or an archive in S3.
    Fetched,
    /// The project's own.
    Own,
    /// The project's contract or template, or both, in place of the built-in one.
    Overrides,
}

impl ModuleKind {
    /// Whether its files are the project's, to be changed by it.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Own | Self::Overrides)
    }
}

/// What `module show` shows.
#[derive(Debug, Serialize)]
pub struct ModuleReport {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// Longer text, Markdown.
    pub doc: String,
    /// Where it comes from.
    pub kind: ModuleKind,
    /// Inputs in the order of the contract.
    pub inputs: IndexMap<String, InputReport>,
    /// Record types that inputs use: their fields.
    pub types: IndexMap<String, IndexMap<String, InputReport>>,
    /// Outputs in the order of the contract.
    pub outputs: IndexMap<String, OutputReport>,
    /// The inputs of other modules that take its outputs.
    pub taken_by: Vec<TakerReport>,
    /// What its price depends on.
    pub price: Vec<PriceReport>,
    /// The configuration from which all below comes.
    pub configuration: Configuration,
    /// What it renders to.
    pub resources: Vec<ResourceReport>,
    /// Which resource refers to which.
    pub references: Vec<ReferenceReport>,
    /// Which resource uses an output of another module.
    pub wires: Vec<WireReport>,
    /// What outlives the stack where `[environment] protect` is true.
    pub kept: Vec<KeptReport>,
    /// What CloudFormation has to be allowed for it: `CAPABILITY_IAM`.
    pub capabilities: Vec<String>,
    /// Its resources as a Mermaid flowchart.
    pub diagram: String,
}

/// One input.
#[derive(Debug, Serialize)]
pub struct InputReport {
    /// `list<string>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for.
    pub doc: String,
    /// Whether the environment file has to give it.
    pub required: bool,
    /// The default, as TOML.
    pub default: Option<String>,
    /// What it may be: `one of none, single, per_zone`, `1 to 6`.
    pub allowed: Option<String>,
    /// The outputs that it is wired from.
    pub from: Vec<String>,
    /// Whether it can do without a stack that makes one of these outputs.
    pub from_optional: bool,
    /// Whether it takes these outputs of every stack that makes one, by the stacks' names.
    pub gathers: bool,
    /// Whether it is a secret: only references are accepted.
    pub secret: bool,
}

/// One output.
#[derive(Debug, Serialize)]
pub struct OutputReport {
    /// `string` or `list<string>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is.
    pub doc: String,
    /// The input that has to be true for it to exist.
    pub when: Option<String>,
}

/// An input of another module that takes an output of this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakerReport {
    /// The output.
    pub output: String,
    /// The module that takes it.
    pub module: String,
    /// Its input.
    pub input: String,
}

/// Something that costs money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceReport {
    /// `NAT gateway`.
    pub item: String,
    /// By what it is counted: `hour and GB processed`.
    pub unit: String,
    /// The inputs that make it more or less.
    pub inputs: Vec<String>,
    /// How.
    pub doc: String,
}

/// A configuration of a module: what its resources were read from.
#[derive(Debug, Serialize)]
pub struct Configuration {
    /// The case of the module's tests that it is; none for what the contract says by itself.
    pub case: Option<String>,
    /// The stacks, as an environment file writes them.
    pub toml: String,
    /// What keeps it from being rendered; empty if nothing does.
    pub problems: Vec<String>,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceReport {
    /// The logical id.
    pub id: String,
    /// `AWS::EC2::Subnet`.
    #[serde(rename = "type")]
    pub ty: String,
}

/// A resource that outlives its stack in a protected environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptReport {
    /// The logical id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Its `DeletionPolicy`: `Retain`, `RetainExceptOnCreate` or `Snapshot`.
    pub policy: String,
}

/// A resource that refers to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReferenceReport {
    /// The logical id of the one that refers.
    pub from: String,
    /// The logical id of the other.
    pub to: String,
}

/// A resource that uses an output of another module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WireReport {
    /// The logical id.
    pub resource: String,
    /// The module of the other stack.
    pub module: String,
    /// The output.
    pub output: String,
}

/// Files that were written for a module.
#[derive(Debug, Serialize)]
pub struct ModuleWritten {
    /// The module.
    pub module: String,
    /// The files, relative to the project, in the order to be read.
    pub files: Vec<String>,
    /// What it means, a sentence a line.
    pub notes: Vec<String>,
    /// What to type next.
    pub next: Vec<String>,
}

/// The reference pages of a project's own modules.
#[derive(Debug, Serialize)]
pub struct ModulePages {
    /// Every page, by path relative to the project.
    pub pages: Vec<ModulePage>,
    /// Whether those that changed were written.
    pub written: bool,
}

/// One reference page.
#[derive(Debug, Serialize)]
pub struct ModulePage {
    /// Its path relative to the project.
    pub path: String,
    /// Whether what is there is not what should be.
    pub stale: bool,
}
