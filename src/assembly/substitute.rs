//! Fills the placeholders of an assembly (`${AWS::AccountId}` and its kin) and turns S3 addresses into template URLs.

/// Replaces `${AWS::AccountId}`, `${AWS::Region}` and `${AWS::Partition}`.
pub fn substitute(text: &str, account: &str, region: &str, partition: &str) -> String {
    if !text.contains("${AWS::") {
        return text.to_owned();
    }
    text.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region).replace("${AWS::Partition}", partition)
}

/// The partition that a region belongs to; for the time before the caller's ARN is known.
pub fn partition_of(region: &str) -> &'static str {
    match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        r if r.starts_with("us-iso-") => "aws-iso",
        r if r.starts_with("us-isob-") => "aws-iso-b",
        _ => "aws",
    }
}

/// `s3://bucket/key` as the `https://` address (path style) that CloudFormation wants; other addresses stay as they are.
pub fn template_https_url(s3_url: &str, region: &str) -> String {
    let Some(rest) = s3_url.strip_prefix("s3://") else {
        return s3_url.to_owned();
    };
    let suffix = match partition_of(region) {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        _ => "amazonaws.com",
    };
    format!("https://s3.{region}.{suffix}/{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let role = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/x-${AWS::Region}-${Other}";
        assert_eq!(
            substitute(role, "111111111111", "eu-west-1", "aws"),
            "arn:aws:iam::111111111111:role/x-eu-west-1-${Other}"
        );
    }

    #[test]
    fn s3_addresses_become_path_style_urls() {
        assert_eq!(template_https_url("s3://b/k.json", "eu-west-1"), "https://s3.eu-west-1.amazonaws.com/b/k.json");
        assert_eq!(
            template_https_url("s3://b/k.json", "cn-north-1"),
            "https://s3.cn-north-1.amazonaws.com.cn/b/k.json"
        );
        assert_eq!(template_https_url("https://x/y", "eu-west-1"), "https://x/y");
    }
}
