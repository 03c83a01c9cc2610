//! The fake GitHub as a program of its own, for `make demo`: `forge --dir DIR [--listen 127.0.0.1:0]`.

#[path = "mod.rs"]
mod forge;

use std::io::Write;
use std::time::Duration;

fn main() {
    let mut dir = None;
    let mut listen = "127.0.0.1:0".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next();
        match (name.as_str(), value) {
            ("--dir", Some(value)) => dir = Some(value),
            ("--listen", Some(value)) => listen = value,
            _ => panic!("usage: forge --dir DIR [--listen 127.0.0.1:0]"),
        }
    }
    offshoot::git::init();
    let dir = dir.expect("--dir says where the repositories are kept");
    let fake = forge::FakeGitHub::listen(&dir, &listen);
    println!("{}", serde_json::json!({"api_url": fake.api_url(), "server_url": fake.server_url()}));
    std::io::stdout().flush().expect("stdout");
    let mut told = 0;
    let (_never, wait) = std::sync::mpsc::channel::<()>();
    loop {
        // until it is killed; what is not as GitHub says is told as it comes
        let _ = wait.recv_timeout(Duration::from_millis(500));
        let violations = fake.violations();
        for violation in violations.iter().skip(told) {
            eprintln!("{violation}");
        }
        told = violations.len();
    }
}
