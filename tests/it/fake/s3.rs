//! S3: buckets, listing, and which operation a request is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire::{Lists, Outcome, Refusal, Reply, Request, xml};
use super::{FakeAws, Place, State, iso, s3_objects};

/// All buckets; their names are global.
#[derive(Default)]
pub struct S3 {
    pub buckets: BTreeMap<String, Bucket>,
    pub uploads: BTreeMap<String, Upload>,
}

#[derive(Clone, Debug)]
pub struct Bucket {
    pub place: Place,
    pub created_ms: i64,
    pub objects: BTreeMap<String, Object>,
    /// `AES256` or `aws:kms`; none: the answer is "not found".
    pub encryption: Option<String>,
    pub versioning: bool,
    /// Older versions and delete markers: key, version, whether it is a marker.
    pub older: Vec<(String, String, bool)>,
}

impl Bucket {
    /// Nothing lies in it, no old version and no delete marker either.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.older.is_empty()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Object {
    pub body: Vec<u8>,
    /// With its quotes.
    pub etag: String,
    pub modified_ms: i64,
    /// `content-type`, `x-amz-meta-…`, `x-amz-server-side-encryption`, …
    pub headers: BTreeMap<String, String>,
}

/// A multipart upload under way.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub parts: BTreeMap<u32, Vec<u8>>,
    pub headers: BTreeMap<String, String>,
}

/// From the path, or from a `bucket.localhost` host.
pub fn bucket_and_key(request: &Request) -> (String, String) {
    let path = request.path.trim_start_matches('/');
    let host = request.header("host").unwrap_or_default().split(':').next().unwrap_or_default();
    if let Some(bucket) = host.strip_suffix(".localhost") {
        return (bucket.trim_end_matches(".s3").to_owned(), path.to_owned());
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (bucket.to_owned(), key.to_owned())
}

/// The operation's name, as in S3's API.
pub fn operation(request: &Request) -> &'static str {
    let (bucket, key) = bucket_and_key(request);
    let has = |name: &str| request.query.has(name);
    match (request.method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => "ListBuckets",
        ("GET", _, true) if has("location") => "GetBucketLocation",
        ("GET", _, true) if has("encryption") => "GetBucketEncryption",
        ("GET", _, true) if has("versioning") => "GetBucketVersioning",
        ("GET", _, true) if has("versions") => "ListObjectVersions",
        ("GET", _, true) if has("uploads") => "ListMultipartUploads",
        ("GET", _, true) => "ListObjectsV2",
        ("HEAD", _, true) => "HeadBucket",
        ("PUT", _, true) => "CreateBucket",
        ("DELETE", _, true) => "DeleteBucket",
        ("POST", _, true) if has("delete") => "DeleteObjects",
        ("GET", _, false) => "GetObject",
        ("HEAD", _, false) => "HeadObject",
        ("PUT", _, false) if has("partNumber") => "UploadPart",
        ("PUT", _, false) if request.header("x-amz-copy-source").is_some() => "CopyObject",
        ("PUT", _, false) => "PutObject",
        ("DELETE", _, false) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", _, false) => "DeleteObject",
        ("POST", _, false) if has("uploads") => "CreateMultipartUpload",
        ("POST", _, false) if has("uploadId") => "CompleteMultipartUpload",
        _ => "Unknown",
    }
}

pub fn serve(state: &mut State, request: &Request) -> Outcome {
    let (name, key) = bucket_and_key(request);
    let now = state.tick();
    match request.operation.as_str() {
        "ListBuckets" => return Ok(list_buckets(state, request)),
        "CreateBucket" => return create_bucket(state, request, &name),
        _ => {}
    }
    let bucket = state.s3.buckets.get_mut(&name).ok_or_else(|| no_bucket(&name))?;
    if request.header("x-amz-expected-bucket-owner").is_some_and(|owner| owner != bucket.place.account) {
        return Err(Refusal::new(403, "AccessDenied", "Access Denied"));
    }
    match request.operation.as_str() {
        "HeadBucket" => Ok(Reply::empty(200).header("x-amz-bucket-region", &bucket.place.region)),
        "GetBucketLocation" => Ok(location(bucket)),
        "GetBucketEncryption" => encryption(bucket),
        "GetBucketVersioning" => {
            let status = if bucket.versioning { json!({"Status": "Enabled"}) } else { json!({}) };
            Ok(document("VersioningConfiguration", &status))
        }
        "DeleteBucket" if !bucket.is_empty() => {
            Err(Refusal::new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"))
        }
        "DeleteBucket" => {
            state.s3.buckets.remove(&name);
            Ok(Reply::empty(204))
        }
        "ListObjectsV2" => {
            let page_size = state.page_size;
            Ok(list_objects(bucket, &name, request, page_size))
        }
        "ListObjectVersions" => {
            let page_size = state.page_size;
            Ok(list_versions(bucket, &name, page_size))
        }
        "DeleteObjects" => delete_objects(bucket, request),
        "PutObject" => s3_objects::put(bucket, &key, request, now),
        "GetObject" | "HeadObject" => s3_objects::get(bucket, &key, request),
        "DeleteObject" => s3_objects::delete(bucket, &key, request),
        "CopyObject" => s3_objects::copy(state, &name, &key, request, now),
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" | "AbortMultipartUpload" => {
            s3_objects::multipart(state, &name, &key, request, now)
        }
        other => Err(Refusal::new(501, "NotImplemented", format!("the fake does not know S3 {other}"))),
    }
}

pub fn document(root: &str, value: &Value) -> Reply {
    Reply::xml(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root}>{}</{root}>", xml(value, Lists::Repeated)))
}

fn no_bucket(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchBucket", format!("The specified bucket does not exist: {name}"))
}

fn list_buckets(state: &State, request: &Request) -> Reply {
    let mine = state.s3.buckets.iter().filter(|(_, bucket)| bucket.place.account == request.account);
    let entries: Vec<Value> =
        mine.map(|(name, bucket)| json!({"Name": name, "CreationDate": iso(bucket.created_ms)})).collect();
    document("ListAllMyBucketsResult", &json!({"Buckets": {"Bucket": entries}}))
}

fn create_bucket(state: &mut State, request: &Request, name: &str) -> Outcome {
    if let Some(bucket) = state.s3.buckets.get(name) {
        let mine = bucket.place.account == request.account;
        let code = if mine { "BucketAlreadyOwnedByYou" } else { "BucketAlreadyExists" };
        return Err(Refusal::new(409, code, "The requested bucket name is not available."));
    }
    make_bucket(state, &request.place(), name);
    Ok(Reply::empty(200).header("location", format!("/{name}")))
}

/// Makes a bucket; one that is there stays.
pub fn make_bucket(state: &mut State, place: &Place, name: &str) {
    let created_ms = state.tick();
    state.s3.buckets.entry(name.to_owned()).or_insert_with(|| Bucket {
        place: place.clone(),
        created_ms,
        objects: BTreeMap::new(),
        encryption: Some("AES256".to_owned()),
        versioning: false,
        older: Vec::new(),
    });
}

fn location(bucket: &Bucket) -> Reply {
    let region = if bucket.place.region == "us-east-1" { "" } else { &bucket.place.region };
    Reply::xml(format!("<LocationConstraint>{region}</LocationConstraint>"))
}

fn encryption(bucket: &Bucket) -> Outcome {
    let Some(algorithm) = &bucket.encryption else {
        let message = "The server side encryption configuration was not found";
        return Err(Refusal::new(404, "ServerSideEncryptionConfigurationNotFoundError", message));
    };
    let rule =
        json!({"Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}, "BucketKeyEnabled": false}});
    Ok(document("ServerSideEncryptionConfiguration", &rule))
}

fn list_objects(bucket: &Bucket, name: &str, request: &Request, page_size: usize) -> Reply {
    let prefix = request.query.get("prefix").unwrap_or_default();
    let delimiter = request.query.get("delimiter").filter(|d| !d.is_empty());
    let after = request.query.get("continuation-token").or(request.query.get("start-after")).unwrap_or_default();
    let asked = request.query.get("max-keys").and_then(|n| n.parse().ok()).unwrap_or(1000);
    let limit: usize = page_size.min(asked);
    let mut contents = Vec::new();
    let mut folders = std::collections::BTreeSet::new();
    let mut last = String::new();
    let mut more = false;
    for (key, object) in bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after) {
        if contents.len() + folders.len() >= limit {
            more = true;
            break;
        }
        last.clone_from(key);
        let folder = delimiter.and_then(|d| key[prefix.len()..].find(d).map(|at| &key[..prefix.len() + at + d.len()]));
        match folder {
            Some(folder) => {
                folders.insert(folder.to_owned());
            }
            None => contents.push(json!({
                "Key": key, "LastModified": iso(object.modified_ms), "ETag": object.etag,
                "Size": object.body.len(), "StorageClass": "STANDARD",
            })),
        }
    }
    let folders: Vec<Value> = folders.into_iter().map(|folder| json!({"Prefix": folder})).collect();
    document(
        "ListBucketResult",
        &json!({
            "Name": name, "Prefix": prefix, "KeyCount": contents.len() + folders.len(), "MaxKeys": limit,
            "IsTruncated": more, "NextContinuationToken": more.then_some(last),
            "Contents": contents, "CommonPrefixes": folders,
        }),
    )
}

/// The first page only: who empties a bucket begins at the front each time.
fn list_versions(bucket: &Bucket, name: &str, page_size: usize) -> Reply {
    let current = bucket.objects.keys().map(|key| (key.clone(), "null".to_owned(), false));
    let all: Vec<_> = current.chain(bucket.older.iter().cloned()).collect();
    let entries = |marker: bool| -> Vec<Value> {
        let page = all.iter().take(page_size).filter(|(_, _, m)| *m == marker);
        page.map(|(key, version, _)| json!({"Key": key, "VersionId": version, "IsLatest": version == "null"})).collect()
    };
    document(
        "ListVersionsResult",
        &json!({
            "Name": name, "IsTruncated": all.len() > page_size, "Version": entries(false), "DeleteMarker": entries(true),
        }),
    )
}

fn delete_objects(bucket: &mut Bucket, request: &Request) -> Outcome {
    let text = String::from_utf8_lossy(&request.body).into_owned();
    let document_in = roxmltree::Document::parse(&text).map_err(|error| {
        Refusal::new(400, "MalformedXML", format!("The XML you provided was not well-formed: {error}"))
    })?;
    let objects: Vec<_> = document_in.descendants().filter(|node| node.tag_name().name() == "Object").collect();
    if objects.len() > 1000 {
        return Err(Refusal::new(400, "MalformedXML", "The XML you provided was not well-formed"));
    }
    let mut deleted = Vec::new();
    for object in objects {
        let text = |name: &str| object.children().find(|c| c.tag_name().name() == name).and_then(|c| c.text());
        let key = text("Key").unwrap_or_default();
        match text("VersionId") {
            Some("null") | None => drop(bucket.objects.remove(key)),
            Some(version) => bucket.older.retain(|(k, v, _)| (k.as_str(), v.as_str()) != (key, version)),
        }
        deleted.push(json!({"Key": key}));
    }
    Ok(document("DeleteResult", &json!({"Deleted": deleted})))
}

impl FakeAws {
    pub fn make_bucket(&self, account: &str, region: &str, name: &str) {
        make_bucket(&mut self.state(), &Place::new(account, region), name);
    }

    /// Puts an object as if somebody else had written it.
    pub fn put_object(&self, bucket: &str, key: &str, body: impl AsRef<[u8]>) {
        let mut state = self.state();
        let now = state.tick();
        let bucket = state.s3.buckets.get_mut(bucket).expect("the bucket is made first");
        s3_objects::store(bucket, key, body.as_ref().to_vec(), BTreeMap::new(), now);
    }

    /// An older version of an object, or a delete marker.
    pub fn put_older(&self, bucket: &str, key: &str, version: &str, marker: bool) {
        let mut state = self.state();
        let bucket = state.s3.buckets.get_mut(bucket).expect("the bucket is made first");
        bucket.older.push((key.to_owned(), version.to_owned(), marker));
    }

    /// The bucket is there.
    pub fn has_bucket(&self, bucket: &str) -> bool {
        self.state().s3.buckets.contains_key(bucket)
    }

    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.state().s3.buckets.get(bucket)?.objects.get(key).map(|object| object.body.clone())
    }

    pub fn remove_object(&self, bucket: &str, key: &str) {
        if let Some(bucket) = self.state().s3.buckets.get_mut(bucket) {
            bucket.objects.remove(key);
        }
    }

    /// All keys of a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.state().s3.buckets.get(bucket).map(|b| b.objects.keys().cloned().collect()).unwrap_or_default()
    }
}
