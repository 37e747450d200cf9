//! `mlinfra fmt` in a project, as people, editors and jobs use it.

use std::io::Write;

use crate::project::Project;

const DEV: &str = "environments/dev.toml";
const MESS: &str = "[environment]\nregion='us-east-1'   # here\naccount = '111122223333'\n\n\n[project]\nname='x'";
const TIDY: &str = "[project]\nname = 'x'\n\n[environment]\naccount = '111122223333'\nregion  = 'us-east-1' # here\n";

#[test]
fn the_examples_the_modules_and_the_scaffold_are_written_as_the_formatter_writes() {
    let sources = env!("CARGO_MANIFEST_DIR");
    let project = Project::empty();
    project.mlinfra("init --name shop").exits(0);
    let folders = [
        "environments",
        "modules",
        "tests/external/project/environments",
        "tests/external/project/modules",
    ]
    .map(|folder| format!("{sources}/{folder}"))
    .join(" ");
    project
        .mlinfra(&format!(
            "fmt --check environments {folders} {sources}/templates/bootstrap.toml"
        ))
        .exits(0);
}

#[test]
fn changed_files_are_named_and_written_and_the_others_left_alone() {
    let project = Project::small();
    project.write("environments/b.toml", MESS);
    project.write("policy/own.toml", "a=1\n");
    let before = std::fs::metadata(project.path(DEV)).unwrap().modified().unwrap();
    let outcome = project.mlinfra("fmt").exits(0);
    insta::assert_snapshot!(outcome, @"
    environments/b.toml
    policy/own.toml
    [exit 0]
    ");
    assert_eq!(project.read("environments/b.toml"), TIDY);
    assert_eq!(
        std::fs::metadata(project.path(DEV)).unwrap().modified().unwrap(),
        before
    );
    insta::assert_snapshot!(project.mlinfra("fmt"), @"[exit 0]");
}

#[test]
fn a_check_shows_what_would_change_and_changes_nothing() {
    let project = Project::empty();
    project.write(DEV, MESS);
    insta::assert_snapshot!(project.mlinfra("fmt dev --check"), @r"
    --- environments/dev.toml
    +++ environments/dev.toml (formatted)
    @@ -1,7 +1,6 @@
    +[project]
    +name = 'x'
    +
     [environment]
    -region='us-east-1'   # here
     account = '111122223333'
    -
    -
    -[project]
    -name='x'
    \ No newline at end of file
    +region  = 'us-east-1' # here
    error[MLI1020]: 1 file is not formatted
     |
     = help: `mlinfra fmt dev` formats; only looks change, never what a file means

    mlinfra explain MLI1020   says more
    [exit 1]
    ");
    assert_eq!(project.read(DEV), MESS);
    project
        .mlinfra("fmt --diff")
        .exits(0)
        .says("+[project]")
        .never_says("MLI");
    assert_eq!(project.read(DEV), MESS);
}

#[test]
fn for_machines_it_is_one_document() {
    let project = Project::empty();
    project.write(DEV, MESS);
    let checked = project.mlinfra("fmt --check --format json").exits(1).json();
    assert_eq!(checked["type"], "formatted");
    assert_eq!(checked["written"], false);
    assert_eq!(checked["files"][0]["line"], 1);
    assert!(checked["files"][0]["diff"].as_str().unwrap().contains("+region  = "));
    assert_eq!(checked["problems"][0]["code"], "MLI1020");
    let written = project.mlinfra("fmt --format json").exits(0).json();
    assert_eq!(written["written"], true);
    assert_eq!(written["files"][0]["path"], DEV);
    assert_eq!(written["files"][0]["changed"], true);
    assert!(written["files"][0]["diff"].is_null());
}

#[test]
fn a_broken_file_is_told_and_left_alone_and_the_others_are_formatted() {
    let project = Project::empty();
    project.write("environments/a.toml", MESS);
    project.write("environments/b.toml", "[tags\nx = 1\n");
    project
        .mlinfra("fmt")
        .exits(1)
        .says("MLI0002")
        .says("environments/b.toml:1")
        .says("environments/a.toml\n");
    assert_eq!(project.read("environments/a.toml"), TIDY);
    assert_eq!(project.read("environments/b.toml"), "[tags\nx = 1\n");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let project = Project::empty();
    let run = |arguments: &str, text: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mlinfra"));
        let mut child = command
            .args(arguments.split(' '))
            .current_dir(project.path("."))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    };
    assert_eq!(run("fmt -", MESS), (TIDY.to_owned(), 0));
    assert_eq!(
        run("fmt -", "[inputs.a]\ndoc='d'\ntype='string'\n[module]\nname='m'\n").0,
        "[module]\nname = 'm'\n\n[inputs.a]\ntype = 'string'\ndoc  = 'd'\n",
        "a contract is known by its content"
    );
    assert_eq!(run("fmt -", "[x\n"), (String::new(), 1), "an editor keeps its text");
    assert_eq!(run("fmt - --check", TIDY), (String::new(), 0));
    assert_eq!(run("fmt - --check", MESS).1, 1);
    project.mlinfra("fmt - dev").exits(64).says("MLI1021");
}

#[test]
fn arguments_are_files_folders_or_environments() {
    let project = Project::example();
    for (argument, says) in [
        ("dve", "did you mean `dev`?"),
        ("missing.toml", "cannot read missing.toml: it does not exist"),
        ("README.md", "MLI1022"),
    ] {
        project.mlinfra(&format!("fmt {argument}")).exits(1).says(says);
    }
    project.write("elsewhere/a.toml", MESS);
    project.write("elsewhere/.hidden.toml", MESS);
    project
        .mlinfra("fmt elsewhere dev ./environments/dev.toml")
        .exits(0)
        .says("elsewhere/a.toml")
        .never_says("hidden")
        .never_says("dev");
}
