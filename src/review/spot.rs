//! The stages of all apps that a branch or a pull request concerns, and the empty card of each.

use std::collections::BTreeMap;

use super::Office;
use super::seat::Room;
use crate::config::{App, ApplyRule, Config, GitRef, Protection, Source, Stage};
use crate::error::Result;
use crate::forge::{Origin, Pull};
use crate::pipeline;
use crate::plan::card::{self, Approvals, Card, CardState, StageClass, StageRole};

/// One stage of one app, as an event concerns it.
#[derive(Clone, Debug)]
pub struct Spot {
    pub app: App,
    pub stage: Stage,
    pub role: StageRole,
}

impl Spot {
    pub fn name(&self) -> String {
        format!("{}/{}", self.app.name, self.stage.name)
    }

    /// A pull request from `develop` shows the stage of `develop`: a stage with a name of its own, and no preview.
    pub fn outlives_pull(&self) -> bool {
        self.role == StageRole::Target
            || (self.stage.rule.is_fixed() && !matches!(self.stage.rule.source, Source::PullRequest { .. }))
    }
}

/// What a pull request concerns: its preview (or the stage of its own branch), and the stages of its base branch.
pub fn of_pull(office: &Office, room: &Room, pull: &Pull) -> Result<Vec<Spot>> {
    let config = &room.opened.config;
    let own =
        GitRef::PullRequest { number: pull.number, base: pull.base.branch.clone(), head: pull.head.branch.clone() };
    let mut previews = config.stages_for(&own)?;
    if previews.is_empty() && pull.origin() == Origin::Own {
        previews = config.stages_for(&GitRef::Branch(pull.head.branch.clone()))?;
    }
    let targets = config.stages_for(&GitRef::Branch(pull.base.branch.clone()))?;
    let mut spots = of_stages(office, config, &previews, StageRole::Preview);
    spots.extend(of_stages(office, config, &targets, StageRole::Target));
    Ok(spots)
}

/// The stages of a branch or tag.
pub fn of_ref(office: &Office, room: &Room, git_ref: &GitRef, role: StageRole) -> Result<Vec<Spot>> {
    let stages = room.opened.config.stages_for(git_ref)?;
    Ok(of_stages(office, &room.opened.config, &stages, role))
}

fn of_stages(office: &Office, config: &Config, stages: &[Stage], role: StageRole) -> Vec<Spot> {
    let settings = &office.settings;
    let wanted = |app: &&App| settings.folder.as_ref().is_none_or(|folder| app.path.starts_with(folder));
    let mut spots = Vec::new();
    for app in config.apps.iter().filter(wanted) {
        for stage in stages {
            let theirs = stage.rule.apps.as_ref().is_none_or(|apps| apps.contains(&app.name));
            let asked = settings.stage.as_deref().is_none_or(|name| name == stage.name.as_str());
            if theirs && asked {
                spots.push(Spot { app: app.clone(), stage: stage.clone(), role });
            }
        }
    }
    spots
}

/// What is at stake in a stage.
pub fn class(spot: &Spot) -> StageClass {
    let rule = &spot.stage.rule;
    if spot.role == StageRole::Preview && !spot.outlives_pull() {
        StageClass::Preview
    } else if rule.protect == Protection::On || matches!(rule.apply, ApplyRule::Approved | ApplyRule::Manual) {
        StageClass::Production
    } else {
        StageClass::Other
    }
}

/// The card of a stage about which nothing is known yet. `pull` is 0 outside of pull requests.
pub fn blank(office: &Office, room: &Room, spot: &Spot, pull: u64, (head, base): (&str, &str)) -> Card {
    let several = room.opened.config.apps.len() > 1;
    let (app, stage) = (spot.app.name.to_string(), spot.stage.name.to_string());
    let shown = if spot.role == StageRole::Preview { "preview" } else { stage.as_str() };
    Card {
        version: card::VERSION,
        pull,
        role: spot.role,
        class: class(spot),
        environment: if several { format!("{app}/{stage}") } else { stage.clone() },
        check: format!("offshoot / {app} / {shown}"),
        app,
        stage,
        head: head.to_owned(),
        base: base.to_owned(),
        updated: pipeline::now(),
        state: CardState::Planning,
        why: None,
        plan: None,
        planned: None,
        applied: None,
        trouble: None,
        approvals: Approvals::default(),
        outputs: BTreeMap::new(),
        url: None,
        expires: None,
        run_url: office.settings.run_url.clone(),
        live_url: None,
        offer: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StageRule;
    use crate::names::StageName;

    #[test]
    fn the_stage_of_a_lasting_branch_is_no_preview() {
        let outlives = |name: &str, source, role| {
            let stage = Stage { name: StageName::new("it"), rule: StageRule::new(name, source), git_ref: None };
            let app = App::new("notes", "", crate::config::AppKind::Cdk, crate::config::KindFrom::Files);
            Spot { app, stage, role }.outlives_pull()
        };
        let branch = |pattern: &str| Source::Branch(pattern.to_owned());
        assert!(outlives("staging", branch("develop"), StageRole::Preview), "a pull request from develop into main");
        assert!(outlives("prod", branch("main"), StageRole::Target));
        assert!(!outlives("{branch}", branch("feature/*"), StageRole::Preview));
        assert!(!outlives("pr-{number}", Source::PullRequest { base: None }, StageRole::Preview));
        assert!(!outlives("preview", Source::PullRequest { base: None }, StageRole::Preview));
    }
}
