//! Tells the forge: the sticky comment, the checks and the deployments, made from the cards of all stages.

mod check;
mod comment;
mod deployment;
mod stand_in;

#[cfg(test)]
mod samples;

pub use check::check;
pub use comment::{comment, trouble};
pub use deployment::{deployment, retired};

/// The first `most` characters; what was cut off shows as `…`.
fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// An address that the forge takes: anything but http and https it refuses, and with it everything that came along.
fn web(url: Option<&str>) -> Option<String> {
    url.filter(|u| u.starts_with("https://") || u.starts_with("http://")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_handed_on() {
        assert_eq!(web(Some("https://notes.example/?a=1")).as_deref(), Some("https://notes.example/?a=1"));
        assert_eq!(web(Some("http://localhost:3000")).as_deref(), Some("http://localhost:3000"));
        assert_eq!(web(Some("arn:aws:apigateway:eu-west-1::/apis/x")), None);
        assert_eq!(web(Some("javascript:alert(1)")), None);
        assert_eq!(web(None), None);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(clip("länger", 6), "länger");
        assert_eq!(clip("länger", 4), "län…");
    }
}
