//! Templates: what they may do with inputs, and where their mistakes are shown.

use super::*;

/// The problem that an application's template causes, with `line` at the end of its properties.
fn template_problem(line: &str) -> Problem {
    let template = APP_TEMPLATE.replace("      Subnets: {{ subnet_ids }}\n", &format!("{line}\n"));
    the_only_with(
        &[("templates/cloudformation/app.yaml", &template)],
        &net_and_app("label = \"abc\"\n"),
    )
}

#[test]
fn what_needs_the_value_of_another_stack_is_refused_and_says_so() {
    for line in [
        "      A: {{ vpc_id ~ \"-x\" }}",
        "      A: {{ \"x-\" ~ vpc_id }}",
        "      A: {{ vpc_id|upper }}",
        "      A: {{ vpc_id|pascal }}",
        "      A: {{ (vpc_id ~ \"x\")|pascal }}",
        "      A: {{ vpc_id|string|first }}",
        "      A: {{ vpc_id[0] }}",
        "      A: {{ vpc_id.x }}",
        "      A: {{ cidr_subnet(vpc_id, 1, 1) }}",
        "{% if vpc_id == \"vpc-1\" %}{% endif %}",
        "{% if \"vpc-1\" != vpc_id %}{% endif %}",
        "{% if \"a\" in vpc_id %}{% endif %}",
        "{% for c in vpc_id %}{% endfor %}",
        "      A: {{ vpc_id|join(\",\") }}",
        "      A: {{ vpc_id|first }}",
        "{% for c in [vpc_id] %}\n      A: {{ c ~ \"x\" }}\n{% endfor %}",
    ] {
        let problem = template_problem(line);
        assert_eq!(problem.code, codes::DEFERRED_VALUE, "{line}: {problem:#?}");
        assert_eq!(
            problem.message,
            "the template needs the value of `vpc_id`, which is known only after `network` is deployed"
        );
        let line_number = problem.labels[0].span.line_column().0;
        assert!((10..=11).contains(&line_number), "{line}: {line_number}");
    }
}

#[test]
fn values_of_other_stacks_can_be_tested_put_into_text_selected_and_joined() {
    let template = APP_TEMPLATE.replace(
        "      Subnets: {{ subnet_ids }}\n",
        "      A: {{ sub(\"${AWS::Region}/${vpc}/${name}\", vpc=vpc_id, name=label) }}\n      B: {{ select(1, subnet_ids) \
         }}\n      C: {{ join(\",\", subnet_ids) }}\n      D: {{ vpc_id is none }}\n      E: {{ join(\"-\", [\"a\", \"b\"]) \
         }}\n      F: {{ join(\"-\", [\"a\", vpc_id]) }}\n      G: {{ vpc_id or \"x\" }}\n      H: {{ select(1, [\"a\", \
         \"b\"]) }}\n      I: {{ {\"x\": getatt(\"Other\", \"GroupId\"), \"y\": [ref(\"Other\")]} }}\n      J: {{ \
         cidr_size(\"10.0.0.0/24\") }}\n",
    );
    let changes = [("templates/cloudformation/app.yaml", template.as_str())];
    let environment = rendered_with(&changes, &net_and_app("")).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    let mut properties = json(&environment.stacks["app"])["Resources"]["App"]["Properties"].clone();
    for key in ["ServiceToken", "VpcId"] {
        properties.as_object_mut().unwrap().remove(key);
    }
    assert_eq!(
        properties,
        serde_json::json!({
            "A": {"Fn::Sub": ["${AWS::Region}/${vpc}/${name}", {"vpc": {"Ref": "VpcId"}, "name": "app"}]},
            "B": {"Fn::Select": [1, {"Ref": "SubnetIds"}]},
            "C": {"Fn::Join": [",", {"Ref": "SubnetIds"}]},
            "D": false,
            "E": "a-b",
            "F": {"Fn::Join": ["-", ["a", {"Ref": "VpcId"}]]},
            "G": {"Ref": "VpcId"},
            "H": "b",
            "I": {"x": {"Fn::GetAtt": ["Other", "GroupId"]}, "y": [{"Ref": "Other"}]},
            "J": 256,
        })
    );
}

#[test]
fn mistakes_in_a_template_are_shown_at_its_line_with_the_inputs_behind_it() {
    let path = "templates/cloudformation/app.yaml";
    for (line, code, message, place) in [
        ("      A: {{ lable }}", codes::RENDER_UNDEFINED, "uses `lable`", "10:13"),
        (
            "      A: {{ label|nope }}",
            codes::RENDER_FAILED,
            "filter nope is unknown",
            "10:",
        ),
        (
            "      A: {{ fail(\"too few of \" ~ label) }}",
            codes::REFUSED_BY_TEMPLATE,
            "`app`: too few of abc",
            "10:13",
        ),
        ("      A: {{ label", codes::TEMPLATE_SYNTAX, "", "1"),
        (
            "      A: b-{{ label }}",
            codes::EXPRESSION_IN_TEXT,
            "middle of a string",
            "10:12",
        ),
        (
            "      A: {{ cidr_subnet(\"10.0.0.0/30\", 4, 0) }}",
            codes::RENDER_FAILED,
            "cannot be split",
            "10:13",
        ),
        (
            "      A: {{ select(5, [1]) }}",
            codes::RENDER_FAILED,
            "there is no element 5: the list has 1",
            "10:13",
        ),
    ] {
        let problem = template_problem(line);
        assert_eq!(problem.code, code, "{line}: {problem:#?}");
        assert!(problem.message.contains(message), "{line}: {}", problem.message);
        let found = problem.labels[0].span.place();
        assert!(found.starts_with(&format!("{path}:{place}")), "{line}: {found}");
    }
    let problem = template_problem("      A: {{ lable }}");
    assert_eq!(problem.hints, ["did you mean `label`?"]);
    let problem = template_problem("      A: {{ fail(\"too few of \" ~ label) }}");
    assert_eq!(problem.labels[1].span.text(), "label = \"abc\"");
}

#[test]
fn a_mistake_in_the_rendered_document_is_shown_at_the_template_line_and_the_input() {
    // `label` makes the second of two equal keys.
    let template = APP_TEMPLATE.replace("ServiceToken: {{ label }}", "abc: 1\n      {{ label }}: 2");
    let changes = [("templates/cloudformation/app.yaml", template.as_str())];
    let problem = the_only_with(&changes, &net_and_app("label = \"abc\"\n"));
    let texts: Vec<_> = problem
        .labels
        .iter()
        .map(|label| format!("{} {}", label.span.place(), label.span.text()))
        .collect();
    assert!(
        texts.contains(&"templates/cloudformation/app.yaml:6:7 {{ label }}: 2".to_owned()),
        "{texts:#?}"
    );
    assert!(
        texts.contains(&"environments/dev.toml:13:1 label = \"abc\"".to_owned()),
        "{texts:#?}"
    );
    assert!(
        problem.notes.contains(&"rendered as: \"abc\": 2".to_owned()),
        "{:?}",
        problem.notes
    );
}

#[test]
fn outputs_that_the_contract_promises_must_be_made() {
    let template = APP_TEMPLATE.replace("  Name:\n    Value: !Ref App\n", "  Nme:\n    Value: !Ref App\n");
    let problem = the_only_with(&[("templates/cloudformation/app.yaml", &template)], &net_and_app(""));
    assert_eq!(problem.code, codes::OUTPUT_MISSING);
    assert!(problem.message.contains("`Name`"));
    assert_eq!(problem.labels[1].span.source.path, "modules/app.toml");
}

#[test]
fn parameters_of_a_template_need_a_default_and_may_not_clash() {
    let with = |head: &str| {
        let template = format!("{head}{APP_TEMPLATE}");
        the_only_with(&[("templates/cloudformation/app.yaml", &template)], &net_and_app("")).code
    };
    assert_eq!(
        with("Parameters:\n  Own: {Type: String}\n"),
        codes::PARAMETER_WITHOUT_VALUE
    );
    assert_eq!(
        with("Parameters:\n  VpcId: {Type: String, Default: x}\n"),
        codes::PARAMETER_CONFLICT
    );
    let template = APP_TEMPLATE.replace("  Other:\n", "  VpcId:\n");
    let problem = the_only_with(&[("templates/cloudformation/app.yaml", &template)], &net_and_app(""));
    assert_eq!(problem.code, codes::PARAMETER_CONFLICT);
}

#[test]
fn a_resource_is_traced_to_its_template_line_and_inputs() {
    let environment = rendered(&net_and_app("label = \"abc\"\ngroups.gpu = { size = 3 }\n"));
    let app = &environment.stacks["app"];
    let shown = |id: &str| -> Vec<String> {
        app.trace(id)
            .iter()
            .map(|label| format!("{} {}", label.span.place(), label.span.text()))
            .collect()
    };
    assert_eq!(
        shown("App"),
        [
            "templates/cloudformation/app.yaml:2:3 App",
            "environments/dev.toml:13:1 label = \"abc\""
        ]
    );
    assert_eq!(
        shown("GroupGpu"),
        [
            "templates/cloudformation/app.yaml:12:3 {{ \"Group\" ~ name|pascal }}:",
            "environments/dev.toml:14:8 gpu"
        ]
    );
    assert_eq!(app.origins.resources["GroupGpu"], 11);
    assert!(app.trace("Nothing").is_empty());
}

#[test]
fn a_value_inside_of_a_table_is_pointed_at_itself_as_far_as_it_can_be_told() {
    let template = APP_TEMPLATE.replace(
        "Size: {{ group.size }}",
        "Size: {{ group.size }}\n      Note: {{ group.note }}\n      {{ group.note }}: 1",
    );
    let changes = [("templates/cloudformation/app.yaml", template.as_str())];
    let labels = |groups: &str| -> Vec<String> {
        let problem = the_only_with(&changes, &net_and_app(groups));
        problem
            .labels
            .iter()
            .map(|label| format!("{} {}", label.span.place(), label.text))
            .collect()
    };
    // The key `Size` stands twice, because of what is given as the note of one group.
    let found =
        labels("[stacks.app.groups.cpu]\nsize = 1\nnote = \"a\"\n[stacks.app.groups.gpu]\nsize = 2\nnote = \"Size\"\n");
    assert!(
        found.contains(&"environments/dev.toml:18:8 `groups.gpu.note` is given here".to_owned()),
        "{found:#?}"
    );
}

#[test]
fn a_refusal_shows_the_conditions_round_it_and_the_entry_that_it_names() {
    let check = "{% for name, group in groups|items %}\n{% if group.size > 1 and label == \"abc\" %}\n{{ fail(\"group \" ~ name ~ \" \
                 is too large\") }}\n{% endif %}\n{% endfor %}\n";
    let template = APP_TEMPLATE.replace("  Other:\n", &format!("{check}  Other:\n"));
    let problem = the_only_with(
        &[("templates/cloudformation/app.yaml", &template)],
        &net_and_app("label = \"abc\"\ngroups.cpu = { size = 1 }\ngroups.gpu = { size = 2 }\n"),
    );
    assert_eq!(problem.code, codes::REFUSED_BY_TEMPLATE);
    let labels: Vec<_> = problem
        .labels
        .iter()
        .map(|label| format!("{} {}", label.span.text(), label.text))
        .collect();
    assert_eq!(
        labels,
        [
            "fail ",
            "gpu `groups.gpu` is given here",
            "label = \"abc\" `label` is given here"
        ]
    );
}

#[test]
fn what_the_template_language_does_not_know_gets_a_suggestion() {
    for (line, message, hint) in [
        ("      A: {{ label|uper }}", "filter uper", "did you mean `upper`?"),
        (
            "      A: {{ cidr_subnt(1) }}",
            "cidr_subnt",
            "did you mean `cidr_subnet`?",
        ),
        ("{% iff label %}{% endif %}", "iff", "did you mean `if`?"),
        (
            "{% if label is defind %}{% endif %}",
            "defind",
            "did you mean `defined`?",
        ),
        (
            "{% if label %}",
            "this `if` is never closed",
            "write {% endif %} where it is to end",
        ),
    ] {
        let problem = template_problem(line);
        assert!(problem.message.contains(message), "{line}: {}", problem.message);
        assert_eq!(problem.hints, [hint], "{line}: {}", problem.message);
    }
}

#[test]
fn names_that_nothing_defines_are_found_wherever_they_stand() {
    for line in [
        "      A: {{ (label ~ \"-\" ~ nothing)|upper }}",
        "{% set a = label ~ nothing %}\n      A: {{ a }}",
        "{% set b = 1 %}\n{% if b == 2 or nothing > 3 %}{% endif %}",
        "      A: {{ join(\"-\", [label, nothing]) ~ stack }}",
        "      A: {{ sub(\"${x}\", x=nothing) }}",
        // Comparing it is silently false, and this branch is not taken.
        "{% if nothing == \"x\" %}{% endif %}",
        "{% if label == \"other\" %}\n      A: {{ nothing }}\n{% endif %}",
        "{% for name in [1] if name != nothing %}{% endfor %}",
        "{% if nothing is not none %}{% endif %}",
    ] {
        let problem = template_problem(line);
        assert_eq!(problem.code, codes::RENDER_UNDEFINED, "{line}: {problem:#?}");
        assert_eq!(problem.labels[0].span.text(), "nothing", "{line}");
        assert_eq!(
            problem.message,
            "`app`: the template uses `nothing`, which is not defined"
        );
        assert_eq!(
            problem.hints,
            ["if it is to be an input, declare it in modules/app.toml: [inputs.nothing]"]
        );
    }
    let problem = template_problem("      A: {{ inputs.label }}");
    assert_eq!(problem.hints, ["an input is written by its name alone: {{ label }}"]);
}

#[test]
fn what_a_template_defines_itself_is_no_unknown_name() {
    let lines = "{% macro tags(name, extra=1) %}{{ [name, extra, loop is defined] }}{% endmacro %}\n{% set whole %}x{% endset \
                 %}\n{% with first = 1, second = label %}\n      A: {{ [first, second] }}\n{% endwith %}\n      B: {{ \
                 tags(label, extra=2) }}\n{% for key, group in groups|items %}\n      {{ key }}: {{ [loop.index, \
                 group.size is divisibleby(2), group.note is not none, 1.5, true, False] }}\n{% else %}\n      C: {{ dict(a=1) \
                 }}\n{% endfor %}\n      D: {{ [project, account, module, not protect, whole] }}\n{% raw %}# {{ nothing }}\n{% endraw %}\n{# {{ nothing }} #}\n";
    let template = APP_TEMPLATE.replace("      Subnets: {{ subnet_ids }}\n", lines);
    let changes = [("templates/cloudformation/app.yaml", template.as_str())];
    rendered_with(&changes, &net_and_app("")).unwrap_or_else(|found| panic!("{:#?}", told(found)));
}

#[test]
fn a_built_in_template_that_needs_a_lost_input_names_the_override() {
    let contract =
        "[module]\nname = \"ecr\"\nsummary = \"x\"\n[inputs.repositories]\ntype = \"list<string>\"\ndoc = \"x\"\n";
    let stacks = "[stacks.images]\nmodule = \"ecr\"\nrepositories = [\"api\"]\n";
    let problems = rendered_with(&[("modules/ecr.toml", contract)], stacks).unwrap_err().0;
    let lost = |problem: &&Problem| problem.message.contains("`untagged_days`");
    let problem = problems.iter().find(lost).unwrap();
    assert_eq!(problem.code, codes::RENDER_UNDEFINED);
    assert_eq!(
        problem.notes[0],
        "modules/ecr.toml overrides the module `ecr` that is built in"
    );
    assert!(
        problem.hints[0].starts_with("declare it in modules/ecr.toml: [inputs."),
        "{:?}",
        problem.hints
    );
}
