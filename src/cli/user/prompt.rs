use acquire_client::login::PASSWORD_CHARACTERS_MIN;
use acquire_model::{Diagnostic, SecretText};
use std::fs::OpenOptions;
use std::io::{BufRead, IsTerminal, stderr};

use super::codes;

/// Longest line that is taken from standard input.
const LINE_BYTES_MAX: u64 = 4096;

/// Something that is asked for without being shown.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    what: &'static str,
    /// The flag that spares the question.
    instead: &'static str,
}

/// The password.
pub const PASSWORD: Question = Question { what: "Password", instead: "--password-stdin" };
/// The same password.
const AGAIN: Question = Question { what: "Password again", instead: "--password-stdin" };
/// The one-time code.
pub const CODE: Question = Question { what: "One-time code", instead: "--otp-code CODE" };

/// Makes sure that questions can be asked: somebody watches, and there is a terminal.
pub fn must_be_able(questions: &[Question]) -> Result<(), Vec<Diagnostic>> {
    let terminal = || OpenOptions::new().read(true).write(true).open("/dev/tty");
    if questions.is_empty() || stderr().is_terminal() && terminal().is_ok() {
        return Ok(());
    }
    let joined = |word: &dyn Fn(&Question) -> String| questions.iter().map(word).collect::<Vec<_>>().join(" and ");
    let what = joined(&|question| question.what.to_lowercase());
    let flags = joined(&|question| format!("`{}`", question.instead));
    let summary = format!("{what} must be typed, but there is no terminal");
    Err(vec![Diagnostic::error(codes::NO_TERMINAL, summary).hint(format!("without one, give {flags}"))])
}

/// Asks on the terminal.
pub fn hidden(question: Question) -> Result<SecretText, Vec<Diagnostic>> {
    must_be_able(&[question])?;
    let typed = rpassword::prompt_password(format!("{}: ", question.what)).map_err(|_| {
        let summary = format!("no {} was typed", question.what.to_lowercase());
        vec![Diagnostic::error(codes::NO_TERMINAL, summary).hint(format!("`{}` gives it", question.instead))]
    })?;
    Ok(SecretText::new(typed))
}

/// Takes the password from the first line of standard input.
pub fn piped_password() -> Result<SecretText, Vec<Diagnostic>> {
    first_line(&mut std::io::stdin().lock())
}

/// Takes a new password; who types it types it twice.
pub fn new_password(from_stdin: bool) -> Result<SecretText, Vec<Diagnostic>> {
    let wrong = |summary: String, hint| Err(vec![Diagnostic::error(codes::PASSWORD, summary).hint(hint)]);
    let new = if from_stdin { piped_password()? } else { hidden(PASSWORD)? };
    if new.expose().chars().count() < PASSWORD_CHARACTERS_MIN {
        let summary = format!("a password has at least {PASSWORD_CHARACTERS_MIN} characters; 15 are better");
        return wrong(summary, "choose a longer one, or let a password manager draw it");
    }
    if !from_stdin && hidden(AGAIN)? != new {
        return wrong("the two passwords differ".to_owned(), "nothing was done: try again");
    }
    Ok(new)
}

fn first_line(input: &mut impl BufRead) -> Result<SecretText, Vec<Diagnostic>> {
    let failed = |problem: &str| {
        let problem = format!("standard input {problem}");
        vec![Diagnostic::error(codes::NO_TERMINAL, problem).hint("`--password-stdin` takes its first line: `… < FILE`")]
    };
    let mut line = String::new();
    std::io::Read::take(input, LINE_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|_| failed("cannot be read, or is no text"))?;
    let line = SecretText::new(line);
    let password = line.expose().trim_end_matches(['\r', '\n']);
    if password.is_empty() { Err(failed("has no password in its first line")) } else { Ok(SecretText::new(password)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line_without_its_end() {
        for (input, password) in [("a b\n", "a b"), ("secret", "secret"), ("secret\r\nmore\n", "secret")] {
            assert_eq!(first_line(&mut input.as_bytes()).unwrap().expose(), password);
        }
        assert!(first_line(&mut "".as_bytes()).is_err());
        assert!(first_line(&mut "\nsecret\n".as_bytes()).is_err());
    }
}
