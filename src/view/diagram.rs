//! The resources of a module as a Mermaid flowchart ("Flowcharts - Basic Syntax", mermaid.js.org).
//!
//! A template has dozens of resources, most of them repeated for each zone or port. What a reader can take in are kinds:
//! resources of one type whose ids differ in numbers alone are one box, and while there are too many boxes those of the
//! type with the most become one. An arrow that two others already say is left out.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{ModuleReport, ReferenceReport, ResourceReport, WireReport};

/// The most boxes that resources take.
const MOST_BOXES: usize = 18;

/// The flowchart; without resources, only its first line.
pub fn flowchart(module: &ModuleReport) -> String {
    drawn(&module.resources, &module.references, &module.wires)
}

/// The flowchart of these resources, of what refers to what and of what comes from other modules.
pub fn drawn(resources: &[ResourceReport], references: &[ReferenceReport], wires: &[WireReport]) -> String {
    let boxes = boxes(resources);
    let index: BTreeMap<&str, usize> = boxes
        .iter()
        .enumerate()
        .flat_map(|(at, one)| one.ids.iter().map(move |id| (*id, at)))
        .collect();
    let mut arrows: BTreeSet<(usize, usize)> = references
        .iter()
        .filter_map(|reference| Some((*index.get(reference.from.as_str())?, *index.get(reference.to.as_str())?)))
        .filter(|(from, to)| from != to)
        .collect();
    reduce(&mut arrows);
    let mut text = "flowchart LR\n".to_owned();
    for (at, one) in boxes.iter().enumerate() {
        text.push_str(&format!("  r{at}[\"{}\"]\n", quoted(&one.label())));
    }
    // One box for each module that gives something, with all that it gives.
    let mut given: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<usize>)> = BTreeMap::new();
    for wire in wires {
        let (outputs, users) = given.entry(&wire.module).or_default();
        outputs.insert(&wire.output);
        users.extend(index.get(wire.resource.as_str()));
    }
    for (at, (module, (outputs, _))) in given.iter().enumerate() {
        let outputs: Vec<String> = outputs.iter().map(|output| quoted(output)).collect();
        text.push_str(&format!(
            "  w{at}([\"{}<br/>{}\"]):::wire\n",
            quoted(module),
            outputs.join("<br/>")
        ));
    }
    for (from, to) in &arrows {
        text.push_str(&format!("  r{from} --> r{to}\n"));
    }
    for (at, (_, users)) in given.values().enumerate() {
        for user in users {
            text.push_str(&format!("  r{user} -.-> w{at}\n"));
        }
    }
    if !given.is_empty() {
        text.push_str("  classDef wire stroke-dasharray: 5 5\n");
    }
    text
}

/// Resources that are drawn as one.
#[derive(Debug)]
struct Shape<'a> {
    ty: &'a str,
    /// What their ids have in common; none once different ones were put together.
    stem: Option<&'a str>,
    ids: Vec<&'a str>,
}

impl Shape<'_> {
    fn label(&self) -> String {
        let kind = short(self.ty);
        let count = match self.ids.len() {
            1 => String::new(),
            many => format!(" ×{many}"),
        };
        // `VPC` called `Vpc` says it twice.
        let last = kind.rsplit(' ').next().unwrap_or_default();
        match self.stem.filter(|stem| !stem.eq_ignore_ascii_case(last)) {
            Some(stem) => format!("{kind}{count}<br/>{stem}"),
            None => format!("{kind}{count}"),
        }
    }
}

/// `EC2 Subnet` for `AWS::EC2::Subnet`.
pub fn short(ty: &str) -> String {
    ty.strip_prefix("AWS::").unwrap_or(ty).replace("::", " ")
}

fn boxes(resources: &[ResourceReport]) -> Vec<Shape<'_>> {
    let mut boxes: Vec<Shape<'_>> = Vec::new();
    for resource in resources {
        let stem = resource.id.trim_end_matches(|c: char| c.is_ascii_digit());
        let stem = if stem.is_empty() { resource.id.as_str() } else { stem };
        match boxes
            .iter_mut()
            .find(|known| known.ty == resource.ty && known.stem == Some(stem))
        {
            Some(known) => known.ids.push(&resource.id),
            None => boxes.push(Shape {
                ty: &resource.ty,
                stem: Some(stem),
                ids: vec![&resource.id],
            }),
        }
    }
    while boxes.len() > MOST_BOXES && merge_most(&mut boxes) {}
    boxes
}

/// Puts the boxes of the type that has the most together, into the place of the first; false if each type has but one.
fn merge_most(boxes: &mut Vec<Shape<'_>>) -> bool {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for one in boxes.iter() {
        match counts.iter_mut().find(|(ty, _)| *ty == one.ty) {
            Some((_, count)) => *count += 1,
            None => counts.push((one.ty, 1)),
        }
    }
    // The first of several with the same number: `max_by_key` gives the last.
    let Some(&(ty, _)) = counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .filter(|(_, count)| *count > 1)
    else {
        return false;
    };
    let ids: Vec<&str> = boxes
        .iter()
        .filter(|one| one.ty == ty)
        .flat_map(|one| one.ids.iter().copied())
        .collect();
    let mut first = true;
    boxes.retain_mut(|one| {
        if one.ty != ty {
            return true;
        }
        let keep = first;
        if keep {
            one.stem = None;
            one.ids.clone_from(&ids);
        }
        first = false;
        keep
    });
    true
}

/// Takes out every arrow whose end is reached without it.
fn reduce(arrows: &mut BTreeSet<(usize, usize)>) {
    for arrow in arrows.clone() {
        arrows.remove(&arrow);
        if !reaches(arrows, arrow.0, arrow.1) {
            arrows.insert(arrow);
        }
    }
}

fn reaches(arrows: &BTreeSet<(usize, usize)>, from: usize, to: usize) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for &(_, next) in arrows.range((at, 0)..=(at, usize::MAX)) {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

/// Text between quotation marks, where Mermaid reads entities and nothing else ("Entity codes to escape characters").
/// The line breaks of labels stay.
fn quoted(text: &str) -> String {
    text.replace('#', "#35;")
        .replace('"', "#quot;")
        .replace(['\n', '\r'], " ")
        .replace('`', "#96;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(id: &str, ty: &str) -> ResourceReport {
        ResourceReport {
            id: id.to_owned(),
            ty: ty.to_owned(),
        }
    }

    fn reference((from, to): (&str, &str)) -> ReferenceReport {
        ReferenceReport {
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    #[test]
    fn what_differs_in_numbers_alone_is_one_box() {
        let subnets = ["PublicSubnet1", "PublicSubnet2", "PrivateSubnet1"].map(|id| resource(id, "AWS::EC2::Subnet"));
        let resources = [vec![resource("Vpc", "AWS::EC2::VPC")], subnets.to_vec()].concat();
        let references = [
            ("PublicSubnet1", "Vpc"),
            ("PublicSubnet2", "Vpc"),
            ("PrivateSubnet1", "Vpc"),
        ]
        .map(reference);
        insta::assert_snapshot!(drawn(&resources, &references, &[]), @r#"
        flowchart LR
          r0["EC2 VPC"]
          r1["EC2 Subnet ×2<br/>PublicSubnet"]
          r2["EC2 Subnet<br/>PrivateSubnet"]
          r1 --> r0
          r2 --> r0
        "#);
    }

    #[test]
    fn an_arrow_that_two_others_say_is_left_out() {
        let mut arrows = BTreeSet::from([(0, 1), (1, 2), (0, 2)]);
        reduce(&mut arrows);
        assert_eq!(arrows, BTreeSet::from([(0, 1), (1, 2)]));
        // Of two that only go round in a circle none can be spared.
        let mut circle = BTreeSet::from([(0, 1), (1, 0)]);
        reduce(&mut circle);
        assert_eq!(circle.len(), 2);
    }

    #[test]
    fn too_many_boxes_become_one_for_each_type() {
        let rules: Vec<ResourceReport> = (b'A'..=b'Z')
            .map(|letter| resource(&format!("Rule{}", char::from(letter)), "AWS::EC2::NetworkAclEntry"))
            .collect();
        let resources = [rules, vec![resource("Role", "AWS::IAM::Role")]].concat();
        insta::assert_snapshot!(drawn(&resources, &[], &[]), @r#"
        flowchart LR
          r0["EC2 NetworkAclEntry ×26"]
          r1["IAM Role"]
        "#);
    }

    #[test]
    fn what_comes_from_other_modules_is_dashed() {
        let wires = ["vpc_id", "private_subnet_ids"].map(|output| WireReport {
            resource: "Cluster".to_owned(),
            module: "vpc".to_owned(),
            output: output.to_owned(),
        });
        let resources = [resource("Cluster", "AWS::EKS::Cluster")];
        insta::assert_snapshot!(drawn(&resources, &[], &wires), @r#"
        flowchart LR
          r0["EKS Cluster"]
          w0(["vpc<br/>private_subnet_ids<br/>vpc_id"]):::wire
          r0 -.-> w0
          classDef wire stroke-dasharray: 5 5
        "#);
    }

    #[test]
    fn nothing_ends_a_label_early() {
        assert_eq!(quoted("a \"b\" #1 `c`"), "a #quot;b#quot; #35;1 #96;c#96;");
    }
}
