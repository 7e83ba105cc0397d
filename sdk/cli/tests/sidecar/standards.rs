//! What standard tools ask of a gRPC server: health, reflection; and spans for a collector.

use std::convert::Infallible;
use std::time::Duration;

use cenote_proto::v1::ListVmsRequest;
use http_body_util::BodyExt;
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::body::Body;
use tonic::codegen::http::{HeaderValue, Request, Response};
use tonic::transport::Server;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionRequest};

use crate::harness::{Sidecar, live, shell};

#[tokio::test]
async fn health_is_answered_and_ends_with_a_drain() {
    let mut sidecar = Sidecar::start(&[]).await;
    let mut health = HealthClient::new(sidecar.channel.clone());
    for service in ["", "cenote.v1.Vms", "cenote.v1.HostChannel"] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    let unknown = HealthCheckRequest {
        service: "cenote.v1.Nonsense".into(),
    };
    let status = health.check(unknown).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::NotFound);
    // A call that is under way holds the drain open, so that the change can be seen.
    let vm = sidecar.vm().await;
    let call = sidecar.processes(&vm).exec(live(shell("read x"))).await;
    let mut watch = health.watch(HealthCheckRequest::default()).await;
    let watch = watch.as_mut().unwrap().get_mut();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let own = Pid::from_raw(i32::try_from(sidecar.child.id()).unwrap()).unwrap();
    kill_process(own, Signal::TERM).unwrap();
    let next = watch.message().await.unwrap().unwrap();
    assert_eq!(next.status(), ServingStatus::NotServing);
    drop(call);
    // A second signal does not wait for who still watches.
    kill_process(own, Signal::TERM).unwrap();
    assert!(sidecar.child.wait().unwrap().success());
}

#[tokio::test]
async fn reflection_names_every_service_of_the_contract() {
    let sidecar = Sidecar::start(&[]).await;
    let mut reflection = ServerReflectionClient::new(sidecar.channel.clone());
    let ask = |request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(request),
    };
    let (questions, asked) = mpsc::channel(2);
    let list = MessageRequest::ListServices(String::new());
    let file = MessageRequest::FileContainingSymbol("cenote.v1.Vms".into());
    for request in [list, file] {
        questions.send(ask(request)).await.unwrap();
    }
    let answers = reflection.server_reflection_info(ReceiverStream::new(asked));
    let mut answers = answers.await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(ListServiceResponse { service })) = first else {
        panic!("{first:?}")
    };
    for name in cenote_proto::methods() {
        let (name, _) = name.trim_start_matches('/').split_once('/').unwrap();
        assert!(
            service.iter().any(|one| one.name == name),
            "{name}: {service:?}"
        );
    }
    let second = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::FileDescriptorResponse(files)) = second else {
        panic!("{second:?}")
    };
    assert!(!files.file_descriptor_proto.is_empty());
}

/// A collector on loopback that passes on what it is sent: (path, body).
async fn collector() -> (u16, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel(64);
    let service = tower::service_fn(move |request: Request<Body>| {
        let tell = tell.clone();
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            tell.send((path, body.to_vec())).await.unwrap();
            // An empty message, and its end.
            let mut response = Response::new(Body::new(http_body_util::Full::new(
                bytes::Bytes::from_static(&[0; 5]),
            )));
            let headers = response.headers_mut();
            headers.insert("content-type", HeaderValue::from_static("application/grpc"));
            Ok::<_, Infallible>(response)
        }
    });
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(Server::builder().serve_with_incoming(service, incoming));
    (port, told)
}

#[tokio::test]
async fn spans_of_calls_reach_a_collector_when_asked() {
    let (port, mut told) = collector().await;
    let address = format!("http://127.0.0.1:{port}");
    let mut sidecar = Sidecar::start(&["--traces", &address]).await;
    sidecar.vms().list(ListVmsRequest {}).await.unwrap();
    // What was not sent yet is sent at the end.
    drop(sidecar.child.stdin.take());
    let sent = tokio::time::timeout(Duration::from_secs(60), told.recv()).await;
    let (path, body) = sent.unwrap().unwrap();
    assert_eq!(
        path,
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    );
    for text in ["/cenote.v1.Vms/List", "service.name", "cenote"] {
        let found = body
            .windows(text.len())
            .any(|window| window == text.as_bytes());
        assert!(found, "{text}: {}", String::from_utf8_lossy(&body));
    }
    assert!(sidecar.child.wait().unwrap().success());
}
