"""A pickle assembler: opcodes as bytes. Nothing made here is ever given to an unpickler."""

import struct

PROTO2, PROTO4, STOP = b'\x80\x02', b'\x80\x04', b'.'
MARK, NONE, TRUE, FALSE = b'(', b'N', b'\x88', b'\x89'
EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE, EMPTY_SET = b'}', b']', b')', b'\x8f'
SETITEM, SETITEMS, APPEND, APPENDS, ADDITEMS = b's', b'u', b'a', b'e', b'\x90'
TUPLE, TUPLE1, TUPLE2, TUPLE3, LIST, DICT, FROZENSET = b't', b'\x85', b'\x86', b'\x87', b'l', b'd', b'\x91'
REDUCE, BUILD, NEWOBJ, NEWOBJ_EX, OBJ = b'R', b'b', b'\x81', b'\x92', b'o'
BINPERSID, STACK_GLOBAL, MEMOIZE = b'Q', b'\x93', b'\x94'
POP, POP_MARK, DUP = b'0', b'1', b'2'

# What a payload would do if some reader ran it: leave this file behind.
PAYLOAD = 'echo ran > HOSTILE_PAYLOAD_RAN'


def raw_text(text):
    return text.encode('utf-8', 'surrogatepass') if isinstance(text, str) else text


def uni(text):
    return b'X' + struct.pack('<I', len(raw_text(text))) + raw_text(text)


def short_string(text):  # Python 2's str
    return b'U' + struct.pack('<B', len(raw_text(text))) + raw_text(text)


def byte_string(raw):
    return b'C' + struct.pack('<B', len(raw)) + raw


def long1(n):
    raw = n.to_bytes(n.bit_length() // 8 + 1, 'little', signed=True)
    return b'\x8a' + struct.pack('<B', len(raw)) + raw


def integer(n):
    if 0 <= n < 256:
        return b'K' + struct.pack('<B', n)
    return b'J' + struct.pack('<i', n) if -(2**31) <= n < 2**31 else long1(n)


def real(x):
    return b'G' + struct.pack('>d', x)


def name(module, attribute):
    return b'c' + raw_text(module) + b'\n' + raw_text(attribute) + b'\n'


def stack_name(module, attribute):
    return uni(module) + uni(attribute) + STACK_GLOBAL


def tup(*items):
    if len(items) <= 3:
        return b''.join(items) + [EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3][len(items)]
    return MARK + b''.join(items) + TUPLE


def ints(numbers):
    return tup(*[integer(n) for n in numbers])


def lst(*items):
    return EMPTY_LIST + MARK + b''.join(items) + APPENDS


def dictionary(*pairs):
    return EMPTY_DICT + MARK + b''.join(k + v for k, v in pairs) + SETITEMS


def call(function, *args):
    return function + tup(*args) + REDUCE


def frame(body, length=None):
    return b'\x95' + struct.pack('<Q', len(body) if length is None else length) + body


def put(n):
    return b'q' + struct.pack('<B', n)


def get(n):
    return b'h' + struct.pack('<B', n)


# ---- what torch.save writes

ORDERED_DICT = name('collections', 'OrderedDict')
REBUILD = name('torch._utils', '_rebuild_tensor_v2')


def storage(key='0', numel=4, kind='FloatStorage', location='cpu', view=NONE):
    return tup(uni('storage'), name('torch', kind), uni(key), uni(location), integer(numel), view) + BINPERSID


def storage5(key='0', numel=4, kind='FloatStorage', location='cpu'):
    """As in zip files: no view."""
    return tup(uni('storage'), name('torch', kind), uni(key), uni(location), integer(numel)) + BINPERSID


def tensor(store=None, offset=0, size=(4,), stride=(1,)):
    return call(
        REBUILD,
        storage() if store is None else store,
        integer(offset),
        ints(size),
        ints(stride),
        FALSE,
        call(ORDERED_DICT),
    )


def good(extra=b'', weight=None):
    """A dictionary with the good tensor `weight`, and what `extra` pushes under the key `extra`."""
    pairs = [(uni('weight'), tensor() if weight is None else weight)]
    return dictionary(*(pairs + ([(uni('extra'), extra)] if extra else [])))
