/// Returns a commented spec to start from.
pub fn commented_example() -> String {
    EXAMPLE.to_owned()
}

const EXAMPLE: &str = include_str!("example.yaml");
