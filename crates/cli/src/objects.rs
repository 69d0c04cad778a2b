//! Objects in a list that a person agrees to, as people and as programs read them.

use api::view::HeldObject;
use model::{MemberName, ObjectKey};
use plan::departure::{Objects, is_taken_over, unless};
use serde_json::{Value, json};

use crate::status::held::count;

/// Objects of one block that are named unless all are asked for: a person reads three pages.
const SHOWN_MAX: usize = 100;

/// Blocks of one list that are printed unless all are asked for. Members differ in a few objects, if in any; of more blocks, the
/// last are those of single members.
pub(crate) const BLOCKS_MAX: usize = 20;

/// Members that a line names.
const MEMBERS_MAX: usize = 5;

/// `member beijing`, or how many and the first of them.
pub(crate) fn members(members: &[MemberName]) -> String {
    let shown = members.iter().take(MEMBERS_MAX).map(MemberName::to_string).collect::<Vec<_>>().join(", ");
    match members.len() {
        1 => format!("member {shown}"),
        all if all > MEMBERS_MAX => format!("{all} members ({shown} and {} more)", all - MEMBERS_MAX),
        all => format!("{all} members ({shown})"),
    }
}

/// What goes and what stays, in the shape of the hub's view.
pub(crate) fn listed(objects: &Objects) -> Vec<HeldObject> {
    objects.listed()
}

/// Objects of a list, by what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// They are deleted.
    pub(crate) goes: usize,
    /// They are left there.
    pub(crate) stays: usize,
    /// Other units take them over.
    pub(crate) taken: usize,
}

impl Numbers {
    /// Adds those of so many members.
    pub(crate) fn add(&mut self, other: Self, members: usize) {
        self.goes += other.goes * members;
        self.stays += other.stays * members;
        self.taken += other.taken * members;
    }

    /// What came of it when so many stayed that were to be deleted.
    pub(crate) fn without(self, stayed: usize) -> Self {
        let stayed = stayed.min(self.goes);
        Self { goes: self.goes - stayed, stays: self.stays + stayed, ..self }
    }

    /// In words.
    pub(crate) fn in_words(self) -> String {
        let Self { goes, stays, taken } = self;
        let counted = |number: usize| count(u32::try_from(number).unwrap_or(u32::MAX), "object");
        let all = [(goes, "deleted"), (taken, "taken over by others"), (stays, "left there")];
        let said: Vec<String> = all
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", counted(*number)))
            .collect();
        if said.is_empty() { "nothing".to_owned() } else { said.join(", ") }
    }
}

/// How many objects go, stay, and are taken over: every number that is said of a list is one of these.
pub(crate) fn numbers(objects: &[HeldObject]) -> Numbers {
    let goes = objects.iter().filter(|object| object.stays.is_empty()).count();
    let taken = objects.iter().filter(|object| is_taken_over(&object.stays)).count();
    Numbers { goes, taken, stays: objects.len() - goes - taken }
}

/// How many go and how many stay.
pub(crate) fn summary(objects: &[HeldObject]) -> String {
    numbers(objects).in_words()
}

/// Did the member look who else has something in the Namespaces and definitions of a list?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// It did, when it made the list.
    Into,
    /// It does when they are to go, and those stay in which others have something.
    Later,
}

/// One line for each object. A long block is cut unless all are asked for.
pub(crate) fn lines(objects: &[HeldObject], looked: Looked, all: bool) -> Vec<String> {
    let shown = if all { objects.len() } else { SHOWN_MAX };
    let unless = |key: &ObjectKey| unless(key).filter(|_| looked == Looked::Later);
    let line = |object: &HeldObject| match (object.stays.as_str(), key(object)) {
        ("", key) => format!("  - {key}{}", besides(object, unless(&key))),
        (why, key) => format!("  = {key} stays: {why}"),
    };
    let mut lines: Vec<String> = objects.iter().take(shown).map(line).collect();
    if objects.len() > shown {
        lines.push(format!("  and {} more: -v shows them", objects.len() - shown));
    }
    lines
}

/// What else there is to say of an object that goes: whose it is, if it is another one's, and what keeps it there.
fn besides(object: &HeldObject, unless: Option<&str>) -> String {
    let whose = (!object.of.is_empty()).then(|| format!("of {}, which waits for this", object.of));
    let all: Vec<String> = whose.into_iter().chain(unless.map(str::to_owned)).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join("; ")) }
}

/// What names it.
pub(crate) fn key(object: &HeldObject) -> ObjectKey {
    let HeldObject { group, kind, namespace, name, stays: _, of: _ } = object.clone();
    ObjectKey { group, kind, namespace, name }
}

/// Is it a Namespace or a definition, which takes along what is in it?
pub(crate) fn is_container(object: &HeldObject) -> bool {
    object.stays.is_empty() && unless(&key(object)).is_some()
}

/// What is said of strangers below a list whose containers were looked into: somebody may have put something there since.
pub(crate) const STRANGERS: &str =
    "a Namespace or definition in which others have something stays, and is named afterwards";

/// One object in a member, for programs.
pub(crate) fn value(member: &MemberName, away: bool, object: &HeldObject, uid: Option<&str>) -> Value {
    let uid = uid.filter(|uid| !uid.is_empty());
    let why = Some(&object.stays).filter(|why| !why.is_empty());
    let mut value = json!({"member": member, "away": away, "group": object.group, "kind": object.kind,
        "namespace": object.namespace, "name": object.name, "uid": uid, "deleted": why.is_none(), "why": why});
    if !object.of.is_empty() {
        value["of"] = json!(object.of);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_block_is_cut_unless_all_is_asked_for() {
        let object = |n: usize| HeldObject { kind: "ConfigMap".into(), name: format!("c{n}"), ..HeldObject::default() };
        let many: Vec<HeldObject> = (0..154).map(object).collect();
        let cut = lines(&many, Looked::Into, false);
        assert_eq!((cut.len(), cut.last().unwrap().as_str()), (101, "  and 54 more: -v shows them"));
        assert_eq!(lines(&many, Looked::Into, true).len(), 154);
        assert_eq!(summary(&many), "154 objects deleted");
    }

    #[test]
    fn what_others_may_have_something_in_says_so_unless_it_was_looked_into() {
        let object = |group: &str, kind: &str, stays: &str| HeldObject {
            group: group.into(),
            kind: kind.into(),
            name: "a".into(),
            stays: stays.into(),
            ..HeldObject::default()
        };
        let all = [
            object("", "Namespace", ""),
            object("", "Namespace", "something in it stays"),
            object("apiextensions.k8s.io", "CustomResourceDefinition", ""),
            object("example.com", "Namespace", ""),
            object("", "ConfigMap", ""),
        ];
        let (into, later) = (lines(&all, Looked::Into, false), lines(&all, Looked::Later, false));
        assert_eq!(
            later,
            [
                "  - Namespace a (stays if others have something in it)",
                "  = Namespace a stays: something in it stays",
                "  - CustomResourceDefinition.apiextensions.k8s.io a (stays if others have something of it)",
                "  - Namespace.example.com a",
                "  - ConfigMap a",
            ]
        );
        assert_eq!(into[0], "  - Namespace a");
        assert_eq!(into[1], later[1]);
        assert_eq!(into[2], "  - CustomResourceDefinition.apiextensions.k8s.io a");
    }

    #[test]
    fn what_is_of_another_one_says_whose_it_is() {
        let object = |kind: &str| HeldObject {
            kind: kind.into(),
            name: "n1".into(),
            of: "app/a".into(),
            ..HeldObject::default()
        };
        let all = [object("Namespace"), object("ConfigMap")];
        assert_eq!(
            lines(&all, Looked::Later, false),
            [
                "  - Namespace n1 (of app/a, which waits for this; stays if others have something in it)",
                "  - ConfigMap n1 (of app/a, which waits for this)",
            ]
        );
        assert_eq!(lines(&all, Looked::Into, false)[0], "  - Namespace n1 (of app/a, which waits for this)");
        assert_eq!(value(&"m".parse().unwrap(), false, &all[0], None)["of"], "app/a");
    }

    #[test]
    fn members_are_counted_and_the_first_are_named() {
        let names = |n: usize| (0..n).map(|n| format!("m{n}").parse().unwrap()).collect::<Vec<MemberName>>();
        for (n, expect) in
            [(1, "member m0"), (2, "2 members (m0, m1)"), (57, "57 members (m0, m1, m2, m3, m4 and 52 more)")]
        {
            assert_eq!(members(&names(n)), expect);
        }
    }
}
