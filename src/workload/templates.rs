//! The templates of manifests: those that are compiled in, with the project's own in their place and beside them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::diagnostic::Source;
use crate::module::BUILT_IN;

/// Where they lie in a project.
pub const FOLDER: &str = "templates/kubernetes";

/// What every pod is rendered from; it is no manifest by itself.
const POD: &str = "pod.yaml";

macro_rules! embed {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/kubernetes/", $file)))),*]
    };
}

/// In the order in which objects are applied: what others refer to comes first.
const EMBEDDED: &[(&str, &str)] = embed![
    "pod.yaml",
    "service-account.yaml",
    "secret-provider.yaml",
    "service.yaml",
    "deployment.yaml",
    "job.yaml",
    "cron-job.yaml",
    "autoscaler.yaml",
    "disruption-budget.yaml",
    "ingress.yaml",
];

/// The templates that a project's workloads are rendered from.
#[derive(Debug, Clone)]
pub struct Templates {
    pod: Arc<Source>,
    /// By file, in the order in which they are applied.
    manifests: Vec<(String, Arc<Source>)>,
}

impl Templates {
    /// Those that are built in.
    pub fn built_in() -> Self {
        Self::with_own(BTreeMap::new())
    }

    /// Those that are built in, with a project's own over them: by path relative to the project's root. A file of the
    /// same name takes the place of a built-in one; any other adds an object, which is applied before the built-in ones.
    pub fn with_own(own: BTreeMap<String, String>) -> Self {
        static BUILT_IN_FILES: LazyLock<Vec<(&'static str, Arc<Source>)>> = LazyLock::new(|| {
            let source = |(file, text): &(&'static str, &str)| {
                let source = Source {
                    path: format!("{BUILT_IN}{FOLDER}/{file}"),
                    text: (*text).to_owned(),
                };
                (*file, Arc::new(source))
            };
            EMBEDDED.iter().map(source).collect()
        });
        let mut own: BTreeMap<String, Arc<Source>> = own
            .into_iter()
            .filter_map(|(path, text)| {
                let file = path.strip_prefix(FOLDER)?.strip_prefix('/')?.to_owned();
                Some((file, Arc::new(Source { path, text })))
            })
            .collect();
        let mut pod = Arc::new(Source {
            path: String::new(),
            text: String::new(),
        });
        let mut manifests = Vec::new();
        for (file, source) in BUILT_IN_FILES.iter() {
            let source = own.remove(*file).unwrap_or_else(|| Arc::clone(source));
            if *file == POD {
                pod = source;
            } else {
                manifests.push(((*file).to_owned(), source));
            }
        }
        let manifests = own.into_iter().chain(manifests).collect();
        Self { pod, manifests }
    }

    pub(super) fn pod(&self) -> &Arc<Source> {
        &self.pod
    }

    pub(super) fn manifests(&self) -> impl Iterator<Item = (&str, &Arc<Source>)> {
        self.manifests.iter().map(|(file, source)| (file.as_str(), source))
    }
}
