//! Terminals: `Termios` and its flags, the window size, and the numbers of terminal and file `ioctl`s.
//!
//! Follows termios(3) and `ioctl_tty(2)` with x86-64's kernel layout: 19 control characters, speeds in `c_cflag`.

flags! {
    /// Input modes.
    pub struct InputFlags: u32 {
        IGNBRK = 0o1,
        BRKINT = 0o2,
        IGNPAR = 0o4,
        PARMRK = 0o10,
        INPCK = 0o20,
        ISTRIP = 0o40,
        INLCR = 0o100,
        IGNCR = 0o200,
        ICRNL = 0o400,
        IUCLC = 0o1000,
        IXON = 0o2000,
        IXANY = 0o4000,
        IXOFF = 0o10000,
        IMAXBEL = 0o20000,
        IUTF8 = 0o40000,
    }
}

flags! {
    /// Output modes.
    pub struct OutputFlags: u32 {
        OPOST = 0o1,
        OLCUC = 0o2,
        ONLCR = 0o4,
        OCRNL = 0o10,
        ONOCR = 0o20,
        ONLRET = 0o40,
        OFILL = 0o100,
        OFDEL = 0o200,
        NLDLY = 0o400,
        CRDLY = 0o3000,
        TABDLY = 0o14000,
        /// Expand tabs: all bits of `TABDLY`.
        XTABS = 0o14000,
        BSDLY = 0o20000,
        VTDLY = 0o40000,
        FFDLY = 0o100000,
    }
}

flags! {
    /// Control modes, with the speed.
    pub struct ControlFlags: u32 {
        CBAUD = 0o10017,
        CSIZE = 0o60,
        CS6 = 0o20,
        CS7 = 0o40,
        CS8 = 0o60,
        CSTOPB = 0o100,
        CREAD = 0o200,
        PARENB = 0o400,
        PARODD = 0o1000,
        HUPCL = 0o2000,
        CLOCAL = 0o4000,
        CRTSCTS = 0o20000000000,
    }
}

flags! {
    /// Local modes.
    pub struct LocalFlags: u32 {
        ISIG = 0o1,
        ICANON = 0o2,
        XCASE = 0o4,
        ECHO = 0o10,
        ECHOE = 0o20,
        ECHOK = 0o40,
        ECHONL = 0o100,
        NOFLSH = 0o200,
        TOSTOP = 0o400,
        ECHOCTL = 0o1000,
        ECHOPRT = 0o2000,
        ECHOKE = 0o4000,
        FLUSHO = 0o10000,
        PENDIN = 0o40000,
        IEXTEN = 0o100000,
        EXTPROC = 0o200000,
    }
}

flags! {
    /// What the master of a pseudo-terminal in packet mode is told (`TIOCPKT_*`); no bit: data follows.
    pub struct PacketEvents: u8 {
        FLUSHREAD = 1,
        FLUSHWRITE = 2,
        STOP = 4,
        START = 8,
        NOSTOP = 16,
        DOSTOP = 32,
        IOCTL = 64,
    }
}

constants! { usize {
    VINTR = 0, VQUIT = 1, VERASE = 2, VKILL = 3, VEOF = 4, VTIME = 5, VMIN = 6, VSWTC = 7, VSTART = 8, VSTOP = 9,
    VSUSP = 10, VEOL = 11, VREPRINT = 12, VDISCARD = 13, VWERASE = 14, VLNEXT = 15, VEOL2 = 16,
    /// How many control characters the kernel's `termios` has (glibc's own has 32).
    NCCS = 19,
} }

/// The character that switches a control character off.
pub const POSIX_VDISABLE: u8 = 0;

constants! { u32 {
    B0 = 0, B50 = 1, B75 = 2, B110 = 3, B134 = 4, B150 = 5, B200 = 6, B300 = 7, B600 = 8, B1200 = 9, B1800 = 10,
    B2400 = 11, B4800 = 12, B9600 = 13, B19200 = 14, B38400 = 15, B57600 = 0o10001, B115200 = 0o10002,
    B230400 = 0o10003,
} }

/// The settings of a terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Termios {
    /// Input modes.
    pub input: InputFlags,
    /// Output modes.
    pub output: OutputFlags,
    /// Control modes, with the speed.
    pub control: ControlFlags,
    /// Local modes.
    pub local: LocalFlags,
    /// The line discipline; always 0, the terminal's.
    pub line: u8,
    /// The control characters, by `VINTR`….
    pub cc: [u8; NCCS],
}

impl Termios {
    /// The settings a Linux terminal starts with (`tty_std_termios`).
    pub const INITIAL: Self = Self {
        input: InputFlags::ICRNL.union(InputFlags::IXON),
        output: OutputFlags::OPOST.union(OutputFlags::ONLCR),
        control: ControlFlags::from_bits_retain(
            B38400
                | ControlFlags::CS8.bits()
                | ControlFlags::CREAD.bits()
                | ControlFlags::HUPCL.bits(),
        ),
        local: LocalFlags::ISIG
            .union(LocalFlags::ICANON)
            .union(LocalFlags::ECHO)
            .union(LocalFlags::ECHOE)
            .union(LocalFlags::ECHOK)
            .union(LocalFlags::ECHOCTL)
            .union(LocalFlags::ECHOKE)
            .union(LocalFlags::IEXTEN),
        line: 0,
        cc: [
            3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0,
        ],
    };
}

impl Default for Termios {
    fn default() -> Self {
        Self::INITIAL
    }
}

/// The size of a terminal's window.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WinSize {
    /// Rows of characters.
    pub rows: u16,
    /// Columns of characters.
    pub cols: u16,
    /// Width in pixels; 0 when unknown.
    pub xpixel: u16,
    /// Height in pixels; 0 when unknown.
    pub ypixel: u16,
}

constants! { u32 {
    TCGETS = 0x5401, TCSETS = 0x5402, TCSETSW = 0x5403, TCSETSF = 0x5404, TCGETA = 0x5405, TCSETA = 0x5406,
    TCSETAW = 0x5407, TCSETAF = 0x5408, TCSBRK = 0x5409, TCXONC = 0x540a, TCFLSH = 0x540b, TIOCEXCL = 0x540c,
    TIOCNXCL = 0x540d, TIOCSCTTY = 0x540e, TIOCGPGRP = 0x540f, TIOCSPGRP = 0x5410, TIOCOUTQ = 0x5411,
    TIOCSTI = 0x5412, TIOCGWINSZ = 0x5413, TIOCSWINSZ = 0x5414, TIOCMGET = 0x5415, FIONREAD = 0x541b,
    TIOCINQ = 0x541b, TIOCLINUX = 0x541c, TIOCCONS = 0x541d, TIOCPKT = 0x5420, FIONBIO = 0x5421,
    TIOCNOTTY = 0x5422, TIOCSETD = 0x5423, TIOCGETD = 0x5424, TCSBRKP = 0x5425, TIOCSBRK = 0x5427,
    TIOCCBRK = 0x5428, TIOCGSID = 0x5429, FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIOASYNC = 0x5452,
    TIOCGPTN = 0x8004_5430, TIOCSPTLCK = 0x4004_5431, TIOCGPTLCK = 0x8004_5439, TIOCGPTPEER = 0x5441,
    TIOCGPKT = 0x8004_5438, TIOCGEXCL = 0x8004_5440,
    TCGETS2 = 0x802c_542a, TCSETS2 = 0x402c_542b, TCSETSW2 = 0x402c_542c, TCSETSF2 = 0x402c_542d,
    FIOQSIZE = 0x5460, FS_IOC_GETFLAGS = 0x8008_6601, FS_IOC_SETFLAGS = 0x4008_6602, FICLONE = 0x4004_9409,
    FICLONERANGE = 0x4020_940d, BLKGETSIZE64 = 0x8008_1272, SIOCGIFCONF = 0x8912, SIOCGIFADDR = 0x8915,
    SIOCATMARK = 0x8905,
} }

constants! { i32 {
    TCIFLUSH = 0, TCOFLUSH = 1, TCIOFLUSH = 2, TCOOFF = 0, TCOON = 1, TCIOFF = 2, TCION = 3,
    TCSANOW = 0, TCSADRAIN = 1, TCSAFLUSH = 2,
} }
