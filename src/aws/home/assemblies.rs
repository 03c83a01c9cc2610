//! Assemblies that a stage can go back to, as zips beside its state, by revision.

use super::{Home, Only};
use crate::error::Result;

impl Home {
    pub async fn put_assembly(&self, stage: &str, revision: &str, zip: Vec<u8>) -> Result<()> {
        self.write(&key(stage, revision), zip, Only::Always).await?;
        Ok(())
    }

    /// The zip of that revision (the whole commit id); `None` where none is kept.
    pub async fn assembly(&self, stage: &str, revision: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read_bytes(&key(stage, revision)).await?.map(|(bytes, _)| bytes))
    }

    /// The revisions whose assemblies are kept, sorted by name.
    pub async fn assemblies(&self, stage: &str) -> Result<Vec<String>> {
        let folder = folder(stage);
        let keys = self.list(&folder).await?;
        Ok(keys.iter().filter_map(|k| k.strip_prefix(&folder)?.strip_suffix(".zip")).map(str::to_owned).collect())
    }

    pub async fn drop_assembly(&self, stage: &str, revision: &str) -> Result<()> {
        self.delete(&key(stage, revision)).await
    }

    pub async fn has_planned(&self, stage: &str, digest: &str) -> Result<bool> {
        Ok(!self.list(&planned_key(stage, digest)).await?.is_empty())
    }

    /// The assembly of a plan, by the plan's digest, until the plan is executed or another one is.
    pub async fn put_planned(&self, stage: &str, digest: &str, zip: Vec<u8>) -> Result<()> {
        // what has the same digest is the same
        self.write(&planned_key(stage, digest), zip, Only::IfAbsent).await?;
        Ok(())
    }

    pub async fn planned(&self, stage: &str, digest: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.read_bytes(&planned_key(stage, digest)).await?.map(|(bytes, _)| bytes))
    }

    pub async fn drop_planned(&self, stage: &str) -> Result<()> {
        self.drop_folder(&format!("{stage}.planned/")).await
    }

    pub(super) async fn drop_assemblies(&self, stage: &str) -> Result<()> {
        self.drop_folder(&folder(stage)).await
    }
}

fn folder(stage: &str) -> String {
    format!("{stage}.assemblies/")
}

fn planned_key(stage: &str, digest: &str) -> String {
    format!("{stage}.planned/{digest}.zip")
}

fn key(stage: &str, revision: &str) -> String {
    format!("{}{revision}.zip", folder(stage))
}
