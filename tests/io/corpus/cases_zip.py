"""P14-P16: the zip container."""

import struct
import zlib

from assembler import *
from containers import FOUR, FOUR_BIG, Entry, make_zip, members, zip_pickle
from registry import add

DATA, PKL = 'archive/data/0', 'archive/data.pkl'


def case(slug, data, expect, what, words=''):
    add(slug + '.pth', data, expect, what, words)


def with_data(slug, expect, what, words='', plain=FOUR, method=0, **lies):
    case(slug, make_zip(members(data=Entry(DATA, plain, method, **lies))), expect, what, words)


def plus(slug, expect, what, *entries, words=''):
    case(slug, make_zip(members() + list(entries)), expect, what, words)


def body(numel=4, size=None, **more):
    return dictionary(
        (uni('weight'), tensor(storage5(numel=numel), size=size or (numel,))), *[(uni(k), v) for k, v in more.items()]
    )


good = make_zip(members())

# ---- P14: good forms first
case('p14_good', good, 'accept', 'nothing: the base of the zip cases, in the form of PyTorch')
case(
    'p14_plain',
    make_zip(
        members(
            **{
                k: Entry(e.path, e.plain, flags=0, local_extra=b'')
                for k, e in zip(('pkl', 'byteorder', 'data', 'version'), members())
            }
        ),
        zip64=False,
    ),
    'accept',
    'nothing: no flags, no padding, no ZIP64',
)
case('p14_no_byteorder', make_zip(members(byteorder=None)), 'accept', 'nothing: PyTorch 1.10 wrote no byteorder')
with_data('p14_deflated', 'accept', 'nothing: a deflated member', method=8)
case('p14_other_root', make_zip(members(root='my model')), 'accept', 'nothing: the root is the name of the file')
case('p14_no_version', make_zip(members(version=None)), 'either', 'no version member')
for slug, text in [('999', b'999\n'), ('text', b'banana'), ('empty', b'')]:
    case('p14_version_' + slug, make_zip(members(version=Entry('archive/version', text))), 'either', 'version: ' + slug)
case(
    'p14_central_order',
    make_zip(members(), order=lambda e: e[::-1]),
    'either',
    'the directory lists the members from last to first',
)
# bytes that belong to nothing
case(
    'p14_bytes_before',
    make_zip(members(), prefix=b'#!/bin/sh\n'),
    'refuse',
    'bytes before the first member, offsets correct',
)
case('p14_shifted', b'PK\3\4' + good, 'refuse', 'bytes before the first member, offsets not')
case('p14_spanned_marker', make_zip(members(), prefix=b'PK00'), 'refuse', 'a marker of split archives in front')
case('p14_bytes_after', good + b'\0' * 7, 'refuse', 'bytes behind the end record')
case(
    'p14_gap',
    make_zip(members(byteorder=Entry('archive/byteorder', b'little', gap=b'PAYLOAD!'))),
    'refuse',
    'a gap between two members',
)
case(
    'p14_gap_hidden_member',
    make_zip(members(byteorder=Entry('archive/byteorder', b'little', gap=Entry('archive/evil', b'x').local(0)))),
    'refuse',
    'a member between two others that the directory does not list',
)
case('p14_gap_directory', make_zip(members(), before_directory=b'PAYLOAD!'), 'refuse', 'a gap before the directory')
case(
    'p14_gap_end',
    make_zip(members(), before_end=b'PAYLOAD!'),
    'refuse',
    'a gap between the ZIP64 locator and the end record',
)
case(
    'p14_gap_end_plain',
    make_zip(members(), before_end=b'PAYLOAD!', zip64=False),
    'refuse',
    'a gap between the directory and the end record',
)
# end records
case('p14_second_zip', good + make_zip(members(floats=FOUR[::-1])), 'refuse', 'a second zip behind the first')
case(
    'p14_second_zip_shifted',
    make_zip(members(floats=FOUR[::-1]), prefix=good),
    'refuse',
    'a second zip behind the first, its offsets correct',
)
case('p14_second_end', good + good[-22:], 'refuse', 'the end record twice')
case('p14_comment', make_zip(members(), comment=b'hello'), 'either', 'a comment')
case('p14_comment_with_end', make_zip(members(), comment=good[-22:]), 'refuse', 'an end record inside the comment')
case(
    'p14_comment_with_zip',
    make_zip(members(), comment=make_zip(members(floats=FOUR[::-1]))),
    'refuse',
    'a whole zip inside the comment',
)
case(
    'p14_comment_long',
    make_zip(members(), end=dict(comment=100)),
    'refuse',
    'the comment is said to be longer than the file',
)
case('p14_no_end', good[:-22], 'refuse', 'no end record')
case('p14_only_end', b'PK\5\6' + b'\0' * 18, 'refuse', 'an empty zip: only the end record')
case('p14_only_local', b'PK\3\4', 'refuse', 'four bytes')
for field, value in [
    ('disk', 1),
    ('start_disk', 1),
    ('here', 3),
    ('count', 3),
    ('count', 5),
    ('count', 60000),
    ('size', 10),
    ('size', 2**31),
    ('offset', 0),
    ('offset', 2**31),
    ('size', 0xFFFFFFF0),
    ('offset', 0xFFFFFFF0),
]:
    both = {field: value} if field not in ('count',) else dict(count=value, here=value)
    case(
        'p14_end_%s_%d' % (field, value),
        make_zip(members(), end=both, zip64=False),
        'refuse',
        'end record: %s %d' % (field, value),
    )
    case(
        'p14_end_zip64_%s_%d' % (field, value),
        make_zip(members(), end=both),
        'refuse',
        'the end record (%s %d) contradicts the ZIP64 one' % (field, value),
    )
for field, value in [
    ('disk', 1),
    ('here', 3),
    ('count', 3),
    ('count', 2**63),
    ('size', 2**63),
    ('offset', 2**64 - 1),
    ('offset', 1),
    ('record', 2**63),
    ('record', 0),
    ('signature', b'PK\6\5'),
]:
    both = {field: value} if field != 'count' else dict(count=value, here=value)
    label = value if isinstance(value, int) else 'wrong'
    case(
        'p14_zip64_%s_%s' % (field, label),
        make_zip(members(), end64=both),
        'refuse',
        'ZIP64 end record: %s %s' % (field, label),
    )
case(
    'p14_zip64_real',
    make_zip(members(), end=dict(here=0xFFFF, count=0xFFFF, size=0xFFFFFFFF, offset=0xFFFFFFFF)),
    'either',
    'nothing: the plain end record defers to the ZIP64 one',
)
for field, value in [('disk', 1), ('offset', 0), ('offset', 2**63), ('disks', 2), ('disks', 0)]:
    case(
        'p14_locator_%s_%d' % (field, value),
        make_zip(members(), locator={field: value}),
        'either' if value == 0 and field == 'disks' else 'refuse',
        'ZIP64 locator: %s %d' % (field, value),
    )
case('p14_directory_cut', make_zip(members(), cut_directory=30), 'refuse', 'the directory is cut short')
case('p14_directory_empty', make_zip([]), 'refuse', 'no members')
# members
plus('p14_duplicate_name', 'refuse', 'two members archive/data/0', Entry(DATA, FOUR[::-1]), words='data/0')
plus('p14_duplicate_same', 'refuse', 'two directory entries for one member', Entry(DATA, FOUR, hidden=True, offset=0))
twice = members()
case('p14_listed_twice', make_zip(twice, order=lambda e: e + [e[2]]), 'refuse', 'the directory lists one member twice')
plus('p14_two_pickles', 'refuse', 'two data.pkl', Entry(PKL, zip_pickle(body(size=(2,)))))
case('p14_two_roots', make_zip(members() + members(root='other')), 'refuse', 'two roots, each with data.pkl')
plus('p14_foreign_root', 'refuse', 'a member outside the root', Entry('other/data/0', FOUR))
plus('p14_nested_pickle', 'either', 'a second data.pkl below data/', Entry('archive/data/data.pkl', zip_pickle()))
for slug, path in [
    ('renamed', 'archive/data.pk1'),
    ('case', 'archive/DATA.PKL'),
    ('slash', 'archive/data.pkl/'),
    ('backslash', 'archive\\data.pkl'),
    ('nul', 'archive/data.pkl\0'),
]:
    case(
        'p14_pickle_' + slug,
        make_zip(members(pkl=Entry(path, zip_pickle()))),
        'refuse',
        'data.pkl is called ' + ascii(path),
    )
case(
    'p14_no_root', make_zip([Entry(e.path[8:], e.plain) for e in members()]), 'refuse', 'members without a root folder'
)
case(
    'p14_deep_root',
    make_zip([Entry(b'x/' + e.path, e.plain) for e in members()]),
    'either',
    'the root is two folders deep',
)
case('p14_no_pickle', make_zip(members(pkl=None)), 'refuse', 'no data.pkl')
plus('p14_folder_entry', 'either', 'a folder entry', Entry('archive/', b''))
plus('p14_extra_member', 'either', 'a member that PyTorch does not know', Entry('archive/extra/notes.txt', b'hello'))
with_data('p14_local_name_differs', 'refuse', 'local and central name differ', local_path=b'archive/data/1')
with_data('p14_local_name_shorter', 'refuse', 'the local name is shorter', local_path=b'archive/data/')
with_data('p14_local_name_case', 'refuse', 'local and central name differ in case', local_path=b'archive/DATA/0')
for field, value in [('local_size', 8), ('local_packed', 8), ('local_crc', 1), ('local_size', 0)]:
    with_data(
        'p14_%s_%d' % (field, value),
        'refuse',
        'local and central header differ: %s' % field,
        flags=0x800,
        **{field: value}
    )
with_data('p14_local_flags_differ', 'refuse', 'the local header says there is no descriptor', local_flags=0x800)
with_data(
    'p14_central_flags_differ',
    'refuse',
    'the directory says there is no descriptor',
    flags=0x800,
    local_flags=0x808,
    local_crc=0,
    local_packed=0,
    local_size=0,
    descriptor=b'',
)
with_data('p14_offset_beyond', 'refuse', 'the offset lies beyond the file', offset=2**31)
with_data('p14_offset_max', 'refuse', 'the offset is 2^32 - 1 without ZIP64', offset=0xFFFFFFFF)
with_data('p14_offset_other', 'refuse', 'the offset is that of another member', offset=0)
with_data('p14_offset_one_off', 'refuse', 'the offset is one too small', offset=members()[0].at + 1)
with_data('p14_extra_beyond', 'refuse', 'the local extra field is longer than the file', local_extra_length=0xFFFF)
with_data('p14_extra_short', 'refuse', 'the local extra field is shorter than it is', local_extra_length=4)
with_data(
    'p14_extra_malformed', 'either', 'an extra field that is longer than the extra fields', local_extra=b'FB\xff\xff'
)
with_data('p14_disk_1', 'refuse', 'the member begins on another disk', disk=1)
# Data of data/0 holds a local header of its own, which the directory lists as data/1.
inside = Entry('archive/data/1', FOUR, flags=0x800, local_extra=b'')
outer = Entry(DATA, FOUR + inside.local(0) + b'\0' * (-len(inside.local(0)) % 4))
parts = members(
    data=outer,
    body=dictionary(
        (uni('weight'), tensor(storage5(numel=len(outer.plain) // 4))), (uni('b'), tensor(storage5(key='1')))
    ),
)
at = make_zip(parts).index(inside.local(0))
case(
    'p14_overlap',
    make_zip(parts + [Entry('archive/data/1', FOUR, flags=0x800, offset=at, hidden=True)]),
    'refuse',
    'data/1 lies inside the data of data/0',
)
for slug, flags in [
    ('encrypted', 1),
    ('patched', 0x20),
    ('strong', 0x40),
    ('masked', 0x2000),
    ('reserved', 0x8000),
    ('all', 0xFFFF),
]:
    with_data('p14_flag_' + slug, 'refuse', 'flag bits %#x' % flags, flags=0x808 | flags)
for method in (1, 6, 9, 12, 14, 93, 95, 99):
    with_data('p14_method_%d' % method, 'refuse', 'compression method %d' % method, data=FOUR, method=method)
with_data('p14_local_method', 'refuse', 'local method 8, central method 0', local_method=8)
with_data('p14_central_method', 'refuse', 'local method 0, central method 8', method=8, data=FOUR, local_method=0)
with_data('p14_stored_sizes', 'refuse', 'a stored member with two sizes', packed=16, size=12)
# data descriptors
sixteen = struct.pack('<4sIII', b'PK\7\x08', zlib.crc32(FOUR), 16, 16)
for slug, raw, expect in [
    ('crc', sixteen[:4] + b'\1\2\3\4' + sixteen[8:], 'refuse'),
    ('packed', sixteen[:8] + b'\x0f\0\0\0' + sixteen[12:], 'refuse'),
    ('size', sixteen[:12] + b'\x11\0\0\0', 'refuse'),
    ('signature', b'PK\7\7' + sixteen[4:], 'refuse'),
    ('missing', b'', 'refuse'),
    ('cut', sixteen[:8], 'refuse'),
    ('unsigned', sixteen[4:], 'either'),
    ('zip64', struct.pack('<4sIQQ', b'PK\7\x08', zlib.crc32(FOUR), 16, 16), 'either'),
]:
    with_data('p14_descriptor_' + slug, expect, 'data descriptor: ' + slug, descriptor=raw)
# ZIP64 in a member
for slug, extra, expect in [
    ('lie', struct.pack('<HHQQ', 1, 16, 2**63, 2**63), 'refuse'),
    ('wrap', struct.pack('<HHQQ', 1, 16, 2**64 - 1, 2**64 - 1), 'refuse'),
    ('good', struct.pack('<HHQQ', 1, 16, 16, 16), 'either'),
    ('short', struct.pack('<HHQ', 1, 8, 16), 'refuse'),
    ('none', b'', 'refuse'),
    ('length', struct.pack('<HHQQ', 1, 200, 16, 16), 'refuse'),
    ('twice', struct.pack('<HHQQHHQQ', 1, 16, 16, 16, 1, 16, 8, 8), 'refuse'),
]:
    with_data(
        'p14_member64_' + slug,
        expect,
        'ZIP64 extra field: ' + slug,
        size=0xFFFFFFFF,
        packed=0xFFFFFFFF,
        extra=extra,
        descriptor=sixteen,
    )
with_data(
    'p14_member64_unneeded',
    'either',
    'a ZIP64 extra field where nothing asks for one',
    extra=struct.pack('<HHQQ', 1, 16, 2**63, 2**63),
)
with_data(
    'p14_member64_offset', 'refuse', 'ZIP64 offset 2^63', offset=0xFFFFFFFF, extra=struct.pack('<HHQ', 1, 8, 2**63)
)
code = Entry('archive/code/__torch__.py', b'class Net(Module):\n  pass\n')
case(
    'p18_torchscript',
    make_zip(members() + [code, Entry('archive/constants.pkl', PROTO2 + EMPTY_TUPLE + STOP)]),
    'refuse',
    'a TorchScript archive',
    'TorchScript',
)

# ---- P15
with_data('p15_crc_wrong', 'refuse', 'wrong CRC of the data', 'data/0', crc=0x12345678)
case(
    'p15_crc_wrong_pickle',
    make_zip(members(pkl=Entry(PKL, zip_pickle(), crc=0x12345678))),
    'refuse',
    'wrong CRC of the pickle',
    'data.pkl',
)
case(
    'p15_crc_wrong_version',
    make_zip(members(version=Entry('archive/version', b'3\n', crc=0x12345678))),
    'either',
    'wrong CRC of the version',
)
with_data('p15_crc_zero', 'accept-warn', 'CRC 0 of the data: the writer had it switched off', crc=0)
case(
    'p15_crc_zero_all', make_zip([Entry(e.path, e.plain, crc=0) for e in members()]), 'accept-warn', 'CRC 0 everywhere'
)
case(
    'p15_crc_zero_pickle', make_zip(members(pkl=Entry(PKL, zip_pickle(), crc=0))), 'accept-warn', 'CRC 0 of the pickle'
)
with_data('p15_crc_zero_deflated', 'accept-warn', 'CRC 0 of a deflated member', method=8, crc=0)
with_data('p15_data_changed', 'refuse', 'the data differs from its CRC', 'data/0', data=FOUR[:15] + b'\x41')

# ---- P16
bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
bomb = bomb.compress(b'\0' * 4000000) + bomb.flush()
with_data('p16_bomb_4g', 'refuse', 'a deflated member that claims 4 GiB', method=8, data=bomb, size=0xFFFFFFFE)
with_data(
    'p16_bomb_small_claim', 'refuse', 'a deflated member of 4 MB that claims 16 bytes', method=8, data=bomb, size=16
)
case(
    'p16_ratio', make_zip(members(body=body(10**6), data=Entry(DATA, b'\0' * 4000000, 8))), 'refuse', 'ratio 1,000 to 1'
)
case(
    'p16_ratio_pickle',
    make_zip(
        members(
            pkl=Entry(
                PKL,
                zip_pickle(
                    dictionary(
                        (uni('weight'), tensor(storage5())),
                        (uni('extra'), b'X' + struct.pack('<I', 900000) + b'a' * 900000),
                    )
                ),
                8,
            )
        )
    ),
    'refuse',
    'a pickle of ratio 800 to 1',
)
with_data(
    'p16_deflated_shorter', 'refuse', 'deflated data gives fewer bytes than it says', plain=FOUR[:8], method=8, size=16
)
with_data(
    'p16_deflated_longer', 'refuse', 'deflated data gives more bytes than it says', plain=FOUR * 2, method=8, size=16
)
case(
    'p16_deflated_longer_unread',
    make_zip(members(version=Entry('archive/version', b'3\n' * 40, 8, size=2, crc=zlib.crc32(b'3\n')))),
    'refuse',
    'a member that nobody reads gives more bytes than it says',
)
case(
    'p16_deflated_longer_pickle',
    make_zip(members(pkl=Entry(PKL, zip_pickle() + b'\0' * 64, 8, size=len(zip_pickle()), crc=zlib.crc32(zip_pickle())))),
    'refuse',
    'the pickle gives more bytes than it says',
)
with_data('p16_deflated_longer_of_none', 'refuse', 'deflated data gives bytes and says 0', method=8, size=0)
packed = Entry(DATA, FOUR, 8).data
with_data(
    'p16_deflated_tail', 'refuse', 'bytes behind the deflated data, inside the member', method=8, data=packed + b'xxxx'
)
with_data('p16_deflated_cut', 'refuse', 'the deflated data is cut', method=8, data=packed[:-3])
with_data('p16_deflated_empty', 'refuse', 'no deflated data at all', method=8, data=b'')
with_data('p16_deflated_garbage', 'refuse', 'the deflated data is none', method=8, data=b'\xff' * 18)
with_data('p16_zlib_header', 'refuse', 'zlib data in the place of deflate data', method=8, data=zlib.compress(FOUR))
with_data('p16_data_shorter', 'refuse', 'the storage has 4 bytes too few', 'data/0', plain=FOUR[:12])
with_data('p16_data_longer', 'refuse', 'the storage has 4 bytes too many', 'data/0', plain=FOUR + b'\0' * 4)
with_data('p16_data_empty', 'refuse', 'the storage is empty', 'data/0', plain=b'')
case('p16_data_missing', make_zip(members(data=None)), 'refuse', 'the storage is missing', "'0'")
for slug, path in [
    ('dotdot', 'archive/../../HOSTILE_PAYLOAD_RAN'),
    ('dotdot_only', '..'),
    ('dotdot_inside', 'archive/data/../1'),
    ('absolute', '/HOSTILE_PAYLOAD_RAN'),
    ('nul', 'archive/data/0\0.txt'),
    ('backslash', 'archive\\..\\..\\HOSTILE_PAYLOAD_RAN'),
    ('drive', 'C:/HOSTILE_PAYLOAD_RAN'),
    ('empty', ''),
    ('newline', 'archive/a\nb'),
    ('escape', 'archive/\x1b[2J'),
    ('not_utf8', b'archive/\xff\xfe'),
]:
    plus(
        'p16_path_' + slug,
        'refuse' if slug not in ('drive', 'newline', 'escape', 'not_utf8') else 'either',
        'member name ' + ascii(path),
        Entry(path, b'x'),
    )
for slug, path in [('dot', 'archive/./data/0'), ('double_slash', 'archive//data/0')]:
    case('p16_path_' + slug, make_zip(members(data=Entry(path, FOUR))), 'refuse', 'the storage is called ' + path)
with_data('p16_symlink', 'refuse', 'a symbolic link', made_by=0x031E, attributes=0o120777 << 16)
plus(
    'p16_symlink_extra',
    'refuse',
    'a symbolic link beside the others',
    Entry('archive/data/link', b'/etc/passwd', made_by=0x031E, attributes=0o120777 << 16),
)
plus(
    'p16_device_extra',
    'refuse',
    'a device beside the others',
    Entry('archive/data/dev', b'', made_by=0x031E, attributes=0o020666 << 16),
)
case(
    'p16_evil_pickle',
    make_zip(members(body=body(extra=call(name('os', 'system'), uni(PAYLOAD))))),
    'opaque',
    'os.system inside a zip',
    'os.system',
)
case(
    'p16_byteorder_big',
    make_zip(members(byteorder=Entry('archive/byteorder', b'big'), floats=FOUR_BIG)),
    'either',
    'byteorder big, and the data is big-endian',
)
for slug, text in [('middle', b'middle'), ('empty', b''), ('case', b'LITTLE')]:
    case(
        'p16_byteorder_' + slug,
        make_zip(members(byteorder=Entry('archive/byteorder', text))),
        'refuse',
        'byteorder: ' + slug,
        'byteorder',
    )
for slug, key in [
    ('dotdot', '../version'),
    ('pickle', '../data.pkl'),
    ('empty', ''),
    ('slash', '/0'),
    ('nul', '0\0'),
    ('dot', './0'),
]:
    case(
        'p16_key_' + slug,
        make_zip(members(body=dictionary((uni('weight'), tensor(storage5(key=key)))))),
        'refuse',
        'storage key ' + ascii(key),
    )
case(
    'p16_key_two_sizes',
    make_zip(members(body=body(b=tensor(storage5(numel=2), size=(2,))))),
    'refuse',
    'one key with two sizes',
)
case(
    'p16_key_two_types',
    make_zip(members(body=body(b=tensor(storage5(kind='IntStorage'))))),
    'refuse',
    'one key with two types',
)
plus('p16_unused_storage', 'either', 'a storage that nothing uses', Entry('archive/data/9', FOUR))
