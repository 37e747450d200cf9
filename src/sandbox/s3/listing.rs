//! Listing objects and versions, page by page.

use std::collections::BTreeSet;

use winterbaume_core::MockResponse;

use super::super::reply::{self, ApiError};
use super::super::request::{Request, encode};
use super::{S3, Version, xml};

impl S3 {
    pub(super) fn list_objects(&self, name: &str, request: &Request) -> Result<MockResponse, ApiError> {
        let bucket = self.bucket(name)?;
        let page = Page::of(name, request)?;
        let second = request.action == "ListObjectsV2";
        let after = if second {
            let token = request.param("continuation-token").map(str::to_owned);
            token.or_else(|| request.param("start-after").map(str::to_owned))
        } else {
            request.param("marker").map(str::to_owned)
        };
        let live = bucket.keys.iter().filter_map(|(key, versions)| {
            let version = versions.first()?;
            version.content.as_ref().map(|content| (key, version, content))
        });
        let (mut contents, mut prefixes) = (String::new(), BTreeSet::new());
        let (mut count, mut last, mut more) = (0, None, false);
        for (key, version, content) in live {
            let skipped = after
                .as_ref()
                .is_some_and(|after| key <= after || page.common_prefix(key).is_some_and(|prefix| prefix <= *after));
            if skipped || !key.starts_with(&page.prefix) {
                continue;
            }
            let common = page.common_prefix(key);
            if common.as_ref().is_some_and(|prefix| prefixes.contains(prefix)) {
                continue;
            }
            if count == page.max {
                more = true;
                break;
            }
            count += 1;
            last = Some(common.clone().unwrap_or_else(|| key.clone()));
            match common {
                Some(prefix) => {
                    prefixes.insert(prefix);
                }
                None => contents.push_str(&format!(
                    "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>{}</ETag><Size>{}</Size>\
                     <StorageClass>STANDARD</StorageClass></Contents>",
                    page.written(key),
                    xml::iso_time(version.modified),
                    xml::escape(&content.etag),
                    content.size
                )),
            }
        }
        let mut document = format!(
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}",
            page.head()
        );
        document.push_str(&format!("<IsTruncated>{more}</IsTruncated>"));
        if second {
            document.push_str(&format!("<KeyCount>{count}</KeyCount>"));
        }
        if let (true, Some(last)) = (more, &last) {
            let element = if second { "NextContinuationToken" } else { "NextMarker" };
            let value = if second { xml::escape(last) } else { page.written(last) };
            document.push_str(&format!("<{element}>{value}</{element}>"));
        }
        document.push_str(&contents);
        document.push_str(&page.prefixes(&prefixes));
        document.push_str("</ListBucketResult>");
        Ok(reply::xml(200, document))
    }

    pub(super) fn list_versions(&self, name: &str, request: &Request) -> Result<MockResponse, ApiError> {
        let bucket = self.bucket(name)?;
        let page = Page::of(name, request)?;
        let (key_marker, id_marker) = (request.param("key-marker"), request.param("version-id-marker"));
        let (mut entries, mut prefixes) = (String::new(), BTreeSet::new());
        let (mut count, mut next) = (0, None);
        let mut last: Option<(String, String)> = None;
        'keys: for (key, versions) in &bucket.keys {
            if !key.starts_with(&page.prefix) || key_marker.is_some_and(|marker| key.as_str() < marker) {
                continue;
            }
            let mut passed = key_marker != Some(key.as_str());
            if !passed && id_marker.is_none() {
                continue;
            }
            if let Some(prefix) = page.common_prefix(key) {
                let listed = key_marker.is_some_and(|marker| prefix.as_str() <= marker);
                if listed || prefixes.contains(&prefix) {
                    continue;
                }
                if count == page.max {
                    next = last;
                    break;
                }
                count += 1;
                last = Some((prefix.clone(), String::new()));
                prefixes.insert(prefix);
                continue;
            }
            for (index, version) in versions.iter().enumerate() {
                if !passed {
                    passed = id_marker == Some(version.id.as_str());
                    continue;
                }
                if count == page.max {
                    next = last;
                    break 'keys;
                }
                count += 1;
                last = Some((key.clone(), version.id.clone()));
                entries.push_str(&version_entry(&page, key, version, index == 0));
            }
        }
        let mut document = format!(
            "<ListVersionsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}",
            page.head()
        );
        document.push_str(&format!("<IsTruncated>{}</IsTruncated>", next.is_some()));
        if let Some((key, id)) = next {
            document.push_str(&format!("<NextKeyMarker>{}</NextKeyMarker>", page.written(&key)));
            if !id.is_empty() {
                document.push_str(&format!("<NextVersionIdMarker>{id}</NextVersionIdMarker>"));
            }
        }
        document.push_str(&entries);
        document.push_str(&page.prefixes(&prefixes));
        document.push_str("</ListVersionsResult>");
        Ok(reply::xml(200, document))
    }
}

fn version_entry(page: &Page, key: &str, version: &Version, latest: bool) -> String {
    let element = if version.content.is_some() {
        "Version"
    } else {
        "DeleteMarker"
    };
    let mut entry = format!(
        "<{element}><Key>{}</Key><VersionId>{}</VersionId><IsLatest>{latest}</IsLatest><LastModified>{}</LastModified>",
        page.written(key),
        version.id,
        xml::iso_time(version.modified)
    );
    if let Some(content) = &version.content {
        entry.push_str(&format!(
            "<ETag>{}</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass>",
            xml::escape(&content.etag),
            content.size
        ));
    }
    entry.push_str(&format!("</{element}>"));
    entry
}

/// What every listing asks for.
struct Page {
    bucket: String,
    prefix: String,
    delimiter: Option<String>,
    max: usize,
    as_url: bool,
}

impl Page {
    fn of(bucket: &str, request: &Request) -> Result<Self, ApiError> {
        let max = match request.param("max-keys") {
            None | Some("") => 1000,
            Some(text) => text.parse::<usize>().map_err(|_| {
                ApiError::new(
                    400,
                    "InvalidArgument",
                    "Provided max-keys not an integer or within integer range",
                )
            })?,
        };
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: request.param("prefix").unwrap_or_default().to_owned(),
            delimiter: request
                .param("delimiter")
                .filter(|text| !text.is_empty())
                .map(str::to_owned),
            max: max.min(1000),
            as_url: request.param("encoding-type") == Some("url"),
        })
    }

    fn common_prefix(&self, key: &str) -> Option<String> {
        let delimiter = self.delimiter.as_ref()?;
        let rest = key.strip_prefix(&self.prefix)?;
        let at = rest.find(delimiter.as_str())?;
        Some(format!("{}{}", self.prefix, rest.get(..at + delimiter.len())?))
    }

    fn written(&self, key: &str) -> String {
        if self.as_url {
            encode(key).replace("%2F", "/")
        } else {
            xml::escape(key)
        }
    }

    fn head(&self) -> String {
        let mut head = format!(
            "<Name>{}</Name><Prefix>{}</Prefix><MaxKeys>{}</MaxKeys>",
            self.bucket,
            self.written(&self.prefix),
            self.max
        );
        if let Some(delimiter) = &self.delimiter {
            head.push_str(&format!("<Delimiter>{}</Delimiter>", self.written(delimiter)));
        }
        if self.as_url {
            head.push_str("<EncodingType>url</EncodingType>");
        }
        head
    }

    fn prefixes(&self, prefixes: &BTreeSet<String>) -> String {
        prefixes
            .iter()
            .map(|prefix| {
                format!(
                    "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>",
                    self.written(prefix)
                )
            })
            .collect()
    }
}
