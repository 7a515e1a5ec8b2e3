//! The `egoist` program.
#![allow(
    rustdoc::invalid_html_tags,
    rustdoc::broken_intra_doc_links,
    reason = "the docs of flags are the help that people read"
)]

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
