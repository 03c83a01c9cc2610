//! Tells the forge: the sticky comment, the checks and the deployments, made from the cards of all stages.

mod check;
mod comment;
mod deployment;

#[cfg(test)]
mod samples;

pub use check::check;
pub use comment::{comment, trouble};
pub use deployment::{deployment, retired};

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
}
