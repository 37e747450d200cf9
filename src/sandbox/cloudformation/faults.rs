//! Failures on demand.

use serde::{Deserialize, Serialize};

/// What a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultTask {
    /// A creation, also as part of a replacement.
    Create,
    /// An update in place.
    Update,
    /// A deletion.
    Delete,
    /// An update during a rollback.
    Restore,
    /// The user data of an instance fails, and the instance says so if it signals its outcome.
    Boot,
    /// The signal of an instance never arrives.
    Signal,
}

/// A resource fails with a message. Absent conditions match everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// The stack's name.
    #[serde(default)]
    pub stack: Option<String>,
    /// The resource's name in the template.
    #[serde(default)]
    pub logical_id: Option<String>,
    /// `AWS::EC2::VPC`.
    #[serde(default)]
    pub resource_type: Option<String>,
    /// What it is doing.
    #[serde(default)]
    pub task: Option<FaultTask>,
    /// Which match strikes first; counted from 1.
    #[serde(default = "first")]
    pub nth: u32,
    /// How many matches in a row strike; none: all from the `nth` on.
    #[serde(default)]
    pub times: Option<u32>,
    /// The service accepts, works its time and then fails, leaving something behind; otherwise it refuses at once.
    #[serde(default)]
    pub late: bool,
    /// The service's message.
    pub message: String,
}

fn first() -> u32 {
    1
}

/// A fault and how often it matched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Armed {
    pub spec: FaultSpec,
    pub seen: u32,
}

/// The message of the fault that strikes here, if one does. `late` says which of the two moments this is.
pub(super) fn strike(
    faults: &mut [Armed],
    (stack, logical_id, resource_type): (&str, &str, &str),
    task: FaultTask,
    late: bool,
) -> Option<String> {
    let is = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
    let mut message = None;
    for armed in faults.iter_mut() {
        let spec = &armed.spec;
        if spec.late == late
            && is(&spec.stack, stack)
            && is(&spec.logical_id, logical_id)
            && is(&spec.resource_type, resource_type)
            && spec
                .task
                .map_or(!matches!(task, FaultTask::Boot | FaultTask::Signal), |wanted| {
                    wanted == task
                })
        {
            armed.seen += 1;
            let begins = spec.nth.max(1);
            let strikes =
                armed.seen >= begins && spec.times.is_none_or(|times| armed.seen < begins.saturating_add(times));
            if strikes && message.is_none() {
                message = Some(spec.message.clone());
            }
        }
    }
    message
}
