//! Selectors over symbols.

use std::cmp::Ordering;

use api::karmada::selector::LabelSelectorRequirement;

use crate::symbol::{Symbol, Symbols};

/// One demand on the value of one key.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    pub(crate) key: Symbol,
    pub(crate) test: Test,
}

/// What is demanded of a value.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    In(Vec<Symbol>),
    NotIn(Vec<Symbol>),
    Exists,
    DoesNotExist,
    /// A number on this side of another one.
    Number(Ordering, i64),
    /// The demand cannot be understood: nothing fulfils it.
    Never,
}

impl Clause {
    /// Equality.
    pub(crate) fn equal(key: &str, value: &str, symbols: &Symbols) -> Self {
        Self { key: symbols.find(key), test: Test::In(vec![symbols.find(value)]) }
    }

    /// A requirement of a manifest.
    pub(crate) fn of(requirement: &LabelSelectorRequirement, symbols: &Symbols) -> Self {
        let values = || requirement.values.iter().map(|value| symbols.find(value)).collect();
        let number = |side: Ordering| match requirement.values.as_slice() {
            [value] => value.parse().map_or(Test::Never, |number| Test::Number(side, number)),
            _ => Test::Never,
        };
        let test = match (requirement.operator.as_str(), requirement.values.is_empty()) {
            ("In", false) => Test::In(values()),
            ("NotIn", false) => Test::NotIn(values()),
            ("Exists", true) => Test::Exists,
            ("DoesNotExist", true) => Test::DoesNotExist,
            ("Gt", _) => number(Ordering::Greater),
            ("Lt", _) => number(Ordering::Less),
            _ => Test::Never,
        };
        Self { key: symbols.find(&requirement.key), test }
    }

    /// Does a value fulfil it? [`Symbol::NONE`]: there is none.
    pub(crate) fn accepts(&self, value: Symbol, symbols: &Symbols) -> bool {
        match &self.test {
            // A value that no member has is no symbol, and neither is an absent one: they are not the same.
            Test::In(values) => value.is_some() && values.contains(&value),
            Test::NotIn(values) => !value.is_some() || !values.contains(&value),
            Test::Exists => value.is_some(),
            Test::DoesNotExist => !value.is_some(),
            Test::Number(side, than) => {
                let number = symbols.text(value).parse::<i64>();
                value.is_some() && number.is_ok_and(|number| number.cmp(than) == *side)
            }
            Test::Never => false,
        }
    }

    /// Does one of several values fulfil it, as zones do: `NotIn` wants none of them among those, and `Exists` any.
    pub(crate) fn accepts_any(&self, values: &[Symbol]) -> bool {
        match &self.test {
            Test::In(wanted) => values.iter().any(|value| wanted.contains(value)),
            Test::NotIn(refused) => !values.iter().any(|value| refused.contains(value)),
            Test::Exists => !values.is_empty(),
            Test::DoesNotExist => values.is_empty(),
            Test::Number(..) | Test::Never => false,
        }
    }

    /// Do labels, ordered by key, fulfil it?
    pub(crate) fn matches(&self, labels: &[(Symbol, Symbol)], symbols: &Symbols) -> bool {
        self.accepts(value_of(labels, self.key), symbols)
    }
}

/// The value of a label.
pub(crate) fn value_of(labels: &[(Symbol, Symbol)], key: Symbol) -> Symbol {
    if !key.is_some() {
        return Symbol::NONE;
    }
    labels.iter().find(|(label, _)| *label == key).map_or(Symbol::NONE, |(_, value)| *value)
}
