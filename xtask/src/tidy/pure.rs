//! Pure crates take values and return values. Clippy refuses clocks and randomness everywhere; what reaches the machine is
//! refused here, and only in the crates that `deps` calls pure, so that a new one cannot be forgotten.

use super::{Breach, File};
use crate::{deps, syntax};

/// Modules of the standard library that reach files, sockets, other processes, threads or the environment. `path` is
/// among them because a `Path` asks the disk (`exists`, `canonicalize`); paths inside a source are text.
const MACHINE: &[&str] = &["env", "fs", "net", "os", "path", "process", "thread"];

/// What is a value all the same: addresses are parsed and compared, and open nothing.
const VALUES: &[&str] = &["AddrParseError", "IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"];

pub(super) fn check(file: &File) -> Vec<Breach> {
    let path = file.path.to_string_lossy();
    let pure = deps::PURE.iter().any(|name| path.starts_with(&format!("crates/{name}/src/")));
    if !pure || !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    let reaches = |segments: &[String]| match segments {
        [std, module, rest @ ..] if std == "std" => {
            let value = module == "net" && rest.first().is_some_and(|name| VALUES.contains(&name.as_str()));
            module == "*" || (MACHINE.contains(&module.as_str()) && !value)
        }
        _ => false,
    };
    let paths = syntax::read(&file.text).paths;
    let breaches = paths.into_iter().filter(|named| !named.test && reaches(&named.segments));
    breaches
        .map(|named| (named.line, format!("a pure crate does not use {}: take the value", named.segments.join("::"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{File, check};

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&File { path: path.into(), text: text.to_owned() }).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_pure_crate_reaches_neither_disk_nor_network_nor_process() {
        let text = "use std::{collections::BTreeMap, fs};\nuse std::net::{IpAddr, TcpStream};\n\
                    fn f() { std::env::var(\"x\"); ::std::process::exit(1) }\nuse std::net::Ipv4Addr;\n// std::fs\n";
        assert_eq!(lines("crates/plan/src/guard.rs", text), [1, 2, 3, 3]);
        assert_eq!(lines("crates/plan/src/guard/tests.rs", text), [0; 0]);
        assert_eq!(lines("crates/store/src/lib.rs", text), [0; 0]);
        assert_eq!(lines("crates/model/src/lib.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"), [0; 0]);
    }
}
