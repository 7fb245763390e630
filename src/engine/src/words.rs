use strsim::damerau_levenshtein;

/// Longest text for which a suggestion is looked for, in bytes.
const SUGGEST_BYTES_MAX: usize = 64;
/// Shortest beginning of a word that is taken for it, in bytes.
const PREFIX_BYTES_MIN: usize = 3;
/// Most candidates that are looked at.
const CANDIDATES_MAX: usize = 1_000;
/// Longest piece of the spec that a message repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// Returns the candidate that was probably meant: one a few letters away, or one that begins so. Case, `-` and `_` do
/// not count; of equals the first wins.
pub(crate) fn closest<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if wrong.len() > SUGGEST_BYTES_MAX {
        return None;
    }
    let wrong = folded(wrong);
    let most = (wrong.chars().count() / 3).max(1);
    let distance = |candidate: &str| {
        if wrong.len() >= PREFIX_BYTES_MIN && candidate.starts_with(&wrong) {
            return Some(most);
        }
        let is_near = candidate.len().abs_diff(wrong.len()) <= most;
        is_near.then(|| damerau_levenshtein(&wrong, &folded(candidate))).filter(|distance| *distance <= most)
    };
    let candidates = candidates.into_iter().take(CANDIDATES_MAX);
    let near = candidates.filter_map(|candidate| Some((distance(candidate)?, candidate)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

fn folded(text: &str) -> String {
    text.to_lowercase().replace('-', "_")
}

/// Returns a label that says what was probably meant, if anything.
pub(crate) fn did_you_mean<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    closest(wrong, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Returns the words as a sentence lists them: `` `a`, `b` ``.
pub(crate) fn listed<'c>(words: impl IntoIterator<Item = &'c str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Returns a text of the spec as a message repeats it: in backticks, on one line, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(SHOWN_CHARACTERS_MAX).flat_map(printable).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn printable(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_far_ones_are_not() {
        let fields = ["region", "location", "cold_after"];
        assert_eq!(closest("regoin", fields), Some("region"));
        assert_eq!(closest("Region", fields), Some("region"));
        assert_eq!(closest("coldAfter", fields), Some("cold_after"));
        assert_eq!(closest("cold-after", fields), Some("cold_after"));
        assert_eq!(closest("reg", fields), Some("region"));
        assert_eq!(closest("memory", fields), None);
        assert_eq!(closest(&"region".repeat(1000), fields), None);
    }

    #[test]
    fn a_text_is_shown_on_one_line_and_cut() {
        assert_eq!(shown("a\n\u{1b}[31m"), "`a\\n\\u{1b}[31m`");
        assert!(shown(&"x".repeat(100)).ends_with("x…`"));
    }
}
