#!/usr/bin/env python3
"""cannot-fork.py WAT [NAMES]: names the functions of a linked module that can never lead to the import cenote.fork.

Asyncify takes every call through a pointer for one that may unwind, and so slows down every function above it. In C a call
through a pointer can only reach a function whose address was taken (the table) and whose type is the call's; with that, most functions
turn out not to reach fork, and post-link leaves them as they are (dash: a quarter smaller and faster). With LOOSE=1, for programs that need
--fpcast-emu, a type matches when the parameters of one begin with those of the other, whatever the results.

NAMES is a file of functions of the program whose calls through pointers never lead to fork, by reading it. The libc's are here."""
import os, re, sys

# What these call is the libc's own: a stream's read, write, seek and close; constructors and destructors. (A program that forks inside a function it gave to fopencookie would break.)
LIBC = set("""__dns_parse __fclose_ca __fseeko __fseeko_unlocked __ftello __ftello_unlocked __fwritex __netlink_enumerate __overflow __stdio_exit
    __synccall __toread __uflow fclose fflush fread ftell vfprintf libc_start_init libc_exit_fini""".split())


def signature(text):
    return (tuple(re.findall(r"[if](?:32|64)|v128|\w+ref", " ".join(re.findall(r"\(param ([^)]*)\)", text)))),
            tuple(re.findall(r"[if](?:32|64)|v128|\w+ref", " ".join(re.findall(r"\(result ([^)]*)\)", text)))))


def main():
    names = re.sub("#.*", "", open(sys.argv[2]).read()) if sys.argv[2:] else ""
    harmless = LIBC | set(names.split())
    loose = bool(os.environ.get("LOOSE"))
    types, of, direct, indirect, table, imports = {}, {}, {}, {}, set(), {}
    here = None
    for line in open(sys.argv[1], errors="replace"):
        if line.startswith(" (type "):
            name = line.split()[1]
            types[name] = signature(line)
        elif line.startswith(" (import "):
            if m := re.search(r'\(import "([^"]*)" "([^"]*)" \(func (\S+)', line):
                imports[m[3]] = (m[1], m[2])
                of[m[3]] = signature(line)
        elif line.startswith(" (elem "):
            table |= set(re.findall(r"\$[^\s()]+", line.split(")", 1)[1]))
        elif line.startswith(" (func "):
            here = line.split()[1].rstrip(")")
            of[here] = signature(re.sub(r"\(param \$\S+ ", "(param ", line))
            direct[here], indirect[here] = set(), set()
        elif here and (m := re.search(r"\((?:return_)?call_indirect \S+ \(type (\S+)\)", line)):
            indirect[here].add(types[m[1]])
        elif here and (m := re.search(r"\((?:return_)?call (\$[^\s()]+)", line)):
            direct[here].add(m[1])
        elif here and "(ref.func" in line:
            table |= set(re.findall(r"\(ref\.func (\$[^\s()]+)", line))

    def may_be(wanted, had):
        if wanted == had:
            return True
        n = min(len(wanted[0]), len(had[0]))
        return loose and wanted[0][:n] == had[0][:n]

    fork = {name for name, which in imports.items() if which == ("cenote", "fork")}
    if not fork:
        return
    targets = {}
    for wanted in {t for ts in indirect.values() for t in ts}:
        targets[wanted] = {f for f in table if may_be(wanted, of[f])}
    callers = {}
    for f in direct:
        reached = set(direct[f])
        if f.lstrip("$") not in harmless:
            for wanted in indirect[f]:
                reached |= targets[wanted]
        for g in reached:
            callers.setdefault(g, set()).add(f)
    leads, todo = set(fork), list(fork)
    while todo:
        for f in callers.get(todo.pop(), ()):
            if f not in leads:
                leads.add(f)
                todo.append(f)
    # only those need naming that asyncify would take for able to unwind: what calls through pointers, and what calls that
    up = {}
    for f in direct:
        for g in direct[f]:
            up.setdefault(g, set()).add(f)
    marked = {f for f in indirect if indirect[f]} | fork
    todo = list(marked)
    while todo:
        for f in up.get(todo.pop(), ()):
            if f not in marked:
                marked.add(f)
                todo.append(f)
    names = sorted(f.lstrip("$") for f in marked - leads)
    print(f"{len(leads)} functions lead to fork, {len(names)} of the other {len(direct) - len(leads)} are spared", file=sys.stderr)
    print("\n".join(names))


main()
