//! Texts as numbers: labels, values, kinds and names of resources are compared a million times and kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// A text of a table; equal texts of one table are equal symbols. The default is no text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(u32);

impl Symbol {
    /// No text: an absent provider, or a text that the table does not have.
    pub(crate) const NONE: Self = Self(0);

    /// Is there a text?
    pub(crate) const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// The table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    texts: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, Symbol>,
}

impl Symbols {
    /// The symbol of a text, which is added when it is new.
    ///
    /// A table that is full (2³² texts) gives no symbol: nothing matches that text.
    pub(crate) fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.numbers.get(text) {
            return *symbol;
        }
        let Ok(number) = u32::try_from(self.texts.len() + 1) else { return Symbol::NONE };
        let text: Arc<str> = text.into();
        self.texts.push(text.clone());
        self.numbers.insert(text, Symbol(number));
        Symbol(number)
    }

    /// The symbol of a text; [`Symbol::NONE`] when no member has that text.
    pub(crate) fn find(&self, text: &str) -> Symbol {
        self.numbers.get(text).copied().unwrap_or_default()
    }

    /// The text of a symbol; empty for none.
    pub(crate) fn text(&self, symbol: Symbol) -> &str {
        let place = (symbol.0 as usize).checked_sub(1);
        place.and_then(|place| self.texts.get(place)).map_or("", |text| text)
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }
}
