//! The JSON Schemas: the committed ones are those that this program makes, and editors find them.
//! What they accept and refuse is checked with a validator that is not ours, in `tests/external/schemas.py`.

use std::path::Path;

use crate::project::Project;

#[test]
fn the_committed_schemas_are_those_of_this_version() {
    // In an empty folder: the modules that are built in, and no project's stacks.
    let project = Project::empty();
    for kind in ["environment", "module"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{kind}.json"));
        let made = project.mlinfra(&format!("schema {kind}")).exits(0).stdout;
        if std::env::var_os("MLINFRA_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == made,
            "docs/schemas/{kind}.json is out of date; MLINFRA_BLESS=1 cargo test --test runner schemas writes it"
        );
    }
}

#[test]
fn a_new_project_has_a_schema_that_its_files_name_and_that_the_loader_does_not_mind() {
    let project = Project::empty();
    project
        .mlinfra("init --name shop")
        .exits(0)
        .says("environments/.schema.json");
    for file in ["common", "dev", "test", "prod"] {
        let text = project.read(&format!("environments/{file}.toml"));
        assert!(text.starts_with("#:schema .schema.json\n\n"), "{file}: {text}");
    }
    project.mlinfra("validate").exits(0).never_says("schema");
    project
        .mlinfra("schema environment --out environments/.schema.json --check")
        .exits(0);
    let schema: serde_json::Value = serde_json::from_str(&project.read("environments/.schema.json")).unwrap();
    assert_eq!(
        schema["properties"]["stacks"]["properties"]["network"]["$ref"],
        "#/definitions/vpc"
    );
}

#[test]
fn a_module_of_the_project_is_in_its_schema_and_a_schema_without_it_is_stale() {
    let project = Project::small();
    let schema = project.mlinfra("schema environment").exits(0).json();
    assert_eq!(
        schema["definitions"]["store"]["properties"]["comment"]["type"],
        "string"
    );
    project
        .mlinfra("schema environment --out made/s.json")
        .exits(0)
        .says("Wrote made/s.json");
    project
        .mlinfra("schema environment --out made/s.json")
        .exits(0)
        .never_says("Wrote");
    project.edit("modules/store.toml", "Text kept in a parameter", "Some text");
    project
        .mlinfra("schema environment --out made/s.json --check")
        .exits(1)
        .says("MLI1023")
        .says("mlinfra schema environment --out made/s.json");
    project.mlinfra("schema environment --check").exits(64);
}
