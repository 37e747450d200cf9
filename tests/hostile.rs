//! Inputs that are meant to exhaust whoever reads them: refused with a message, before or soon after reading begins.
//! None of these tests measures time or memory; each would not come back, or die, if its bound were missing.

use crate::project::Project;

const ENVIRONMENT: &str = "environments/dev.toml";
const TEMPLATE: &str = "templates/cloudformation/store.yaml";

/// A file of a tebibyte, all of it a hole: to read it would take hours.
fn endless(project: &Project, path: &str) {
    let file = std::fs::File::create(project.path(path)).unwrap();
    file.set_len(1 << 40).unwrap();
}

#[test]
fn files_of_any_size_are_refused_by_their_size() {
    for path in [ENVIRONMENT, "modules/store.toml", TEMPLATE] {
        let project = Project::small();
        endless(&project, path);
        project
            .mlinfra("validate")
            .exits(1)
            .says("MLI0004")
            .says(path)
            .says("1099511627776 bytes");
    }
    let project = Project::small();
    endless(&project, "saved.plan");
    project
        .mlinfra("apply saved.plan --sandbox --yes")
        .exits(1)
        .says("1099511627776 bytes");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_in_the_place_of_a_file_is_refused() {
    let project = Project::small();
    std::fs::remove_file(project.path(ENVIRONMENT)).unwrap();
    std::os::unix::fs::symlink("/dev/zero", project.path(ENVIRONMENT)).unwrap();
    project
        .mlinfra("validate")
        .exits(1)
        .says("MLI0005")
        .says(ENVIRONMENT)
        .says("device");
}

#[test]
fn a_folder_of_too_many_files_is_refused() {
    let project = Project::small();
    for number in 0..1_001 {
        std::fs::write(project.path(&format!("modules/m{number}.toml")), "").unwrap();
    }
    project.mlinfra("validate").exits(1).says("MLI0006").says("modules/");
}

#[test]
fn deep_nesting_is_refused_in_every_form() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    for text in [
        format!("x = {}", deep("[", "]")),
        format!("x = {}", deep("{ a = ", " }")),
        format!("{} = 1", deep("a.", "")),
        format!("[{}]", deep("a.", "")),
    ] {
        let project = Project::small();
        std::fs::write(project.path(ENVIRONMENT), text).unwrap();
        project.mlinfra("validate").exits(1).says("MLI0002").says("recur");
    }
    for text in [
        format!("a: {}", deep("[", "]")),
        format!("a: {}", deep("{a: ", "}")),
        format!("a:\n  {}", deep("- ", "")),
        format!("a:\n  {}", deep("? ", "")),
        (0..400).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        format!("{{\"a\": {}}}", deep("[", "]")),
        format!("{{\"a\": {}}}", deep("{\"a\": ", "}")),
    ] {
        let project = Project::small();
        std::fs::write(project.path(TEMPLATE), &text).unwrap();
        let run = project.mlinfra("validate").exits(1);
        assert!(
            run.to_string().contains("MLI0402") || run.to_string().contains("MLI0003"),
            "{text:.40}\n{}",
            run
        );
    }
    for expression in [
        "not ".repeat(10_000) + "1",
        "(".repeat(10_000),
        "1".to_owned() + &"|upper".repeat(10_000),
    ] {
        let project = Project::small();
        std::fs::write(project.path(TEMPLATE), format!("a: {{{{ {expression} }}}}\n")).unwrap();
        let run = project.mlinfra("validate").exits(1);
        assert!(
            run.to_string().contains("MLI0309") || run.to_string().contains("MLI0003"),
            "{}",
            run.to_string()
        );
    }
}

#[test]
fn aliases_that_explode_are_never_followed() {
    let laughs: String = (1..40)
        .map(|level| format!("a{level}: &a{level} [{}]\n", format!("*a{},", level - 1).repeat(10)))
        .collect();
    let project = Project::small();
    std::fs::write(project.path(TEMPLATE), "a0: &a0 lol\n".to_owned() + &laughs).unwrap();
    let run = project.mlinfra("validate").exits(1);
    assert!(
        run.to_string().contains("MLI0405") || run.to_string().contains("MLI0003"),
        "{}",
        run.to_string()
    );
}

#[test]
fn templates_that_never_end_or_double_are_stopped() {
    for text in [
        "{% for i in range(1000000000) %}\na: 1\n{% endfor %}\n".to_owned(),
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}\n".to_owned(),
        "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}\na: {{ m('ab') }}\n".to_owned(),
        format!(
            "{{% set x = 'abcdefgh' %}}\n{}a: {{{{ x }}}}\n",
            "{% set x = x ~ x %}\n".repeat(60)
        ),
        format!(
            "{{% for i in range(99999) %}}\n# {}\n{{% endfor %}}\n",
            "x".repeat(50_000)
        ),
        "a: {{ 'x' * 99999999 }}\n".to_owned(),
    ] {
        let project = Project::small();
        std::fs::write(project.path(TEMPLATE), &text).unwrap();
        project.mlinfra("validate").exits(1).says("MLI0309").says(TEMPLATE);
    }
}

#[test]
fn a_long_chain_of_files_that_extend_each_other_is_refused() {
    let project = Project::small();
    for number in 0..200 {
        let text = format!("extends = \"b{}.toml\"\n", number + 1);
        std::fs::write(project.path(&format!("environments/b{number}.toml")), text).unwrap();
    }
    std::fs::write(project.path("environments/b200.toml"), "").unwrap();
    std::fs::write(project.path("environments/long.toml"), "extends = \"b0.toml\"\n").unwrap();
    project
        .mlinfra("validate long")
        .exits(1)
        .says("MLI0007")
        .says("environments/b30.toml:1:11");
}

#[test]
fn a_flood_of_problems_is_told_in_part() {
    let project = Project::small();
    let keys: String = (0..5_000).map(|number| format!("key{number} = 1\n")).collect();
    std::fs::write(project.path(ENVIRONMENT), keys).unwrap();
    let run = project.mlinfra("validate").exits(1).says("more, not shown");
    assert!(run.to_string().matches("MLI0104").count() <= 100);
    let run = project.mlinfra("validate --format json").exits(1).says("\"omitted\":");
    assert!(run.to_string().matches("MLI0104").count() <= 1_000);
}

#[test]
fn of_a_long_line_only_the_place_is_shown() {
    let project = Project::small();
    let line = format!("x = {{ a = \"{}\", b = 1 }}\n", "x".repeat(200_000));
    std::fs::write(project.path(ENVIRONMENT), line).unwrap();
    let run = project.mlinfra("validate").exits(1).says("environments/dev.toml:1:1");
    assert!(run.to_string().len() < 4_000, "{}", run.to_string().len());
}

#[test]
fn patterns_that_blow_up_are_refused() {
    let project = Project::small();
    let input =
        "\n[inputs.bomb]\ntype = \"string\"\ndoc = \"d\"\noptional = true\npattern = '((a{1000}){1000}){1000}'\n";
    let contract = std::fs::read_to_string(project.path("modules/store.toml")).unwrap();
    std::fs::write(project.path("modules/store.toml"), contract + input).unwrap();
    project.mlinfra("validate").exits(1).says("MLI0201").says("pattern");
}

#[cfg(target_os = "linux")]
#[test]
fn the_formatter_opens_no_pipe_and_leaves_a_large_file_alone() {
    let project = Project::small();
    let pipe = project.path("environments/pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    project.mlinfra("fmt --check").exits(1).says("MLI0005");
    std::fs::remove_file(pipe).unwrap();
    let large = std::fs::File::create(project.path("environments/large.toml")).unwrap();
    large.set_len(1 << 40).unwrap();
    project.mlinfra("fmt --check").exits(1).says("MLI0004");
}
