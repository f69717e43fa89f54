"""P17: the tar container of 2016-17."""

import struct

from assembler import *
from containers import (
    FOUR,
    FOUR_BIG,
    MTIME,
    TAR_OBJECT,
    make_tar,
    pax,
    pickled,
    sys_info,
    tar_block,
    tar_header,
    tar_member,
    tar_row,
    tar_storages,
    tar_tensors,
)
from registry import add


def case(slug, data, expect, what, words=''):
    add('p17_' + slug + '.pth', data, expect, what, words)


case('good', make_tar(), 'accept', 'nothing: the base of the tar cases')
case('pax', make_tar(pax_for=MTIME), 'accept', 'nothing: a fractional mtime in PAX headers, as in 2017')
case(
    'padded',
    make_tar(end=b'\0' * (10240 - len(make_tar(end=b'')))),
    'accept',
    'nothing: padded to 10,240 bytes, as tarfile does',
)

# ---- members
for slug, kind in [
    ('hard_link', b'1'),
    ('symlink', b'2'),
    ('char_device', b'3'),
    ('block_device', b'4'),
    ('folder', b'5'),
    ('fifo', b'6'),
    ('gnu_sparse', b'S'),
    ('gnu_volume', b'V'),
    ('gnu_continued', b'M'),
    ('gnu_dumpdir', b'D'),
    ('solaris_acl', b'A'),
    ('unknown', b'Z'),
]:
    case(
        slug,
        make_tar(extra=tar_header(b'x', kind=kind, link=b'/etc/passwd')),
        'refuse',
        'a member of type ' + slug.replace('_', ' '),
    )
case(
    'storages_symlink',
    make_tar(whole={'storages': tar_header(b'storages', kind=b'2', link=b'/etc/passwd')}),
    'refuse',
    'storages is a symbolic link',
)
case(
    'storages_hard_link',
    make_tar(whole={'storages': tar_header(b'storages', kind=b'1', link=b'tensors')}),
    'refuse',
    'storages is a hard link to tensors',
)
case(
    'gnu_long_name',
    make_tar(
        whole={
            'storages': tar_header(b'././@LongLink', 9, b'L')
            + b'storages\0'.ljust(512, b'\0')
            + tar_member(b'x', tar_storages(), b'')
        }
    ),
    'refuse',
    'a GNU long name',
)
case(
    'gnu_long_link',
    make_tar(
        extra=tar_header(b'././@LongLink', 12, b'K') + b'/etc/passwd\0'.ljust(512, b'\0') + tar_header(b'x', kind=b'2')
    ),
    'refuse',
    'a GNU long link',
)
case('extra_member', make_tar(extra=tar_member(b'readme', b'hello')), 'refuse', 'a fifth member')
case('extra_empty_member', make_tar(extra=tar_member(b'', b'')), 'refuse', 'a member without a name')
case(
    'extra_dotdot',
    make_tar(extra=tar_member(b'../HOSTILE_PAYLOAD_RAN', b'x')),
    'refuse',
    'a member ../HOSTILE_PAYLOAD_RAN',
)
case(
    'extra_absolute',
    make_tar(extra=tar_member(b'/HOSTILE_PAYLOAD_RAN', b'x')),
    'refuse',
    'a member /HOSTILE_PAYLOAD_RAN',
)
for name_ in ('sys_info', 'pickle', 'tensors', 'storages'):
    rest = tuple(n for n in ('sys_info', 'pickle', 'tensors', 'storages') if n != name_)
    case('missing_' + name_, make_tar(order=rest), 'refuse', 'no member ' + name_, name_)
    case(
        'twice_' + name_,
        make_tar(order=('sys_info', 'pickle', 'tensors', 'storages', name_)),
        'refuse',
        'two members ' + name_,
        name_,
    )
case('order', make_tar(order=('storages', 'tensors', 'pickle', 'sys_info')), 'either', 'the members from last to first')
case('dot_slash', make_tar(pickle=tar_member(b'./pickle', TAR_OBJECT)), 'refuse', 'a member ./pickle')
case(
    'prefix', make_tar(pickle=tar_member(b'pickle', TAR_OBJECT, prefix=b'other')), 'refuse', 'pickle with a name prefix'
)
case('name_tail', make_tar(pickle=tar_member(b'pickle\0x', TAR_OBJECT)), 'either', 'bytes behind the NUL of a name')

# ---- header fields
case(
    'checksum',
    make_tar(sys_info=tar_member(b'sys_info', pickled(sys_info(version=1000)), checksum=1)),
    'refuse',
    'header checksum wrong',
)
case(
    'checksum_text',
    make_tar(pickle=tar_member(b'pickle', TAR_OBJECT, checksum=b'banana\0 ')),
    'refuse',
    'header checksum is no number',
)
case(
    'checksum_empty',
    make_tar(pickle=tar_member(b'pickle', TAR_OBJECT, checksum=b'\0' * 8)),
    'refuse',
    'header checksum is empty',
)
n = len(TAR_OBJECT)
for slug, field, expect in [
    ('base256', b'\x80' + n.to_bytes(11, 'big'), 'refuse'),
    ('base256_negative', b'\xff' * 12, 'refuse'),
    ('base256_huge', b'\x80' + b'\xff' * 11, 'refuse'),
    ('text', b'banana12345\0', 'refuse'),
    ('empty', b'\0' * 12, 'refuse'),
    ('spaces', b'%11o ' % n, 'either'),
    ('negative', b'-0000000100\0', 'refuse'),
    ('nine', b'00000000098\0', 'refuse'),
    ('max', b'777777777777', 'refuse'),
    ('8g', b'77777777777\0', 'refuse'),
    ('longer', b'%011o\0' % (n + 1), 'refuse'),
    ('shorter', b'%011o\0' % (n - 1), 'refuse'),
    ('nul_inside', b'0000\0%06o\0' % n, 'refuse'),
]:
    case(
        'size_' + slug,
        make_tar(pickle=tar_member(b'pickle', TAR_OBJECT, size_field=field)),
        expect,
        'member size: ' + slug,
    )
case(
    'gnu_magic',
    make_tar(
        whole={
            m: tar_member(m.encode(), d, b'', magic=b'ustar  \0')
            for m, d in (
                ('sys_info', pickled(sys_info(version=1000))),
                ('pickle', TAR_OBJECT),
                ('tensors', tar_tensors()),
                ('storages', tar_storages()),
            )
        }
    ),
    'either',
    'the magic of GNU tar',
)
case(
    'no_magic',
    make_tar(pax_for=b'', sys_info=tar_member(b'sys_info', pickled(sys_info(version=1000)), b'', magic=b'\0' * 8)),
    'either',
    'the first header has no magic',
)
case(
    'no_magic_later',
    make_tar(pickle=tar_member(b'pickle', TAR_OBJECT, magic=b'\0' * 8)),
    'either',
    'a later header has no magic',
)
case(
    'padding',
    make_tar(pickle=tar_header(b'pickle', n) + TAR_OBJECT.ljust(512, b'x')),
    'either',
    'the padding behind a member is not zero',
)
case('no_end', make_tar(end=b''), 'refuse', 'no end blocks')
case('half_end', make_tar(end=b'\0' * 512), 'either', 'one end block')
case('behind_end', make_tar(end=b'\0' * 1024 + b'more'.ljust(512, b'\0')), 'refuse', 'bytes behind the end blocks')
case(
    'member_behind_end',
    make_tar(end=b'\0' * 1024 + tar_member(b'pickle', TAR_OBJECT) + b'\0' * 1024),
    'refuse',
    'a member behind the end blocks',
)
case('odd_length', make_tar(end=b'\0' * 1100), 'either', 'zeros behind the end, no multiple of 512')

# ---- PAX records


def record(text):
    size = len(text) + 2
    while len(b'%d ' % size) + len(text) + 1 != size:
        size += 1
    return b'%d ' % size + text + b'\n'


def with_pax(slug, records, expect, what, kind=b'x', member=b'storages', size=None):
    body = tar_storages()
    case(
        'pax_' + slug,
        make_tar(
            whole={
                'storages': pax(records, kind)
                + tar_header(member, len(body) if size is None else size)
                + body.ljust(-len(body) // 512 * -512, b'\0')
            }
        ),
        expect,
        what,
    )


with_pax('path', record(b'path=storages'), 'refuse', 'PAX gives the member its name', member=b'x')
with_pax('path_same', record(b'path=storages'), 'refuse', 'PAX repeats the name')
with_pax('size', record(b'size=%d' % len(tar_storages())), 'refuse', 'PAX gives the size', size=0)
with_pax('size_huge', record(b'size=99999999999999999999'), 'refuse', 'PAX says a huge size')
with_pax('size_negative', record(b'size=-1'), 'refuse', 'PAX says a negative size')
with_pax('linkpath', record(b'linkpath=/etc/passwd'), 'refuse', 'PAX gives a link target')
with_pax(
    'sparse',
    record(b'GNU.sparse.major=1') + record(b'GNU.sparse.minor=0') + record(b'GNU.sparse.realsize=4'),
    'refuse',
    'PAX describes a sparse file',
)
with_pax('sparse_name', record(b'GNU.sparse.name=pickle'), 'refuse', 'PAX renames by the sparse extension')
with_pax('after_mtime', MTIME + record(b'path=pickle'), 'refuse', 'a harmless record, then a name')
with_pax(
    'uname', MTIME + record(b'uname=someone') + record(b'atime=1.5') + record(b'ctime=1.5'), 'either', 'owner and times'
)
with_pax('comment', record(b'comment=hello'), 'either', 'a comment')
with_pax('charset', record(b'hdrcharset=BINARY'), 'either', 'a character set')
with_pax('empty', b'', 'either', 'an empty PAX header')
with_pax('global', record(b'comment=hello'), 'either', 'a global PAX header', kind=b'g')
with_pax('global_path', record(b'path=pickle'), 'refuse', 'a global PAX header with a name', kind=b'g')
with_pax('global_size', record(b'size=0'), 'refuse', 'a global PAX header with a size', kind=b'g')
for slug, records in [
    ('length_0', b'0 mtime=1\n'),
    ('length_text', b'x mtime=1\n'),
    ('length_beyond', b'99 mtime=1\n'),
    ('length_short', b'5 mtime=1\n'),
    ('length_huge', b'99999999999999999999 mtime=1\n'),
    ('length_negative', b'-9 mtime=1\n'),
    ('no_equals', b'9 mtime1\n'),
    ('no_newline', b'10 mtime=1'),
    ('no_space', b'10mtime=12\n'),
    ('nul', b'\0' * 20),
]:
    with_pax(slug, records, 'refuse', 'malformed PAX record: ' + slug)
case('pax_last', make_tar(extra=pax(MTIME)), 'refuse', 'a PAX header without a member')
case(
    'pax_twice',
    make_tar(pickle=pax(MTIME) + tar_member(b'pickle', TAR_OBJECT)),
    'either',
    'two PAX headers for one member',
)
case('pax_cut', make_tar()[: 512 + 4], 'refuse', 'the file ends inside the first PAX header')

# ---- what the members say


def tensors_case(slug, what, expect='refuse', words='', **row):
    case('tensor_' + slug, make_tar(tensors=tar_tensors(tar_row(**row))), expect, what, words)


for slug, ndim in [
    ('negative', -1),
    ('min', -(2**63)),
    ('2e31', 2**31 - 1),
    ('max', 2**63 - 1),
    ('two', 2),
    ('low_negative', 1 << 40 | 0xFFFFFFFF),
    ('low_nine', 1 << 32 | 9),
    ('low_zero', 1 << 32),
]:
    tensors_case('ndim_' + slug, 'ndim %d, one size and stride follow' % ndim, ndim=ndim)
for slug, upper in [('32bit', 1), ('noise', 0x55AA1234), ('minus', -1), ('sign', -(2**31))]:
    tensors_case(
        'ndim_' + slug,
        'nothing: the upper four bytes of ndim are what lay in memory',
        expect='accept',
        ndim=upper << 32 | 1,
    )
for slug, size, stride, offset in [
    ('one_more', (5,), (1,), 0),
    ('size_negative', (-4,), (1,), 0),
    ('stride_negative', (4,), (-1,), 3),
    ('offset_negative', (4,), (1,), -1),
    ('offset_beyond', (1,), (1,), 4),
    ('stride_overflow', (3, 2), (2**62, 1), 0),
    ('product_overflow', (2**32, 2**32, 2), (0, 0, 1), 0),
    ('expanded', (2**20, 2**20), (0, 0), 0),
    ('rank_9', (1,) * 8 + (4,), (4,) * 8 + (1,), 0),
]:
    tensors_case(slug, slug.replace('_', ' '), size=size, stride=stride, offset=offset)
tensors_case('transposed', 'nothing: a transposed matrix of one row', expect='accept', size=(1, 4), stride=(1, 1))
tensors_case('unknown_storage', 'a tensor over a storage that is not there', store=6)
tensors_case('other_type', 'an IntTensor over a FloatStorage', kind='IntTensor')
tensors_case('unknown_type', 'a BananaTensor', kind='BananaTensor')
tensors_case('storage_type', 'a tensor of class FloatStorage', 'either', kind='FloatStorage')
for slug, count in [
    ('1000', integer(1000)),
    ('0', integer(0)),
    ('negative', integer(-1)),
    ('2e62', long1(2**62)),
    ('2e64', long1(2**64 + 1)),
    ('text', uni('1')),
    ('none', NONE),
]:
    case(
        'tensor_count_' + slug,
        make_tar(tensors=tar_tensors(tar_row(), count=count)),
        'refuse',
        'tensors counts ' + slug,
    )
    case(
        'storage_count_' + slug,
        make_tar(storages=tar_storages(tar_block(), count=count)),
        'refuse',
        'storages counts ' + slug,
    )
case('tensor_twice', make_tar(tensors=tar_tensors(tar_row(), tar_row(size=(2,)))), 'refuse', 'two tensors of one key')
case('tensors_tail', make_tar(tensors=tar_tensors() + b'more'), 'refuse', 'bytes behind the last tensor')
case('tensors_cut', make_tar(tensors=tar_tensors()[:-4]), 'refuse', 'the last tensor is cut')
row = pickled(tup(integer(7), integer(5), call(name('os', 'system'), uni(PAYLOAD)))) + struct.pack('<4q', 1, 4, 1, 0)
case('tensor_evil_row', make_tar(tensors=tar_tensors(row)), 'refuse', 'os.system in the place of a tensor class')
for slug, row in [
    ('two', tup(integer(7), integer(5))),
    ('list', lst(integer(7), integer(5), name('torch', 'FloatTensor'))),
    ('key_text', tup(uni('7'), integer(5), name('torch', 'FloatTensor'))),
    ('key_float', tup(real(7), integer(5), name('torch', 'FloatTensor'))),
]:
    case(
        'tensor_row_' + slug,
        make_tar(tensors=tar_tensors(pickled(row) + struct.pack('<4q', 1, 4, 1, 0))),
        'either' if slug in ('key_text', 'list') else 'refuse',
        'a tensor row: ' + slug,
    )


def blocks_case(slug, what, expect='refuse', data=FOUR, **block):
    case('storage_' + slug, make_tar(storages=tar_storages(tar_block(data=data, **block))), expect, what)


for slug, numel in [
    ('negative', -4),
    ('min', -(2**63)),
    ('2e60', 2**60),
    ('wraps', 2**62 + 4),
    ('3', 3),
    ('5', 5),
    ('0', 0),
]:
    blocks_case('numel_' + slug, 'a storage of %d elements' % numel, numel=numel)
blocks_case('unknown_type', 'a BananaStorage', kind='BananaStorage')
blocks_case('tensor_type', 'a storage of class FloatTensor', kind='FloatTensor')
blocks_case('location', 'location cuda:7', 'accept', location='cuda:7')
blocks_case('location_unknown', 'location banana', 'either', location='banana')
case('storage_twice', make_tar(storages=tar_storages(tar_block(), tar_block())), 'refuse', 'two storages of one key')
case(
    'storage_unused',
    make_tar(storages=tar_storages(tar_block(), tar_block(key=9))),
    'either',
    'a storage that nothing uses',
)
case('storages_tail', make_tar(storages=tar_storages(tail=b'more')), 'refuse', 'bytes behind the views')
case('storages_no_views', make_tar(storages=tar_storages()[:-4]), 'refuse', 'no list of views')


def view(key=9, root=5, offset=2, numel=4):
    return tup(integer(key), integer(root), integer(offset), integer(numel))


EIGHT = tar_block(numel=8, data=struct.pack('<8f', 9, 9, 1, 2, 3, 4, 9, 9))
case(
    'view_good',
    make_tar(tensors=tar_tensors(tar_row(store=9)), storages=tar_storages(EIGHT, views=lst(view()))),
    'accept',
    'nothing: a tensor over a view',
)
for slug, views, what in [
    ('outside', lst(view(numel=8)), 'view outside its root'),
    ('negative', lst(view(offset=-1)), 'view at offset -1'),
    ('length', lst(view(numel=-1)), 'view of -1'),
    ('wraps', lst(view(offset=2**63 - 1)), 'offset + length wraps'),
    ('root', lst(view(root=6)), 'view of a storage that is not there'),
    ('own_root', lst(view(root=9)), 'view of itself'),
    ('taken', lst(view(key=5)), 'view with the key of a storage'),
    ('twice', lst(view(), view(offset=0)), 'two views of one key'),
    ('three', lst(tup(integer(9), integer(5), integer(2))), 'view of three parts'),
    ('text', uni('views'), 'views is a text'),
    ('row_text', lst(uni('view')), 'a view is a text'),
    ('offset_text', lst(tup(integer(9), integer(5), uni('2'), integer(4))), 'offset is a text'),
]:
    case(
        'view_' + slug,
        make_tar(tensors=tar_tensors(tar_row(store=9)), storages=tar_storages(EIGHT, views=views)),
        'refuse',
        what,
    )
case(
    'view_shorter',
    make_tar(tensors=tar_tensors(tar_row(store=9)), storages=tar_storages(EIGHT, views=lst(view(numel=2)))),
    'refuse',
    'a tensor of 4 over a view of 2',
)
case(
    'view_of_view',
    make_tar(
        tensors=tar_tensors(tar_row(store=10)),
        storages=tar_storages(EIGHT, views=lst(view(), view(key=10, root=9, offset=0))),
    ),
    'either',
    'a view of a view',
)


def object_of(pid, more=()):
    return pickled(dictionary((uni('weight'), pid + BINPERSID), *more))


case(
    'evil_pickle',
    make_tar(obj=object_of(uni('7'), [(uni('extra'), call(name('os', 'system'), uni(PAYLOAD)))])),
    'opaque',
    'os.system in the object',
    'os.system',
)
case(
    'evil_sys_info',
    make_tar(sys=pickled(call(name('os', 'system'), uni(PAYLOAD)))),
    'either',
    'os.system in the place of sys_info',
)
case(
    'module_id',
    make_tar(
        obj=object_of(uni('7'), [(uni('extra'), tup(name('evil', 'Net'), uni('net.py'), uni('import os')) + BINPERSID)])
    ),
    'opaque',
    'a class with its source text',
    'evil.Net',
)
for slug, pid, expect in [
    ('int', integer(7), 'either'),
    ('py2', short_string('7'), 'accept'),
    ('unknown', uni('8'), 'refuse'),
    ('negative', uni('-7'), 'refuse'),
    ('space', uni(' 7'), 'refuse'),
    ('plus', uni('+7'), 'refuse'),
    ('hex', uni('0x7'), 'refuse'),
    ('float_text', uni('7.0'), 'refuse'),
    ('empty', uni(''), 'refuse'),
    ('nul', uni('7\0'), 'refuse'),
    ('huge', uni('18446744073709551623'), 'refuse'),
    ('arabic', uni('\u0667'), 'refuse'),
    ('none', NONE, 'refuse'),
    ('float', real(7), 'refuse'),
    ('list', lst(integer(7)), 'refuse'),
    ('tuple_1', tup(uni('7')), 'refuse'),
    ('tuple_2', tup(integer(7), integer(5)), 'refuse'),
    ('tuple_4', tup(uni('module'), name('evil', 'Net'), uni(''), uni('')), 'refuse'),
    ('storage_6', storage()[:-1], 'refuse'),
    ('tuple_3_text', tup(uni('evil.Net'), uni(''), uni('')), 'refuse'),
]:
    case('id_' + slug, make_tar(obj=object_of(pid)), expect, 'persistent id: ' + slug)
case('id_zero_padded', make_tar(obj=object_of(uni('07'))), 'either', 'persistent id 07')
case(
    'id_of_storage',
    make_tar(obj=pickled(dictionary((uni('weight'), uni('7') + BINPERSID), (uni('extra'), uni('5') + BINPERSID)))),
    'either',
    'the object names a storage',
)
case(
    'rebuild_in_object',
    make_tar(obj=pickled(dictionary((uni('weight'), tensor(uni('5') + BINPERSID))))),
    'either',
    'the object rebuilds a tensor from a storage of the tar',
)
case(
    'big_endian',
    make_tar(sys=pickled(sys_info(False, 1000)), storages=tar_storages(tar_block(data=FOUR_BIG))),
    'either',
    'little_endian False, and the data is big-endian',
)
case('sys_info_list', make_tar(sys=pickled(EMPTY_LIST)), 'either', 'sys_info is a list')
case('sys_info_empty', make_tar(sys=b''), 'refuse', 'sys_info is empty')
case('sys_info_version', make_tar(sys=pickled(sys_info(version=9999))), 'either', 'sys_info says version 9999')
case('pickle_tail', make_tar(obj=TAR_OBJECT + b'more'), 'either', 'bytes behind the object')
