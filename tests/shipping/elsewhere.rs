//! Shipping to ECS and SageMaker, training, and from one platform to another.

use super::*;

fn elsewhere(stack: &str, workload: &str) -> Project {
    let project = empty();
    let common = ENVIRONMENT.split("[stacks.cluster]").next().unwrap();
    project.write(
        "environments/dev.toml",
        format!("{common}{stack}\n[workloads.scorer]\n{workload}"),
    );
    project
}

/// Pushes the image of the layout alone: its digest in the registry, where a platform may want another form of it.
fn pushed(project: &Project, content: &str) -> String {
    layout(&project.path("build/scorer"), content, "amd64");
    let printed = project
        .mlinfra("ship dev scorer --sandbox --yes --image-only")
        .exits(0)
        .stdout;
    printed.trim().rsplit_once('@').unwrap().1.to_owned()
}

/// `lines` is the command that shows what the version printed that failed.
fn ships_updates_fails_and_goes_back(project: &Project, fails: &str, lines: &str) {
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    let one = pushed(project, "one");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("runs as asked");
    serves(project, &one);
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("Nothing to ship");
    let two = pushed(project, "two");
    project.write(
        "faults.toml",
        format!("[[fault]]\nworkload = \"scorer\"\nfails = \"{fails}\"\nimage = \"{two}\"\n"),
    );
    let mut command = project.command("ship dev --sandbox --yes".split(' '));
    command.env("MLINFRA_SANDBOX_FAULTS", project.path("faults.toml"));
    let failed = project.outcome(command).exits(7).says("what ran before");
    // The summary names what runs.
    let summary = failed
        .stdout
        .lines()
        .chain(failed.stderr.lines())
        .find(|line| line.contains("runs again"));
    assert!(summary.unwrap().contains(one.get(7..19).unwrap()), "{failed}");
    failed.says(lines);
    serves(project, &one);
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    serves(project, &two);
    project
        .mlinfra("rollback dev scorer --sandbox --yes")
        .exits(0)
        .says("The files say what they said: mlinfra ship dev");
    serves(project, &one);
    project
        .mlinfra("plan dev --sandbox --destroy")
        .exits(0)
        .says("What was shipped is taken away first: scorer from");
    project
        .mlinfra("destroy dev --sandbox --yes --empty-buckets")
        .exits(0)
        .says("What was shipped is taken away first: scorer from")
        .says("scorer: taken away");
}

#[test]
fn on_ecs_a_service_is_shipped_updated_put_back_and_taken_away() {
    let project = elsewhere(
        "[stacks.tasks]\nmodule = \"ecs\"\n",
        "kind = \"api\"\non = \"tasks\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\n",
    );
    ships_updates_fails_and_goes_back(&project, "crash", "logs dev scorer --previous");
}

#[test]
fn on_sagemaker_an_update_that_aws_rolls_back_silently_is_a_failure() {
    let project = elsewhere(
        "[stacks.ml]\nmodule = \"sagemaker\"\n",
        "kind = \"api\"\non = \"ml\"\ninstance_type = \"ml.m6i.large\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\n",
    );
    ships_updates_fails_and_goes_back(&project, "silent-rollback", "logs dev scorer --sandbox");
}

#[test]
fn a_training_job_makes_a_version_of_the_registry_and_ship_takes_it() {
    let project = elsewhere(
        "[stacks.ml]\nmodule = \"sagemaker\"\nmodel_groups = [\"scorer\"]\n\n[training.churn]\non = \"ml\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\ninstance_type = \"ml.m6i.xlarge\"\nchannels = { train = { key = \"churn/train/\" } }\nregister = { group = \"scorer\", approve = true }\n",
        "kind = \"api\"\non = \"ml\"\ninstance_type = \"ml.m6i.large\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\nmodel = { group = \"scorer\" }\n",
    );
    layout(&project.path("build/scorer"), "one", "amd64");
    project
        .mlinfra("train dev churn --sandbox --yes")
        .exits(1)
        .says("MLI1530");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(1)
        .says("has no versions");
    project
        .mlinfra("train dev chrn --sandbox --yes")
        .exits(1)
        .says("did you mean `churn`?");
    let trained = project
        .mlinfra("train dev churn --sandbox --yes")
        .exits(0)
        .says("version 1 of shop-dev-ml-scorer, approved");
    // The same run again follows the same job, and makes no second version.
    let run = trained
        .stderr
        .split("--run ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    project
        .mlinfra(&format!("train dev churn --sandbox --yes --run {run}"))
        .exits(0)
        .says("is there already: following it")
        .says("version 1 of");
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    assert_eq!(of(&project, "scorer")["serving"]["model"]["version"], "1");
}

#[test]
fn a_workload_that_moves_to_another_stack_leaves_the_one_that_it_was_on() {
    let (project, _) = applied();
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    let tasks = "[stacks.tasks]\nmodule = \"ecs\"\n\n[workloads.scorer]";
    project.edit("environments/dev.toml", "[workloads.scorer]", tasks);
    project.edit("environments/dev.toml", "on    = \"cluster\"", "on    = \"tasks\"");
    project
        .mlinfra("plan dev --sandbox --ship")
        .exits(0)
        .says("not deployed yet");
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("scorer: taken away from cluster");
    assert_eq!(of(&project, "scorer")["stack"], "tasks");
    project
        .mlinfra("rollback dev scorer --sandbox --yes")
        .exits(1)
        .says("`scorer` ran on `cluster` before");
    project.edit("environments/dev.toml", "on    = \"tasks\"", "on    = \"cluster\"");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("+ Deployment default/scorer")
        .says("scorer: taken away from tasks");
}

#[test]
fn a_service_that_runs_and_cannot_be_scaled_is_what_serves_and_is_a_failure_all_the_same() {
    let project = elsewhere(
        "[stacks.tasks]\nmodule = \"ecs\"\n",
        "kind = \"api\"\non = \"tasks\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\n\
         autoscaling = { min = 1, max = 3, target_requests = 20 }\n",
    );
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    let one = pushed(&project, "one");
    project
        .mlinfra("ship dev --sandbox --plan")
        .exits(0)
        .says("+ scorer (api on tasks)")
        .says("+ Scaling service/shop-dev-tasks/scorer")
        .says("MaxCapacity: (none) -> 3");
    project.write(
        "faults.toml",
        "[[fault]]\nservice = \"application-autoscaling\"\naction = \"PutScalingPolicy\"\nerror = { code = \"AccessDeniedException\", message = \"no\" }\n",
    );
    let mut command = project.command("ship dev --sandbox --yes".split(' '));
    command.env("MLINFRA_SANDBOX_FAULTS", project.path("faults.toml"));
    let outcome = project.outcome(command).exits(7);
    outcome.says("does not follow the load").never_says("put back");
    serves(&project, &one);
    assert_eq!(last_operation(&project)["result"], "failed");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("scorer is scaled between 1 and 3");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("Nothing to ship");
    project.mlinfra("destroy dev --sandbox --yes --empty-buckets").exits(0);
    let left = project.mlinfra("sandbox list --format json").exits(0).stdout;
    assert!(!left.contains("scalable-target"), "{left}");
}

#[test]
fn a_workload_that_moves_between_two_stacks_of_sagemaker_keeps_its_endpoint() {
    let project = elsewhere(
        "[stacks.ml]\nmodule = \"sagemaker\"\n[stacks.other]\nmodule = \"sagemaker\"\n",
        "kind = \"api\"\non = \"ml\"\ninstance_type = \"ml.m6i.large\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\n",
    );
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    let one = pushed(&project, "one");
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    serves(&project, &one);
    project.edit("environments/dev.toml", "on = \"ml\"", "on = \"other\"");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .never_says("taken away");
    serves(&project, &one);
}

#[test]
fn a_batch_that_ended_well_is_said_to_have() {
    let project = elsewhere(
        "[stacks.tasks]\nmodule = \"ecs\"\n",
        "kind = \"batch\"\non = \"tasks\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\n",
    );
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    pushed(&project, "one");
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    project
        .mlinfra("workloads dev --sandbox")
        .exits(0)
        .says("ended well")
        .never_says("0 of 0");
    // A simulated day later AWS has forgotten the task, and what was recorded has not.
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", "1000000");
    project.mlinfra("status dev --sandbox").exits(0);
    project.mlinfra("status dev --sandbox").exits(0);
    let project = project.with("MLINFRA_SANDBOX_TIME_SCALE", QUICK);
    project
        .mlinfra("workloads dev --sandbox")
        .exits(0)
        .says("ended well")
        .never_says("does not run");
}

#[test]
fn what_the_clock_starts_moves_with_its_workload_and_is_not_forgotten_where_it_was() {
    let stack = |name: &str| format!("[stacks.{name}]\nmodule = \"ecs\"\nload_balancer = false\nschedules = true\n");
    let batch = "kind = \"batch\"\non = \"tasks\"\nimage = { layout = \"build/scorer\", repository = \"scorer\" }\nschedule = \"15 2 * * *\"\n";
    let project = elsewhere(&format!("{}{}", stack("tasks"), stack("more")), batch);
    let file = project.read("environments/dev.toml");
    project.write("environments/dev.toml", file.replace("schedule = ", "# schedule = "));
    project.mlinfra("apply dev --sandbox --yes").exits(0);
    layout(&project.path("build/scorer"), "one", "amd64");
    project.mlinfra("ship dev --sandbox --yes").exits(0);
    project.mlinfra("workloads dev --sandbox").exits(0).says("ended well");
    project.write("environments/dev.toml", file);
    project
        .mlinfra("workloads dev --sandbox")
        .exits(0)
        .says("not on schedule");
    project
        .mlinfra("ship dev --sandbox --plan")
        .exits(0)
        .says("ScheduleExpression: (none) -> cron(15 2 * * ? *)")
        .says("even while the one before still runs");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("runs cron(15 2 * * ? *) Etc/UTC");
    project.mlinfra("workloads dev --sandbox").exits(0).says("on schedule");

    let file = project.read("environments/dev.toml");
    project.write("environments/dev.toml", file.replace("on = \"tasks\"", "on = \"more\""));
    project.write(
        "faults.toml",
        "[[fault]]\nservice = \"scheduler\"\naction = \"DeleteSchedule\"\nerror = { code = \"AccessDeniedException\", message = \"no\" }\n",
    );
    let mut command = project.command("ship dev --sandbox --yes".split(' '));
    command.env("MLINFRA_SANDBOX_FAULTS", project.path("faults.toml"));
    project
        .outcome(command)
        .exits(7)
        .says("cannot be taken away from tasks");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("scorer: taken away from tasks");
    project
        .mlinfra("ship dev --sandbox --yes")
        .exits(0)
        .says("Nothing to ship");
    project.mlinfra("workloads dev --sandbox").exits(0).says("on schedule");

    // What is in use is not taken away by a line of the stack.
    let file = project.read("environments/dev.toml");
    let (others, last) = file.split_once("[stacks.more]").unwrap();
    let off = format!(
        "{others}[stacks.more]{}",
        last.replace("schedules = true", "schedules = false")
    );
    project.write("environments/dev.toml", off);
    for verb in ["plan", "apply"] {
        project
            .mlinfra(&format!("{verb} dev --sandbox"))
            .exits(1)
            .says("makes nothing that could start it");
    }
}
