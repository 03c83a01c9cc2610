//! Step 6: stub
use std::collections::BTreeMap;
use super::{Desk, Tools, changed::{Facts, Room}, checkout::Tree, stage::Intent};
use crate::error::Result;
pub enum Keep { Yes, No }
pub struct Written { pub keep: Keep, pub facts: Facts, pub timings: BTreeMap<String, f64> }
pub async fn synth(_: &Intent, _: &Tree, _: &Room, _: &Desk, _: &Tools) -> Result<Written> { Ok(Written { keep: Keep::No, facts: Facts::default(), timings: BTreeMap::new() }) }
