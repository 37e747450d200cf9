//! Asking before something is changed. Never waits where nobody can answer.

use std::io::{BufRead, IsTerminal};

use super::context::Context;
use super::error::CommandError;
use crate::diagnostic::{Problem, codes};

/// A question whose answer has to be typed in full.
#[derive(Debug)]
pub struct Question<'a> {
    /// What is asked; ends in what to type.
    pub text: String,
    /// The only answer that means yes.
    pub expected: &'a str,
    /// What to pass on the command line in place of an answer.
    pub flag: &'a str,
}

/// Waits for the answer. No terminal or `--no-input`: an error that names the flag. Any other answer, or Ctrl-C: an
/// error that says that nothing was changed.
pub async fn ask(context: &Context, question: Question<'_>) -> Result<(), CommandError> {
    let nobody = if context.no_input() {
        Some("--no-input forbids to ask")
    } else if !std::io::stdin().is_terminal() {
        Some("there is no terminal to ask at")
    } else {
        None
    };
    if let Some(why) = nobody {
        let problem = Problem::error(codes::NEEDS_ANSWER, format!("this needs consent, and {why}"))
            .note("nothing was changed")
            .hint(format!("look at the plan first, then add {}", question.flag));
        return Err(problem.into());
    }
    context.view().ask(&question.text);
    let stop = context.stop();
    let (sender, answer) = tokio::sync::oneshot::channel();
    // A thread of its own, because reading a line cannot be cancelled: whoever is interrupted does not wait for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let _ = sender.send(read.map(|_| line));
    });
    let typed = tokio::select! {
        typed = answer => typed,
        () = stop.cancelled() => {
            context.view().note("");
            return Err(context.interrupted("interrupted before anything was changed"));
        }
    };
    match typed {
        Ok(Ok(line)) if line.trim() == question.expected => Ok(()),
        Ok(Ok(line)) => {
            let typed = line.trim();
            let said = if typed.is_empty() {
                "no answer".to_owned()
            } else {
                format!("`{typed}`")
            };
            Err(Problem::error(
                codes::DECLINED,
                format!("not done: {said} is not `{}`", question.expected),
            )
            .note("nothing was changed")
            .into())
        }
        Ok(Err(error)) => Err(Problem::error(codes::DECLINED, format!("cannot read the answer: {error}")).into()),
        Err(_) => Err(Problem::error(codes::DECLINED, "no answer came")
            .note("nothing was changed")
            .into()),
    }
}
