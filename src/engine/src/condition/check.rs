use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, operators};
use std::ops::Range;
use std::sync::Arc;

use super::Mistake;
use super::codes;
use super::extent::Extents;
use super::vocabulary::{Type, Vocabulary};
use crate::words::{did_you_mean, listed, shown};
use acquire_model::Code;

/// The functions that there are, and what each comes to.
const FUNCTIONS: [(&str, Type); 17] = [
    ("size", Type::Number),
    ("contains", Type::Boolean),
    ("startsWith", Type::Boolean),
    ("endsWith", Type::Boolean),
    ("matches", Type::Boolean),
    ("string", Type::Text),
    ("int", Type::Number),
    ("uint", Type::Number),
    ("double", Type::Number),
    ("bool", Type::Boolean),
    ("bytes", Type::Any),
    ("type", Type::Any),
    ("dyn", Type::Any),
    ("orValue", Type::Any),
    ("hasValue", Type::Boolean),
    ("value", Type::Any),
    ("or", Type::Any),
];
/// Functions that are named where there is no such one.
const USUAL: [&str; 6] = ["has", "size", "string", "int", "bool", "type"];
/// The same, behind a dot.
const USUAL_BEHIND_A_DOT: [&str; 6] = ["all", "exists", "filter", "map", "contains", "startsWith"];
/// The macros, which the parser has replaced by the time anything is checked; one that is left is called wrongly.
const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];
/// Functions of text.
const OF_TEXT: [&str; 4] = ["contains", "startsWith", "endsWith", "matches"];
/// Names of types, for `type(x) == string`.
const TYPES: [&str; 9] = ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type"];

/// Compares an expression with what it may name, and collects everything that cannot be right.
pub(super) struct Checker<'a> {
    vocabulary: &'a Vocabulary,
    extents: Extents<'a>,
    /// The variables of the macros around, innermost last.
    scope: Vec<(&'a str, Type)>,
    mistakes: Vec<Mistake>,
    depth: u32,
    deepest: u32,
}

/// What a check came to.
pub(super) struct Checked {
    /// Everything that is wrong.
    pub mistakes: Vec<Mistake>,
    /// How many loops stand inside one another, at most.
    pub loops: u32,
}

impl<'a> Checker<'a> {
    /// Prepares to check.
    pub(super) fn new(vocabulary: &'a Vocabulary, extents: Extents<'a>) -> Self {
        Self { vocabulary, extents, scope: Vec::new(), mistakes: Vec::new(), depth: 0, deepest: 0 }
    }

    /// Checks an expression that must come to true or false.
    pub(super) fn check(mut self, whole: &'a IdedExpr) -> Checked {
        self.must_be_true_or_false(whole);
        Checked { mistakes: self.mistakes, loops: self.deepest }
    }

    fn mistake(&mut self, code: Code, summary: String, label: Option<String>, range: Range<usize>) {
        let mistake = Mistake { code, summary, label: label.unwrap_or_default(), range };
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    fn type_of(&mut self, part: &'a IdedExpr) -> Type {
        match &part.expr {
            Expr::Literal(literal) => of_literal(literal),
            Expr::Ident(name) => self.named(part, name),
            Expr::Select(select) => self.selected(part, select),
            Expr::Call(call) => self.called(part, call),
            Expr::List(list) => {
                let types: Vec<Type> = list.elements.iter().map(|element| self.type_of(element)).collect();
                Type::List(Arc::new(types.into_iter().fold(Type::Nothing, Type::or)))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.type_of(&entry.key);
                        self.type_of(&entry.value);
                    }
                }
                Type::Map(Arc::new(Type::Any))
            }
            Expr::Comprehension(comprehension) => self.looped(comprehension),
            Expr::Struct(made) => {
                let summary = format!("there is no type {}", shown(&made.type_name));
                self.mistake(codes::UNKNOWN_NAME, summary, None, self.extents.of(part));
                Type::Any
            }
            Expr::Unspecified => Type::Any,
        }
    }

    fn named(&mut self, part: &IdedExpr, name: &str) -> Type {
        if let Some((_, of)) = self.scope.iter().rev().find(|(variable, _)| *variable == name) {
            return of.clone();
        }
        if let Some(of) = self.vocabulary.get(name) {
            return of.clone();
        }
        if !TYPES.contains(&name) {
            let names = || self.vocabulary.names().chain(self.scope.iter().map(|(name, _)| *name)).filter(is_written);
            let label = did_you_mean(name, names()).unwrap_or_else(|| format!("it can name {}", listed(names())));
            let summary = format!("there is no {} here", shown(name));
            self.mistake(codes::UNKNOWN_NAME, summary, Some(label), self.extents.of(part));
        }
        Type::Any
    }

    fn selected(&mut self, part: &'a IdedExpr, select: &'a SelectExpr) -> Type {
        let operand = self.type_of(&select.operand);
        let field = self.field(&select.operand, &operand, &select.field, self.extents.name(part));
        if select.test { Type::Boolean } else { field }
    }

    fn field(&mut self, operand: &IdedExpr, of: &Type, name: &str, place: Range<usize>) -> Type {
        let noun = match of {
            Type::Table(fields) => {
                if let Some(field) = fields.get(name) {
                    return field.clone();
                }
                let names = || fields.keys().map(String::as_str);
                let label = did_you_mean(name, names()).unwrap_or_else(|| format!("it has {}", listed(names())));
                let summary = format!("{} has no field {}", shown(self.extents.slice(operand)), shown(name));
                self.mistake(codes::UNKNOWN_NAME, summary, Some(label), place);
                return Type::Any;
            }
            Type::Map(field) => return (**field).clone(),
            other => other.noun(),
        };
        if let Some(noun) = noun {
            let summary = format!("{} is {noun}, and has no field {}", shown(self.extents.slice(operand)), shown(name));
            let label = matches!(of, Type::List(_)).then(|| "ask `….exists(x, …)` or `….all(x, …)`".to_owned());
            self.mistake(codes::UNKNOWN_NAME, summary, label, place);
        }
        Type::Any
    }

    fn called(&mut self, part: &'a IdedExpr, call: &'a CallExpr) -> Type {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [test, then, otherwise]) => {
                self.must_be_true_or_false(test);
                let then = self.type_of(then);
                then.or(self.type_of(otherwise))
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, terms) => {
                terms.iter().for_each(|term| self.must_be_true_or_false(term));
                Type::Boolean
            }
            (operators::LOGICAL_NOT, [term]) => {
                self.must_be_true_or_false(term);
                Type::Boolean
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                self.compared(left, right, part);
                Type::Boolean
            }
            (operators::LESS | operators::LESS_EQUALS, [left, right])
            | (operators::GREATER | operators::GREATER_EQUALS, [left, right]) => {
                self.compared(left, right, part);
                Type::Boolean
            }
            (operators::IN, [item, list]) => {
                self.looked_up(item, list);
                Type::Boolean
            }
            (operators::INDEX, [operand, key]) => self.indexed(operand, key),
            (operators::OPT_INDEX | operators::OPT_SELECT, [operand, key]) => {
                self.indexed(operand, key);
                Type::Any
            }
            (operators::ADD, [left, right]) => self.added(left, right),
            (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO, numbers)
            | (operators::NEGATE, numbers) => {
                numbers.iter().for_each(|number| self.must_be(number, &Type::Number));
                Type::Number
            }
            (name, arguments) => self.function(part, call, name, arguments),
        }
    }

    fn function(&mut self, part: &'a IdedExpr, call: &'a CallExpr, name: &'a str, arguments: &'a [IdedExpr]) -> Type {
        let target = call.target.as_deref();
        if target.is_some_and(is_optional) && ["of", "none", "ofNonZeroValue"].contains(&name) {
            arguments.iter().for_each(|argument| drop(self.type_of(argument)));
            return Type::Any;
        }
        let Some((_, comes_to)) = FUNCTIONS.iter().find(|(function, _)| *function == name) else {
            self.unknown_function(part, name, target.is_some());
            return Type::Any;
        };
        for value in target.into_iter().chain(arguments) {
            if OF_TEXT.contains(&name) {
                self.must_be(value, &Type::Text);
            } else {
                self.type_of(value);
            }
        }
        comes_to.clone()
    }

    fn unknown_function(&mut self, part: &IdedExpr, name: &str, of_something: bool) {
        let place = self.extents.name(part);
        if MACROS.contains(&name) {
            let label =
                if name == "has" { "write `has(a.b)`".to_owned() } else { format!("write `list.{name}(x, …)`") };
            return self.mistake(codes::UNKNOWN_NAME, format!("{} is not called so", shown(name)), Some(label), place);
        }
        let names = || FUNCTIONS.iter().map(|(name, _)| *name).chain(MACROS);
        let usual = if of_something { USUAL_BEHIND_A_DOT } else { USUAL };
        let label = did_you_mean(name, names()).unwrap_or_else(|| format!("there are {}", listed(usual)));
        self.mistake(codes::UNKNOWN_NAME, format!("there is no function {}", shown(name)), Some(label), place);
    }

    /// What a macro with a variable of its own comes to.
    fn looped(&mut self, comprehension: &'a ComprehensionExpr) -> Type {
        let range = &comprehension.iter_range;
        let item = match self.type_of(range) {
            Type::List(item) => (*item).clone(),
            Type::Map(_) | Type::Table(_) => Type::Text,
            Type::Any | Type::Nothing => Type::Any,
            other => {
                let noun = other.noun().unwrap_or("that");
                let summary = format!("{} is {noun}, and not a list", shown(self.extents.slice(range)));
                self.mistake(codes::WRONG_TYPE, summary, None, self.extents.of(range));
                Type::Any
            }
        };
        let begin = self.type_of(&comprehension.accu_init);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let outside = self.scope.len();
        self.scope.push((&comprehension.iter_var, item));
        self.scope.push((&comprehension.accu_var, begin));
        let end = self.type_of(&comprehension.loop_step);
        self.scope.push((&comprehension.accu_var, end));
        let result = self.type_of(&comprehension.result);
        self.scope.truncate(outside);
        self.depth -= 1;
        result
    }

    fn compared(&mut self, left: &'a IdedExpr, right: &'a IdedExpr, whole: &IdedExpr) {
        let (one, other) = (self.type_of(left), self.type_of(right));
        if one.can_equal(&other) {
            self.known_word(&one, right);
            self.known_word(&other, left);
            return;
        }
        let noun = |of: &Type| of.noun().unwrap_or("something else");
        let (left, right) = (shown(self.extents.slice(left)), shown(self.extents.slice(right)));
        let summary = format!("{left} is {}, and {right} is {}", noun(&one), noun(&other));
        self.mistake(codes::WRONG_TYPE, summary, Some("these are never alike".to_owned()), self.extents.of(whole));
    }

    fn looked_up(&mut self, item: &'a IdedExpr, list: &'a IdedExpr) {
        let (one, all) = (self.type_of(item), self.type_of(list));
        match (&list.expr, &all) {
            (Expr::List(list), _) => list.elements.iter().for_each(|word| self.known_word(&one, word)),
            (_, Type::List(_) | Type::Map(_) | Type::Table(_) | Type::Any | Type::Nothing) => {}
            (_, other) => {
                let noun = other.noun().unwrap_or("that");
                let summary = format!("{} is {noun}, and `in` looks in lists", shown(self.extents.slice(list)));
                let label = matches!(other, Type::Text | Type::Words(_)).then(|| "text has `….contains(…)`".to_owned());
                self.mistake(codes::WRONG_TYPE, summary, label, self.extents.of(list));
            }
        }
    }

    /// A word that is compared with one of a few words is one of them.
    fn known_word(&mut self, of: &Type, word: &IdedExpr) {
        let (Type::Words(words), Expr::Literal(LiteralValue::String(text))) = (of, &word.expr) else { return };
        if words.iter().any(|known| known == text.inner()) {
            return;
        }
        let names = || words.iter().map(String::as_str);
        let label = did_you_mean(text.inner(), names()).unwrap_or_else(|| format!("one of {}", listed(names())));
        let summary = format!("it is never {}", shown(text.inner()));
        self.mistake(codes::UNKNOWN_NAME, summary, Some(label), self.extents.of(word));
    }

    fn indexed(&mut self, operand: &'a IdedExpr, key: &'a IdedExpr) -> Type {
        let (of, place) = (self.type_of(operand), self.extents.of(key));
        self.type_of(key);
        match (&of, &key.expr) {
            (Type::Table(_), Expr::Literal(LiteralValue::String(name))) => {
                self.field(operand, &of, name.inner(), place)
            }
            (Type::List(item) | Type::Map(item), _) => (**item).clone(),
            _ => Type::Any,
        }
    }

    fn added(&mut self, left: &'a IdedExpr, right: &'a IdedExpr) -> Type {
        let (one, other) = (self.type_of(left), self.type_of(right));
        if one.can_equal(&other) {
            return match (one, other) {
                (Type::Any, _) | (_, Type::Any) => Type::Any,
                (Type::Words(_), _) | (_, Type::Words(_)) => Type::Text,
                (one, other) => one.or(other),
            };
        }
        let (one, other) = (one.noun().unwrap_or("that"), other.noun().unwrap_or("that"));
        let range = self.extents.of(left).start..self.extents.of(right).end;
        self.mistake(codes::WRONG_TYPE, format!("{one} and {other} cannot be added"), None, range);
        Type::Any
    }

    fn must_be_true_or_false(&mut self, part: &'a IdedExpr) {
        self.must_be(part, &Type::Boolean);
    }

    fn must_be(&mut self, part: &'a IdedExpr, wanted: &Type) {
        let found = self.type_of(part);
        if found.noun() == wanted.noun() || matches!(found, Type::Any | Type::Nothing) {
            return;
        }
        let (found, wanted) = (found.noun().unwrap_or("that"), wanted.noun().unwrap_or("that"));
        let wanted = if wanted == "a truth value" { "`true` or `false`" } else { wanted };
        let summary = format!("{} is {found}, and must be {wanted}", shown(self.extents.slice(part)));
        self.mistake(codes::WRONG_TYPE, summary, None, self.extents.of(part));
    }
}

fn of_literal(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Boolean,
        LiteralValue::Bytes(_) => Type::Any,
        LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Number,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::Text,
    }
}

/// Whether a name can be written by a person: those of the parser's own variables cannot.
fn is_written(name: &&str) -> bool {
    !name.starts_with(['@', '#'])
}

fn is_optional(target: &IdedExpr) -> bool {
    matches!(&target.expr, Expr::Ident(name) if name == "optional")
}
