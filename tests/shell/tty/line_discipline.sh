# What a terminal makes of each byte in both directions, mode by mode: the same keys and the same output through a pseudo-terminal.
# shell: bash
cat >conversation.py <<'PYTHON'
import fcntl, os, pty, struct, termios as t, time

ICANON, ECHO, INPUT, OUTPUT, LOCAL, KEYS = t.ICANON, t.ECHO, 0, 1, 3, 6

def attempt(call):
    try:
        return call()
    except BlockingIOError:
        return 'would block'
    except OSError as error:
        return os.strerror(error.errno)

def number(fd, request):
    return struct.unpack('i', fcntl.ioctl(fd, request, bytes(4)))[0]

def short(said):
    if isinstance(said, bytes) and len(said) > 200:
        return (len(said), said[:8], said[-8:])
    return said

class Conversation:
    def __init__(self, title, on=(), off=(), keys=()):
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
        os.set_blocking(self.slave, False)
        self.change(on, off, keys)
        print('--', title)

    def change(self, on=(), off=(), keys=()):
        mode = t.tcgetattr(self.slave)
        for which, bits in on:
            mode[which] |= bits
        for which, bits in off:
            mode[which] &= ~bits
        for which, key in keys:
            mode[KEYS][which] = key
        t.tcsetattr(self.slave, t.TCSANOW, mode)
        return self

    def say(self, what, said):
        print(what, short(said))
        return self

    def type(self, keys):
        said = attempt(lambda: os.write(self.master, keys))
        time.sleep(0.1)
        return self if said == len(keys) else self.say('typed', said)

    def write(self, text):
        self.say('wrote', attempt(lambda: os.write(self.slave, text)))
        time.sleep(0.1)
        return self

    def shown(self):
        return self.say('shown', attempt(lambda: os.read(self.master, 65536)))

    def read(self, count=65536):
        return self.say('read', attempt(lambda: os.read(self.slave, count)))

    def waiting(self):
        self.say('to be read', number(self.slave, t.FIONREAD))
        return self.say('to be sent', number(self.slave, t.TIOCOUTQ))

    def flow(self, action):
        t.tcflow(self.slave, action)
        time.sleep(0.1)
        return self

    def flush(self, queue):
        t.tcflush(self.slave, queue)
        time.sleep(0.1)
        return self

    def end(self):
        os.close(self.master)
        os.close(self.slave)

C = Conversation
RAW = [(LOCAL, ICANON)]
C('nothing set').type(b'abc\n').shown().read().read().end()
C('output waits').write(b'abc').waiting().shown().end()
C('input waits').type(b'abc\nde').waiting().read(2).waiting().read().waiting().end()
C('end of file').type(b'ab\x04\x04').read().read().read().end()
C('end of file where the buffer ends').type(b'abc\x04').read(3).read(3).end()
C('literal next').type(b'a\x16\nb\x16\x03\x16\x16\n').shown().read().end()
C('literal next without echo', off=[(LOCAL, ECHO)]).type(b'a\x16\x7fb\n').shown().read().end()
C('raw with echo', off=RAW).type(b'a\nb\rc\td\x7f\x15\x04').shown().read().end()
C('from lines to raw').type(b'ab\x04').change(off=RAW).read().end()
C('two lines and a half to raw').type(b'ab\ncd\nef').change(off=RAW).waiting().read().end()
C('from raw to lines', off=RAW).type(b'ab\ncd').change(on=RAW).waiting().read().type(b'e\n').read().end()
C('minimum of four', off=RAW, keys=[(t.VMIN, 4)]).type(b'ab').read().read().end()
C('no minimum', off=RAW, keys=[(t.VMIN, 0)]).read().type(b'ab').read().end()
C('no minimum, but time', off=RAW, keys=[(t.VMIN, 0), (t.VTIME, 1)]).read().type(b'ab').read().end()
C('echo while stopped').type(b'\x13abc').shown().write(b'out').type(b'\x11').shown().write(b'out').shown().end()
C('stopped by a program').flow(t.TCOOFF).type(b'\x11').write(b'x').flow(t.TCOON).write(b'y').shown().end()
C('asks the keyboard to stop').flow(t.TCIOFF).shown().flow(t.TCION).shown().end()
C('any key starts', on=[(INPUT, t.IXANY)]).type(b'\x13').write(b'x').type(b'q').write(b'y').shown().type(b'\n').read().end()
C('no flow control', off=[(INPUT, t.IXON)]).type(b'a\x13b\x11\n').shown().read().end()
C('flow control goes away').type(b'\x13').write(b'x').change(off=[(INPUT, t.IXON)]).write(b'y').shown().end()
C('interrupt flushes').write(b'out').type(b'abc\x03d\n').shown().read().end()
C('quit and suspend').type(b'ab\x1ccd\x1ae\n').shown().read().end()
C('interrupt starts output').type(b'\x13\x03').write(b'x').shown().end()
C('no flush', on=[(LOCAL, t.NOFLSH)]).type(b'ab\x03c\n').shown().read().end()
C('no signals', off=[(LOCAL, t.ISIG)]).type(b'a\x03\x1a\x1c\n').shown().read().end()
C('erase').type(b'abc\x7f\x7fd\n').shown().read().end()
C('erase at the start').type(b'\x7f\x7fa\n').shown().read().end()
C('erase a tab').type(b'ab\tc\x7f\x7f\x7fz\n').shown().read().end()
C('erase a tab after a prompt').write(b'prompt> ').type(b'\t').shown().type(b'\x7fx\n').shown().read().end()
C('erase a tab after a tab').type(b'a\tbc\t').shown().type(b'\x7f\x7f\n').shown().read().end()
C('erase a control character').type(b'a\x01b\x7f\x7fz\n').shown().read().end()
C('erase a hidden control character', off=[(LOCAL, t.ECHOCTL)]).type(b'a\x01b\x7f\x7f\x7fz\n').shown().read().end()
C('erase without ECHOE', off=[(LOCAL, t.ECHOE)]).type(b'ab\x7f\x7fc\x17\n').shown().read().end()
C('erase as on paper', on=[(LOCAL, 0o2000)]).type(b'abc\x7f\x7fd\x17\n').shown().read().end()
C('erase UTF-8', on=[(INPUT, 0o40000)]).type('aé€\x7f\x7f'.encode() + b'\n').shown().read().end()
C('erase UTF-8 as bytes').type('aé\x7f'.encode() + b'\n').shown().read().end()
C('erase UTF-8 as on paper', on=[(INPUT, 0o40000), (LOCAL, 0o2000)]).type('é\x7fx'.encode() + b'\n').shown().read().end()
C('erase words').type(b'foo.bar baz_q  \x17X\x17\x17\n').shown().read().end()
C('erase words of UTF-8', on=[(INPUT, 0o40000)]).type('aé ×b'.encode() + b'\x17\x17\n').shown().read().end()
C('kill a line').type(b'abc\x15d\n').shown().read().end()
C('kill without ECHOKE', off=[(LOCAL, t.ECHOKE)]).type(b'abc\x15d\n').shown().read().end()
C('kill without ECHOK', off=[(LOCAL, t.ECHOK)]).type(b'abc\x15d\n').shown().read().end()
C('kill without echo', off=[(LOCAL, ECHO)]).type(b'abc\x15d\n').shown().read().end()
C('reprint').type(b'x\ty\x01\x12z\n').shown().read().end()
C('without extensions', off=[(LOCAL, t.IEXTEN)]).type(b'ab \x17\x16\x12\n').shown().read().end()
C('echo of newlines only', on=[(LOCAL, t.ECHONL)], off=[(LOCAL, ECHO)]).type(b'ab\x03c\n').shown().read().end()
C('other ends of line', keys=[(t.VEOL, b';'), (t.VEOL2, b'.')]).type(b'ab;c.d\n').shown().read().read().read().end()
C('other keys', keys=[(t.VERASE, b'#'), (t.VINTR, b'!'), (t.VEOF, b'$')]).type(b'ab#\x03c!x$').shown().read().end()
C('switched off', keys=[(t.VERASE, b'\0'), (t.VINTR, b'\0')]).type(b'a\0\x7f\x03\n').shown().read().end()
C('return is newline').type(b'a\rb\n').shown().read().read().end()
C('return ignored', on=[(INPUT, t.IGNCR)]).type(b'a\rb\n').shown().read().end()
C('return kept', off=[(INPUT, t.ICRNL)]).type(b'a\rb\n').shown().read().end()
C('newline is return', on=[(INPUT, t.INLCR)], off=[(INPUT, t.ICRNL)]).type(b'a\nb\r').shown().read().end()
C('newline is return, raw', on=[(INPUT, t.INLCR)], off=RAW).type(b'a\nb\r').shown().read().end()
C('stripped', on=[(INPUT, t.ISTRIP)]).type(b'\xe1\xe2\n').shown().read().end()
C('lower case', on=[(INPUT, 0o1000)]).type(b'ABc\n').shown().read().end()
C('parity marks', on=[(INPUT, t.PARMRK)]).type(b'\xff\n').shown().read().end()
C('line too long', off=[(LOCAL, ECHO)]).type(b'a' * 4094 + b'bcdef\n').read().end()
C('output as it is', off=[(OUTPUT, t.OPOST)]).write(b'a\nb\tc\r').shown().end()
C('newline alone', off=[(OUTPUT, t.ONLCR)]).write(b'a\nb\t.').shown().end()
C('return becomes newline', on=[(OUTPUT, t.OCRNL)]).write(b'a\rb\nc').shown().end()
C('no return at the start', on=[(OUTPUT, t.ONOCR)]).write(b'\ra\r\rb').shown().end()
C('newline returns', on=[(OUTPUT, t.ONLRET | 0o14000)], off=[(OUTPUT, t.ONLCR)]).write(b'ab\n\tc').shown().end()
C('tabs are spaces', on=[(OUTPUT, 0o14000)]).write('aé\tb\n\tc\b\b\t.'.encode()).shown().end()
C('tabs are spaces, UTF-8', on=[(OUTPUT, 0o14000), (INPUT, 0o40000)]).write('aé\tb'.encode()).shown().end()
C('upper case', on=[(OUTPUT, 2)]).write(b'abC\n').shown().end()
C('flush input').type(b'ab\ncd').flush(t.TCIFLUSH).read().type(b'e\n').read().end()
C('flush output').write(b'ab').flush(t.TCOFLUSH).shown().write(b'c').shown().end()
PYTHON
python3 conversation.py
