//! `mlinfra explain`: what a problem's code means at length.

use super::context::Context;
use super::{CommandError, Done, Kind, Outcome};
use crate::cli::ExplainArgs;
use crate::diagnostic::explain::{area, search};
use crate::diagnostic::{Code, Problem, Problems, closest, codes, explain};
use crate::policy;
use crate::view::report::{CodeLine, CodeList, Explained};

/// Explains the codes that are named, or lists those that the words find.
pub fn run(context: &Context, args: &ExplainArgs) -> Outcome {
    match asked(&args.codes)? {
        Asked::Texts(found) => context.view().explanations(&found),
        Asked::List(found) => context.view().codes(&list(found)),
    }
    Ok(Done::Fine)
}

/// What is to be shown.
#[derive(Debug, PartialEq)]
enum Asked {
    Texts(Vec<Explained>),
    List(Vec<Code>),
}

fn asked(arguments: &[String]) -> Result<Asked, CommandError> {
    if arguments.is_empty() {
        return Ok(Asked::List(codes::ALL.iter().map(|(code, _)| *code).collect()));
    }
    if let [only] = arguments
        && let Some(hundred) = hundred(only)
    {
        let found: Vec<Code> = codes::ALL
            .iter()
            .map(|(code, _)| *code)
            .filter(|code| code.0 / 100 == hundred)
            .collect();
        return if found.is_empty() {
            Err(unknown(format!("there are no codes {}", only.to_lowercase())).into())
        } else {
            Ok(Asked::List(found))
        };
    }
    let read: Vec<Option<Code>> = arguments.iter().map(|argument| code(argument)).collect();
    if read.iter().any(Option::is_some) {
        return texts(arguments, &read);
    }
    match search(arguments).as_slice() {
        [] => Err(CommandError::from(nothing_found(arguments)).of_kind(Kind::Usage)),
        [only] => Ok(Asked::Texts(text(*only).into_iter().collect())),
        found => Ok(Asked::List(found.to_vec())),
    }
}

/// What is written as a code, or the code of the rule of that id.
fn code(argument: &str) -> Option<Code> {
    Code::parse(argument).or_else(|| policy::find(argument).map(|rule| rule.code))
}

fn texts(arguments: &[String], read: &[Option<Code>]) -> Result<Asked, CommandError> {
    let mut problems = Problems::default();
    let mut found: Vec<Explained> = Vec::new();
    for (argument, code) in arguments.iter().zip(read) {
        match code.and_then(text) {
            Some(text) if found.iter().any(|earlier| earlier.code == text.code) => {}
            Some(text) => found.push(text),
            None => problems.push(no_code(argument, *code)),
        }
    }
    if problems.is_empty() {
        Ok(Asked::Texts(found))
    } else {
        Err(CommandError::from(problems).of_kind(Kind::Usage))
    }
}

fn text(code: Code) -> Option<Explained> {
    explain(code).map(|text| Explained {
        code,
        title: code.title(),
        cause: text.cause,
        example: text.example,
        fix: text.fix,
    })
}

fn list(found: Vec<Code>) -> CodeList {
    let line = |code: Code| CodeLine {
        code,
        title: code.title(),
        area: area(code),
    };
    CodeList {
        codes: found.into_iter().map(line).collect(),
    }
}

/// `04xx`, `4xx` and `MLI04xx`: the hundred.
fn hundred(argument: &str) -> Option<u16> {
    let lower = argument.to_lowercase();
    lower
        .strip_prefix("mli")
        .unwrap_or(&lower)
        .strip_suffix("xx")?
        .parse()
        .ok()
}

fn unknown(message: String) -> Problem {
    Problem::error(codes::UNKNOWN_CODE, message).hint("`mlinfra explain` lists all codes")
}

/// A code that is not in the registry: those of the same ten are what was probably meant.
fn no_code(argument: &str, code: Option<Code>) -> Problem {
    let Some(code) = code else {
        return unknown(format!("`{argument}` is not a code such as MLI0421"));
    };
    let mut near: Vec<&(Code, &str)> = codes::ALL
        .iter()
        .filter(|(known, _)| known.0.abs_diff(code.0) <= 2 && known.0 / 10 == code.0 / 10)
        .collect();
    near.sort_by_key(|(known, _)| known.0.abs_diff(code.0));
    let problem = Problem::error(codes::UNKNOWN_CODE, format!("there is no code {code}"));
    match near.first() {
        Some((known, title)) => problem.hint(format!("did you mean {known}, {title}?")),
        None if codes::ALL.iter().any(|(known, _)| known.0 / 100 == code.0 / 100) => problem.hint(format!(
            "`mlinfra explain {:02}xx` lists its neighbours, `mlinfra explain` all codes",
            code.0 / 100
        )),
        None => problem.hint("`mlinfra explain` lists all codes"),
    }
}

/// Words that no title and no text holds: one of them may be misspelt.
fn nothing_found(words: &[String]) -> Problem {
    let shown = words.join(" ");
    let mut problem = unknown(format!("no explanation holds `{shown}`"));
    for word in words
        .iter()
        .filter(|word| search(std::slice::from_ref(word)).is_empty())
    {
        let titles = codes::ALL.iter().flat_map(|(_, title)| title.split_whitespace());
        if let Some(near) = closest(word, titles.filter(|word| word.len() > 3)) {
            problem = problem.hint(format!("did you mean `{}`?", shown.replace(word.as_str(), near)));
        }
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(line: &str) -> Result<Asked, CommandError> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        asked(&arguments)
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for written in ["MLI0421", "mli421", "0421", "421", "421 mli0421"] {
            let Ok(Asked::Texts(found)) = asking(written) else {
                panic!("{written} is explained")
            };
            let codes: Vec<Code> = found.iter().map(|text| text.code).collect();
            assert_eq!(codes, [codes::UNKNOWN_PROPERTY], "{written}");
        }
    }

    #[test]
    fn a_rule_of_the_policy_is_found_by_its_id() {
        assert_eq!(code("s3-public-access-block"), Some(codes::BUCKET_WITHOUT_ACCESS_BLOCK));
        assert_eq!(code("bucket"), None);
    }

    #[test]
    fn words_and_hundreds_list_codes() {
        let Ok(Asked::List(found)) = asking("unknown property") else {
            panic!("several codes speak of these")
        };
        assert_eq!(found.first(), Some(&codes::UNKNOWN_PROPERTY));
        let Ok(Asked::List(found)) = asking("MLI01XX") else {
            panic!("a hundred is listed")
        };
        assert!(found.contains(&codes::EXTENDS_CYCLE) && found.iter().all(|code| code.0 / 100 == 1));
    }

    #[test]
    fn what_nobody_knows_is_a_wrong_command_line_with_a_suggestion() {
        for (line, hint) in [
            ("MLI0427 MLI0429", "MLI0428"),
            ("4711", "`mlinfra explain` lists"),
            ("1199", "`mlinfra explain 11xx`"),
            ("prperty", "did you mean `property`?"),
            ("99xx", "`mlinfra explain` lists"),
        ] {
            let error = asking(line).unwrap_err();
            assert_eq!(error.kind, Kind::Usage, "{line}");
            let hints = error.problems.0.iter().flat_map(|problem| &problem.hints).cloned();
            let hints: Vec<String> = hints.collect();
            assert!(hints.iter().any(|found| found.contains(hint)), "{line}: {hints:?}");
        }
    }
}
