//! Says what is wrong with one written value: account, region, role, schedule, glob, environment name.

use globset::{Glob, GlobBuilder};

use super::duration;
use crate::names::{MAX_STAGE, safe_stage};

/// What is wrong with a value, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub what: String,
    pub next: String,
}

type Verdict = Result<(), Wrong>;

fn wrong(what: impl Into<String>, next: impl Into<String>) -> Verdict {
    Err(Wrong { what: what.into(), next: next.into() })
}

pub(super) fn account(text: &str) -> Verdict {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    wrong(format!("`{text}` is not an AWS account"), "write its 12 digits in quotes: account: \"111111111111\"")
}

pub(super) fn region(text: &str) -> Verdict {
    let parts: Vec<&str> = text.split('-').collect();
    let ok = match parts.as_slice() {
        [area, middle @ .., number] => {
            (2..=4).contains(&area.len())
                && (1..=3).contains(&middle.len())
                && std::iter::once(area)
                    .chain(middle)
                    .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    };
    if ok {
        Ok(())
    } else {
        wrong(format!("`{text}` is not an AWS region"), "write one such as eu-west-1 or us-east-1")
    }
}

/// The account in a role's ARN.
pub(super) fn role_account(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (head, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("role/")?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@-_/".contains(c));
    let ok = head == "arn" && partition.starts_with("aws") && service == "iam" && region.is_empty() && plain;
    (ok && self::account(account).is_ok()).then_some(account)
}

pub(super) fn role(text: &str) -> Verdict {
    if role_account(text).is_some() {
        return Ok(());
    }
    wrong(
        format!("`{text}` is not the ARN of an IAM role"),
        "write it whole: arn:aws:iam::111111111111:role/offshoot-plan",
    )
}

pub(super) fn span(text: &str) -> Verdict {
    match duration::parse(text) {
        Ok(_) => Ok(()),
        Err(what) => wrong(what, "write a number with s, m, h, d or w: 90m, 72h, 14d"),
    }
}

pub(super) fn expiry(text: &str) -> Verdict {
    if text == "never" { Ok(()) } else { span(text) }
}

/// The limits of the five fields of a cron schedule, with their names.
const CRON: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7)];
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

pub(super) fn cron(text: &str) -> Verdict {
    let next = "write five fields in UTC: minute hour day month weekday, as in \"0 6 * * *\" for every day at 06:00";
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != CRON.len() {
        return wrong(format!("`{text}` has {} fields", fields.len()), next);
    }
    for (field, (name, low, high)) in fields.iter().zip(CRON) {
        if !field.split(',').all(|part| cron_part(part, name, low, high)) {
            return wrong(format!("`{field}` is not a {name} ({low} to {high})"), next);
        }
    }
    Ok(())
}

fn cron_part(part: &str, name: &str, low: u32, high: u32) -> bool {
    let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
    let step_ok = step.is_none_or(|s| s.parse::<u32>().is_ok_and(|n| n >= 1 && n <= high));
    let value = |text: &str| cron_value(text, name).filter(|n| (low..=high).contains(n));
    let range_ok = match range.split_once('-') {
        _ if range == "*" => true,
        Some((from, to)) => matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to),
        None => value(range).is_some(),
    };
    step_ok && range_ok
}

fn cron_value(text: &str, name: &str) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    let named = |names: &[&str], first: u32| names.iter().position(|n| *n == lower).map(|at| at as u32 + first);
    match name {
        "month" => named(&MONTHS, 1),
        "day of the week" => named(&DAYS, 0),
        _ => None,
    }
    .or_else(|| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten())
}

/// Whether a pattern can match more than one name.
pub(super) fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '{'])
}

/// A glob in which `*` stays within one part of a name and `**` does not.
pub(super) fn compile(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

pub(super) fn glob(text: &str) -> Verdict {
    if let Some(plain) = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/")) {
        return wrong(format!("`{text}` is a full ref"), format!("write the name alone: {plain}"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong(format!("`{text}` has a space in it"), "git names have no spaces; write one pattern per rule");
    }
    match compile(text) {
        Ok(_) => Ok(()),
        Err(error) => wrong(
            format!("`{text}` is not a pattern: {}", error.kind()),
            "`*` stands for a part without /, `**` for any part: feature/*, release/**",
        ),
    }
}

/// A folder or glob inside the repository.
pub(super) fn inside(text: &str) -> Verdict {
    let leaves = text.split(['/', '\\']).any(|part| part == "..");
    if text.starts_with(['/', '\\', '~']) || text.get(1..2) == Some(":") || leaves {
        return wrong(
            format!("`{text}` leaves the repository"),
            "write a path inside it, without a leading / and without ..",
        );
    }
    match compile(text) {
        Ok(_) => Ok(()),
        Err(error) => wrong(format!("`{text}` is not a pattern: {}", error.kind()), "write a glob such as shared/**"),
    }
}

pub(super) fn folder(text: &str) -> Verdict {
    inside(text)?;
    if is_glob(text) {
        return wrong(format!("`{text}` is a pattern"), "name one folder; write an entry under apps for each app");
    }
    Ok(())
}

pub(super) fn app_name(text: &str) -> Verdict {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if plain && text.len() <= 60 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    wrong(format!("`{text}` cannot be the name of an app"), "use up to 60 letters, digits, `-`, `_` and `.`")
}

/// The literal text of a template must leave this much room for what is filled in.
const MAX_LITERAL: usize = MAX_STAGE - 16;

pub(super) fn stage_name(text: &str) -> Verdict {
    let Some((head, rest)) = text.split_once('{') else {
        return fixed_name(text);
    };
    let Some((hole, tail)) = rest.split_once('}') else {
        return wrong(format!("`{text}` has no closing brace"), "write {branch}, {tag} or {number}");
    };
    if !matches!(hole, "branch" | "tag" | "number") || tail.contains(['{', '}']) {
        return wrong(
            format!("`{text}` cannot be filled in"),
            "use one of {branch}, {tag} and {number}, once: \"{branch}\" or \"pr-{number}\"",
        );
    }
    let literal = format!("{head}{tail}");
    if !literal.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        || head.starts_with(|c: char| !c.is_ascii_alphabetic())
    {
        return wrong(
            format!("`{text}` gives names that AWS does not allow"),
            "use letters, digits and `-` around the braces, beginning with a letter",
        );
    }
    if head.is_empty() && hole == "number" {
        return wrong(format!("`{text}` gives names that begin with a digit"), "put a word before it: \"pr-{number}\"");
    }
    if literal.len() > MAX_LITERAL {
        return wrong(
            format!("`{text}` leaves too little room: a stage name has at most {MAX_STAGE} characters"),
            format!("write at most {MAX_LITERAL} characters around the braces"),
        );
    }
    Ok(())
}

fn fixed_name(text: &str) -> Verdict {
    if text.len() > MAX_STAGE {
        return wrong(
            format!("`{text}` has {} characters; a stage name has at most {MAX_STAGE}", text.len()),
            "shorten it: stack, role and function names are made from it",
        );
    }
    if safe_stage(text).as_str() == text {
        return Ok(());
    }
    wrong(
        format!("`{text}` cannot be the name of a stage"),
        "use letters, digits and single hyphens, beginning with a letter: prod, eu-prod",
    )
}

pub(super) fn bucket(text: &str) -> Verdict {
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'));
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if (3..=63).contains(&text.len()) && plain && text.starts_with(ends) && text.ends_with(ends) {
        return Ok(());
    }
    wrong(format!("`{text}` is not the name of an S3 bucket"), "write the name alone, as in state: acme-offshoot-state")
}

pub(super) fn prefix(text: &str) -> Verdict {
    let plain = text.chars().skip(1).all(|c| c.is_ascii_alphanumeric() || c == '-');
    if text.starts_with('/') && (2..=40).contains(&text.len()) && plain {
        return Ok(());
    }
    wrong(format!("`{text}` cannot begin a command"), "write a slash and one word: prefix: /offshoot")
}

/// A stack output is called by letters and digits alone.
pub(super) fn output(text: &str) -> Verdict {
    if (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    wrong(format!("`{text}` is not the name of a stack output"), "write the name alone, as in url: ApiUrl")
}

pub(super) fn person(text: &str) -> Verdict {
    let name = text.strip_prefix('@').unwrap_or_default();
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    if name.split('/').all(plain) && name.split('/').count() <= 2 {
        return Ok(());
    }
    wrong(format!("`{text}` is neither a person nor a team"), "write \"@name\" or \"@organization/team\"")
}

pub(super) fn any(_: &str) -> Verdict {
    Ok(())
}

/// Names and values that look like secrets; the value never enters the message.
pub(super) fn env(name: &str, value: &str) -> Verdict {
    let upper = name.to_ascii_uppercase();
    if upper.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !upper.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        return wrong(format!("`{name}` is not the name of an environment variable"), "use letters, digits and `_`");
    }
    if upper == "STAGE" {
        return wrong("`STAGE` is set by Offshoot to the stage's name", "remove it, or choose another name");
    }
    if reference(value) { Ok(()) } else { secret(name, value) }
}

/// The ends of names that hold secrets.
const SECRET_NAMES: [&str; 12] = [
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "SECRET_KEY",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "ACCESS_KEY",
    "ACCESS_KEY_ID",
    "CREDENTIALS",
];
/// The beginnings of values that are secrets wherever they stand.
const SECRET_VALUES: [&str; 9] =
    ["AKIA", "ASIA", "ghp_", "gho_", "ghs_", "github_pat_", "xoxb-", "sk_live_", "-----BEGIN"];

fn reference(value: &str) -> bool {
    value.is_empty() || value.starts_with("{{resolve:") || value.starts_with("arn:aws")
}

pub(super) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let ends = |end: &str| {
        upper.strip_suffix(end).is_some_and(|head| head.is_empty() || head.ends_with('_') || end == "PASSWORD")
    };
    upper.starts_with("AWS_SECRET")
        || upper.starts_with("AWS_SESSION_TOKEN")
        || SECRET_NAMES.iter().any(|end| ends(end))
}

fn is_secret_value(value: &str) -> bool {
    let long = value.len() >= 16 || value.starts_with("-----BEGIN");
    long && SECRET_VALUES.iter().any(|begin| value.starts_with(begin))
}

/// Refuses a value that is a secret by its name or by its look; the value stays out of the message.
fn secret(name: &str, value: &str) -> Verdict {
    if !is_secret_name(name) && !is_secret_value(value) {
        return Ok(());
    }
    wrong(
        format!("`{name}` looks like a secret, and everyone who can read the repository can read this file"),
        "keep it in SSM Parameter Store or Secrets Manager and let the function read it at run time; if it was real, replace it now",
    )
}

pub(super) fn tag(name: &str, value: &str) -> Verdict {
    if name.is_empty() || name.len() > 128 || value.len() > 256 {
        return wrong(
            format!("the tag `{name}` is too long or empty"),
            "a key has 1 to 128 characters, a value at most 256",
        );
    }
    if name.to_ascii_lowercase().starts_with("aws:") {
        return wrong(format!("the tag `{name}` begins with aws:"), "that beginning belongs to AWS; choose another");
    }
    Ok(())
}

pub(super) fn context(name: &str, value: &str) -> Verdict {
    if name == "stage" {
        return wrong(
            "the context key `stage` is set by Offshoot to the stage's name",
            "remove it, or choose another name",
        );
    }
    // context names are the app's own (`tokenTable`), so only those written like variables count
    let named = name.contains('_') && is_secret_name(name) && !reference(value);
    if named || is_secret_value(value) { secret(name, value) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_all_partitions() {
        for ok in [
            "us-east-1",
            "ap-southeast-4",
            "us-gov-west-1",
            "us-iso-east-1",
            "eusc-de-east-1",
            "cn-north-1",
            "mx-central-1",
        ] {
            assert_eq!(region(ok), Ok(()), "{ok}");
        }
        for bad in ["", "us", "us-east", "US-EAST-1", "us-east-1a", "virginia", "us--1", "us-east-100"] {
            assert!(region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn schedules() {
        for ok in ["0 6 * * *", "*/5 0-6,12 1 jan-mar MON", "0 0 * * 7", "15 8-18/2 * * 1-5"] {
            assert_eq!(cron(ok), Ok(()), "{ok}");
        }
        for bad in [
            "",
            "0 6 * *",
            "60 6 * * *",
            "0 6 0 * *",
            "a * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "0 6 * * * *",
            "+5 * * * *",
            "@daily",
        ] {
            assert!(cron(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn roles() {
        assert_eq!(role_account("arn:aws:iam::111111111111:role/team/offshoot-plan"), Some("111111111111"));
        assert_eq!(role_account("arn:aws-us-gov:iam::111111111111:role/x"), Some("111111111111"));
        for bad in [
            "",
            "offshoot-plan",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::111111111111:user/x",
            "arn:aws:iam::111111111111:role/",
        ] {
            assert!(role(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_known_by_name_or_look() {
        for name in [
            "GITHUB_TOKEN",
            "DB_PASSWORD",
            "DBPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "STRIPE_API_KEY",
            "password",
            "SECRET",
        ] {
            assert!(env(name, "hunter2").is_err(), "{name}");
            assert!(env(name, "{{resolve:ssm:/prod/x}}").is_ok(), "{name}");
        }
        for name in ["TABLE", "LOG_LEVEL", "TOKEN_TTL", "PASSWORD_PARAMETER", "MONKEY"] {
            assert!(env(name, "plain").is_ok(), "{name}");
        }
        assert!(env("KEY_OF_CI", "AKIAIOSFODNN7EXAMPLE").is_err());
        assert!(env("2FA", "x").is_err() && env("", "x").is_err() && env("STAGE", "x").is_err());
        assert!(context("a", "AKIAIOSFODNN7EXAMPLE").is_err_and(|w| w.what.starts_with("`a` looks")));
    }

    #[test]
    fn stage_names() {
        for ok in ["prod", "eu-prod", "{branch}", "pr-{number}", "rel-{tag}-x"] {
            assert_eq!(stage_name(ok), Ok(()), "{ok}");
        }
        for bad in [
            "",
            "1prod",
            "pröd",
            "a b",
            "a--b",
            "{number}",
            "{who}",
            "{branch",
            "{branch}-{number}",
            "-{branch}",
            &"x".repeat(41),
        ] {
            assert!(stage_name(bad).is_err(), "{bad}");
        }
        assert!(stage_name(&format!("{}-{{branch}}", "x".repeat(30))).is_err());
    }

    #[test]
    fn paths_stay_inside() {
        for bad in ["/etc", "../x", "a/../../b", "C:/x", "~/x", "a\\..\\b"] {
            assert!(folder(bad).is_err(), "{bad}");
        }
        assert!(
            folder("services/api").is_ok() && folder(".").is_ok() && folder("a/*").is_err() && inside("a/**").is_ok()
        );
    }
}
