//! Lists of other stacks whose templates say how long they are.

use super::*;

/// The application with these lines at the end of its properties and behind them.
fn with_lines<'a>(lines: &str, changes: &[(&'a str, &'a str)], stacks: &str) -> Result<RenderedEnvironment, Problems> {
    let template = APP_TEMPLATE.replace("      Subnets: {{ subnet_ids }}\n", lines);
    assert_ne!(template, APP_TEMPLATE);
    let changes: Vec<(&str, &str)> = [("templates/cloudformation/app.yaml", template.as_str())]
        .into_iter()
        .chain(changes.iter().copied())
        .collect();
    rendered_with(&changes, stacks)
}

fn properties(lines: &str, stacks: &str) -> serde_json::Value {
    let environment = with_lines(lines, &[], stacks).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    json(&environment.stacks["app"])["Resources"]["App"]["Properties"].clone()
}

#[test]
fn a_list_that_another_template_joins_can_be_looped_over() {
    let loops = "{% for id in subnet_ids %}\n  {{ \"Target\" ~ loop.index }}:\n    Type: Custom::Target\n    Properties:\n      \
                 ServiceToken: {{ id }}\n      Of: {{ loop.length }}\n{% endfor %}\n";
    let environment = with_lines(loops, &[], &net_and_app("")).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    let app = &environment.stacks["app"];
    let resources = &json(app)["Resources"];
    for index in 0..2 {
        let target = &resources[format!("Target{}", index + 1)]["Properties"];
        let selected = serde_json::json!({"Fn::Select": [index, {"Ref": "SubnetIds"}]});
        assert_eq!(*target, serde_json::json!({"ServiceToken": selected, "Of": 2}));
    }
    assert!(resources.get("Target3").is_none());
    assert_eq!(app.parameters["SubnetIds"].output, "subnet_ids");
    let three = with_lines(loops, &[], &format!("{NET}zones = 3\n{APP}")).unwrap();
    assert!(json(&three.stacks["app"])["Resources"].get("Target3").is_some());
}

#[test]
fn its_length_and_its_items_are_there_without_a_loop() {
    let found = properties(
        "      A: {{ subnet_ids|length }}\n      B: {{ subnet_ids[1] }}\n      C: {{ subnet_ids[-1] }}\n      D: {{ \
         subnet_ids|first }}\n      E: {{ subnet_ids[1:] }}\n      F: {{ subnet_ids }}\n      G: {{ select(1, subnet_ids) \
         }}\n      H: {{ join(\",\", subnet_ids) }}\n      I: {{ \"many\" if subnet_ids|length > 1 else \"one\" }}\n      \
         J: {{ sub(\"${id}/x\", id=subnet_ids[0]) }}\n      K: {{ \"two\" if 2 == subnet_ids|length else \"not\" }}\n      \
         L: {{ subnet_ids|unique|list|length }}\n{% set n = subnet_ids|count %}\n{% if n == 2 %}\n      M: {{ n }}\n{% \
         endif %}\n",
        &net_and_app(""),
    );
    let select = |index: usize| serde_json::json!({"Fn::Select": [index, {"Ref": "SubnetIds"}]});
    let expected = serde_json::json!({
        "ServiceToken": "app",
        "VpcId": {"Ref": "VpcId"},
        "A": 2,
        "B": select(1),
        "C": select(1),
        "D": select(0),
        "E": [select(1)],
        "F": {"Ref": "SubnetIds"},
        "G": select(1),
        "H": {"Fn::Join": [",", {"Ref": "SubnetIds"}]},
        "I": "many",
        "J": {"Fn::Sub": ["${id}/x", {"id": select(0)}]},
        "K": "two",
        "L": 2,
        "M": 2,
    });
    assert_eq!(found, expected);
}

#[test]
fn what_its_items_are_stays_unknown() {
    for line in [
        "      A: {{ subnet_ids[0] ~ \"-x\" }}\n",
        "      A: {{ subnet_ids[0]|upper }}\n",
        "      A: {{ subnet_ids|join(\"-\") }}\n",
        "      A: {{ cidr_subnet(subnet_ids[0], 1, 1) }}\n",
        "{% if subnet_ids[0] == \"subnet-1\" %}{% endif %}\n",
        "{% if \"subnet-1\" in subnet_ids %}{% endif %}\n",
        "{% for id in subnet_ids %}{% if id == \"subnet-1\" %}{% endif %}{% endfor %}\n",
        "{% for id in subnet_ids if id != \"subnet-1\" %}{% endfor %}\n",
        "{% set id = subnet_ids %}{% if \"subnet-1\" in id %}{% endif %}\n",
    ] {
        let problems = with_lines(line, &[], &net_and_app("")).unwrap_err().0;
        assert_eq!(problems.len(), 1, "{line}: {problems:#?}");
        assert_eq!(problems[0].code, codes::DEFERRED_VALUE, "{line}");
        assert!(
            problems[0].message.contains("`subnet_ids`"),
            "{line}: {}",
            problems[0].message
        );
    }
    let beyond = with_lines("      A: {{ select(2, subnet_ids) }}\n", &[], &net_and_app("")).unwrap_err();
    assert!(
        beyond.0[0].message.contains("there is no element 2: the list has 2"),
        "{beyond:?}"
    );
    let beyond = with_lines("      A: {{ subnet_ids[2] }}\n", &[], &net_and_app("")).unwrap_err();
    assert_eq!(beyond.0[0].code, codes::RENDER_UNDEFINED);
}

#[test]
fn references_in_lists_and_maps_that_a_file_gives_are_not_compared_either() {
    let by_hand = "subnet_ids = [\"subnet-1\", \"${network.vpc_id}\"]\n";
    let loops = "{% for id in subnet_ids %}{% if id == \"subnet-1\" %}{% endif %}{% endfor %}\n";
    let problems = with_lines(loops, &[], &net_and_app(by_hand)).unwrap_err().0;
    assert_eq!(problems[0].code, codes::DEFERRED_VALUE);
    // What is known can be.
    with_lines(loops, &[], &format!("{NET}{APP}subnet_ids = [\"subnet-1\"]\n")).unwrap();
}

#[test]
fn a_list_of_unknown_length_says_what_would_give_it_one() {
    let loops = "{% for id in subnet_ids %}{% endfor %}\n";
    let net = NET_TEMPLATE.replace(
        "!Join [\",\", [{% for index in range(zones) %}!Ref {{ \"Subnet\" ~ index }}, {% endfor %}]]",
        "!Join [\",\", !GetAtt Vpc.CidrBlockAssociations]",
    );
    assert_ne!(net, NET_TEMPLATE);
    let changes = [("templates/cloudformation/net.yaml", net.as_str())];
    for lines in [
        loops,
        "      A: {{ subnet_ids|length }}\n",
        "      A: {{ subnet_ids[0] }}\n",
    ] {
        let problems = with_lines(lines, &changes, &net_and_app("")).unwrap_err().0;
        assert_eq!(problems.len(), 1, "{lines}: {problems:#?}");
        assert_eq!(problems[0].code, codes::DEFERRED_VALUE, "{lines}");
        let note = "it would have a length if the template of `network` joined a list of which it writes every item";
        assert!(
            problems[0].notes.iter().any(|found| found == note),
            "{:?}",
            problems[0].notes
        );
    }
}

#[test]
fn a_list_that_is_passed_on_keeps_its_length() {
    let contract = "[module]\nname = \"pass\"\nsummary = \"x\"\n[inputs.given]\ntype = \"list<string>\"\ndoc = \"x\"\nfrom = \
                    \"net.subnet_ids\"\n[outputs.ids]\ntype = \"list<string>\"\ndoc = \"x\"\n";
    let template = "Resources:\n  X:\n    Type: Custom::X\n    Properties: {ServiceToken: x}\nOutputs:\n  Ids:\n    \
                    Value: {{ join(\",\", given) }}\n";
    let changes = [
        ("modules/pass.toml", contract),
        ("templates/cloudformation/pass.yaml", template),
    ];
    for (given, length) in [
        ("", 2),
        ("given = [\"a\", \"b\", \"${network.vpc_id}\"]\n", 3),
        ("given = [\"a\", \"b\", \"c\", \"d\"]\n", 4),
        ("given = []\n", 0),
    ] {
        let stacks = format!("{NET}[stacks.pass]\nmodule = \"pass\"\n{given}{APP}subnet_ids = \"${{pass.ids}}\"\n");
        let lines = "      A: {{ subnet_ids|length }}\n      B: {{ subnet_ids }}\n      C: {{ \"some\" if subnet_ids else \
                     \"none\" }}\n";
        let environment = with_lines(lines, &changes, &stacks).unwrap_or_else(|found| panic!("{:#?}", told(found)));
        let app = json(&environment.stacks["app"])["Resources"]["App"]["Properties"].clone();
        assert_eq!(app["A"], length, "{given}");
        let written = if length == 0 {
            serde_json::json!([])
        } else {
            serde_json::json!({"Ref": "SubnetIds"})
        };
        assert_eq!(app["B"], written, "{given}");
        assert_eq!(app["C"], if length == 0 { "none" } else { "some" }, "{given}");
    }
}

#[test]
fn a_list_of_a_stack_that_could_not_be_rendered_is_no_second_mistake() {
    let net = NET_TEMPLATE.replace("CidrBlock: {{ cidr }}", "CidrBlock: {{ cdir }}");
    let changes = [("templates/cloudformation/net.yaml", net.as_str())];
    for lines in [
        "{% for id in subnet_ids %}{% endfor %}\n",
        "      A: {{ subnet_ids|length }}\n",
    ] {
        let problems = with_lines(lines, &changes, &net_and_app("")).unwrap_err();
        let codes: Vec<_> = problems.0.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [codes::RENDER_UNDEFINED], "{:#?}", told(problems));
    }
}

#[test]
fn gathered_lists_have_lengths_too() {
    let contract = "[module]\nname = \"watch\"\nsummary = \"x\"\n[inputs.subnets]\ntype = \"map<list<string>>\"\ndoc = \
                    \"x\"\nfrom = \"net.subnet_ids\"\n";
    let template = "Resources:\n{% for name, ids in subnets|items %}\n{% for id in ids %}\n  {{ \"Alarm\" ~ (name|pascal) ~ \
                    loop.index }}:\n    Type: Custom::Alarm\n    Properties:\n      ServiceToken: {{ id }}\n{% endfor \
                    %}\n{% endfor %}\n";
    let watch = |template: &str| {
        let changes = [
            ("modules/watch.toml", contract),
            ("templates/cloudformation/watch.yaml", template),
        ];
        let other = NET.replace("network", "other") + "zones = 1\n";
        rendered_with(&changes, &format!("{NET}{other}[stacks.watch]\nmodule = \"watch\"\n"))
    };
    let environment = watch(template).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    let document = json(&environment.stacks["watch"]);
    let ids: Vec<&String> = document["Resources"].as_object().unwrap().keys().collect();
    assert_eq!(ids, ["AlarmNetwork1", "AlarmNetwork2", "AlarmOther1"]);
    assert_eq!(
        document["Resources"]["AlarmOther1"]["Properties"]["ServiceToken"],
        serde_json::json!({"Fn::Select": [0, {"Ref": "SubnetsOther"}]})
    );
    for (old, new) in [
        (
            "{% for id in ids %}",
            "{% for id in ids %}{% if id == \"x\" %}{% endif %}",
        ),
        ("{% for id in ids %}", "{% for id in ids if \"x\" in ids %}"),
    ] {
        let problems = watch(&template.replace(old, new)).unwrap_err().0;
        assert_eq!(problems[0].code, codes::DEFERRED_VALUE, "{new}");
    }
    // Names of stacks are known.
    watch(&template.replace("{% for id in ids %}", "{% for id in ids if name != \"x\" %}")).unwrap();
}
