//! The sandbox on a port.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::super::{parse_faults, serve};
use super::{in_memory, open, settings};
use crate::clock::Clock;

#[tokio::test]
async fn a_client_with_an_endpoint_url_finds_every_service_on_the_port() {
    let sandbox = in_memory().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(Arc::clone(&sandbox), listener, stop.clone()));
    let config = settings()
        .into_builder()
        .endpoint_url(format!("http://{address}"))
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(true)
            .build(),
    );
    s3.create_bucket().bucket("by-port").send().await.unwrap();
    s3.put_object()
        .bucket("by-port")
        .key("a b")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    let head = s3.head_object().bucket("by-port").key("a b").send().await.unwrap();
    assert_eq!(head.content_length(), Some(1));
    let identity = aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(identity.account(), Some(super::ACCOUNT));
    assert!(
        aws_sdk_eks::Client::new(&config)
            .list_clusters()
            .send()
            .await
            .unwrap()
            .clusters()
            .is_empty()
    );
    assert!(
        aws_sdk_sagemaker::Client::new(&config)
            .list_models()
            .send()
            .await
            .unwrap()
            .models()
            .is_empty()
    );
    let missing = aws_sdk_eks::Client::new(&config)
        .describe_cluster()
        .name("none")
        .send()
        .await
        .unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
    stop.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_presigned_address_is_answered() {
    use aws_sdk_s3::presigning::PresigningConfig;
    let sandbox = in_memory().await;
    let config = super::config(&sandbox);
    let s3 = aws_sdk_s3::Client::new(&config);
    s3.create_bucket().bucket("signed").send().await.unwrap();
    s3.put_object()
        .bucket("signed")
        .key("k")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();
    let hour = PresigningConfig::expires_in(std::time::Duration::from_secs(3600)).unwrap();
    let signed = s3.get_object().bucket("signed").key("k").presigned(hour).await.unwrap();
    let answer = sandbox
        .handle(winterbaume_core::MockRequest {
            method: "GET".to_owned(),
            uri: signed.uri().to_owned(),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
        })
        .await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"x"[..]));
}

#[tokio::test]
async fn a_dropped_answer_breaks_the_connection() {
    let faults = parse_faults("[[fault]]\nservice = 'sts'\ndrop_answer = 1").unwrap();
    let sandbox = open(None, Clock::real(), faults).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(sandbox, listener, stop.clone()));
    let config = settings()
        .into_builder()
        .endpoint_url(format!("http://{address}"))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .build();
    let sts = aws_sdk_sts::Client::new(&config);
    let broken = sts.get_caller_identity().send().await.unwrap_err();
    assert!(broken.as_service_error().is_none(), "{broken:?}");
    sts.get_caller_identity().send().await.unwrap();
    stop.cancel();
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_this_machine_is_served() {
    let sandbox = in_memory().await;
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = serve(sandbox, listener, CancellationToken::new()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
}
