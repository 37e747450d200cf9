//! The reference page of a module, in Markdown, and the page that lists several.

use indexmap::IndexMap;

use super::diagram::short;
use super::report::{InputReport, ModuleReport, ResourceReport};
use super::text::{count, list};

/// The first words of every page: by them a page is known from one that somebody wrote.
const MARK: &str = "<!-- `mlinfra module docs` writes this page";

/// What is said of a module whose resources cannot be read.
const NOT_KNOWN: &str = "Not known, because the configuration above cannot be rendered.";

/// Whether a page was written here, so that it can be written anew.
pub fn is_ours(text: &str) -> bool {
    text.starts_with(MARK)
}

/// The page of one module.
pub fn page(module: &ModuleReport) -> String {
    let name = &module.name;
    let mut page = Page(format!(
        "{MARK} from modules/{name}.toml, its template and its tests: change those. -->\n\n# {name}\n"
    ));
    page.paragraph(&sentence(&module.summary));
    page.paragraph(module.doc.trim());
    usage(&mut page, module);
    page.heading("Inputs");
    if module.inputs.is_empty() {
        page.paragraph("None.");
    }
    page.inputs("input", &module.inputs);
    for (name, fields) in &module.types {
        page.paragraph(&format!("Fields of `{name}`:"));
        page.inputs("field", fields);
    }
    outputs(&mut page, module);
    wiring(&mut page, module);
    resources(&mut page, module);
    price(&mut page, module);
    page.heading("Permissions");
    page.paragraph(&match module.capabilities.as_slice() {
        [] if !module.configuration.problems.is_empty() => NOT_KNOWN.to_owned(),
        [] => "It makes no IAM resource, so CloudFormation asks for no acknowledgement.".to_owned(),
        needed => format!(
            "CloudFormation asks for the acknowledgement {}, which mlinfra gives when it applies.",
            list(&code(needed))
        ),
    });
    deletion(&mut page, module);
    page.0
}

/// The page that lists modules.
pub fn index(modules: &[ModuleReport]) -> String {
    let mut page = Page(format!(
        "{MARK} from the contracts in modules/: change those. -->\n\n# Modules\n"
    ));
    page.paragraph(
        "Each page says what a module takes and gives, how it is wired, what it renders to, what its price depends on \
         and what stays when it goes.",
    );
    let rows = modules.iter().map(|module| {
        let mut from: Vec<String> = Vec::new();
        for provider in module.inputs.values().flat_map(|input| &input.from) {
            let provider = format!("`{}`", provider.split('.').next().unwrap_or(provider));
            if !from.contains(&provider) {
                from.push(provider);
            }
        }
        vec![
            format!("[`{0}`]({0}.md)", module.name),
            module.summary.clone(),
            from.join(", "),
        ]
    });
    page.table(&["module", "what it makes", "takes from"], rows);
    page.0
}

fn usage(page: &mut Page, module: &ModuleReport) {
    page.heading("Use");
    page.fence("toml", &module.configuration.toml);
    page.paragraph(&match &module.configuration.case {
        Some(case) => format!(
            "This is the case `{case}` of [its tests](../../modules/{}.test.toml).",
            module.name
        ),
        None => "This is the least that it needs.".to_owned(),
    });
}

fn outputs(page: &mut Page, module: &ModuleReport) {
    page.heading("Outputs");
    if module.outputs.is_empty() {
        page.paragraph("None.");
        return;
    }
    let rows = module.outputs.iter().map(|(name, output)| {
        let when = output.when.as_ref().map(|input| format!("with `{input}`"));
        vec![
            format!("`{name}`"),
            format!("`{}`", output.kind),
            when.unwrap_or_else(|| "always".to_owned()),
            output.doc.clone(),
        ]
    });
    page.table(&["output", "type", "there", "what it is"], rows);
}

fn wiring(page: &mut Page, module: &ModuleReport) {
    page.heading("Wiring");
    let takes: Vec<(&String, &InputReport)> = module
        .inputs
        .iter()
        .filter(|(_, input)| !input.from.is_empty())
        .collect();
    if takes.is_empty() {
        page.paragraph("It takes nothing from other stacks.");
    } else {
        let rows = takes.iter().map(|(name, input)| {
            let without = if input.gathers {
                "of every stack that has one, be it none"
            } else if input.from_optional {
                "of the only such stack; does without"
            } else {
                "of the only such stack; necessary"
            };
            vec![format!("`{name}`"), code(&input.from).join(", "), without.to_owned()]
        });
        page.table(&["input", "takes", "how"], rows);
    }
    let mut taken: IndexMap<&str, Vec<String>> = IndexMap::new();
    for taker in &module.taken_by {
        let takers = taken.entry(&taker.output).or_default();
        takers.push(format!("`{}.{}`", taker.module, taker.input));
    }
    if taken.is_empty() {
        page.paragraph("No module takes its outputs by itself; `\"${STACK.OUTPUT}\"` gives them to any input.");
    } else {
        let rows = taken
            .iter()
            .map(|(output, takers)| vec![format!("`{output}`"), takers.join(", ")]);
        page.table(&["output", "goes to"], rows);
    }
}

fn resources(page: &mut Page, module: &ModuleReport) {
    page.heading("Resources");
    let problems = &module.configuration.problems;
    if !problems.is_empty() {
        page.paragraph("The configuration above cannot be rendered, so its resources are not known:");
        page.items(problems.iter().cloned());
        return;
    }
    page.paragraph(&format!(
        "The configuration above makes {}.",
        count(module.resources.len(), "resource")
    ));
    let rows = by_type(&module.resources)
        .into_iter()
        .map(|(ty, ids)| vec![format!("`{ty}`"), ids.len().to_string(), code(&ids).join(", ")]);
    page.table(&["type", "number", "logical ids"], rows);
    page.paragraph("An arrow leads from a resource to one that it refers to; what is dashed comes from other stacks.");
    page.fence("mermaid", &module.diagram);
}

fn price(page: &mut Page, module: &ModuleReport) {
    page.heading("Price");
    if module.price.is_empty() {
        page.paragraph("The contract names nothing that costs by itself.");
        return;
    }
    let rows = module.price.iter().map(|price| {
        vec![
            price.item.clone(),
            price.unit.clone(),
            code(&price.inputs).join(", "),
            price.doc.clone(),
        ]
    });
    page.table(&["what costs", "by", "inputs", "how"], rows);
}

fn deletion(page: &mut Page, module: &ModuleReport) {
    page.heading("Deletion");
    if !module.configuration.problems.is_empty() {
        page.paragraph(NOT_KNOWN);
        return;
    }
    if module.kept.is_empty() {
        page.paragraph("Everything that it makes goes with the stack, also where `[environment] protect` is true.");
        return;
    }
    page.paragraph(
        "Where `[environment] protect` is true these outlive the stack or leave a snapshot; all else goes with it:",
    );
    let rows = module.kept.iter().map(|kept| {
        let how = match kept.policy.as_str() {
            "RetainExceptOnCreate" => "stays, unless its creation failed",
            "Snapshot" => "leaves a snapshot",
            _ => "stays",
        };
        vec![format!("`{}`", kept.id), short(&kept.ty), how.to_owned()]
    });
    page.table(&["resource", "kind", "what becomes of it"], rows);
}

/// The types in the order of the template, each with the ids of its resources.
pub fn by_type(resources: &[ResourceReport]) -> IndexMap<&str, Vec<&str>> {
    let mut types: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for resource in resources {
        types.entry(&resource.ty).or_default().push(&resource.id);
    }
    types
}

fn code(items: &[impl AsRef<str>]) -> Vec<String> {
    items.iter().map(|item| format!("`{}`", item.as_ref())).collect()
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    let end = if text.is_empty() || text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{text}{end}")
}

/// Markdown that grows, with one blank line between its parts.
struct Page(String);

impl Page {
    fn heading(&mut self, text: &str) {
        self.0.push_str(&format!("\n## {text}\n"));
    }

    fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.push_str(&format!("\n{text}\n"));
        }
    }

    fn items(&mut self, items: impl Iterator<Item = String>) {
        self.0.push('\n');
        for item in items {
            self.0.push_str(&format!("- {item}\n"));
        }
    }

    fn fence(&mut self, language: &str, text: &str) {
        self.0.push_str(&format!("\n```{language}\n{}\n```\n", text.trim_end()));
    }

    fn table(&mut self, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        self.0.push('\n');
        self.0
            .push_str(&line(heads.iter().map(|head| (*head).to_owned()).collect()));
        self.0.push_str(&format!("|{}\n", "---|".repeat(heads.len())));
        for row in rows {
            self.0.push_str(&line(row.iter().map(|cell| one_cell(cell)).collect()));
        }
    }

    fn inputs(&mut self, what: &str, inputs: &IndexMap<String, InputReport>) {
        if inputs.is_empty() {
            return;
        }
        let rows = inputs.iter().map(|(name, input)| {
            let kind = match &input.allowed {
                Some(allowed) => format!("`{}`, {}", input.kind, allowed_values(allowed)),
                None => format!("`{}`", input.kind),
            };
            let default = match (&input.default, input.required) {
                (Some(default), _) => format!("`{}`", one_line(default)),
                (None, true) => "**required**".to_owned(),
                (None, false) if !input.from.is_empty() => "wired".to_owned(),
                (None, false) => "none".to_owned(),
            };
            let secret = if input.secret {
                " A secret: takes a reference only."
            } else {
                ""
            };
            vec![format!("`{name}`"), kind, default, format!("{}{secret}", input.doc)]
        });
        self.table(&[what, "type", "default", "what it is for"], rows);
    }
}

/// Values and patterns are code, the words between them are not.
fn allowed_values(allowed: &str) -> String {
    if let Some(values) = allowed.strip_prefix("one of ") {
        return format!("one of `{values}`");
    }
    match allowed.split_once("matching ") {
        Some((before, pattern)) => format!("{before}matching `{pattern}`"),
        None => allowed.to_owned(),
    }
}

/// One cell of a table: a line break or a bar would end it.
fn one_cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_ends_it() {
        let mut page = Page(String::new());
        page.table(
            &["a", "b"],
            [vec!["x | y".to_owned(), "one\ntwo".to_owned()]].into_iter(),
        );
        assert_eq!(page.0, "\n| a | b |\n|---|---|\n| x \\| y | one two |\n");
    }

    #[test]
    fn a_page_is_known_from_one_that_somebody_wrote() {
        assert!(is_ours(&index(&[])));
        assert!(!is_ours("# Modules\n"));
    }
}
