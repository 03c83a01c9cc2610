//! Reads durations as people write them (`90m`, `72h`, `14d`, `1d12h`) and says them back.

const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Ten years: longer than any stage or deploy, short enough that sums never overflow.
const MAX_S: u64 = 315_360_000;

/// Seconds of a duration such as `90m`, `72h`, `14d` or `1d12h`; the error says what is wrong with it.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (mut total_s, mut digits) = (0_u64, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let Some((_, unit_s)) = UNITS.iter().find(|(unit, _)| *unit == c) else {
            return Err(format!("`{text}` is not a duration"));
        };
        let Ok(number) = digits.parse::<u64>() else { return Err(format!("`{text}` is not a duration")) };
        digits.clear();
        total_s = total_s.saturating_add(number.saturating_mul(*unit_s));
    }
    if !digits.is_empty() {
        return Err(format!("`{text}` has no unit"));
    }
    match total_s {
        0 => Err(format!("`{text}` is no time at all")),
        s if s > MAX_S => Err(format!("`{text}` is more than ten years")),
        s => Ok(s),
    }
}

/// The shortest way to write `seconds`: `14d`, `1h30m`.
pub fn show(seconds: u64) -> String {
    let (mut rest, mut out) = (seconds, String::new());
    for (unit, unit_s) in UNITS.iter().skip(1) {
        if rest >= *unit_s {
            out.push_str(&format!("{}{unit}", rest / unit_s));
            rest %= unit_s;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_said_back() {
        for (text, seconds, shown) in [
            ("14d", 1_209_600, "14d"),
            ("72h", 259_200, "3d"),
            ("90m", 5_400, "1h30m"),
            ("1w", 604_800, "7d"),
            ("1d12h", 129_600, "1d12h"),
            ("45s", 45, "45s"),
        ] {
            assert_eq!(parse(text), Ok(seconds));
            assert_eq!(show(seconds), shown);
        }
    }

    #[test]
    fn what_is_not_a_duration_says_why() {
        assert_eq!(parse("72").unwrap_err(), "`72` has no unit");
        assert_eq!(parse("0h").unwrap_err(), "`0h` is no time at all");
        assert_eq!(parse("999999999999999999w").unwrap_err(), "`999999999999999999w` is more than ten years");
        for bad in ["soon", "h", "1y", "-1d", "1.5h", "1d h"] {
            assert_eq!(parse(bad).unwrap_err(), format!("`{bad}` is not a duration"));
        }
        assert_eq!(parse("").unwrap_err(), "`` is no time at all");
    }
}
