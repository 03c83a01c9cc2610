//! Where a stage's small objects live in the account's bucket: state, stored plans, claims on stacks.

mod assemblies;
mod pulls;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use serde::de::DeserializeOwned;

use super::{Session, errors};
use crate::error::{Error, Result};
use crate::plan::state::StageState;
use crate::plan::stored::StoredPlan;

/// Plans and cards of one stage that are looked through at most.
const MANY: usize = 500;

/// What S3 calls a version of an object's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(pub String);

/// When a write counts.
#[derive(Clone, Copy, Debug)]
pub enum Only<'a> {
    Always,
    /// Nobody has written the object yet.
    IfAbsent,
    /// Nobody has written since we read it.
    IfUnchanged(&'a ETag),
}

/// How a conditional write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Done(ETag),
    /// Somebody else was first.
    Lost,
}

/// The folder of one app's stages in one account's bucket.
#[derive(Clone)]
pub struct Home {
    session: Session,
    bucket: String,
    folder: String,
}

impl Home {
    /// `repository` and `app` become `offshoot/<repository>/<app>/`.
    pub fn new(session: Session, bucket: impl Into<String>, repository: &str, app: &str) -> Self {
        let safe = |s: &str| {
            s.chars().map(|c| if c.is_ascii_alphanumeric() || "._-/".contains(c) { c } else { '_' }).collect::<String>()
        };
        Home { session, bucket: bucket.into(), folder: format!("offshoot/{}/{}/", safe(repository), safe(app)) }
    }

    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Who must own the bucket: state and plans from somebody else's bucket of that name would be instructions of theirs.
    fn owner_account(&self) -> &str {
        self.session.account.as_str()
    }

    /// The stage's state, with the tag under which it was read. A bucket that does not exist holds no state.
    pub async fn state(&self, stage: &str) -> Result<Option<(StageState, ETag)>> {
        self.read(&format!("{stage}.json")).await
    }

    /// Writes the state; somebody else's write in between is an error, since the lock should have kept them out.
    pub async fn put_state(&self, state: &StageState, tag: Option<&ETag>) -> Result<ETag> {
        let only = tag.map_or(Only::IfAbsent, Only::IfUnchanged);
        let (key, bytes) = (format!("{}.json", state.stage), json(state)?);
        if let Written::Done(tag) = self.write(&key, bytes.clone(), only).await? {
            return Ok(tag);
        }
        match self.read_bytes(&key).await? {
            // our own write, whose answer was lost and which was then tried again
            Some((found, tag)) if found == bytes => Ok(tag),
            _ => Err(Error::refused(
                "state.moved",
                format!("writing the state of stage {}", state.stage),
                "another run has written it meanwhile",
            )
            .next("somebody broke the lock of this run; look at `offshoot stages`, then plan again")),
        }
    }

    pub async fn put_plan(&self, stage: &str, digest: &str, text: &str) -> Result<()> {
        self.write(&format!("{stage}.plans/{digest}.json"), text.as_bytes().to_vec(), Only::Always).await?;
        Ok(())
    }

    /// The text of the stored plan with exactly that digest.
    pub async fn plan_of(&self, stage: &str, digest: &str) -> Result<Option<String>> {
        let found = self.read_bytes(&format!("{stage}.plans/{digest}.json")).await?;
        Ok(found.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The text of a stored plan whose digest begins with `digest` (at least six digits); `None` when there is none.
    pub async fn plan(&self, stage: &str, digest: &str) -> Result<Option<String>> {
        let keys = self.list(&format!("{stage}.plans/{digest}")).await?;
        match keys.as_slice() {
            [] => Ok(None),
            [key] => Ok(self.read_bytes(key).await?.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned())),
            many => Err(Error::usage(
                "plan.ambiguous",
                format!("looking for the plan {digest}"),
                format!("{} plans begin with it", many.len()),
            )
            .next("give more digits of the digest")),
        }
    }

    /// Every plan that is stored for the stage; what cannot be read as one is passed over.
    pub async fn plans(&self, stage: &str) -> Result<Vec<StoredPlan>> {
        let mut plans = Vec::new();
        for key in self.list(&format!("{stage}.plans/")).await?.into_iter().take(MANY) {
            let Some((bytes, _)) = self.read_bytes(&key).await? else { continue };
            plans.extend(StoredPlan::parse(&String::from_utf8_lossy(&bytes), &key));
        }
        Ok(plans)
    }

    /// Throws away the stage's stored plans: after a deploy they are all stale.
    pub async fn drop_plans(&self, stage: &str) -> Result<()> {
        self.drop_folder(&format!("{stage}.plans/")).await
    }

    pub(super) async fn drop_folder(&self, prefix: &str) -> Result<()> {
        for key in self.list(prefix).await? {
            self.delete(&key).await?;
        }
        Ok(())
    }

    /// Names of the stages that have a state here.
    pub async fn stages(&self) -> Result<Vec<String>> {
        let keys = self.list("").await?;
        Ok(keys
            .iter()
            .filter_map(|k| k.strip_suffix(".json"))
            .filter(|k| !k.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    /// The stage that owns a stack, as claimed by its first deploy.
    pub async fn owner(&self, region: &str, stack: &str) -> Result<Option<String>> {
        let read = self.read_bytes(&format!("stacks/{region}/{stack}")).await?;
        Ok(read.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Claims a stack for a stage. Errors (`stack.owned`): another stage has it.
    pub async fn claim(&self, region: &str, stack: &str, stage: &str) -> Result<()> {
        let key = format!("stacks/{region}/{stack}");
        if self.write(&key, stage.as_bytes().to_vec(), Only::IfAbsent).await? != Written::Lost {
            return Ok(());
        }
        match self.owner(region, stack).await? {
            Some(owner) if owner != stage => Err(owned(stack, &owner, stage)),
            _ => Ok(()),
        }
    }

    pub async fn release(&self, region: &str, stack: &str) -> Result<()> {
        self.delete(&format!("stacks/{region}/{stack}")).await
    }

    /// Removes everything that is kept of a stage but its cards: those say that it was removed, as long as their pull
    /// request is looked at. The state goes last, so that a removal that is killed here can be typed again.
    pub async fn forget(&self, stage: &str) -> Result<()> {
        self.drop_plans(stage).await?;
        self.drop_approvals(stage, None).await?;
        self.drop_cancels(stage).await?;
        self.drop_assemblies(stage).await?;
        self.drop_planned(stage).await?;
        self.delete(&format!("{stage}.json")).await
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(T, ETag)>> {
        let Some((bytes, tag)) = self.read_bytes(key).await? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes).map_err(|e| {
            Error::failed(
                "state.malformed",
                format!("reading s3://{}/{}{key}", self.bucket, self.folder),
                e.to_string(),
            )
            .next("restore an older version of the object (the bucket keeps versions), or delete it to start anew")
        })?;
        Ok(Some((value, tag)))
    }

    pub(super) async fn read_bytes(&self, key: &str) -> Result<Option<(Vec<u8>, ETag)>> {
        let key = format!("{}{key}", self.folder);
        let doing = format!("reading s3://{}/{key}", self.bucket);
        let answer = self
            .session
            .s3
            .get_object()
            .bucket(&self.bucket)
            .key(&key)
            .expected_bucket_owner(self.owner_account())
            .send()
            .await;
        let found =
            errors::missing_is_none(doing.clone(), answer, |e| matches!(e.code(), Some("NoSuchKey" | "NoSuchBucket")))?;
        let Some(found) = found else { return Ok(None) };
        let tag = ETag(found.e_tag().unwrap_or_default().to_owned());
        let bytes =
            found.body.collect().await.map_err(|e| Error::transient("aws.unreachable", doing, e.to_string()))?;
        Ok(Some((bytes.to_vec(), tag)))
    }

    pub(super) async fn write(&self, key: &str, bytes: Vec<u8>, only: Only<'_>) -> Result<Written> {
        let key = format!("{}{key}", self.folder);
        let doing = format!("writing s3://{}/{key}", self.bucket);
        for attempt in 0..5 {
            let mut call = self
                .session
                .s3
                .put_object()
                .bucket(&self.bucket)
                .key(&key)
                .content_type("application/json")
                .expected_bucket_owner(self.owner_account())
                .body(ByteStream::from(bytes.clone()));
            call = match only {
                Only::Always => call,
                Only::IfAbsent => call.if_none_match("*"),
                Only::IfUnchanged(tag) => call.if_match(&tag.0),
            };
            match call.send().await {
                Ok(done) => return Ok(Written::Done(ETag(done.e_tag().unwrap_or_default().to_owned()))),
                Err(e) if e.code() == Some("PreconditionFailed") => return Ok(Written::Lost),
                // the object was deleted between our read and our conditional write
                Err(e) if e.code() == Some("NoSuchKey") && matches!(only, Only::IfUnchanged(_)) => {
                    return Ok(Written::Lost);
                }
                Err(e) if e.code() == Some("ConditionalRequestConflict") => {
                    tokio::time::sleep(self.session.pace.pause(attempt)).await;
                }
                Err(e) => return Err(self.session.bucket_error(doing, &self.bucket, e)),
            }
        }
        Ok(Written::Lost)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let key = format!("{}{key}", self.folder);
        let doing = format!("deleting s3://{}/{key}", self.bucket);
        let answer = self
            .session
            .s3
            .delete_object()
            .bucket(&self.bucket)
            .key(&key)
            .expected_bucket_owner(self.owner_account())
            .send()
            .await;
        errors::missing_is_none(doing, answer, |e| matches!(e.code(), Some("NoSuchKey" | "NoSuchBucket"))).map(|_| ())
    }

    /// Keys below the folder that begin with `prefix`, without the folder.
    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let full = format!("{}{prefix}", self.folder);
        let doing = format!("listing s3://{}/{full}", self.bucket);
        let mut keys = Vec::new();
        let mut next = None;
        loop {
            let call =
                self.session.s3.list_objects_v2().bucket(&self.bucket).expected_bucket_owner(self.owner_account());
            let answer = call.prefix(&full).set_continuation_token(next).send().await;
            let Some(page) = errors::missing_is_none(doing.clone(), answer, |e| e.code() == Some("NoSuchBucket"))?
            else {
                return Ok(keys);
            };
            keys.extend(page.contents().iter().filter_map(|o| o.key()?.strip_prefix(&self.folder).map(str::to_owned)));
            next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() {
                return Ok(keys);
            }
        }
    }
}

/// Two stages would deploy the same stack.
pub fn owned(stack: &str, owner: &str, stage: &str) -> Error {
    Error::refused(
        "stack.owned",
        format!("planning stack {stack} for stage {stage}"),
        format!("the stack belongs to stage {owner}, in the same account and region"),
    )
    .next("put the stage into the stack's name, for example `${stage}-api` with `app.node.tryGetContext('stage')`")
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|e| Error::bug("json", "writing JSON", e.to_string()))
}
