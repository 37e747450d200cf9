//! A port of this machine, behind which a pod of the workload answers.

use std::net::{Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::diagnose::is_ready;
use super::ground::Ground;
use super::kind::collection;
use super::read::{is_leaving, name};
use crate::clock::Clock;
use crate::diagnostic::{Problem, codes};
use crate::ship::Tell;

const CONNECT: std::time::Duration = std::time::Duration::from_secs(20);
const CLOSE: std::time::Duration = std::time::Duration::from_secs(1);

/// Listens on `local` (any free port if 0) of 127.0.0.1, and hands each connection to `remote` of a ready pod, until the
/// stop. `ready` is told the address once it listens.
pub(super) async fn port_forward(
    ground: &Ground<'_>,
    local: u16,
    remote: u16,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), Problem> {
    if ground.cluster.is_simulated {
        return Err(Problem::error(
            codes::PORT_NOT_FORWARDED,
            "the clusters of the sandbox forward no ports",
        )
        .note("nothing really runs in them: there is nobody to answer"));
    }
    // Whether there is a pod at all is known before anybody connects.
    pod(ground).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, local)).await;
    let listener = listener.map_err(|error| not_bound(local, &error))?;
    let address = listener.local_addr().map_err(|error| not_bound(local, &error))?;
    ready(address);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ground.stop.cancelled() => return Ok(()),
        };
        // A connection that broke before it was taken is nobody's loss.
        let Ok((connection, _)) = accepted else { continue };
        while connections.try_join_next().is_some() {}
        match pod(ground).await {
            Ok(pod) => {
                let pods: Api<Pod> = Api::namespaced(ground.api().client.clone(), ground.namespace);
                connections.spawn(carry(pods, pod, remote, connection, ground.tell.clone()));
            }
            Err(problem) => ground.tell.note(problem.message),
        }
    }
}

fn not_bound(local: u16, error: &std::io::Error) -> Problem {
    Problem::error(
        codes::PORT_NOT_FORWARDED,
        format!("port {local} of 127.0.0.1 cannot be listened on"),
    )
    .note(error.to_string())
    .hint("choose another one, or 0: then it is any that is free")
}

/// A pod that is ready.
async fn pod(ground: &Ground<'_>) -> Result<String, Problem> {
    let selector = ground.selector();
    let path = collection("v1", "pods", Some(ground.namespace));
    let query = [("labelSelector", selector.as_str())];
    let pods = ground.api().list_patiently(&path, &query).await;
    let pods = pods.map_err(|error| ground.failed("its pods", &error))?;
    let fits = |pod: &&Json| is_ready(pod) && !is_leaving(pod);
    match pods.iter().find(fits) {
        Some(pod) => Ok(name(pod).to_owned()),
        None => Err(
            Problem::error(codes::NO_POD, format!("no pod of `{}` is ready", ground.workload))
                .note(format!(
                    "{} pods carry its labels in the namespace {}",
                    pods.len(),
                    ground.namespace
                ))
                .hint(format!("mlinfra workloads {}", ground.environment))
                .hint(format!("mlinfra logs {} {}", ground.environment, ground.workload)),
        ),
    }
}

async fn carry(pods: Api<Pod>, pod: String, port: u16, connection: TcpStream, tell: Tell) {
    let forwarded = Clock::real().timeout(CONNECT, pods.portforward(&pod, &[port])).await;
    let mut forwarder = match forwarded {
        Ok(Ok(forwarder)) => forwarder,
        Ok(Err(error)) => return tell.note(format!("{pod}: port {port} is not forwarded: {error}")),
        Err(late) => return tell.note(format!("{pod}: port {port} is not forwarded: {late}")),
    };
    let (Some(stream), Some(refused)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
        return forwarder.abort();
    };
    let came = exchange(connection, stream, refused, |why| tell.note(format!("{pod}: {why}"))).await;
    // A pod that ended a connection before it said anything is told; a client that did so knows it.
    if came != Some(0) {
        return forwarder.abort();
    }
    if let Ok(Err(error)) = Clock::real().timeout(CLOSE, forwarder.join()).await {
        tell.note(format!("{pod}: the connection to port {port} broke: {error}"));
    }
}

/// Hands bytes to and fro until both sides have ended, and gives how many came from the pod. If the node refuses the port,
/// `told` hears why before the client's side is closed, and nothing is given.
pub(super) async fn exchange<C, P>(
    mut connection: C,
    mut stream: P,
    refused: impl Future<Output = Option<String>>,
    told: impl FnOnce(String),
) -> Option<u64>
where
    C: AsyncRead + AsyncWrite + Unpin,
    P: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        biased;
        Some(why) = refused => {
            told(why);
            None
        }
        // Either side may end it at any time, also in the middle; that is how connections end.
        ended = copy_bidirectional(&mut connection, &mut stream) => ended.ok().map(|(_, came)| came),
    }
}
