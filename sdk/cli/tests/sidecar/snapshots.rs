//! Snapshots, forks, tar streams and changes of files over the sidecar's socket.

use cenote_proto::v1::{
    CreateVmRequest, DisposeVmRequest, DropSnapshotRequest, ExportRequest, ForkVmRequest,
    HostDirectory, ImportRequest, ImportTarget, Isolation, Mount, SnapshotRequest, WatchKind,
    WatchRequest, import_request, mount,
};
use tonic::Code;

use crate::harness::{Sidecar, code_of};

async fn snapshot(sidecar: &Sidecar, vm: &str) -> String {
    let request = SnapshotRequest { vm: vm.into() };
    sidecar
        .vms()
        .snapshot(request)
        .await
        .unwrap()
        .into_inner()
        .snapshot
}

async fn export(sidecar: &Sidecar, request: ExportRequest) -> Result<Vec<u8>, tonic::Status> {
    let mut chunks = sidecar.vms().export(request).await?.into_inner();
    let mut tar = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        tar.extend_from_slice(&chunk.data);
    }
    Ok(tar)
}

async fn import(sidecar: &Sidecar, vm: &str, tar: &[u8]) -> Result<u64, tonic::Status> {
    let target = ImportTarget {
        vm: vm.into(),
        ..ImportTarget::default()
    };
    let mut messages = vec![import_request::Message::Target(target)];
    messages.extend(
        tar.chunks(10_000)
            .map(|piece| import_request::Message::Data(piece.to_vec().into())),
    );
    let stream = tokio_stream::iter(messages.into_iter().map(|message| ImportRequest {
        message: Some(message),
    }));
    Ok(sidecar.vms().import(stream).await?.into_inner().entries)
}

#[tokio::test]
async fn forks_live_beside_the_machine_they_were_made_of_and_outlive_it() {
    let sidecar = Sidecar::start(&[]).await;
    let first = sidecar.create(CreateVmRequest::default()).await;
    sidecar.shell(&first.id, "echo one > /root/a").await;
    let kept = snapshot(&sidecar, &first.id).await;
    let request = ForkVmRequest {
        vm: first.id.clone(),
        id: "fork".into(),
    };
    let fork = sidecar.vms().fork(request).await.unwrap().into_inner();
    assert_eq!(
        (fork.id.as_str(), fork.worker_pid),
        ("fork", first.worker_pid)
    );
    assert_eq!(fork.isolation(), Isolation::Shared);
    sidecar.shell("fork", "echo two > /root/a").await;
    assert_eq!(sidecar.shell(&first.id, "cat /root/a").await, "one\n");
    let from = |mounts| CreateVmRequest {
        snapshot: kept.clone(),
        mounts,
        ..CreateVmRequest::default()
    };
    let third = sidecar.create(from(Vec::new())).await;
    assert_eq!(sidecar.shell(&third.id, "cat /root/a").await, "one\n");
    // What the first was not granted cannot be granted in its process.
    let host = HostDirectory {
        path: "/tmp".into(),
        ..HostDirectory::default()
    };
    let mounts = vec![Mount {
        guest: "/host".into(),
        source: Some(mount::Source::Host(host)),
    }];
    let refused = sidecar.vms().create(from(mounts)).await.unwrap_err();
    assert_eq!(code_of(&refused), "OPTION");
    let dispose = DisposeVmRequest {
        vm: first.id.clone(),
    };
    sidecar.vms().dispose(dispose).await.unwrap();
    assert_eq!(sidecar.shell("fork", "cat /root/a").await, "two\n");
    let gone = sidecar.vms().create(from(Vec::new())).await.unwrap_err();
    assert_eq!(
        (gone.code(), code_of(&gone)),
        (Code::NotFound, "NO_SUCH_SNAPSHOT".into())
    );
}

#[tokio::test]
async fn exported_changes_come_back_in_another_process() {
    let sidecar = Sidecar::start(&[]).await;
    let first = sidecar.vm().await;
    sidecar
        .shell(
            &first,
            "head -c 3000000 /dev/urandom > /root/big; ln /root/big /root/same; rm /etc/shells",
        )
        .await;
    let kept = snapshot(&sidecar, &first).await;
    let of_snapshot = ExportRequest {
        snapshot: kept.clone(),
        ..ExportRequest::default()
    };
    let tar = export(&sidecar, of_snapshot.clone()).await.unwrap();
    let other = sidecar.vm().await;
    assert!(import(&sidecar, &other, &tar).await.unwrap() > 2);
    let sums = "sha256sum < /root/same; test -e /etc/shells || echo gone";
    assert_eq!(
        sidecar.shell(&first, sums).await,
        sidecar.shell(&other, sums).await
    );
    let changes = ExportRequest {
        vm: other.clone(),
        changes: true,
        ..ExportRequest::default()
    };
    assert!(export(&sidecar, changes).await.unwrap() == tar);
    let failed = import(&sidecar, &other, &tar[..1_000_000])
        .await
        .unwrap_err();
    assert_eq!(code_of(&failed), "ARCHIVE");
    let drop = DropSnapshotRequest { snapshot: kept };
    sidecar.vms().drop_snapshot(drop.clone()).await.unwrap();
    sidecar.vms().drop_snapshot(drop).await.unwrap();
    let gone = export(&sidecar, of_snapshot).await.unwrap_err();
    assert_eq!(code_of(&gone), "NO_SUCH_SNAPSHOT");
}

#[tokio::test]
async fn watched_files_tell_their_changes_until_the_machine_ends() {
    let sidecar = Sidecar::start(&[]).await;
    let vm = sidecar.vm().await;
    let request = WatchRequest {
        path: b"/root".as_slice().into(),
        recursive: true,
    };
    let mut events = sidecar
        .files(&vm)
        .watch(request)
        .await
        .unwrap()
        .into_inner();
    let ready = events.message().await.unwrap().unwrap();
    assert_eq!(ready.kind(), WatchKind::Ready);
    sidecar.shell(&vm, "echo x > /root/a").await;
    let made = events.message().await.unwrap().unwrap();
    assert_eq!(
        (made.kind(), &made.path[..]),
        (WatchKind::Rename, &b"a"[..])
    );
    let dispose = DisposeVmRequest { vm };
    sidecar.vms().dispose(dispose).await.unwrap();
    while let Ok(Some(event)) = events.message().await {
        assert_eq!(&event.path[..], b"a");
    }
}
