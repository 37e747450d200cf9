//! Connections to a port of a pod: how they end, and what is said of it.

use std::cell::Cell;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::diagnostic::codes;
use crate::ship::kubernetes::forward::{exchange, port_forward};

#[tokio::test(start_paused = true)]
async fn a_port_that_is_taken_and_a_workload_without_pods_are_told() {
    let mut stage = super::Stage::new();
    let nobody = port_forward(&stage.ground(), 0, 8080, |_| ()).await.unwrap_err();
    assert_eq!(nobody.code, codes::NO_POD);
    stage.roll_out(&super::api(1), None).await.unwrap();
    stage.told();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let problem = port_forward(&stage.ground(), port, 8080, |_| ()).await.unwrap_err();
    assert_eq!(problem.code, codes::PORT_NOT_FORWARDED);
    assert!(problem.message.contains(&port.to_string()));
}

#[tokio::test]
async fn a_refused_port_is_told_before_its_client_is_let_go() {
    let (mut client, ours) = duplex(64);
    let (stream, pod) = duplex(64);
    client.write_all(b"GET /ping").await.unwrap();
    // The pod's side has already ended too: what was said still comes first.
    drop(pod);
    let told = Cell::new(None);
    let refused = async { Some("connection refused".to_owned()) };
    let end = exchange(ours, stream, refused, |why| {
        let waiting = std::pin::pin!(client.read_u8());
        let mut nothing = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(
            waiting.poll(&mut nothing).is_pending(),
            "the client was let go before it was told"
        );
        told.set(Some(why));
    });
    assert_eq!(end.await, None);
    assert_eq!(told.take().as_deref(), Some("connection refused"));
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the client waits for nobody");
}

#[tokio::test]
async fn what_came_from_the_pod_is_counted_and_handed_on_in_full() {
    let (mut client, ours) = duplex(64);
    let (stream, mut pod) = duplex(64);
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    pod.write_all(b"answer!").await.unwrap();
    pod.shutdown().await.unwrap();
    // The messages of a port may end long before its bytes are read.
    let end = exchange(ours, stream, async { None }, |why| panic!("{why}"));
    assert_eq!(end.await, Some(7));
    let (mut asked, mut answered) = (String::new(), String::new());
    pod.read_to_string(&mut asked).await.unwrap();
    client.read_to_string(&mut answered).await.unwrap();
    assert_eq!((asked.as_str(), answered.as_str()), ("question", "answer!"));
}

#[tokio::test]
async fn a_pod_that_says_nothing_is_told_from_a_client_that_breaks_off() {
    let (mut client, ours) = duplex(64);
    let (stream, pod) = duplex(64);
    drop(pod);
    client.shutdown().await.unwrap();
    assert_eq!(
        exchange(ours, stream, async { None }, |why| panic!("{why}")).await,
        Some(0)
    );
}
