"""The containers that hold the pickles. Each writer gives the plain good form of its time; arguments make it lie."""

import struct
import zlib

from assembler import (
    APPENDS,
    BINPERSID,
    EMPTY_LIST,
    FALSE,
    MARK,
    NONE,
    PROTO2,
    STOP,
    TRUE,
    dictionary,
    integer,
    long1,
    name,
    storage5,
    tensor,
    tup,
    uni,
)

FOUR = struct.pack('<4f', 1, 2, 3, 4)
FOUR_BIG = struct.pack('>4f', 1, 2, 3, 4)


def pickled(body):
    return PROTO2 + body + STOP


# ---- stacked: magic, version, sys_info, object, keys, then count and bytes of each storage

MAGIC = 0x1950A86A20F9469CFC6C


def sys_info(little=True, version=1001):
    sizes = dictionary((uni('short'), integer(2)), (uni('int'), integer(4)), (uni('long'), integer(4)))
    return dictionary(
        (uni('protocol_version'), integer(version)),
        (uni('little_endian'), TRUE if little else FALSE),
        (uni('type_sizes'), sizes),
    )


def stacked(
    body, data=(('0', 4, FOUR),), keys=None, magic=None, version=None, info=None, proto=PROTO2, stop=STOP, tail=b''
):
    listing = EMPTY_LIST + MARK + b''.join(uni(k) for k, _, _ in data) + APPENDS if keys is None else keys
    return (
        pickled(long1(MAGIC) if magic is None else magic)
        + pickled(integer(1001) if version is None else version)
        + pickled(sys_info() if info is None else info)
        + proto
        + body
        + stop
        + pickled(listing)
        + b''.join(struct.pack('<q', n) + raw for _, n, raw in data)
        + tail
    )


# ---- zip, in the form of PyTorch's writer: sizes in a data descriptor, data aligned to 64 by an extra field 'FB', a
# ---- ZIP64 end record beside the plain one


class Entry:
    """One member. `lies`: flags, method, crc, packed, size, offset, extra, attributes, made_by, disk (central directory);
    local_NAME (local header, default as the central one or, with flag bit 3, 0); descriptor (bytes); align; gap (bytes
    behind it); hidden (no local part)."""

    def __init__(self, path, plain, method=0, **lies):
        self.path, self.plain, self.lies = path if isinstance(path, bytes) else path.encode(), plain, lies
        self.method, self.data, self.at = method, plain, 0
        if method == 8:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            self.data = packer.compress(plain) + packer.flush()
        self.data = lies.get('data', self.data)

    def field(self, key, default):
        return self.lies.get(key, default)

    def fields(self):
        f = self.field
        return (
            f('flags', 0x808),
            f('method', self.method),
            f('crc', zlib.crc32(self.plain)),
            f('packed', len(self.data)),
            f('size', len(self.plain)),
        )

    def local(self, at):
        self.at = at
        if self.field('hidden', False):
            return b''
        f = self.field
        flags, method, crc, packed, size = self.fields()
        flags, method, path = f('local_flags', flags), f('local_method', method), f('local_path', self.path)
        if flags & 8:
            crc = packed = size = 0
        extra = f('local_extra', None)
        if extra is None:
            padding = -(at + 30 + len(path) + 4) % f('align', 64)
            extra = b'FB' + struct.pack('<H', padding) + b'Z' * padding
        head = struct.pack(
            '<4sHHHHHIIIHH',
            b'PK\3\4',
            0,
            flags,
            method,
            0,
            0,
            f('local_crc', crc),
            f('local_packed', packed),
            f('local_size', size),
            len(path),
            f('local_extra_length', len(extra)),
        )
        after = self.fields()
        descriptor = struct.pack('<4sIII', b'PK\7\x08', after[2], after[3], after[4]) if flags & 8 else b''
        return head + path + extra + self.data + f('descriptor', descriptor) + f('gap', b'')

    def central(self):
        f = self.field
        flags, method, crc, packed, size = self.fields()
        extra, comment = f('extra', b''), f('comment', b'')
        return (
            struct.pack(
                '<4sHHHHHHIIIHHHHHII',
                b'PK\1\2',
                f('made_by', 0),
                0,
                flags,
                method,
                0,
                0,
                crc,
                packed,
                size,
                len(self.path),
                len(extra),
                len(comment),
                f('disk', 0),
                0,
                f('attributes', 0),
                f('offset', self.at),
            )
            + self.path
            + extra
            + comment
        )


def make_zip(
    entries,
    prefix=b'',
    suffix=b'',
    comment=b'',
    before_directory=b'',
    before_end=b'',
    directory=None,
    order=None,
    zip64=True,
    end=None,
    end64=None,
    locator=None,
    cut_directory=0,
):
    """`end`, `end64`, `locator`: fields by name that differ from the truth."""
    body = prefix
    for entry in entries:
        body += entry.local(len(body))
    body += before_directory
    start = len(body)
    listing = b''.join(e.central() for e in (order(entries) if order else entries)) if directory is None else directory
    listing = listing[: len(listing) - cut_directory]
    truth = dict(disk=0, start_disk=0, here=len(entries), count=len(entries), size=len(listing), offset=start)
    result = body + listing
    if zip64:
        t = dict(truth, record=44, needed=45, signature=b'PK\6\6')
        t.update(end64 or {})
        at = len(result)
        result += struct.pack(
            '<4sQHHIIQQQQ',
            t['signature'],
            t['record'],
            0x031E,
            t['needed'],
            t['disk'],
            t['start_disk'],
            t['here'],
            t['count'],
            t['size'],
            t['offset'],
        )
        loc = dict(disk=0, offset=at, disks=1)
        loc.update(locator or {})
        result += struct.pack('<4sIQI', b'PK\6\7', loc['disk'], loc['offset'], loc['disks'])
    e = dict(truth, comment=len(comment))
    e.update(end or {})
    return (
        result
        + before_end
        + struct.pack(
            '<4sHHHHIIH',
            b'PK\5\6',
            e['disk'],
            e['start_disk'],
            e['here'] & 0xFFFF,
            e['count'] & 0xFFFF,
            e['size'],
            e['offset'],
            e['comment'],
        )
        + comment
        + suffix
    )


def zip_pickle(body=None):
    return pickled(dictionary((uni('weight'), tensor(storage5()))) if body is None else body)


def members(root='archive', body=None, floats=FOUR, **changed):
    """The members of a small good file; `changed` replaces one by key (pkl, byteorder, data, version; None: left out)."""
    parts = dict(
        pkl=Entry(root + '/data.pkl', zip_pickle(body)),
        byteorder=Entry(root + '/byteorder', b'little'),
        data=Entry(root + '/data/0', floats),
        version=Entry(root + '/version', b'3\n'),
    )
    parts.update(changed)
    return [parts[k] for k in ('pkl', 'byteorder', 'data', 'version') if parts[k] is not None]


# ---- tar of 2016-17, as Python's tarfile writes PAX: a header 'x' with the fraction of the time before each member


def tar_header(path, size=0, kind=b'0', size_field=None, checksum=None, link=b'', magic=b'ustar\x0000', prefix=b''):
    raw = bytearray(512)
    raw[0 : len(path)] = path
    raw[100:108], raw[108:116], raw[116:124] = b'0000600\0', b'0001750\0', b'0001750\0'
    raw[124:136] = (b'%011o\0' % size) if size_field is None else size_field
    raw[136:148] = b'13034754400\0'
    raw[148:156], raw[156:157] = b' ' * 8, kind
    raw[157 : 157 + len(link)] = link
    raw[257 : 257 + len(magic)] = magic
    raw[265:269], raw[297:301] = b'user', b'user'
    raw[329:337], raw[337:345] = b'0000000\0', b'0000000\0'
    raw[345 : 345 + len(prefix)] = prefix
    total = sum(raw) if checksum is None else checksum
    raw[148:156] = b'%06o\0 ' % total if isinstance(total, int) else total
    return bytes(raw)


def padded(data, filler=b'\0'):
    return data + filler * (-len(data) % 512)


MTIME = b'23 mtime=1484000000.25\n'


def pax(records, kind=b'x'):
    return tar_header(b'././@PaxHeader', len(records), kind) + padded(records)


def tar_member(path, data, records=b'', **lies):
    return (pax(records) if records else b'') + tar_header(path, len(data), **lies) + padded(data)


TAR_OBJECT = pickled(dictionary((uni('weight'), uni('7') + BINPERSID)))


def tar_row(key=7, store=5, kind='FloatTensor', ndim=None, size=(4,), stride=(1,), offset=0):
    return (
        pickled(tup(integer(key), integer(store), name('torch', kind)))
        + struct.pack('<q', len(size) if ndim is None else ndim)
        + struct.pack('<%dq' % (len(size) + len(stride) + 1), *size, *stride, offset)
    )


def tar_tensors(*rows, count=None):
    rows = rows or (tar_row(),)
    return pickled(integer(len(rows)) if count is None else count) + b''.join(rows)


def tar_block(key=5, kind='FloatStorage', location='cpu', numel=4, data=FOUR):
    return pickled(tup(integer(key), uni(location), name('torch', kind))) + struct.pack('<q', numel) + data


def tar_storages(*blocks, views=EMPTY_LIST, count=None, tail=b''):
    blocks = blocks or (tar_block(),)
    return pickled(integer(len(blocks)) if count is None else count) + b''.join(blocks) + pickled(views) + tail


def make_tar(
    sys=None,
    obj=TAR_OBJECT,
    tensors=None,
    storages=None,
    extra=b'',
    end=b'\0' * 1024,
    order=None,
    pax_for=b'',
    whole=None,
    **also_whole
):
    """`whole` replaces whole members, headers included: sys_info, pickle, tensors, storages."""
    sys = pickled(sys_info(version=1000)) if sys is None else sys
    parts = {
        n: tar_member(n.encode(), d, pax_for)
        for n, d in (
            ('sys_info', sys),
            ('pickle', obj),
            ('tensors', tar_tensors() if tensors is None else tensors),
            ('storages', tar_storages() if storages is None else storages),
        )
    }
    parts.update(also_whole, **(whole or {}))
    return b''.join(parts[n] for n in order or ('sys_info', 'pickle', 'tensors', 'storages')) + extra + end


# ---- safetensors


def safetensors(header, data=FOUR, length=None):
    raw = header if isinstance(header, bytes) else header.encode()
    return struct.pack('<Q', len(raw) if length is None else length) + raw + data


def st_entry(dtype='"F32"', shape='[4]', offsets='[0,16]'):
    return '{"dtype":%s,"shape":%s,"data_offsets":%s}' % (dtype, shape, offsets)
