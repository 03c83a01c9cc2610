//! Keeps tokens out of everything that people read, also where GitHub itself repeats one in a message.

use std::sync::{Mutex, PoisonError};

use super::text::cut;

const BLANK: &str = "[secret]";

/// How tokens begin: GitHub's own kinds, and every JSON web token.
const STARTS: [&str; 7] = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "eyJ"];

/// Tokens of the past may still be in an answer that is under way; more than a few are not.
const MOST: usize = 4;

/// The tokens in use.
#[derive(Default)]
pub(super) struct Secrets(Mutex<Vec<String>>);

impl Secrets {
    pub(super) fn keep(&self, secret: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if secret.is_empty() || kept.iter().any(|k| k == secret) {
            return;
        }
        if kept.len() >= MOST {
            kept.remove(0);
        }
        kept.push(secret.to_owned());
    }

    /// The text on one line, without secrets, at most 600 characters.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text = text.replace(secret.as_str(), BLANK);
        }
        let text: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        cut(&without_tokens(&text.join(" ")), 600)
    }
}

/// Blanks whatever looks like a token. No assumption on its length: newer ones have hundreds of characters.
fn without_tokens(text: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(of_token) {
        let (before, from) = rest.split_at(begin);
        out.push_str(before);
        let (word, after) = from.split_at(from.find(|c| !of_token(c)).unwrap_or(from.len()));
        let secret = STARTS.iter().any(|start| word.starts_with(start)) && word.len() >= 12;
        out.push_str(if secret { BLANK } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tokens_and_what_looks_like_one_are_blanked() {
        let secrets = Secrets::default();
        secrets.keep("hunter2 with spaces");
        assert_eq!(
            secrets.clean("Bad token hunter2 with spaces, ghs_12345_eyJhbGciOi.eyJpc3M.abc-_x and\n \"eyJhbGciOiJSUzI1NiJ9.e30.x\" end"),
            "Bad token [secret], [secret] and \"[secret]\" end"
        );
        assert_eq!(secrets.clean("ghs_ is how they begin"), "ghs_ is how they begin");
    }
}
