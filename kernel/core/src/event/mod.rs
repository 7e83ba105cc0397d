//! Descriptors made for waiting: epoll, eventfd, timerfd, signalfd; and their calls.

pub mod calls;
pub(crate) mod epoll;
pub(crate) mod eventfd;
pub(crate) mod signalfd;
pub(crate) mod timerfd;

pub use epoll::EpollEvent;
