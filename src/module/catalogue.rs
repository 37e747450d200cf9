//! The catalogue: the modules that are compiled in, and those of the project laid over them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::contract::{BUILT_IN, Contract, Field, Files, Origin, Provider};
use super::package::Package;
use super::read;
use super::typing::Takes;
use crate::diagnostic::{Problem, Problems, Source, Span, closest, codes};
use crate::spec::field;

mod embedded;

/// The modules that an environment can use.
#[derive(Debug, Clone)]
pub struct Catalogue {
    modules: Modules,
    /// `modules/NAME.test.toml`, by the module's name.
    tests: Files,
    /// What is wrong with built-in modules: nothing, as the tests see to; kept so that nothing can fail silently.
    pub(super) problems: Problems,
}

impl Catalogue {
    /// The modules that are compiled in.
    pub fn built_in() -> Self {
        static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| read_all(&embedded::files(), &[], &Files::new()));
        BUILT_IN.clone()
    }

    /// The built-in modules with a project's own files over them: `modules/x.toml`, `modules/x.test.toml`,
    /// `templates/cloudformation/x.yaml` and `templates/user-data/x`, by path relative to the project's root. A file of
    /// the same name replaces the built-in one; contract, template and the rest can be replaced separately. Errors:
    /// every mistake in contracts.
    pub fn with_overrides(files: BTreeMap<String, String>) -> Result<Self, Problems> {
        Self::assembled(files, &[])
    }

    /// The same with modules that were fetched: each stands in place of a built-in one of its name, and the project's
    /// own files stand over it. Errors: every mistake in contracts.
    pub fn assembled(files: BTreeMap<String, String>, fetched: &[FetchedPackage]) -> Result<Self, Problems> {
        let own: BTreeMap<String, Arc<Source>> = files
            .into_iter()
            .map(|(path, text)| {
                let source = Source {
                    path: path.clone(),
                    text,
                };
                (path, Arc::new(source))
            })
            .collect();
        if own.is_empty() && fetched.is_empty() {
            return Ok(Self::built_in());
        }
        let layers: Vec<Layer> = fetched.iter().map(Layer::of).collect();
        let mut catalogue = read_all(&embedded::files(), &layers, &own);
        catalogue.problems.extend(Self::built_in().problems);
        if catalogue.problems.has_errors() {
            return Err(catalogue.problems.sorted());
        }
        Ok(catalogue)
    }

    /// The names of all modules, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.modules.keys().map(String::as_str)
    }

    /// The module `name`.
    pub fn get(&self, name: &str) -> Option<&Contract> {
        self.modules.get(name).map(Arc::as_ref)
    }

    /// The tests of the module `name`: built in or, over that, the project's own.
    pub fn test_file(&self, name: &str) -> Option<&Arc<Source>> {
        self.tests.get(name)
    }

    /// All modules, by name.
    pub fn modules(&self) -> impl Iterator<Item = &Contract> {
        self.modules.values().map(Arc::as_ref)
    }
}

type Modules = BTreeMap<String, Arc<Contract>>;

/// A module that was fetched, and where its files lie.
#[derive(Debug, Clone)]
pub struct FetchedPackage {
    /// The folder below the project's root, for messages.
    pub folder: String,
    /// Its files.
    pub package: Package,
}

/// The files of a fetched module, between those that are built in and the project's own.
struct Layer {
    module: String,
    files: Files,
}

impl Layer {
    fn of(fetched: &FetchedPackage) -> Self {
        let source = |(path, text): (&String, &String)| {
            let source = Source {
                path: format!("{}/{path}", fetched.folder),
                text: text.clone(),
            };
            (path.clone(), Arc::new(source))
        };
        Self {
            module: fetched.package.name.clone(),
            files: fetched.package.files.iter().map(source).collect(),
        }
    }
}

fn read_all(built_in: &Files, fetched: &[Layer], own: &Files) -> Catalogue {
    let mut problems = Problems::default();
    let layers = || fetched.iter().flat_map(|layer| &layer.files);
    let tests: Files = built_in
        .iter()
        .chain(layers())
        .chain(own)
        .filter_map(|(path, source)| Some((test_of(path)?.to_owned(), Arc::clone(source))))
        .collect();
    let read_by_templates = |path: &str| {
        Some(path.strip_prefix(TEMPLATES)?)
            .filter(|path| path.starts_with(FILES))
            .map(str::to_owned)
    };
    let readable = |layer: Option<&Layer>| -> Arc<Files> {
        let files = built_in
            .iter()
            .chain(layer.map(|layer| &layer.files).into_iter().flatten());
        let found = files
            .chain(own)
            .filter_map(|(path, source)| Some((read_by_templates(path)?, Arc::clone(source))));
        Arc::new(found.collect())
    };
    let files = readable(None);
    let own_files = own.keys().any(|path| read_by_templates(path).is_some());
    // Without files of a project this is what fills the static that the others start from.
    let mut modules = if own.is_empty() && fetched.is_empty() {
        Modules::new()
    } else {
        Catalogue::built_in().modules
    };
    let mut paths: Vec<&String> = built_in
        .keys()
        .chain(layers().map(|(path, _)| path))
        .chain(own.keys())
        .collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let Some(name) = module_of(path) else { continue };
        let layer = fetched.iter().find(|layer| layer.module == name);
        let find = |path: &str| {
            let below = layer.and_then(|layer| layer.files.get(path));
            own.get(path).or(below).or_else(|| built_in.get(path))
        };
        let replaced = own.contains_key(path) || layer.is_some();
        if let Some(known) = modules.get_mut(name).filter(|_| !replaced) {
            if own_files {
                Arc::make_mut(known).files = Arc::clone(&files);
            }
            let template = known.template.path.trim_start_matches(BUILT_IN);
            if let Some(template) = own.get(template) {
                let changed = Arc::make_mut(known);
                changed.template = Arc::clone(template);
                changed.origin = Origin::Project;
            }
            continue;
        }
        let Some(source) = find(path) else { continue };
        let origin = if own.contains_key(path) {
            Origin::Project
        } else if layer.is_some() {
            Origin::Fetched
        } else {
            Origin::BuiltIn
        };
        match read::contract(name, source, origin) {
            Ok(mut found) => match find(&found.template_path) {
                Some(template) => {
                    found.contract.template = Arc::clone(template);
                    found.contract.files = match layer {
                        Some(_) => readable(layer),
                        None => Arc::clone(&files),
                    };
                    modules.insert(name.to_owned(), Arc::new(found.contract));
                }
                None => problems.push(
                    Problem::error(codes::TEMPLATE_MISSING, format!("the module `{name}` has no template"))
                        .at(found.template_span, "")
                        .hint(format!(
                            "write {}, or name another file: template = \"...\"",
                            found.template_path
                        )),
                ),
            },
            Err(found) => problems.extend(found),
        }
    }
    check_providers(&modules, &mut problems);
    Catalogue {
        modules,
        tests,
        problems,
    }
}

/// What `file` reads is under this folder.
const TEMPLATES: &str = "templates/";
/// The folder of what templates read, under [`TEMPLATES`].
pub(super) const FILES: &str = "user-data/";

/// The module whose contract this path is.
fn module_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix("modules/")?.strip_suffix(".toml")?;
    (!name.ends_with(".test")).then_some(name)
}

/// The module whose tests this path is.
fn test_of(path: &str) -> Option<&str> {
    path.strip_prefix("modules/")?.strip_suffix(".test.toml")
}

/// `from` must name outputs that exist and have a type that fits. A module that does not exist here is no error,
/// because a project may bring it, unless a project's own contract names one that is nearly one of these. What a project's own contract in place of a built-in one has lost is told where a
/// stack needs it.
fn check_providers(modules: &Modules, problems: &mut Problems) {
    for contract in modules.values() {
        for input in contract.inputs.values() {
            for from in &input.from {
                let Some(provider) = modules.get(&from.module) else {
                    problems.0.extend(misspelt(contract, input, from, modules));
                    continue;
                };
                if contract.is_built_in() && !provider.is_built_in() {
                    continue;
                }
                let ty = &input.ty;
                let invalid =
                    |message: String| Problem::error(codes::CONTRACT_INVALID, message).at(from.span.clone(), "");
                let problem = match misfit(input, from, provider) {
                    None => continue,
                    Some(Misfit::Missing) => {
                        let message = format!(
                            "`{}`: the module `{}` has no output `{}`",
                            input.name, from.module, from.output
                        );
                        let names = provider.outputs.keys().map(String::as_str);
                        field::with_suggestion(invalid(message), &from.output, names, "it has")
                    }
                    Some(Misfit::Kind(kind)) => invalid(format!(
                        "`{}` is `{ty}`, but {}.{} is `{kind}`",
                        input.name, from.module, from.output
                    )),
                };
                problems.push(problem);
            }
        }
    }
}

/// That a project's own contract names a module that does not exist, if one is called nearly so.
fn misspelt(contract: &Contract, input: &Field, from: &Provider, modules: &Modules) -> Option<Problem> {
    // A fetched contract is written for modules that may come from elsewhere, and cannot be changed here.
    if contract.is_built_in() || contract.origin == Origin::Fetched {
        return None;
    }
    let near = closest(&from.module, modules.keys().map(String::as_str))?;
    let message = format!("`{}`: there is no module `{}`", input.name, from.module);
    let problem = Problem::error(codes::CONTRACT_INVALID, message).at(from.span.clone(), "");
    Some(problem.hint(format!("did you mean `{near}`?")))
}

/// Why an input cannot be wired to an output.
pub(super) enum Misfit {
    /// There is no such output.
    Missing,
    /// It is of this type.
    Kind(&'static str),
}

/// Why `input` cannot be wired to the output that `from` names of `provider`.
pub(super) fn misfit(input: &Field, from: &Provider, provider: &Contract) -> Option<Misfit> {
    let Some(output) = provider.outputs.get(&from.output) else {
        return Some(Misfit::Missing);
    };
    let fits = match Takes::of(input.provided()) {
        Takes::List => output.list,
        Takes::Text | Takes::Number => !output.list,
        Takes::Nothing => false,
    };
    (!fits).then_some(Misfit::Kind(if output.list { "list<string>" } else { "string" }))
}

/// The module `name` as it is built in, whatever a project has in its place.
pub(super) fn built_in(name: &str) -> Option<Arc<Contract>> {
    Catalogue::built_in().modules.get(name).cloned()
}

/// A span at the top of a text.
pub(super) fn top(source: &Arc<Source>) -> Span {
    Span::new(source, 0..0)
}
