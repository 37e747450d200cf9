//! The packed file: finding a type's frame, unpacking it, remembering what was unpacked.
//!
//! The layout is described in `data/derive.py`, which writes it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use zstd::bulk::Decompressor;
use zstd::dict::DecoderDictionary;

use super::ResourceSchema;

/// Written by `data/derive.py`.
static PACKED: &[u8] = include_bytes!("../data/schemas.bin");

/// The schema of `type_name`, unpacked on first use; none if AWS has no such type.
pub fn get(type_name: &str) -> Option<Arc<ResourceSchema>> {
    static UNPACKED: OnceLock<Mutex<HashMap<&'static str, Arc<ResourceSchema>>>> = OnceLock::new();
    let store = store()?;
    let (name, place) = store.types.get_key_value(type_name)?;
    let unpacked = UNPACKED.get_or_init(Mutex::default);
    let known = unpacked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(type_name)
        .cloned();
    if known.is_some() {
        return known;
    }
    let schema = Arc::new(ResourceSchema {
        name: name.clone(),
        json: store.unpack(place)?,
    });
    let mut unpacked = unpacked.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Arc::clone(unpacked.entry(name.as_str()).or_insert(schema)))
}

/// The names of all types, sorted.
pub fn type_names() -> impl Iterator<Item = &'static str> {
    store()
        .into_iter()
        .flat_map(|store| store.names.iter().map(String::as_str))
}

/// What the schemas were derived from: `cfn-lint 1.58.0`.
pub fn origin() -> &'static str {
    store().map_or("", |store| store.origin)
}

struct Store {
    origin: &'static str,
    names: Vec<String>,
    types: HashMap<String, Place>,
    frames: Vec<Frame>,
    dictionary: DecoderDictionary<'static>,
}

/// Which line of which frame.
struct Place {
    frame: usize,
    line: usize,
}

struct Frame {
    packed: Range<usize>,
    bytes: usize,
    text: OnceLock<Option<String>>,
}

impl Store {
    fn unpack(&self, place: &Place) -> Option<Value> {
        let frame = self.frames.get(place.frame)?;
        let text = frame.text.get_or_init(|| {
            let packed = PACKED.get(frame.packed.clone())?;
            let mut decompressor = Decompressor::with_prepared_dictionary(&self.dictionary).ok()?;
            String::from_utf8(decompressor.decompress(packed, frame.bytes).ok()?).ok()
        });
        serde_json::from_str(text.as_deref()?.split('\n').nth(place.line)?).ok()
    }
}

/// None only if the embedded file is damaged, which `every_embedded_type_unpacks` rules out.
fn store() -> Option<&'static Store> {
    static STORE: OnceLock<Option<Store>> = OnceLock::new();
    STORE.get_or_init(open).as_ref()
}

fn open() -> Option<Store> {
    let newline = PACKED.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(PACKED.get(..newline)?).ok()?;
    let origin = head.strip_prefix("mlinfra-schemas 1 ")?.split(" types ").next()?;
    let (dictionary, at) = block(newline + 1)?;
    let (index, mut at) = block(at)?;
    // The index is about 50 KB; the bound only keeps a damaged file from asking for more.
    let index = zstd::bulk::decompress(index, 1 << 20).ok()?;
    let index: Vec<(usize, usize, Vec<String>)> = serde_json::from_slice(&index).ok()?;
    let mut store = Store {
        origin,
        names: Vec::new(),
        types: HashMap::new(),
        frames: Vec::new(),
        dictionary: DecoderDictionary::copy(dictionary),
    };
    for (packed, bytes, names) in index {
        for (line, name) in names.into_iter().enumerate() {
            let frame = store.frames.len();
            store.types.insert(name.clone(), Place { frame, line });
            store.names.push(name);
        }
        store.frames.push(Frame {
            packed: at..at + packed,
            bytes,
            text: OnceLock::new(),
        });
        at += packed;
    }
    Some(store)
}

/// A block with its length before it, and where the next one begins.
fn block(at: usize) -> Option<(&'static [u8], usize)> {
    let size = PACKED.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)?;
    let start = at + 4;
    let end = start + usize::try_from(size).ok()?;
    Some((PACKED.get(start..end)?, end))
}
