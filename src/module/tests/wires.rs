//! References between stacks: drawn, chosen, refused.

use super::*;

#[test]
fn inputs_are_wired_to_the_only_stack_of_the_module_and_become_parameters() {
    // The application stands first in the file; it is still deployed second.
    let environment = rendered(&format!("{APP}{NET}"));
    assert_eq!(environment.stacks.keys().collect::<Vec<_>>(), ["network", "app"]);
    let app = &environment.stacks["app"];
    let wires: Vec<_> = app
        .parameters
        .iter()
        .map(|(name, from)| format!("{name}={}.{}/{}", from.stack, from.output, from.key))
        .collect();
    assert_eq!(
        wires,
        ["SubnetIds=network.subnet_ids/SubnetIds", "VpcId=network.vpc_id/VpcId"]
    );
    assert_eq!(app.depends_on.iter().collect::<Vec<_>>(), ["network"]);
    let document = json(app);
    assert_eq!(document["Parameters"]["VpcId"]["Type"], "String");
    assert_eq!(document["Parameters"]["SubnetIds"]["Type"], "CommaDelimitedList");
    assert_eq!(document["Resources"]["App"]["Properties"]["VpcId"]["Ref"], "VpcId");
    assert_eq!(
        document["Resources"]["App"]["Properties"]["Subnets"]["Ref"],
        "SubnetIds"
    );
    // The network makes no log group as it is configured, so the optional wire is not drawn.
    assert!(document["Resources"]["App"]["Properties"].get("LogGroup").is_none());
}

#[test]
fn an_output_that_depends_on_an_input_exists_only_with_it() {
    let environment = rendered(&format!("{NET}flow_logs = true\n{APP}"));
    assert_eq!(environment.stacks["network"].outputs["log_group"], "LogGroup");
    assert_eq!(environment.stacks["app"].parameters["LogGroup"].output, "log_group");
    assert!(!rendered(NET).stacks["network"].outputs.contains_key("log_group"));
    let told = the_only(&net_and_app("log_group = \"${network.log_group}\"\n"));
    assert_eq!(
        told,
        "MLI0216 6:13 `network` does not make `log_group` as it is configured | set `flow_logs` of `network`, or take \
         another output"
    );
}

#[test]
fn explicit_wires_choose_and_lists_can_be_put_together() {
    let stacks = "[stacks.a]\nmodule = \"net\"\ncidr = \"10.0.0.0/16\"\n[stacks.b]\nmodule = \"net\"\ncidr = \
                  \"10.1.0.0/16\"\n[stacks.app]\nmodule = \"app\"\nvpc_id = \"${b.vpc_id}\"\nsubnet_ids = [\"subnet-1\", \
                  \"${a.vpc_id}\"]\n";
    let app = rendered(stacks).stacks["app"].clone();
    assert_eq!(app.parameters["VpcId"].stack, "b");
    assert_eq!(app.parameters["SubnetIds1"].stack, "a");
    let subnets = &json(&app)["Resources"]["App"]["Properties"]["Subnets"];
    assert_eq!(*subnets, serde_json::json!(["subnet-1", {"Ref": "SubnetIds1"}]));
    assert_eq!(app.depends_on.iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn two_candidates_for_a_wire_are_both_named() {
    let other = NET.replace("network", "other");
    let problems = refused(&format!("{NET}{other}{APP}"));
    let told = told(Problems(problems.clone()));
    assert_eq!(
        told,
        [
            "MLI0213 7:9 `vpc_id` and `subnet_ids` of `app` could come from `network` or `other` | to take `network`: \
          vpc_id = \"${network.vpc_id}\"  subnet_ids = \"${network.subnet_ids}\" | to take `other`: vpc_id = \
          \"${other.vpc_id}\"  subnet_ids = \"${other.subnet_ids}\""
        ]
    );
    assert_eq!(problems[0].labels.len(), 3);
}

#[test]
fn a_wire_without_a_provider_says_which_module_is_missing() {
    assert_eq!(
        the_only(APP),
        "MLI0214 1:9 `vpc_id` and `subnet_ids` of `app` come from a stack of module `net`, and there is none | add one:  \
         [stacks.net]  module = \"net\" | or give the values here: vpc_id = \"...\"  subnet_ids = [\"...\"]"
    );
}

#[test]
fn wrong_references_are_refused_where_they_stand_with_the_nearest_name() {
    for (app, expected) in [
        (
            "vpc_id = \"${netwrk.vpc_id}\"\n",
            "MLI0210 6:10 there is no stack `netwrk` | did you mean `network`?",
        ),
        (
            "vpc_id = \"${network.vpcid}\"\n",
            "MLI0211 6:10 the stack `network` (module `net`) has no output `vpcid` | did you mean `vpc_id`?",
        ),
        (
            "vpc_id = \"${network.VpcId}\"\n",
            "MLI0211 6:10 the stack `network` (module `net`) has no output `VpcId` | did you mean `vpc_id`?",
        ),
        (
            "vpc_id = \"${network.subnet_ids}\"\n",
            "MLI0212 6:10 this place takes one value, network.subnet_ids is a list | outputs of `network` that are one \
             value: `vpc_id`, `log_group`",
        ),
        (
            "subnet_ids = \"${network.vpc_id}\"\n",
            "MLI0212 6:14 `subnet_ids` takes a list, network.vpc_id is one string | put it in brackets: \
             [\"${network.vpc_id}\"]",
        ),
        (
            "vpc_id = \"x-${network.vpc_id}\"\n",
            "MLI0209 6:10 `${network.vpc_id}` stands in the middle of a string | a reference is the whole string: \
             \"${network.vpc_id}\"",
        ),
        (
            "vpc_id = \"${network}\"\n",
            "MLI0209 6:10 `${network}` is not ${STACK.OUTPUT} | a reference is the whole string: \"${network.vpc_id}\"",
        ),
        (
            "groups = \"${network.vpc_id}\"\n",
            "MLI0212 6:10 `groups` cannot come from another stack: outputs are strings or lists of them",
        ),
    ] {
        assert_eq!(the_only(&net_and_app(app)), expected);
    }
}

#[test]
fn variables_of_cloudformation_and_iam_are_no_references() {
    rendered(&net_and_app("vpc_id = \"x-${aws:username}\"\n"));
}

#[test]
fn cycles_are_named_with_the_whole_path() {
    let a = "[stacks.a]\nmodule = \"app\"\nvpc_id = \"${b.name}\"\nsubnet_ids = []\n";
    let b = "[stacks.b]\nmodule = \"app\"\nvpc_id = \"${a.name}\"\nsubnet_ids = []\n";
    let problems = refused(&format!("{a}{b}"));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(problems[0].message, "stacks need each other in a cycle: a -> b -> a");
    let labels: Vec<_> = problems[0].labels.iter().map(|label| label.text.as_str()).collect();
    assert_eq!(labels, ["`vpc_id` of `a` needs b.name", "`vpc_id` of `b` needs a.name"]);
    assert!(the_only(&a.replace("${b.", "${a.")).contains("the stack `a` needs its own output"));
}

#[test]
fn one_mistake_is_one_message() {
    // The misspelt module is the one that everything else needs.
    let told = the_only(&format!("{}{APP}", NET.replace("\"net\"", "\"nett\"")));
    assert_eq!(told, "MLI0203 2:10 there is no module `nett` | did you mean `net`?");
    // The misspelt input is the one that is required.
    let told = the_only(&NET.replace("cidr", "cdir"));
    assert!(
        told.starts_with("MLI0204 3:1 the module `net` has no input `cdir` | did you mean `cidr`?"),
        "{told}"
    );
    // The misspelt input would make the output that another stack takes.
    let told = the_only(&format!(
        "{NET}flow_log = true\n{APP}log_group = \"${{network.log_group}}\"\n"
    ));
    assert!(
        told.starts_with("MLI0204 4:1 the module `net` has no input `flow_log`"),
        "{told}"
    );
    // The misspelt key of a record is the one that is required.
    let told = the_only(&net_and_app("groups.gpu = { sise = 1 }\n"));
    assert_eq!(
        told,
        "MLI0204 6:16 `groups.gpu` has no key `sise` | did you mean `size`?"
    );
}
