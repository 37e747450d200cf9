//! The built-in modules and the example environments.

use super::*;

#[test]
fn every_built_in_module_is_read_without_a_problem() {
    let catalogue = Catalogue::built_in();
    assert!(catalogue.problems.is_empty(), "{:#?}", told(catalogue.problems));
}

/// The example environments, as a clone of the project has them.
fn example(name: &str) -> spec::Environment {
    let read = &mut |path: &str| {
        Ok(match path {
            "environments/common.toml" => {
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/common.toml"))
            }
            "environments/dev.toml" => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/dev.toml")),
            "environments/test.toml" => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/test.toml")),
            "environments/prod.toml" => include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/environments/prod.toml")),
            _ => return Err("no such file".to_owned()),
        }
        .to_owned())
    };
    spec::load(name, read).unwrap_or_else(|problems| panic!("{:#?}", told(problems)))
}

#[test]
fn every_example_environment_renders_with_no_problem_at_all() {
    for name in ["dev", "test", "prod"] {
        match render(&example(name), &Catalogue::built_in()) {
            Ok((rendered, warnings)) => {
                assert!(rendered.stacks.len() >= 5, "{name}");
                assert!(warnings.is_empty(), "{name}: {:#?}", told(warnings));
            }
            Err(problems) => panic!("{name}: {:#?}", told(problems)),
        }
    }
}
