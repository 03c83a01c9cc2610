//! Parse, run, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // before any thread: libgit2 must not read the machine's git configuration
    offshoot::git::init();
    // a child must not read our environment from our memory
    offshoot::toolchain::keep_memory_private();
    offshoot::cli::run(std::env::args_os())
}
