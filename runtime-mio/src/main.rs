//! The `egoist` program.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "flags and reports of commands that are not in the list yet")
)]
mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
