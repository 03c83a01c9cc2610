//! Commit statuses, for tokens that may not make check runs.

use serde_json::{Map, json};

use super::api::{At, Created};
use super::errors::Ask;
use super::models::CommitStatus;
use super::output::is_web_address;
use super::text::{cut, escape};
use super::{GitHub, Wrote};
use crate::error::Result;
use crate::forge::{Check, CheckState};

const MOST_DESCRIPTION: usize = 140;

impl GitHub {
    /// A status is never changed, a newer one hides it; GitHub takes 1,000 of one name, so none is sent twice.
    pub(super) async fn put_status(&self, check: &Check) -> Result<Wrote> {
        let ask = Ask::new(
            format!("writing the status {} of {} in {}", check.name, check.revision.short(), self.repo),
            "checks: write",
        );
        let (state, description) = (word(check.state), cut(&check.title, MOST_DESCRIPTION));
        let url = check.details_url.as_deref().filter(|url| is_web_address(url));
        let is_so = |status: &CommitStatus| {
            status.state == state
                && status.description.as_deref().unwrap_or_default() == description
                && status.target_url.as_deref().unwrap_or_default() == url.unwrap_or_default()
        };
        let newest = self.newest_status(&ask, check).await?;
        if newest.as_ref().is_some_and(is_so) {
            return Ok(Wrote::Nothing);
        }
        let mut body = Map::new();
        body.insert("state".to_owned(), json!(state));
        body.insert("context".to_owned(), json!(check.name));
        body.insert("description".to_owned(), json!(description));
        if let Some(url) = url {
            body.insert("target_url".to_owned(), json!(url));
        }
        let (asked, is_so) = (&ask, &is_so);
        let look = || async move { Ok(self.newest_status(asked, check).await?.filter(is_so)) };
        let at = At::repo(format!("/statuses/{}", escape(check.revision.as_str())));
        if let Created::Answer(answer) = self.api().create(&ask, &at, &body.into(), look).await? {
            self.api().parse::<CommitStatus>(&ask, &answer)?;
        }
        Ok(if newest.is_some() { Wrote::Changed } else { Wrote::Created })
    }

    async fn newest_status(&self, ask: &Ask, check: &Check) -> Result<Option<CommitStatus>> {
        let at = At::repo(format!("/commits/{}/statuses?per_page=100", escape(check.revision.as_str())));
        let statuses: Vec<CommitStatus> = self.api().list(ask, at).await?;
        Ok(statuses.into_iter().filter(|s| s.context == check.name).max_by_key(|s| s.id))
    }
}

/// A status knows fewer states: what waits for a person is not done yet.
fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Queued | CheckState::InProgress | CheckState::ActionRequired => "pending",
        CheckState::Success | CheckState::Neutral => "success",
        CheckState::Failure => "failure",
        CheckState::Cancelled => "error",
    }
}
