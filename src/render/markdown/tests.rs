//! Whole comments, and what must hold for every one of them.

use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::plan::{Change, OutputChange};
use crate::render::samples;
use crate::render::text::count;
use escape::length;

macro_rules! snapshot {
    ($name:ident, $text:expr, @$expected:literal) => {
        #[test]
        fn $name() {
            insta::assert_snapshot!($text, @$expected);
        }
    };
}

snapshot!(no_change, plan(&samples::nothing(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**Nothing to do: all 3 stacks are deployed as they are in this revision.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.
"#);
snapshot!(new_stacks, plan(&samples::create(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**2 stacks to create.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

**More access than before**

- `prod-notes-api`: 1 IAM permission

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
| 🌱 | `prod-notes-data` | create | +2 | the stack does not exist yet |
| 🔑 | `prod-notes-api` | create, **grants more** | +40 | the stack does not exist yet |

<details><summary>+ <code>prod-notes-data</code>: create (+2)</summary>

| | Resource | Type | |
|---|---|---|---|
| + | `Data/Jobs/Resource` | `AWS::SQS::Queue` | is added |
| + | `Data/Table/Resource` | `AWS::DynamoDB::Table` | is added |

</details>

<details><summary>+ <code>prod-notes-api</code>: create (+40), grants more: 1 IAM permission</summary>

This stack waits for what prod-notes-data will export; until then these changes are read from the templates.

| | Resource | Type | |
|---|---|---|---|
| + | `Api/Handler01/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler01/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler02/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler02/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler03/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler03/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler04/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler04/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler05/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler05/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler06/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler06/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler07/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler07/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler08/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler08/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler09/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler09/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler10/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler10/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler11/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler11/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler12/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler12/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler13/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler13/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler14/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler14/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler15/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler15/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler16/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler16/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler17/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler17/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler18/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler18/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler19/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler19/ServiceRole/Resource` | `AWS::IAM::Role` | is added |
| + | `Api/Handler20/Resource` | `AWS::Lambda::Function` | is added |
| + | `Api/Handler20/ServiceRole/Resource` | `AWS::IAM::Role` | is added |

**IAM**

| | Effect | Action | Resource | Principal | Condition | |
|---|---|---|---|---|---|---|
| **+** | `Allow` | `dynamodb:GetItem,dynamodb:PutItem` | `${Data.TableArn}` | `${Api/Handler01/ServiceRole}` |  | **grants more** |

**Outputs**

| Output | Before | After |
|---|---|---|
| `Url` |  | known after the deployment |

</details>

Plan `1a2b3c4d5e6f` is not deployed yet. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f`
"#);
snapshot!(an_update, plan_with(&samples::update(), COMMENT_CHARS, "/offshoot deploy prod"), @r#"
### `notes` → `prod`

**1 stack to update, 2 unchanged.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
|  | `prod-notes-api` | update | +1 ~2 | the template and 1 asset differ from what is deployed |

<details><summary>~ <code>prod-notes-api</code>: update (+1 ~2)</summary>

| | Resource | Type | |
|---|---|---|---|
| ~ | `Api/Create/Resource` | `AWS::Lambda::Function` | is modified |
| ~ | `Api/Flow/Resource` | `AWS::StepFunctions::StateMachine` | is modified |
| + | `Api/Create/LogGroup/Resource` | `AWS::Logs::LogGroup` | is added |

```diff
@@ Api/Create/Resource @@
- MemorySize: 128
+ MemorySize: 256
+ Timeout: 30
! Environment.Variables.LEVEL: "(redacted)", changed
@@ Api/Flow/Resource @@
  DefinitionString:
    … 5 lines as before
-         "Seconds": 5,
+         "Seconds": 60,
    … 7 lines as before
```

**Functions**

| Function | Handler | Runtime | Size | Sources | Environment |
|---|---|---|---|---|---|
| `Api/Create` | `index.handler` | `nodejs22.x` | 12.3 kB → 12.8 kB (+500 B) | 2 files | `LEVEL` |

**Outputs**

| Output | Before | After |
|---|---|---|
| `Url` | <https://old.execute-api.eu-west-1.amazonaws.com/> | <https://new.execute-api.eu-west-1.amazonaws.com/> |

</details>

Plan `1a2b3c4d5e6f` is not deployed yet. To deploy exactly this: `/offshoot deploy prod`
"#);
snapshot!(a_table_is_replaced, plan(&samples::replace_table(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 stack to update, 1 unchanged.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

> [!CAUTION]
> **This plan deletes data.**
>
> - ± `Data/Table/Resource` (`AWS::DynamoDB::Table`) in `prod-notes-data` is replaced because KeySchema changes: the old one is deleted with its data

**Replaced or removed**

- ± `Data/Stream/Resource` (`AWS::Lambda::EventSourceMapping`) in `prod-notes-data` may be replaced because EventSourceArn changes

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
| 🛑 | `prod-notes-data` | update, **deletes data** | ±2 | the template differs from what is deployed |

<details><summary>~ <code>prod-notes-data</code>: update (±2), deletes data</summary>

| | Resource | Type | |
|---|---|---|---|
| ± | `Data/Table/Resource` | `AWS::DynamoDB::Table` | **is replaced because KeySchema changes: the old one is deleted with its data** |
| ± | `Data/Stream/Resource` | `AWS::Lambda::EventSourceMapping` | may be replaced because EventSourceArn changes |

```diff
@@ Data/Table/Resource @@
- KeySchema: [{"AttributeName":"id","KeyType":"HASH"}]
+ KeySchema: [{"AttributeName":"owner","KeyType":"HASH"}] (replaces)
- BillingMode: "PROVISIONED"
+ BillingMode: "PAY_PER_REQUEST"
@@ Data/Stream/Resource @@
! EventSourceArn: "${Table.StreamArn}", changed (may replace)
```

</details>

Plan `1a2b3c4d5e6f` deletes data: read it again before you deploy it. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f`
"#);
snapshot!(buckets_are_removed, plan(&samples::remove_buckets(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 stack to update.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

> [!CAUTION]
> **This plan deletes data.**
>
> - − `Data/Cache/Resource` (`AWS::S3::Bucket`) in `prod-notes-data` is deleted with its data
> - − `Data/Database/Resource` (`AWS::RDS::DBInstance`) in `prod-notes-data` is deleted: only a snapshot of its data is kept

**Replaced or removed**

- − `Data/Uploads/Resource` (`AWS::S3::Bucket`) in `prod-notes-data` is taken out of the stack: it stays in the account with its data
- − `Data/Cache/Policy/Resource` (`AWS::S3::BucketPolicy`) in `prod-notes-data` is deleted

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
| 🛑 | `prod-notes-data` | update, **deletes data** | −4 | the template differs from what is deployed |

<details><summary>~ <code>prod-notes-data</code>: update (-4), deletes data</summary>

| | Resource | Type | |
|---|---|---|---|
| − | `Data/Cache/Resource` | `AWS::S3::Bucket` | **is deleted with its data** |
| − | `Data/Database/Resource` | `AWS::RDS::DBInstance` | **is deleted: only a snapshot of its data is kept** |
| − | `Data/Cache/Policy/Resource` | `AWS::S3::BucketPolicy` | is deleted |
| − | `Data/Uploads/Resource` | `AWS::S3::Bucket` | is taken out of the stack: it stays in the account with its data |

</details>

Plan `1a2b3c4d5e6f` deletes data: read it again before you deploy it. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f`
"#);
snapshot!(access_grows, plan(&samples::broadening(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 stack to update.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

**More access than before**

- `prod-notes-api`: 3 IAM permissions and 1 network rule

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
| 🔑 | `prod-notes-api` | update, **grants more** | ~1 | the template differs from what is deployed |

<details><summary>~ <code>prod-notes-api</code>: update (~1), grants more: 3 IAM permissions and 1 network rule</summary>

| | Resource | Type | |
|---|---|---|---|
| ~ | `Api/Create/ServiceRole/DefaultPolicy/Resource` | `AWS::IAM::Policy` | is modified |

```diff
@@ Api/Create/ServiceRole/DefaultPolicy/Resource @@
  PolicyDocument:
    … 3 lines as before
-         "Action": "dynamodb:GetItem",
-         "Effect": "Allow",
-         "Resource": "${Data.TableArn}"
+         "Action": "dynamodb:*",
+         "Effect": "Allow",
+         "Resource": "*"
    … 3 lines as before
```

**IAM**

| | Effect | Action | Resource | Principal | Condition | |
|---|---|---|---|---|---|---|
| **+** | `Allow` | `dynamodb:*` | `*` | `${Api/Create/ServiceRole}` |  | **grants more** |
| **+** | managed policy | `arn:aws:iam::aws:policy/AdministratorAccess` | `${Api/Create/ServiceRole}` |  |  | **grants more** |
| **+** | `Allow` | `lambda:InvokeFunction` | `${Api/Create}` | `Service:apigateway.amazonaws.com` | `"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:eu-west-1:111111111111:abc/*"}` | **grants more** |
| − | `Allow` | `dynamodb:GetItem` | `${Data.TableArn}` | `${Api/Create/ServiceRole}` |  |  |

**Network**

| | Group | Direction | Protocol | Peer | |
|---|---|---|---|---|---|
| **+** | `WebGroup` | `in` | `TCP 22` | `0.0.0.0/0` | **grants more** |
| − | `WebGroup` | `out` | `all traffic` | `10.0.0.0/8` |  |

</details>

Plan `1a2b3c4d5e6f` is not deployed yet. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f`
"#);
snapshot!(nested_stacks, plan(&samples::nested(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 stack to update.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
|  | `prod-notes-api` | update | +1 ~2 | a nested stack's template differs from what is deployed |

<details><summary>~ <code>prod-notes-api</code>: update (+1 ~2)</summary>

| | Resource | Type | |
|---|---|---|---|
| ~ | `Api/Routes.NestedStack/Routes.NestedStackResource` | `AWS::CloudFormation::Stack` | is modified |
| ~ | `Api/Routes/Get/Resource` in nested stack `Routes` | `AWS::Lambda::Function` | is modified |
| + | `Api/Routes/Admin/Get/Permission` in nested stack `Routes / Admin` | `AWS::Lambda::Permission` | is added |

```diff
@@ Api/Routes.NestedStack/Routes.NestedStackResource @@
- TemplateURL: "https://bucket/old.json"
+ TemplateURL: "https://bucket/new.json"
@@ Api/Routes/Get/Resource @@
- MemorySize: 128
+ MemorySize: 256
```

</details>

Plan `1a2b3c4d5e6f` is not deployed yet. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f`
"#);
snapshot!(hostile_names, plan(&samples::hostile(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 stack to update.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

> [!CAUTION]
> **This plan deletes data.**
>
> - ± <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> (`AWS::DynamoDB::Table`) in <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> is replaced because a\`&#124;&lt;/summary&gt;&lt;/details&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\n\#&#8203;\#&#8203; @&#8203;octocat \#&#8203;1\\u{202e}\\u{200b}\\u{1b}\[31m\[x\](javascript:1) changes: the old one is deleted with its data

**More access than before**

- <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code>: 1 IAM permission

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
| 🛑 | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> in `111111111111`, <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> | update, **deletes data** | ±1 | a\`&#124;&lt;/summary&gt;&lt;/details&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\n\#&#8203;\#&#8203; @&#8203;octocat \#&#8203;1\\u{202e}\\u{200b}\\u{1b}\[31m\[x\](javascript:1) |

<details><summary>~ <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code>: update (±1), deletes data, grants more: 1 IAM permission</summary>

In the app: <code>xa&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code>

| | Resource | Type | |
|---|---|---|---|
| ± | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> in nested stack <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> | `AWS::DynamoDB::Table` | **is replaced because a\`&#124;&lt;/summary&gt;&lt;/details&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\n\#&#8203;\#&#8203; @&#8203;octocat \#&#8203;1\\u{202e}\\u{200b}\\u{1b}\[31m\[x\](javascript:1) changes: the old one is deleted with its data** |

`````diff
@@ a`|</summary></details><script>alert(1)</script>\n## @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1) @@
  a`|</summary></details><script>alert(1)</script>\n## @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1): (replaces)
-   a`|</summary></details><script>alert(1)</script>
-   ## @octocat #1\u{202e}\u{200b}\u{1b}[31m[x](javascript:1)
+   ```
+   ````
+   </details>
- Text: "a\nb\n```diff\n</details>"
+ Text: "a\nc\n@octocat"
`````

**IAM**

| | Effect | Action | Resource | Principal | Condition | |
|---|---|---|---|---|---|---|
| **+** | `Allow` | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> |  | **grants more** |

**Functions**

| Function | Handler | Runtime | Size | Sources | Environment |
|---|---|---|---|---|---|
| <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> |  |  |  | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> |

**Outputs**

| Output | Before | After |
|---|---|---|
| <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> | <https://ok.example/a> | <code>a&#96;&#124;&#60;/summary&#62;&#60;/details&#62;&#60;script&#62;alert(1)&#60;/script&#62;&#92;n&#35;&#35; &#64;octocat &#35;1&#92;u&#123;202e&#125;&#92;u&#123;200b&#125;&#92;u&#123;1b&#125;&#91;31m&#91;x&#93;(javascript:1)</code> |

</details>

**Notes**

- a\`&#124;&lt;/summary&gt;&lt;/details&gt;&lt;script&gt;alert(1)&lt;/script&gt;\\n\#&#8203;\#&#8203; @&#8203;octocat \#&#8203;1\\u{202e}\\u{200b}\\u{1b}\[31m\[x\](javascript:1)

Plan `1a2b3c4d5e6f` deletes data: read it again before you deploy it. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f`
"#);
snapshot!(a_stack_is_deleted, plan(&samples::delete(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 stack to delete, 1 unchanged.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

> [!CAUTION]
> **This plan deletes data and 1 stack.**
>
> - stack `prod-notes-legacy` is deleted with 2 resources; 1 resource stays in the account without a stack
> - − `Legacy/Table/Resource` (`AWS::DynamoDB::Table`) in `prod-notes-legacy` is deleted with its data

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
| 🛑 | `prod-notes-legacy` | delete, **deletes data** | −3 | the app no longer has this stack |

<details><summary>- <code>prod-notes-legacy</code>: delete (-3), deletes data</summary>

| | Resource | Type | |
|---|---|---|---|
| − | `Legacy/Table/Resource` | `AWS::DynamoDB::Table` | **is deleted with its data** |
| − | `Legacy/Archive/Resource` | `AWS::S3::Bucket` | is taken out of the stack: it stays in the account with its data |
| − | `Legacy/Handler/Resource` | `AWS::Lambda::Function` | is deleted |

</details>

Plan `1a2b3c4d5e6f` deletes data and 1 stack: read it again before you deploy it. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f --prune`
"#);
snapshot!(a_dirty_tree_and_secrets, plan(&samples::dirty(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 stack to update.** Revision `9f8e7d6c` with uncommitted changes, account `111111111111`, `eu-west-1`.

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
|  | `prod-notes-edge` in `111111111111`, `us-east-1` | update | ~1 ←1 | the parameters differ from what is deployed |

<details><summary>~ <code>prod-notes-edge</code>: update (~1 ←1)</summary>

In the app: `Prod/Edge`

| | Resource | Type | |
|---|---|---|---|
| ~ | `Edge/Token/Resource` | `AWS::SecretsManager::Secret` | is modified |
| ← | `Edge/Assets/Resource` | `AWS::S3::Bucket` | is imported |

```diff
@@ Edge/Token/Resource @@
- SecretString: "(secret)"
+ SecretString: "(another secret)"
```

</details>

**Notes**

- the work tree has changes that are not committed: 3 files
- Api/Python was bundled by the app itself, because its command hooks cannot be taken out of the synth

Plan `1a2b3c4d5e6f` is not deployed yet. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f --dirty`
"#);
snapshot!(three_hundred_stacks_in_4000_characters, plan(&samples::many(), 4_000), @r#"
### `notes` → `prod`

**273 stacks to update, 27 unchanged.** Revision `9f8e7d6c`, account `111111111111`, `eu-west-1`.

> [!CAUTION]
> **This plan deletes data.**
>
> - ± `Data/Table/Resource` (`AWS::DynamoDB::Table`) in `prod-tenant-017` is replaced because KeySchema changes: the old one is deleted with its data

**Replaced or removed**

- ± `Data/Stream/Resource` (`AWS::Lambda::EventSourceMapping`) in `prod-tenant-017` may be replaced because EventSourceArn changes

**More access than before**

- `prod-tenant-042`: 3 IAM permissions and 1 network rule

| | Stack | Action | Resources | Why |
|---|---|---|---|---|
|  | `prod-tenant-000` | update | ~1 | 1 asset differs from what is deployed |
|  | `prod-tenant-001` | update | ~1 | 1 asset differs from what is deployed |
|  | `prod-tenant-002` | update | ~1 | 1 asset differs from what is deployed |
|  | `prod-tenant-003` | update | ~1 | 1 asset differs from what is deployed |
|  | `prod-tenant-004` | update | ~1 | 1 asset differs from what is deployed |
|  | `prod-tenant-006` | update | ~1 | 1 asset differs from what is deployed |
|  | `prod-tenant-007` | update | ~1 | 1 asset differs from what is deployed |
| 🛑 | `prod-tenant-017` | update, **deletes data** | ±2 | the template differs from what is deployed |
| 🔑 | `prod-tenant-042` | update, **grants more** | ~1 | the template differs from what is deployed |

<details><summary>~ <code>prod-tenant-017</code>: update (±2), deletes data</summary>

In the app: `prod-notes-data`

| | Resource | Type | |
|---|---|---|---|
| ± | `Data/Table/Resource` | `AWS::DynamoDB::Table` | **is replaced because KeySchema changes: the old one is deleted with its data** |
| ± | `Data/Stream/Resource` | `AWS::Lambda::EventSourceMapping` | may be replaced because EventSourceArn changes |

```diff
@@ Data/Table/Resource @@
- KeySchema: [{"AttributeName":"id","KeyType":"HASH"}]
+ KeySchema: [{"AttributeName":"owner","KeyType":"HASH"}] (replaces)
- BillingMode: "PROVISIONED"
+ BillingMode: "PAY_PER_REQUEST"
@@ Data/Stream/Resource @@
! EventSourceArn: "${Table.StreamArn}", changed (may replace)
```

</details>

<details><summary>~ <code>prod-tenant-042</code>: update (~1), grants more: 3 IAM permissions and 1 network rule</summary>

In the app: `prod-notes-api`

| | Resource | Type | |
|---|---|---|---|
| ~ | `Api/Create/ServiceRole/DefaultPolicy/Resource` | `AWS::IAM::Policy` | is modified |

**IAM**

| | Effect | Action | Resource | Principal | Condition | |
|---|---|---|---|---|---|---|
| **+** | `Allow` | `dynamodb:*` | `*` | `${Api/Create/ServiceRole}` |  | **grants more** |
| **+** | managed policy | `arn:aws:iam::aws:policy/AdministratorAccess` | `${Api/Create/ServiceRole}` |  |  | **grants more** |
| **+** | `Allow` | `lambda:InvokeFunction` | `${Api/Create}` | `Service:apigateway.amazonaws.com` | `"ArnLike": {"AWS:SourceArn": "arn:aws:execute-api:eu-west-1:111111111111:abc/*"}` | **grants more** |
| − | `Allow` | `dynamodb:GetItem` | `${Data.TableArn}` | `${Api/Create/ServiceRole}` |  |  |

**Network**

| | Group | Direction | Protocol | Peer | |
|---|---|---|---|---|---|
| **+** | `WebGroup` | `in` | `TCP 22` | `0.0.0.0/0` | **grants more** |
| − | `WebGroup` | `out` | `all traffic` | `10.0.0.0/8` |  |

</details>

**Shortened to fit.** Left out: 264 stacks of the table, 271 stacks in detail, 271 resources and 272 changed properties. The whole plan: `offshoot show 1a2b3c4d5e6f`

Plan `1a2b3c4d5e6f` deletes data: read it again before you deploy it. To deploy exactly this: `offshoot deploy --plan 1a2b3c4d5e6f`
"#);
snapshot!(hardly_any_room, plan(&samples::replace_table(), 200), @"1 stack to update, 1 unchanged. The plan deletes data. Too long for this place; read it with `offshoot show 1a2b3c4d5e6f`");
snapshot!(a_deployment, applied(&samples::applied(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**2 stacks deployed in 57 s, 1 unchanged, plan 1a2b3c4d5e6f.** Revision `9f8e7d6c`.

| | Stack | Result | Time | |
|---|---|---|---|---|
| ✅ | `prod-notes-data` | created | 31 s |  |
| ✅ | `prod-notes-api` | updated | 26 s |  |

| Stack | Output | Value |
|---|---|---|
| `prod-notes-data` | `TableName` | `prod-notes-data-Table-1ABC` |
| `prod-notes-api` | `Url` | <https://abc.execute-api.eu-west-1.amazonaws.com/> |
"#);
snapshot!(a_failed_deployment, applied(&samples::failed(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**1 of 3 stacks deployed in 57 s, 1 failed, 1 skipped, plan 1a2b3c4d5e6f.** Revision `9f8e7d6c`.

**`prod-notes-api` failed at `Api/Create/Resource` (`AWS::Lambda::Function`)**

```
Resource handler returned message: "The role defined for the function cannot be assumed by Lambda. (Service: Lambda, Status Code: 400)" (HandlerErrorCode: InvalidRequest)
```

State: rolled back: the stack runs what it ran before

Next: let lambda.amazonaws.com assume the role of Api/Create, then: `offshoot deploy`

| | Stack | Result | Time | |
|---|---|---|---|---|
| ✅ | `prod-notes-data` | created | 31 s |  |
| ❌ | `prod-notes-api` | failed | 44 s | UPDATE\_ROLLBACK\_COMPLETE |
| ⏭️ | `prod-notes-web` | skipped |  | because prod-notes-api failed |

| Stack | Output | Value |
|---|---|---|
| `prod-notes-data` | `TableName` | `prod-notes-data-Table-1ABC` |
"#);
snapshot!(a_rollback_that_failed, applied(&samples::rollback_failed(), COMMENT_CHARS), @r#"
### `notes` → `prod`

**0 of 2 stacks deployed in 57 s, 1 failed, 1 still running, plan 1a2b3c4d5e6f.** Revision `9f8e7d6c`.

**`prod-notes-api` failed at `Queue` (`AWS::SQS::Queue`)**

```
Access denied
    for sqs:SetQueueAttributes
```

State: half rolled back: CloudFormation could not restore Queue and takes no update until it can

Next: give the execution role sqs:SetQueueAttributes, then: `offshoot deploy --resume`

| | Stack | Result | Time | |
|---|---|---|---|---|
| ❌ | `prod-notes-api` | failed | 5 m 12 s | UPDATE\_ROLLBACK\_FAILED |
| ⏳ | `prod-notes-web` | running | 5 m 00 s | UPDATE\_IN\_PROGRESS; AWS goes on with it |

**Notes**

- stopped waiting after a second Ctrl-C
"#);

#[test]
fn an_error_before_the_deployment() {
    let error = Error::refused(
        "lock.held",
        "locking stage prod",
        "another run holds the lock since 14:03:\nrun 12 of <acme/notes>",
    )
    .at("offshoot.yml", 3, 5)
    .next("wait for it, or run: offshoot unlock --stage prod");
    insta::assert_snapshot!(failure(&error, COMMENT_CHARS), @r#"
    ### Stopped while locking stage prod

    ```
    another run holds the lock since 14:03:
    run 12 of <acme/notes>
    ```

    At `offshoot.yml:3:5`

    Next: wait for it, or run: `offshoot unlock --stage prod`
    "#);
}

/// The text without fenced blocks, as GitHub reads it.
fn unfenced(text: &str) -> String {
    let mut fence: Option<usize> = None;
    let mut out = String::new();
    for line in text.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            Some(open) if ticks >= open && line.chars().all(|c| c == '`') => fence = None,
            Some(_) => {}
            None => out.push_str(&format!("{line}\n")),
        }
    }
    assert!(fence.is_none(), "a fence is never closed: {text}");
    out
}

/// Holds for whatever we write: within the limit, `<details>` balanced and never nested, no HTML but ours, nobody mentioned.
fn sound(text: &str, limit: usize) {
    assert!(length(text) <= limit, "{} > {limit}", length(text));
    let text = unfenced(text);
    let (open, close) = (text.matches("<details>").count(), text.matches("</details>").count());
    assert_eq!(open, close, "{text}");
    assert_eq!(open, text.matches("<summary>").count(), "{text}");
    assert_eq!(open, text.matches("</summary>").count(), "{text}");
    assert_eq!(text.matches("<code>").count(), text.matches("</code>").count(), "{text}");
    assert!(
        !text.contains("<script")
            && !text.contains('\u{202e}')
            && !text.contains('\u{200b}')
            && !text.contains('\u{1b}'),
        "{text}"
    );
}

#[test]
fn every_sample_is_sound_at_every_limit() {
    for (name, sample) in samples::plans() {
        for limit in [0, 1, 50, 200, 600, 1_000, 2_000, 5_000, 20_000, COMMENT_CHARS] {
            let text = plan(&sample, limit);
            if limit >= 600 {
                sound(&text, limit);
            }
            assert!(length(&text) <= limit, "{name} at {limit}");
        }
    }
}

#[test]
fn what_is_left_out_is_counted_exactly() {
    let many = samples::many();
    let text = plan(&many, 20_000);
    let rows = text.lines().filter(|l| l.contains("| update")).count();
    let details = text.matches("<details>").count();
    let changed = facts::changed(&many).len();
    if rows < changed {
        assert!(text.contains(&format!("{} of the table", count(changed - rows, "stack"))), "{text}");
    }
    assert!(text.contains(&format!("{} in detail", count(changed - details, "stack"))), "{text}");
    assert!(plan(&many, 1_000_000).find("Shortened").is_none());
}

#[test]
fn a_named_table_that_is_lost_is_never_cut_before_anything_else() {
    let text = plan(&samples::many(), 2_000);
    assert!(text.contains("`Data/Table/Resource`") && text.contains("deletes data"), "{text}");
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let word = prop_oneof![
        Just("prod-api".to_owned()),
        ".{0,60}",
        "[`|<>@#/*_\\\\\n$~!\\[\\]()details]{0,80}",
        Just("</details><summary>```".to_owned())
    ];
    let change = (word.clone(), word.clone(), 0..5usize, word.clone(), word.clone()).prop_map(
        |(path, kind, action, before, after)| {
            let action = [
                crate::plan::Action::Add,
                crate::plan::Action::Modify,
                crate::plan::Action::Replace,
                crate::plan::Action::Remove,
                crate::plan::Action::Import,
            ][action];
            let mut change: Change = samples::change(action, &kind, &path);
            change.holds_data = path.len() % 2 == 0;
            change.properties =
                vec![samples::property(&path, before.into(), after.into(), crate::plan::Recreate::Always)];
            change
        },
    );
    let stack = (word.clone(), word.clone(), 0..4usize, prop::collection::vec(change, 0..6)).prop_map(
        |(name, why, action, changes)| {
            let action = [StackAction::Create, StackAction::Update, StackAction::Delete, StackAction::None][action];
            let mut stack = samples::stack(&name, action, &why);
            stack.outputs = vec![OutputChange { name: why.clone(), before: None, after: Some(name.clone().into()) }];
            stack.waits_for = vec![why];
            stack.changes = changes;
            stack
        },
    );
    (prop::collection::vec(stack, 0..8), prop::collection::vec(word, 0..4)).prop_map(|(stacks, notes)| {
        let mut plan = samples::plan(stacks);
        plan.notes = notes;
        plan
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_breaks_out_of_its_comment(sample in any_plan(), limit in 600..30_000usize) {
        sound(&plan(&sample, limit), limit);
    }

    #[test]
    fn no_plan_is_over_any_limit(sample in any_plan(), limit in 0..2_000usize) {
        prop_assert!(length(&plan(&sample, limit)) <= limit);
    }

    #[test]
    fn the_terminal_shows_no_hidden_characters(sample in any_plan(), width in 0..200usize) {
        let text = crate::render::terminal::plan(&sample, crate::render::Style { width, ..samples::WIDE });
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn no_result_is_over_any_limit(name in ".{0,60}", reason in "(.|\n){0,400}", limit in 0..3_000usize) {
        let mut result = samples::failed();
        result.stacks[1].name = name;
        result.stacks[1].failure.as_mut().unwrap().reason = reason.clone();
        let text = applied(&result, limit);
        prop_assert!(length(&text) <= limit);
        unfenced(&text);
        prop_assert!(length(&failure(&Error::failed("x", "doing", reason), limit)) <= limit);
    }
}
