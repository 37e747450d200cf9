//! Writing modules: what `mlinfra module` scaffolds, copies, shows and documents.

use crate::project::Project;

/// A project with one environment that uses the module `uses`.
fn project(uses: &str) -> Project {
    let project = Project::empty();
    project.write(
        "environments/dev.toml",
        format!(
            "[project]\nname = \"shop\"\n\n[environment]\naccount = \"111122223333\"\nregion  = \"us-east-1\"\n\n\
             [stacks.one]\nmodule = \"{uses}\"\n"
        ),
    );
    project
}

#[test]
fn a_new_module_passes_every_check_at_once() {
    let project = project("queue");
    insta::assert_snapshot!(project.mlinfra("module new queue"), @r#"
    Wrote 5 files:
      modules/queue.toml
      templates/cloudformation/queue.yaml
      modules/queue.test.toml
      docs/modules/queue.md
      docs/modules/README.md

    It works as it is: a queue. Change contract, template and tests into what you need.

    Next:
      mlinfra module test queue
      [stacks.queue] with module = "queue" in an environment file uses it
      mlinfra module docs
    [exit 0]
    "#);
    project.mlinfra("module test queue").exits(0);
    project.mlinfra("validate --strict").exits(0);
    project.mlinfra("fmt --check").exits(0);
    project.mlinfra("module docs --check").exits(0);
    project.mlinfra("render dev --out out").exits(0);
    project.mlinfra("lint out/one.json").exits(0);
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project.mlinfra("module docs").exits(0);
    project.mlinfra("module docs --check").exits(0);
}

#[test]
fn a_new_module_has_the_name_and_the_summary_that_it_was_given() {
    let project = project("feature-store");
    let mut command = project.command([
        "module",
        "new",
        "feature-store",
        "--summary",
        r#"Features, "online" \ offline"#,
    ]);
    command.stdin(std::process::Stdio::null());
    project.outcome(command).exits(0);
    let shown = project
        .mlinfra("module show feature-store --format json")
        .exits(0)
        .json();
    assert_eq!(shown["summary"], r#"Features, "online" \ offline"#);
    project.mlinfra("module test feature-store").exits(0);
    project.mlinfra("fmt --check").exits(0);
}

#[test]
fn nothing_that_exists_is_overwritten_by_a_new_module() {
    let project = project("queue");
    project.write("templates/cloudformation/queue.yaml", "mine");
    insta::assert_snapshot!(project.mlinfra("module new queue"), @r#"
    error[MLI1009]: templates/cloudformation/queue.yaml exists already
     |
     = note: nothing was written
     = help: take another name, or delete what is there

    mlinfra explain MLI1009   says more
    [exit 1]
    "#);
    assert_eq!(project.read("templates/cloudformation/queue.yaml"), "mine");
    assert!(!project.path("modules/queue.toml").exists());
}

#[test]
fn a_new_module_needs_a_name_of_its_own_and_a_project() {
    let project = project("vpc");
    insta::assert_snapshot!(project.mlinfra("module new vpc"), @r#"
    error[MLI1009]: the module `vpc` is built in
     |
     = note: nothing was written; a module of the same name would take its place in every environment
     = help: to change the built-in one:  mlinfra module eject vpc
     = help: for one of your own, take another name

    mlinfra explain MLI1009   says more
    [exit 1]
    "#);
    project.mlinfra("module new Queue").exits(64).says("lower-case letters");
    Project::empty().mlinfra("module new queue").exits(1).says("no project");
}

#[test]
fn an_ejected_module_renders_exactly_the_same() {
    let project = Project::example();
    let list = project.mlinfra("module list --format json").exits(0).json();
    let before: Vec<String> = ["dev", "test", "prod"]
        .map(|name| project.mlinfra(&format!("render {name}")).exits(0).stdout)
        .into();
    for module in list["modules"].as_array().unwrap() {
        let name = module["name"].as_str().unwrap();
        assert_eq!(module["kind"], "built-in");
        project.mlinfra(&format!("module eject {name}")).exits(0);
        // Again changes nothing.
        project.mlinfra(&format!("module eject {name}")).exits(0);
        let shown = project
            .mlinfra(&format!("module show {name} --format json"))
            .exits(0)
            .json();
        assert_eq!(shown["kind"], "overrides", "{name}");
    }
    let after: Vec<String> = ["dev", "test", "prod"]
        .map(|name| project.mlinfra(&format!("render {name}")).exits(0).stdout)
        .into();
    assert_eq!(before, after);
    project.mlinfra("fmt --check").exits(0);
}

#[test]
fn an_ejected_module_says_what_that_means() {
    insta::assert_snapshot!(project("ecr").mlinfra("module eject ecr"), @r#"
    Wrote 3 files:
      modules/ecr.toml
      templates/cloudformation/ecr.yaml
      modules/ecr.test.toml

    From now on these files count in this project, and new versions of mlinfra do not change them.
    Nothing is rendered differently until you edit them.
    To go back to the built-in module:  rm modules/ecr.toml templates/cloudformation/ecr.yaml modules/ecr.test.toml

    Next:
      mlinfra validate
      mlinfra module test ecr
    [exit 0]
    "#);
}

#[test]
fn what_was_changed_is_not_ejected_over() {
    let project = project("ecr");
    project.mlinfra("module eject ecr --template").exits(0);
    assert!(!project.path("modules/ecr.toml").exists());
    project.edit("templates/cloudformation/ecr.yaml", "Image repositories", "Images");
    insta::assert_snapshot!(project.mlinfra("module eject ecr"), @r#"
    error[MLI1009]: templates/cloudformation/ecr.yaml exists already and is different
     |
     = note: nothing was written
     = help: it overrides the built-in one already; to start from that anew, move it elsewhere first

    mlinfra explain MLI1009   says more
    [exit 1]
    "#);
    assert!(
        !project.path("modules/ecr.toml").exists(),
        "nothing is written beside it"
    );
    project.mlinfra("module eject erc").exits(1).says("did you mean `ecr`?");
    project.mlinfra("module new queue").exits(0);
    project.mlinfra("module eject queue").exits(1).says("not built in");
}

#[test]
fn the_list_tells_own_modules_from_those_that_override() {
    let project = project("queue");
    project.mlinfra("module new queue").exits(0);
    project.mlinfra("module eject ecr --template").exits(0);
    let list = project.mlinfra("module list").exits(0);
    let line = |name: &str| {
        let found = list.stdout.lines().find(|line| line.starts_with(name)).unwrap();
        found.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(line("queue"), "own");
    assert_eq!(line("ecr"), "overrides");
    assert_eq!(line("vpc"), "built-in");
}

#[test]
fn a_module_is_shown_with_all_that_it_makes() {
    let project = project("queue");
    project.mlinfra("module new queue").exits(0);
    insta::assert_snapshot!(project.mlinfra("module show queue"), @r#"
    queue: A queue of jobs between those who ask for them and those who do them

    Jobs wait in a queue. One that fails again and again is put aside, where somebody can look at it.

    This is an example that works: replace it by what the module is to make.

    Inputs
      visibility_seconds integer, 1 to 43200, default 60
          How long a worker has for a job before another one gets it.
      retention_days integer, 1 to 14, default 4
          After how many days a job that nobody took is dropped.
      order string, one of "any", "arrival", default "any"
          Whether jobs are taken in any order, which is cheaper, or in the order of their arrival.
      kms_key_arn arn, from s3.kms_key_arn, if there is one
          The key that encrypts jobs; if absent, SQS's own.

    Outputs
      queue_url string
          Where jobs are sent and taken.
      queue_arn string
          The queue's ARN, for permissions.
      failed_queue_name string
          The name of the queue of jobs that failed too often, for alarms.

    Resources: 2, for the case `a-job-that-fails-again-and-again-is-put-aside` of its tests
      AWS::SQS::Queue ×2
          Queue, FailedQueue

    Outlive the stack where `[environment] protect` is true
          Queue (SQS Queue), FailedQueue (SQS Queue)

    Price
      Request for each million requests, by order
          Every job is sent, taken and deleted: three requests; those of ordered queues cost more.
    [exit 0]
    "#);
    insta::assert_snapshot!(project.mlinfra("module show queue --diagram"), @r#"
    flowchart LR
      r0["SQS Queue"]
      r1["SQS Queue<br/>FailedQueue"]
      r0 --> r1
    [exit 0]
    "#);
}

#[test]
fn every_built_in_module_has_a_page_whose_example_is_valid() {
    let project = project("ecr");
    let list = project.mlinfra("module list --format json").exits(0).json();
    for module in list["modules"].as_array().unwrap() {
        let name = module["name"].as_str().unwrap();
        let shown = project
            .mlinfra(&format!("module show {name} --format json"))
            .exits(0)
            .json();
        let configuration = &shown["configuration"];
        assert_eq!(
            configuration["problems"].as_array().unwrap().len(),
            0,
            "{name}: {configuration}"
        );
        assert!(!shown["resources"].as_array().unwrap().is_empty(), "{name}");
        assert!(
            shown["diagram"].as_str().unwrap().starts_with("flowchart LR\n  r0["),
            "{name}"
        );
        project.write(
            "environments/page.toml",
            format!(
                "[project]\nname = \"shop\"\n\n[environment]\naccount = \"111122223333\"\nregion  = \"us-east-1\"\n\n{}",
                configuration["toml"].as_str().unwrap()
            ),
        );
        project.mlinfra("validate page").exits(0);
        project.mlinfra("fmt page --check").exits(0);
    }
}

#[test]
fn a_module_that_renders_to_nothing_is_shown_with_the_reason() {
    let project = project("queue");
    project.mlinfra("module new queue").exits(0);
    std::fs::remove_file(project.path("modules/queue.test.toml")).unwrap();
    project.edit(
        "templates/cloudformation/queue.yaml",
        "AWS::SQS::Queue",
        "AWS::SQS::Queu",
    );
    project
        .mlinfra("module show queue")
        .exits(0)
        .says("cannot be rendered")
        .says("AWS::SQS::Queu");
    project
        .mlinfra("module show queue --diagram")
        .exits(1)
        .says("AWS::SQS::Queu")
        .never_says("flowchart");
    project
        .mlinfra("module show queue --markdown")
        .exits(0)
        .never_says("no IAM resource");
}

#[test]
fn pages_that_mlinfra_did_not_write_are_left_alone() {
    let project = project("queue");
    project.mlinfra("module new queue").exits(0);
    project.write("docs/modules/README.md", "# Ours\n");
    insta::assert_snapshot!(project.mlinfra("module docs"), @r#"
    error[MLI1009]: docs/modules/README.md was not written by mlinfra
     |
     = note: nothing was written
     = help: move it elsewhere, or delete it

    mlinfra explain MLI1009   says more
    [exit 1]
    "#);
    assert_eq!(project.read("docs/modules/README.md"), "# Ours\n");
}

#[test]
fn a_page_goes_out_of_date_with_its_module() {
    let project = project("queue");
    project.mlinfra("module new queue").exits(0);
    project.mlinfra("module docs").exits(0);
    project.edit("modules/queue.toml", "How long a worker has", "How long one has");
    insta::assert_snapshot!(project.mlinfra("module docs --check"), @r#"
    error[MLI1024]: docs/modules/queue.md is not what its module says now
     |
     = help: write it anew:  mlinfra module docs

    mlinfra explain MLI1024   says more
    [exit 1]
    "#);
    insta::assert_snapshot!(project.mlinfra("module docs"), @r#"
    Wrote 1 page:
      docs/modules/queue.md
    [exit 0]
    "#);
    assert!(project.read("docs/modules/queue.md").contains("How long one has"));
}
