//! Where a stage answers: the address among its stacks' outputs.

use std::collections::BTreeMap;

/// Output names that say it is the app's address, best first.
const NAMES: &[&str] = &["url", "siteurl", "websiteurl", "appurl", "weburl", "apiurl", "endpoint", "apiendpoint"];

/// The output that the configuration names, else the one whose name says so; only web addresses.
pub fn of(outputs: &BTreeMap<String, BTreeMap<String, String>>, named: Option<&str>) -> Option<String> {
    let all = || outputs.values().flatten().filter(|(_, value)| is_web(value));
    if let Some(named) = named {
        return all().find(|(name, _)| name.as_str() == named).map(|(_, value)| value.clone());
    }
    // CDK adds a hash to outputs that constructs make by themselves: ApiEndpoint4F160690
    let bare = |name: &str| {
        let name = name.to_ascii_lowercase();
        let stem = name.len().checked_sub(8).and_then(|at| name.split_at_checked(at));
        match stem {
            Some((stem, hash)) if !stem.is_empty() && hash.chars().all(|c| c.is_ascii_hexdigit()) => stem.to_owned(),
            _ => name,
        }
    };
    let rank = |name: &str| {
        let name = bare(name);
        let exact = NAMES.iter().position(|known| *known == name);
        exact.or_else(|| {
            ((name.contains("url") || name.contains("endpoint")) && !name.contains("queue")).then_some(NAMES.len())
        })
    };
    let ranked = all().filter_map(|(name, value)| rank(name).map(|rank| (rank, name, value)));
    ranked.min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1))).map(|(_, _, value)| value.clone())
}

fn is_web(value: &str) -> bool {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace)) && value.len() <= 2_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(pairs: &[(&str, &str)]) -> BTreeMap<String, BTreeMap<String, String>> {
        let stack = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        BTreeMap::from([("stack".to_owned(), stack)])
    }

    #[test]
    fn the_named_output_wins_then_the_best_name() {
        let all = outputs(&[
            ("QueueUrl", "https://sqs.example/q"),
            ("ApiUrl", "https://api.example/"),
            ("SiteUrl", "https://site.example/"),
            ("BadUrl", "javascript:alert(1)"),
        ]);
        assert_eq!(of(&all, None).as_deref(), Some("https://site.example/"));
        assert_eq!(of(&all, Some("ApiUrl")).as_deref(), Some("https://api.example/"));
        assert_eq!(of(&all, Some("BadUrl")), None);
        assert_eq!(
            of(&outputs(&[("ApiEndpoint4F160690", "https://a.example")]), None).as_deref(),
            Some("https://a.example")
        );
        assert_eq!(of(&outputs(&[("Table", "https://a.example")]), None), None);
    }
}
