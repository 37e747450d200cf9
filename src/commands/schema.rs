//! `mlinfra schema`: what editors read.

use super::context::Context;
use super::error::CommandError;
use super::project::reason;
use super::replace::replace;
use super::{Done, Outcome};
use crate::cli::{SchemaArgs, SchemaKind};
use crate::diagnostic::{Problem, codes};
use crate::module::schema;

/// Prints a schema, writes it to a file, or compares it with that file.
pub fn run(context: &Context, args: &SchemaArgs) -> Outcome {
    let text = text(context, args.kind)?;
    let Some(out) = &args.out else {
        context.view().raw(text.as_bytes());
        return Ok(Done::Fine);
    };
    let path = context.path(out);
    let shown = out.display();
    let present = fs_err::read_to_string(&path).ok();
    if args.check {
        if present.as_ref() == Some(&text) {
            return Ok(Done::Fine);
        }
        let kind = match args.kind {
            SchemaKind::Environment => "environment",
            SchemaKind::Module => "module",
        };
        let message = match present {
            Some(_) => format!("{shown} is not the schema that this mlinfra and these modules make"),
            None => format!("the schema {shown} is missing"),
        };
        return Err(Problem::error(codes::SCHEMA_STALE, message)
            .note("editors go by this file: without a current one they offer what is gone and underline what is new")
            .hint(format!("write it anew:  mlinfra schema {kind} --out {shown}"))
            .into());
    }
    if present.as_ref() != Some(&text) {
        let folder = path.parent().map_or(Ok(()), fs_err::create_dir_all);
        folder.and_then(|()| replace(&path, &text)).map_err(|error| {
            Problem::error(
                codes::FILE_UNWRITABLE,
                format!("cannot write {shown}: {}", reason(&error)),
            )
        })?;
        context.view().note(&format!("Wrote {shown}"));
    }
    Ok(Done::Fine)
}

fn text(context: &Context, kind: SchemaKind) -> Result<String, CommandError> {
    let schema = match kind {
        SchemaKind::Module => schema::contract(),
        SchemaKind::Environment => {
            let catalogue = context.catalogue()?;
            let files = match context.project() {
                Ok(project) => project.environment_texts()?,
                // Outside of a project: the modules that are built in, and no stacks.
                Err(_) => std::collections::BTreeMap::new(),
            };
            let stacks = schema::stack_modules(files.values().map(String::as_str));
            schema::environment(&catalogue, &stacks)
        }
    };
    Ok(written(&schema))
}

/// As it is written into files: readable, so that a change of it can be reviewed.
pub fn written(schema: &serde_json::Value) -> String {
    format!("{schema:#}\n")
}
