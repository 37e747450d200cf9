use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::spec::Data;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source {
        path: "environments/dev.toml".to_owned(),
        text: text.to_owned(),
    })
}

fn formatted(text: &str) -> String {
    format(&source(text), &ENVIRONMENT).unwrap()
}

#[test]
fn tables_and_keys_take_their_customary_order_and_comments_go_with_them() {
    let text = "\
# What this file is for.

# ---- shipping
[workloads.scorer]
image = { context='.' }
on = \"cluster\"
kind=\"api\" # answers requests

# ---- stacks
#
# Two of them.

[stacks.cluster]
version = '1.34'
# Which one.
module = \"eks\"
[stacks.cluster.pod_identities.scorer]
models = \"read\"
[stacks.a-network]
module = \"vpc\"

[environment]
on_failure = \"keep\"
region = \"us-east-1\"
account = \"111122223333\"
# role_arn = \"\"

[project]
name = \"acme\"
";
    insta::assert_snapshot!(formatted(text), @r##"
    # What this file is for.

    [project]
    name = "acme"

    [environment]
    account    = "111122223333"
    region     = "us-east-1"
    on_failure = "keep"
    # role_arn = ""

    # ---- stacks
    #
    # Two of them.

    [stacks.cluster]
    # Which one.
    module  = "eks"
    version = '1.34'

    [stacks.cluster.pod_identities.scorer]
    models = "read"

    [stacks.a-network]
    module = "vpc"

    # ---- shipping
    [workloads.scorer]
    kind  = "api" # answers requests
    on    = "cluster"
    image = { context = '.' }
    "##);
}

#[test]
fn groups_stay_apart_and_only_neighbours_are_aligned() {
    let text = "\
[stacks.network]


cidr = \"10.0.0.0/16\"
nat_gateways=\"single\"   # cheap
flow_logs = \"all\" # everything
# Only for a week.
flow_logs_retention_days = 7



module = \"vpc\"
zones = 2
";
    insta::assert_snapshot!(formatted(text), @r#"
    [stacks.network]
    module       = "vpc"
    cidr         = "10.0.0.0/16"
    nat_gateways = "single" # cheap
    flow_logs    = "all"    # everything
    # Only for a week.
    flow_logs_retention_days = 7

    zones = 2
    "#);
}

#[test]
fn a_table_stays_with_its_stack_and_the_order_of_stacks_is_the_authors() {
    let text = "[stacks.b.deep]\nx = 1\n[stacks.a]\nmodule = \"vpc\"\n[stacks.b]\nmodule = \"eks\"\n";
    insta::assert_snapshot!(formatted(text), @r#"
    [stacks.b]
    module = "eks"

    [stacks.b.deep]
    x = 1

    [stacks.a]
    module = "vpc"
    "#);
}

#[test]
fn tables_in_a_list_keep_their_order() {
    let text = "[[waivers]]\nexpires=2027-06-30\nrule = \"b\"\n[waivers.scope]\na = 1\n[[waivers]]\nrule = \"a\"\n[project]\nname = \"x\"\n";
    insta::assert_snapshot!(formatted(text), @r#"
    [project]
    name = "x"

    [[waivers]]
    rule    = "b"
    expires = 2027-06-30

    [waivers.scope]
    a = 1

    [[waivers]]
    rule = "a"
    "#);
}

#[test]
fn a_long_array_has_one_item_a_line_and_a_short_one_keeps_the_lines_that_its_author_asked_for() {
    let text = r#"
[stacks.cluster]
short = [ "a","b" ,  "c" ]
joined = [
  "a",
  "b"
]
kept = ["a",
  "b", ]
admin_role_arns = ["arn:aws:iam::333344445555:role/platform-admin", "arn:aws:iam::333344445555:role/mlinfra-deploy"]
commented = [ # all of them
  "a", # the first

  # the second
  "b" # last
  # none after it
]
nested = [ { key = "nvidia.com/gpu", effect = "NO_SCHEDULE" }, { key = "dedicated", effect = "NO_EXECUTE" } ]
empty = [ ]
"#;
    insta::assert_snapshot!(formatted(text), @r#"
    [stacks.cluster]
    short           = ["a", "b", "c"]
    joined          = ["a", "b"]
    kept            = [
      "a",
      "b",
    ]
    admin_role_arns = [
      "arn:aws:iam::333344445555:role/platform-admin",
      "arn:aws:iam::333344445555:role/mlinfra-deploy",
    ]
    commented       = [
      # all of them
      "a", # the first

      # the second
      "b", # last
      # none after it
    ]
    nested          = [
      { key = "nvidia.com/gpu", effect = "NO_SCHEDULE" },
      { key = "dedicated", effect = "NO_EXECUTE" },
    ]
    empty           = []
    "#);
}

#[test]
fn what_a_value_looks_like_is_its_authors_business() {
    let values = [
        "0xDEAD_beef",
        "0o755",
        "0b1",
        "1_000_000",
        "+1",
        "1e3",
        "6.626e-34",
        "+inf",
        "nan",
        "1979-05-27T07:32:00-08:00",
        "1979-05-27 07:32:00",
        "1979-05-27",
        "07:32:00.999",
        "'C:\\temp'",
        "\"tab\\t\\u00e9\"",
        "\"\"\"\n  two  \n  lines\\\n  joined # no comment\"\"\"",
        "'''\nraw \"\"\" # no comment\n'''",
        "\"\"\"ends in quotes\"\"\"\"\"",
        "{ }",
        "{ a.b = 1, \"c d\" = [1, [2]] }",
    ];
    for value in values {
        let out = formatted(&format!("[tags]\n  x   =  {value}   # why\n"));
        let expected = value.replace("{ }", "{}");
        assert_eq!(out, format!("[tags]\nx = {expected} # why\n"));
    }
}

#[test]
fn quoted_and_dotted_keys_keep_their_quotes_and_lose_their_blanks() {
    assert_eq!(
        formatted("[ stacks . \"a\" ]\nb . 'c = # d' . e=1\n\"b\".f  = 2\n[stacks.a.b.g]\nh=1\n"),
        "[stacks.\"a\"]\nb.'c = # d'.e = 1\n\"b\".f         = 2\n\n[stacks.a.b.g]\nh = 1\n"
    );
}

#[test]
fn line_endings_byte_order_marks_tabs_and_blank_ends_go() {
    // Inside of a string a line ending is part of the value.
    assert_eq!(
        formatted("\u{feff}# a \t\r\n\r\n\r\n[tags]\t\r\n\ta\t=\t\"1\"  \r\ntext = '''\r\nx\r\n'''\r\n\r\n\r\n# end"),
        "# a\n\n[tags]\na    = \"1\"\ntext = '''\r\nx\r\n'''\n\n# end\n"
    );
    assert_eq!(formatted(""), "");
    assert_eq!(formatted("\n\n"), "");
    assert_eq!(formatted("# only\n\n\n# comments"), "# only\n\n# comments\n");
}

#[test]
fn a_comment_under_the_last_key_stays_there_and_one_above_a_table_moves_with_it() {
    let text =
        "[tags]\na = \"1\"\n# b = \"2\"\n\n# about the project\n[project]\nname = \"x\"\n# last\n\n# end of file\n";
    insta::assert_snapshot!(formatted(text), @r##"
    # about the project
    [project]
    name = "x"
    # last

    [tags]
    a = "1"
    # b = "2"

    # end of file
    "##);
}

#[test]
fn a_schema_directive_stays_in_the_first_line() {
    assert_eq!(
        formatted("#:schema .schema.json\n[tags]\na = \"1\"\n[project]\nname = \"x\"\n"),
        "#:schema .schema.json\n\n[project]\nname = \"x\"\n\n[tags]\na = \"1\"\n"
    );
}

#[test]
fn what_nothing_is_known_of_keeps_its_place() {
    let text = "[zebra]\nb = 1\na = 2\n\n[project]\nname = \"x\"\n";
    assert_eq!(format(&source(text), &PLAIN).unwrap(), text);
    assert_eq!(formatted(text), "[project]\nname = \"x\"\n\n[zebra]\nb = 1\na = 2\n");
}

#[test]
fn broken_toml_is_told_as_everywhere() {
    let problems = format(&source("[a\nb = 1\n"), &ENVIRONMENT).unwrap_err();
    assert_eq!(problems.0[0].code, codes::TOML_SYNTAX);
    assert_eq!(problems.0[0].labels[0].span.line_column().0, 1);
}

#[test]
fn the_check_sees_a_lost_comment_and_a_changed_value() {
    assert_eq!(same::same("a = 1 # x\n", "# x\na = 1\n"), Ok(()));
    assert_eq!(same::same("a = nan\n", "a=nan"), Ok(()));
    for after in [
        "a = 1\n",
        "a = 1 # y\n",
        "a = 2 # x\n",
        "a = 1.0 # x\n",
        "a = 1 # x\nb = 1\n",
    ] {
        assert!(same::same("a = 1 # x\n", after).is_err(), "{after}");
    }
    assert!(same::same("a = [1, 2]\n", "a = [2, 1]\n").is_err());
}

#[test]
fn a_diff_shows_lines_and_where_they_are() {
    let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\r\n11";
    let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n";
    insta::assert_snapshot!(unified("a.toml", before, after), @r"
    --- a.toml
    +++ a.toml (formatted)
    @@ -2,10 +2,11 @@
     2
     3
     4
    -5
    +five
     6
     7
     8
     9
    -10^M
    -11
    \ No newline at end of file
    +10
    +11
    +12
    ");
    assert_eq!(first_difference(before, after), Some(5));
    assert_eq!(first_difference("a\n", "a\n"), None);
    assert_eq!(first_difference("a", "a\n"), Some(2));
    assert_eq!(unified("a", "x", "x"), "");
}

/// Environment files as careless people write them: valid, in any order, with comments and blanks anywhere.
fn careless() -> impl Strategy<Value = String> {
    const HEADERS: [&str; 12] = [
        "[environment]",
        "[ project ]",
        "[tags]",
        "[stacks.b]",
        "[stacks.a]",
        "[stacks.a.deep.er]",
        "[stacks.\"c d\"]",
        "[workloads.w]",
        "[[waivers]]",
        "[[waivers]]",
        "[unknown.x]",
        "[backend]",
    ];
    const KEYS: [&str; 9] = [
        "module",
        "kind",
        "account",
        "on_failure",
        "extends",
        "q . r",
        "q.s",
        "\"a = b # c\"",
        "name",
    ];
    const VALUES: [&str; 14] = [
        "1",
        "'a'",
        "[1,2 ,3]",
        "[ # c\n 1, # d\n\n # e\n 2\n # f\n ]",
        "[\n1,\n2,]",
        "{a=1,b = [1,2]}",
        "{ a.b = 1, c = [ 1,\n 2, # g\n] }",
        "\"\"\"\nx # y \n\n\n z\"\"\"",
        "'''\n'''",
        "1979-05-27",
        "nan",
        "[[1],[ 'a long item, long enough for two of them not to fit', 'into a line of a hundred columns' ]]",
        "\"a\\\"b#\"",
        "[]",
    ];
    const TRIVIA: [&str; 9] = [
        "",
        "",
        "",
        "\n",
        "\n\n\n",
        "# c1\n",
        "  # c2  \n\n# c3\n",
        "\n# c4\n\n",
        "\r\n#\r\n",
    ];
    let entry = (0..TRIVIA.len(), 0..VALUES.len(), 0..4usize).prop_map(|(trivia, value, style)| (trivia, value, style));
    let keys = prop::sample::subsequence(KEYS.to_vec(), 0..5).prop_shuffle();
    let table = (keys, prop::collection::vec(entry, 9), 0..TRIVIA.len());
    let headers = prop::sample::subsequence(HEADERS.to_vec(), 0..HEADERS.len()).prop_shuffle();
    (
        headers,
        prop::collection::vec(table, HEADERS.len() + 1),
        0..TRIVIA.len(),
    )
        .prop_map(|(headers, tables, end)| {
            let mut text = String::new();
            for (index, (keys, entries, above)) in tables.into_iter().enumerate() {
                match index.checked_sub(1).map(|at| headers.get(at)) {
                    None => {}
                    Some(None) => break,
                    Some(Some(header)) => text.push_str(&format!("{}{header} # h\n", TRIVIA[above])),
                }
                for (key, (trivia, value, style)) in keys.iter().zip(entries) {
                    let (blanks, behind) = [("", ""), (" ", " # t"), ("\t", "\t"), ("   ", " #")][style];
                    text.push_str(&format!(
                        "{}{key}{blanks}={blanks}{}{behind}\n",
                        TRIVIA[trivia], VALUES[value]
                    ));
                }
            }
            text + TRIVIA[end]
        })
}

/// The names in `[stacks]` in their order.
fn stacks(text: &str) -> Vec<String> {
    match syntax::parse(&source(text))
        .unwrap()
        .get("stacks")
        .map(|entry| &entry.value.value)
    {
        Some(Data::Table(stacks)) => stacks.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_line_that_ends_anywhere_is_formatted_or_told() {
    let text = "a = { b = 1, c.d = [2, { \"e\".f = 3 }] }\ng . h = 'i'\n[[j.k]]\nl = { m = { n = 4 } }\n";
    for slip in ["\n", "#\n", " # x\n ", "\r\n", "#"] {
        for place in 0..=text.len() {
            let mut text = text.to_owned();
            text.insert_str(place, slip);
            for layout in [&ENVIRONMENT, &PLAIN] {
                if let Err(problems) = format(&source(&text), layout) {
                    let told = problems.0.iter().all(|problem| problem.code != codes::FILE_UNWRITABLE);
                    assert!(told, "{text}\n{problems:?}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn formatting_keeps_every_value_and_comment_and_comes_to_rest_at_once(text in careless()) {
        let first = once(&text, &ENVIRONMENT).unwrap();
        prop_assert_eq!(same::same(&text, &first), Ok(()));
        prop_assert_eq!(&once(&first, &ENVIRONMENT).unwrap(), &first);
        prop_assert_eq!(format(&source(&text), &ENVIRONMENT).unwrap(), first.clone());
        prop_assert_eq!(once(&once(&text, &PLAIN).unwrap(), &ENVIRONMENT).unwrap(), first);
    }

    #[test]
    fn what_comes_out_has_one_blank_line_at_most_and_none_at_its_ends(text in careless()) {
        let text = text.replace("\n\n\n z", "z");
        let out = formatted(&text);
        prop_assert!(!out.contains("\n\n\n") && !out.starts_with('\n') && !out.ends_with("\n\n"), "{}", out);
        prop_assert!(out.is_empty() || out.ends_with('\n'));
        prop_assert!(!out.contains(['\r', '\t']), "{}", out);
    }

    #[test]
    fn a_file_with_a_slip_in_it_is_formatted_or_told_to_be_no_toml(at in any::<prop::sample::Index>(), slip in "[\\[\\]{}=\"'#,.\n a1]{1,3}") {
        for text in [include_str!("../../../environments/common.toml"), include_str!("../../../modules/eks.toml")] {
            let mut text = text.to_owned();
            let mut place = at.index(text.len());
            while !text.is_char_boundary(place) {
                place -= 1;
            }
            text.insert_str(place, &slip);
            if let Err(problems) = format(&source(&text), &ENVIRONMENT) {
                prop_assert!(problems.0.iter().all(|problem| problem.code != codes::FILE_UNWRITABLE), "{:?}", problems);
            }
        }
    }

    #[test]
    fn a_stack_never_changes_places_with_another(order in Just(vec!["b", "a", "d", "c"]).prop_shuffle()) {
        let text: String = order.iter().map(|name| format!("[stacks.{name}.x]\n[tags.{name}]\n[stacks.{name}]\n")).collect();
        prop_assert_eq!(stacks(&formatted(&text)), order);
    }
}
