//! Values that the template decides by itself.

use core::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::super::super::{Node, NodeValue, intrinsic};
use super::super::Template;
use super::super::verdict::scalar_text;

/// The scalar that `node` certainly is: a literal, or a mapping's value under literal keys.
pub(super) fn text(template: &Template, node: &Node) -> Option<String> {
    match intrinsic::call(node) {
        None if super::super::is_unknown(node) => None,
        None => scalar_text(node),
        Some(("Fn::FindInMap", argument)) => match argument.items() {
            [map, top, second] => {
                let map = template.mappings.get(map.as_str()?)?;
                scalar_text(map.get(top.as_str()?)?.get(second.as_str()?)?)
            }
            _ => None,
        },
        Some(("Fn::GetAtt", argument)) => {
            let (target, attribute) = match (argument.as_str(), argument.items()) {
                (Some(text), _) => text.split_once('.')?,
                (None, [target, attribute]) => (target.as_str()?, attribute.as_str()?),
                _ => return None,
            };
            let vpc = template.resources.get(target)?;
            let is_vpc = vpc.get("Type")?.as_str() == Some("AWS::EC2::VPC") && attribute == "CidrBlock";
            // One step only: what a VPC's block is made of is no other attribute.
            let block = vpc.get("Properties")?.get("CidrBlock").filter(|_| is_vpc)?;
            match intrinsic::call(block) {
                None => scalar_text(block),
                Some(("Fn::FindInMap", _)) => text(template, block),
                Some(_) => None,
            }
        }
        Some(("Fn::Select", argument)) => match argument.items() {
            [index, list] => nth(template, text(template, index)?.trim().parse().ok()?, list),
            _ => None,
        },
        Some(_) => None,
    }
}

/// One of a literal list, or of the blocks that `Fn::Cidr` makes.
fn nth(template: &Template, index: usize, list: &Node) -> Option<String> {
    if let NodeValue::List(items) = &list.value {
        return text(template, items.get(index)?);
    }
    let ("Fn::Cidr", argument) = intrinsic::call(list)? else {
        return None;
    };
    let [block, count, bits @ ..] = argument.items() else {
        return None;
    };
    let block: Ipv4Net = text(template, block)?.parse().ok()?;
    let count: usize = text(template, count)?.trim().parse().ok()?;
    let bits: u8 = match bits {
        [] => 8,
        [bits, ..] => text(template, bits)?.trim().parse().ok()?,
    };
    let length = 32_u8.checked_sub(bits).filter(|length| *length >= block.prefix_len())?;
    let base = u32::from(block.network());
    let step = 1_u64.checked_shl(u32::from(bits))?;
    let address = u64::from(base).checked_add(step.checked_mul(u64::try_from(index).ok()?)?)?;
    let inside = index < count && address <= u64::from(u32::from(block.broadcast()));
    let address = Ipv4Addr::from(u32::try_from(address).ok()?);
    inside.then(|| format!("{address}/{length}"))
}
