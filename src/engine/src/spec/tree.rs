use acquire_model::Span;

/// A place in the text of the spec. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
    /// How many characters it covers on that line.
    pub length: u32,
}

impl Place {
    /// The place in a file.
    pub(super) fn in_file(self, file: &str) -> Span {
        Span { file: file.to_owned(), line: self.line, column: self.column, length: self.length.max(1) }
    }
}

/// A value of the spec, and where it stands. A mapping stands at its key.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// The value.
    pub node: Node,
    /// Where it stands.
    pub place: Place,
}

/// A YAML value by the rules of the YAML 1.2 core schema.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<Entry>),
}

/// One key of a mapping. No key stands twice.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Tree,
}

impl Tree {
    /// Returns the entries, if it is a mapping.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.node {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the entry of that key, if it is a mapping that has it.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Takes the entry of that key out of it.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let Node::Map(entries) = &mut self.node else { return None };
        let position = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(position))
    }

    /// Returns the text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }
}
