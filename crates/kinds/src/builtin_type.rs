//! The types of the generated table as schemas, made when they are first asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use model::GroupVersionKind;

use crate::schema::{ListType, MapType, PatchStrategy, Schema, Type};
use crate::table::{self, Field, ListKind, Word};

/// The type at an index of the generated table. An index that the table does not have gives a schema that accepts
/// anything; only [`Schema::named`] holds indexes, and it gets them from here.
pub fn schema_at(index: u16) -> &'static Schema {
    static SCHEMAS: OnceLock<Vec<OnceLock<Schema>>> = OnceLock::new();
    static ANY: OnceLock<Schema> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(|| (0..table::len()).map(|_| OnceLock::new()).collect());
    match schemas.get(usize::from(index)) {
        Some(slot) => slot.get_or_init(|| object(index)),
        None => ANY.get_or_init(any),
    }
}

/// The index of a type by its short name: package and type as in `core.v1.PodSpec`, `meta.v1.ObjectMeta`.
pub fn type_index(name: &str) -> Option<u16> {
    table::index(name)
}

/// The index of the type of objects that requests carry as `gvk`: a kind's own, or one of the types that every group
/// knows (`DeleteOptions`, `Status`), which clients send under the group they talk to.
pub fn request_type(gvk: &GroupVersionKind) -> Option<u16> {
    if matches!(gvk.kind.as_str(), "DeleteOptions" | "Status") {
        return table::find("meta", "v1", &gvk.kind);
    }
    table::find(package(&gvk.group), &gvk.version, &gvk.kind)
}

/// The table's name for the package of an API group.
pub(crate) fn package(group: &str) -> &str {
    match group.split('.').next().unwrap_or_default() {
        "" => "core",
        package => package,
    }
}

/// The schema of one table type: its own fields, and those of the structs that it embeds.
fn object(index: u16) -> Schema {
    let row = table::row(index);
    let mut fields = BTreeMap::new();
    flatten(index, &mut fields);
    let map = if row.atomic { MapType::Atomic } else { MapType::Granular };
    Schema { ty: Type::Object, fields, map, ..Schema::default() }
}

fn flatten(index: u16, fields: &mut BTreeMap<String, Arc<Schema>>) {
    for field in &table::row(index).fields {
        match (&field.word, field.name) {
            (Word::Type(inner), "^") => flatten(*inner, fields),
            _ => {
                fields.insert(field.name.to_owned(), node(field));
            }
        }
    }
}

/// The schema of a field. Plain scalars are shared: most fields are.
fn node(field: &Field) -> Arc<Schema> {
    let plain = field.patch.is_none() && field.default.is_none() && !field.atomic && field.list == ListKind::Atomic;
    if plain && !matches!(field.word, Word::List(_) | Word::Map(_) | Word::Type(_)) {
        return scalar(&field.word);
    }
    let mut schema = match &field.word {
        // The field overrides its type, which a reference to the type could not say.
        Word::Type(index) if field.granular => Schema { map: MapType::Granular, ..object(*index) },
        other => word(other),
    };
    schema.default = field.default.clone();
    schema.list = match &field.list {
        ListKind::Atomic => ListType::Atomic,
        ListKind::Set => ListType::Set,
        ListKind::Map(keys) => ListType::Map(keys.iter().map(|&key| key.to_owned()).collect()),
    };
    if field.atomic {
        schema.map = MapType::Atomic;
    }
    schema.patch = field.patch.as_ref().map(|patch| PatchStrategy {
        merge: patch.merge,
        retain_keys: patch.retain_keys,
        merge_key: patch.key.map(str::to_owned),
    });
    Arc::new(schema)
}

/// One shared node for each kind of scalar.
fn scalar(word: &Word) -> Arc<Schema> {
    static SHARED: [OnceLock<Arc<Schema>>; 6] = [const { OnceLock::new() }; 6];
    let schema = self::word(word);
    let slot = match schema.ty {
        Type::String => 0,
        Type::Integer => 1,
        Type::Number => 2,
        Type::Boolean => 3,
        Type::IntOrString => 4,
        Type::Any | Type::Object | Type::Array => 5,
    };
    if matches!(schema.ty, Type::Array) {
        Arc::new(schema)
    } else {
        SHARED[slot].get_or_init(|| Arc::new(schema)).clone()
    }
}

fn word(word: &Word) -> Schema {
    let of = |ty| Schema { ty, ..Schema::default() };
    let child = |inner: &Word| match inner {
        Word::List(_) | Word::Map(_) | Word::Type(_) => Arc::new(self::word(inner)),
        _ => scalar(inner),
    };
    match word {
        Word::String | Word::Bytes | Word::Time | Word::MicroTime => of(Type::String),
        // Text or a number in what people write (`cpu: 1`); `normalize` checks it and makes it text.
        Word::Quantity => any(),
        Word::Bool => of(Type::Boolean),
        Word::Int32 | Word::Int64 => of(Type::Integer),
        Word::Double => of(Type::Number),
        Word::IntOrString => of(Type::IntOrString),
        Word::FieldsV1
        | Word::RawExtension
        | Word::Json
        | Word::SchemaOrArray
        | Word::SchemaOrBool
        | Word::SchemaOrStrings => any(),
        Word::Strings => Schema { item: Some(scalar(&Word::String)), ..of(Type::Array) },
        Word::List(item) => Schema { item: Some(child(item)), ..of(Type::Array) },
        Word::Map(value) => Schema { value: Some(child(value)), ..of(Type::Object) },
        Word::Type(index) => Schema { named: Some(*index), ..Schema::default() },
    }
}

fn any() -> Schema {
    Schema { ty: Type::Any, preserve_unknown: true, ..Schema::default() }
}
