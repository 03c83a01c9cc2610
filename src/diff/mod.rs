//! What a deployment would do: template differences, replacement risk, IAM and network broadening, told without AWS.

mod change_set;
mod changes;
mod code;
mod data;
mod functions;
mod iam;
mod intrinsics;
mod limits;
mod network;
mod outputs;
mod parse;
mod policy;
mod properties;
mod redact;
mod replace;
mod settle;
mod template;

pub use change_set::{SetChange, SetDetail, classify, classify_with};
pub use code::{INLINE_TEMPLATE_BYTES, function_code, functions_with_asset, more_than_code};
pub use changes::{changes, changes_with};
pub use data::holds_data;
pub use functions::{functions, only_code};
pub use iam::iam;
pub use intrinsics::readable;
pub use limits::check;
pub use network::network;
pub use outputs::{exported, imported, outputs, outputs_with};
pub use parse::parse_template;
pub use redact::{Secrets, no_echo, redact, redact_parameters};
pub use replace::recreate;
pub use template::same;
