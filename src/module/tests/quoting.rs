use proptest::prelude::*;

use super::{APP_CONTRACT, NET, json, rendered_with, told};

/// A contract that takes any string, alone, in a list, as a key and joined to another.
fn contract() -> String {
    APP_CONTRACT.replace("pattern = \"[a-z]+\"\nmax = 8\n", "").replacen(
        "[types.group",
        "[inputs.texts]\ntype = \"map<string>\"\ndoc = \"x\"\ndefault = {}\n\n[types.group",
        1,
    )
}

const TEMPLATE: &str = "Resources:\n  App:\n    Type: A::B::C\n    Properties:\n      One: {{ label }}\n      List: \
                        [{{ label }}, {{ label }}]\n      Flow: {a: {{ label }}}\n      Map: {{ texts }}\n      Two: {{ \
                        \"<\" ~ label ~ \">\" }}\n      Keys:\n{% for key, text in texts|items %}\n        {{ key }}: {{ \
                        text }}\n{% endfor %}\n        end: 1\nOutputs:\n  Name:\n    Value: !Ref App\n";

fn toml(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Quoting bugs cannot happen: any string comes out of the document as it went in.
    #[test]
    fn any_string_comes_out_as_it_went_in(text in "\\PC{0,12}|[\\x00-\\x7f\u{80}-\u{a0}\u{2028}\u{FEFF}\u{E000}\u{E001}\u{E003}\u{1F600}]{0,12}|[\"'{}%#:\\-!&*|>\\\\ \n\t]{0,12}") {
        prop_assume!(!text.contains("${"));
        let stacks = format!("{NET}[stacks.app]\nmodule = \"app\"\nlabel = {0}\ntexts.{0} = {0}\n", toml(&text));
        let contract = contract();
        let changes = [("modules/app.toml", contract.as_str()), ("templates/cloudformation/app.yaml", TEMPLATE)];
        let rendered = rendered_with(&changes, &stacks).map_err(|found| TestCaseError::fail(format!("{:#?}", told(found))))?;
        let properties = json(&rendered.stacks["app"])["Resources"]["App"]["Properties"].clone();
        prop_assert_eq!(&properties["One"], &text);
        prop_assert_eq!(&properties["List"][1], &text);
        prop_assert_eq!(&properties["Flow"]["a"], &text);
        prop_assert_eq!(&properties["Map"][&text], &text);
        prop_assert_eq!(&properties["Two"], &format!("<{text}>"));
        if text != "end" {
            prop_assert_eq!(&properties["Keys"][&text], &text);
        }
    }
}

#[test]
fn what_yaml_would_take_for_something_else_comes_out_as_it_went_in() {
    for text in ["<<", "~", "null", "yes", "1e3", "*a", "&a", "!Ref"] {
        let stacks = format!(
            "{NET}[stacks.app]\nmodule = \"app\"\nlabel = {0}\ntexts.{0} = {0}\n",
            toml(text)
        );
        let contract = contract();
        let changes = [
            ("modules/app.toml", contract.as_str()),
            ("templates/cloudformation/app.yaml", TEMPLATE),
        ];
        let rendered = rendered_with(&changes, &stacks).unwrap_or_else(|found| panic!("{text}: {:#?}", told(found)));
        let properties = json(&rendered.stacks["app"])["Resources"]["App"]["Properties"].clone();
        assert_eq!(properties["Keys"][text], text);
    }
}
