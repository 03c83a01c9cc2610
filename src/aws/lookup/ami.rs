//! `ami`: the id of the newest machine image that matches.

use serde_json::Value;

use super::ask::{Ask, field};
use crate::aws::call::Params;
use crate::aws::xml;
use crate::error::Result;

pub(super) async fn look_up(ask: &Ask) -> Result<Value> {
    let mut params = Params::default();
    params.list("Owner", texts(ask.props.get("owners")));
    for (name, values) in ask.props.get("filters").and_then(Value::as_object).into_iter().flatten() {
        params.filter(name, texts(Some(values)));
    }
    let images = ask.ec2("DescribeImages", params, "imagesSet").await?;
    newest(&images).ok_or_else(|| ask.not_found("No AMI found that matched the search criteria"))
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Of two images of the same moment the first, as a stable sort would have it.
fn newest(images: &[Value]) -> Option<Value> {
    let created = |image: &Value| {
        xml::text(image, "creationDate").and_then(|d| d.parse::<jiff::Timestamp>().ok()).unwrap_or_default()
    };
    let with_id = images.iter().filter(|i| xml::text(i, "imageId").is_some());
    let newest = with_id.rev().max_by_key(|i| created(i))?;
    field(newest, "imageId")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::ask::sample;
    use super::*;
    use crate::aws::fixture::{Fake, reply};

    #[tokio::test]
    async fn the_newest_of_all_pages_is_taken() {
        let page = |items: &str, next: &str| {
            reply(
                200,
                &format!(
                    "<DescribeImagesResponse><requestId>r</requestId><imagesSet>{items}</imagesSet>{next}</DescribeImagesResponse>"
                ),
            )
        };
        let image =
            |id: &str, date: &str| format!("<item><imageId>{id}</imageId><creationDate>{date}</creationDate></item>");
        let first = image("ami-1", "2024-05-01T10:00:00.000Z") + &image("ami-2", "2024-07-01T10:00:00.000Z");
        let second = image("ami-3", "2024-07-01T10:00:00.000Z") + "<item><imageId>ami-4</imageId></item>";
        let fake = Fake::start([page(&first, "<nextToken>t</nextToken>"), page(&second, ""), page("", "")]).await;
        let ask = sample(
            fake.session(),
            json!({"owners": ["amazon"], "filters": {"name": ["al2023-*"], "state": ["available"]}}),
        );
        assert_eq!(look_up(&ask).await.unwrap(), json!("ami-2"));
        let asked = fake.asked();
        assert!(asked[0].ends_with(
            "&Owner.1=amazon&Filter.1.Name=name&Filter.1.Value.1=al2023-%2A&Filter.2.Name=state&Filter.2.Value.1=available"
        ));
        assert!(asked[1].ends_with("&NextToken=t"));
        assert_eq!(look_up(&ask).await.unwrap_err().what(), "No AMI found that matched the search criteria");
    }
}
