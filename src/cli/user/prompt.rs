use acquire_client::login::PASSWORD_CHARACTERS_MIN;
use acquire_model::{Diagnostic, SecretText};
use std::io::BufRead;

use super::codes;

/// Longest line that is taken from standard input.
const LINE_BYTES_MAX: u64 = 4096;

/// Asks for something that is not shown, on the terminal. `instead` is the flag that spares the question.
pub fn hidden(question: &str, instead: &str) -> Result<SecretText, Vec<Diagnostic>> {
    let typed = rpassword::prompt_password(format!("{question}: ")).map_err(|_| {
        let summary = format!("`{question}` must be typed, but there is no terminal");
        vec![Diagnostic::error(codes::NO_TERMINAL, summary).hint(format!("`{instead}` gives it without a terminal"))]
    })?;
    Ok(SecretText::new(typed))
}

/// Takes the password from the first line of standard input, or asks for it.
pub fn password(from_stdin: bool) -> Result<SecretText, Vec<Diagnostic>> {
    if from_stdin { first_line(&mut std::io::stdin().lock()) } else { hidden("Password", "--password-stdin") }
}

/// Takes a new password, asking twice.
pub fn new_password(from_stdin: bool) -> Result<SecretText, Vec<Diagnostic>> {
    let password = password(from_stdin)?;
    let wrong = |summary: String| vec![Diagnostic::error(codes::PASSWORD, summary)];
    if password.expose().chars().count() < PASSWORD_CHARACTERS_MIN {
        return Err(wrong(format!("a password has at least {PASSWORD_CHARACTERS_MIN} characters; 15 are better")));
    }
    if !from_stdin && hidden("Again", "--password-stdin")? != password {
        return Err(wrong("the two passwords differ".to_owned()));
    }
    Ok(password)
}

fn first_line(input: &mut impl BufRead) -> Result<SecretText, Vec<Diagnostic>> {
    let failed = |problem: String| vec![Diagnostic::error(codes::NO_TERMINAL, problem)];
    let mut line = String::new();
    std::io::Read::take(input, LINE_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|e| failed(format!("standard input cannot be read: {e}")))?;
    let line = SecretText::new(line);
    let password = line.expose().trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(failed("standard input has no password in its first line".to_owned()));
    }
    Ok(SecretText::new(password))
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
