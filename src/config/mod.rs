//! The configuration `offshoot.yml`: text in, checked values out, every problem with line, column and a suggestion.

mod yaml;
mod keys;
mod texts;
mod check;
mod build;
mod overlap;
mod template;
mod valid;
mod rules;
mod schema;
mod discover;
mod init;
mod explain;
pub mod duration;
pub mod suggest;

pub use build::parse;
pub use discover::{Discovered, discover, template_kind};
pub use explain::explain;
pub use init::init_text;
pub use rules::Stage;
pub use schema::json_schema;
pub use valid::{
    App, AppKind, ApplyRule, Approvals, Aws, Codeowners, Config, Drafts, Drift, DriftAction, Express, GitRef, KindFrom,
    Origin, Protection, Prune, Removal, Source, StageRule, Typecheck, Validation,
};
pub use yaml::MAX_BYTES;

#[cfg(test)]
mod tests;
