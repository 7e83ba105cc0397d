//! Descriptors made for waiting: epoll, eventfd, timerfd, signalfd, inotify; and their calls.

pub mod calls;
pub(crate) mod epoll;
pub(crate) mod eventfd;
pub(crate) mod inotify;
pub(crate) mod signalfd;
pub(crate) mod timerfd;

pub use epoll::EpollEvent;

/// What `/proc/self/fd` calls an open file of this module.
pub(crate) fn describe(file: &cenote_vfs::OpenFile) -> &'static str {
    if file.downcast::<epoll::Epoll>().is_some() {
        "eventpoll"
    } else if file.downcast::<eventfd::EventFd>().is_some() {
        "eventfd"
    } else if file.downcast::<timerfd::TimerFd>().is_some() {
        "timerfd"
    } else if file.downcast::<signalfd::SignalFd>().is_some() {
        "signalfd"
    } else if file.downcast::<inotify::Inotify>().is_some() {
        "inotify"
    } else {
        "unknown"
    }
}
