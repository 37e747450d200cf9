//! `module list` and `module show`.

use indexmap::IndexMap;

use crate::view::diagram::short;
use crate::view::markdown::by_type;
use crate::view::report::{FetchReport, InputReport, ModuleKind, ModuleList, ModulePages, ModuleReport, ModuleWritten};
use crate::view::text::{ADD, CHANGE, COMMAND, DIM, NAME, columns, count, list, paint, table, wrap};

/// Each module with its kind and, within `width`, its summary.
pub fn modules(modules: &ModuleList, width: usize) -> String {
    let names = modules.modules.iter().map(|module| columns(&module.name));
    let names = names.max().unwrap_or(0);
    // Below a name and a kind that leave no room, words still stand side by side.
    let room = width.saturating_sub(names + KINDS + 4).max(20);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for module in &modules.modules {
        let kind = match module.kind {
            ModuleKind::BuiltIn => paint(DIM, "built-in"),
            ModuleKind::Fetched => paint(CHANGE, "fetched"),
            ModuleKind::Own => paint(CHANGE, "own"),
            ModuleKind::Overrides => paint(CHANGE, "overrides"),
        };
        let mut lines = wrap(&module.summary, room).into_iter();
        rows.push(vec![paint(NAME, &module.name), kind, lines.next().unwrap_or_default()]);
        rows.extend(lines.map(|line| vec![String::new(), String::new(), line]));
    }
    table(&rows)
}

/// How wide the longest name of a kind is.
const KINDS: usize = "overrides".len();

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
        text.push_str(&format!("\n{} was written: commit it", paint(NAME, "mlinfra.lock")));
    }
    text
}

/// A contract as a reference page.
pub fn module(module: &ModuleReport, width: usize) -> String {
    let mut text = format!("{}: {}\n", paint(NAME, &module.name), module.summary);
    if !module.doc.trim().is_empty() {
        text.push('\n');
        for line in wrap(&bold(&paragraphs(&module.doc)), width) {
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
        let line = format!("{} {}{when}", paint(NAME, name), paint(DIM, &output.kind));
        text.push_str(&heading(&line, width));
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
        let unit = paint(DIM, format!("for each {}{inputs}", price.unit));
        text.push_str(&heading(&format!("{} {unit}", paint(NAME, &price.item)), width));
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
            let without = if input.from_optional && !input.gathers {
                ", if there is one"
            } else {
                ""
            };
            facts.push(format!("{how} {}{without}", list(&input.from)));
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
        let line = format!("{}{required} {}", paint(NAME, name), paint(DIM, facts.join(", ")));
        text.push_str(&heading(&line, width));
        text.push_str(&indented(&input.doc, width));
    }
    text
}

/// A line above a text: where it goes on, it is indented less than the text.
fn heading(line: &str, width: usize) -> String {
    let lines = wrap(line, width.saturating_sub(4));
    format!("  {}\n", lines.join("\n    "))
}

/// What stands between pairs of asterisks, bold and without them.
fn bold(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("**") {
        shown.push_str(before);
        rest = match after.split_once("**") {
            Some((inside, behind)) if !inside.is_empty() && inside.trim() == inside => {
                shown.push_str(&paint(NAME, inside));
                behind
            }
            _ => {
                shown.push_str("**");
                after
            }
        };
    }
    shown + rest
}

fn indented(doc: &str, width: usize) -> String {
    wrap(&bold(&paragraphs(doc)), width.saturating_sub(6))
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
    use super::{bold, heading, modules, paragraphs};
    use crate::view::report::{ModuleKind, ModuleLine, ModuleList};

    #[test]
    fn emphasis_is_shown_and_not_spelled() {
        assert_eq!(
            anstream::adapter::strip_str(&bold("**Isolated subnets** lie apart. 2 ** 3 is 8")).to_string(),
            "Isolated subnets lie apart. 2 ** 3 is 8"
        );
    }

    #[test]
    fn a_list_and_its_headings_stay_within_the_width() {
        let line = |name: &str, kind| ModuleLine {
            name: name.into(),
            summary: "A network with public and private subnets, gateways and endpoints in several zones".into(),
            own: kind == ModuleKind::Overrides,
            kind,
        };
        let list = ModuleList {
            modules: vec![
                line("ec2-workbench", ModuleKind::BuiltIn),
                line("vpc", ModuleKind::Overrides),
            ],
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&modules(&list, 60)), @r"
        ec2-workbench  built-in   A network with public and private
                                  subnets, gateways and endpoints in
                                  several zones
        vpc            overrides  A network with public and private
                                  subnets, gateways and endpoints in
                                  several zones
        ");
        assert_eq!(
            heading("cidr string, from a.b and c.d", 20),
            "  cidr string,\n    from a.b and c.d\n"
        );
    }

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
