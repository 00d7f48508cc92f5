//! `ferry`: see the library.

fn main() -> std::process::ExitCode {
    ferry::cmd::main()
}
