//! SIGKILL at fifty seeded points of a deploy, then `deploy --resume`: the same end state, and nothing done twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::{Account, Cloud, cloud, say};
use crate::kill_app::{self, STACKS};
use crate::proxy::{Moment, Proxy, Trap};
use crate::repo::{Repo, finish};

/// Which fifty points: another number gives another fifty.
const SEED: u64 = 20_260_101;
const ROUNDS: usize = 50;
/// A resumed run may find something that it has to leave to the next one; never for long.
const RESUMES: usize = 3;

/// What is deployed before the run that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Nothing: the stacks are created.
    Nothing,
    /// An earlier version: the stacks are updated.
    First,
}

#[test]
fn a_deploy_killed_at_fifty_points_ends_as_if_it_had_not_been() {
    let Some(cloud) = cloud() else { return };
    let (one, two) = (app("one"), app("two"));
    let repo_of = |before| if before == Before::Nothing { &one } else { &two };
    let mut undisturbed = BTreeMap::new();
    for before in [Before::Nothing, Before::First] {
        let account = account_with(cloud, before, &one);
        let proxy = Proxy::start(cloud.address);
        proxy.begin(None);
        repo_of(before).offshoot_at(&account, &proxy.endpoint, &DEPLOY).ends_with(0);
        let calls = proxy.calls().len();
        say(&format!("a deploy over {before:?} takes {calls} calls, {} of them writes", proxy.writes().len()));
        undisturbed.insert(before == Before::First, (calls, account.picture()));
    }
    let mut numbers = Seeded(SEED);
    let mut points = BTreeSet::new();
    while points.len() < ROUNDS {
        let updates = numbers.below(2) == 1;
        points.insert((updates, 1 + numbers.below(undisturbed[&updates].0), numbers.below(2) == 1));
    }
    let mut killed = 0;
    for (updates, call, after) in points {
        let before = if updates { Before::First } else { Before::Nothing };
        let trap = Trap { call, moment: if after { Moment::AfterAnswer } else { Moment::BeforeForwarding } };
        let account = account_with(cloud, before, &one);
        killed += usize::from(killed_and_resumed(repo_of(before), &account, trap));
        let at = format!("killed at {trap:?} of a run over {before:?}");
        assert_eq!(account.picture(), undisturbed[&updates].1, "the end state after being {at}");
        for stack in STACKS {
            assert_eq!(operations(&account, stack), 1 + usize::from(updates), "operations of {stack} after being {at}");
        }
    }
    say(&format!(
        "{killed} of {ROUNDS} deploys were killed, between the first and the last of their calls, and resumed"
    ));
    // the order of parallel calls differs a little from run to run, and a run may have fewer of them than the one that was counted
    assert!(killed >= ROUNDS - 3, "only {killed} of {ROUNDS} runs were killed");
}

const DEPLOY: [&str; 3] = ["deploy", "--yes", "--quiet"];
const RESUME: [&str; 4] = ["deploy", "--yes", "--quiet", "--resume"];

fn app(version: &str) -> Repo {
    let repo = Repo::new();
    kill_app::write(&repo, version);
    repo.commit(version);
    repo
}

fn account_with(cloud: &'static Cloud, before: Before, first: &Repo) -> Account {
    let account = cloud.account();
    if before == Before::First {
        first.offshoot(&account, &DEPLOY).ends_with(0);
    }
    account
}

/// Deploys, is killed, resumes until all is well. Gives whether the trap was reached.
fn killed_and_resumed(repo: &Repo, account: &Account, trap: Trap) -> bool {
    let proxy = Proxy::start(account.cloud.address);
    proxy.begin(Some(trap));
    let child = repo.offshoot_command(account, &proxy.endpoint, &DEPLOY).spawn().expect("the binary");
    proxy.victim(child.id());
    let ran = finish(child);
    let sprung = proxy.has_sprung();
    if !sprung {
        ran.ends_with(0);
        return false;
    }
    // what was on its way when the process died still arrives
    proxy.calls();
    let mut said = Vec::new();
    for _ in 0..RESUMES {
        let ran = repo.offshoot(account, &RESUME);
        if ran.code == 0 {
            return true;
        }
        said.push(format!("exit code {}\n{}{}", ran.code, ran.out, ran.err));
    }
    panic!("killed at {trap:?}, `deploy --resume` does not end well:\n{}", said.join("\n"));
}

/// How many operations a stack has seen, each of which must have a token of its own.
fn operations(account: &Account, stack: &str) -> usize {
    let mut begun = Vec::new();
    for event in account.events(stack) {
        let of_stack = event.logical_resource_id() == event.stack_name();
        let status = event.resource_status().map(|s| s.as_str()).unwrap_or_default();
        if of_stack && matches!(status, "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS") {
            begun.push(event.client_request_token().unwrap_or_default().to_owned());
        }
    }
    let tokens: BTreeSet<&String> = begun.iter().collect();
    assert!(!tokens.contains(&String::new()), "an operation of {stack} has no token");
    assert_eq!(tokens.len(), begun.len(), "an operation of {stack} was executed twice: {begun:?}");
    begun.len()
}

/// A small generator (SplitMix64): the same points in every run of the test.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}
