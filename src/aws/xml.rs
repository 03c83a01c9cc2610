//! XML answers as plain values, so that they are read like JSON ones.

use std::collections::HashSet;

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

/// Answers are nested a dozen deep at most; more is not from AWS.
const DEPTH_MOST: usize = 64;
/// What AWS calls the entries of a list: EC2, load balancing, Route 53.
const ENTRIES: [&str; 4] = ["item", "member", "HostedZone", "VPC"];

/// The root element's content. An element with entries only is a list, one with other elements an object,
/// everything else a text; an empty element is the empty text, whatever it was meant to be.
pub(super) fn value(text: &str) -> Result<Value, String> {
    let document = Document::parse(text).map_err(|e| e.to_string())?;
    let root = document.root_element();
    if ["html", "HTML"].contains(&root.tag_name().name()) {
        return Err("it is an HTML page".to_owned());
    }
    element(root, 0)
}

fn element(node: Node<'_, '_>, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MOST {
        return Err("it is nested too deep".to_owned());
    }
    let children: Vec<Node<'_, '_>> = node.children().filter(Node::is_element).collect();
    if children.is_empty() {
        return Ok(Value::String(node.text().unwrap_or_default().to_owned()));
    }
    let names: HashSet<&str> = children.iter().map(|c| c.tag_name().name()).collect();
    if names.len() == 1 && names.iter().all(|n| ENTRIES.contains(n)) {
        return children.into_iter().map(|c| element(c, depth + 1)).collect();
    }
    let mut object = Map::new();
    for child in children {
        object.insert(child.tag_name().name().to_owned(), element(child, depth + 1)?);
    }
    Ok(Value::Object(object))
}

/// The entries of the list `name`; none where it is absent or empty.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The text called `name`.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_objects_and_texts_are_told_apart() {
        let read = value(
            "<R xmlns='u'><set><item><a>1</a><b/></item><item>x</item></set><tagSet/><one><item>y</item></one></R>",
        )
        .unwrap();
        assert_eq!(read, json!({"set": [{"a": "1", "b": ""}, "x"], "tagSet": "", "one": ["y"]}));
        assert_eq!(list(&read, "set").len(), 2);
        assert!(list(&read, "tagSet").is_empty() && list(&read, "none").is_empty());
        assert_eq!((text(&read, "tagSet"), text(&read, "one")), (Some(""), None));
        let deep = format!("{}{}", "<a>".repeat(80), "</a>".repeat(80));
        assert!(value(&deep).is_err() && value("<html/>").is_err() && value("no").is_err());
    }
}
