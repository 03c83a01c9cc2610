//! What a test scripts: failing resources, stuck stacks, slow change sets, drift, page sizes, the pace of time.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cfn::engine;
use super::{Drifted, FakeAws, On, Place, Stack, State};

/// The newest stack of that name (or the one with that ARN), in any place.
pub fn position(state: &State, name: &str) -> Option<usize> {
    state.stacks.iter().rposition(|stack| stack.id == name || stack.name == name)
}

impl FakeAws {
    /// The resource fails whenever it is created, updated or deleted, until [`Self::heal`].
    pub fn fail_resource(&self, stack: &str, logical: &str, reason: &str) {
        self.fail_resource_on(On::Any, stack, logical, reason);
    }

    /// The same for one kind of work; [`On::Rollback`] leads to ROLLBACK_FAILED and UPDATE_ROLLBACK_FAILED.
    pub fn fail_resource_on(&self, on: On, stack: &str, logical: &str, reason: &str) {
        let key = (stack.to_owned(), logical.to_owned());
        self.state().scripts.fails.entry(key).or_default().push((on, reason.to_owned()));
    }

    /// Nothing of this stack fails any more.
    pub fn heal(&self, stack: &str) {
        self.state().scripts.fails.retain(|(name, _), _| name != stack);
    }

    /// The stack's operations never get on (or do again).
    pub fn set_stuck(&self, stack: &str, stuck: bool) {
        self.with_stack(stack, |stack| stack.stuck = stuck);
    }

    /// Puts a stack into a status, as if something had left it there.
    pub fn set_status(&self, stack: &str, status: &str, reason: Option<&str>) {
        let mut state = self.state();
        let index = position(&state, stack).expect("the stack exists");
        state.stacks[index].generation += 1;
        engine::set_status(&mut state, index, status, reason);
    }

    /// Somebody else updated the stack: prepared change sets become obsolete.
    pub fn touch_stack(&self, stack: &str) {
        let now = self.state().now();
        self.with_stack(stack, |stack| {
            stack.generation += 1;
            stack.updated = Some(now);
        });
    }

    /// The stack's next change set needs so many more polls.
    pub fn slow_change_set(&self, stack: &str, polls: usize) {
        self.state().scripts.slow_change_sets.insert(stack.to_owned(), polls);
    }

    /// The stack's next change set fails with this reason.
    pub fn fail_change_set(&self, stack: &str, reason: &str) {
        self.state().scripts.failing_change_sets.insert(stack.to_owned(), reason.to_owned());
    }

    /// Early validation refuses the stack's next change set; DescribeEvents tells path and reason.
    pub fn fail_validation(&self, stack: &str, path: &str, reason: &str) {
        let entry = (path.to_owned(), reason.to_owned(), "AWS::EarlyValidation::PropertyValidation".to_owned());
        self.state().scripts.early.insert(stack.to_owned(), entry);
    }

    /// DescribeChangeSet leaves this resource out when property values are asked for, and says so in its StatusReason.
    pub fn drop_with_property_values(&self, stack: &str, logical: &str) {
        self.state().scripts.dropped.push((stack.to_owned(), logical.to_owned()));
    }

    /// `Never`, `Conditionally` or `Always`.
    pub fn set_recreation(&self, kind: &str, property: &str, word: &str) {
        self.state().scripts.recreation.insert((kind.to_owned(), property.to_owned()), word.to_owned());
    }

    pub fn change_set_limit(&self, limit: usize) {
        self.state().scripts.change_set_limit = Some(limit);
    }

    /// After ExecuteChangeSet so many DescribeStacks still answer the old status.
    pub fn stale_reads(&self, times: usize) {
        self.state().scripts.stale_reads = times;
    }

    /// A resource's property (`/VisibilityTimeout`) is really something else.
    pub fn drift(&self, stack: &str, logical: &str, path: &str, actual: Value) {
        self.with_stack(stack, |stack| {
            let modified = || Drifted::Modified(BTreeMap::new());
            let entry = stack.drifted.entry(logical.to_owned()).or_insert_with(modified);
            match entry {
                Drifted::Modified(paths) => drop(paths.insert(path.to_owned(), actual)),
                other => *other = Drifted::Modified(BTreeMap::from([(path.to_owned(), actual)])),
            }
        });
    }

    /// A resource was deleted by hand.
    pub fn drift_deleted(&self, stack: &str, logical: &str) {
        self.with_stack(stack, |stack| drop(stack.drifted.insert(logical.to_owned(), Drifted::Deleted)));
    }

    /// CloudFormation cannot tell whether this resource drifted.
    pub fn drift_unknown(&self, stack: &str, logical: &str) {
        self.with_stack(stack, |stack| drop(stack.drifted.insert(logical.to_owned(), Drifted::Unknown)));
    }

    /// Entries on a page, everywhere; 100 at the start.
    pub fn page_size(&self, size: usize) {
        self.state().page_size = size;
    }

    /// How far a poll moves things; 1 at the start, 0 stops time.
    pub fn steps_per_poll(&self, steps: usize) {
        self.state().steps_per_poll = steps;
    }

    /// Every operation is over at the first poll.
    pub fn instant(&self) {
        self.steps_per_poll(10_000);
    }

    /// A copy of a stack, deleted ones included.
    pub fn stack(&self, name: &str) -> Option<Stack> {
        let state = self.state();
        position(&state, name).map(|index| state.stacks[index].clone())
    }

    /// A stack's status; empty when there is none.
    pub fn status(&self, name: &str) -> String {
        self.stack(name).map(|stack| stack.status).unwrap_or_default()
    }

    /// A stack's output.
    pub fn output(&self, stack: &str, key: &str) -> Option<String> {
        self.stack(stack)?.body.outputs.into_iter().find(|output| output.key == key).map(|output| output.value)
    }

    /// The change sets that are there, as `stack/name status`.
    pub fn change_sets(&self) -> Vec<String> {
        let state = self.state();
        let live = state.change_sets.iter().filter(|set| !set.gone);
        live.map(|set| format!("{}/{} {} {}", set.stack_name, set.name, set.status(), set.execution)).collect()
    }

    /// The stacks of a place that are not deleted.
    pub fn stack_names(&self, account: &str, region: &str) -> Vec<String> {
        let place = Place::new(account, region);
        let state = self.state();
        let here = state.stacks.iter().filter(|stack| stack.place() == place && !stack.is_gone());
        here.map(|stack| stack.name.clone()).collect()
    }

    /// Changes a stack by hand.
    pub fn with_stack(&self, name: &str, change: impl FnOnce(&mut Stack)) {
        let mut state = self.state();
        let index = position(&state, name).expect("the stack exists");
        change(&mut state.stacks[index]);
    }

    /// Moves a stack's operation on without a poll.
    pub fn step(&self, stack: &str) {
        let mut state = self.state();
        let index = position(&state, stack).expect("the stack exists");
        engine::step(&mut state, index);
    }
}
