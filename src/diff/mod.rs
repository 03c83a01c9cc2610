//! What a deployment would do: template differences, replacement risk, IAM and network broadening, told without AWS.

mod change_set;
mod changes;
mod code;
mod data;
mod functions;
mod iam;
mod intrinsics;
mod limits;
mod network;
mod outputs;
mod parse;
mod policy;
mod properties;
mod redact;
mod replace;
mod settle;
mod template;

pub use change_set::{SetChange, SetDetail, classify, classify_with};
pub use changes::{changes, changes_with};
pub use code::{INLINE_TEMPLATE_BYTES, function_code, functions_with_asset, more_than_code};
pub use data::holds_data;
pub use functions::{functions, only_code};
pub use iam::iam;
pub use intrinsics::readable;
pub use limits::check;
pub use network::network;
pub use outputs::{exported, imported, output_names, outputs, outputs_read, outputs_with};
pub use parse::parse_template;
pub use redact::{Secrets, no_echo, redact, redact_parameters};
pub use replace::recreate;
pub use template::same;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    /// Any JSON, with CloudFormation's words among its keys.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-zA-Zé?.$%{}:/]{0,12}".prop_map(Value::from),
            Just(json!("${X.Arn}")),
            Just(json!({"Ref": "X"})),
            Just(json!({"Fn::GetAtt": ["X", "Arn"]})),
        ];
        let key = prop_oneof![
            "[A-Za-z.é]{0,6}",
            prop::sample::select(vec![
                "Ref",
                "Fn::GetAtt",
                "Fn::Sub",
                "Fn::Join",
                "Fn::If",
                "Fn::Select",
                "Fn::FindInMap",
                "Properties",
                "Type",
                "Statement",
                "Action",
                "Principal",
                "Environment",
                "Variables",
                "Key",
                "Value",
                "Name",
                "Tags",
                "KeySchema",
                "Condition",
                "Metadata",
            ])
            .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(5, 48, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    fn any_template() -> impl Strategy<Value = Value> {
        let kind = prop::sample::select(vec![
            "AWS::DynamoDB::Table",
            "AWS::Lambda::Function",
            "AWS::IAM::Role",
            "AWS::IAM::Policy",
            "AWS::S3::BucketPolicy",
            "AWS::EC2::SecurityGroup",
            "AWS::EC2::SecurityGroupIngress",
            "AWS::Lambda::Permission",
            "AWS::SSO::PermissionSet",
        ]);
        let properties = prop::collection::btree_map(
            prop::sample::select(vec![
                "PolicyDocument",
                "Policies",
                "AssumeRolePolicyDocument",
                "KeySchema",
                "Tags",
                "Environment",
                "SecurityGroupIngress",
                "ManagedPolicyArns",
                "Code",
            ]),
            any_json(),
            0..4,
        );
        let resource = prop_oneof![
            8 => (kind, properties, any_json()).prop_map(|(kind, properties, other)| json!({"Type": kind, "Properties": properties, "DependsOn": other})),
            1 => any_json(),
        ];
        let resources =
            prop::collection::btree_map(prop::sample::select(vec!["X", "Y", "Z", "Fn::ForEach::A"]), resource, 0..4);
        (resources, any_json(), any_json(), any_json()).prop_map(|(resources, outputs, parameters, conditions)| {
            json!({"Resources": resources, "Outputs": {"O": outputs}, "Parameters": {"P": parameters}, "Conditions": conditions})
        })
    }

    fn any_set() -> impl Strategy<Value = Vec<SetChange>> {
        let word = |words: &[&'static str]| prop::sample::select(words.to_vec()).prop_map(str::to_owned);
        let detail = (
            word(&["Static", "Dynamic", ""]),
            word(&["Always", "Never", "Conditionally", ""]),
            "[/A-Za-z0-9~.]{0,24}",
            any_json(),
        )
            .prop_map(|(evaluation, recreation, path, value)| SetDetail {
                evaluation,
                recreation,
                path,
                after: Some(value.to_string()),
                ..SetDetail::default()
            });
        let change = (
            word(&["Add", "Modify", "Remove", "Dynamic", "odd"]),
            word(&["X", "Y", "W"]),
            word(&["True", "False", "Conditional", ""]),
            prop::collection::vec(detail, 0..4),
            any_json(),
        );
        let change = change.prop_map(|(action, logical_id, replacement, details, context)| SetChange {
            action,
            logical_id,
            replacement,
            details,
            before_context: context.to_string(),
            after_context: json!({"Properties": context}).to_string(),
            ..SetChange::default()
        });
        prop::collection::vec(change, 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn a_template_is_the_same_as_itself(template in any_template()) {
            prop_assert!(same(&template, &template));
            prop_assert_eq!(changes(Some(&template), Some(&template), &|_| None), vec![]);
            prop_assert_eq!(iam(Some(&template), Some(&template)), vec![]);
            prop_assert_eq!(network(Some(&template), Some(&template)), vec![]);
            prop_assert_eq!(outputs(Some(&template), Some(&template)), vec![]);
            prop_assert_eq!(functions(Some(&template), Some(&template), &|_| None), vec![]);
        }

        #[test]
        fn nothing_panics_on_any_two_templates(old in any_template(), new in any_template(), set in any_set()) {
            let _ = changes(Some(&old), Some(&new), &|_| None);
            let _ = classify(&set, Some(&old), Some(&new), &|_| None, &[]);
            let _ = (iam(Some(&old), Some(&new)), network(Some(&old), Some(&new)), functions(Some(&old), Some(&new), &|_| None));
            let _ = (outputs(Some(&old), Some(&new)), imported(&new), exported(&new), no_echo(&new));
        }

        #[test]
        fn what_is_printed_as_json_is_read_back(template in any_template()) {
            prop_assert_eq!(parse_template(&template.to_string()).unwrap(), template);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z!&*|>{}\\[\\]:,\\-\n \"'#?%@.0-9]{0,80}") {
            let _ = parse_template(&text);
        }

        #[test]
        fn any_json_is_no_template_but_no_panic(old in any_json(), new in any_json()) {
            let _ = changes(Some(&old), Some(&new), &|_| None);
            let _ = (iam(Some(&old), Some(&new)), network(Some(&old), Some(&new)), readable(&new));
            let _ = (redact(&new, "Properties.Environment", "T"), same(&old, &new));
        }
    }
}
