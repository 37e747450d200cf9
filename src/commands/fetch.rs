//! `mlinfra module fetch`: modules from Git repositories and S3 archives, pinned in `mlinfra.lock`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::Context;
use super::error::CommandError;
use super::project::{Project, reason};
use super::{Done, Outcome, session};
use crate::aws::s3;
use crate::cli::ModuleFetchArgs;
use crate::diagnostic::{Problem, Problems, Source, closest, codes};
use crate::module::FetchedPackage;
use crate::module::package::{self, LOCK_FILE, LockFile, Package, Pinned};
use crate::spec::{Environment, Fetched, Origin, Spanned};
use crate::view::report::{FetchReport, FetchedModule};

mod git;

/// A module that some environment names, with the environment whose credentials read it.
struct Wanted {
    module: Fetched,
    environment: Environment,
}

/// Fetches what environments name and what is not here yet; pins what is new.
pub async fn run(context: &Context, args: &ModuleFetchArgs) -> Outcome {
    let project = context.project()?;
    let wanted = wanted(&project)?;
    let chosen = chosen(&wanted, &args.names)?;
    let before = project.lock_file()?;
    let mut lock = before.clone();
    if args.names.is_empty() {
        let named = |pinned: &Pinned| wanted.contains_key(&(pinned.name.clone(), pinned.source.clone()));
        lock.modules.retain(named);
    }
    let mut report = FetchReport::default();
    for ((name, source), wanted) in chosen {
        let pinned = before.get(name, source);
        let present = pinned.filter(|pinned| !args.update && project.package(pinned).is_ok());
        let entry = match present {
            Some(pinned) => pinned.clone(),
            None => {
                context.view().note(&format!("fetching {name} from {source}"));
                let (package, commit) = bring(context, &project, wanted).await?;
                let digest = package.digest();
                if let Some(pinned) = pinned.filter(|pinned| pinned.digest != digest && !args.update) {
                    return Err(moved(wanted, pinned, &digest).into());
                }
                project.keep(&package, &digest)?;
                Pinned {
                    name: name.clone(),
                    source: source.clone(),
                    commit,
                    digest,
                    span: None,
                }
            }
        };
        report.modules.push(FetchedModule {
            name: name.clone(),
            source: source.clone(),
            commit: entry.commit.clone(),
            digest: entry.digest.clone(),
            fetched: present.is_none(),
        });
        lock.pin(entry);
    }
    let text = lock.text();
    let nothing = before.modules.is_empty() && lock.modules.is_empty();
    if !nothing && before.text() != text {
        if args.locked {
            return Err(stale(&report).into());
        }
        fs_err::write(project.path(LOCK_FILE), text).map_err(|error| unwritable(LOCK_FILE, &error))?;
        report.lock_changed = true;
    }
    // What was fetched has to be a module that fits the others.
    for environment in project.environments()? {
        let environment = project.environment(&environment)?;
        if args.names.is_empty() {
            project.catalogue_of(&environment)?;
        }
    }
    context.view().fetched(&report);
    Ok(Done::Fine)
}

type Key = (String, String);

/// Every module that an environment of the project names, once for each source.
fn wanted(project: &Project) -> Result<BTreeMap<Key, Wanted>, CommandError> {
    let mut wanted = BTreeMap::new();
    let mut problems = Problems::default();
    for name in project.environments()? {
        match project.environment(&name) {
            Ok(environment) => {
                for module in environment.modules.values() {
                    let key = (module.name.value.clone(), module.source());
                    wanted.entry(key).or_insert_with(|| Wanted {
                        module: module.clone(),
                        environment: environment.clone(),
                    });
                }
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.has_errors() {
        return Err(problems.sorted().into());
    }
    Ok(wanted)
}

fn chosen<'a>(wanted: &'a BTreeMap<Key, Wanted>, names: &[String]) -> Result<Vec<(&'a Key, &'a Wanted)>, CommandError> {
    for name in names {
        if !wanted.keys().any(|(known, _)| known == name) {
            let message = format!("no environment fetches a module `{name}`");
            let mut problem = Problem::error(codes::UNKNOWN_MODULE_NAME, message);
            let known = wanted.keys().map(|(known, _)| known.as_str());
            if let Some(near) = closest(name, known) {
                problem = problem.hint(format!("did you mean `{near}`?"));
            }
            return Err(problem
                .hint(format!(
                    "in an environment file:\n[modules.{name}]\ngit = \"https://github.com/acme/ml-modules\"\ntag = \"v1.0.0\""
                ))
                .into());
        }
    }
    let fits = |(name, _): &Key| names.is_empty() || names.contains(name);
    Ok(wanted.iter().filter(|(key, _)| fits(key)).collect())
}

/// The module from where it comes, and its commit.
async fn bring(
    context: &Context,
    project: &Project,
    wanted: &Wanted,
) -> Result<(Package, Option<String>), CommandError> {
    let module = &wanted.module;
    let failed = |why: String| {
        Problem::error(
            codes::FETCH_FAILED,
            format!("cannot fetch the module `{}`: {why}", module.name.value),
        )
        .at(module.name.span.clone(), "")
        .note(format!("from {}", module.source()))
    };
    let (tree, commit) = match &module.origin {
        Origin::Git { url, tag, commit } => {
            let reference = match (tag, commit) {
                (Some(tag), _) => format!("refs/tags/{tag}"),
                (None, commit) => commit.clone().unwrap_or_default(),
            };
            let scratch = project.scratch()?;
            let fetched = git::fetch(scratch.path(), url, &reference);
            let (tree, found) = context.unless_stopped(fetched).await?.map_err(|refused| {
                let problem = failed(refused.why);
                refused.hints.into_iter().fold(problem, Problem::hint)
            })?;
            (tree, Some(found))
        }
        Origin::S3 { bucket, key } => {
            let session = session::open(context, project, &wanted.environment).await?;
            let read = context.unless_stopped(s3::get(&session, bucket, key)).await?;
            let object = read.map_err(|error| {
                if error.code.as_deref() == Some("NoSuchBucket") {
                    return failed(format!("there is no bucket `{bucket}`"));
                }
                let cause = error.problem();
                let problem = failed(cause.message);
                cause.hints.into_iter().fold(problem, Problem::hint)
            })?;
            let Some(object) = object else {
                return Err(failed("there is no such object".to_owned())
                    .hint(format!("aws s3 ls s3://{bucket}/  shows what there is"))
                    .into());
            };
            let tree = package::unpack(&object.body).map_err(failed)?;
            (tree, None)
        }
    };
    let package = Package::pick(&module.name.value, module.folder.as_deref(), &tree).map_err(|why| {
        Problem::error(
            codes::PACKAGE_UNUSABLE,
            format!("no module `{}` was fetched: {why}", module.name.value),
        )
        .at(module.name.span.clone(), "")
        .note(format!("from {}", module.source()))
        .hint("`folder` names the folder that holds modules/ and templates/")
    })?;
    Ok((package, commit))
}

fn moved(wanted: &Wanted, pinned: &Pinned, digest: &str) -> Problem {
    let name = &wanted.module.name;
    let problem = Problem::error(
        codes::MODULE_DIFFERS,
        format!(
            "what was fetched as the module `{}` is not what mlinfra.lock pins",
            name.value
        ),
    );
    let problem = match &pinned.span {
        Some(span) => problem.at(span.clone(), "pinned"),
        None => problem,
    };
    problem
        .at(name.span.clone(), "fetched")
        .note(format!("its digest is {digest}"))
        .note("the tag was moved, or the archive was written anew; nothing was changed here")
        .hint(format!(
            "find out why; if it is meant to be so: mlinfra module fetch {} --update",
            name.value
        ))
}

fn stale(report: &FetchReport) -> Problem {
    let new: Vec<&str> = report
        .modules
        .iter()
        .filter(|module| module.fetched)
        .map(|module| module.name.as_str())
        .collect();
    Problem::error(
        codes::LOCK_FILE_STALE,
        "mlinfra.lock does not fit the environment files",
    )
    .note(match new.as_slice() {
        [] => "it pins modules that no environment fetches".to_owned(),
        new => format!("it would have to pin {}", new.join(", ")),
    })
    .hint("run `mlinfra module fetch`, look at what changed, and commit mlinfra.lock")
}

fn unwritable(path: &str, error: &std::io::Error) -> Problem {
    Problem::error(
        codes::FILE_UNWRITABLE,
        format!("cannot write {path}: {}", reason(error)),
    )
}

/// Why a fetched module cannot be used.
enum Unusable {
    Absent,
    /// Its digest.
    Differs(String),
    Unreadable(Box<Problem>),
}

fn not_here(name: &Spanned<String>, message: String) -> Problem {
    Problem::error(codes::MODULE_NOT_FETCHED, message)
        .at(name.span.clone(), "")
        .hint("run `mlinfra module fetch`; in a job `mlinfra module fetch --locked`")
}

impl Project {
    /// `mlinfra.lock`; an empty one if there is none.
    pub fn lock_file(&self) -> Result<LockFile, Problems> {
        if !self.path(LOCK_FILE).exists() {
            return Ok(LockFile::default());
        }
        let text = self
            .read(LOCK_FILE)
            .map_err(|why| Problem::error(codes::FILE_UNREADABLE, format!("cannot read {LOCK_FILE}: {why}")))
            .map_err(|problem| Problems(vec![problem]))?;
        let path = LOCK_FILE.to_owned();
        LockFile::read(&Arc::new(Source { path, text }))
    }

    /// The fetched modules, each held against what `mlinfra.lock` pins. Errors: those that are not here, and those that
    /// differ.
    pub(super) fn packages<'a>(
        &self,
        modules: impl Iterator<Item = &'a Fetched>,
    ) -> Result<Vec<FetchedPackage>, Problems> {
        let mut lock = None;
        let mut found = Vec::new();
        let mut problems = Problems::default();
        for module in modules {
            let lock = match &mut lock {
                Some(lock) => lock,
                none => none.insert(self.lock_file()?),
            };
            let name = &module.name;
            let Some(pinned) = lock.get(&name.value, &module.source()) else {
                problems.push(
                    not_here(name, format!("the module `{}` is not in mlinfra.lock", name.value))
                        .note(format!("it comes from {}", module.source())),
                );
                continue;
            };
            match self.package(pinned) {
                Ok(package) => found.push(FetchedPackage {
                    folder: package::folder(&name.value, &pinned.digest),
                    package,
                }),
                Err(Unusable::Absent) => {
                    problems.push(not_here(
                        name,
                        format!("the module `{}` has not been fetched here", name.value),
                    ));
                }
                Err(Unusable::Differs(digest)) => {
                    let folder = package::folder(&name.value, &pinned.digest);
                    let message = format!(
                        "the files of the module `{}` are not what mlinfra.lock pins",
                        name.value
                    );
                    let problem = Problem::error(codes::MODULE_DIFFERS, message).at(name.span.clone(), "");
                    let problem = match &pinned.span {
                        Some(span) => problem.at(span.clone(), "pinned"),
                        None => problem,
                    };
                    problems.push(
                        problem
                            .note(format!("{folder} has the digest {digest}"))
                            .hint("to have the pinned files again: mlinfra module fetch")
                            .hint("to change a module, put your own files under modules/ and templates/"),
                    );
                }
                Err(Unusable::Unreadable(problem)) => problems.push(*problem),
            }
        }
        if problems.has_errors() {
            return Err(problems.sorted());
        }
        Ok(found)
    }

    /// The files of a fetched module, if they are here and as they were pinned.
    fn package(&self, pinned: &Pinned) -> Result<Package, Unusable> {
        let folder = package::folder(&pinned.name, &pinned.digest);
        if !self.path(&folder).is_dir() {
            return Err(Unusable::Absent);
        }
        let files = self
            .files_below(&folder, package::MOST_BYTES)
            .map_err(|problem| Unusable::Unreadable(Box::new(problem)))?;
        let inside =
            |(path, text): (String, String)| Some((path.strip_prefix(&folder)?.strip_prefix('/')?.to_owned(), text));
        let package = Package {
            name: pinned.name.clone(),
            files: files.into_iter().filter_map(inside).collect(),
        };
        let digest = package.digest();
        if digest == pinned.digest {
            Ok(package)
        } else {
            Err(Unusable::Differs(digest))
        }
    }

    /// A folder that is gone when the guard is, on the same disk as what is fetched.
    fn scratch(&self) -> Result<tempfile::TempDir, Problem> {
        let folder = self.path(".mlinfra");
        fs_err::create_dir_all(&folder).map_err(|error| unwritable(".mlinfra", &error))?;
        tempfile::TempDir::with_prefix_in("fetch-", &folder).map_err(|error| unwritable(".mlinfra", &error))
    }

    /// Keeps a package below `.mlinfra/modules`, whole or not at all.
    fn keep(&self, package: &Package, digest: &str) -> Result<(), Problem> {
        let scratch = self.scratch()?;
        for (path, text) in &package.files {
            let target = scratch.path().join(path);
            if let Some(folder) = target.parent() {
                fs_err::create_dir_all(folder).map_err(|error| unwritable(path, &error))?;
            }
            fs_err::write(&target, text).map_err(|error| unwritable(path, &error))?;
        }
        let kept = package::folder(&package.name, digest);
        let target = self.path(&kept);
        if target.exists() {
            fs_err::remove_dir_all(&target).map_err(|error| unwritable(&kept, &error))?;
        }
        if let Some(folder) = target.parent() {
            fs_err::create_dir_all(folder).map_err(|error| unwritable(&kept, &error))?;
        }
        fs_err::rename(scratch.keep(), &target).map_err(|error| unwritable(&kept, &error))
    }
}
