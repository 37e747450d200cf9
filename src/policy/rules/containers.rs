//! ECR repositories and ECS tasks.

use super::super::possible::{Possible, boolean, text};
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Absent, Resource, once};
use crate::diagnostic::{Severity, codes};

const REPOSITORY: &[&str] = &["AWS::ECR::Repository"];
const TASK: &[&str] = &["AWS::ECS::TaskDefinition"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::REPOSITORY_WITHOUT_KEY,
        id: "ecr-key",
        severity: Severity::Warning,
        scope: Scope::Protected,
        reason: "ECR's own key has no policy and no trace in CloudTrail; it cannot be changed later",
        fix: "set `EncryptionConfiguration.EncryptionType` to `KMS`",
        sources: &["Security Hub ECR.5"],
        types: REPOSITORY,
        check: repository_key,
    },
    Rule {
        code: codes::MUTABLE_TAGS,
        id: "ecr-immutable-tags",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "if a tag can be moved, what was tested under it need not be what runs",
        fix: "set `ImageTagMutability` to `IMMUTABLE`",
        sources: &["FSBP ECR.2"],
        types: REPOSITORY,
        check: immutable_tags,
    },
    Rule {
        code: codes::NO_IMAGE_SCAN,
        id: "ecr-scan-on-push",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "known vulnerabilities are found when an image arrives, or by somebody else",
        fix: "set `ImageScanningConfiguration.ScanOnPush` to true",
        sources: &["FSBP ECR.1"],
        types: REPOSITORY,
        check: scan_on_push,
    },
    Rule {
        code: codes::TASK_PUBLIC_ADDRESS,
        id: "ecs-public-address",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "what has a public address is probed by the whole internet",
        fix: "set `AssignPublicIp` to `DISABLED` and run it in private subnets",
        sources: &["FSBP ECS.2", "FSBP ECS.16"],
        types: &["AWS::ECS::Service", "AWS::ECS::TaskSet"],
        check: public_address,
    },
    Rule {
        code: codes::PRIVILEGED_CONTAINER,
        id: "ecs-privileged",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "a privileged container is root on its host and on everything else that runs there",
        fix: "set `Privileged` to false; add single capabilities under `LinuxParameters` if they are needed",
        sources: &["FSBP ECS.4"],
        types: TASK,
        check: privileged,
    },
    Rule {
        code: codes::ROOT_CONTAINER,
        id: "ecs-root",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "whoever breaks out of a container that runs as root is root outside too",
        fix: "name a user other than root under `User`",
        sources: &["Security Hub ECS.20"],
        types: TASK,
        check: root,
    },
    Rule {
        code: codes::HOST_NAMESPACE,
        id: "ecs-host-namespace",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "a container that shares them sees, and can stop, what others run on the host",
        fix: "leave `PidMode` and `IpcMode` out, or set them to `task`",
        sources: &["FSBP ECS.3"],
        types: TASK,
        check: host_namespace,
    },
    Rule {
        code: codes::NO_CONTAINER_LOG,
        id: "ecs-logging",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "when it crashes, what it said last is gone with it",
        fix: "set `LogConfiguration` with the driver `awslogs`",
        sources: &["FSBP ECS.9"],
        types: TASK,
        check: logging,
    },
];

fn repository_key(resource: &Resource<'_>) -> Vec<Finding> {
    let path = ["EncryptionConfiguration", "EncryptionType"];
    let message = format!(
        "the repository `{}` is encrypted with a key of ECR's own",
        resource.name
    );
    let places = resource.at(&path).into_iter();
    once(places.filter_map(|place| match place {
        Possible::Absent => Some(resource.missing(&path.join("."), message.clone())),
        Possible::Given(node) if node.as_str() == Some("AES256") => Some(Finding::at(&node.span, message.clone())),
        _ => None,
    }))
}

fn immutable_tags(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("tags in the repository `{}` can be moved", resource.name);
    let places = resource.at(&["ImageTagMutability"]).into_iter();
    once(places.filter_map(|place| match place {
        Possible::Absent => Some(resource.missing("ImageTagMutability", message.clone())),
        Possible::Given(node) if node.as_str() == Some("MUTABLE") => Some(Finding::at(&node.span, message.clone())),
        _ => None,
    }))
}

fn scan_on_push(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!(
        "images in the repository `{}` are not scanned when they arrive",
        resource.name
    );
    let path = ["ImageScanningConfiguration", "ScanOnPush"];
    resource.must_be_on(&path, Absent::IsOff, &message)
}

fn public_address(resource: &Resource<'_>) -> Vec<Finding> {
    let path = ["NetworkConfiguration", "AwsvpcConfiguration", "AssignPublicIp"];
    let other = ["NetworkConfiguration", "AwsVpcConfiguration", "AssignPublicIp"];
    let places = [resource.at(&path), resource.at(&other)].concat();
    let on = places.into_iter().filter_map(Possible::given);
    let on = on.filter(|node| node.as_str() == Some("ENABLED"));
    once(on.map(|node| {
        Finding::at(
            &node.span,
            format!("containers of `{}` get public addresses", resource.name),
        )
    }))
}

/// The containers of a task, each with the words for it in a message.
fn containers<'a>(resource: &Resource<'a>) -> Vec<(Possible<'a>, String)> {
    let all = resource.items(&["ContainerDefinitions"]).into_iter();
    all.map(|container| {
        let name = container
            .get("Name")
            .into_iter()
            .find_map(Possible::given)
            .and_then(text);
        let words = match name {
            Some(name) => format!("the container `{name}` of `{}`", resource.name),
            None => format!("a container of `{}`", resource.name),
        };
        (container, words)
    })
    .collect()
}

fn privileged(resource: &Resource<'_>) -> Vec<Finding> {
    let found = containers(resource).into_iter().filter_map(|(container, words)| {
        let on = container.get("Privileged").into_iter().filter_map(Possible::given);
        let on = on.into_iter().find(|node| boolean(node) == Some(true))?;
        Some(Finding::at(&on.span, format!("{words} is privileged")))
    });
    once(found)
}

/// Only a user that is named is judged: without one the image decides.
fn root(resource: &Resource<'_>) -> Vec<Finding> {
    let found = containers(resource).into_iter().filter_map(|(container, words)| {
        let users = container.get("User").into_iter().filter_map(Possible::given);
        let is_root = |user: &str| matches!(user.split(':').next(), Some("root" | "0"));
        let user = users
            .into_iter()
            .find(|node| text(node).is_some_and(|user| is_root(&user)))?;
        Some(Finding::at(&user.span, format!("{words} runs as root")))
    });
    once(found)
}

fn host_namespace(resource: &Resource<'_>) -> Vec<Finding> {
    let places = [resource.at(&["PidMode"]), resource.at(&["IpcMode"])].concat();
    let shared = places.into_iter().filter_map(Possible::given);
    let shared = shared.filter(|node| node.as_str() == Some("host"));
    once(shared.map(|node| {
        Finding::at(
            &node.span,
            format!("containers of `{}` share a namespace with the host", resource.name),
        )
    }))
}

fn logging(resource: &Resource<'_>) -> Vec<Finding> {
    let found = containers(resource).into_iter().filter_map(|(container, words)| {
        let node = container.given()?;
        let absent = container.get("LogConfiguration").contains(&Possible::Absent);
        absent.then(|| {
            let label = "`LogConfiguration` is missing";
            let place = node.entries().first().map_or(&node.span, |(_, key, _)| key);
            Finding::at(place, format!("the output of {words} is kept nowhere")).saying(label)
        })
    });
    once(found)
}
