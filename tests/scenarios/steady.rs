//! What differs from run to run, made the same.

use regex::Regex;
use std::path::Path;
use std::sync::LazyLock;

/// What is replaced, in this order.
const RULES: [(&str, &str); 15] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", "MOMENT"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "MOMENT"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\b[0-9a-f]{64}\b", "SHA256"),
    (r"\b[0-9a-f]{32}\b", "LINEAGE"),
    (r"\b[0-9a-f]{4,12}…", "HEX…"),
    (r#"("(?:at|took|wait)_seconds":)[0-9.e-]+"#, "${1}0.0"),
    (r"\b\d+(\.\d)? s\b", "TIME"),
    (r"(127\.0\.0\.1|localhost):\d+", "${1}:PORT"),
    (r"\bprocess \d+ on \S+ since", "process PID on MACHINE since"),
    (r"\bpid \d+\b", "pid PID"),
    (r"\ba0-a\d+\b", "UID"),
    // How many events a run writes is the journal's own business.
    (r#"(serial(?:":| =)? ?)[1-9]\d*"#, "${1}N"),
    (r#""version":"[0-9.]+""#, r#""version":"VERSION""#),
    (r"\b(lineage|this one is) [0-9a-f]{4}\b", "${1} HEX"),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| RULES.iter().map(|(pattern, with)| (Regex::new(pattern).unwrap(), *with)).collect());

/// Returns a text without times, places, ports and whatever was drawn.
pub fn text(text: &str, directory: &Path) -> String {
    let named = [directory.canonicalize().unwrap(), directory.to_owned()];
    let text = named.iter().fold(text.to_owned(), |text, path| text.replace(path.to_str().unwrap(), "DIR"));
    COMPILED.iter().fold(text, |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
}

/// Sorts lines about single steps that follow each other.
pub fn sorted(text: &str) -> String {
    let is_step = |line: &str| {
        let is_progress = line.starts_with("  ") && line.contains("  TIME") && line.contains('/');
        is_progress || line.starts_with("{\"event\":\"step\"")
    };
    let mut lines: Vec<&str> = text.lines().collect();
    for run in lines.chunk_by_mut(|one, other| is_step(one) && is_step(other)) {
        run.sort_unstable();
    }
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}
