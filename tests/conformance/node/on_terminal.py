"""Runs a program on a terminal of its own, as Node's runner does: its input is typed at once, what is shown is printed."""

import fcntl
import os
import pty
import sys
import termios
import threading

master, slave = pty.openpty()
mode = termios.tcgetattr(slave)
mode[1] &= ~termios.ONLCR
mode[3] &= ~termios.ECHOCTL
termios.tcsetattr(slave, termios.TCSANOW, mode)

if os.fork() == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)
    os.closerange(3, 256)
    os.execv(sys.argv[1], sys.argv[1:])

os.close(slave)


def type_input():
    while keys := os.read(0, 4096):
        os.write(master, keys)


threading.Thread(target=type_input, daemon=True).start()
try:
    while shown := os.read(master, 4096):
        os.write(1, shown)
except OSError:
    # Linux's way to say that nobody has the terminal open any more.
    pass
