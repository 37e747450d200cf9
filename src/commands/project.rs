//! Finding the project and reading its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::files;
use crate::diagnostic::{Problem, Problems, closest, codes};
use crate::module::Catalogue;
use crate::policy::Policy;
use crate::spec::{self, Environment, Fetched};
use crate::workload;

/// A folder that holds `environments/`.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The project that `start` lies in: the nearest folder upwards that holds `environments/`.
    pub fn find(start: &Path) -> Result<Self, Problem> {
        let absolute = fs_err::canonicalize(start).map_err(|error| {
            Problem::error(
                codes::NO_PROJECT,
                format!("cannot open {}: {}", start.display(), reason(&error)),
            )
            .hint("-C names the project's folder")
        })?;
        absolute
            .ancestors()
            .find(|folder| folder.join("environments").is_dir())
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| {
                Problem::error(
                    codes::NO_PROJECT,
                    format!("no project in {} or above it", start.display()),
                )
                .note("a project is a folder that holds environments/")
                .hint("mlinfra init          makes one here")
                .hint("mlinfra -C DIR ...    uses one elsewhere")
            })
    }

    /// Where the sandbox of this project keeps what it holds.
    pub fn sandbox(&self) -> PathBuf {
        self.root.join(".mlinfra").join("sandbox")
    }

    /// The text of a file of the project, by its path relative to the root; else why it cannot be read.
    pub fn read(&self, path: &str) -> Result<String, String> {
        self.text(path, files::MOST_TOML).map_err(|unread| unread.why)
    }

    /// The text of a file of the project that has at most `most` bytes.
    fn text(&self, path: &str, most: u64) -> Result<String, files::Unread> {
        let full = self.root.join(path);
        files::text(&full, most).map_err(|unread| match full.try_exists() {
            Ok(false) => files::Unread {
                why: self.absent(path),
                ..unread
            },
            _ => unread,
        })
    }

    /// Says that a file does not exist, and which one does that has nearly its name.
    fn absent(&self, path: &str) -> String {
        let missing = "it does not exist".to_owned();
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        let Ok(entries) = fs_err::read_dir(self.root.join(folder)) else {
            return missing;
        };
        let names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        match closest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("{missing}; did you mean `{near}`?"),
            None => missing,
        }
    }

    /// A file of the project, by its path relative to the root.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Every TOML file that mlinfra reads, by its path relative to the root.
    pub fn toml_files(&self) -> Result<Vec<String>, Problem> {
        let mut found = Vec::new();
        for folder in ["environments", "modules", "policy"] {
            let path = self.root.join(folder);
            if path.is_dir() {
                let names = files_in(&path, "toml")
                    .map_err(|why| Problem::error(codes::FILE_UNREADABLE, format!("cannot read {folder}: {why}")))?;
                found.extend(names.into_iter().map(|name| format!("{folder}/{name}")));
            }
        }
        Ok(found)
    }

    /// The texts of all files in `environments/`, by path relative to the root.
    pub fn environment_texts(&self) -> Result<BTreeMap<String, String>, Problem> {
        self.files("environments", "toml", files::MOST_TOML)
    }

    /// The environments: files in `environments/` that no other file extends. A file that is not valid TOML counts as
    /// one, so that its mistakes are told.
    pub fn environments(&self) -> Result<Vec<String>, Problem> {
        let texts = self.files("environments", "toml", files::MOST_TOML)?;
        let mut bases = BTreeSet::new();
        for text in texts.values() {
            let Ok(table) = text.parse::<toml::Table>() else {
                continue;
            };
            match table.get("extends") {
                Some(toml::Value::String(base)) => drop(bases.insert(base.clone())),
                Some(toml::Value::Array(several)) => {
                    bases.extend(several.iter().filter_map(|base| base.as_str().map(str::to_owned)));
                }
                _ => {}
            }
        }
        Ok(texts
            .keys()
            .filter_map(|path| path.strip_prefix("environments/"))
            .filter(|file| !bases.contains(*file))
            .filter_map(|file| file.strip_suffix(".toml"))
            .map(str::to_owned)
            .collect())
    }

    /// The environment `name`, merged and checked.
    pub fn environment(&self, name: &str) -> Result<Environment, Problems> {
        self.exists(name)?;
        spec::load(name, &mut |path| self.read(path))
    }

    /// An error that names the environments that there are, unless `name` is one of them.
    pub fn exists(&self, name: &str) -> Result<(), Problems> {
        let known = self.environments().map_err(|problem| Problems(vec![problem]))?;
        let exists = self.root.join("environments").join(format!("{name}.toml")).is_file();
        if !exists {
            let mut problem = Problem::error(codes::UNKNOWN_ENVIRONMENT, format!("there is no environment `{name}`"))
                .note(format!(
                    "environments/{}.toml does not exist",
                    name.trim_end_matches(".toml")
                ));
            if !known.is_empty() {
                problem = problem.note(format!("environments of this project: {}", known.join(", ")));
            }
            // People type the file where the name is wanted.
            let typed = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".toml");
            if let Some(near) = closest(typed, known.iter().map(String::as_str)) {
                problem = problem.hint(format!("did you mean `{near}`?"));
            }
            return Err(Problems(vec![problem]));
        }
        Ok(())
    }

    /// The modules: built in, those that any environment fetches, and the project's own over them. Where environments
    /// fetch different versions of one, it is the first environment's.
    pub fn catalogue(&self) -> Result<Catalogue, Problems> {
        let mut named: BTreeMap<String, Fetched> = BTreeMap::new();
        for name in self.environments().map_err(|problem| Problems(vec![problem]))? {
            // What is wrong with an environment is told where that environment is used.
            let Ok(environment) = self.environment(&name) else {
                continue;
            };
            for (name, module) in environment.modules {
                named.entry(name).or_insert(module);
            }
        }
        self.assembled(named.values())
    }

    /// The modules that `environment` can use: built in, fetched, and the project's own over them.
    pub fn catalogue_of(&self, environment: &Environment) -> Result<Catalogue, Problems> {
        self.assembled(environment.modules.values())
    }

    fn assembled<'a>(&self, fetched: impl Iterator<Item = &'a Fetched>) -> Result<Catalogue, Problems> {
        let mut texts = BTreeMap::new();
        for (folder, ending, most) in [
            ("modules", "toml", files::MOST_TOML),
            ("templates/cloudformation", "yaml", files::MOST_TEMPLATE),
        ] {
            texts.extend(self.files(folder, ending, most)?);
        }
        texts.extend(self.files_below("templates/user-data", files::MOST_USER_DATA)?);
        Catalogue::assembled(texts, &self.packages(fetched)?)
    }

    /// The templates of manifests: built in, and the project's own in place of them and beside them.
    pub fn manifests(&self) -> Result<workload::Templates, Problem> {
        Ok(workload::Templates::with_own(self.files(
            workload::FOLDER,
            "yaml",
            files::MOST_TEMPLATE,
        )?))
    }

    /// The policy: the rules that are built in, and the project's own in `policy/*.toml`.
    pub fn policy(&self) -> Result<Policy, Problems> {
        let texts = self.files("policy", "toml", files::MOST_TOML)?;
        if texts.is_empty() {
            return Ok(Policy::built_in());
        }
        let environments = self.environments().map_err(|problem| Problems(vec![problem]))?;
        Policy::with_own(texts, &environments)
    }

    /// The texts of the files in `folder` with this ending, by path relative to the root; none if it does not exist.
    /// Each has at most `most` bytes.
    fn files(&self, folder: &str, ending: &str, most: u64) -> Result<BTreeMap<String, String>, Problem> {
        let path = self.root.join(folder);
        if !path.is_dir() {
            return Ok(BTreeMap::new());
        }
        let mut texts = BTreeMap::new();
        for name in files_in(&path, ending).map_err(|why| unreadable(folder, &why))? {
            if texts.len() >= files::MOST_FILES {
                return Err(too_many(folder, &format!("every .{ending} file in it is read")));
            }
            let relative = format!("{folder}/{name}");
            let text = files::text(&path.join(&name), most).map_err(|unread| unread.problem(&relative))?;
            texts.insert(relative, text);
        }
        Ok(texts)
    }

    /// The texts of the files in `folder` and in the folders inside of it, by path relative to the root; none if it does
    /// not exist. Hidden files are left out.
    pub(super) fn files_below(&self, folder: &str, most: u64) -> Result<BTreeMap<String, String>, Problem> {
        let mut texts = BTreeMap::new();
        let mut open = vec![(folder.to_owned(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let path = self.root.join(&folder);
            if !path.is_dir() {
                continue;
            }
            if depth > files::DEEPEST {
                let message = format!("{folder} lies more than {} folders deep", files::DEEPEST);
                return Err(Problem::error(codes::TOO_MANY_FILES, message)
                    .hint("look for a symbolic link that leads back to a folder above it"));
            }
            for name in names_in(&path).map_err(|why| unreadable(&folder, &why))? {
                let relative = format!("{folder}/{name}");
                let full = path.join(&name);
                if full.is_dir() {
                    open.push((relative, depth + 1));
                    continue;
                }
                if texts.len() >= files::MOST_FILES {
                    return Err(too_many(&folder, "every file in it is read"));
                }
                let text = files::text(&full, most).map_err(|unread| unread.problem(&relative))?;
                texts.insert(relative, text);
            }
        }
        Ok(texts)
    }
}

fn unreadable(path: &str, why: &str) -> Problem {
    Problem::error(codes::FILE_UNREADABLE, format!("cannot read {path}: {why}"))
}

fn too_many(folder: &str, what: &str) -> Problem {
    Problem::error(
        codes::TOO_MANY_FILES,
        format!("{folder}/ holds more than {} files", files::MOST_FILES),
    )
    .note(what)
    .hint("move what does not belong there into a folder of its own")
}

/// The names of the files in `folder` with this ending, hidden ones left out, sorted; else why they cannot be listed.
pub fn files_in(folder: &Path, ending: &str) -> Result<Vec<String>, String> {
    let ends = |name: &String| Path::new(name).extension().is_some_and(|found| found == ending);
    let mut names = names_in(folder)?;
    names.retain(|name| ends(name) && !folder.join(name).is_dir());
    Ok(names)
}

/// The names of what lies in `folder`, hidden ones left out, sorted; else why they cannot be listed.
fn names_in(folder: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder).map_err(|error| reason(&error))? {
        let entry = entry.map_err(|error| reason(&error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Why a file cannot be read or written, without its path, which the caller names as the user knows it.
pub fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "it does not exist".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        // fs-err wraps the system's error and repeats the path.
        _ => std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string),
    }
}
