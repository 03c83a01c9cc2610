//! Step 8: executes exactly a stored plan under the stage lock, in dependency order, and makes no choices.

mod keeper;
mod stack;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::progress::{Progress, Stop, Teller};
use crate::aws::Aws;
use crate::aws::home::{ETag, Home};
use crate::aws::lock::{Proof, StageLock};
use crate::error::{Error, Result};
use crate::names::{AccountId, Region};
use crate::plan::outcome::{Applied, Ended, StackOutcome};
use crate::plan::state::{Approval, RunMark, StageState};
use crate::plan::stored::StoredPlan;
use crate::plan::{StackAction, StackPlan, VERSION};
pub use keeper::Keeper;

/// Stacks that CloudFormation works on at the same time.
const PARALLEL: usize = 12;

/// Whether the plan was made a moment ago by this run, or comes from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// CloudFormation's own check at execution is enough.
    JustPlanned,
    /// Everything it is bound to is looked at before anything is begun.
    Stored,
    /// A killed run goes on: what was executed is recognised by its token and not done twice.
    Resumed,
}

/// Whether stacks that the app no longer has are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    Keep,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    ForEnd,
    /// Start what can be started and leave.
    No,
}

/// What a person allowed for stacks in a failed state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recover {
    /// Resources that a continued rollback leaves out.
    pub skip: Vec<String>,
    /// A stack whose creation failed may be deleted although something that holds data is left in it.
    pub delete_data: bool,
}

/// What the stage's state says beside what is deployed. Nothing given: it stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The pull request that the stage lives with.
    pub pull: Option<u64>,
    /// The branch or tag that the stage is made from: `branch feature/x`.
    pub made_from: Option<String>,
    /// RFC 3339: the stage lives at least until then.
    pub expires: Option<String>,
}

/// What the person who starts the apply decides; everything else is in the plan.
#[derive(Clone, Debug)]
pub struct Order {
    /// Names every operation of this run; letters, digits and hyphens.
    pub run: String,
    pub freshness: Freshness,
    pub prune: Prune,
    pub wait: Wait,
    pub recover: Recover,
    /// Who approved the plan, to be remembered.
    pub approval: Option<Approval>,
    pub marks: Marks,
}

/// The tools of an apply.
pub struct Desk {
    pub aws: Arc<Aws>,
    pub home: Home,
    pub state: Option<(StageState, ETag)>,
    pub teller: Teller,
    pub stop: Stop,
}

/// Executes `stored`. The lock is asked for as proof that this process holds the stage.
/// Errors before anything was begun: the plan is stale, a stack belongs to another stage. What happens to the stacks
/// afterwards, failures included, is in the result.
pub async fn apply(stored: &StoredPlan, order: &Order, desk: Desk, lock: &StageLock) -> Result<Applied> {
    let begun = Instant::now();
    if order.freshness == Freshness::Stored {
        verify::verify(stored, &desk).await?;
    }
    let keeper = Keeper::new(&stored.plan, desk.home.clone(), desk.state);
    let mark = RunMark { id: order.run.clone(), plan: stored.plan.digest.clone(), started: super::now() };
    // a removal has no stored plan to go on with: it is simply typed again
    let removal = stored.plan.stacks.iter().all(|s| s.action == StackAction::Delete);
    if stored.plan.has_changes() && !removal {
        keeper.begin(mark, order.approval.clone(), &order.marks).await?;
    }
    let context = Arc::new(Context {
        stored: stored.clone(),
        order: order.clone(),
        aws: desk.aws,
        keeper,
        teller: desk.teller,
        stop: desk.stop,
        lock: lock.proof(),
    });
    let mut outcomes = run_graph(&context, lock).await?;
    let place: BTreeMap<&str, usize> =
        stored.plan.stacks.iter().enumerate().map(|(i, s)| (s.name.as_str(), i)).collect();
    outcomes.sort_by_key(|o| place.get(o.name.as_str()).copied().unwrap_or(usize::MAX));
    if order.freshness == Freshness::JustPlanned && order.prune == Prune::Delete {
        context.keeper.forget_gone(&stored.plan).await?;
    }
    context.keeper.end(stored, &outcomes, &order.marks).await?;
    Ok(Applied {
        version: VERSION,
        app: stored.plan.app.clone(),
        stage: stored.plan.stage.clone(),
        revision: stored.plan.revision.clone(),
        digest: stored.plan.digest.clone(),
        stacks: outcomes,
        notes: Vec::new(),
        timings: BTreeMap::from([("apply".to_owned(), begun.elapsed().as_secs_f64())]),
    })
}

/// The result of a plan that asks for nothing.
pub fn nothing(plan: &crate::plan::Plan) -> Applied {
    Applied {
        version: VERSION,
        app: plan.app.clone(),
        stage: plan.stage.clone(),
        revision: plan.revision.clone(),
        digest: plan.digest.clone(),
        stacks: plan.stacks.iter().map(|s| at_rest(s, Ended::Unchanged, None)).collect(),
        notes: plan.notes.clone(),
        timings: BTreeMap::new(),
    }
}

/// What each stack's task needs.
struct Context {
    stored: StoredPlan,
    order: Order,
    aws: Arc<Aws>,
    keeper: Keeper,
    teller: Teller,
    stop: Stop,
    lock: Proof,
}

impl Context {
    fn planned(&self, name: &str) -> Option<&StackPlan> {
        self.stored.plan.stacks.iter().find(|s| s.name == name)
    }
}

/// Runs the stacks: each as soon as those before it have ended well; deletions last, and only when all else went well.
async fn run_graph(context: &Arc<Context>, lock: &StageLock) -> Result<Vec<StackOutcome>> {
    let plan = &context.stored.plan;
    let mut graph = Graph::default();
    for stack in &plan.stacks {
        match stack.action {
            StackAction::None => graph.end(at_rest(stack, Ended::Unchanged, None)),
            StackAction::Delete if context.order.prune == Prune::Keep => {
                graph.end(at_rest(stack, Ended::Skipped, Some("kept: --prune was not given".into())));
            }
            _ => {
                graph.waiting.insert(stack.name.clone());
            }
        }
    }
    let mut running: JoinSet<StackOutcome> = JoinSet::new();
    let mut untold = None;
    loop {
        let held = lock.still_held().await;
        // without the lock nothing new begins, but what runs is followed to its end
        let may_begin = held.is_ok() && !context.stop.begin_nothing.is_cancelled();
        let room = if may_begin { PARALLEL.saturating_sub(running.len()) } else { 0 };
        for name in graph.ready(plan, room) {
            graph.begin(&name);
            running.spawn(stack::run(context.clone(), name));
        }
        graph.skip_hopeless(plan);
        let Some(next) = running.join_next().await else {
            held?;
            break;
        };
        let outcome = next.map_err(|e| Error::bug("apply.task", "applying a stack", e.to_string()))?;
        context.teller.tell(Progress::StackEnded(Box::new(outcome.clone())));
        // what runs is followed to its end also when the state cannot be written
        if let Err(error) = context.keeper.stack_ended(&context.stored, &outcome).await {
            untold.get_or_insert(error);
            context.stop.begin_nothing.cancel();
        }
        graph.end(outcome);
    }
    if let Some(error) = untold {
        return Err(error);
    }
    let cancelled = std::mem::take(&mut graph.waiting);
    for name in cancelled {
        if let Some(stack) = context.planned(&name) {
            graph.end(at_rest(stack, Ended::Skipped, Some(graph.why_not_begun(stack))));
        }
    }
    Ok(graph.ended.into_values().collect())
}

#[derive(Default)]
struct Graph {
    waiting: BTreeSet<String>,
    running: BTreeSet<String>,
    ended: BTreeMap<String, StackOutcome>,
}

impl Graph {
    fn begin(&mut self, name: &str) {
        self.waiting.remove(name);
        self.running.insert(name.to_owned());
    }

    fn end(&mut self, outcome: StackOutcome) {
        self.running.remove(&outcome.name);
        self.ended.insert(outcome.name.clone(), outcome);
    }

    /// Up to `room` stacks that may begin now.
    fn ready(&self, plan: &crate::plan::Plan, room: usize) -> Vec<String> {
        let waiting = plan.stacks.iter().filter(|s| self.waiting.contains(&s.name));
        let updates_ended =
            plan.stacks.iter().all(|s| s.action == StackAction::Delete || self.ended.contains_key(&s.name));
        let all_well = self
            .ended
            .values()
            .all(|o| matches!(o.ended, Ended::Done | Ended::Unchanged) || o.action == StackAction::Delete);
        let may_begin = |s: &&StackPlan| match s.action {
            StackAction::Delete => updates_ended && all_well && self.all_ended_well(&s.depends_on),
            _ => self.all_ended_well(&s.depends_on),
        };
        waiting.filter(may_begin).take(room).map(|s| s.name.clone()).collect()
    }

    /// A name that the plan does not have bars nothing.
    fn all_ended_well(&self, names: &[String]) -> bool {
        names.iter().all(|n| match self.ended.get(n) {
            Some(outcome) => matches!(outcome.ended, Ended::Done | Ended::Unchanged),
            None => !self.waiting.contains(n) && !self.running.contains(n),
        })
    }

    /// Stacks whose way is barred by one that did not end well are skipped, and so are those behind them.
    fn skip_hopeless(&mut self, plan: &crate::plan::Plan) {
        loop {
            let barred = plan.stacks.iter().filter(|s| self.waiting.contains(&s.name)).find_map(|s| {
                let bar = s.depends_on.iter().find_map(|d| self.ended.get(d).and_then(bar))?;
                Some((s, bar))
            });
            let Some((stack, bar)) = barred else { return };
            self.waiting.remove(&stack.name);
            self.end(at_rest(stack, Ended::Skipped, Some(bar)));
        }
    }

    fn why_not_begun(&self, stack: &StackPlan) -> String {
        if stack.action != StackAction::Delete {
            return "not begun: the run was stopped".into();
        }
        let failed = self.ended.values().find(|o| matches!(o.ended, Ended::Failed | Ended::Skipped));
        failed.and_then(bar).unwrap_or_else(|| "not begun: the run was stopped".into())
    }
}

/// Why nothing may begin behind this stack: the stack that failed in the first place, or a sentence.
fn bar(outcome: &StackOutcome) -> Option<String> {
    match outcome.ended {
        Ended::Done | Ended::Unchanged => None,
        Ended::Failed => Some(outcome.name.clone()),
        Ended::Running => Some(format!("not begun: {} still runs", outcome.name)),
        Ended::Skipped => Some(outcome.because.clone().unwrap_or_else(|| outcome.name.clone())),
    }
}

fn at_rest(stack: &StackPlan, ended: Ended, because: Option<String>) -> StackOutcome {
    StackOutcome {
        name: stack.name.clone(),
        action: stack.action,
        ended,
        status: String::new(),
        seconds: 0.0,
        outputs: BTreeMap::new(),
        failure: None,
        because,
    }
}

/// The session that carries out a stack's plan.
async fn session_of(aws: &Aws, stored: &StoredPlan, stack: &StackPlan) -> Result<crate::aws::Session> {
    let role = stored.recipes.get(&stack.name).and_then(|r| r.deploy_role.as_ref());
    let role = role.map(|r| crate::aws::Role { arn: r.arn.clone(), external_id: r.external_id.clone() });
    let (account, region) = (AccountId::new(&stack.account), Region::new(&stack.region));
    aws.session(&account, &region, role.as_ref(), crate::aws::IfDenied::UseOwn).await
}
