//! Sockets: decode, call the kernel, encode. Addresses and messages as x86-64 lays them out, with 32-bit pointers.
//!
//! `sockaddr_un`, `sockaddr_in`, `sockaddr_in6` and back ([`read_address`], [`write_address`]); `msghdr` has 36 bytes (name 0, its length 4,
//! parts 8, their count 12, control 20, its length 24, flags 32); a control message has a header of 16 bytes (length 0, level 8, type
//! 12) and is aligned to 8. See socket(2), unix(7), ip(7), cmsg(3).

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, Ipv6Addr};

use cenote_abi::Errno;
use cenote_abi::socket::{
    AddressFamily, MessageFlags, PeerCredentials, SCM_CREDENTIALS, SCM_MAX_FD, SCM_RIGHTS,
    SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET, ShutdownHow, SocketAddress, SocketFlags, SocketType,
    UnixPath,
};
use cenote_base::{Fd, SysResult};
use cenote_kernel::syscall::{self, SendMessage};

use super::call::Call;
use crate::memory::{GuestMemory, number, widen};

/// The longest address that is looked at: `struct sockaddr_storage`.
const ADDRESS_MAX: u32 = 128;
/// The longest control data that is looked at: a full `SCM_RIGHTS` and more.
const CONTROL_MAX: u32 = 4096;
/// The longest option value.
const OPTION_MAX: u32 = 256;
const CONTROL_HEADER: usize = 16;
const MESSAGE_HEADER: usize = 36;
/// The bits of the type argument that are the type.
const TYPE_MASK: i32 = 0xf;

/// Type and flags of `socket` and `socketpair`.
fn kind_and_flags(raw: i32) -> SysResult<(SocketType, SocketFlags)> {
    let flags = socket_flags(raw & !TYPE_MASK)?;
    Ok((
        SocketType::from_raw(raw & TYPE_MASK).ok_or(Errno::EINVAL)?,
        flags,
    ))
}

fn socket_flags(raw: i32) -> SysResult<SocketFlags> {
    Ok(SocketFlags::from_bits(raw.cast_unsigned()).ok_or(Errno::EINVAL)?)
}

fn message_flags(raw: i32) -> MessageFlags {
    // Bits without a name are ignored, as Linux does.
    MessageFlags::from_bits_truncate(raw.cast_unsigned())
}

fn family(raw: i32) -> SysResult<AddressFamily> {
    Ok(AddressFamily::from_raw(raw).ok_or(Errno::EAFNOSUPPORT)?)
}

pub(super) fn socket(call: &mut Call<'_>, domain: i32, kind: i32, protocol: i32) -> SysResult<Fd> {
    let (kind, flags) = kind_and_flags(kind)?;
    syscall::socket(call.task(), family(domain)?, kind, protocol, flags)
}

pub(super) fn socketpair(
    call: &mut Call<'_>,
    domain: i32,
    kind: i32,
    protocol: i32,
    fds: u32,
) -> SysResult {
    let (kind, flags) = kind_and_flags(kind)?;
    let (mut memory, task) = call.parts()?;
    memory.slice(fds, 8)?;
    let (one, other) = syscall::socketpair(task, family(domain)?, kind, protocol, flags)?;
    memory.write(fds, &one.raw().to_le_bytes())?;
    memory.write(fds + 4, &other.raw().to_le_bytes())
}

/// Reads a `sockaddr` of `len` bytes.
///
/// # Errors
/// `EINVAL`: too short or too long for its family. `EAFNOSUPPORT`: of no known family. `EFAULT`.
fn read_address(memory: &GuestMemory<'_>, address: u32, len: u32) -> SysResult<SocketAddress> {
    if !(2..=ADDRESS_MAX).contains(&len) {
        return Err(Errno::EINVAL.into());
    }
    let bytes = memory.slice(address, len)?;
    let (head, rest) = bytes.split_at(2);
    let raw = i32::from(u16::from_le_bytes([head[0], head[1]]));
    match AddressFamily::from_raw(raw).ok_or(Errno::EAFNOSUPPORT)? {
        AddressFamily::Unspecified => Ok(SocketAddress::Unspecified),
        AddressFamily::Unix => unix_address(rest),
        AddressFamily::Inet => {
            let [p, q, a, b, c, d, ..] = *rest else {
                return Err(Errno::EINVAL.into());
            };
            if len < 16 {
                return Err(Errno::EINVAL.into());
            }
            Ok(SocketAddress::Inet {
                address: Ipv4Addr::new(a, b, c, d),
                port: u16::from_be_bytes([p, q]),
            })
        }
        AddressFamily::Inet6 => {
            // 24 bytes would do: the scope came later.
            let (Some(port), Some(flow), Some(octets)) = (
                rest.first_chunk::<2>(),
                rest.get(2..6),
                rest.get(6..22)
                    .and_then(|octets| octets.first_chunk::<16>()),
            ) else {
                return Err(Errno::EINVAL.into());
            };
            Ok(SocketAddress::Inet6 {
                address: Ipv6Addr::from(*octets),
                port: u16::from_be_bytes(*port),
                flow_info: number(flow),
                scope_id: rest.get(22..26).map_or(0, number),
            })
        }
        AddressFamily::Netlink | AddressFamily::Packet => Err(Errno::EAFNOSUPPORT.into()),
    }
}

/// What follows the family of a `sockaddr_un`: nothing, a path up to its zero, or a zero and an abstract name.
fn unix_address(bytes: &[u8]) -> SysResult<SocketAddress> {
    match bytes {
        [] => Ok(SocketAddress::UnixUnnamed),
        [0, name @ ..] => Ok(SocketAddress::UnixAbstract(
            UnixPath::new(name).ok_or(Errno::EINVAL)?,
        )),
        path => {
            let end = path
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(path.len());
            Ok(SocketAddress::UnixPath(
                UnixPath::new(&path[..end]).ok_or(Errno::EINVAL)?,
            ))
        }
    }
}

/// A `sockaddr` with this address.
fn encode_address(address: &SocketAddress) -> Vec<u8> {
    let family = u16::try_from(address.family().raw()).unwrap_or_default();
    let mut bytes = family.to_le_bytes().to_vec();
    match address {
        SocketAddress::Unspecified => bytes.clear(),
        SocketAddress::UnixUnnamed => {}
        SocketAddress::UnixPath(path) => {
            bytes.extend_from_slice(path.as_bytes());
            bytes.push(0);
        }
        SocketAddress::UnixAbstract(name) => {
            bytes.push(0);
            bytes.extend_from_slice(name.as_bytes());
        }
        SocketAddress::Inet { address, port } => {
            bytes.extend_from_slice(&port.to_be_bytes());
            bytes.extend_from_slice(&address.octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        SocketAddress::Inet6 {
            address,
            port,
            flow_info,
            scope_id,
        } => {
            bytes.extend_from_slice(&port.to_be_bytes());
            bytes.extend_from_slice(&flow_info.to_le_bytes());
            bytes.extend_from_slice(&address.octets());
            bytes.extend_from_slice(&scope_id.to_le_bytes());
        }
    }
    bytes
}

/// Writes an address where the caller wants it, cut to the room that `len` names, and its whole length there.
fn write_address(
    memory: &mut GuestMemory<'_>,
    address: u32,
    len: u32,
    value: &SocketAddress,
) -> SysResult {
    if address == 0 {
        return Ok(());
    }
    let room = memory.i32(len)?;
    let room = u32::try_from(room).map_err(|_| Errno::EINVAL)?;
    let bytes = encode_address(value);
    memory.write_truncated(address, room, &bytes)?;
    memory.write(
        len,
        &u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes(),
    )
}

pub(super) fn bind(call: &mut Call<'_>, fd: i32, address: u32, len: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    syscall::bind(task, Fd::new(fd), &read_address(&memory, address, len)?)
}

pub(super) fn listen(call: &mut Call<'_>, fd: i32, backlog: i32) -> SysResult {
    syscall::listen(call.task(), Fd::new(fd), backlog)
}

pub(super) async fn accept(call: &mut Call<'_>, fd: i32, address: u32, len: u32) -> SysResult<Fd> {
    accept4(call, fd, address, len, 0).await
}

pub(super) async fn accept4(
    call: &mut Call<'_>,
    fd: i32,
    address: u32,
    len: u32,
    flags: i32,
) -> SysResult<Fd> {
    let flags = socket_flags(flags)?;
    let (mut memory, task) = call.parts()?;
    let (connection, peer) = syscall::accept4(task, Fd::new(fd), flags).await?;
    match write_address(&mut memory, address, len, &peer) {
        Ok(()) => Ok(connection),
        Err(error) => {
            syscall::close(task, connection)?;
            Err(error)
        }
    }
}

pub(super) async fn connect(call: &mut Call<'_>, fd: i32, address: u32, len: u32) -> SysResult {
    let (memory, task) = call.parts()?;
    let address = read_address(&memory, address, len)?;
    syscall::connect(task, Fd::new(fd), &address).await
}

pub(super) fn getsockname(call: &mut Call<'_>, fd: i32, address: u32, len: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let name = syscall::getsockname(task, Fd::new(fd))?;
    memory.slice(address, 1)?;
    write_address(&mut memory, address, len, &name)
}

pub(super) fn getpeername(call: &mut Call<'_>, fd: i32, address: u32, len: u32) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let name = syscall::getpeername(task, Fd::new(fd))?;
    memory.slice(address, 1)?;
    write_address(&mut memory, address, len, &name)
}

pub(super) fn shutdown(call: &mut Call<'_>, fd: i32, how: i32) -> SysResult {
    let how = ShutdownHow::from_raw(how).ok_or(Errno::EINVAL)?;
    syscall::shutdown(call.task(), Fd::new(fd), how)
}

/// Where to, for `sendto` and `sendmsg`: nothing where no address is given.
fn destination(
    memory: &GuestMemory<'_>,
    address: u32,
    len: u32,
) -> SysResult<Option<SocketAddress>> {
    if address == 0 {
        Ok(None)
    } else {
        read_address(memory, address, len).map(Some)
    }
}

pub(super) async fn sendto(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    count: u32,
    flags: i32,
    address: u32,
    len: u32,
) -> SysResult<usize> {
    let (memory, task) = call.parts()?;
    let to = destination(&memory, address, len)?;
    syscall::sendto(
        task,
        Fd::new(fd),
        memory.slice(buffer, count)?,
        message_flags(flags),
        to.as_ref(),
    )
    .await
}

pub(super) async fn recvfrom(
    call: &mut Call<'_>,
    fd: i32,
    buffer: u32,
    count: u32,
    flags: i32,
    address: u32,
    len: u32,
) -> SysResult<usize> {
    let flags = message_flags(flags);
    let (mut memory, task) = call.parts()?;
    let (copied, length, from) =
        syscall::recvfrom(task, Fd::new(fd), memory.slice_mut(buffer, count)?, flags).await?;
    write_address(&mut memory, address, len, &from)?;
    Ok(if flags.contains(MessageFlags::MSG_TRUNC) {
        length
    } else {
        copied
    })
}

/// A `msghdr` as it lies in memory.
struct MessageHeader {
    name: u32,
    name_len: u32,
    parts: u32,
    part_count: i32,
    control: u32,
    control_len: u32,
}

impl MessageHeader {
    fn read(memory: &GuestMemory<'_>, address: u32) -> SysResult<Self> {
        let bytes = memory.read::<MESSAGE_HEADER>(address)?;
        let field = |at: usize| number(&bytes[at..at + 4]);
        Ok(Self {
            name: field(0),
            name_len: field(4),
            parts: field(8),
            part_count: field(12).cast_signed(),
            control: field(20),
            control_len: if field(20) == 0 { 0 } else { field(24) },
        })
    }
}

/// The descriptors in control data.
///
/// # Errors
/// `EINVAL`: malformed, or of a kind that cannot be sent. `EFAULT`.
fn read_rights(memory: &GuestMemory<'_>, header: &MessageHeader) -> SysResult<Vec<Fd>> {
    if header.control_len > CONTROL_MAX {
        return Err(Errno::ENOBUFS.into());
    }
    let mut rest = memory.slice(header.control, header.control_len)?;
    let mut rights = Vec::new();
    while rest.len() >= CONTROL_HEADER {
        let length = widen(number(&rest[..4]));
        if length < CONTROL_HEADER || length > rest.len() {
            return Err(Errno::EINVAL.into());
        }
        let (level, kind) = (
            number(&rest[8..12]).cast_signed(),
            number(&rest[12..16]).cast_signed(),
        );
        match (level, kind) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                let fds = rest[CONTROL_HEADER..length].chunks_exact(4);
                rights.extend(fds.map(|fd| Fd::new(number(fd).cast_signed())));
            }
            // The kernel says who sends; a false claim would be refused, a true one adds nothing.
            (SOL_SOCKET, SCM_CREDENTIALS) => {}
            _ => return Err(Errno::EINVAL.into()),
        }
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Ok(rights)
}

const fn aligned(length: usize) -> usize {
    (length + 7) & !7
}

pub(super) async fn sendmsg(
    call: &mut Call<'_>,
    fd: i32,
    message: u32,
    flags: i32,
) -> SysResult<usize> {
    let (memory, task) = call.parts()?;
    let header = MessageHeader::read(&memory, message)?;
    let parts = memory.iovecs(header.parts, header.part_count)?;
    let rights = read_rights(&memory, &header)?;
    let to = destination(&memory, header.name, header.name_len)?;
    let message = SendMessage {
        bytes: &memory.io_slices(&parts)?,
        rights: &rights,
        to,
    };
    syscall::sendmsg(task, Fd::new(fd), message, message_flags(flags)).await
}

pub(super) async fn recvmsg(
    call: &mut Call<'_>,
    fd: i32,
    message: u32,
    flags: i32,
) -> SysResult<usize> {
    let wanted = message_flags(flags);
    let (mut memory, task) = call.parts()?;
    let header = MessageHeader::read(&memory, message)?;
    let parts = memory.iovecs(header.parts, header.part_count)?;
    let room = widen(header.control_len.min(CONTROL_MAX));
    memory.slice(header.control, header.control_len.min(CONTROL_MAX))?;
    let max_rights = (room.saturating_sub(CONTROL_HEADER) / 4).min(SCM_MAX_FD);
    let mut bounce = Vec::new();
    let received = match memory.io_slices_mut(&parts)? {
        Some(mut slices) => {
            syscall::recvmsg(task, Fd::new(fd), &mut slices, wanted, max_rights).await?
        }
        None => {
            // Parts that overlap: rare, and read through a copy.
            bounce.resize(
                parts
                    .iter()
                    .map(|(_, len)| widen(*len))
                    .sum::<usize>()
                    .min(1 << 20),
                0,
            );
            syscall::recvmsg(
                task,
                Fd::new(fd),
                &mut [IoSliceMut::new(&mut bounce)],
                wanted,
                max_rights,
            )
            .await?
        }
    };
    let mut rest = bounce.get(..received.copied).unwrap_or_default();
    for (address, len) in &parts {
        let (now, later) = rest.split_at(rest.len().min(widen(*len)));
        if !now.is_empty() {
            memory.write(*address, now)?;
        }
        rest = later;
    }
    let mut flags = received.flags;
    let control = control_data(&received.rights, received.credentials, room, &mut flags);
    let name = if header.name == 0 {
        Vec::new()
    } else {
        encode_address(&received.from)
    };
    memory.write_if_wanted(header.control, &control)?;
    if header.name != 0 {
        memory.write_truncated(header.name, header.name_len, &name)?;
        memory.write(
            message + 4,
            &u32::try_from(name.len()).unwrap_or_default().to_le_bytes(),
        )?;
    }
    memory.write(
        message + 24,
        &u32::try_from(control.len())
            .unwrap_or_default()
            .to_le_bytes(),
    )?;
    memory.write(message + 32, &flags.bits().to_le_bytes())?;
    Ok(if wanted.contains(MessageFlags::MSG_TRUNC) {
        received.length
    } else {
        received.copied
    })
}

/// What came along, as control messages; what has no room is left out and marked.
fn control_data(
    rights: &[Fd],
    credentials: Option<PeerCredentials>,
    room: usize,
    flags: &mut MessageFlags,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut add = |kind: i32, data: &[u8]| {
        let length = CONTROL_HEADER + data.len();
        if aligned(bytes.len()) + length > room {
            *flags |= MessageFlags::MSG_CTRUNC;
            return;
        }
        bytes.resize(aligned(bytes.len()), 0);
        bytes.extend_from_slice(&u64::try_from(length).unwrap_or_default().to_le_bytes());
        bytes.extend_from_slice(&SOL_SOCKET.to_le_bytes());
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(data);
    };
    if let Some(who) = credentials {
        add(
            SCM_CREDENTIALS,
            &[
                who.pid.to_le_bytes(),
                who.uid.to_le_bytes(),
                who.gid.to_le_bytes(),
            ]
            .concat(),
        );
    }
    if !rights.is_empty() {
        let fds: Vec<u8> = rights
            .iter()
            .flat_map(|fd| fd.raw().to_le_bytes())
            .collect();
        add(SCM_RIGHTS, &fds);
    }
    let padded = aligned(bytes.len()).min(room);
    bytes.resize(padded.max(bytes.len()), 0);
    bytes
}

pub(super) fn setsockopt(
    call: &mut Call<'_>,
    fd: i32,
    level: i32,
    name: i32,
    value: u32,
    len: u32,
) -> SysResult {
    let (memory, task) = call.parts()?;
    let len = i32::try_from(len).map_err(|_| Errno::EINVAL)?;
    let mut bytes = memory
        .slice(value, len.cast_unsigned().min(OPTION_MAX))?
        .to_vec();
    if level == SOL_SOCKET && matches!(name, SO_RCVTIMEO | SO_SNDTIMEO) {
        // A `timeval` of our C programs: beside the 32 bits of microseconds lies padding.
        bytes.iter_mut().skip(12).for_each(|byte| *byte = 0);
    }
    syscall::setsockopt(task, Fd::new(fd), level, name, &bytes)
}

pub(super) fn getsockopt(
    call: &mut Call<'_>,
    fd: i32,
    level: i32,
    name: i32,
    value: u32,
    len: u32,
) -> SysResult {
    let (mut memory, task) = call.parts()?;
    let room = u32::try_from(memory.i32(len)?).map_err(|_| Errno::EINVAL)?;
    let bytes = syscall::getsockopt(task, Fd::new(fd), level, name)?;
    let written = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(room);
    memory.write_truncated(value, room, &bytes)?;
    memory.write(len, &written.to_le_bytes())
}
