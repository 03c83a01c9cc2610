//! Files of the repository, without any clone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::GitHub;
use super::api::At;
use super::errors::Ask;
use super::models::Content;
use super::text::{escape, escape_path};
use crate::error::{Error, Result};

impl GitHub {
    /// A file's text at a branch or commit; nothing where there is none.
    pub async fn file(&self, path: &str, at: &str) -> Result<Option<String>> {
        let doing = format!("reading {path} of {} at {at}", self.repo);
        let ask = Ask::new(&doing, "contents: read");
        let at = At::repo(format!("/contents/{}?ref={}", escape_path(path.trim_matches('/')), escape(at)));
        let Some(answer) = self.api().find(&ask, &at).await? else { return Ok(None) };
        // a folder: a list of what is in it
        if answer.body.trim_start().starts_with('[') {
            return Ok(None);
        }
        let file: Content = self.api().parse(&ask, &answer)?;
        if file.kind != "file" {
            return Ok(None);
        }
        // GitHub leaves the content of large files out
        if file.encoding.as_deref() != Some("base64") {
            let what = format!("it has {} bytes, more than GitHub shows", file.size);
            return Err(Error::failed("forge.file_too_large", doing, what).next("make the file smaller than 1 MB"));
        }
        let packed: String = file.content.unwrap_or_default().chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(packed).map_err(|e| self.api().malformed(&ask, &e.to_string()))?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Error::failed("forge.not_text", doing, "it is not UTF-8").next("save the file as UTF-8")),
        }
    }
}
