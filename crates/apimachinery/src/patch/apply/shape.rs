//! What a type means for merging: which parts of a value have owners of their own.
//!
//! | Value under a type | Shape |
//! |---|---|
//! | object | granular map, or a leaf when the type or field says `atomic` |
//! | list | set or list map when the type says so, else a leaf |
//! | anything else, or a value of a type that does not fit | leaf |
//!
//! Where the schema says nothing (preserve-unknown fields, objects without a schema), objects are granular maps all the
//! way down and lists are leaves: upstream's "deduced" type. Below an atomic node nothing is looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use crate::fieldset::{PathElement, Scalar};
use kinds::schema::{ListType, MapType, Schema, Type};

/// A type: a node of a schema and where it stands, or "whatever the value is".
#[derive(Clone, Copy)]
pub(crate) enum TypeRef<'a> {
    Known {
        schema: &'a Schema,
        place: Place,
        /// An ancestor keeps unknown fields, so nothing below is refused for being unknown.
        preserve: bool,
    },
    Deduced,
}

/// Where a node stands, as far as that changes its meaning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The whole object.
    Root,
    /// `metadata` of the whole object: `managedFields` in it is bookkeeping and no field.
    Metadata,
    /// Anywhere else.
    Inside,
}

/// See the module's table.
pub(crate) enum Shape<'t, 'v> {
    Leaf,
    Map(&'v Map<String, Value>),
    List(&'v [Value], Items<'t>),
}

/// How items of a granular list are told apart.
#[derive(Clone, Copy)]
pub(crate) struct Items<'a> {
    /// The key fields; none for a set.
    keys: &'a [String],
    pub(crate) ty: TypeRef<'a>,
}

/// The metadata of objects whose schema does not describe it, as custom resources' do not.
static METADATA: LazyLock<Schema> = LazyLock::new(|| {
    let text = || Schema { ty: Type::String, ..Schema::default() };
    let map = || Schema { ty: Type::Object, value: Some(Arc::new(text())), ..Schema::default() };
    let list = |list: ListType, item: Schema| Schema {
        ty: Type::Array,
        list,
        item: Some(Arc::new(item)),
        ..Schema::default()
    };
    let any = || Schema { ty: Type::Any, preserve_unknown: true, map: MapType::Atomic, ..Schema::default() };
    let mut fields: BTreeMap<String, Arc<Schema>> = BTreeMap::new();
    let texts = [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
    ];
    for name in texts {
        fields.insert(name.to_owned(), Arc::new(text()));
    }
    for name in ["generation", "deletionGracePeriodSeconds"] {
        fields.insert(name.to_owned(), Arc::new(Schema { ty: Type::Integer, ..Schema::default() }));
    }
    for name in ["labels", "annotations"] {
        fields.insert(name.to_owned(), Arc::new(map()));
    }
    fields.insert("finalizers".to_owned(), Arc::new(list(ListType::Set, text())));
    fields.insert("ownerReferences".to_owned(), Arc::new(list(ListType::Map(vec!["uid".to_owned()]), any())));
    fields.insert("managedFields".to_owned(), Arc::new(list(ListType::Atomic, any())));
    Schema { ty: Type::Object, fields, ..Schema::default() }
});

static TEXT: Schema = Schema {
    named: None,
    ty: Type::String,
    description: None,
    fields: BTreeMap::new(),
    item: None,
    value: None,
    default: None,
    nullable: false,
    preserve_unknown: false,
    embedded: false,
    list: ListType::Atomic,
    map: MapType::Granular,
    patch: None,
    rules: None,
};

impl<'a> TypeRef<'a> {
    /// The type of a whole object.
    pub(crate) fn root(schema: &'a Schema) -> Self {
        Self::Known { schema, place: Place::Root, preserve: false }
    }

    /// How `value` is taken apart under this type.
    pub(crate) fn shape<'v>(self, value: &'v Value) -> Shape<'a, 'v> {
        match (self, value) {
            (Self::Deduced, Value::Object(map)) => Shape::Map(map),
            (Self::Known { schema, .. }, Value::Object(map)) => match schema.kind() {
                Type::Object | Type::Any | Type::IntOrString if !self.is_atomic_map() => Shape::Map(map),
                _ => Shape::Leaf,
            },
            (Self::Known { .. }, Value::Array(items)) => match self.items() {
                Some(of) => Shape::List(items, of),
                None => Shape::Leaf,
            },
            _ => Shape::Leaf,
        }
    }

    /// Does the type say that objects have one owner?
    pub(crate) fn is_atomic_map(self) -> bool {
        match self {
            Self::Known { schema, .. } => schema.map == MapType::Atomic || schema.resolve().map == MapType::Atomic,
            Self::Deduced => false,
        }
    }

    /// Is this a list under one owner?
    pub(crate) fn is_atomic_list(self) -> bool {
        matches!(self, Self::Known { schema, .. } if schema.kind() == Type::Array) && self.items().is_none()
    }

    /// How items are told apart, for lists whose items have owners.
    pub(crate) fn items(self) -> Option<Items<'a>> {
        let Self::Known { schema, preserve, .. } = self else { return None };
        let node = schema.resolve();
        if !matches!(node.ty, Type::Array | Type::Any) {
            return None;
        }
        let list = if schema.list == ListType::Atomic { &node.list } else { &schema.list };
        let keys: &[String] = match list {
            ListType::Atomic => return None,
            ListType::Set => &[],
            ListType::Map(keys) => keys,
        };
        let ty = match node.item.as_deref() {
            Some(schema) => Self::Known { schema, place: Place::Inside, preserve: preserve || schema.preserve_unknown },
            None => Self::Deduced,
        };
        Some(Items { keys, ty })
    }

    /// The type of the items of a granular list, found without a value.
    pub(crate) fn item_type(self) -> Option<Self> {
        self.items().map(|items| items.ty)
    }

    /// The type of a field or map entry; `None` when the schema has no such field and wants none.
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        let Self::Known { schema, place, preserve } = self else { return Some(Self::Deduced) };
        let node = schema.resolve();
        let preserve = preserve || schema.preserve_unknown || node.preserve_unknown;
        let is_object = place == Place::Root || schema.embedded || node.embedded;
        if is_object && matches!(name, "apiVersion" | "kind") {
            return Some(Self::Known { schema: &TEXT, place: Place::Inside, preserve });
        }
        if is_object && name == "metadata" {
            let described =
                node.fields.get(name).map(Arc::as_ref).filter(|meta| meta.resolve().fields.contains_key("labels"));
            let place = if place == Place::Root { Place::Metadata } else { Place::Inside };
            return Some(Self::Known { schema: described.unwrap_or(&METADATA), place, preserve });
        }
        match node.fields.get(name).or(node.value.as_ref()) {
            Some(schema) => Some(Self::Known { schema, place: Place::Inside, preserve }),
            None if preserve || node.fields.is_empty() => Some(Self::Deduced),
            None => None,
        }
    }

    /// The type of a field, deduced when the schema does not know it.
    pub(crate) fn field_or_deduced(self, name: &str) -> Self {
        self.field(name).unwrap_or(Self::Deduced)
    }

    /// Is this a field that the schema names, as opposed to the entry of a map? Its container then need not be owned:
    /// it is there because its fields are.
    pub(crate) fn names(self, field: &str) -> bool {
        match self {
            Self::Known { schema, place, .. } => {
                let node = schema.resolve();
                let is_object = place == Place::Root || schema.embedded || node.embedded;
                node.fields.contains_key(field) || is_object && matches!(field, "apiVersion" | "kind" | "metadata")
            }
            Self::Deduced => false,
        }
    }

    /// The type below a step of a path.
    pub(crate) fn step(self, element: &PathElement) -> Option<Self> {
        match element {
            PathElement::Field(name) => self.field(name),
            PathElement::Key(_) => self.item_type(),
            PathElement::Value(_) | PathElement::Index(_) => None,
        }
    }

    /// Is `null` a value here that is kept, and not a way to say "not set"?
    pub(crate) fn keeps_null(self) -> bool {
        match self {
            Self::Known { schema, .. } => schema.nullable || schema.resolve().nullable,
            Self::Deduced => true,
        }
    }

    /// Is this entry bookkeeping that no owner has?
    pub(crate) fn ignores(self, field: &str) -> bool {
        field == "managedFields" && matches!(self, Self::Known { place: Place::Metadata, .. })
    }
}

impl Items<'_> {
    /// What identifies an item. Key fields that are missing take their default; those without one are left out.
    ///
    /// # Errors
    /// When nothing identifies the item: the reason.
    pub(crate) fn element(&self, item: &Value) -> Result<PathElement, String> {
        if self.keys.is_empty() {
            return match item {
                Value::Null | Value::Array(_) | Value::Object(_) => Err("items of a set must be scalars".to_owned()),
                scalar => Ok(PathElement::Value(Scalar::from_value(scalar).ok_or("items of a set must be scalars")?)),
            };
        }
        let Value::Object(fields) = item else {
            return Err(format!("items must be objects with the key fields {:?}", self.keys));
        };
        let mut found = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            let value = match fields.get(key) {
                Some(value) => Scalar::from_value(value),
                None => match self.default_of(key) {
                    Some(value) => Scalar::from_value(value),
                    None => continue,
                },
            };
            let value = value.ok_or_else(|| format!("key field {key:?} must be a scalar"))?;
            found.push((Box::from(key.as_str()), value));
        }
        if found.is_empty() {
            return Err(format!("it omits all key fields {:?} and they have no defaults", self.keys));
        }
        found.sort_by(|a: &(Box<str>, Scalar), b| a.0.cmp(&b.0));
        Ok(PathElement::Key(found.into()))
    }

    fn default_of(&self, key: &str) -> Option<&Value> {
        let TypeRef::Known { schema, .. } = self.ty else { return None };
        let field = schema.resolve().fields.get(key)?;
        field.default.as_ref().or_else(|| field.resolve().default.as_ref())
    }
}
