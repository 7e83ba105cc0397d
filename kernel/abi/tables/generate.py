#!/usr/bin/env python3
"""Writes src/syscall_table.rs's rows from the published WALI specification and syscalls.tab beside this file.

    generate.py SPEC_DIR      (folder `spec` of arjunr2/WALI, with syscall_definitions.py)

The specification gives every x86-64 number and name, and the types of the calls WALI has; syscalls.tab gives the
kinds of the others, after Linux's own prototypes, and the calls younger than the specification. The rows go between
the two marker lines of src/syscall_table.rs; a new call also needs its row in src/syscall_support.rs (a test says so).
Kinds: p pointer, i int (signed 32), u size-like (unsigned 32), l 64 bits; - for none.
"""
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, sys.argv[1])
from syscall_definitions import SYSCALLS  # noqa: E402
from types_abi import TypeSystem  # noqa: E402


def kind(type_name):
    if type_name.endswith('*'):
        return 'p'
    primitive = TypeSystem.resolve_primitive(type_name)
    return 'l' if primitive.size == 8 else 'i' if primitive.signed else 'u'


rows = {}
for line in (here / 'syscalls.tab').read_text().splitlines():
    if line and not line.startswith('#'):
        number, name, kinds = line.split()
        rows[int(number)] = (name, kinds.strip('-'))
for call in SYSCALLS.values():
    if call.nr < 0:
        continue
    if call.implemented:
        rows[call.nr] = (call.name, ''.join(map(kind, call.args)))
    elif rows[call.nr][0] != call.name:
        sys.exit(f'{call.nr}: {call.name} in the specification, {rows[call.nr][0]} in syscalls.tab')

target = here.parent / 'src' / 'syscall_table.rs'
head, rest = target.read_text().split('    // generated rows begin\n')
_, tail = rest.split('    // generated rows end\n')
body = ''.join(f'    {number} {name} "{kinds}";\n' for number, (name, kinds) in sorted(rows.items()))
target.write_text(f'{head}    // generated rows begin\n{body}    // generated rows end\n{tail}')
