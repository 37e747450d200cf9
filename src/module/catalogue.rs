//! The catalogue: the modules that are compiled in, and those of the project laid over them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::contract::{Contract, Origin};
use super::read;
use crate::diagnostic::{Problem, Problems, Source, Span, codes};
use crate::spec::field;

/// The modules that an environment can use.
#[derive(Debug, Clone)]
pub struct Catalogue {
    modules: BTreeMap<String, Arc<Contract>>,
    /// `modules/NAME.test.toml`, by the module's name.
    tests: BTreeMap<String, Arc<Source>>,
    /// What is wrong with built-in modules: nothing, as the tests see to; kept so that nothing can fail silently.
    pub(super) problems: Problems,
}

impl Catalogue {
    /// The modules that are compiled in.
    pub fn built_in() -> Self {
        static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
            let embedded = embedded();
            let (modules, problems) = read_all(&embedded, &BTreeMap::new());
            Catalogue {
                modules,
                tests: test_files(&embedded, &BTreeMap::new()),
                problems,
            }
        });
        BUILT_IN.clone()
    }

    /// The built-in modules with a project's own files over them: `modules/x.toml` and
    /// `templates/cloudformation/x.yaml`, by path relative to the project's root. A file of the same name replaces the
    /// built-in one; contract and template can be replaced separately. Errors: every mistake in these files.
    pub fn with_overrides(files: BTreeMap<String, String>) -> Result<Self, Problems> {
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
        if own.is_empty() {
            return Ok(Self::built_in());
        }
        let embedded = embedded();
        let (modules, problems) = read_all(&embedded, &own);
        let mut catalogue = Self {
            modules,
            tests: test_files(&embedded, &own),
            problems,
        };
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

    /// The test file of the module `name`, if it has one.
    pub fn test_file(&self, name: &str) -> Option<&Arc<Source>> {
        self.tests.get(name)
    }

    /// All modules, by name.
    pub fn modules(&self) -> impl Iterator<Item = &Contract> {
        self.modules.values().map(Arc::as_ref)
    }
}

/// Begins the path of built-in files in messages, so that nobody looks for them in the project.
const BUILT_IN_PREFIX: &str = "(built-in) ";

type Modules = BTreeMap<String, Arc<Contract>>;

fn read_all(built_in: &BTreeMap<String, Arc<Source>>, own: &BTreeMap<String, Arc<Source>>) -> (Modules, Problems) {
    let mut problems = Problems::default();
    // Without files of a project this is what fills the static that the others start from.
    let mut modules = if own.is_empty() {
        Modules::new()
    } else {
        Catalogue::built_in().modules
    };
    let find = |path: &str| own.get(path).or_else(|| built_in.get(path));
    let mut paths: Vec<&String> = built_in.keys().chain(own.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let Some(name) = path
            .strip_prefix("modules/")
            .and_then(|name| name.strip_suffix(".toml"))
            .filter(|name| !name.ends_with(".test"))
        else {
            continue;
        };
        if let Some(known) = modules.get_mut(name).filter(|_| !own.contains_key(path)) {
            let template = known.template.path.trim_start_matches(BUILT_IN_PREFIX);
            if let Some(template) = own.get(template) {
                let mut changed = Contract::clone(known);
                changed.template = Arc::clone(template);
                changed.origin = Origin::Project;
                *known = Arc::new(changed);
            }
            continue;
        }
        let Some(source) = find(path) else { continue };
        let origin = if own.contains_key(path) {
            Origin::Project
        } else {
            Origin::BuiltIn
        };
        match read::contract(name, source, origin) {
            Ok(mut found) => match find(&found.template_path) {
                Some(template) => {
                    found.contract.template = Arc::clone(template);
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
    (modules, problems)
}

/// The test files among these, by their modules' names; the project's own hide those that are built in.
fn test_files(
    built_in: &BTreeMap<String, Arc<Source>>,
    own: &BTreeMap<String, Arc<Source>>,
) -> BTreeMap<String, Arc<Source>> {
    let named = |(path, source): (&String, &Arc<Source>)| {
        let name = path.strip_prefix("modules/")?.strip_suffix(".test.toml")?;
        Some((name.to_owned(), Arc::clone(source)))
    };
    built_in.iter().chain(own).filter_map(named).collect()
}

/// `from` must name outputs that exist and have a type that fits; modules that do not exist here are no error,
/// because a project may bring them.
fn check_providers(modules: &Modules, problems: &mut Problems) {
    use super::typing::Takes;
    for contract in modules.values() {
        for input in contract.inputs.values() {
            for from in &input.from {
                let Some(provider) = modules.get(&from.module) else {
                    continue;
                };
                let place = |problem: Problem| problem.at(from.span.clone(), "");
                match provider.outputs.get(&from.output) {
                    None => {
                        let message = format!(
                            "`{}`: the module `{}` has no output `{}`",
                            input.name, from.module, from.output
                        );
                        let names = provider.outputs.keys().map(String::as_str);
                        let problem = place(Problem::error(codes::CONTRACT_INVALID, message));
                        problems.push(field::with_suggestion(problem, &from.output, names, "it has"));
                    }
                    Some(output) => {
                        let fits = match Takes::of(&input.ty) {
                            Takes::List => output.list,
                            Takes::Text | Takes::Number => !output.list,
                            Takes::Nothing => false,
                        };
                        if !fits {
                            let kind = if output.list { "list<string>" } else { "string" };
                            problems.push(place(Problem::error(
                                codes::CONTRACT_INVALID,
                                format!(
                                    "`{}` is `{}`, but {}.{} is `{kind}`",
                                    input.name, input.ty, from.module, from.output
                                ),
                            )));
                        }
                    }
                }
            }
        }
    }
}

/// A span at the top of a text.
pub(super) fn top(source: &Arc<Source>) -> Span {
    Span::new(source, 0..0)
}

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        /// Path and text of every file of the built-in modules.
        const EMBEDDED: &[(&str, &str)] = &[$(
            (
                concat!("modules/", $name, ".toml"),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/modules/", $name, ".toml")),
            ),
            (
                concat!("templates/cloudformation/", $name, ".yaml"),
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/cloudformation/", $name, ".yaml")),
            ),
        )*];
    };
}

built_in!("ecr", "eks", "s3", "sagemaker", "vpc");

macro_rules! tested {
    ($($name:literal),* $(,)?) => {
        /// Path and text of the test files of the built-in modules.
        const TESTS: &[(&str, &str)] = &[$((
            concat!("modules/", $name, ".test.toml"),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/modules/", $name, ".test.toml")),
        )),*];
    };
}

tested!("ecr", "eks", "s3", "sagemaker", "vpc");

fn embedded() -> BTreeMap<String, Arc<Source>> {
    EMBEDDED
        .iter()
        .chain(TESTS)
        .map(|(path, text)| {
            let source = Source {
                path: format!("{BUILT_IN_PREFIX}{path}"),
                text: (*text).to_owned(),
            };
            ((*path).to_owned(), Arc::new(source))
        })
        .collect()
}
