//! The client against scripted answers: what is asked, how often, and what people read when it goes wrong.

mod asks;
mod puts;
mod sends;

use serde_json::{Value, json};

use super::fake::{Fake, Reply, Seen, hang, limits, reply};
use super::*;
use crate::forge::*;
use crate::names::{Branch, Revision};

/// An RSA key made for these tests; it opens nothing.
const KEY: &str = include_str!("../test-key.pem");
const SHA: &str = "1111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222";

fn told(error: &Error) -> String {
    format!("{:?} {}\n{error}\n→ {}", error.class(), error.code(), error.next_step().unwrap_or("-"))
}

fn repository(name: &str) -> Reply {
    reply(200, json!({ "full_name": name, "default_branch": "main", "private": true }))
}

fn comment(id: u64, body: &str) -> Value {
    json!({ "id": id, "body": body, "user": { "login": "offshoot[bot]", "type": "Bot" }, "html_url": "https://x/1",
        "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-01T00:00:00Z" })
}
