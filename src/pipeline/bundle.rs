//! Step 5: stub
use std::collections::BTreeMap;
use super::{Tools, checkout::Tree, stage::Intent};
use crate::error::Result;
pub async fn prepare(_: &Intent, _: &Tree, _: &Tools) -> Result<BTreeMap<String, f64>> { Ok(BTreeMap::new()) }
