//! The rules of the house, held: imports point one way, files stay small, nothing panics, the map is true.

mod docs;
mod map;
mod rules;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use rules::{Breach, Edge};
use source::Source;

/// Which room may import which, and why. What is not here is forbidden; a room may always import itself.
#[rustfmt::skip]
const ROOMS: &[Edge] = &[
    ("main", "cli", "the binary is one call"),
    ("main", "git", "libgit2 must be cut off from the machine's settings before any thread starts"),
    ("main", "toolchain", "our own memory must be closed to the children before anything secret is in it"),
    // ways in
    ("cli", "pipeline", "a way in runs the pipeline"),
    ("cli", "git", "init and check read the work tree, without any stage"),
    ("cli", "aws", "outputs, unlock and the lock of a run need no step"),
    ("cli", "names", "words"),
    ("cli", "config", "words"),
    ("cli", "diff", "whether secrets are shown is said on the command line"),
    ("cli", "plan", "words"),
    ("cli", "render", "only the ways in print"),
    ("cli", "error", "everywhere"),
    ("cli", "review", "`offshoot ci` hands the forge's event on"),
    ("cli", "github", "`offshoot ci` says where GitHub is and who we are to it"),
    ("cli", "forge", "words"),
    // pull requests, for every way in that has a forge
    ("review", "pipeline", "a stage is planned and deployed by the pipeline alone"),
    ("review", "github", "what is asked of the forge, and told there"),
    ("review", "git", "the forge's token is what git fetches with"),
    ("review", "aws", "locks, cards and approvals in the stage's bucket"),
    ("review", "names", "words"),
    ("review", "config", "words"),
    ("review", "plan", "words"),
    ("review", "forge", "words"),
    ("review", "command", "words"),
    ("review", "render", "what is told on a pull request"),
    ("review", "error", "everywhere"),
    // the pipeline
    ("pipeline", "git", "files come from git"),
    ("pipeline", "aws", "stacks, assets, state, lock"),
    ("pipeline", "toolchain", "the app's program and its bundler"),
    ("pipeline", "names", "words"),
    ("pipeline", "config", "words"),
    ("pipeline", "assembly", "words"),
    ("pipeline", "diff", "words"),
    ("pipeline", "plan", "words"),
    ("pipeline", "error", "everywhere"),
    // the outside: never each other
    ("git", "names", "words"),
    ("git", "error", "everywhere"),
    ("github", "names", "words"),
    ("github", "forge", "pull requests, comments and checks are handed on as plain data"),
    ("github", "error", "everywhere"),
    ("aws", "names", "words"),
    ("aws", "assembly", "lookups answer what an assembly says is missing"),
    ("aws", "diff", "a change set is handed on as plain data"),
    ("aws", "plan", "state and recipes are the plan's words"),
    ("aws", "error", "everywhere"),
    ("toolchain", "names", "words"),
    ("toolchain", "error", "everywhere"),
    // the words: a plan is built from differences and names, and is what gets rendered
    ("config", "names", "ids"),
    ("config", "error", "everywhere"),
    ("assembly", "names", "ids"),
    ("assembly", "error", "everywhere"),
    ("diff", "plan", "differences are told in the plan's words"),
    ("diff", "error", "everywhere"),
    ("plan", "names", "ids"),
    ("plan", "error", "everywhere"),
    ("forge", "names", "ids"),
    ("forge", "error", "everywhere"),
    ("command", "config", "durations are written as in offshoot.yml, and the same words are suggested"),
    ("render", "plan", "what is rendered"),
    ("render", "diff", "how a redacted value is marked"),
    ("render", "names", "the comment is marked by a digest"),
    ("render", "error", "errors are rendered too"),
];

/// Which step of the pipeline may import which. A step's input is the return type of the step before it.
#[rustfmt::skip]
const STEPS: &[Edge] = &[
    ("stage", "event", "decides what an Event means"),
    ("hold", "stage", "locks the stage of an Intent"),
    ("hold", "progress", "tells whom it waits for"),
    ("kept", "stage", "a stored plan must be of the Intent's stage"),
    ("archive", "changed", "keeps an assembly with its Facts"),
    ("checkout", "stage", "takes an Intent"),
    ("changed", "stage", "takes an Intent"),
    ("changed", "checkout", "takes a Tree"),
    ("bundle", "stage", "takes an Intent"),
    ("bundle", "checkout", "takes a Tree"),
    ("synth", "stage", "takes an Intent"),
    ("synth", "checkout", "takes a Tree"),
    ("synth", "changed", "writes into the Room that `changed` made, and gives back its Facts"),
    ("plan", "progress", "tells what it does"),
    ("apply", "progress", "tells what it does, and is asked to stop"),
    ("fast", "progress", "tells what it does"),
    ("fast", "plan", "is the short cut past plan and apply: the same Target, the same zips"),
    ("synth", "reading", "asks after each round which context is still missing"),
    ("fast", "apply", "is the short cut past plan and apply: the same Keeper of the state"),
    ("remove", "progress", "tells what it does"),
    ("remove", "apply", "a removal is a plan of deletions, applied like any other"),
];

/// What a step may take from `pipeline/mod.rs`.
#[rustfmt::skip]
const SHARED: &[(&str, &str)] = &[
    ("Tools", "what every step may use"),
    ("Desk", "the stage's AWS and state, opened once"),
    ("now", "the one clock"),
];

/// Circles that are known; each says what would end it. None is the aim.
#[rustfmt::skip]
const CIRCLES: &[(&str, Edge)] = &[
    ("assembly", ("assets", "load", "`Folder` would have to leave load.rs")),
    ("assembly", ("stack", "load", "`Folder` and `Notes` would have to leave load.rs")),
    ("aws", ("errors", "credentials", "`words` would have to move to errors.rs")),
    ("diff", ("settle", "changes", "`blank` and `weigh` would have to leave changes.rs")),
    ("git", ("maintain", "mirror", "mirror.rs holds both the Mirror and what is done with it: the struct would have to leave")),
    ("git", ("resolve", "mirror", "the same")),
    ("git", ("submodules", "mirror", "the same")),
    ("git", ("submodules", "checkout", "`Submodules` would have to move to submodules.rs")),
    ("toolchain", ("bundler", "synth", "`BundledFunction` would have to move to bundler.rs")),
    ("toolchain", ("synth_run", "synth", "`SynthRequest` and `Synth` would have to leave synth.rs")),
];

/// Tests that may sleep between two looks, because nothing tells them; each has a limit on the whole wait.
const LOOKS: &[(&str, &str)] = &[];

const OUTSIDE: [&str; 4] = ["git", "github", "aws", "toolchain"];
const WORDS: [&str; 9] = ["names", "config", "assembly", "diff", "plan", "forge", "command", "render", "error"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn house() -> Vec<Source> {
    source::read(root(), "src")
}

#[track_caller]
fn holds(rule: &str, breaches: Vec<Breach>) {
    let set: BTreeSet<&Breach> = breaches.iter().collect();
    let lines: Vec<String> = set.iter().map(|b| format!("  {b}")).collect();
    assert!(lines.is_empty(), "{rule}: {} places\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn imports_point_one_way() {
    holds("imports point one way", rules::rooms(&house(), ROOMS));
    let outside = |room: &str| OUTSIDE.contains(&room);
    for (from, to, _) in ROOMS {
        assert!(!(outside(from) && outside(to)), "rooms of the outside never import each other: {from} → {to}");
        assert!(!WORDS.contains(from) || WORDS.contains(to), "words import only words: {from} → {to}");
    }
}

#[test]
fn the_rooms_table_has_no_circle_and_no_stale_entry() {
    let used: BTreeSet<(String, String)> = house()
        .iter()
        .filter(|s| !s.for_tests && s.path != "src/lib.rs")
        .flat_map(|s| {
            s.references().into_iter().filter_map(|(_, p)| Some((s.room(), p.first()?.clone()))).collect::<Vec<_>>()
        })
        .collect();
    let stale = rules::stale(ROOMS, &used);
    assert!(stale.is_empty(), "nothing needs these entries of ROOMS any more, remove them: {stale:?}");
    // every edge leads down: a room's depth is below that of what it imports
    let order = [
        "main",
        "cli",
        "review",
        "pipeline",
        "git",
        "github",
        "aws",
        "toolchain",
        "render",
        "diff",
        "command",
        "config",
        "assembly",
        "plan",
        "forge",
        "names",
        "error",
    ];
    let depth = |room: &str| order.iter().position(|r| *r == room);
    for (from, to, _) in ROOMS {
        assert!(depth(from) < depth(to), "{from} → {to} points up");
    }
}

#[test]
fn steps_are_composed_in_one_place() {
    let sources = house();
    holds("steps never import each other", rules::steps(&sources, STEPS, SHARED));
    let used = rules::edges(&sources, "pipeline").into_keys().collect();
    let stale = rules::stale(STEPS, &used);
    assert!(stale.is_empty(), "nothing needs these entries of STEPS any more, remove them: {stale:?}");
}

#[test]
fn no_circles_within_a_room() {
    let sources = house();
    let rooms: BTreeSet<String> = sources.iter().filter(|s| s.module().len() > 1).map(Source::room).collect();
    let mut breaches = Vec::new();
    for room in rooms {
        let known: Vec<Edge> = CIRCLES.iter().filter(|(r, _)| *r == room).map(|(_, edge)| *edge).collect();
        breaches.extend(rules::cycles(&sources, &room, &known));
        for (from, to, _) in &known {
            let bare = rules::cycles(&sources, &room, &[]);
            assert!(
                bare.iter().any(|b| b.what.contains(from) && b.what.contains(to)),
                "the circle {room}: {from} → {to} is gone, remove it from CIRCLES"
            );
        }
    }
    holds("no circles within a room", breaches);
}

#[test]
fn sdk_types_stay_in_their_room() {
    let sources = house();
    let sdk = ["aws_config", "aws_sdk_", "aws_smithy_", "aws_credential_types", "aws_sigv4", "aws_types"];
    holds(
        "SDK crates only under src/aws",
        rules::words(&sources, |s| s.room() != "aws", &sdk, "belongs into src/aws: hand plain data on"),
    );
    holds(
        "libgit2 only under src/git",
        rules::words(&sources, |s| s.room() != "git", &["git2"], "belongs into src/git: hand plain data on"),
    );
}

#[test]
fn words_are_pure() {
    let inputs = ["std::fs", "std::net", "std::process", "std::env", "tokio", "reqwest", "async", "await"];
    let is_word = |s: &Source| WORDS.contains(&s.room().as_str());
    holds(
        "words do no I/O",
        rules::words(&house(), is_word, &inputs, "in a room of words: the caller reads, words decide"),
    );
}

#[test]
fn files_and_functions_stay_small() {
    holds("sizes", rules::sizes(&house()));
}

#[test]
fn nothing_panics_outside_tests() {
    holds("no panics", rules::panics(&house()));
}

#[test]
fn production_code_does_not_know_of_tests() {
    holds("no test switches", rules::test_switches(&house()));
}

#[test]
fn tests_do_not_sleep() {
    let found = rules::sleeps(&source::read(root(), "tests"));
    let (allowed, others): (Vec<Breach>, Vec<Breach>) =
        found.into_iter().partition(|b| LOOKS.iter().any(|(path, _)| *path == b.path));
    holds("no sleeps in tests", others);
    for (path, _) in LOOKS {
        assert!(allowed.iter().any(|b| b.path == *path), "{path} sleeps no more, remove it from LOOKS");
    }
}

#[test]
fn the_map_is_true() {
    let sources = house();
    let path = root().join("ARCHITECTURE.md");
    let document = std::fs::read_to_string(&path).expect("ARCHITECTURE.md");
    let wanted = map::replaced(&document, &map::map(&sources)).expect("ARCHITECTURE.md has the markers of the map");
    if std::env::var_os("OFFSHOOT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("ARCHITECTURE.md can be written");
        return;
    }
    holds("first lines", rules::first_lines(&sources));
    let lines = map::difference(&document, &wanted);
    assert!(
        wanted == document,
        "the map of ARCHITECTURE.md is not that of src; OFFSHOOT_WRITE_DOCS=1 cargo test --test it house writes it\n{}",
        lines.join("\n")
    );
}

/// The checker itself: each rule finds a made-up breach, and only that.
mod the_checker {
    use super::rules::{cycles, edges, first_lines, panics, rooms, sizes, sleeps, steps, test_switches, words};
    use super::source::{Source, functions, mark_test_files};
    use super::{ROOMS, SHARED, STEPS, map};

    fn made(files: &[(&str, &str)]) -> Vec<Source> {
        let mut sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        mark_test_files(&mut sources);
        sources
    }

    fn places(breaches: &[super::Breach]) -> Vec<String> {
        breaches.iter().map(|b| format!("{}:{}", b.path, b.line)).collect()
    }

    #[test]
    fn finds_an_import_that_points_up() {
        let sources = made(&[
            (
                "src/git/mirror.rs",
                "//! A.\nuse crate::error::Error;\nuse crate::{\n    names::Branch,\n    aws::Session,\n};\n",
            ),
            (
                "src/diff/iam.rs",
                "//! B.\nfn f() { crate::pipeline::run() }\n// use crate::cli::run;\nconst T: &str = \"crate::cli\";\n",
            ),
            ("src/aws/mod.rs", "//! C.\n#[cfg(test)]\nmod tests {\n    use crate::cli::run;\n}\n"),
        ]);
        assert_eq!(places(&rooms(&sources, ROOMS)), ["src/git/mirror.rs:3", "src/diff/iam.rs:2"]);
    }

    #[test]
    fn finds_a_step_that_imports_a_step() {
        let sources = made(&[
            (
                "src/pipeline/mod.rs",
                "//! A.\npub mod plan;\npub mod apply;\npub mod progress;\npub fn plan() {}\npub struct Tools;\n",
            ),
            ("src/pipeline/plan.rs", "//! B.\nuse super::progress::Teller;\nuse super::{Tools, apply::Order};\n"),
            ("src/pipeline/apply.rs", "//! C.\nfn f() { super::synthesize() }\n"),
            (
                "src/pipeline/apply/stack.rs",
                "//! D.\nuse super::Context;\nuse crate::pipeline::progress::Progress;\nuse crate::pipeline::plan::Target;\n",
            ),
            ("src/pipeline/progress.rs", "//! E.\n"),
        ]);
        let found = steps(&sources, STEPS, SHARED);
        assert_eq!(
            places(&found),
            ["src/pipeline/apply/stack.rs:4", "src/pipeline/plan.rs:3", "src/pipeline/apply.rs:2"]
        );
    }

    #[test]
    fn finds_a_circle_also_through_a_re_export() {
        let sources = made(&[
            ("src/aws/mod.rs", "//! A.\nmod lock;\nmod home;\nmod free;\npub use lock::{Holder, StageLock};\n"),
            ("src/aws/lock.rs", "//! B.\nuse super::home::Home;\n"),
            ("src/aws/home.rs", "//! C.\nuse super::StageLock;\n"),
            ("src/aws/free.rs", "//! D.\nuse super::home::Home;\n"),
        ]);
        assert_eq!(edges(&sources, "aws").len(), 3);
        assert_eq!(places(&cycles(&sources, "aws", &[])), ["src/aws/home.rs:2", "src/aws/lock.rs:2"]);
        assert_eq!(cycles(&sources, "aws", &[("home", "lock", "known")]), []);
    }

    #[test]
    fn finds_words_where_they_do_not_belong() {
        let sources = made(&[
            ("src/plan/mod.rs", "//! A.\nuse aws_sdk_s3::Client;\nfn f() { std::fs::read(p) }\n"),
            ("src/aws/mod.rs", "//! B.\nuse aws_sdk_s3::Client;\n"),
        ]);
        assert_eq!(places(&words(&sources, |s| s.room() != "aws", &["aws_sdk_"], "")), ["src/plan/mod.rs:2"]);
        assert_eq!(places(&words(&sources, |s| s.room() == "plan", &["std::fs"], "")), ["src/plan/mod.rs:3"]);
    }

    #[test]
    fn finds_long_files_and_functions_and_leaves_tests_out() {
        let long = "    let x = 1;\n".repeat(80);
        let text = format!(
            "//! A.\nfn small() {{\n    let s = \"}}\";\n}}\nfn big(a: [u8; 3]) -> bool {{\n{long}}}\n#[cfg(test)]\nmod tests {{\n    fn huge() {{\n{}    }}\n}}\n",
            "        x();\n".repeat(500)
        );
        let sources = made(&[
            ("src/names.rs", &text),
            ("src/error.rs", &format!("//! B.\n{}", "const A: u8 = 1;\n".repeat(430))),
        ]);
        assert_eq!(places(&sizes(&sources)), ["src/names.rs:5", "src/error.rs:1"]);
        assert_eq!(functions(&sources[0].shipped).len(), 2);
    }

    #[test]
    fn finds_panics_switches_and_sleeps() {
        let text = "//! A.\nfn f() {\n    a.unwrap();\n    b\n        .expect(\"x\");\n    c.unwrap_or(1);\n    panic!(\"no\");\n    if cfg!(test) {}\n    // d.unwrap()\n    std::thread::sleep(t);\n}\n#[expect(dead_code)]\nfn g() { let q = '\"'; e.unwrap() }\n#[cfg(test)]\nmod tests;\n";
        let sources = made(&[("src/git/mod.rs", text), ("src/git/tests.rs", "fn t() { a.unwrap() }\n")]);
        assert!(sources[1].for_tests);
        assert_eq!(
            places(&panics(&sources)),
            ["src/git/mod.rs:3", "src/git/mod.rs:5", "src/git/mod.rs:7", "src/git/mod.rs:13"]
        );
        assert_eq!(places(&test_switches(&sources)), ["src/git/mod.rs:8"]);
        assert_eq!(places(&sleeps(&sources)), ["src/git/mod.rs:10"]);
    }

    #[test]
    fn finds_a_missing_first_line_and_a_stale_map() {
        let sources = made(&[("src/lib.rs", "//! The map.\npub mod cli;\n"), ("src/cli/mod.rs", "use x;\n")]);
        assert_eq!(places(&first_lines(&sources)), ["src/cli/mod.rs:1"]);
        let sources = made(&[
            ("src/lib.rs", "//! The map.\npub mod cli;\n"),
            ("src/cli/mod.rs", "//! Ways.\nmod b;\nmod a;\n"),
            ("src/cli/a.rs", "//! A.\n"),
            ("src/cli/b.rs", "//! B.\n"),
        ]);
        let wanted = map::map(&sources);
        assert_eq!(
            wanted,
            "\n### The door\n\n- `src/lib.rs`: The map.\n\n### Ways in\n\n- `src/cli/mod.rs`: Ways.\n- `src/cli/b.rs`: B.\n- `src/cli/a.rs`: A.\n"
        );
        let old = format!("# X\n{}\n- `src/gone.rs`: Gone.\n{}\nrest\n", map::BEGIN, map::END);
        let new = map::replaced(&old, &wanted).unwrap();
        assert!(new.ends_with(&format!("- `src/cli/a.rs`: A.\n\n{}\nrest\n", map::END)), "{new}");
        assert!(map::difference(&old, &new).contains(&"stale:   - `src/gone.rs`: Gone.".to_owned()));
    }
}
