//! The program under test: the same `main` as `ferry`, built by every `cargo test`.

fn main() -> std::process::ExitCode {
    ferry::cmd::main()
}
