use super::super::Catalogue;
use super::{APP_CONTRACT, files, rendered_with, told};
use crate::diagnostic::codes;

#[test]
fn contracts_are_checked_as_strictly_as_environment_files() {
    let contract = r#"[module]
name = "other"
sumary = "x"

[inputs.Size]
type = "integr"
doc = "x"

[inputs.region]
type = "string"
doc = "x"

[inputs.a]
type = "list<group>"
defualt = 1

[inputs.b]
type = "integer"
doc = "x"
pattern = "("
from = "net"
min = 3
max = 1

[outputs.c]
type = "boolean"
doc = "x"
when = "domain"
"#;
    let found = Catalogue::with_overrides(files(&[("modules/app.toml", contract)])).unwrap_err();
    assert_eq!(
        told(found),
        [
            "MLI0201 modules/app.toml:2:8 this file is modules/app.toml, its module is called `other` | give both the same \
             name",
            "MLI0202 modules/app.toml:3:1 [module] has no key `sumary` | did you mean `summary`?",
            "MLI0201 modules/app.toml:5:9 `Size` cannot be the name of an input",
            "MLI0201 modules/app.toml:6:8 there is no type `integr` | did you mean `integer`?",
            "MLI0201 modules/app.toml:9:9 an input cannot be called `region`",
            "MLI0201 modules/app.toml:13:9 `a` has no `doc` | say in one sentence what it is for",
            "MLI0201 modules/app.toml:14:8 there is no type `group` | types are `string`, `integer`, `number`, `boolean`, \
             `cidr`, `arn`, `list<string>`, `map<string>`",
            "MLI0202 modules/app.toml:15:1 `a` has no key `defualt` | did you mean `default`?",
            "MLI0201 modules/app.toml:17:9 `b` has a `min` above its `max`",
            "MLI0201 modules/app.toml:20:1 `pattern` is for strings, `b` is `integer`",
            "MLI0201 modules/app.toml:20:11 `pattern` is not a regular expression",
            "MLI0201 modules/app.toml:21:8 `net` is not MODULE.OUTPUT | for example: from = \"vpc.private_subnet_ids\"",
            "MLI0201 modules/app.toml:26:8 an output cannot be `boolean` | outputs are `string` or `list<string>`: \
             CloudFormation gives nothing else",
            "MLI0201 modules/app.toml:28:8 there is no input `domain` | inputs are `region`, `b`",
        ]
    );
}

#[test]
fn defaults_choices_and_providers_of_a_contract_must_fit() {
    for (old, new, place, message) in [
        (
            "default = \"app\"",
            "default = \"App\"",
            "25:11",
            "the default of `label` does not fit",
        ),
        (
            "default = [\"m6i.large\"]",
            "default = []",
            "48:11",
            "the default of `types` does not fit",
        ),
        (
            "net.vpc_id",
            "net.vpcid",
            "9:8",
            "the module `net` has no output `vpcid`",
        ),
        (
            "net.vpc_id",
            "net.subnet_ids",
            "9:8",
            "`vpc_id` is `string`, but net.subnet_ids is `list<string>`",
        ),
        (
            "default = \"app\"",
            "default = \"${a.b}\"",
            "25:11",
            "a contract knows no stacks",
        ),
    ] {
        let contract = APP_CONTRACT.replace(old, new);
        let found = Catalogue::with_overrides(files(&[("modules/app.toml", &contract)])).unwrap_err();
        assert_eq!(found.0.len(), 1, "{found:#?}");
        assert!(found.0[0].message.contains(message), "{}", found.0[0].message);
        assert_eq!(found.0[0].labels[0].span.place(), format!("modules/app.toml:{place}"));
    }
}

#[test]
fn a_module_without_a_template_and_a_record_in_itself_are_refused() {
    let module = |body: &str| format!("[module]\nname = \"x\"\nsummary = \"x\"\n{body}");
    let found = Catalogue::with_overrides(files(&[("modules/x.toml", &module(""))])).unwrap_err();
    assert_eq!(found.0[0].code, codes::TEMPLATE_MISSING);
    let record = module("[types.a.fields.b]\ntype = \"list<a>\"\ndoc = \"x\"\n");
    let found = Catalogue::with_overrides(files(&[("modules/x.toml", &record)])).unwrap_err();
    assert!(found.0[0].message.contains("contains itself"), "{found:?}");
}

#[test]
fn what_a_module_costs_money_for_is_read_with_the_inputs_that_decide_it() {
    let price = "\n[[price]]\nitem = \"machine\"\nunit = \"hour\"\ninputs = [\"groups\", \"label\"]\ndoc = \"More machines \
                 cost more.\"\n[[price]]\nitem = \"log\"\nunit = \"GB\"\ndoc = \"Louder is dearer.\"\n";
    let contract = format!("{APP_CONTRACT}{price}");
    let catalogue = Catalogue::with_overrides(files(&[("modules/app.toml", &contract)])).unwrap();
    let found: Vec<_> = catalogue.get("app").unwrap().price.iter().collect();
    assert_eq!((found[0].item.as_str(), found[0].unit.as_str()), ("machine", "hour"));
    assert_eq!(found[0].inputs, ["groups", "label"]);
    assert_eq!(found[1].doc, "Louder is dearer.");
    assert!(found[1].inputs.is_empty());
}

#[test]
fn a_price_that_is_incomplete_or_names_no_input_is_refused() {
    let refused = |price: &str| {
        let contract = format!("{APP_CONTRACT}\n{price}\n");
        told(Catalogue::with_overrides(files(&[("modules/app.toml", &contract)])).unwrap_err())
    };
    let lines = APP_CONTRACT.lines().count() + 1;
    let shape = "each is a table of its own:  [[price]]  item = \"NAT gateway\"  unit = \"hour\"  doc = \"...\"";
    assert_eq!(
        refused("[[price]]\nitem = \"x\"\nunit = \"\"\ninputs = [\"labl\"]\namount = 3"),
        [
            format!(
                "MLI0201 modules/app.toml:{}:1 a price has no `doc` | {shape}",
                lines + 1
            ),
            format!("MLI0201 modules/app.toml:{}:8 a price has an empty `unit`", lines + 3),
            format!(
                "MLI0201 modules/app.toml:{}:11 there is no input `labl` | did you mean `label`?",
                lines + 4
            ),
            format!(
                "MLI0202 modules/app.toml:{}:1 a price has no key `amount` | it has `item`, `unit`, `inputs`, `doc`",
                lines + 5
            ),
        ]
    );
    let contract = format!("price = 3\n{APP_CONTRACT}");
    let found = told(Catalogue::with_overrides(files(&[("modules/app.toml", &contract)])).unwrap_err());
    assert_eq!(
        found,
        [format!(
            "MLI0105 modules/app.toml:1:1 `price` must be an array of tables, this is a whole number | {shape}"
        )]
    );
}

const VPC: &str = "[module]\nname = \"vpc\"\nsummary = \"x\"\n[inputs.range]\ntype = \"cidr\"\ndoc = \"x\"\ndefault = \
                   \"10.0.0.0/16\"\n[outputs.vpc_id]\ntype = \"string\"\ndoc = \"x\"\n[outputs.private_subnets]\ntype = \
                   \"list<string>\"\ndoc = \"x\"\n";
const VPC_TEMPLATE: &str = "Resources:\n  Vpc:\n    Type: AWS::EC2::VPC\n    Properties: {CidrBlock: {{ range \
                            }}}\nOutputs:\n  VpcId: {Value: !Ref Vpc}\n  PrivateSubnets: {Value: a}\n";
const NETWORK: &str = "[stacks.network]\nmodule = \"vpc\"\n";
const CLUSTER: &str = "[stacks.cluster]\nmodule = \"eks\"\n";

fn with_own_vpc(contract: &str, stacks: &str) -> Vec<crate::diagnostic::Problem> {
    let changes = [
        ("modules/vpc.toml", contract),
        ("templates/cloudformation/vpc.yaml", VPC_TEMPLATE),
    ];
    rendered_with(&changes, stacks).map_or_else(|problems| problems.0, |_| Vec::new())
}

#[test]
fn an_override_that_lost_an_output_is_told_with_those_who_take_it() {
    let found = with_own_vpc(VPC, &format!("{NETWORK}{CLUSTER}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code, codes::OVERRIDE_UNFIT);
    assert_eq!(
        found[0].message,
        "the project's own `vpc` has no output `private_subnet_ids`, which `eks` takes from it"
    );
    assert_eq!(found[0].labels[0].span.place(), "modules/vpc.toml:8:10");
    assert!(
        found[0].labels[1]
            .span
            .source
            .path
            .starts_with("(built-in) modules/eks.toml")
    );
    assert_eq!(
        found[0].notes,
        ["modules/vpc.toml overrides the module `vpc` that is built in"]
    );
    assert_eq!(
        found[0].hints,
        [
            "in modules/vpc.toml: [outputs.private_subnet_ids]  type = \"list<string>\"",
            "or give a value to `subnets` of `cluster`",
            "did you mean `private_subnets`?",
        ]
    );
    // Whoever gives the value needs nothing of the module, and neither does a module that nobody uses.
    let given = with_own_vpc(
        VPC,
        &format!("{NETWORK}{CLUSTER}subnets = [\"subnet-1\", \"subnet-2\"]\n"),
    );
    assert!(
        given.iter().all(|problem| problem.code != codes::OVERRIDE_UNFIT),
        "{given:#?}"
    );
    assert!(with_own_vpc(VPC, NETWORK).is_empty());
}

#[test]
fn an_override_whose_output_has_another_type_is_told_too() {
    let text = VPC.replace(
        "private_subnets]\ntype = \"list<string>\"",
        "private_subnet_ids]\ntype = \"string\"",
    );
    assert_ne!(text, VPC);
    let found = with_own_vpc(&text, &format!("{NETWORK}{CLUSTER}"));
    assert_eq!(
        found[0].message,
        "the project's own `vpc` makes `private_subnet_ids` a `string`, which `eks` takes from it"
    );
}

#[test]
fn what_environments_say_of_a_lost_input_or_output_names_the_override() {
    for (stacks, code, hint) in [
        (
            format!("{NETWORK}cidr = \"10.0.0.0/16\"\n"),
            codes::UNKNOWN_INPUT,
            "declare it in modules/vpc.toml: [inputs.cidr]",
        ),
        (
            format!("{NETWORK}{CLUSTER}subnets = \"${{network.private_subnet_ids}}\"\n"),
            codes::WIRE_UNKNOWN_OUTPUT,
            "declare it in modules/vpc.toml: [outputs.private_subnet_ids]",
        ),
    ] {
        let found = with_own_vpc(VPC, &stacks);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].code, code);
        assert_eq!(
            found[0].notes,
            ["modules/vpc.toml overrides the module `vpc` that is built in"]
        );
        assert!(found[0].hints.iter().any(|found| found == hint), "{:?}", found[0].hints);
        let built_in = found[0]
            .labels
            .iter()
            .any(|label| label.span.source.path.starts_with("(built-in) modules/vpc"));
        assert!(built_in, "{:?}", found[0].labels);
    }
}
