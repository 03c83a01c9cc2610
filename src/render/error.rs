//! An error for the terminal: what was being done, what was found, where, because of what, and what to do next.

use std::error::Error as _;

use crate::error::{Class, Error};

use super::style::{Colour, Detail, Style, Tone};
use super::text::{clean_lines, hang_command};

/// `error: <doing>: <what>`, the place, the causes without repeats, `next: …`; ends with a line end.
pub fn error(error: &Error, style: Style) -> String {
    let text = format!("{}: {}", error.doing(), error.what());
    let mut out = block("error: ", &text, Tone::Alarm, style);
    if let Some(place) = error.place() {
        out.push_str(&block("  at ", &place.to_string(), Tone::Faint, style));
    }
    for cause in causes(error) {
        out.push_str(&block("  because: ", &cause, Tone::Plain, style));
    }
    if let Some(next) = error.next_step() {
        out.push_str(&block("next: ", next, Tone::Link, style));
    }
    if error.class() == Class::Bug {
        let ask = format!("this is a mistake in Offshoot; please report it with the code {}", error.code());
        out.push_str(&block("next: ", &ask, Tone::Link, style));
    } else if style.detail == Detail::Full {
        out.push_str(&block("  code: ", error.code(), Tone::Faint, style));
    }
    out
}

/// The chain of causes; one that an earlier text already holds is left out.
pub(crate) fn causes(error: &Error) -> Vec<String> {
    let mut said = format!("{}: {}", error.doing(), error.what());
    let mut out = Vec::new();
    let mut cause = error.source();
    // a chain that refers to itself must not hang the report
    for _ in 0..16 {
        let Some(current) = cause else { break };
        let text = current.to_string();
        if !text.trim().is_empty() && !said.contains(text.trim()) {
            said.push_str(&text);
            out.push(text);
        }
        cause = current.source();
    }
    out
}

/// Several lines under one label: the first line wraps, the lines after it (a compiler's output) stay as they are.
fn block(label: &str, text: &str, tone: Tone, style: Style) -> String {
    let lines = clean_lines(text);
    let indent = " ".repeat(label.len());
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        if i == 0 {
            let lead = label.trim_end();
            let first = hang_command(label, line, style.columns());
            out.push_str(&match style.colour {
                Colour::On => first.replacen(lead, &style.paint(tone, lead), 1),
                Colour::Off => first,
            });
        } else {
            out.push_str(&format!("{}\n", format!("{indent}{line}").trim_end()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{FULL, NARROW};

    #[test]
    fn a_mistake_in_the_configuration() {
        let e = Error::usage("config.unknown_key", "reading offshoot.yml", "unknown key \"brnach\" in a stage rule")
            .at("offshoot.yml", 7, 5)
            .next("write \"branch\"");
        insta::assert_snapshot!(error(&e, NARROW), @r#"
        error: reading offshoot.yml: unknown key "brnach" in a stage rule
          at offshoot.yml:7:5
        next: write "branch"
        "#);
        insta::assert_snapshot!(error(&e, FULL), @r#"
        error: reading offshoot.yml: unknown key "brnach" in a stage rule
          at offshoot.yml:7:5
        next: write "branch"
          code: config.unknown_key
        "#);
    }

    #[test]
    fn causes_are_not_repeated() {
        let inner = Error::failed("net.refused", "connecting to sts.eu-west-1.amazonaws.com", "connection refused");
        let middle = Error::failed("aws.call", "calling sts:GetCallerIdentity", "connection refused").because(inner);
        let e = Error::transient("aws.identity", "asking AWS who we are", "connection refused")
            .because(middle)
            .next("check the network, then run it again");
        insta::assert_snapshot!(error(&e, NARROW), @r#"
        error: asking AWS who we are: connection refused
          because: calling sts:GetCallerIdentity: connection refused
          because: connecting to sts.eu-west-1.amazonaws.com: connection refused
        next: check the network, then run it again
        "#);
    }

    #[test]
    fn a_programs_output_keeps_its_lines() {
        let e = Error::failed(
            "synth.typescript",
            "transpiling bin/app.ts",
            "1 error:\n  bin/app.ts:3:7: Expected \";\" but found \"x\"\n\t3 │ const x x = 1;\n\u{1b}[31mred",
        );
        insta::assert_snapshot!(error(&e, NARROW), @r#"
        error: transpiling bin/app.ts: 1 error:
                 bin/app.ts:3:7: Expected ";" but found "x"
                   3 │ const x x = 1;
               \u{1b}[31mred
        "#);
    }

    #[test]
    fn our_own_mistake_asks_for_a_report() {
        insta::assert_snapshot!(error(&Error::bug("plan.order", "ordering the stacks", "a stack stands before itself"), NARROW), @r#"
        error: ordering the stacks: a stack stands before itself
        next: this is a mistake in Offshoot; please report it with the code plan.order
        "#);
    }
}
