//! `mlinfra init`: a project of one's own in an empty folder.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::error::CommandError;
use super::project::reason;
use super::schema::written;
use super::{Done, Outcome};
use crate::cli::InitArgs;
use crate::diagnostic::{Problem, Problems, codes};
use crate::module::{Catalogue, schema};
use crate::view::report::Initialised;

/// The files of a new project, by path; `@name@` stands for what is filled in.
const FILES: &[(&str, &str)] = &[
    (
        "environments/common.toml",
        include_str!("../../templates/project/common.toml"),
    ),
    (
        "environments/dev.toml",
        include_str!("../../templates/project/dev.toml"),
    ),
    (
        "environments/test.toml",
        include_str!("../../templates/project/test.toml"),
    ),
    (
        "environments/prod.toml",
        include_str!("../../templates/project/prod.toml"),
    ),
    ("README.md", include_str!("../../templates/project/README.md")),
    (".gitignore", include_str!("../../templates/project/gitignore")),
];

/// Accounts that exist nowhere; the sandbox takes any.
const PLACEHOLDERS: [&str; 3] = ["111122223333", "222233334444", "333344445555"];

/// Scaffolds; nothing that exists is overwritten.
pub fn run(context: &Context, args: &InitArgs) -> Outcome {
    let root = context.path(&args.directory);
    let shown = args.directory.display().to_string();
    let name = match &args.name {
        Some(name) => name.clone(),
        None => name_of(&root)?,
    };
    refuse_to_overwrite(&root, &shown)?;
    let files = FILES
        .iter()
        .map(|(path, text)| write(&root, path, &fill(text, &name, args)))
        .collect::<Result<Vec<_>, _>>()?;
    let files = [files, vec![write(&root, SCHEMA, &schema_of(&name, args))?]].concat();
    let mut next = Vec::new();
    if args.directory != Path::new(".") {
        next.push(format!("cd {shown}"));
    }
    next.push("mlinfra apply dev --sandbox".to_owned());
    if args.account_id.is_none() {
        next.push("on AWS: put your account ids into environments/*.toml, then `mlinfra bootstrap dev`".to_owned());
    }
    context.view().initialised(&Initialised {
        directory: shown,
        files,
        next,
    });
    Ok(Done::Fine)
}

/// What editors complete and check the environment files with; each of these names it in its first line.
const SCHEMA: &str = "environments/.schema.json";

fn schema_of(name: &str, args: &InitArgs) -> String {
    let texts: Vec<String> = FILES
        .iter()
        .filter(|(path, _)| path.ends_with(".toml"))
        .map(|(_, text)| fill(text, name, args))
        .collect();
    let stacks = schema::stack_modules(texts.iter().map(String::as_str));
    written(&schema::environment(&Catalogue::built_in(), &stacks))
}

/// The folder's name, made acceptable: it becomes part of stack and bucket names.
fn name_of(root: &Path) -> Result<String, CommandError> {
    let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let folder = absolute
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let mut name = String::new();
    for character in folder.chars() {
        match character {
            'a'..='z' | '0'..='9' => name.push(character),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name: String = name
        .chars()
        .skip_while(|first| !first.is_ascii_lowercase())
        .take(20)
        .collect();
    let name = name.trim_end_matches('-').to_owned();
    if name.is_empty() {
        return Err(
            Problem::error(codes::NEEDS_ANSWER, "the folder's name cannot be a project's name")
                .hint("mlinfra init --name my-project")
                .into(),
        );
    }
    Ok(name)
}

fn refuse_to_overwrite(root: &Path, shown: &str) -> Result<(), CommandError> {
    // A README or .gitignore of one's own is no obstacle: those are left as they are.
    let there: Vec<&str> = FILES
        .iter()
        .map(|(path, _)| *path)
        .filter(|path| path.starts_with("environments/") && root.join(path).exists())
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let problems = there.iter().map(|path| {
        Problem::error(codes::FILE_EXISTS, format!("{path} exists already in {shown}")).note("nothing was written")
    });
    Err(Problems(problems.collect()).into())
}

/// Writes one file; one that is there already is left, or for `.gitignore` extended. Gives what to tell of it.
fn write(root: &Path, path: &str, text: &str) -> Result<String, CommandError> {
    let target: PathBuf = root.join(path);
    let failed = |error: &std::io::Error| {
        CommandError::from(Problem::error(
            codes::FILE_UNWRITABLE,
            format!("cannot write {path}: {}", reason(error)),
        ))
    };
    if let Some(folder) = target.parent() {
        fs_err::create_dir_all(folder).map_err(|error| failed(&error))?;
    }
    if !target.exists() {
        fs_err::write(&target, text).map_err(|error| failed(&error))?;
        return Ok(path.to_owned());
    }
    if path != ".gitignore" {
        return Ok(format!("{path} (left as it is)"));
    }
    let present = fs_err::read_to_string(&target).map_err(|error| failed(&error))?;
    let missing: Vec<&str> = text
        .lines()
        .filter(|line| !present.lines().any(|known| known.trim() == *line))
        .collect();
    if missing.is_empty() {
        return Ok(format!("{path} (left as it is)"));
    }
    let separator = if present.is_empty() || present.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    fs_err::write(&target, format!("{present}{separator}{}\n", missing.join("\n"))).map_err(|error| failed(&error))?;
    Ok(format!("{path} (extended)"))
}

fn fill(text: &str, name: &str, args: &InitArgs) -> String {
    let account = |placeholder: &'static str| args.account_id.as_deref().unwrap_or(placeholder).to_owned();
    let [dev, test, prod] = PLACEHOLDERS.map(account);
    text.replace("@project@", name)
        .replace("@region@", &args.region)
        .replace("@dev_account@", &dev)
        .replace("@test_account@", &test)
        .replace("@prod_account@", &prod)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::policy::{Policy, judged};
    use crate::spec;

    #[test]
    fn what_is_scaffolded_has_neither_errors_nor_warnings() {
        let args = InitArgs {
            directory: PathBuf::from("."),
            name: None,
            account_id: None,
            region: "eu-central-1".to_owned(),
        };
        for name in ["dev", "test", "prod"] {
            let mut read = |path: &str| {
                let file = FILES.iter().find(|(known, _)| *known == path);
                file.map(|(_, text)| fill(text, "churn", &args))
                    .ok_or_else(|| "missing".to_owned())
            };
            let environment = spec::load(name, &mut read).unwrap();
            assert_eq!(environment.region.value, "eu-central-1");
            let today = Clock::real().today();
            let (_, warnings) = judged(&environment, &Catalogue::built_in(), &Policy::built_in(), today).unwrap();
            assert_eq!(warnings.0, [], "{name}");
        }
    }

    #[test]
    fn a_folder_lends_the_project_its_name_as_far_as_aws_bears_it() {
        assert_eq!(name_of(Path::new("/x/My Churn_Model")).unwrap(), "my-churn-model");
        assert_eq!(
            name_of(Path::new("/x/2024-a-very-long-name-of-a-folder")).unwrap(),
            "a-very-long-name-of"
        );
        assert!(name_of(Path::new("/x/123")).is_err());
    }
}
