//! Whole comments in; commands, or the sentence that answers, out.

use proptest::prelude::*;

use super::*;

fn one(line: &str) -> Command {
    match read(line, "/offshoot") {
        Found::Commands(mut commands) if commands.len() == 1 => commands.remove(0),
        other => panic!("{line:?}: {other:?}"),
    }
}

fn wrong(line: &str) -> String {
    match read(line, "/offshoot") {
        Found::Wrong { line, say } => format!("{line} → {say}"),
        other => panic!("{line:?}: {other:?}"),
    }
}

fn words(body: &str) -> Vec<&'static str> {
    match read(body, "/offshoot") {
        Found::Nothing => Vec::new(),
        Found::Commands(commands) => commands.iter().map(Command::word).collect(),
        Found::Wrong { line, say } => panic!("{line}: {say}"),
    }
}

fn on(app: Option<&str>, stage: Option<&str>) -> Target {
    Target { app: app.map(str::to_owned), stage: stage.map(str::to_owned) }
}

#[test]
fn every_example_of_the_table_is_the_command_it_stands_for() {
    for usage in table() {
        let command = one(&format!("/offshoot {}", usage.example));
        assert_eq!(command.word(), usage.word);
        assert_eq!(command.to_string(), usage.example.replace("24h", "1d"));
        assert_eq!(
            one(&format!("/offshoot {}", usage.word.to_uppercase())
                .replace("PROMOTE", "promote a b")
                .replace("EXTEND", "extend 1h"))
            .word(),
            usage.word
        );
    }
}

#[test]
fn the_table_is_published_as_it_is() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/commands.md");
    let page = std::fs::read_to_string(&path).expect("docs/reference/commands.md");
    let mut table = String::from("| command | what it does | who may |\n|---|---|---|\n");
    for usage in super::table() {
        table.push_str(&format!("| `{}` | {} | {} |\n", usage.line(), usage.does, usage.who.as_str()));
    }
    let (begin, end) = ("<!-- commands: begin -->\n", "<!-- commands: end -->");
    let head = page.split_once(begin).expect("the table begins").0;
    let tail = page.split_once(end).expect("the table ends").1;
    let wanted = format!("{head}{begin}{table}{end}{tail}");
    if std::env::var_os("OFFSHOOT_WRITE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("written");
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == wanted,
        "run this test with OFFSHOOT_WRITE_DOCS=1 to write the table of docs/reference/commands.md anew"
    );
    for usage in super::table() {
        assert!(
            page.contains(&format!("/offshoot {}", usage.example)),
            "docs/reference/commands.md has no example of {}",
            usage.word
        );
        assert!(
            page.contains(&format!("\n## {}\n", usage.word)),
            "docs/reference/commands.md has no section on {}",
            usage.word
        );
    }
}

#[test]
fn commands_name_stage_and_app_in_several_ways() {
    assert_eq!(one("/offshoot"), Command::Help);
    assert_eq!(one("/offshoot   plan  "), Command::Plan { on: Target::default() });
    assert_eq!(one("/offshoot plan prod"), Command::Plan { on: on(None, Some("prod")) });
    for same in [
        "notes/prod",
        "prod --app notes",
        "--app=notes prod",
        "-a notes prod",
        "—app notes prod",
        "-s prod -a notes",
        "notes/prod --app notes",
    ] {
        assert_eq!(
            one(&format!("/offshoot deploy {same}")),
            Command::Deploy { on: on(Some("notes"), Some("prod")), prune: false },
            "{same}"
        );
    }
    assert_eq!(one("/offshoot deploy --prune"), Command::Deploy { on: Target::default(), prune: true });
    assert_eq!(one("/offshoot extend prod 1d12H"), Command::Extend { on: on(None, Some("prod")), by_s: 129_600 });
    assert_eq!(
        one("/offshoot promote notes/staging prod"),
        Command::Promote { from: "staging".to_owned(), to: "prod".to_owned(), app: Some("notes".to_owned()) }
    );
    assert_eq!(
        one("/offshoot rollback prod 1A2B3C4"),
        Command::Rollback { on: on(None, Some("prod")), revision: Some("1a2b3c4".to_owned()) }
    );
    assert_eq!(one("/offshoot rollback abc123"), Command::Rollback { on: on(None, Some("abc123")), revision: None });
    assert_eq!(
        one("/offshoot rollback --stage feedbed"),
        Command::Rollback { on: on(None, Some("feedbed")), revision: None }
    );
    assert_eq!(one("/offshoot approve prod"), Command::Approve { on: on(None, Some("prod")), revision: None });
    let sha = "5bd5f196a46b8222fb7484f05faba41a73cf34bd";
    assert_eq!(
        one(&format!("/offshoot approve {sha}")),
        Command::Approve { on: Target::default(), revision: Some(sha.to_owned()) }
    );
}

#[test]
fn what_keyboards_and_clipboards_do_is_tolerated() {
    for line in [
        "/OffShoot Deploy",
        "/offshoot\u{a0}deploy",
        "\u{feff}/offshoot\u{200b} deploy\u{200b}",
        "/offshoot\tdeploy\r\n",
        "/offshoot deploy <!-- now -->",
        "\r/offshoot deploy\r",
    ] {
        assert_eq!(words(line), ["deploy"], "{line:?}");
    }
    assert_eq!(words("Looks fine.\r\n\r\n/offshoot plan\r\n/offshoot deploy pr-1\r\nThanks"), ["plan", "deploy"]);
    assert_eq!(read("/bot plan\n/offshoot x", "/bot"), Found::Commands(vec![Command::Plan { on: Target::default() }]));
}

#[test]
fn what_is_quoted_or_code_or_hidden_is_no_command() {
    for body in [
        "",
        "please /offshoot deploy",
        "> /offshoot deploy",
        ">/offshoot deploy",
        " /offshoot deploy",
        "    /offshoot deploy",
        "\t/offshoot deploy",
        "\u{a0}/offshoot deploy",
        "- /offshoot deploy",
        "`/offshoot deploy`",
        "```\n/offshoot deploy\n```",
        "~~~~ sh\n/offshoot deploy\n~~~\n/offshoot deploy\n~~~~~",
        "   ```\n/offshoot deploy",
        "```\n```x\n/offshoot deploy\n```",
        "- ```\n  x\n\n  /offshoot deploy",
        "<!--\n/offshoot deploy\n-->",
        "<!-- /offshoot deploy",
        "<!--\n```\n-->\n```\n/offshoot deploy",
        "a <!-- b\n/offshoot deploy\n--> c",
        "<!-- a -->/offshoot deploy",
        "x --> <!-- y\n/offshoot deploy -->",
        "/offshootx deploy",
        "/offshoot: deploy",
        "/offshoot-bot deploy",
        "/offshoot\u{200b}deploy",
    ] {
        assert_eq!(words(body), [""; 0], "{body:?}");
    }
    for body in [
        "```\n/offshoot plan\n```\n/offshoot deploy",
        "```like this``` is code\n/offshoot deploy",
        "> ```\n> /offshoot plan\n/offshoot deploy",
        "> <!-- x\n/offshoot deploy",
        "- ```\n  /offshoot plan\n/offshoot deploy",
        "<details>\n<summary>x</summary>\n\n/offshoot deploy\n</details>",
        "<!-->\n/offshoot deploy",
        "the marker <!-- is odd\n/offshoot deploy",
        "<!--\n/offshoot plan\n-->\n/offshoot deploy",
    ] {
        assert_eq!(words(body), ["deploy"], "{body:?}");
    }
}

#[test]
fn what_is_not_understood_is_answered() {
    let said: Vec<String> = [
        "/offshoot deplyo prod",
        "/offshoot apply",
        "/offshoot make me a sandwich",
        "/offshoot `rm -rf` @everyone",
        "/offshoot deploy prod please",
        "/offshoot plan --prune",
        "/offshoot deploy --prun",
        "/offshoot deploy --app",
        "/offshoot deploy -a x --app y",
        "/offshoot deploy a/b --app c",
        "/offshoot deploy feature/login/x",
        "/offshoot deploy $(id)",
        "/offshoot promote staging",
        "/offshoot promote prod prod",
        "/offshoot extend",
        "/offshoot extend 24",
        "/offshoot extend 99y",
        "/offshoot approve prod 1a2b3c4",
        "/offshoot plan 1 2 3 4 5 6 7 8 9 10 11",
        "/offshoot p\u{202e}dorp",
    ]
    .map(wrong)
    .to_vec();
    insta::assert_snapshot!(said.join("\n"), @r##"
    /offshoot deplyo prod → There is no command `deplyo`. Did you mean `deploy`? Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot apply → There is no command `apply`. Did you mean `deploy`? Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot make me a sandwich → There is no command `make`. `/offshoot help` lists all of them.
    /offshoot 'rm -rf' @everyone → There is no command `'rm`. `/offshoot help` lists all of them.
    /offshoot deploy prod please → `deploy` takes one stage at most; `please` is too much. Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot plan --prune → `plan` has no option `--prune`. Usage: `/offshoot plan [stage]`.
    /offshoot deploy --prun → `deploy` has no option `--prun`. Did you mean `--prune`? Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot deploy --app → `--app` needs the name of an app. Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot deploy -a x --app y → `--app` is written twice. Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot deploy a/b --app c → Two apps are named, `c` and `a`. Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot deploy feature/login/x → `feature/login/x` is neither a stage nor `app/stage`. Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot deploy $(id) → `$(id)` is neither a stage nor `app/stage`. Usage: `/offshoot deploy [stage] [--prune]`.
    /offshoot promote staging → `promote` needs two stages, from which and to which, and got 1. Usage: `/offshoot promote A B`.
    /offshoot promote prod prod → `promote` needs two stages that are not the same. Usage: `/offshoot promote A B`.
    /offshoot extend → `extend` needs a time: a number with m, h, d or w, such as `24h`. Usage: `/offshoot extend TIME [stage]`.
    /offshoot extend 24 → `24` is not a time; write a number with m, h, d or w, such as `24h`. Usage: `/offshoot extend TIME [stage]`.
    /offshoot extend 99y → `99y` is not a time; write a number with m, h, d or w, such as `24h`. Usage: `/offshoot extend TIME [stage]`.
    /offshoot approve prod 1a2b3c4 → `approve` takes a stage, to approve its plan, or a commit, to let a fork's code run; `prod` and `1a2b3c4` are both. Usage: `/offshoot approve [stage]` or `/offshoot approve COMMIT`.
    /offshoot plan 1 2 3 4 5 6 7 8 9 10 11 → `plan` is followed by more than 10 words. Usage: `/offshoot plan [stage]`.
    /offshoot pdorp → There is no command `pdorp`. `/offshoot help` lists all of them.
    "##);
}

#[test]
fn one_wrong_line_stops_the_whole_comment_and_so_does_one_too_many() {
    assert!(
        matches!(read("/offshoot plan\n/offshoot plna", "/offshoot"), Found::Wrong { line, .. } if line == "/offshoot plna")
    );
    let many = "/offshoot plan\n".repeat(MOST);
    assert_eq!(words(&many).len(), MOST);
    insta::assert_snapshot!(wrong(&(many + "/offshoot deploy")), @"/offshoot deploy → A comment may hold at most 5 commands; write the others in another comment.");
    let long = wrong(&format!("/offshoot plan {}", "é".repeat(5_000)));
    assert!(long.chars().count() < 500, "{long}");
}

#[test]
fn a_large_comment_is_read_in_one_pass() {
    let begun = std::time::Instant::now();
    for part in [
        "<!--",
        "<!-- x -->",
        "```\n",
        "- ```\n",
        "> x\n",
        "`",
        "/offshoot\u{a0}",
        "/offshootx\n",
        "\u{200b}",
        "\r",
        "<!-- -",
        "-->\n<!-->",
    ] {
        let _ = read(&part.repeat(1_000_000 / part.len()), "/offshoot");
    }
    // quadratic work would take minutes
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,12}"
}

fn target() -> impl Strategy<Value = Target> {
    (proptest::option::of(name()), proptest::option::of(name())).prop_map(|(app, stage)| Target { app, stage })
}

fn any_command() -> impl Strategy<Value = Command> {
    let commit = || proptest::option::of("[0-9a-f]{7,40}");
    prop_oneof![
        Just(Command::Help),
        target().prop_map(|on| Command::Plan { on }),
        (target(), any::<bool>()).prop_map(|(on, prune)| Command::Deploy { on, prune }),
        target().prop_map(|on| Command::Remove { on }),
        target().prop_map(|on| Command::RevertDrift { on }),
        (name(), name(), proptest::option::of(name()))
            .prop_filter("two stages", |(from, to, _)| from != to)
            .prop_map(|(from, to, app)| Command::Promote { from, to, app }),
        (target(), commit()).prop_map(|(on, revision)| Command::Rollback { on, revision }),
        (target(), 1_u64..315_360_000).prop_map(|(on, by_s)| Command::Extend { on, by_s }),
        target().prop_map(|on| Command::Approve { on, revision: None }),
        (proptest::option::of(name()), commit())
            .prop_map(|(app, revision)| Command::Approve { on: Target { app, stage: None }, revision }),
        target().prop_map(|on| Command::Logs { on }),
    ]
}

proptest! {
    #[test]
    fn any_text_is_read(body in "(?s).{0,300}", prefix in ".{0,10}") {
        let _ = read(&body, &prefix);
    }

    #[test]
    fn any_marks_are_read(body in "[-`~<>! \n\r\t/ofsh\u{200b}1.*]{0,200}") {
        let _ = read(&body, "/offshoot");
    }

    #[test]
    fn any_words_after_the_prefix_give_commands_or_an_answer(rest in "( [-a-z0-9/=—`@.]{0,12}){0,8}") {
        match read(&format!("/offshoot{rest}"), "/offshoot") {
            Found::Nothing => prop_assert!(false, "a line with the prefix is ours"),
            Found::Commands(commands) => prop_assert_eq!(commands.len(), 1),
            Found::Wrong { say, .. } => prop_assert!(say.ends_with('.') && say.matches('`').count() % 2 == 0, "{}", say),
        }
    }

    #[test]
    fn what_is_quoted_never_gives_a_command(body in "(/offshoot [a-z]{0,8}|[^\n\r]{0,20}|```|~~~|<!--|-->|- ```|\n){0,30}", mark in "(>|> | |    |\t|> > )") {
        let quoted: String = body.split(['\n', '\r']).map(|line| format!("{mark}{line}\n")).collect();
        prop_assert_eq!(read(&quoted, "/offshoot"), Found::Nothing);
    }

    #[test]
    fn what_stands_in_a_code_block_never_gives_a_command(lines in proptest::collection::vec("(/offshoot [a-z]{0,8}|[^\n\r`]{0,20}|``|~~~|<!--|-->)", 0..20), more in 3_usize..6) {
        let fence = "`".repeat(more);
        prop_assert_eq!(read(&format!("{fence}\n{}\n{fence}\n", lines.join("\n")), "/offshoot"), Found::Nothing);
    }

    #[test]
    fn what_is_written_is_read_again(command in any_command()) {
        prop_assert_eq!(read(&format!("/offshoot {command}"), "/offshoot"), Found::Commands(vec![command]));
    }
}
