//! What a module is shown by: a configuration of it, and what that consists of.

use super::super::{Sample, SampleOrigin, anatomy, sample};
use super::*;

/// A sample of `app` beside these tests.
fn of_app(tests: Option<&str>) -> Sample {
    let mut files = files(&[]);
    if let Some(tests) = tests {
        files.insert("modules/app.test.toml".to_owned(), tests.to_owned());
    }
    let catalogue = Catalogue::with_overrides(files).unwrap();
    let sample = sample(catalogue.get("app").unwrap(), &catalogue);
    let environment = sample
        .environment(false)
        .unwrap_or_else(|found| panic!("{:#?}", told(found)));
    render(&environment, &catalogue).unwrap_or_else(|found| panic!("{:#?}", told(found)));
    sample
}

#[test]
fn without_tests_a_module_is_shown_with_the_stacks_that_it_cannot_be_without() {
    let sample = of_app(None);
    assert_eq!(sample.origin, SampleOrigin::Contract);
    assert_eq!(
        sample.stacks,
        "[stacks.net]\nmodule = \"net\"\ncidr   = \"10.0.0.0/16\"\n\n[stacks.app]\nmodule = \"app\"\n"
    );
}

#[test]
fn the_first_case_that_renders_is_what_a_module_is_shown_by() {
    let sample = of_app(Some(
        "[defaults.stacks.network]\nmodule = \"net\"\ncidr = \"10.1.0.0/16\"\n\n\
         [cases.refused]\ninputs = { label = 1 }\nexpect.errors = [{ says = \"x\" }]\n\n\
         [cases.labelled]\ninputs = { label = \"a b\" }\nstacks.network.zones = 3\n",
    ));
    assert_eq!(sample.origin, SampleOrigin::Case("labelled".to_owned()));
    assert_eq!(
        sample.stacks,
        "[stacks.network]\nmodule = \"net\"\ncidr   = \"10.1.0.0/16\"\nzones  = 3\n\n\
         [stacks.app]\nmodule = \"app\"\nlabel  = \"a b\"\n"
    );
}

#[test]
fn a_stack_is_its_resources_what_they_refer_to_and_what_they_take() {
    let environment = rendered(&format!("{NET}{APP}"));
    let network = anatomy(&environment.stacks["network"]);
    let ids: Vec<&str> = network.resources.iter().map(|resource| resource.id.as_str()).collect();
    assert_eq!(ids, ["Vpc", "Subnet0", "Subnet1"]);
    assert_eq!(
        network.uses,
        [("Subnet0", "Vpc"), ("Subnet1", "Vpc")].map(|(from, to)| (from.to_owned(), to.to_owned()))
    );
    assert!(network.takes.is_empty());
    let app = anatomy(&environment.stacks["app"]);
    let taken: Vec<&str> = app.takes.iter().map(|(_, output)| output.output.as_str()).collect();
    assert_eq!(taken, ["vpc_id", "subnet_ids"]);
}

#[test]
fn what_is_copied_of_a_built_in_module_is_all_that_it_is_made_of() {
    let files = super::super::built_in_files("vpc");
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "modules/vpc.toml",
            "templates/cloudformation/vpc.yaml",
            "modules/vpc.test.toml"
        ]
    );
    let texts = files.into_iter().map(|file| (file.path, file.text)).collect();
    let catalogue = Catalogue::with_overrides(texts).unwrap();
    let (own, built_in) = (catalogue.get("vpc").unwrap(), Catalogue::built_in());
    assert_eq!(own.template.text, built_in.get("vpc").unwrap().template.text);
    assert!(super::super::built_in_files("nothing").is_empty());
}

#[test]
fn what_costs_names_inputs_that_there_are() {
    let contract = |price: &str| {
        let files = BTreeMap::from([
            ("modules/net.toml".to_owned(), format!("{NET_CONTRACT}{price}")),
            ("templates/cloudformation/net.yaml".to_owned(), NET_TEMPLATE.to_owned()),
        ]);
        Catalogue::with_overrides(files).map(|catalogue| catalogue.get("net").unwrap().price.clone())
    };
    let price =
        contract("[[price]]\nitem = \"NAT gateway\"\nunit = \"hour\"\ninputs = [\"nat\"]\ndoc = \"One a zone.\"\n");
    assert_eq!(price.unwrap()[0].inputs, ["nat"]);
    let problems =
        contract("[[price]]\nitem = \"NAT gateway\"\ninputs = [\"nt\"]\ndoc = \"One a zone.\"\n").unwrap_err();
    let found = told(problems);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found.iter().any(|line| line.contains("did you mean `nat`?")),
        "{found:#?}"
    );
    assert!(
        found.iter().any(|line| line.contains("a price has no `unit`")),
        "{found:#?}"
    );
}
