//! Inputs that gather: one entry from every stack that has something for them.

use super::*;

const WATCH: &str = "[stacks.watch]\nmodule = \"watch\"\n";
const WATCH_CONTRACT: &str = r#"
[module]
name = "watch"
summary = "watches the others"

[inputs.networks]
type = "map<string>"
doc = "the networks, by stack"
from = ["net.vpc_id", "app.name"]

[inputs.groups]
type = "map<string>"
doc = "the log groups, by stack"
from = "net.log_group"

[inputs.subnets]
type = "map<list<string>>"
doc = "the subnets, by stack"
from = "net.subnet_ids"

[outputs.name]
type = "string"
doc = "its name"
"#;
const WATCH_TEMPLATE: &str = r#"Resources:
  Watch:
    Type: Custom::Watch
    Properties:
      ServiceToken: x
      Networks: {{ networks }}
      Groups: {{ groups }}
      Subnets: {{ subnets }}
{% for name, network in networks|items %}
  {{ "Alarm" ~ (name|pascal) }}:
    Type: Custom::Alarm
    Properties:
      ServiceToken: {{ name }}
      On: {{ network }}
{% endfor %}
Outputs:
  Name:
    Value: !Ref Watch
"#;

fn with_watch<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [
        ("modules/watch.toml", WATCH_CONTRACT),
        ("templates/cloudformation/watch.yaml", WATCH_TEMPLATE),
    ];
    own.into_iter().chain(changes.iter().copied()).collect()
}

fn watching(stacks: &str) -> RenderedEnvironment {
    rendered_with(&with_watch(&[]), stacks).unwrap_or_else(|problems| panic!("{:#?}", told(problems)))
}

fn told_with(contract: &str, stacks: &str) -> Vec<String> {
    let changes = with_watch(&[("modules/watch.toml", contract)]);
    told(rendered_with(&changes, stacks).unwrap_err())
}

fn wires(stack: &RenderedStack) -> Vec<String> {
    let wires = stack.parameters.iter();
    wires
        .map(|(name, from)| format!("{name}={}.{}", from.stack, from.output))
        .collect()
}

#[test]
fn a_map_gathers_from_every_stack_of_every_module_that_it_names() {
    // The watcher stands first in the file; it is still deployed last.
    let other = NET.replace("network", "net-2") + "flow_logs = true\n";
    let app = format!("{APP}vpc_id = \"${{network.vpc_id}}\"\nsubnet_ids = []\n");
    let environment = watching(&format!("{WATCH}{NET}{other}{app}"));
    assert_eq!(environment.stacks.keys().last().map(String::as_str), Some("watch"));
    let watch = &environment.stacks["watch"];
    assert_eq!(
        wires(watch),
        [
            "GroupsNet2=net-2.log_group",
            "NetworksApp=app.name",
            "NetworksNet2=net-2.vpc_id",
            "NetworksNetwork=network.vpc_id",
            "SubnetsNet2=net-2.subnet_ids",
            "SubnetsNetwork=network.subnet_ids",
        ]
    );
    assert_eq!(watch.depends_on.iter().collect::<Vec<_>>(), ["app", "net-2", "network"]);
    let document = json(watch);
    assert_eq!(document["Parameters"]["NetworksApp"]["Type"], "String");
    assert_eq!(document["Parameters"]["SubnetsNet2"]["Type"], "CommaDelimitedList");
    let properties = &document["Resources"]["Watch"]["Properties"];
    // What a stack does not make as it is configured is not gathered from it.
    assert_eq!(
        properties["Groups"],
        serde_json::json!({"net-2": {"Ref": "GroupsNet2"}})
    );
    assert_eq!(
        properties["Networks"],
        serde_json::json!({
            "app": {"Ref": "NetworksApp"},
            "net-2": {"Ref": "NetworksNet2"},
            "network": {"Ref": "NetworksNetwork"},
        })
    );
    let alarm = &document["Resources"]["AlarmNet2"]["Properties"];
    assert_eq!(alarm["ServiceToken"], "net-2");
    assert_eq!(alarm["On"], serde_json::json!({"Ref": "NetworksNet2"}));
}

#[test]
fn a_map_that_nothing_fills_is_empty() {
    let environment = watching(WATCH);
    let watch = &environment.stacks["watch"];
    assert!(watch.parameters.is_empty() && watch.depends_on.is_empty());
    assert_eq!(
        json(watch)["Resources"]["Watch"]["Properties"]["Networks"],
        serde_json::json!({})
    );
}

#[test]
fn entries_given_by_hand_replace_what_would_be_gathered() {
    let by_hand = "networks = { mine = \"${network.vpc_id}\", other = \"vpc-1\" }\nsubnets.a = \
                   [\"${network.vpc_id}\"]\nsubnets.b = \"${network.subnet_ids}\"\n";
    let environment = watching(&format!("{NET}{WATCH}{by_hand}"));
    let watch = &environment.stacks["watch"];
    assert_eq!(
        wires(watch),
        [
            "NetworksMine=network.vpc_id",
            "SubnetsA0=network.vpc_id",
            "SubnetsB=network.subnet_ids"
        ]
    );
    let properties = &json(watch)["Resources"]["Watch"]["Properties"];
    assert_eq!(
        properties["Networks"],
        serde_json::json!({"mine": {"Ref": "NetworksMine"}, "other": "vpc-1"})
    );
    assert_eq!(
        properties["Subnets"],
        serde_json::json!({"a": [{"Ref": "SubnetsA0"}], "b": {"Ref": "SubnetsB"}})
    );
    assert!(
        watching(&format!("{NET}{WATCH}networks = {{}}\n")).stacks["watch"]
            .parameters
            .len()
            == 1
    );
}

#[test]
fn a_stack_never_gathers_from_itself() {
    let own = WATCH_CONTRACT.replace("[\"net.vpc_id\", \"app.name\"]", "\"watch.name\"");
    let changes = with_watch(&[("modules/watch.toml", own.as_str())]);
    let environment = rendered_with(&changes, WATCH).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    assert!(environment.stacks["watch"].parameters.is_empty());
    // Two that gather from each other need each other.
    let second = WATCH.replace("[stacks.watch]", "[stacks.second]");
    let found = rendered_with(&changes, &format!("{WATCH}{second}")).unwrap_err();
    assert_eq!(
        told(found),
        [
            "MLI0215 1:9 stacks need each other in a cycle: watch -> second -> watch | name the entries that are meant, in \
             [stacks.watch]: networks = {} takes none | give one of these inputs a value that is known, or split the stack \
             that both sides need"
        ]
    );
}

#[test]
fn too_few_and_too_many_entries_are_told_with_what_there_is() {
    let bounds = |bounds: &str| WATCH_CONTRACT.replace("\"app.name\"]\n", &format!("\"app.name\"]\n{bounds}\n"));
    assert_eq!(
        told_with(&bounds("min = 1"), WATCH),
        [
            "MLI0214 1:9 `networks` of `watch` takes at least 1 entry, one from each stack of module `net` or `app`, and \
             there is none | add one:  [stacks.net]  module = \"net\" | or give the entries here: networks = { NAME = \
             \"...\" }"
        ]
    );
    assert_eq!(
        told_with(&bounds("min = 2"), &format!("{NET}{WATCH}")),
        [
            "MLI0214 4:9 `networks` of `watch` takes at least 2 entries, one from each stack of module `net` or `app`, and \
             there is only `network` | or give the entries here: networks = { NAME = \"...\" }"
        ]
    );
    let other = NET.replace("network", "other");
    assert_eq!(
        told_with(&bounds("max = 1"), &format!("{NET}{other}{WATCH}")),
        [
            "MLI0214 7:9 `networks` of `watch` takes at most 1 entry, one from each stack of module `net` or `app`, and \
             there are 2: `network`, `other` | or give the entries here: networks = { NAME = \"...\" }"
        ]
    );
    // The misspelt module is the one that would provide the entry.
    let misspelt = NET.replace("\"net\"", "\"nett\"");
    let found = told_with(&bounds("min = 1"), &format!("{misspelt}{WATCH}"));
    assert_eq!(found, ["MLI0203 2:10 there is no module `nett` | did you mean `net`?"]);
}

#[test]
fn a_default_takes_the_place_of_what_nothing_provides() {
    let with_default = WATCH_CONTRACT.replace("\"app.name\"]\n", "\"app.name\"]\ndefault = { none = \"-\" }\n");
    let changes = with_watch(&[("modules/watch.toml", with_default.as_str())]);
    let networks = |stacks: &str| {
        let environment = rendered_with(&changes, stacks).unwrap_or_else(|found| panic!("{:#?}", told(found)));
        json(&environment.stacks["watch"])["Resources"]["Watch"]["Properties"]["Networks"].clone()
    };
    assert_eq!(networks(WATCH), serde_json::json!({"none": "-"}));
    assert_eq!(
        networks(&format!("{NET}{WATCH}")),
        serde_json::json!({"network": {"Ref": "NetworksNetwork"}})
    );
}

#[test]
fn an_entry_is_known_only_after_its_own_stack_is_deployed() {
    let template = WATCH_TEMPLATE.replace(
        "On: {{ network }}",
        "On: {{ network ~ \"-x\" if name == \"other\" else 1 }}",
    );
    let changes = with_watch(&[("templates/cloudformation/watch.yaml", template.as_str())]);
    let other = NET.replace("network", "other");
    let problem = the_only_with(&changes, &format!("{NET}{other}{WATCH}"));
    assert_eq!(
        problem.message,
        "the template needs the value of `networks`, which is known only after `other` is deployed"
    );
}

#[test]
fn stacks_whose_parameters_would_have_one_name_are_refused() {
    let one = NET.replace("network", "net-2");
    let other = NET.replace("network", "net2");
    let (template, _) = WATCH_TEMPLATE.split_once("{% for").unwrap();
    let template = format!("{template}Outputs:\n  Name:\n    Value: !Ref Watch\n");
    let changes = with_watch(&[("templates/cloudformation/watch.yaml", template.as_str())]);
    let found = told(rendered_with(&changes, &format!("{one}{other}{WATCH}")).unwrap_err());
    assert!(
        found.iter().any(|told| told.starts_with(
            "MLI0308 7:9 net-2.vpc_id and net2.vpc_id would come in through one parameter, `NetworksNet2`"
        )),
        "{found:#?}"
    );
}

#[test]
fn contracts_that_cannot_gather_are_refused_where_it_is_written() {
    let refused = |old: &str, new: &str| {
        let contract = WATCH_CONTRACT.replacen(old, new, 1);
        assert_ne!(contract, WATCH_CONTRACT);
        told(Catalogue::with_overrides(files(&with_watch(&[("modules/watch.toml", contract.as_str())]))).unwrap_err())
    };
    assert_eq!(
        refused("\"app.name\"", "\"net.log_group\""),
        [
            "MLI0201 modules/watch.toml:9:23 `networks` gathers from the module `net` twice | gather the other output in an \
             input of its own"
        ]
    );
    assert_eq!(
        refused("map<string>", "map<boolean>"),
        [
            "MLI0201 modules/watch.toml:9:9 `networks` is `map<boolean>`, and outputs of other stacks are strings or lists \
             of them | a map that gathers is `map<string>` or `map<list<string>>`",
        ]
    );
    assert_eq!(
        refused("map<list<string>>", "map<string>"),
        ["MLI0201 modules/watch.toml:19:8 `subnets` is `map<string>`, but net.subnet_ids is `list<string>`"]
    );
}
