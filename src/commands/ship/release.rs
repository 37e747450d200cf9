//! A release, made from the files and from what is known of image and model.

use super::Dock;
use crate::diagnostic::Problems;
use crate::ship::release::RELEASE_VERSION;
use crate::ship::{ImageAt, ModelAt, Release};
use crate::spec::Workload;
use crate::spec::workload::{Bucket, Model};
use crate::workload::{self, Facts};

/// What a release is made from beside the files. What is not known stands in it as a phrase in brackets.
#[derive(Debug, Clone, Default)]
pub struct Materials {
    /// The image.
    pub image: Option<ImageAt>,
    /// The model.
    pub model: Option<ModelAt>,
    /// The commit of the project's checkout.
    pub commit: Option<String>,
}

/// The release that the file describes.
///
/// # Errors
/// Everything that is wrong with the templates.
pub fn release(dock: &Dock, workload: &Workload, materials: &Materials) -> Result<Release, Problems> {
    let facts = Facts {
        image: materials.image.as_ref().map(|image| image.reference.clone()),
        model_bucket: bucket(dock, workload),
        model_uri: materials.model.as_ref().map(|model| model.uri.clone()),
        model_version: materials.model.as_ref().and_then(|model| model.version.clone()),
    };
    let unknown = || ImageAt {
        reference: String::new(),
        digest: String::new(),
        tag: None,
        bytes: 0,
        architecture: workload.architecture.oci().to_owned(),
    };
    Ok(Release {
        version: RELEASE_VERSION,
        workload: workload.name.value.clone(),
        platform: workload.platform,
        stack: workload.on.value.clone(),
        image: materials.image.clone().unwrap_or_else(unknown),
        model: materials.model.clone(),
        commit: materials.commit.clone(),
        objects: workload::objects(
            &dock.world.environment,
            workload,
            &dock.templates,
            &facts,
            materials.model.as_ref().and_then(|model| model.package.as_deref()),
            dock.outputs.get(&workload.on.value),
        )?,
    })
}

/// The bucket of the model, where the file names the stack that has it.
fn bucket(dock: &Dock, workload: &Workload) -> Option<String> {
    match &workload.model {
        Some(Model::S3 {
            bucket: Bucket::Of(stack),
            ..
        }) => dock.outputs.get(stack)?.get("models_bucket").cloned(),
        Some(Model::S3 {
            bucket: Bucket::Named(name),
            ..
        }) => Some(name.clone()),
        _ => None,
    }
}
