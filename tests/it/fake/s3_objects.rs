//! S3 objects: conditional writes, reads, multipart uploads, and bodies in aws-chunked encoding.

use std::collections::BTreeMap;

use offshoot::names::Digest;
use serde_json::json;

use super::State;
use super::s3::{Bucket, Object, Upload, document};
use super::wire::{Outcome, Refusal, Reply, Request, decode};

fn no_key(key: &str) -> Refusal {
    Refusal::new(404, "NoSuchKey", format!("The specified key does not exist: {key}"))
}

fn precondition() -> Refusal {
    Refusal::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

/// Stores an object and gives its ETag.
pub fn store(bucket: &mut Bucket, key: &str, body: Vec<u8>, headers: BTreeMap<String, String>, now: i64) -> String {
    let etag = format!("\"{}\"", &Digest::of(&body).as_str()[..32]);
    bucket.objects.insert(key.to_owned(), Object { body, etag: etag.clone(), modified_ms: now, headers });
    etag
}

/// `If-None-Match: *` and `If-Match` of a write.
fn check_write(bucket: &Bucket, key: &str, request: &Request) -> Result<(), Refusal> {
    let there = bucket.objects.get(key);
    if request.header("if-none-match") == Some("*") && there.is_some() {
        return Err(precondition());
    }
    match (request.header("if-match"), there) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(no_key(key)),
        (Some(wanted), Some(object)) if same_tag(wanted, &object.etag) => Ok(()),
        (Some(_), Some(_)) => Err(precondition()),
    }
}

fn same_tag(wanted: &str, etag: &str) -> bool {
    wanted == "*" || wanted.trim_matches('"') == etag.trim_matches('"')
}

pub fn put(bucket: &mut Bucket, key: &str, request: &Request, now: i64) -> Outcome {
    check_write(bucket, key, request)?;
    let body = body(request)?;
    let etag = store(bucket, key, body, kept_headers(request), now);
    Ok(Reply::empty(200).header("etag", etag))
}

fn kept_headers(request: &Request) -> BTreeMap<String, String> {
    let kept = |name: &str| {
        name.starts_with("x-amz-meta-")
            || matches!(
                name,
                "content-type"
                    | "cache-control"
                    | "x-amz-server-side-encryption"
                    | "x-amz-server-side-encryption-aws-kms-key-id"
            )
    };
    request.headers.iter().filter(|(name, _)| kept(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

pub fn get(bucket: &Bucket, key: &str, request: &Request) -> Outcome {
    let object = bucket.objects.get(key).ok_or_else(|| no_key(key))?;
    if request.header("if-match").is_some_and(|wanted| !same_tag(wanted, &object.etag)) {
        return Err(precondition());
    }
    if request.header("if-none-match").is_some_and(|known| same_tag(known, &object.etag)) {
        return Ok(Reply::empty(304).header("etag", &object.etag));
    }
    let mut reply =
        Reply::empty(200).header("etag", &object.etag).header("last-modified", http_date(object.modified_ms));
    for (name, value) in &object.headers {
        reply = reply.header(name, value);
    }
    reply = reply.header("accept-ranges", "bytes");
    if request.operation == "HeadObject" {
        return Ok(reply.header("content-length", object.body.len().to_string()));
    }
    match request.header("range").and_then(|range| span(range, object.body.len())) {
        Some((from, to)) => {
            reply.status = 206;
            reply.body = object.body[from..to].to_vec();
            Ok(reply.header("content-range", format!("bytes {from}-{}/{}", to - 1, object.body.len())))
        }
        None => {
            reply.body.clone_from(&object.body);
            Ok(reply)
        }
    }
}

/// `bytes=a-b` as a half-open span.
fn span(range: &str, size: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let to = to.parse().map_or(size, |last: usize| last + 1).min(size);
    let from: usize = from.parse().ok()?;
    (from < to).then_some((from, to))
}

fn http_date(ms: i64) -> String {
    let stamp = jiff::Timestamp::from_millisecond(ms).expect("a moment within range");
    stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub fn delete(bucket: &mut Bucket, key: &str, request: &Request) -> Outcome {
    match (request.header("if-match"), bucket.objects.get(key)) {
        (Some(_), None) => return Err(no_key(key)),
        (Some(wanted), Some(object)) if !same_tag(wanted, &object.etag) => return Err(precondition()),
        _ => {}
    }
    bucket.objects.remove(key);
    Ok(Reply::empty(204))
}

pub fn copy(state: &mut State, to: &str, key: &str, request: &Request, now: i64) -> Outcome {
    let source = decode(request.header("x-amz-copy-source").unwrap_or_default());
    let (from, from_key) = source.trim_start_matches('/').split_once('/').unwrap_or_default();
    let found = state.s3.buckets.get(from).and_then(|bucket| bucket.objects.get(from_key)).cloned();
    let object = found.ok_or_else(|| no_key(from_key))?;
    let bucket = state.s3.buckets.get_mut(to).ok_or_else(|| no_key(key))?;
    check_write(bucket, key, request)?;
    let etag = store(bucket, key, object.body, object.headers, now);
    Ok(document("CopyObjectResult", &json!({"ETag": etag, "LastModified": super::iso(now)})))
}

pub fn multipart(state: &mut State, bucket: &str, key: &str, request: &Request, now: i64) -> Outcome {
    if request.operation == "CreateMultipartUpload" {
        let id = format!("upload-{}", state.id());
        let upload = Upload {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            headers: kept_headers(request),
            ..Upload::default()
        };
        state.s3.uploads.insert(id.clone(), upload);
        return Ok(document("InitiateMultipartUploadResult", &json!({"Bucket": bucket, "Key": key, "UploadId": id})));
    }
    let id = request.query.get("uploadId").unwrap_or_default();
    let no_upload = || Refusal::new(404, "NoSuchUpload", "The specified multipart upload does not exist.");
    match request.operation.as_str() {
        "UploadPart" => {
            let part = body(request)?;
            let number = request.query.get("partNumber").and_then(|n| n.parse().ok()).unwrap_or(0);
            let etag = format!("\"{}\"", &Digest::of(&part).as_str()[..32]);
            state.s3.uploads.get_mut(id).ok_or_else(no_upload)?.parts.insert(number, part);
            Ok(Reply::empty(200).header("etag", etag))
        }
        "AbortMultipartUpload" => {
            state.s3.uploads.remove(id).ok_or_else(no_upload)?;
            Ok(Reply::empty(204))
        }
        _ => {
            let upload = state.s3.uploads.get(id).cloned().ok_or_else(no_upload)?;
            let target = state.s3.buckets.get_mut(bucket).ok_or_else(|| no_key(key))?;
            check_write(target, key, request)?;
            let whole: Vec<u8> = upload.parts.values().flatten().copied().collect();
            let etag = store(target, key, whole, upload.headers, now);
            state.s3.uploads.remove(id);
            Ok(document("CompleteMultipartUploadResult", &json!({"Bucket": bucket, "Key": key, "ETag": etag})))
        }
    }
}

/// The request's body without aws-chunked framing and its checksum trailers.
fn body(request: &Request) -> Result<Vec<u8>, Refusal> {
    let encoded = request.header("content-encoding").is_some_and(|e| e.contains("aws-chunked"))
        || request.header("x-amz-content-sha256").is_some_and(|sum| sum.starts_with("STREAMING-"));
    let body = if encoded {
        unchunk(&request.body).ok_or_else(|| Refusal::new(400, "IncompleteBody", "The chunked body is broken."))?
    } else {
        request.body.clone()
    };
    let announced = request.header("x-amz-decoded-content-length").and_then(|n| n.parse::<usize>().ok());
    if announced.is_some_and(|size| size != body.len()) {
        return Err(Refusal::new(400, "IncompleteBody", "The body has another length than announced."));
    }
    Ok(body)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(head.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn chunked_bodies_lose_their_frames() {
        let body = b"5;chunk-signature=x\r\nhello\r\n2\r\n !\r\n0\r\nx-amz-checksum-crc32:AAAA==\r\n\r\n";
        assert_eq!(super::unchunk(body).as_deref(), Some(b"hello !".as_slice()));
        assert_eq!(super::unchunk(b"5\r\nhel"), None);
    }
}
