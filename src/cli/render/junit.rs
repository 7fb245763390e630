//! The results of tests as JUnit XML, as build servers read it.

use acquire_engine::scenario::Command;
use acquire_model::Diagnostic;
use std::time::Duration;

use super::diagnostics;

/// What the runs of one test file came to.
#[derive(Debug)]
pub struct Suite {
    /// The file.
    pub file: String,
    /// Its runs.
    pub cases: Vec<Case>,
}

/// What one run came to.
#[derive(Debug)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// What it did.
    pub command: Command,
    /// How long it took.
    pub took: Duration,
    /// Why it failed; it did not, if there is nothing.
    pub failures: Vec<Diagnostic>,
}

impl Suite {
    /// How many runs failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.failures.is_empty()).count()
    }

    fn took(&self) -> Duration {
        self.cases.iter().map(|case| case.took).sum()
    }
}

/// Writes the document.
pub fn document(suites: &[Suite]) -> String {
    let runs: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failed: usize = suites.iter().map(Suite::failed).sum();
    let took: Duration = suites.iter().map(Suite::took).sum();
    let inside: String = suites.iter().map(suite).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"acquire\" tests=\"{runs}\" failures=\"{failed}\" errors=\"0\" time=\"{}\">\n\
         {inside}</testsuites>\n",
        seconds(took)
    )
}

fn suite(suite: &Suite) -> String {
    let inside: String = suite.cases.iter().map(|case| self::case(&suite.file, case)).collect();
    let (file, runs, failed, took) = (escaped(&suite.file), suite.cases.len(), suite.failed(), seconds(suite.took()));
    format!(
        "  <testsuite name=\"{file}\" tests=\"{runs}\" failures=\"{failed}\" errors=\"0\" time=\"{took}\">\n\
         {inside}  </testsuite>\n"
    )
}

fn case(file: &str, case: &Case) -> String {
    let (name, class, took) = (escaped(&case.name), escaped(file), seconds(case.took));
    let head = format!("    <testcase name=\"{name}\" classname=\"{class}\" time=\"{took}\"");
    let Some(first) = case.failures.first() else { return format!("{head}/>\n") };
    let (message, code) = (escaped(&first.summary), first.code);
    let text = escaped(diagnostics(&case.failures, false).trim_end());
    format!("{head}>\n      <failure message=\"{message}\" type=\"{code}\">{text}</failure>\n    </testcase>\n")
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// A text as it may stand in XML, between tags and in quotes. What XML cannot say at all is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use acquire_model::{Code, Span};

    #[test]
    fn a_failure_is_written_with_its_message_and_nothing_breaks_out_of_it() {
        let case = |name: &str, failures| Case {
            name: name.to_owned(),
            command: Command::Plan,
            took: Duration::from_millis(1500),
            failures,
        };
        let place = Span { file: "a.test.yaml".to_owned(), line: 3, column: 7, length: 1 };
        let failure = Diagnostic::error(Code(150), "1 < 2 && \"x\"").at(place, "]]> \u{1b}[31m");
        let suites = [
            Suite {
                file: "a.test.yaml".to_owned(),
                cases: vec![case("<good>", Vec::new()), case("bad", vec![failure])],
            },
            Suite { file: "b.test.yaml".to_owned(), cases: Vec::new() },
        ];
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"acquire\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"3.000\">
  <testsuite name=\"a.test.yaml\" tests=\"2\" failures=\"1\" errors=\"0\" time=\"3.000\">
    <testcase name=\"&lt;good&gt;\" classname=\"a.test.yaml\" time=\"1.500\"/>
    <testcase name=\"bad\" classname=\"a.test.yaml\" time=\"1.500\">
      <failure message=\"1 &lt; 2 &amp;&amp; &quot;x&quot;\" type=\"ACQ0150\">error[ACQ0150]: 1 &lt; 2 &amp;&amp; &quot;x&quot;
  ┌─ a.test.yaml:3:7
  │ ]]&gt; \u{fffd}[31m</failure>
    </testcase>
  </testsuite>
  <testsuite name=\"b.test.yaml\" tests=\"0\" failures=\"0\" errors=\"0\" time=\"0.000\">
  </testsuite>
</testsuites>
";
        assert_eq!(document(&suites), expected);
    }
}
