//! The machine's table of bound sockets: [`Sockets`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use cenote_abi::Errno;
use cenote_abi::socket::{AddressFamily, SocketType};
use cenote_base::limits::{Budget, Resource};
use cenote_base::{SysError, SysResult, WaitQueue};
use parking_lot::Mutex;

use crate::address::{InodeKey, Name, canonical, is_own};
use crate::outward::Outward;
use crate::socket::Socket;

/// Ports given out when none is asked for: Linux's `ip_local_port_range`.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// What a bound socket is found by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
enum Key {
    Path(InodeKey),
    Abstract(cenote_abi::socket::UnixPath),
    Port(SocketType, u16),
}

impl Key {
    fn of(name: Name, kind: SocketType) -> Self {
        match name {
            Name::Path(key, _) => Self::Path(key),
            Name::Abstract(text) => Self::Abstract(text),
            Name::Inet(_, port) => Self::Port(kind, port),
        }
    }
}

#[derive(Debug)]
struct Bound {
    address: Option<IpAddr>,
    /// An IPv6 wildcard that takes IPv4 as well.
    is_dual: bool,
    may_share: bool,
    socket: Weak<Socket>,
}

#[derive(Debug)]
struct Names {
    bound: HashMap<Key, Vec<Bound>>,
    next_port: u16,
    all: Vec<Weak<Socket>>,
    is_shut_down: bool,
}

/// A socket that takes connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listening {
    /// Where.
    pub name: Name,
    /// The process that called `listen`.
    pub pid: i32,
}

/// The sockets of one machine.
#[derive(Debug)]
pub struct Sockets {
    names: Mutex<Names>,
    /// Woken when a socket begins to listen, and when the machine ends.
    changed: WaitQueue,
    budget: Arc<Budget>,
    outward: Outward,
}

impl Sockets {
    /// A machine without sockets and without a way out; they are charged to `budget`.
    #[must_use]
    pub fn new(budget: Arc<Budget>) -> Arc<Self> {
        Self::with_outward(budget, Outward::closed())
    }

    /// A machine without sockets, with a way out.
    #[must_use]
    pub fn with_outward(budget: Arc<Budget>, outward: Outward) -> Arc<Self> {
        let names = Names {
            bound: HashMap::new(),
            next_port: *EPHEMERAL.start(),
            all: Vec::new(),
            is_shut_down: false,
        };
        Arc::new(Self {
            names: Mutex::new(names),
            changed: WaitQueue::new(),
            budget,
            outward,
        })
    }

    /// Makes a socket. See socket(2).
    ///
    /// # Errors
    /// `EAFNOSUPPORT`: a family we do not have. `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`: a type or protocol it does not
    /// have. `ENFILE`: the machine's limit `sockets`. `ENETDOWN`: the machine has ended.
    pub fn socket(
        self: &Arc<Self>,
        family: AddressFamily,
        kind: SocketType,
        protocol: i32,
    ) -> SysResult<Arc<Socket>> {
        check(family, kind, protocol)?;
        let charge = self.budget.charge(Resource::Sockets, 1)?;
        let socket = Socket::new(self, family, kind, charge);
        let mut names = self.names.lock();
        if names.is_shut_down {
            drop(names);
            return Err(SysError::with_note(
                Errno::ENETDOWN,
                "the machine has ended",
            ));
        }
        names.all.retain(|other| other.strong_count() > 0);
        names.all.push(Arc::downgrade(&socket));
        Ok(socket)
    }

    /// Makes two sockets connected to each other. See socketpair(2).
    ///
    /// # Errors
    /// `EOPNOTSUPP`: not a Unix socket; otherwise as [`socket`](Self::socket).
    pub fn pair(
        self: &Arc<Self>,
        family: AddressFamily,
        kind: SocketType,
        protocol: i32,
        owner: cenote_abi::socket::PeerCredentials,
    ) -> SysResult<(Arc<Socket>, Arc<Socket>)> {
        check(family, kind, protocol)?;
        if family != AddressFamily::Unix {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let (one, other) = (
            self.socket(family, kind, protocol)?,
            self.socket(family, kind, protocol)?,
        );
        Socket::join(&one, &other, owner);
        Ok((one, other))
    }

    /// Lets go of everything under way, when the machine ends: descriptors sent to each other by sockets that nobody can
    /// reach would keep them alive.
    pub fn shut_down(&self) {
        let all = {
            let mut names = self.names.lock();
            names.is_shut_down = true;
            std::mem::take(&mut names.all)
        };
        for socket in all.iter().filter_map(Weak::upgrade) {
            socket.close();
        }
        self.changed.wake_all();
    }

    /// Whether [`shut_down`](Self::shut_down) was called: nothing will listen any more.
    #[must_use]
    pub fn is_shut_down(&self) -> bool {
        self.names.lock().is_shut_down
    }

    /// Woken when a socket begins to listen, and when the machine ends.
    #[must_use]
    pub fn changed(&self) -> &WaitQueue {
        &self.changed
    }

    /// Who takes connections at this moment, in the order the sockets were made.
    #[must_use]
    pub fn listeners(&self) -> Vec<Listening> {
        // The sockets are let go after the table: the last reference to one closes it.
        let all: Vec<Arc<Socket>> = {
            let names = self.names.lock();
            names.all.iter().filter_map(Weak::upgrade).collect()
        };
        all.iter().filter_map(|socket| socket.listening()).collect()
    }

    pub(crate) fn outward(&self) -> &Outward {
        &self.outward
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Binds `socket` and answers the name it has then: a port of 0 is chosen.
    pub(crate) fn bind(
        &self,
        socket: &Arc<Socket>,
        name: Name,
        may_share: bool,
        v6_only: bool,
    ) -> SysResult<Name> {
        let kind = socket.kind();
        let mut names = self.names.lock();
        match name {
            Name::Path(key, _) => names.add(Key::Path(key), socket, None, false, false)?,
            Name::Abstract(text) => names.add(Key::Abstract(text), socket, None, false, false)?,
            Name::Inet(address, port) => {
                let is_group = kind == SocketType::Datagram && canonical(address).is_multicast();
                if !is_own(address) && !is_group {
                    return Err(SysError::with_note(
                        Errno::EADDRNOTAVAIL,
                        "not an address of the machine",
                    ));
                }
                let is_dual = !v6_only && matches!(address, IpAddr::V6(v6) if v6.is_unspecified());
                let address = canonical(address);
                if port != 0 {
                    names.add(
                        Key::Port(kind, port),
                        socket,
                        Some(address),
                        is_dual,
                        may_share,
                    )?;
                    return Ok(name);
                }
                let port = names.free_port(kind)?;
                names.add(
                    Key::Port(kind, port),
                    socket,
                    Some(address),
                    is_dual,
                    may_share,
                )?;
                return Ok(Name::Inet(address, port));
            }
        }
        Ok(name)
    }

    /// A port for the near end of a connection.
    pub(crate) fn ephemeral_port(&self, kind: SocketType) -> SysResult<u16> {
        self.names.lock().free_port(kind)
    }

    /// Frees the names of a socket.
    pub(crate) fn unbind(&self, socket: &Socket) {
        let Some(name) = *socket.name.lock() else {
            return;
        };
        let key = Key::of(name, socket.kind());
        let mut names = self.names.lock();
        let Some(list) = names.bound.get_mut(&key) else {
            return;
        };
        // By address, not by upgrading: a reference that turned out to be the last would close its socket under our lock.
        list.retain(|bound| {
            bound.socket.strong_count() > 0 && !std::ptr::eq(bound.socket.as_ptr(), socket)
        });
        if list.is_empty() {
            names.bound.remove(&key);
        }
    }

    /// Everybody bound to a port, by whatever address.
    pub(crate) fn bound_to_port(&self, kind: SocketType, port: u16) -> Vec<Arc<Socket>> {
        let names = self.names.lock();
        let list = names.bound.get(&Key::Port(kind, port));
        list.into_iter()
            .flatten()
            .filter_map(|bound| bound.socket.upgrade())
            .collect()
    }

    /// Who is bound there.
    pub(crate) fn find(&self, name: Name, kind: SocketType) -> Option<Arc<Socket>> {
        let names = self.names.lock();
        let address = match name {
            Name::Path(..) | Name::Abstract(_) => None,
            Name::Inet(address, _) => Some(canonical(address)),
        };
        let list = names.bound.get(&Key::of(name, kind))?;
        let Some(address) = address else {
            return list.first()?.socket.upgrade();
        };
        let fits = |bound: &&Bound| match bound.address {
            Some(own) if own == address => true,
            Some(own) if own.is_unspecified() => {
                own.is_ipv4() == address.is_ipv4() || bound.is_dual
            }
            _ => false,
        };
        // The exact address goes before the wildcard.
        let exact = list.iter().find(|bound| bound.address == Some(address));
        exact.or_else(|| list.iter().find(fits))?.socket.upgrade()
    }
}

impl Names {
    fn add(
        &mut self,
        key: Key,
        socket: &Arc<Socket>,
        address: Option<IpAddr>,
        is_dual: bool,
        may_share: bool,
    ) -> SysResult {
        let list = self.bound.entry(key).or_default();
        list.retain(|bound| bound.socket.strong_count() > 0);
        let overlaps = |bound: &Bound| match (bound.address, address) {
            (Some(theirs), Some(ours)) => {
                let same_family = theirs.is_ipv4() == ours.is_ipv4() || bound.is_dual || is_dual;
                theirs == ours
                    || (same_family && (theirs.is_unspecified() || ours.is_unspecified()))
            }
            _ => true,
        };
        if list
            .iter()
            .any(|bound| overlaps(bound) && !(may_share && bound.may_share))
        {
            return Err(Errno::EADDRINUSE.into());
        }
        list.push(Bound {
            address,
            is_dual,
            may_share,
            socket: Arc::downgrade(socket),
        });
        Ok(())
    }

    fn free_port(&mut self, kind: SocketType) -> SysResult<u16> {
        for _ in EPHEMERAL {
            let port = self.next_port;
            self.next_port = if port >= *EPHEMERAL.end() {
                *EPHEMERAL.start()
            } else {
                port + 1
            };
            if !self.bound.contains_key(&Key::Port(kind, port)) {
                return Ok(port);
            }
        }
        Err(SysError::with_note(
            Errno::EADDRINUSE,
            "every ephemeral port is taken",
        ))
    }
}

fn check(family: AddressFamily, kind: SocketType, protocol: i32) -> SysResult {
    use cenote_abi::socket::{IPPROTO_TCP, IPPROTO_UDP};
    match (family, kind) {
        (
            AddressFamily::Unix,
            SocketType::Stream | SocketType::Datagram | SocketType::SeqPacket,
        ) => {
            if protocol == 0 || protocol == AddressFamily::Unix as i32 {
                Ok(())
            } else {
                Err(Errno::EPROTONOSUPPORT.into())
            }
        }
        (AddressFamily::Inet | AddressFamily::Inet6, SocketType::Stream) => {
            if protocol == 0 || protocol == IPPROTO_TCP {
                Ok(())
            } else {
                Err(Errno::EPROTONOSUPPORT.into())
            }
        }
        (AddressFamily::Inet | AddressFamily::Inet6, SocketType::Datagram) => {
            if protocol == 0 || protocol == IPPROTO_UDP {
                Ok(())
            } else {
                Err(Errno::EPROTONOSUPPORT.into())
            }
        }
        (AddressFamily::Inet | AddressFamily::Inet6, SocketType::Raw) => Err(SysError::with_note(
            Errno::EPERM,
            "raw sockets are not to be had",
        )),
        (AddressFamily::Unix | AddressFamily::Inet | AddressFamily::Inet6, _) => {
            Err(Errno::ESOCKTNOSUPPORT.into())
        }
        (AddressFamily::Unspecified | AddressFamily::Netlink | AddressFamily::Packet, _) => Err(
            SysError::with_note(Errno::EAFNOSUPPORT, "only unix, inet and inet6"),
        ),
    }
}
