//! Names that are taken.

use super::Hearing;
use crate::diagnostic::{Problem, codes};
use crate::preflight::{NameKind, Named, Taken};

pub(super) fn judge(hearing: &mut Hearing<'_>) {
    for named in &hearing.needs.names {
        let Some(answer) = hearing.answers.names.get(&(named.kind, named.name.clone())) else {
            continue;
        };
        match hearing.hear(answer) {
            None | Some(Taken::Free) => {}
            Some(Taken::Elsewhere) => {
                let Named { name, .. } = named;
                let problem = Problem::error(
                    codes::NAME_TAKEN,
                    format!("there is a bucket {name} already, and it is not to be seen from here"),
                )
                .note(
                    "names of buckets are unique in the world: it belongs to another account, or hides from this role",
                )
                .hint("give it another name, or none: CloudFormation then makes one up that is free");
                hearing.find(&named.place, "", problem);
            }
            Some(Taken::Here) => here(hearing, named),
        }
    }
}

fn here(hearing: &mut Hearing<'_>, named: &Named) {
    let Named { kind, name, place } = named;
    let what = match kind {
        NameKind::Bucket => "a bucket",
        NameKind::Role => "a role",
        NameKind::InstanceProfile => "an instance profile",
        NameKind::Repository => "a repository",
        NameKind::Cluster => "a cluster",
        NameKind::Table => "a table",
        NameKind::Endpoint => "an endpoint",
        NameKind::Notebook => "a notebook instance",
        NameKind::ModelGroup => "a model group",
    };
    let problem = Problem::error(codes::NAME_TAKEN, format!("there is {what} {name} already"));
    let problem = match hearing.answers.owners.get(name) {
        Some(owner) => problem
            .note(format!("it belongs to the CloudFormation stack {owner}"))
            .hint(format!("give it another name, or take it out of {owner} first")),
        None => problem
            .note(format!(
                "no CloudFormation stack in {} has it: it was made otherwise, or outlived its stack",
                hearing.needs.at.region
            ))
            .hint("give it another name, delete the one that is there,")
            .hint(format!(
                "or have CloudFormation take it over: `aws cloudformation create-change-set --change-set-type IMPORT` \
                 with {} ({})",
                place.logical_id, place.resource_type
            )),
    };
    hearing.find(place, "", problem);
}
