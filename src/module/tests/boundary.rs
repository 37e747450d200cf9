//! The environment's permissions boundary, on the roles of every stack.

use serde_json::Value;

use super::super::{Catalogue, RenderedEnvironment, render};
use crate::spec;

const POLICY: &str = "arn:aws:iam::111122223333:policy/shop-dev-access-boundary";

fn shop(environment: &str) -> RenderedEnvironment {
    let text = format!(
        "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n{environment}\n\
         [stacks.network]\nmodule = \"vpc\"\n[stacks.storage]\nmodule = \"s3\"\n[stacks.images]\nmodule = \"ecr\"\nrepositories = [\"scorer\"]\n\
         [stacks.cluster]\nmodule = \"eks\"\n[stacks.ml]\nmodule = \"sagemaker\"\n[stacks.tasks]\nmodule = \"ecs\"\n\
         task_roles = {{ scorer = {{}} }}\n\
         [stacks.access]\nmodule = \"access\"\nrepository = \"acme/shop\"\napply_environment = \"dev\"\nrequire_boundary = true\n"
    );
    let environment = spec::load("dev", &mut |_| Ok(text.clone())).unwrap_or_else(|found| panic!("{found:#?}"));
    let catalogue = Catalogue::built_in();
    let (rendered, _) = render(&environment, &catalogue).unwrap_or_else(|found| panic!("{found:#?}"));
    rendered
}

/// Stack, logical id and boundary of every role.
fn roles(rendered: &RenderedEnvironment) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (name, stack) in &rendered.stacks {
        let template: Value = serde_json::from_str(&stack.template).unwrap();
        for (id, resource) in template["Resources"].as_object().unwrap() {
            if resource["Type"] == "AWS::IAM::Role" {
                found.push((
                    name.clone(),
                    id.clone(),
                    resource["Properties"]["PermissionsBoundary"].clone(),
                ));
            }
        }
    }
    found
}

#[test]
fn every_role_of_the_built_in_modules_carries_it_and_those_of_access_their_own() {
    let with = shop(&format!("permissions_boundary = \"{POLICY}\""));
    let found = roles(&with);
    let stacks: std::collections::BTreeSet<&str> = found.iter().map(|(stack, ..)| stack.as_str()).collect();
    assert!(
        ["access", "cluster", "ml", "tasks"]
            .iter()
            .all(|stack| stacks.contains(stack)),
        "{stacks:?}"
    );
    for (stack, role, boundary) in &found {
        if stack == "access" {
            assert_eq!(boundary["Ref"], "Boundary", "{role}");
        } else {
            assert_eq!(boundary, POLICY, "{stack}.{role}");
        }
    }
    // Made after the policy, and deleted before it; what has no roles need not wait.
    for (name, stack) in &with.stacks {
        let has_roles = found.iter().any(|(other, ..)| other == name) && name != "access";
        assert_eq!(stack.depends_on.contains("access"), has_roles, "{name}");
    }
}

#[test]
fn without_it_and_with_a_policy_that_nobody_here_makes_no_stack_waits_for_another() {
    let none = shop("");
    assert!(
        roles(&none)
            .iter()
            .all(|(stack, _, boundary)| boundary.is_null() || stack == "access")
    );
    let other = shop("permissions_boundary = \"arn:aws:iam::aws:policy/PowerUserAccess\"");
    for rendered in [none, other] {
        assert!(
            rendered
                .stacks
                .values()
                .all(|stack| !stack.depends_on.contains("access"))
        );
    }
}

fn told(environment: &str, access: &str) -> Vec<String> {
    let text = format!(
        "[project]\nname = \"shop\"\n[environment]\naccount = \"111122223333\"\nregion = \"us-east-1\"\n{environment}\n\
         [stacks.access]\nmodule = \"access\"\nrepository = \"acme/shop\"\napply_environment = \"dev\"\n{access}\n"
    );
    let environment = spec::load("dev", &mut |_| Ok(text.clone())).unwrap();
    let problems = match render(&environment, &Catalogue::built_in()) {
        Ok((_, problems)) | Err(problems) => problems,
    };
    problems
        .0
        .into_iter()
        .map(|problem| format!("{} | {}", problem.message, problem.hints.join(" | ")))
        .collect()
}

#[test]
fn a_boundary_that_nobody_makes_and_one_that_is_demanded_and_not_given_are_told() {
    let wrong = POLICY.replace("access", "acces");
    assert_eq!(
        told(&format!("permissions_boundary = \"{wrong}\""), ""),
        [
            "no stack of this environment makes the policy `shop-dev-acces-boundary` | the module `access` makes `shop-dev-access-boundary`"
        ]
    );
    assert_eq!(
        told("", "require_boundary = true"),
        [format!(
            "the apply role may make only roles with a boundary, and they have none | add to [environment]: permissions_boundary = \"{POLICY}\""
        )]
    );
    assert!(
        told(
            &format!("permissions_boundary = \"{POLICY}\""),
            "require_boundary = true"
        )
        .is_empty()
    );
    // One of the organisation's is somebody else's to make.
    assert!(
        told(
            "permissions_boundary = \"arn:aws:iam::111122223333:policy/acme-guard\"",
            ""
        )
        .is_empty()
    );
}
