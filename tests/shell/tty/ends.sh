# The two ends of a pseudo-terminal: readiness, closing, locks, packet mode, sizes, reads with a minimum and a time.
# shell: bash
cat >ends.py <<'PYTHON'
import errno, fcntl, os, pty, select, struct, termios as t, time

TIOCPKT, TIOCGPKT, TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK, TIOCGPTPEER = 0x5420, 0x80045438, 0x80045430, 0x40045431, 0x80045439, 0x5441

def attempt(call):
    try:
        return call()
    except (OSError, t.error) as error:
        return errno.errorcode[error.args[0]]

def ready(fd):
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLOUT | select.POLLPRI)
    names = [name for name in ('IN', 'PRI', 'OUT', 'ERR', 'HUP')]
    return [name for _, bits in poll.poll(100) for name in names if bits & getattr(select, 'POLL' + name)]

def number(fd, request, value=0):
    return struct.unpack('i', fcntl.ioctl(fd, request, struct.pack('i', value)))[0]

def raw(fd, minimum, tenths):
    mode = t.tcgetattr(fd)
    mode[3] &= ~(t.ICANON | t.ECHO)
    mode[6][t.VMIN], mode[6][t.VTIME] = minimum, tenths
    t.tcsetattr(fd, t.TCSANOW, mode)

def later(seconds, call):
    child = os.fork()
    if child == 0:
        time.sleep(seconds)
        call()
        os._exit(0)
    return child

master, slave = pty.openpty()
print('fresh', ready(master), ready(slave))
os.write(master, b'ab')
time.sleep(0.1)
print('half a line', ready(master), ready(slave))
os.write(master, b'\n')
time.sleep(0.1)
print('a line', ready(master), ready(slave))
raw(slave, 3, 0)
print('all read', os.read(slave, 9), os.read(master, 9), ready(slave))
os.write(master, b'ab')
time.sleep(0.1)
print('under the minimum', ready(slave))
os.write(master, b'c')
time.sleep(0.1)
print('at the minimum', ready(slave), os.read(slave, 9))
child = later(0.1, lambda: os.write(master, b'x'))
os.write(master, b'yz')
print('waits for the minimum', os.read(slave, 9))
os.waitpid(child, 0)
raw(slave, 3, 2)
os.write(master, b'a')
print('gives up between bytes', os.read(slave, 9))
raw(slave, 0, 1)
print('gives up at once', os.read(slave, 9))
child = later(0.02, lambda: os.write(master, b'q'))
raw(slave, 0, 9)
print('comes in time', os.read(slave, 9))
os.waitpid(child, 0)

print('size', t.tcgetwinsize(slave))
t.tcsetwinsize(master, (30, 90))
print('size', t.tcgetwinsize(slave), t.tcgetwinsize(master))
print('same settings', t.tcgetattr(master)[:4] == t.tcgetattr(slave)[:4], os.isatty(master), os.isatty(slave))

fcntl.ioctl(master, TIOCPKT, struct.pack('i', 1))
print('packets', number(master, TIOCGPKT))
os.write(slave, b'data')
print(os.read(master, 9))
t.tcflush(slave, t.TCIOFLUSH)
print('flushed', ready(master), os.read(master, 9))
t.tcflow(slave, t.TCOOFF)
print('stopped', os.read(master, 9))
t.tcflow(slave, t.TCOON)
print('started', os.read(master, 9))
mode = t.tcgetattr(slave)
mode[0] &= ~t.IXON
t.tcsetattr(slave, t.TCSANOW, mode)
print('no flow control', os.read(master, 9))
os.write(slave, b'more')
print(os.read(master, 3), os.read(master, 9))
fcntl.ioctl(master, TIOCPKT, struct.pack('i', 0))

print('exclusive', fcntl.ioctl(slave, t.TIOCEXCL), number(slave, 0x80045440), fcntl.ioctl(slave, t.TIOCNXCL), number(slave, 0x80045440))
os.write(slave, b'last words')
os.close(slave)
print('nobody has it', ready(master), attempt(lambda: os.read(master, 99)), attempt(lambda: os.read(master, 99)))
name = os.ptsname(master) if hasattr(os, 'ptsname') else '/dev/pts/%d' % number(master, TIOCGPTN)
slave = os.open(name, os.O_RDWR | os.O_NOCTTY)
os.write(slave, b'again')
print('opened again', os.read(master, 9))
peer = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
print('peer', os.ttyname(peer) == os.ttyname(slave))
os.close(peer)
os.write(master, b'unread\n')
time.sleep(0.1)
os.close(master)
print('hung up', ready(slave), attempt(lambda: os.read(slave, 9)), attempt(lambda: os.write(slave, b'x')),
      attempt(lambda: t.tcgetattr(slave) and 'settings'), attempt(lambda: os.tcsetpgrp(slave, os.getpgrp())))
print('gone', attempt(lambda: os.open(name, os.O_RDWR | os.O_NOCTTY)))

master = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)
name = '/dev/pts/%d' % number(master, TIOCGPTN)
print('locked', number(master, TIOCGPTLCK), attempt(lambda: os.open(name, os.O_RDWR | os.O_NOCTTY)))
fcntl.ioctl(master, TIOCSPTLCK, struct.pack('i', 0))
print('unlocked', number(master, TIOCGPTLCK), os.isatty(os.open(name, os.O_RDWR | os.O_NOCTTY)))
print('not of this session', attempt(lambda: os.tcgetpgrp(master)), attempt(lambda: number(master, 0x5429)))
PYTHON
python3 ends.py
