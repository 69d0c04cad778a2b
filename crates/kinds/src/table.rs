//! The reader of `table.txt`.
//!
//! Format, one line each, sorted by type:
//! - `=core.v1.PodSpec [atomic]` begins a type; `atomic`: one owner for the whole object under server-side apply.
//! - `NAME NUMBER[FLAGS] WORD [ATTRIBUTE…]` is a field. `NAME` is its JSON name, or `^` for an embedded struct, whose
//!   fields JSON has in its place. `NUMBER` is its protobuf number, 0 when it is not on the wire.
//! - Flags: `p` a pointer to a scalar (zero is kept), `a` always written, `!` required.
//! - Words: `s` string, `b` bool, `i` int32, `l` int64, `f` double, `y` bytes, `t` Time, `u` MicroTime,
//!   `q` Quantity, `n` IntOrString, `v` FieldsV1, `r` RawExtension, `j` JSON, `A` `B` `S` JSONSchemaPropsOr{Array,
//!   Bool,StringArray}, `w` a list of strings inside a message, `[]W` list, `{}W` map from strings, or a type's name.
//! - Attributes: `set` and `k=KEYS` the list type, `atomic` and `granular` the map type, `p=STRATEGIES[:KEY]` the patch
//!   strategy and merge key, `d=JSON` the default, `e=VALUES` what text may be here, in a list or in a map.

use std::sync::OnceLock;

use serde_json::Value;

const TEXT: &str = include_str!("table.txt");

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Text.
    String,
    /// True or false.
    Bool,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// A number.
    Double,
    /// Bytes, in JSON as base64.
    Bytes,
    /// A time in whole seconds.
    Time,
    /// A time in microseconds.
    MicroTime,
    /// A quantity such as `500m`.
    Quantity,
    /// A whole number or text.
    IntOrString,
    /// The set of fields that a manager owns.
    FieldsV1,
    /// An object of any kind.
    RawExtension,
    /// Any JSON.
    Json,
    /// `JSONSchemaPropsOrArray`.
    SchemaOrArray,
    /// `JSONSchemaPropsOrBool`.
    SchemaOrBool,
    /// `JSONSchemaPropsOrStringArray`.
    SchemaOrStrings,
    /// A list of strings that is a message of its own in protobuf.
    Strings,
    /// A list.
    List(Box<Word>),
    /// A map from strings.
    Map(Box<Word>),
    /// A type of the table, by its index.
    Type(u16),
}

/// When a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// When it is not empty (a struct: when it is there).
    NotEmpty,
    /// When it is there, zero included.
    Pointer,
    /// Always.
    Always,
}

/// How a list merges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// One owner for the whole list.
    Atomic,
    /// Scalars, each owned on its own.
    Set,
    /// Objects, each identified by the values of these fields.
    Map(Vec<&'static str>),
}

/// Strategic merge patch of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Merge instead of replace.
    pub merge: bool,
    /// Drop fields of the live object that the patch does not name.
    pub retain_keys: bool,
    /// The field that identifies items of a merged list.
    pub key: Option<&'static str>,
}

/// One field of a type.
#[derive(Clone, Debug)]
pub struct Field {
    /// JSON name, or `^` for an embedded struct.
    pub name: &'static str,
    /// Protobuf number; 0 when it is not on the wire.
    pub number: u32,
    /// When it is written.
    pub presence: Presence,
    /// It must be there.
    pub required: bool,
    /// What it holds.
    pub word: Word,
    /// How it merges when it is a list.
    pub list: ListKind,
    /// One owner for the whole value.
    pub atomic: bool,
    /// Each field has an owner, although the type says otherwise.
    pub granular: bool,
    /// Strategic merge patch.
    pub patch: Option<Patch>,
    /// The values that upstream declares. Its validation decides whether others are refused; status takes any.
    pub values: Vec<&'static str>,
    /// Filled in when the field is missing.
    pub default: Option<Value>,
}

/// One type.
#[derive(Clone, Debug)]
pub struct Row {
    /// Short name: package and type, as in `core.v1.PodSpec`.
    pub name: &'static str,
    /// One owner for the whole object under server-side apply.
    pub atomic: bool,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A type's name, the rest of its header, and its fields' lines.
type Block = (&'static str, bool, &'static str);

fn blocks() -> &'static [Block] {
    static BLOCKS: OnceLock<Vec<Block>> = OnceLock::new();
    BLOCKS.get_or_init(|| {
        let block = |text: &'static str| {
            let (header, fields) = text.split_once('\n').unwrap_or((text, ""));
            let (name, atomic) = header.split_once(' ').map_or((header, false), |(name, _)| (name, true));
            (name, atomic, fields)
        };
        TEXT.trim_start_matches('=').split("\n=").map(block).collect()
    })
}

/// How many types there are.
pub fn len() -> usize {
    blocks().len()
}

/// A type's index by its short name.
pub fn index(name: &str) -> Option<u16> {
    let at = blocks().binary_search_by(|(other, ..)| (*other).cmp(name)).ok()?;
    u16::try_from(at).ok()
}

/// [`index`] of a name in three parts, without making the text: this is asked for on every request.
pub fn find(package: &str, version: &str, kind: &str) -> Option<u16> {
    let wanted = [package, ".", version, ".", kind];
    let name = || wanted.iter().flat_map(|part| part.bytes());
    let at = blocks().binary_search_by(|(other, ..)| other.bytes().cmp(name())).ok()?;
    u16::try_from(at).ok()
}

/// A type by its index, which comes from [`index`] or a [`Word::Type`].
pub fn row(index: u16) -> &'static Row {
    static ROWS: OnceLock<Vec<OnceLock<Row>>> = OnceLock::new();
    static NONE: Row = Row { name: "", atomic: false, fields: Vec::new() };
    let rows = ROWS.get_or_init(|| (0..len()).map(|_| OnceLock::new()).collect());
    let Some((slot, (name, atomic, fields))) = rows.get(usize::from(index)).zip(blocks().get(usize::from(index)))
    else {
        return &NONE;
    };
    slot.get_or_init(|| Row { name, atomic: *atomic, fields: fields.lines().filter_map(field).collect() })
}

/// Parses a field's line; the tests hold every line of the table to be parsable.
pub(crate) fn field(line: &'static str) -> Option<Field> {
    let mut parts = line.splitn(4, ' ');
    let (name, number, word) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = number.trim_end_matches(|c: char| !c.is_ascii_digit());
    let flags = &number[digits.len()..];
    let presence = match flags.chars().next() {
        Some('p') => Presence::Pointer,
        Some('a') => Presence::Always,
        _ => Presence::NotEmpty,
    };
    let mut field = Field {
        name,
        number: digits.parse().ok()?,
        presence,
        required: flags.ends_with('!'),
        word: self::word(word)?,
        list: ListKind::Atomic,
        atomic: false,
        granular: false,
        patch: None,
        values: Vec::new(),
        default: None,
    };
    let mut rest = parts.next().unwrap_or_default();
    while !rest.is_empty() {
        // Values may hold spaces and are last; a default is JSON and stands before them.
        if let Some(values) = rest.strip_prefix("e=") {
            field.values = values.split(',').collect();
            break;
        }
        if let Some(default) = rest.strip_prefix("d=") {
            let (json, more) = default.find(" e=").map_or((default, ""), |at| (&default[..at], &default[at + 1..]));
            field.default = Some(serde_json::from_str(json).ok()?);
            rest = more;
            continue;
        }
        let (attribute, more) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = more;
        match attribute.split_once('=') {
            None if attribute == "set" => field.list = ListKind::Set,
            None if attribute == "atomic" => field.atomic = true,
            None if attribute == "granular" => field.granular = true,
            Some(("k", keys)) => field.list = ListKind::Map(keys.split(',').collect()),
            Some(("p", patch)) => {
                let (strategies, key) = patch.split_once(':').map_or((patch, None), |(s, key)| (s, Some(key)));
                let has = |name: &str| strategies.split(',').any(|s| s == name);
                field.patch = Some(Patch { merge: has("merge"), retain_keys: has("retainKeys"), key });
            }
            _ => return None,
        }
    }
    Some(field)
}

fn word(text: &str) -> Option<Word> {
    Some(match text {
        "s" => Word::String,
        "b" => Word::Bool,
        "i" => Word::Int32,
        "l" => Word::Int64,
        "f" => Word::Double,
        "y" => Word::Bytes,
        "t" => Word::Time,
        "u" => Word::MicroTime,
        "q" => Word::Quantity,
        "n" => Word::IntOrString,
        "v" => Word::FieldsV1,
        "r" => Word::RawExtension,
        "j" => Word::Json,
        "A" => Word::SchemaOrArray,
        "B" => Word::SchemaOrBool,
        "S" => Word::SchemaOrStrings,
        "w" => Word::Strings,
        _ => {
            if let Some(item) = text.strip_prefix("[]") {
                Word::List(Box::new(word(item)?))
            } else if let Some(value) = text.strip_prefix("{}") {
                Word::Map(Box::new(word(value)?))
            } else {
                Word::Type(index(text)?)
            }
        }
    })
}

/// Every line of fields, for the test that holds each to be parsable.
#[cfg(test)]
pub(crate) fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.starts_with('='))
}
