"""P10-P13: storages, shapes, what must come out right."""

import struct

from assembler import *
from containers import FOUR, FOUR_BIG, stacked, sys_info
from registry import add, object_case


def only(slug, weight, expect, what, words='', **options):
    object_case(slug, dictionary((uni('weight'), weight)), expect, what, words, **options)


def view(key='v', offset=0, numel=4):
    return tup(uni(key), integer(offset), integer(numel))


EIGHT = struct.pack('<8f', 9, 9, 1, 2, 3, 4, 9, 9)
in_eight = [('0', 8, EIGHT)]

# ---- P10
for slug, numel in [
    ('negative', -4),
    ('min', -(2**63)),
    ('wraps', 2**62 + 1),
    ('wraps_to_16', 2**62 + 4),
    ('max', 2**63 - 1),
    ('beyond_file', 2**38),
    ('one_more', 5),
    ('one_less', 3),
    ('zero', 0),
]:
    only('p10_numel_' + slug, tensor(storage(numel=numel)), 'refuse', 'the storage id says %d elements' % numel)
only(
    'p10_double_wraps',
    tensor(storage(kind='DoubleStorage', numel=2**61 + 2)),
    'refuse',
    '(2^61 + 2) x 8 wraps to 16',
    data=[('0', 2**61 + 2, FOUR)],
)
for slug, count in [
    ('negative', -4),
    ('wraps', 2**62 + 4),
    ('min', -(2**63)),
    ('differs', 3),
    ('zero', 0),
    ('more', 5),
]:
    object_case(
        'p10_section_' + slug,
        good(),
        'refuse',
        'the storage section says %d elements, the id 4' % count,
        data=[('0', count, FOUR)],
    )
only(
    'p10_both_beyond',
    tensor(storage(numel=2**38)),
    'refuse',
    'id and section agree on 2^38 elements in a small file',
    data=[('0', 2**38, FOUR)],
)
only(
    'p10_both_wrap',
    tensor(storage(numel=2**62 + 4)),
    'refuse',
    'id and section agree on a count that wraps',
    data=[('0', 2**62 + 4, FOUR)],
)
only(
    'p10_both_negative',
    tensor(storage(numel=-1), size=(0,)),
    'refuse',
    'id and section agree on -1',
    data=[('0', -1, b'')],
)
object_case('p10_data_shorter', good(), 'refuse', 'the data ends 4 bytes early', data=[('0', 4, FOUR[:12])])
object_case('p10_no_data', good(), 'refuse', 'the file ends behind the key list', data=[], keys=lst(uni('0')))
object_case(
    'p10_count_cut',
    good(),
    'refuse',
    'the file ends inside the count of a storage',
    data=[],
    keys=lst(uni('0')),
    tail=b'\4\0\0',
)
object_case('p10_trailing', good(), 'refuse', 'bytes behind the last storage', tail=b'more')
object_case('p10_trailing_zero', good(), 'refuse', 'one NUL behind the last storage', tail=b'\0')
object_case(
    'p10_key_two_sizes',
    dictionary((uni('weight'), tensor()), (uni('b'), tensor(storage(numel=2), size=(2,)))),
    'refuse',
    'one key with two sizes',
)
object_case(
    'p10_key_two_types',
    dictionary((uni('weight'), tensor()), (uni('b'), tensor(storage(kind='IntStorage')))),
    'refuse',
    'one key with two types',
)
object_case(
    'p10_key_two_types_unused',
    good(storage(kind='IntStorage')),
    'refuse',
    'one key with two types, once without a tensor',
)
object_case('p10_key_not_listed', good(), 'refuse', 'the key list is empty', data=[])
object_case(
    'p10_key_unused',
    good(),
    'either',
    'the key list names a storage that nothing uses',
    data=[('0', 4, FOUR), ('9', 4, FOUR)],
)
object_case(
    'p10_key_twice', good(), 'refuse', 'the key list names one storage twice', data=[('0', 4, FOUR), ('0', 4, FOUR)]
)
for slug, keys in [
    ('text', uni('0')),
    ('dict', EMPTY_DICT),
    ('ints', lst(integer(0))),
    ('nested', lst(lst(uni('0')))),
    ('none', NONE),
]:
    object_case('p10_keys_' + slug, good(), 'refuse', 'the key list is ' + slug, keys=keys)
object_case('p10_keys_tuple', good(), 'either', 'the key list is a tuple', keys=tup(uni('0')))

# ---- P11
big = 2**62
for slug, size, stride, offset, what in [
    ('stride_count', (2, 2), (1,), 0, 'two sizes, one stride'),
    ('size_count', (4,), (1, 1), 0, 'one size, two strides'),
    ('no_strides', (4,), (), 0, 'no strides'),
    ('size_negative', (-4,), (1,), 0, 'negative size'),
    ('sizes_negative', (-2, -2), (2, 1), 0, 'two negative sizes, the product is 4'),
    ('size_min', (-(2**63),), (1,), 0, 'size -2^63'),
    ('stride_negative', (4,), (-1,), 3, 'negative stride'),
    ('stride_min', (2,), (-(2**63),), 0, 'stride -2^63'),
    ('offset_negative', (4,), (1,), -1, 'negative offset'),
    ('offset_min', (1,), (1,), -(2**63), 'offset -2^63'),
    ('offset_beyond', (1,), (1,), 4, 'offset just behind the storage'),
    ('offset_huge', (1,), (1,), 2**63 - 1, 'offset 2^63 - 1'),
    ('offset_wraps', (1,), (1,), big, 'offset x 4 wraps to 0'),
    ('scalar_beyond', (), (), 4, 'a scalar behind the storage'),
    ('last_outside', (2, 2), (3, 1), 0, 'the last element just outside the storage'),
    ('one_more', (5,), (1,), 0, 'five elements of four'),
    ('shifted', (4,), (1,), 1, 'four elements from offset 1 of four'),
    ('stride_overflow', (3, 2), (big, 1), 0, '(size - 1) x stride wraps'),
    ('strides_overflow', (2, 2), (2**63 - 1, 2**63 - 1), 0, 'the sum of the strides wraps'),
    ('stride_bytes_wrap', (5,), (big,), 0, 'stride x 4 wraps to 0'),
    ('product_overflow', (2**32, 2**32, 2), (0, 0, 1), 0, 'the product of the sizes wraps to 0'),
    ('product_with_zero', (2**40, 2**40, 0), (0, 0, 0), 0, 'an empty tensor whose other sizes overflow'),
    ('expanded_2e40', (2**20, 2**20), (0, 0), 0, 'one float expanded to 2^40'),
    ('expanded_2e25', (2**25,), (0,), 0, 'one float expanded to 2^25'),
    ('overlapping_2e24', (2**12, 2**12, 4), (0, 0, 1), 0, 'four floats repeated 2^24 times'),
    ('rank_9', (1,) * 8 + (4,), (4,) * 8 + (1,), 0, 'nine axes'),
    ('rank_300', (1,) * 300, (1,) * 300, 0, '300 axes'),
]:
    expect = 'either' if slug == 'product_with_zero' else 'refuse'
    object_case(
        'p11_' + slug,
        good(tensor(offset=offset, size=size, stride=stride)),
        expect,
        what,
        'extra' if expect == 'refuse' and slug != 'rank_300' else '',
    )
object_case('p11_expanded_small', good(tensor(size=(1000,), stride=(0,))), 'either', 'one float expanded to 1,000')
many = (
    REBUILD + put(100) + POP + storage() + put(101) + POP + ints([2**20]) + put(102) + POP + ints([0]) + put(103) + POP
)
expanded = get(100) + MARK + get(101) + integer(0) + get(102) + get(103) + FALSE + NONE + TUPLE + REDUCE
object_case(
    'p11_expanded_many',
    many + dictionary((uni('weight'), tensor()), *[(uni('t%d' % i), expanded) for i in range(64)]),
    'refuse',
    '64 expansions of 4 MiB each: none is too large alone',
)


def rebuild(*arguments):
    return call(REBUILD, *arguments)


size, stride = ints([4]), ints([1])
for slug, value, what in [
    ('size_text', rebuild(storage(), integer(0), tup(uni('4')), stride, FALSE, NONE), 'a size that is a text'),
    ('size_float', rebuild(storage(), integer(0), tup(real(4)), stride, FALSE, NONE), 'a size of 4.0'),
    ('size_none', rebuild(storage(), integer(0), tup(NONE), stride, FALSE, NONE), 'a size that is None'),
    ('size_big', rebuild(storage(), integer(0), tup(long1(2**64 + 4)), stride, FALSE, NONE), 'a size of 2^64 + 4'),
    ('sizes_int', rebuild(storage(), integer(0), integer(4), stride, FALSE, NONE), 'sizes that are an integer'),
    ('sizes_dict', rebuild(storage(), integer(0), EMPTY_DICT, stride, FALSE, NONE), 'sizes that are a dictionary'),
    ('offset_big', rebuild(storage(), long1(2**64), size, stride, FALSE, NONE), 'an offset of 2^64'),
    ('offset_text', rebuild(storage(), uni('0'), size, stride, FALSE, NONE), 'an offset that is a text'),
    (
        'storage_int',
        rebuild(integer(0), integer(0), size, stride, FALSE, NONE),
        'an integer in the place of the storage',
    ),
    ('storage_text', rebuild(uni('0'), integer(0), size, stride, FALSE, NONE), 'a text in the place of the storage'),
    (
        'storage_tensor',
        rebuild(tensor(), integer(0), size, stride, FALSE, NONE),
        'a tensor in the place of the storage',
    ),
    (
        'storage_class',
        rebuild(name('torch', 'FloatStorage'), integer(0), size, stride, FALSE, NONE),
        'the class in the place of the storage',
    ),
    ('no_arguments', call(REBUILD), 'no arguments'),
    ('three_arguments', rebuild(storage(), integer(0), size), 'three arguments'),
    (
        'parameter_of_text',
        call(name('torch._utils', '_rebuild_parameter'), uni('x'), TRUE, NONE),
        'a parameter made of a text',
    ),
    ('parameter_of_nothing', call(name('torch._utils', '_rebuild_parameter')), 'a parameter made of nothing'),
]:
    object_case('p11_' + slug, good(value), 'either' if slug.startswith('parameter') else 'refuse', what)
only(
    'p11_size_bool',
    rebuild(storage(numel=1), integer(0), tup(TRUE), stride, FALSE, NONE),
    'refuse',
    'a size that is True',
    data=[('0', 4, FOUR)],
)
only(
    'p11_sizes_list',
    rebuild(storage(), integer(0), lst(integer(4)), lst(integer(1)), FALSE, NONE),
    'either',
    'sizes and strides as lists',
)
object_case(
    'p11_newobj',
    good(REBUILD + tup(storage(), integer(0), size, stride, FALSE, NONE) + NEWOBJ),
    'either',
    '_rebuild_tensor_v2 by NEWOBJ',
)
object_case(
    'p11_tensor_state',
    good(tensor() + tup(storage(), integer(0), ints([9]), stride) + BUILD),
    'either',
    'a tensor that gets another shape by BUILD',
)

# ---- P12
only(
    'p12_sizes_torch',
    rebuild(storage(), integer(0), call(name('torch', 'Size'), size), stride, FALSE, NONE),
    'accept',
    'nothing: sizes as torch.Size',
)
only(
    'p12_rebuild_v1',
    call(name('torch._utils', '_rebuild_tensor'), storage(), integer(0), size, stride),
    'accept',
    'nothing: _rebuild_tensor',
)
only(
    'p12_sizes_long',
    rebuild(storage(), long1(0), tup(long1(4)), tup(long1(1)), FALSE, NONE),
    'accept',
    'nothing: Python 2 longs',
)
only(
    'p12_parameter',
    call(name('torch._utils', '_rebuild_parameter'), tensor(), TRUE, call(ORDERED_DICT)),
    'accept',
    'nothing: a parameter',
)
only(
    'p12_stride_2',
    tensor(storage(numel=7), stride=(2,)),
    'accept',
    'nothing: every second element',
    data=[('0', 7, struct.pack('<7f', 1, 9, 2, 9, 3, 9, 4))],
)
only(
    'p12_transposed',
    tensor(size=(2, 2), stride=(1, 2)),
    'accept',
    'nothing: a transposed matrix',
    data=[('0', 4, struct.pack('<4f', 1, 3, 2, 4))],
)
only('p12_offset', tensor(storage(numel=8), offset=2), 'accept', 'nothing: in the middle of a storage', data=in_eight)
object_case(
    'p12_names_py2', dictionary((short_string('weight'), tensor())), 'accept', 'nothing: the name is a Python 2 string'
)
for kind, form, zero in [
    ('Double', 'd', '8'),
    ('Long', 'q', ''),
    ('Int', 'i', ''),
    ('Short', 'h', ''),
    ('Char', 'b', ''),
    ('Byte', 'B', ''),
    ('Half', 'e', ''),
]:
    only(
        'p12_' + kind.lower(),
        tensor(storage(kind=kind + 'Storage')),
        'accept',
        'nothing: %sStorage' % kind,
        data=[('0', 4, struct.pack('<4' + form, 1, 2, 3, 4))],
    )
only(
    'p12_bfloat16',
    tensor(storage(kind='BFloat16Storage')),
    'accept',
    'nothing: BFloat16Storage',
    data=[('0', 4, b''.join(struct.pack('<f', x)[2:] for x in (1, 2, 3, 4)))],
)
for kind in ('Banana', 'QInt8', 'QUInt4x2', 'float', 'Float'):
    only(
        'p12_kind_' + kind.lower() + ('_bare' if kind == 'Float' else ''),
        tensor(storage(kind=kind + ('' if kind == 'Float' else 'Storage'))),
        'refuse',
        'storage type torch.%s' % kind,
    )
only('p12_kind_tensor', tensor(storage(kind='FloatTensor')), 'refuse', 'storage type torch.FloatTensor')
short = tensor(size=(2,), offset=2)
object_case(
    'p12_duplicate_key',
    dictionary((uni('weight'), short), (uni('weight'), tensor())),
    'accept-warn',
    'the same name twice: the last one counts',
    'weight',
)
object_case(
    'p12_duplicate_key_py2',
    dictionary((uni('weight'), short), (short_string('weight'), tensor())),
    'accept-warn',
    'the same name as a text and as a Python 2 string',
    'weight',
)
object_case(
    'p12_names_collide',
    dictionary((uni('a'), dictionary((uni('b'), tensor()))), (uni('a.b'), tensor(size=(2,), offset=2))),
    'refuse',
    'two tensors of one name: a, b and a.b',
    'a.b',
)

# ---- P13
for slug, location in [('cuda7', 'cuda:7'), ('cuda', 'cuda'), ('cuda_big', 'cuda:4294967296')]:
    only('p13_location_' + slug, tensor(storage(location=location)), 'accept', 'location ' + location)
for slug, location in [
    ('mps', 'mps'),
    ('meta', 'meta'),
    ('empty', ''),
    ('unknown', 'banana:1'),
    ('path', '../../etc/passwd'),
    ('control', 'cpu\n\x1b[2J'),
]:
    only('p13_location_' + slug, tensor(storage(location=location)), 'either', 'location ' + ascii(location))
object_case(
    'p13_big_endian',
    good(),
    'either',
    'little_endian False, and the data is big-endian',
    info=sys_info(little=False),
    data=[('0', 4, FOUR_BIG)],
)
for slug, info in [
    ('no_order', dictionary((uni('protocol_version'), integer(1001)))),
    ('empty', EMPTY_DICT),
    ('version_1000', sys_info(version=1000)),
    ('order_text', dictionary((uni('protocol_version'), integer(1001)), (uni('little_endian'), uni('yes')))),
    ('list', EMPTY_LIST),
    ('int', integer(1001)),
    ('none', NONE),
]:
    object_case('p13_sys_info_' + slug, good(), 'either', 'sys_info: ' + slug, info=info)
only(
    'p13_view',
    tensor(storage(numel=8, view=view(offset=2))),
    'accept',
    'nothing: a storage that is a view of another',
    data=in_eight,
)
only('p13_view_whole', tensor(storage(view=view())), 'accept', 'nothing: a view of the whole root')
for slug, metadata, what in [
    ('outside', view(offset=2, numel=4), 'view of 4 at offset 2 of 4'),
    ('offset_negative', view(offset=-1), 'view at offset -1'),
    ('numel_negative', view(numel=-4), 'view of -4'),
    ('wraps', view(offset=2**63 - 1), 'offset + length wraps'),
    ('wraps_bytes', view(offset=2**62), 'offset x 4 wraps to 0'),
    ('numel_huge', view(numel=2**62 + 4), 'length x 4 wraps to 16'),
    ('shorter', view(numel=2), 'view of 2 below a tensor of 4'),
    ('empty', view(numel=0), 'view of 0 below a tensor of 4'),
    ('two', tup(uni('v'), integer(0)), 'view of two parts'),
    ('four', tup(uni('v'), integer(0), integer(4), NONE), 'view of four parts'),
    ('text', uni('v'), 'view is a text'),
    ('int', integer(0), 'view is an integer'),
    ('offset_text', tup(uni('v'), uni('0'), integer(4)), 'view offset is a text'),
    ('numel_float', tup(uni('v'), integer(0), real(4)), 'view length is 4.0'),
]:
    only('p13_view_' + slug, tensor(storage(view=metadata)), 'refuse', what)
object_case(
    'p13_view_two_places',
    dictionary(
        (uni('weight'), tensor(storage(numel=8, view=view(offset=2)))),
        (uni('b'), tensor(storage(numel=8, view=view(offset=4)))),
    ),
    'either',
    'one view key at two offsets',
    data=in_eight,
)

# ---- the frame of the stacked container
add('c01_good.pth', stacked(good()), 'accept', 'nothing: the base of the stacked cases')
for slug, magic in [
    ('off_by_one', long1(0x1950A86A20F9469CFC6D)),
    ('negative', long1(-0x1950A86A20F9469CFC6C)),
    ('text', uni('1950a86a20f9469cfc6c')),
    ('none', NONE),
    ('tuple', tup(long1(0x1950A86A20F9469CFC6C))),
]:
    add('c01_magic_%s.pth' % slug, stacked(good(), magic=magic), 'refuse', 'magic number: ' + slug)
for slug, version in [
    ('1002', integer(1002)),
    ('1000', integer(1000)),
    ('0', integer(0)),
    ('huge', long1(2**64 + 1001)),
    ('text', uni('1001')),
    ('float', real(1001)),
]:
    add('c01_version_%s.pth' % slug, stacked(good(), version=version), 'refuse', 'protocol version: ' + slug)
