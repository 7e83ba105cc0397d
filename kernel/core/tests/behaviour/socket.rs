//! Unix sockets and loopback TCP through the call layer.

use std::io::{IoSlice, IoSliceMut};
use std::net::Ipv4Addr;

use cenote_base::wait::block_on;
use cenote_kernel::abi::fs::OpenFlags;
use cenote_kernel::abi::socket::{
    AddressFamily, MessageFlags, ShutdownHow, SocketAddress, SocketFlags, SocketType, UnixPath,
};
use cenote_kernel::syscall::{self, SendMessage};

use super::world::{World, assert_errno, fork_with};

#[test]
fn descriptors_travel_through_a_socketpair() {
    World::new().check(|task| {
        let (one, other) = syscall::socketpair(
            task,
            AddressFamily::Unix,
            SocketType::Stream,
            0,
            SocketFlags::empty(),
        )
        .unwrap();
        let (reader, writer) = syscall::pipe2(task, OpenFlags::empty()).unwrap();
        let message = SendMessage {
            bytes: &[IoSlice::new(b"fd")],
            rights: &[writer],
            to: None,
        };
        assert_eq!(
            block_on(syscall::sendmsg(task, one, message, MessageFlags::empty())).unwrap(),
            2
        );
        syscall::close(task, writer).unwrap();
        let mut buf = [0; 8];
        let received = block_on(syscall::recvmsg(
            task,
            other,
            &mut [IoSliceMut::new(&mut buf)],
            MessageFlags::empty(),
            4,
        ))
        .unwrap();
        assert_eq!((received.copied, received.rights.len()), (2, 1));
        block_on(syscall::write(task, received.rights[0], b"through")).unwrap();
        assert_eq!(block_on(syscall::read(task, reader, &mut buf)).unwrap(), 7);
        syscall::shutdown(task, one, ShutdownHow::Write).unwrap();
        assert_eq!(block_on(syscall::read(task, other, &mut buf)).unwrap(), 0);
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "one conversation, told in order")]
fn server_and_client_meet_at_a_path_and_at_a_port() {
    World::new().check(|task| {
        let addresses = [
            (
                AddressFamily::Unix,
                SocketAddress::UnixPath(UnixPath::new(b"/tmp/socket").unwrap()),
            ),
            (
                AddressFamily::Inet,
                SocketAddress::Inet {
                    address: Ipv4Addr::LOCALHOST,
                    port: 8080,
                },
            ),
        ];
        for (family, address) in addresses {
            let server =
                syscall::socket(task, family, SocketType::Stream, 0, SocketFlags::empty()).unwrap();
            syscall::bind(task, server, &address).unwrap();
            syscall::listen(task, server, 5).unwrap();
            fork_with(task, move |child| {
                let client =
                    syscall::socket(child, family, SocketType::Stream, 0, SocketFlags::empty())
                        .unwrap();
                block_on(syscall::connect(child, client, &address)).unwrap();
                block_on(syscall::sendto(
                    child,
                    client,
                    b"hi",
                    MessageFlags::empty(),
                    None,
                ))
                .unwrap();
                0
            })
            .unwrap();
            let (peer, _) =
                block_on(syscall::accept4(task, server, SocketFlags::SOCK_CLOEXEC)).unwrap();
            let mut buf = [0; 8];
            assert_eq!(block_on(syscall::read(task, peer, &mut buf)).unwrap(), 2);
            assert_eq!(block_on(syscall::read(task, peer, &mut buf)).unwrap(), 0);
        }
        let again = syscall::socket(
            task,
            AddressFamily::Unix,
            SocketType::Stream,
            0,
            SocketFlags::empty(),
        )
        .unwrap();
        assert_errno!(syscall::bind(task, again, &addresses[0].1), EADDRINUSE);
        let nobody = SocketAddress::Inet {
            address: Ipv4Addr::LOCALHOST,
            port: 1,
        };
        let client = syscall::socket(
            task,
            AddressFamily::Inet,
            SocketType::Stream,
            0,
            SocketFlags::empty(),
        )
        .unwrap();
        assert_errno!(
            block_on(syscall::connect(task, client, &nobody)),
            ECONNREFUSED
        );
        let outside = SocketAddress::Inet {
            address: Ipv4Addr::new(192, 0, 2, 1),
            port: 80,
        };
        assert_errno!(
            block_on(syscall::connect(task, client, &outside)),
            ENETUNREACH
        );
        assert_errno!(
            syscall::socket(
                task,
                AddressFamily::Netlink,
                SocketType::Raw,
                0,
                SocketFlags::empty()
            ),
            EAFNOSUPPORT
        );
        assert_errno!(syscall::getsockname(task, super::world::fd(99)), EBADF);
    });
}
