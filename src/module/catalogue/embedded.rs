//! What is compiled in. A module is one line of `modules`, and so is each file beside them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::contract::BUILT_IN;
use crate::diagnostic::Source;

macro_rules! embed {
    ($($part:expr),+) => {
        (concat!($($part),+), include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $($part),+)))
    };
}

macro_rules! built_in {
    (
        modules: [$($module:literal),* $(,)?],
        tests: [$($tested:literal),* $(,)?],
        user_data: [$($file:literal),* $(,)?] $(,)?
    ) => {
        /// Path and text of every file of the built-in modules.
        const EMBEDDED: &[(&str, &str)] = &[
            $(
                embed!("modules/", $module, ".toml"),
                embed!("templates/cloudformation/", $module, ".yaml"),
            )*
            $(embed!("modules/", $tested, ".test.toml"),)*
            $(embed!("templates/user-data/", $file),)*
        ];
    };
}

built_in! {
    modules: [
        "access",
        "ec2-workbench",
        "ecr",
        "ecs",
        "eks",
        "monitoring",
        "rds",
        "s3",
        "sagemaker",
        "vpc",
    ],
    // Modules with a file of tests beside the contract.
    tests: [
        "access",
        "ec2-workbench",
        "ecr",
        "ecs",
        "eks",
        "monitoring",
        "rds",
        "s3",
        "sagemaker",
        "vpc",
    ],
    // Files that templates read with `file("user-data/...")`.
    user_data: [
        "ansible.sh",
        "ansible/roles/limits/tasks/main.yml",
        "ansible/roles/limits/vars/main.yml",
        "ansible/roles/packages/tasks/main.yml",
        "ansible/roles/python/tasks/main.yml",
        "ansible/roles/volumes/tasks/main.yml",
        "ansible/roles/volumes/tasks/volume.yml",
        "ansible/site.yml",
        "drivers.sh",
        "idle-stop.sh",
        "lib.sh",
        "python.sh",
        "units/workbench-idle.service",
        "units/workbench-jupyter.service",
        "units/workbench-limit.service",
        "units/workbench.service",
        "volumes.sh",
        "workbench-boot.sh",
        "workbench.sh",
    ],
}

/// Every built-in file by its path relative to the root of a project that would override it.
pub(super) fn files() -> BTreeMap<String, Arc<Source>> {
    EMBEDDED
        .iter()
        .map(|(path, text)| {
            let source = Source {
                path: format!("{BUILT_IN}{path}"),
                text: (*text).to_owned(),
            };
            ((*path).to_owned(), Arc::new(source))
        })
        .collect()
}
