use super::super::Catalogue;
use super::{APP_CONTRACT, files, told};
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
            "6:8",
            "the module `net` has no output `vpcid`",
        ),
        (
            "net.vpc_id",
            "net.subnet_ids",
            "6:8",
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
