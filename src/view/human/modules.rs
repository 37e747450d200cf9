//! `module list` and `module show`.

use indexmap::IndexMap;

use crate::view::diagram::short;
use crate::view::markdown::by_type;
use crate::view::report::{FetchReport, InputReport, ModuleKind, ModuleList, ModulePages, ModuleReport, ModuleWritten};
use crate::view::text::{ADD, CHANGE, COMMAND, DIM, NAME, count, list, paint, table, wrap};

/// One line a module.
pub fn modules(modules: &ModuleList) -> String {
    let rows: Vec<Vec<String>> = modules
        .modules
        .iter()
        .map(|module| {
            let kind = match module.kind {
                ModuleKind::BuiltIn => paint(DIM, "built-in"),
                ModuleKind::Fetched => paint(CHANGE, "fetched"),
                ModuleKind::Own => paint(CHANGE, "own"),
                ModuleKind::Overrides => paint(CHANGE, "overrides the built-in one"),
            };
            vec![paint(NAME, &module.name), module.summary.clone(), kind]
        })
        .collect();
    table(&rows)
}

/// What was fetched, one line a module, and what to do with the lock file.
pub fn fetched(report: &FetchReport) -> String {
    if report.modules.is_empty() {
        return "No environment fetches a module.".to_owned();
    }
    let rows: Vec<Vec<String>> = report
        .modules
        .iter()
        .map(|module| {
            let what = if module.fetched {
                paint(ADD, "fetched")
            } else {
                paint(DIM, "here already")
            };
            let digest: String = module.digest.chars().take("sha256:".len() + 12).collect();
            vec![
                paint(NAME, &module.name),
                what,
                module.source.clone(),
                paint(DIM, digest),
            ]
        })
        .collect();
    let mut text = table(&rows);
    if report.lock_changed {
        text.push_str(&format!("\n\n{} was written: commit it", paint(NAME, "mlinfra.lock")));
    }
    text
}

/// A contract as a reference page.
pub fn module(module: &ModuleReport, width: usize) -> String {
    let mut text = format!("{}: {}\n", paint(NAME, &module.name), module.summary);
    if !module.doc.trim().is_empty() {
        text.push('\n');
        for line in wrap(&paragraphs(&module.doc), width) {
            text.push_str(&format!("{line}\n"));
        }
    }
    text.push_str(&section("Inputs", &module.inputs, width));
    for (name, fields) in &module.types {
        text.push_str(&section(&format!("Fields of {name}"), fields, width));
    }
    if !module.outputs.is_empty() {
        text.push_str("\nOutputs\n");
    }
    for (name, output) in &module.outputs {
        let when = output
            .when
            .as_deref()
            .map(|input| format!(", only with {input}"))
            .unwrap_or_default();
        text.push_str(&format!("  {} {}{when}\n", paint(NAME, name), paint(DIM, &output.kind)));
        text.push_str(&indented(&output.doc, width));
    }
    text.push_str(&takers(module));
    text.push_str(&resources(module, width));
    text.push_str(&price(module, width));
    text
}

/// What was written, what it means and what to type next.
pub fn written(written: &ModuleWritten) -> String {
    let mut text = format!("Wrote {}:\n", count(written.files.len(), "file"));
    for file in &written.files {
        text.push_str(&format!("  {file}\n"));
    }
    text.push('\n');
    for note in &written.notes {
        text.push_str(&format!("{note}\n"));
    }
    text.push_str("\nNext:\n");
    for line in &written.next {
        text.push_str(&format!("  {}\n", paint(COMMAND, line)));
    }
    text
}

/// Which pages were written.
pub fn pages(pages: &ModulePages) -> String {
    let stale: Vec<&str> = pages
        .pages
        .iter()
        .filter(|page| page.stale)
        .map(|page| page.path.as_str())
        .collect();
    match (pages.pages.len(), stale.as_slice()) {
        (0, _) => "The project has no modules of its own".to_owned(),
        (all, []) => format!("{} {} up to date", paint(ADD, "✓"), count(all, "page")),
        (_, stale) => format!("Wrote {}:\n  {}\n", count(stale.len(), "page"), stale.join("\n  ")),
    }
}

fn takers(module: &ModuleReport) -> String {
    if module.taken_by.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = module
        .taken_by
        .iter()
        .map(|taker| {
            vec![
                format!("  {}", paint(NAME, &taker.output)),
                format!("to {}.{}", taker.module, taker.input),
            ]
        })
        .collect();
    format!("\nTaken by other modules\n{}", table(&rows))
}

fn resources(module: &ModuleReport, width: usize) -> String {
    let shown = match &module.configuration.case {
        Some(case) => format!("the case `{case}` of its tests"),
        None => "the least that it needs".to_owned(),
    };
    if !module.configuration.problems.is_empty() {
        let mut text = format!("\nResources: {shown} cannot be rendered\n");
        for problem in &module.configuration.problems {
            text.push_str(&indented(problem, width));
        }
        return text;
    }
    let mut text = format!("\nResources: {}, for {shown}\n", module.resources.len());
    for (ty, ids) in by_type(&module.resources) {
        text.push_str(&format!(
            "  {} {}\n",
            paint(NAME, ty),
            paint(DIM, format!("×{}", ids.len()))
        ));
        text.push_str(&indented(&ids.join(", "), width));
    }
    if !module.kept.is_empty() {
        let kept: Vec<String> = module
            .kept
            .iter()
            .map(|kept| format!("{} ({})", kept.id, short(&kept.ty)))
            .collect();
        text.push_str("\nOutlive the stack where `[environment] protect` is true\n");
        text.push_str(&indented(&kept.join(", "), width));
    }
    if !module.capabilities.is_empty() {
        text.push_str(&format!("\nCloudFormation asks for {}\n", list(&module.capabilities)));
    }
    text
}

fn price(module: &ModuleReport, width: usize) -> String {
    if module.price.is_empty() {
        return String::new();
    }
    let mut text = "\nPrice\n".to_owned();
    for price in &module.price {
        let inputs = match price.inputs.as_slice() {
            [] => String::new(),
            inputs => format!(", by {}", list(inputs)),
        };
        text.push_str(&format!(
            "  {} {}\n",
            paint(NAME, &price.item),
            paint(DIM, format!("for each {}{inputs}", price.unit))
        ));
        text.push_str(&indented(&price.doc, width));
    }
    text
}

fn section(title: &str, inputs: &IndexMap<String, InputReport>, width: usize) -> String {
    if inputs.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for (name, input) in inputs {
        let mut facts = vec![input.kind.clone()];
        if let Some(allowed) = &input.allowed {
            facts.push(allowed.clone());
        }
        if !input.from.is_empty() {
            let how = if input.gathers { "gathered from every" } else { "from" };
            facts.push(format!("{how} {}", list(&input.from)));
        }
        if let Some(default) = &input.default {
            facts.push(format!("default {default}"));
        }
        if input.secret {
            facts.push("secret: a reference only".to_owned());
        }
        let required = if input.required {
            paint(CHANGE, " required")
        } else {
            String::new()
        };
        text.push_str(&format!(
            "  {}{required} {}\n",
            paint(NAME, name),
            paint(DIM, facts.join(", "))
        ));
        text.push_str(&indented(&input.doc, width));
    }
    text
}

fn indented(doc: &str, width: usize) -> String {
    wrap(&paragraphs(doc), width.saturating_sub(6))
        .into_iter()
        .map(|line| format!("      {line}\n"))
        .collect()
}

/// One line a paragraph: the line breaks inside one are the author's editor's, not the reader's. Blank lines and the
/// items of lists stay.
fn paragraphs(doc: &str) -> String {
    let mut text = String::new();
    for line in doc.trim().lines().map(str::trim) {
        let begins = line.is_empty() || line.starts_with(['-', '*', '#', '|']);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(if begins { '\n' } else { ' ' });
        }
        text.push_str(line);
        if line.is_empty() {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::paragraphs;

    #[test]
    fn a_paragraph_flows_and_blank_lines_and_items_stay() {
        let doc = "One sentence\nover two lines.\n\nAnother:\n- first\n  goes on\n- second\n";
        assert_eq!(
            paragraphs(doc).lines().collect::<Vec<_>>(),
            [
                "One sentence over two lines.",
                "",
                "Another:",
                "- first goes on",
                "- second"
            ]
        );
    }
}
