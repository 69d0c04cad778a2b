use super::read;

/// The paths of a source, `test:` before those that only tests have.
fn check(source: &str, expect: &[&str]) {
    let paths = read(source).paths;
    let named: Vec<String> =
        paths.iter().map(|p| format!("{}{}", if p.test { "test:" } else { "" }, p.segments.join("::"))).collect();
    assert_eq!(named, expect, "{source}");
}

#[test]
fn a_use_declaration_names_each_of_its_leaves() {
    check("use serde;", &["serde"]);
    check("use ::serde as s;", &["serde"]);
    check("pub(crate) use a::{self, b::{C, D as E}, *};", &["a", "a::b::C", "a::b::D", "a::*"]);
    check("use {a::b, c};", &["a::b", "c"]);
    check("extern crate x as y;", &["x"]);
    check("fn f() -> impl Sized + use<'a, T> {}", &[]);
}

#[test]
fn a_path_in_code_is_named_from_its_first_segment() {
    check("fn f() { a::b(); ::c::d!(); x.e::<F>(); g::<H>(); <T as I>::j::k() }", &["a::b", "c::d"]);
    check("#[derive(thiserror::Error)] #[serde(with = \"bytes::hex\")] struct S;", &["thiserror::Error", "bytes::hex"]);
    check("fn f(x: &'a b::C) -> [u8; d::E] { '\\'' ; b'\"'; 'x' }", &["b::C", "d::E"]);
}

#[test]
fn what_is_not_code_names_nothing() {
    check("// a::b\n/* c::d /* e::f */ g::h */ /// i::j\n", &[]);
    check("let s = (\"a::b\", \"\\\"c::d\", r#\"e\"f::g\"#, b\"h::i\", br##\"j\"#::k\"##);", &[]);
}

#[test]
fn a_module_or_import_of_the_own_crate_is_no_crate() {
    check("mod plan; fn f() { plan::x() }", &[]);
    check("use crate::{plan, b as http}; fn f() { plan::x(); http::y(); c::z() }", &["c::z"]);
    check("use super::plan::Plan; fn f() { plan::x(); Plan::new() }", &["plan::x"]);
}

#[test]
fn what_only_tests_have_is_told_apart() {
    check("#[cfg(test)] mod tests { use a::b; } use c::d;", &["test:a::b", "c::d"]);
    check("#[cfg(test)] use a::{b}; fn f() { c::d() }", &["test:a::b", "c::d"]);
    check("#[cfg(not(test))] fn f(x: [u8; 3]) { c::d() }", &["c::d"]);
    assert!(read("#[cfg(test)]\nmod fixture;\nmod other;").test_modules.iter().eq(["fixture"]));
}

#[test]
fn a_path_says_its_line() {
    let source = "/* one\n two */\nlet s = \"\n\";\nfn f() { a::b }";
    assert_eq!(read(source).paths[0].line, 5);
}

#[test]
fn a_function_is_told_apart_from_its_type_and_its_call() {
    let source = "trait T { fn a(&self); }\n// fn b\nasync fn c<X>(f: fn(u8)) { d(\"fn e\"); fn g() {} }\n\
                  #[cfg(test)]\nmod tests { fn h() {} }\n";
    let functions = read(source).functions;
    let named: Vec<_> = functions.iter().map(|f| (f.line, f.name.as_str(), f.test)).collect();
    assert_eq!(named, [(1, "a", false), (3, "c", false), (3, "g", false), (5, "h", true)]);
}
