//! Project tasks, run as `cargo xtask COMMAND`. One module per command; this file only dispatches.

mod codegen;

use std::process::ExitCode;

use anyhow::Result;

/// A command's entry: gets the arguments after its name.
type Run = fn(&[String]) -> Result<()>;

/// Every command, with the line that `cargo xtask` prints about it.
const COMMANDS: &[(&str, &str, Run)] =
    &[("codegen", "write the generated files, or verify them with --check", codegen::run)];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let Some((_, _, run)) = COMMANDS.iter().find(|(command, ..)| *command == name) else {
        eprintln!("usage: cargo xtask COMMAND [ARGUMENTS]\n");
        for (command, about, _) in COMMANDS {
            eprintln!("  {command:10} {about}");
        }
        return ExitCode::from(2);
    };
    match run(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
