//! Checks, deployments and reactions: written once, changed only where they differ.

use std::sync::{Arc, Mutex};

use super::*;

pub fn check(state: CheckState) -> Check {
    Check {
        name: "offshoot/prod".to_owned(),
        revision: Revision::new(SHA),
        external_id: "notes/prod".to_owned(),
        state,
        title: "2 changes".to_owned(),
        summary: "What would change".to_owned(),
        text: None,
        annotations: Vec::new(),
        buttons: vec![Button {
            label: "Deploy this plan right now".to_owned(),
            description: "Deploys".to_owned(),
            identifier: "deploy".to_owned(),
        }],
        details_url: Some("https://example.com/run/1".to_owned()),
    }
}

fn annotations(count: usize) -> Vec<Annotation> {
    let one = |line| Annotation {
        path: "offshoot.yml".to_owned(),
        line,
        level: Level::Warning,
        title: "Unknown key".to_owned(),
        message: "did you mean stages?".to_owned(),
    };
    (0..count).map(one).collect()
}

/// Check runs, statuses, deployments and their statuses, kept as GitHub keeps them, as far as it matters here.
#[derive(Default)]
struct Store {
    runs: Vec<Value>,
    statuses: Vec<Value>,
    deployments: Vec<Value>,
    deployment_statuses: Vec<(u64, Value)>,
    /// Requests that are done, but answered with 502.
    lost: usize,
    /// 403 for these.
    forbidden: &'static str,
}

impl Store {
    fn answer(&mut self, seen: &Seen) -> Reply {
        let (method, path) = seen.line.split_once(" /repos/acme/notes").unwrap();
        let path = path.split('?').next().unwrap();
        if !self.forbidden.is_empty() && seen.line.contains(self.forbidden) {
            return reply(403, json!({ "message": "Resource not accessible by personal access token" }));
        }
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let done = match (method, parts.as_slice()) {
            ("GET", ["commits", _, "check-runs"]) => reply(200, json!({ "check_runs": self.runs })),
            ("GET", ["check-runs", id]) => reply(200, self.runs[index(id)].clone()),
            ("POST", ["check-runs"]) => {
                let mut run = json!({ "id": self.runs.len() + 1, "output": { "annotations_count": 0 } });
                merge(&mut run, &seen.body);
                self.runs.push(run.clone());
                reply(201, run)
            }
            ("PATCH", ["check-runs", id]) => {
                let run = &mut self.runs[index(id)];
                merge(run, &seen.body);
                reply(200, run.clone())
            }
            ("GET", ["commits", _, "statuses"]) => reply(200, json!(self.statuses)),
            ("POST", ["statuses", _]) => {
                let mut status = seen.body.clone();
                status["id"] = json!(self.statuses.len() + 1);
                self.statuses.push(status.clone());
                reply(201, status)
            }
            ("GET", ["deployments"]) => reply(200, json!(self.deployments)),
            ("POST", ["deployments"]) => {
                let deployment = json!({ "id": self.deployments.len() + 1, "sha": seen.body["ref"],
                    "payload": seen.body["payload"].to_string() });
                self.deployments.insert(0, deployment.clone());
                reply(201, deployment)
            }
            ("GET", ["deployments", id, "statuses"]) => {
                let id: u64 = id.parse().unwrap();
                let of: Vec<&Value> =
                    self.deployment_statuses.iter().filter(|(d, _)| *d == id).map(|(_, s)| s).collect();
                reply(200, json!(of))
            }
            ("POST", ["deployments", id, "statuses"]) => {
                let mut status = seen.body.clone();
                status["id"] = json!(self.deployment_statuses.len() + 1);
                self.deployment_statuses.push((id.parse().unwrap(), status.clone()));
                reply(201, status)
            }
            _ => reply(404, json!({ "message": seen.line })),
        };
        if method != "GET" && self.lost > 0 {
            self.lost -= 1;
            return reply(502, "");
        }
        done
    }
}

fn index(id: &str) -> usize {
    id.parse::<usize>().unwrap() - 1
}

fn merge(run: &mut Value, body: &Value) {
    for (key, value) in body.as_object().unwrap().iter().filter(|(key, _)| *key != "output") {
        run[key] = value.clone();
    }
    let more = body["output"]["annotations"].as_array().map_or(0, Vec::len);
    assert!(more <= 50);
    let count = run["output"]["annotations_count"].as_u64().unwrap() as usize + more;
    run["output"] = body["output"].clone();
    run["output"]["annotations_count"] = json!(count);
}

async fn server(store: Store) -> (Fake, Arc<Mutex<Store>>) {
    let store = Arc::new(Mutex::new(store));
    let held = store.clone();
    (Fake::start(move |seen| held.lock().unwrap().answer(seen)).await, store)
}

#[tokio::test]
async fn a_check_is_created_then_left_alone_then_changed() {
    let (fake, _) = server(Store::default()).await;
    let github = fake.connect();
    let done = check(CheckState::ActionRequired);
    assert_eq!(github.put_check(&check(CheckState::InProgress)).await.unwrap(), Wrote::Created);
    assert_eq!(fake.connect().put_check(&check(CheckState::InProgress)).await.unwrap(), Wrote::Nothing);
    assert_eq!(github.put_check(&done).await.unwrap(), Wrote::Changed);
    assert_eq!(github.put_check(&done).await.unwrap(), Wrote::Nothing);
    // only a button differs, which GitHub does not show
    let mut other = done.clone();
    other.buttons[0].identifier = "plan".to_owned();
    assert_eq!(github.put_check(&other).await.unwrap(), Wrote::Changed);
    // what is completed is never reopened
    assert_eq!(github.put_check(&check(CheckState::Queued)).await.unwrap(), Wrote::Created);
    let bodies: Vec<String> = fake.writes().iter().map(|s| format!("{}\n{:#}", s.line, s.body)).collect();
    assert_eq!(bodies.len(), 4);
    insta::assert_snapshot!(bodies[..2].join("\n\n"), @r#"
    POST /repos/acme/notes/check-runs
    {
      "external_id": "notes/prod",
      "status": "in_progress",
      "details_url": "https://example.com/run/1",
      "name": "offshoot/prod",
      "head_sha": "1111111111111111111111111111111111111111",
      "actions": [
        {
          "label": "Deploy this plan ri…",
          "description": "Deploys",
          "identifier": "deploy"
        }
      ],
      "output": {
        "title": "2 changes",
        "summary": "What would change\n\n<!-- offshoot:check 4f53cda18c2b b0ef6be3d497 -->"
      }
    }

    PATCH /repos/acme/notes/check-runs/1
    {
      "external_id": "notes/prod",
      "status": "completed",
      "conclusion": "action_required",
      "details_url": "https://example.com/run/1",
      "actions": [
        {
          "label": "Deploy this plan ri…",
          "description": "Deploys",
          "identifier": "deploy"
        }
      ],
      "output": {
        "title": "2 changes",
        "summary": "What would change\n\n<!-- offshoot:check 4f53cda18c2b b0ef6be3d497 -->",
        "text": ""
      }
    }
"#);
}

#[tokio::test]
async fn annotations_go_in_batches_and_a_lost_answer_doubles_none() {
    for lost in 0..3 {
        let (fake, store) = server(Store { lost, ..Store::default() }).await;
        let github = fake.connect();
        let mut check = check(CheckState::Failure);
        check.annotations = annotations(120);
        assert_eq!(github.put_check(&check).await.unwrap(), Wrote::Created);
        assert_eq!(fake.connect().put_check(&check).await.unwrap(), Wrote::Nothing);
        {
            let store = store.lock().unwrap();
            assert_eq!(store.runs.len(), 1);
            assert_eq!(store.runs[0]["output"]["annotations_count"], 120);
        }
        assert_eq!(fake.writes().len(), 3);
        // others cannot take their place
        check.annotations = annotations(2);
        assert_eq!(github.put_check(&check).await.unwrap(), Wrote::Created);
        assert_eq!(store.lock().unwrap().runs[1]["output"]["annotations_count"], 2);
    }
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_a_button_that_would_break_is_our_bug() {
    let (fake, store) = server(Store::default()).await;
    let github = fake.connect();
    let mut long = check(CheckState::Success);
    long.title = "t".repeat(300);
    long.summary = "é".repeat(50_000);
    long.text = Some("ü".repeat(70_000));
    long.annotations = annotations(1);
    long.annotations[0].line = 0;
    long.annotations[0].message = "m".repeat(70_000);
    assert_eq!(github.put_check(&long).await.unwrap(), Wrote::Created);
    {
        let store = store.lock().unwrap();
        let output = &store.runs[0]["output"];
        assert_eq!(output["title"].as_str().unwrap().chars().count(), 255);
        assert!(output["summary"].as_str().unwrap().len() <= 65_535);
        assert!(output["text"].as_str().unwrap().len() <= 65_535);
        let annotation = &output["annotations"][0];
        assert_eq!(annotation["start_line"], 1);
        assert!(annotation["message"].as_str().unwrap().len() <= 65_536);
    }
    assert_eq!(github.put_check(&long).await.unwrap(), Wrote::Nothing);
    let mut wrong = check(CheckState::Success);
    wrong.buttons[0].identifier = "i".repeat(21);
    assert_eq!(github.put_check(&wrong).await.unwrap_err().code(), "forge.button");
}

#[tokio::test]
async fn where_check_runs_are_not_for_us_a_status_tells_it() {
    for forbidden in ["check-runs", "POST /repos/acme/notes/check-runs"] {
        let (fake, _) = server(Store { forbidden, lost: 1, ..Store::default() }).await;
        let github = fake.connect();
        let mut check = check(CheckState::InProgress);
        check.title = "x".repeat(200);
        assert_eq!(github.put_check(&check).await.unwrap(), Wrote::Created);
        let asked = fake.seen().iter().filter(|s| s.line.contains("check-runs")).count();
        assert_eq!(github.put_check(&check).await.unwrap(), Wrote::Nothing);
        check.state = CheckState::Success;
        assert_eq!(github.put_check(&check).await.unwrap(), Wrote::Changed);
        let asked_later = fake.seen().iter().filter(|s| s.line.contains("check-runs")).count();
        assert_eq!(asked, asked_later, "remembered for the process");
        let statuses: Vec<Seen> = fake.writes().into_iter().filter(|s| s.line.contains("/statuses/")).collect();
        assert_eq!(statuses.len(), 2);
        assert_eq!(statuses[0].body["description"].as_str().unwrap().chars().count(), 140);
        assert_eq!(statuses[0].body["context"], "offshoot/prod");
        assert_eq!((&statuses[0].body["state"], &statuses[1].body["state"]), (&json!("pending"), &json!("success")));
    }
}

pub fn deployment(revision: &str, state: DeploymentState) -> Deployment {
    Deployment {
        environment: "pr-7".to_owned(),
        kind: EnvironmentKind::Preview,
        revision: Revision::new(revision),
        state,
        url: Some("https://pr-7.example.com".to_owned()),
        log_url: None,
        description: "d".repeat(150),
    }
}

#[tokio::test]
async fn one_deployment_for_each_revision_and_a_status_only_where_something_changed() {
    let theirs = json!({ "id": 1, "sha": SHA, "payload": {} });
    let (fake, store) = server(Store { deployments: vec![theirs], ..Store::default() }).await;
    let github = fake.connect();
    let put = async |revision: &str, state| github.put_deployment(&deployment(revision, state)).await.unwrap();
    assert_eq!(put(SHA, DeploymentState::InProgress).await, Wrote::Created);
    assert_eq!(put(SHA, DeploymentState::InProgress).await, Wrote::Nothing);
    assert_eq!(put(SHA, DeploymentState::Success).await, Wrote::Changed);
    assert_eq!(
        fake.connect().put_deployment(&deployment(SHA, DeploymentState::Success)).await.unwrap(),
        Wrote::Nothing
    );
    assert_eq!(fake.writes().len(), 3);
    // another revision, and back: the newest deployment is what people see
    assert_eq!(put(OTHER, DeploymentState::Success).await, Wrote::Created);
    assert_eq!(put(SHA, DeploymentState::Success).await, Wrote::Created);
    let states: Vec<(u64, Value)> = {
        let store = store.lock().unwrap();
        store.deployment_statuses.iter().map(|(id, s)| (*id, s["state"].clone())).collect()
    };
    let told: Vec<String> = states.iter().map(|(id, state)| format!("{id} {state}")).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    2 "in_progress"
    2 "success"
    3 "success"
    2 "inactive"
    4 "success"
    3 "inactive"
"#);
    let first: Vec<String> = fake.writes()[..2].iter().map(|s| format!("{}\n{:#}", s.line, s.body)).collect();
    insta::assert_snapshot!(first.join("\n\n"), @r#"
    POST /repos/acme/notes/deployments
    {
      "ref": "1111111111111111111111111111111111111111",
      "environment": "pr-7",
      "description": "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd…",
      "auto_merge": false,
      "required_contexts": [],
      "transient_environment": true,
      "production_environment": false,
      "payload": {
        "offshoot": "pr-7"
      }
    }

    POST /repos/acme/notes/deployments/2/statuses
    {
      "state": "in_progress",
      "description": "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd…",
      "auto_inactive": false,
      "environment_url": "https://pr-7.example.com"
    }
"#);
    assert_eq!(github.retire_environment("pr-7", "The pull request was closed").await.unwrap(), Wrote::Changed);
    assert_eq!(github.retire_environment("pr-7", "The pull request was closed").await.unwrap(), Wrote::Nothing);
}

#[tokio::test]
async fn a_deployment_whose_answer_was_lost_is_not_made_twice() {
    let (fake, store) = server(Store { lost: 2, ..Store::default() }).await;
    assert_eq!(
        fake.connect().put_deployment(&deployment(SHA, DeploymentState::Success)).await.unwrap(),
        Wrote::Created
    );
    let store = store.lock().unwrap();
    assert_eq!((store.deployments.len(), store.deployment_statuses.len()), (1, 1));
}

#[tokio::test]
async fn what_github_does_not_deploy_is_said() {
    for status in [202, 409, 422] {
        let fake = Fake::start(move |seen| match seen.line.split(' ').next() {
            Some("POST") => reply(status, json!({ "message": "Conflict merging main into x" })),
            _ => reply(200, json!([])),
        })
        .await;
        let error = fake.connect().put_deployment(&deployment(SHA, DeploymentState::Success)).await.unwrap_err();
        let code = if status == 422 { "forge.invalid" } else { "forge.conflict" };
        assert_eq!(error.code(), code, "{error}");
    }
}

#[tokio::test]
async fn a_reaction_is_written_once_and_taken_back() {
    let fake = Fake::start(|seen| match (seen.line.as_str(), seen.nth) {
        ("POST /repos/acme/notes/issues/comments/5/reactions", n) => reply(
            if n == 0 { 201 } else { 200 },
            json!({ "id": 77, "user": { "login": "github-actions[bot]", "type": "Bot" } }),
        ),
        ("GET /user", _) => reply(403, json!({ "message": "Resource not accessible by integration" })),
        ("GET /repos/acme/notes/issues/comments/5/reactions?content=eyes&per_page=100", _) => reply(
            200,
            json!([{ "id": 1, "user": { "login": "ada" } }, { "id": 77, "user": { "login": "github-actions[bot]" } }]),
        ),
        ("DELETE /repos/acme/notes/issues/comments/5/reactions/77", _) => reply(204, ""),
        _ => reply(404, "{}"),
    })
    .await;
    let github = fake.connect();
    assert_eq!(github.react(5, Reaction::Eyes).await.unwrap(), Wrote::Created);
    assert_eq!(github.react(5, Reaction::Eyes).await.unwrap(), Wrote::Nothing);
    assert_eq!(fake.seen().len(), 1);
    assert_eq!(fake.connect().react(5, Reaction::Eyes).await.unwrap(), Wrote::Nothing);
    assert_eq!(github.unreact(5, Reaction::Eyes).await.unwrap(), Wrote::Changed);
    // another run, which does not remember
    assert_eq!(fake.connect().unreact(5, Reaction::Eyes).await.unwrap(), Wrote::Changed);
    insta::assert_snapshot!(fake.log(), @r"
    POST ~/issues/comments/5/reactions
    POST ~/issues/comments/5/reactions
    DELETE ~/issues/comments/5/reactions/77
    GET /user
    GET ~/issues/comments/5/reactions?content=eyes&per_page=100
    DELETE ~/issues/comments/5/reactions/77
");
}
