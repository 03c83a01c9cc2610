//! Reads what follows the prefix of one line; what is wrong with it is said in sentences that name the right form.

use super::usage;
use super::{Command, Target, lines};
use crate::config::duration;
use crate::config::suggest::nearest;

/// No command has more.
const MOST_WORDS: usize = 10;

/// The longest name that a message quotes.
const NAME_SHOWN: usize = 60;

/// Words of other tools, and what they are called here.
const SYNONYMS: [(&str, &str); 20] = [
    ("apply", "deploy"),
    ("up", "deploy"),
    ("ship", "deploy"),
    ("release", "deploy"),
    ("diff", "plan"),
    ("preview", "plan"),
    ("synth", "plan"),
    ("destroy", "remove"),
    ("delete", "remove"),
    ("down", "remove"),
    ("rm", "remove"),
    ("abort", "cancel"),
    ("stop", "cancel"),
    ("rerun", "retry"),
    ("again", "retry"),
    ("revert", "rollback"),
    ("lgtm", "approve"),
    ("trust", "approve"),
    ("url", "outputs"),
    ("commands", "help"),
];

/// The command in the words after the prefix, or a sentence on what to write.
pub(super) fn command(arguments: &str, prefix: &str) -> Result<Command, String> {
    let mut words = lines::words(arguments);
    let Some(first) = words.next() else { return Ok(Command::Help) };
    let word = first.to_lowercase();
    let word = usage::known(&word).ok_or_else(|| unknown(&first, prefix))?;
    if word == "help" {
        return Ok(Command::Help);
    }
    read(word, words).map_err(|what| format!("{what} {}", usage::forms(word, prefix)))
}

fn unknown(word: &str, prefix: &str) -> String {
    let names = || usage::table().iter().map(|usage| usage.word);
    let lower = word.to_lowercase();
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == lower).map(|(_, name)| *name);
    let what = format!("There is no command {}.", quoted(word));
    match synonym.or_else(|| nearest(&lower, names())) {
        Some(meant) => format!("{what} Did you mean `{meant}`? {}", usage::forms(meant, prefix)),
        None => format!("{what} `{prefix} help` lists all of them."),
    }
}

fn read(word: &'static str, words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut given = Given::read(word, words)?;
    let command = match word {
        "plan" => Command::Plan { on: given.target()? },
        "deploy" => Command::Deploy { prune: given.prune, on: given.target()? },
        "remove" => Command::Remove { on: given.target()? },
        "drift" => Command::Drift { on: given.target()? },
        "revert-drift" => Command::RevertDrift { on: given.target()? },
        "promote" => given.promote()?,
        "rollback" => Command::Rollback { revision: given.commit(), on: given.target()? },
        "extend" => Command::Extend { by_s: given.time()?, on: given.target()? },
        "cancel" => Command::Cancel { on: given.target()? },
        "retry" => Command::Retry { on: given.target()? },
        "unlock" => Command::Unlock { on: given.target()? },
        "approve" => given.approve()?,
        "dev" => Command::Dev { on: given.target()? },
        "outputs" => Command::Outputs { on: given.target()? },
        "logs" => Command::Logs { on: given.target()? },
        _ => Command::Help,
    };
    Ok(command)
}

/// The arguments of one command.
struct Given {
    word: &'static str,
    plain: Vec<String>,
    app: Option<String>,
    stage: Option<String>,
    prune: bool,
}

impl Given {
    fn read(word: &'static str, mut words: impl Iterator<Item = String>) -> Result<Given, String> {
        let mut given = Given { word, plain: Vec::new(), app: None, stage: None, prune: false };
        for _ in 0..MOST_WORDS {
            let Some(next) = words.next() else { return Ok(given) };
            // phones make one long dash of two
            let next = match next.strip_prefix(['—', '–']) {
                Some(name) => format!("--{name}"),
                None => next,
            };
            if next.starts_with('-') {
                given.option(&next, &mut words)?;
            } else {
                given.plain.push(next);
            }
        }
        match words.next() {
            None => Ok(given),
            Some(_) => Err(format!("`{word}` is followed by more than {MOST_WORDS} words.")),
        }
    }

    /// `--app NAME`, `--app=NAME`, and the like.
    fn option(&mut self, written: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let (name, value) = match written.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (written, None),
        };
        match name.to_lowercase().as_str() {
            "--app" | "-a" => set(&mut self.app, "--app", value.or_else(|| words.next()), "an app"),
            "--stage" | "-s" if self.word != "promote" => {
                set(&mut self.stage, "--stage", value.or_else(|| words.next()), "a stage")
            }
            "--prune" if self.word == "deploy" && value.is_none() => {
                self.prune = true;
                Ok(())
            }
            _ => Err(self.no_option(name)),
        }
    }

    fn no_option(&self, name: &str) -> String {
        let options: &[&str] = match self.word {
            "deploy" => &["--app", "--stage", "--prune"],
            "promote" => &["--app"],
            _ => &["--app", "--stage"],
        };
        let meant = nearest(name, options.iter().copied());
        let hint = meant.map(|option| format!(" Did you mean `{option}`?")).unwrap_or_default();
        format!("`{}` has no option {}.{hint}", self.word, quoted(name))
    }

    /// Takes out the first plain word that is a commit.
    fn commit(&mut self) -> Option<String> {
        let at = self.plain.iter().position(|word| is_commit(word))?;
        Some(self.plain.remove(at).to_ascii_lowercase())
    }

    /// Takes out the first plain word that is a time.
    fn time(&mut self) -> Result<u64, String> {
        let Some(at) = self.plain.iter().position(|word| is_time(word)) else {
            return Err("`extend` needs a time: a number with m, h, d or w, such as `24h`.".to_owned());
        };
        let word = self.plain.remove(at).to_lowercase();
        duration::parse(&word)
            .map_err(|_| format!("{} is not a time; write a number with m, h, d or w, such as `24h`.", quoted(&word)))
    }

    fn approve(&mut self) -> Result<Command, String> {
        let revision = self.commit();
        let on = self.target()?;
        match &revision {
            Some(revision) if on.stage.is_some() => Err(format!(
                "`approve` takes a stage, to approve its plan, or a commit, to let a fork's code run; {} and {} are both.",
                quoted(on.stage.as_deref().unwrap_or_default()),
                quoted(revision),
            )),
            _ => Ok(Command::Approve { on, revision }),
        }
    }

    fn promote(&mut self) -> Result<Command, String> {
        let both = std::mem::take(&mut self.plain);
        let [from, to] = both.as_slice() else {
            return Err(format!("`promote` needs two stages, from which and to which, and got {}.", both.len()));
        };
        let (from, to) = (self.place(from)?, self.place(to)?);
        match (from.stage, to.stage) {
            (Some(from), Some(to)) if from != to => Ok(Command::Promote { from, to, app: self.app.take() }),
            _ => Err("`promote` needs two stages that are not the same.".to_owned()),
        }
    }

    /// What is left names at most one stage.
    fn target(&mut self) -> Result<Target, String> {
        let plain = std::mem::take(&mut self.plain);
        if let Some(extra) = plain.get(usize::from(self.stage.is_none())) {
            return Err(format!("`{}` takes one stage at most; {} is too much.", self.word, quoted(extra)));
        }
        let word = plain.into_iter().next().or_else(|| self.stage.take());
        let stage = match word {
            Some(word) => self.place(&word)?.stage,
            None => None,
        };
        Ok(Target { app: self.app.take(), stage })
    }

    /// `stage` or `app/stage`; notes the app.
    fn place(&mut self, word: &str) -> Result<Target, String> {
        let (app, stage) = match word.split_once('/') {
            Some((app, stage)) => (Some(app), stage),
            None => (None, word),
        };
        if !is_name(stage) || !app.is_none_or(is_name) {
            return Err(format!("{} is neither a stage nor `app/stage`.", quoted(word)));
        }
        match (&self.app, app) {
            (Some(one), Some(other)) if one != other => {
                return Err(format!("Two apps are named, {} and {}.", quoted(one), quoted(other)));
            }
            (None, Some(app)) => self.app = Some(app.to_owned()),
            _ => {}
        }
        Ok(Target { app: self.app.clone(), stage: Some(stage.to_owned()) })
    }
}

fn set(slot: &mut Option<String>, option: &str, value: Option<String>, of: &str) -> Result<(), String> {
    match value {
        Some(_) if slot.is_some() => Err(format!("`{option}` is written twice.")),
        Some(value) if is_name(&value) || (option == "--stage" && value.contains('/')) => {
            *slot = Some(value);
            Ok(())
        }
        Some(value) => Err(format!("{} cannot be the name of {of}.", quoted(&value))),
        None => Err(format!("`{option}` needs the name of {of}.")),
    }
}

/// Whether something can be the name of a stage or an app.
fn is_name(word: &str) -> bool {
    word.len() <= NAME_SHOWN
        && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Seven hexadecimal digits or more.
pub(super) fn is_commit(word: &str) -> bool {
    (7..=64).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What begins with a digit and names no app.
pub(super) fn is_time(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('/')
}

fn quoted(word: &str) -> String {
    format!("`{}`", shown(word, NAME_SHOWN))
}

/// Somebody's words as a message quotes them: short, on one line, without what ends the quotation or turns its direction.
pub(super) fn shown(text: &str, most: usize) -> String {
    let turns =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let mut kept = text.chars().filter(|c| !turns(*c)).map(|c| match c {
        '`' => '\'',
        c if c.is_control() => ' ',
        c => c,
    });
    let mut out: String = kept.by_ref().take(most).collect();
    if kept.next().is_some() {
        out.push('…');
    }
    out
}
