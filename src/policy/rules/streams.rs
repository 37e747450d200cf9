//! Queues, topics, streams and brokers.

use super::super::possible::{Possible, boolean, text};
use super::super::rule::{Finding, Rule, Scope};
use super::super::subject::{Resource, once};
use crate::diagnostic::{Severity, codes};

const FIREHOSE: &str = "AWS::KinesisFirehose::DeliveryStream";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: codes::UNENCRYPTED_QUEUE,
        id: "sqs-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "messages lie on disk for up to a fortnight; SQS encrypts them unless told not to",
        fix: "leave `SqsManagedSseEnabled` true, or set `KmsMasterKeyId`",
        sources: &["FSBP SQS.1"],
        types: &["AWS::SQS::Queue"],
        check: queue,
    },
    Rule {
        code: codes::UNENCRYPTED_TOPIC,
        id: "sns-encryption",
        severity: Severity::Warning,
        scope: Scope::Everywhere,
        reason: "messages that wait for delivery lie on disk",
        fix: "set `KmsMasterKeyId`, to `alias/aws/sns` if only principals of this account publish",
        sources: &["Security Hub SNS.1"],
        types: &["AWS::SNS::Topic"],
        check: topic,
    },
    Rule {
        code: codes::UNENCRYPTED_STREAM,
        id: "kinesis-encryption",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "records lie on disk for a day to a year",
        fix: "set `StreamEncryption`, or `DeliveryStreamEncryptionConfigurationInput` for Firehose",
        sources: &["FSBP Kinesis.1", "FSBP DataFirehose.1"],
        types: &["AWS::Kinesis::Stream", FIREHOSE],
        check: stream,
    },
    Rule {
        code: codes::BROKERS_WITHOUT_TLS,
        id: "msk-tls",
        severity: Severity::Error,
        scope: Scope::Everywhere,
        reason: "what goes in clear text between clients and brokers can be read and changed on its way",
        fix: "set `EncryptionInTransit` to `InCluster: true` and `ClientBroker: TLS`",
        sources: &["FSBP MSK.1"],
        types: &["AWS::MSK::Cluster"],
        check: brokers,
    },
];

fn queue(resource: &Resource<'_>) -> Vec<Finding> {
    if !resource.lacks(&["KmsMasterKeyId"]) {
        return Vec::new();
    }
    let message = format!("the queue `{}` is not encrypted", resource.name);
    let off = resource
        .at(&["SqsManagedSseEnabled"])
        .into_iter()
        .filter_map(Possible::given);
    let off = off.filter(|node| boolean(node) == Some(false));
    once(off.map(|node| Finding::at(&node.span, message.clone())))
}

fn topic(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the topic `{}` is not encrypted", resource.name);
    resource.must_have(&["KmsMasterKeyId"], &message)
}

fn stream(resource: &Resource<'_>) -> Vec<Finding> {
    let message = format!("the stream `{}` is not encrypted", resource.name);
    if resource.kind != FIREHOSE {
        return resource.must_have(&["StreamEncryption"], &message);
    }
    // What comes from another stream is encrypted there.
    let sources = ["KinesisStreamSourceConfiguration", "MSKSourceConfiguration"];
    if sources.iter().any(|source| !resource.lacks(&[source])) {
        return Vec::new();
    }
    resource.must_have(&["DeliveryStreamEncryptionConfigurationInput"], &message)
}

fn brokers(resource: &Resource<'_>) -> Vec<Finding> {
    let path = |key| ["EncryptionInfo", "EncryptionInTransit", key];
    let name = resource.name;
    let inside = resource.at(&path("InCluster")).into_iter().filter_map(Possible::given);
    let inside = inside.filter(|node| boolean(node) == Some(false));
    let inside = inside.map(|node| {
        Finding::at(
            &node.span,
            format!("brokers of `{name}` talk to each other in clear text"),
        )
    });
    let clients = resource
        .at(&path("ClientBroker"))
        .into_iter()
        .filter_map(Possible::given);
    let clients = clients.filter(|node| text(node).is_some_and(|text| text.contains("PLAINTEXT")));
    let clients =
        clients.map(|node| Finding::at(&node.span, format!("brokers of `{name}` take clients in clear text")));
    once(inside.chain(clients))
}
