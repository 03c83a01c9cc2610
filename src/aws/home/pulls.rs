//! What a stage's bucket keeps for pull requests: cards, approvals of plans, wishes to cancel, and assemblies to go back to.

use super::{Home, MANY, Only, Written, json};
use crate::error::{Error, Result};
use crate::plan::card::Card;
use crate::plan::state::Approval;

impl Home {
    /// What a pull request shows about the stage.
    pub async fn card(&self, stage: &str, pull: u64) -> Result<Option<Card>> {
        let found = self.read::<Card>(&card_key(stage, pull)).await?;
        Ok(found.map(|(card, _)| card))
    }

    /// Every card of the stage; what cannot be read as one is passed over.
    pub async fn cards(&self, stage: &str) -> Result<Vec<Card>> {
        let mut cards = Vec::new();
        for key in self.list(&format!("{stage}.pulls/")).await?.into_iter().take(MANY) {
            let Some((bytes, _)) = self.read_bytes(&key).await? else { continue };
            cards.extend(serde_json::from_slice::<Card>(&bytes));
        }
        Ok(cards)
    }

    /// Throws away what pull requests show about the stage.
    pub async fn forget_cards(&self, stage: &str) -> Result<()> {
        self.drop_folder(&format!("{stage}.pulls/")).await
    }

    pub async fn put_card(&self, card: &Card) -> Result<()> {
        self.write(&card_key(&card.stage, card.pull), json(card)?, Only::Always).await?;
        Ok(())
    }

    /// Who has approved the plan with this digest.
    pub async fn approvals(&self, stage: &str, digest: &str) -> Result<Vec<Approval>> {
        let found = self.read::<Vec<Approval>>(&approvals_key(stage, digest)).await?;
        Ok(found.map(|(list, _)| list).unwrap_or_default())
    }

    /// Adds an approval, once per person; gives all that there are then.
    pub async fn approve(&self, stage: &str, approval: Approval) -> Result<Vec<Approval>> {
        let key = approvals_key(stage, &approval.digest);
        for _ in 0..8 {
            let found = self.read::<Vec<Approval>>(&key).await?;
            let (mut list, tag) = found.map_or((Vec::new(), None), |(list, tag)| (list, Some(tag)));
            if list.iter().any(|a| a.by.eq_ignore_ascii_case(&approval.by)) {
                return Ok(list);
            }
            list.push(approval.clone());
            let only = tag.as_ref().map_or(Only::IfAbsent, Only::IfUnchanged);
            if let Written::Done(_) = self.write(&key, json(&list)?, only).await? {
                return Ok(list);
            }
        }
        Err(Error::transient("approval.busy", format!("approving a plan of stage {stage}"), "many approve it at once")
            .next("approve it again"))
    }

    /// Throws away the approvals of plans that can no longer be executed: all but those of `applied`.
    pub async fn drop_approvals(&self, stage: &str, applied: Option<&str>) -> Result<()> {
        let kept = applied.map(|digest| approvals_key(stage, digest));
        for key in self.list(&format!("{stage}.approvals/")).await? {
            if Some(&key) != kept.as_ref() {
                self.delete(&key).await?;
            }
        }
        Ok(())
    }

    /// Throws away every wish to cancel a run of the stage.
    pub(super) async fn drop_cancels(&self, stage: &str) -> Result<()> {
        self.drop_folder(&format!("{stage}.cancel/")).await
    }

    /// Asks the run that works on the stage to begin nothing new.
    pub async fn ask_to_cancel(&self, stage: &str, run: &str, by: &str) -> Result<()> {
        self.write(&format!("{stage}.cancel/{run}"), by.as_bytes().to_vec(), Only::Always).await?;
        Ok(())
    }

    /// Who asked the run to stop, if anybody did.
    pub async fn cancel_asked(&self, stage: &str, run: &str) -> Result<Option<String>> {
        let found = self.read_bytes(&format!("{stage}.cancel/{run}")).await?;
        Ok(found.map(|(by, _)| String::from_utf8_lossy(&by).into_owned()))
    }

    pub async fn forget_cancel(&self, stage: &str, run: &str) -> Result<()> {
        self.delete(&format!("{stage}.cancel/{run}")).await
    }
}

fn card_key(stage: &str, pull: u64) -> String {
    format!("{stage}.pulls/{pull}.json")
}

fn approvals_key(stage: &str, digest: &str) -> String {
    format!("{stage}.approvals/{digest}.json")
}
