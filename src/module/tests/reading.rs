//! `file("user-data/x.sh")`: texts that lie beside the templates.

use super::*;

const SCRIPT: &str = "#!/bin/bash\nset -e\necho \"${HOME}\"\t\\ é {{ no template }}\n";

fn with_line(line: &str) -> Vec<(&'static str, String)> {
    let template = APP_TEMPLATE.replace("      Subnets: {{ subnet_ids }}\n", &format!("      A: {line}\n"));
    vec![
        ("templates/cloudformation/app.yaml", template),
        ("templates/user-data/setup.sh", SCRIPT.to_owned()),
        ("templates/user-data/ansible/site.yml", "- hosts: all\n".to_owned()),
    ]
}

fn property(line: &str) -> serde_json::Value {
    let changes = with_line(line);
    let changes: Vec<_> = changes.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let environment = rendered_with(&changes, &net_and_app("")).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    json(&environment.stacks["app"])["Resources"]["App"]["Properties"]["A"].clone()
}

fn refused(line: &str) -> Problem {
    let changes = with_line(line);
    let changes: Vec<_> = changes.iter().map(|(path, text)| (*path, text.as_str())).collect();
    the_only_with(&changes, &net_and_app(""))
}

#[test]
fn a_file_comes_out_as_it_is() {
    assert_eq!(property("{{ file(\"user-data/setup.sh\") }}"), SCRIPT);
    assert_eq!(
        property("{{ file(\"user-data/\" ~ \"ansible/site.yml\") }}"),
        "- hosts: all\n"
    );
    assert_eq!(
        property("{\"Fn::Base64\": {{ sub(file(\"user-data/setup.sh\"), HOME=label) }}}"),
        serde_json::json!({"Fn::Base64": {"Fn::Sub": [SCRIPT, {"HOME": "app"}]}})
    );
}

#[test]
fn a_file_that_is_not_there_is_told_where_it_is_asked_for() {
    let problem = refused("{{ file(\"user-data/set-up.sh\") }}");
    assert_eq!(problem.code, codes::TEMPLATE_FILE);
    assert_eq!(
        told(Problems(vec![problem])),
        [
            "MLI0310 templates/cloudformation/app.yaml:10:13 `app`: there is no file templates/user-data/set-up.sh | did you \
             mean `user-data/setup.sh`? | a file of this project goes to templates/user-data/set-up.sh"
        ]
    );
    assert_eq!(
        refused("{{ file(\"user-data/site.yml\") }}").hints[0],
        "did you mean `user-data/ansible/site.yml`?"
    );
}

#[test]
fn nothing_outside_of_the_folder_is_read() {
    for path in [
        "setup.sh",
        "/etc/passwd",
        "../user-data/setup.sh",
        "user-data/../cloudformation/app.yaml",
        "user-data/./setup.sh",
        "user-data//setup.sh",
        "user-data\\\\setup.sh",
        "cloudformation/app.yaml",
        "user-data/",
        "",
    ] {
        let problem = refused(&format!("{{{{ file(\"{path}\") }}}}"));
        assert_eq!(problem.code, codes::TEMPLATE_FILE, "{path}");
        assert!(
            problem.message.starts_with("`app`: `file` does not read"),
            "{path}: {}",
            problem.message
        );
    }
    assert_eq!(
        refused("{{ file(\"setup.sh\") }}").hints,
        ["write: file(\"user-data/setup.sh\")"]
    );
}

#[test]
fn files_of_tests_are_no_contracts() {
    let catalogue = Catalogue::with_overrides(files(&[("modules/app.test.toml", "[cases]\n")])).unwrap();
    assert!(catalogue.get("app.test").is_none());
    assert_eq!(
        catalogue.test_file("app").map(|source| source.text.as_str()),
        Some("[cases]\n")
    );
    assert!(catalogue.test_file("net").is_none());
}
