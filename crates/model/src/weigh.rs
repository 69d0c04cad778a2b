//! What values take in memory, for limits on what is kept.
//!
//! A limit on the number of values is none on their memory while each may have any size, and a limit on what is read is
//! none on what is kept of many answers. Who keeps what others say weighs it.

use std::sync::Arc;

use serde_json::Value;

use crate::object::ObjectKey;
use crate::{Digest, Uid};

/// What the first entry of a JSON object takes beside its texts: a node of the B-tree behind it has room for eleven.
const NODE: usize = 11 * (size_of::<String>() + size_of::<Value>()) + 16;
/// What a further one takes: its share of a node that is two thirds full.
const ENTRY: usize = (size_of::<String>() + size_of::<Value>()) * 3 / 2;

/// The two counters before the value of an [`Arc`].
const COUNTERS: usize = 2 * size_of::<usize>();

/// Says how much memory a value has behind it.
pub trait Weigh {
    /// Bytes on the heap that the value holds, about. What it takes where it lies (its `size_of`) is not in it. What is
    /// shared counts in full for each that shares it, since the others may let go.
    fn weight(&self) -> usize;
}

/// All that a value takes: where it lies, and behind it.
pub fn whole<T: Weigh + ?Sized>(value: &T) -> usize {
    size_of_val(value) + value.weight()
}

/// Nothing is behind these.
macro_rules! flat {
    ($($ty:ty),*) => {$(impl Weigh for $ty {
        fn weight(&self) -> usize {
            0
        }
    })*};
}
flat!((), bool, u64, usize, str, Digest);

impl Weigh for String {
    fn weight(&self) -> usize {
        self.capacity()
    }
}

impl Weigh for Uid {
    fn weight(&self) -> usize {
        match self {
            Self::Uuid(_) => 0,
            Self::Text(text) => text.len(),
        }
    }
}

impl Weigh for ObjectKey {
    fn weight(&self) -> usize {
        [&self.group, &self.kind, &self.namespace, &self.name].into_iter().map(String::capacity).sum()
    }
}

impl Weigh for Value {
    fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            Self::String(text) => text.capacity(),
            Self::Array(items) => {
                let unused = (items.capacity() - items.len()) * size_of::<Self>();
                items.iter().map(whole).sum::<usize>() + unused
            }
            Self::Object(map) => {
                let nodes = map.len().checked_sub(1).map_or(0, |more| NODE + more * ENTRY);
                map.iter().map(|(key, value)| key.capacity() + value.weight()).sum::<usize>() + nodes
            }
        }
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, T::weight)
    }
}

impl<T: Weigh> Weigh for [T] {
    fn weight(&self) -> usize {
        self.iter().map(T::weight).sum()
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn weight(&self) -> usize {
        self.capacity() * size_of::<T>() + self.as_slice().weight()
    }
}

impl<T: Weigh + ?Sized> Weigh for Arc<T> {
    fn weight(&self) -> usize {
        COUNTERS + whole(&**self)
    }
}

impl<T: Weigh + ?Sized> Weigh for Box<T> {
    fn weight(&self) -> usize {
        whole(&**self)
    }
}

impl<A: Weigh, B: Weigh> Weigh for (A, B) {
    fn weight(&self) -> usize {
        self.0.weight() + self.1.weight()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_weigh_wherever_they_are() {
        let long = "x".repeat(10_000);
        let check = |value: &dyn Weigh| assert!((10_000..12_000).contains(&value.weight()), "{}", value.weight());
        check(&long.clone());
        check(&Uid::from(long.as_str()));
        check(&Arc::<str>::from(long.as_str()));
        check(&Some(Box::new((long.clone(), ()))));
        check(&vec![String::new(), long.clone()]);
        check(&ObjectKey { name: long.clone(), ..ObjectKey::default() });
        check(&serde_json::json!({"a": [{"b": long.clone()}]}));
        check(&serde_json::json!({long: 1}));
    }

    #[test]
    fn many_small_values_weigh_more_than_their_texts() {
        let numbers: Vec<Value> = (0..1_000).map(Value::from).collect();
        assert!(Value::from(numbers).weight() >= 1_000 * size_of::<Value>());
        let maps = vec![serde_json::json!({"": 0}); 1_000];
        assert!(Value::from(maps).weight() >= 1_000 * NODE);
        assert_eq!(Uid::from("b1946ac9-2492-4d23-87d6-21a7c0ea7d22").weight(), 0);
    }
}
