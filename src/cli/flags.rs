//! Flags as fingers know them: long flags with a single dash, of a closed list, become what clap reads.

/// What is typed, and what it means.
const SINGLE_DASH: [(&str, &str); 3] =
    [("-auto-approve", "--yes"), ("-detailed-exitcode", "--detailed-exitcode"), ("-out", "--out")];

/// Rewrites the arguments before clap sees them; everything after `--` is left alone.
pub fn rewrite(arguments: Vec<String>) -> Vec<String> {
    let mut is_flags = true;
    let rewrite = |argument: String| {
        is_flags &= argument != "--";
        if is_flags { rewritten(&argument).unwrap_or(argument) } else { argument }
    };
    arguments.into_iter().map(rewrite).collect()
}

fn rewritten(argument: &str) -> Option<String> {
    let (name, value) = match argument.split_once('=') {
        Some((name, value)) => (name, format!("={value}")),
        None => (argument, String::new()),
    };
    let (_, meant) = SINGLE_DASH.iter().find(|(typed, _)| *typed == name)?;
    Some(format!("{meant}{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        rewrite(text.split(' ').map(str::to_owned).collect()).join(" ")
    }

    #[test]
    fn only_known_flags_before_the_double_dash_are_rewritten() {
        assert_eq!(rewritten("acquire apply -auto-approve"), "acquire apply --yes");
        assert_eq!(rewritten("acquire plan -out=a=b -detailed-exitcode"), "acquire plan --out=a=b --detailed-exitcode");
        assert_eq!(rewritten("acquire plan -out file"), "acquire plan --out file");
        assert_eq!(rewritten("acquire plan -f x -e out"), "acquire plan -f x -e out");
        assert_eq!(rewritten("acquire apply -- -auto-approve"), "acquire apply -- -auto-approve");
        assert_eq!(rewritten("acquire plan -outside"), "acquire plan -outside");
    }
}
