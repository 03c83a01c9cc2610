//! Check runs, made to be so: found again by name and id, changed only where they differ.

use super::api::{At, Created};
use super::errors::Ask;
use super::line::{Repeat, Sent};
use super::models::{CheckRun, CheckRuns};
use super::output::{BATCH, Wanted};
use super::text::escape;
use super::wire::{Answer, Method};
use super::{GitHub, Wrote};
use crate::error::{Error, Result};
use crate::forge::Check;

/// More than all annotations in their batches, each tried again.
const MOST_ROUNDS: usize = 30;

/// How a check run was put.
enum Put {
    Done(Wrote),
    /// Check runs are for GitHub Apps; this token is none, or lacks the permission.
    NotForUs,
}

impl GitHub {
    /// Makes the check run be so; where the token may not make check runs, a commit status of the same name.
    pub async fn put_check(&self, check: &Check) -> Result<Wrote> {
        if self.memory().may_make_checks() {
            match self.put_check_run(check).await? {
                Put::Done(wrote) => return Ok(wrote),
                Put::NotForUs => self.memory().checks_are_refused(),
            }
        }
        self.put_status(check).await
    }

    async fn put_check_run(&self, check: &Check) -> Result<Put> {
        let ask = Ask::new(
            format!("writing the check {} of {} in {}", check.name, check.revision.short(), self.repo),
            "checks: write",
        );
        let wanted = Wanted::of(check)?;
        let runs = match self.check_runs(&ask, &wanted).await? {
            Ok(runs) => runs,
            Err(_) => return Ok(Put::NotForUs),
        };
        if let Some(run) = self.newest_run(&ask, &wanted, runs).await? {
            if wanted.is_there(&run) {
                return Ok(Put::Done(Wrote::Nothing));
            }
            if wanted.can_become(&run) && self.change_run(&ask, &wanted, &run).await? {
                return Ok(Put::Done(Wrote::Changed));
            }
        }
        self.create_run(&ask, &wanted).await
    }

    /// The check runs of that name; the refusal where the token may not even see them.
    async fn check_runs(&self, ask: &Ask, wanted: &Wanted) -> Result<Result<Vec<CheckRun>, Answer>> {
        let at = At::repo(format!(
            "/commits/{}/check-runs?check_name={}&filter=latest&per_page=100",
            escape(&wanted.revision),
            escape(&wanted.name)
        ));
        let answer = self.api().get(ask, &at).await?;
        if answer.status == 403 {
            return Ok(Err(answer));
        }
        let first: CheckRuns = self.api().parse(ask, &answer)?;
        let mut runs = first.check_runs;
        if let Some(next) = answer.link {
            let more: Vec<CheckRuns> = self.api().pages(ask, At::Given(next)).await?;
            runs.extend(more.into_iter().flat_map(|page| page.check_runs));
        }
        Ok(Ok(runs))
    }

    /// The newest of ours; the list may not show yet what was made a moment ago.
    async fn newest_run(&self, ask: &Ask, wanted: &Wanted, runs: Vec<CheckRun>) -> Result<Option<CheckRun>> {
        let listed = newest(wanted, runs);
        match self.memory().made_before(&key(wanted)) {
            Some(id) if listed.as_ref().is_none_or(|run| run.id < id) => {
                Ok(Some(self.api().read(ask, &At::repo(format!("/check-runs/{id}"))).await?))
            }
            _ => Ok(listed),
        }
    }

    async fn create_run(&self, ask: &Ask, wanted: &Wanted) -> Result<Put> {
        let look = || async move {
            match self.check_runs(ask, wanted).await? {
                // with fewer annotations it is ours as well: the first batch came with it
                Ok(runs) => Ok(newest(wanted, runs).filter(|run| wanted.is_begun(run))),
                Err(refusal) => Err(self.api().refused(ask, &refusal)),
            }
        };
        let run = match self.api().create(ask, &At::repo("/check-runs"), &wanted.to_create(), look).await? {
            Created::Before(run) => run,
            Created::Answer(answer) if answer.status == 403 => return Ok(Put::NotForUs),
            Created::Answer(answer) => {
                let mut run: CheckRun = self.api().parse(ask, &answer)?;
                run.output.annotations_count = run.output.annotations_count.max(BATCH.min(wanted.annotations.len()));
                run
            }
        };
        self.memory().made(key(wanted), run.id);
        self.add_annotations(ask, wanted, &run).await?;
        Ok(Put::Done(Wrote::Created))
    }

    /// Changes a check run; says no where it belongs to another App, or GitHub keeps it closed.
    async fn change_run(&self, ask: &Ask, wanted: &Wanted, run: &CheckRun) -> Result<bool> {
        let there = run.output.annotations_count;
        match self.patch_run(ask, run.id, wanted, there).await? {
            // where it is the content that is not accepted, creating says so too
            Sent::Answer(answer) if matches!(answer.status, 403 | 422) => Ok(false),
            Sent::Answer(answer) => {
                let mut changed: CheckRun = self.api().parse(ask, &answer)?;
                let sent = BATCH.min(wanted.annotations.len().saturating_sub(there));
                changed.output.annotations_count = changed.output.annotations_count.max(there + sent);
                self.add_annotations(ask, wanted, &changed).await?;
                Ok(true)
            }
            Sent::Unknown(_) => {
                let now = self.look_at_run(ask, run.id).await?;
                // all but the annotations may be sent again, and of those only what is missing
                self.finish_run(ask, wanted, now).await?;
                Ok(true)
            }
        }
    }

    async fn add_annotations(&self, ask: &Ask, wanted: &Wanted, run: &CheckRun) -> Result<()> {
        if run.output.annotations_count >= wanted.annotations.len() {
            return Ok(());
        }
        self.finish_run(ask, wanted, run.clone()).await
    }

    /// Sends what is missing, batch by batch; after an answer that did not come, it looks how far it got.
    async fn finish_run(&self, ask: &Ask, wanted: &Wanted, mut run: CheckRun) -> Result<()> {
        let mut lost: Option<Error> = None;
        for _ in 0..MOST_ROUNDS {
            if wanted.is_there(&run) {
                return Ok(());
            }
            let there = run.output.annotations_count;
            match self.patch_run(ask, run.id, wanted, there).await? {
                Sent::Answer(answer) => {
                    let mut now: CheckRun = self.api().parse(ask, &answer)?;
                    let sent = BATCH.min(wanted.annotations.len().saturating_sub(there));
                    // the count may lag behind; what was accepted is there
                    now.output.annotations_count = now.output.annotations_count.max(there + sent);
                    if now.output.annotations_count >= wanted.annotations.len() {
                        return Ok(());
                    }
                    run = now;
                }
                Sent::Unknown(error) => {
                    lost = Some(error);
                    run = self.look_at_run(ask, run.id).await?;
                }
            }
        }
        match lost {
            Some(error) => Err(error),
            None => Err(self.api().malformed(ask, "the check run does not become what was sent")),
        }
    }

    /// A change without annotations may be repeated; with some it may not, they would be there twice.
    async fn patch_run(&self, ask: &Ask, id: u64, wanted: &Wanted, annotations_there: usize) -> Result<Sent> {
        let repeat = if annotations_there < wanted.annotations.len() { Repeat::Never } else { Repeat::Freely };
        let body = wanted.to_change(annotations_there);
        self.api().write(ask, Method::Patch, &At::repo(format!("/check-runs/{id}")), Some(&body), repeat).await
    }

    async fn look_at_run(&self, ask: &Ask, id: u64) -> Result<CheckRun> {
        self.api().rest().await;
        self.api().read(ask, &At::repo(format!("/check-runs/{id}"))).await
    }
}

fn newest(wanted: &Wanted, runs: Vec<CheckRun>) -> Option<CheckRun> {
    runs.into_iter()
        .filter(|run| run.name == wanted.name && run.external_id.as_deref() == Some(wanted.external_id.as_str()))
        .max_by_key(|run| run.id)
}

fn key(wanted: &Wanted) -> String {
    format!("check {} {} {}", wanted.revision, wanted.external_id, wanted.name)
}
