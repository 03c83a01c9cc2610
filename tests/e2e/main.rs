//! End-to-end tests: the real binary against MiniStack; see `make test`.

fn main() {}
