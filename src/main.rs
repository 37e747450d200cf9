//! Parse, run, exit.

fn main() -> std::process::ExitCode {
    mlinfra::commands::main()
}
