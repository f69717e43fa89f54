"""P5-P9: the structure of the opcode stream, declared lengths, growth. Files beyond 8 kB: tests/io/hostile_large.cpp."""

import struct

from assembler import *
from containers import FOUR, Entry, make_zip, members, stacked, zip_pickle
from registry import add, object_case


def extra(slug, opcodes, expect, what, words='', proto=PROTO2, **options):
    object_case(slug, good(opcodes), expect, what, words, proto=proto, **options)


# ---- P5
extra('p05_unknown_ff', b'\xff', 'refuse', 'opcode 0xff')
extra('p05_unknown_00', b'\0', 'refuse', 'opcode 0')
extra('p05_unknown_z', b'z', 'refuse', 'opcode z')
for version in (6, 7, 127, 255):
    object_case('p05_protocol_%d' % version, good(), 'refuse', 'PROTO %d' % version, proto=b'\x80' + bytes([version]))
object_case('p05_no_proto', good(), 'either', 'an object pickle without PROTO', proto=b'')
object_case('p05_two_proto', good(), 'refuse', 'PROTO twice', proto=PROTO2 + PROTO2)
extra('p05_proto_inside', PROTO2 + NONE, 'refuse', 'PROTO in the middle')
object_case('p05_proto_last', good() + PROTO4, 'refuse', 'PROTO before STOP')
object_case('p05_proto_cut', b'', 'refuse', 'PROTO without its operand', proto=b'\x80', stop=b'', data=(), keys=b'')
object_case(
    'p05_frame_good', frame(good() + STOP), 'accept', 'nothing: a frame, as protocol 4 writes', proto=PROTO4, stop=b''
)
object_case(
    'p05_frame_beyond_file', frame(good() + STOP, 2**62), 'refuse', 'FRAME longer than the file', proto=PROTO4, stop=b''
)
object_case('p05_frame_2e64', frame(good() + STOP, 2**64 - 1), 'refuse', 'FRAME of 2^64 - 1', proto=PROTO4, stop=b'')
object_case(
    'p05_frame_short', frame(good() + STOP, 40), 'either', 'FRAME shorter than the content', proto=PROTO4, stop=b''
)
object_case('p05_frame_zero', frame(good() + STOP, 0), 'either', 'FRAME of 0 bytes', proto=PROTO4, stop=b'')
object_case(
    'p05_frame_long',
    frame(good() + STOP, len(good()) + 20),
    'either',
    'FRAME that reaches into the next pickle',
    proto=PROTO4,
    stop=b'',
)
object_case('p05_frame_nested', frame(frame(good()) + STOP), 'either', 'a frame inside a frame', proto=PROTO4, stop=b'')
object_case(
    'p05_frame_crossing',
    frame(EMPTY_LIST + POP + frame(good() + STOP), 5),
    'either',
    'frames that cross',
    proto=PROTO4,
    stop=b'',
)
extra('p05_frame_inside', frame(NONE), 'either', 'a frame in the middle of a value', proto=PROTO4)
extra('p05_frame_protocol2', frame(NONE), 'either', 'FRAME in a pickle of protocol 2')
object_case(
    'p05_frame_cut', b'\x95\1\0\0', 'refuse', 'FRAME without its operand', proto=PROTO4, stop=b'', data=(), keys=b''
)
extra(
    'p05_newer_opcode',
    stack_name('collections', 'OrderedDict') + EMPTY_TUPLE + REDUCE,
    'either',
    'STACK_GLOBAL in a pickle of protocol 2',
)
add(
    'p05_behind_stop.pth',
    make_zip(members(pkl=Entry('archive/data.pkl', zip_pickle() + b'more'))),
    'either',
    'bytes behind STOP in data.pkl',
)
extra('p05_next_buffer', b'\x97', 'refuse', 'NEXT_BUFFER: data outside the pickle', proto=b'\x80\x05')
extra('p05_readonly_buffer', b'\x98', 'refuse', 'READONLY_BUFFER of nothing like it', proto=b'\x80\x05')

# ---- P6
object_case('p06_no_stop', good(), 'refuse', 'object pickle without STOP, the next pickle follows', stop=b'')
object_case(
    'p06_no_stop_at_end', good(), 'refuse', 'object pickle without STOP, the file ends', stop=b'', data=(), keys=b''
)
object_case('p06_stop_on_empty', b'', 'refuse', 'STOP on an empty stack')
object_case('p06_stop_on_mark', MARK, 'refuse', 'STOP with a mark on top')
object_case('p06_two_values', integer(1) + good(), 'either', 'STOP with two values on the stack')
object_case('p06_mark_below', MARK + good(), 'either', 'STOP with a mark below the object')
for slug, opcode in [
    ('pop', POP),
    ('dup', DUP),
    ('reduce', REDUCE),
    ('build', BUILD),
    ('newobj', NEWOBJ),
    ('newobj_ex', NEWOBJ_EX),
    ('append', APPEND),
    ('setitem', SETITEM),
    ('tuple1', TUPLE1),
    ('tuple2', TUPLE2),
    ('tuple3', TUPLE3),
    ('binpersid', BINPERSID),
    ('stack_global', STACK_GLOBAL),
    ('put', b'p0\n'),
    ('binput', put(0)),
    ('long_binput', b'r\0\0\0\0'),
    ('memoize', MEMOIZE),
]:
    object_case('p06_underflow_' + slug, opcode + good(), 'refuse', slug.upper() + ' on an empty stack', proto=PROTO4)
    if slug in ('dup', 'put', 'binput', 'long_binput', 'memoize', 'tuple1', 'append', 'setitem', 'reduce'):
        object_case(
            'p06_mark_' + slug,
            EMPTY_LIST + MARK + opcode + POP_MARK + POP + good(),
            'refuse',
            slug.upper() + ' of a mark',
            proto=PROTO4,
        )
for slug, opcode in [
    ('setitems', SETITEMS),
    ('appends', APPENDS),
    ('tuple', TUPLE),
    ('list', LIST),
    ('dict', DICT),
    ('pop_mark', POP_MARK),
    ('inst', b'ia\nb\n'),
    ('obj', OBJ),
    ('additems', ADDITEMS),
    ('frozenset', FROZENSET),
]:
    object_case(
        'p06_no_mark_' + slug,
        EMPTY_LIST + opcode + POP + good(),
        'refuse',
        slug.upper() + ' without a mark',
        proto=PROTO4,
    )
for slug, opcodes in [
    ('get', b'g77\n'),
    ('binget', get(77)),
    ('long_binget', b'j\x4d\0\0\0'),
    ('long_binget_max', b'j\xff\xff\xff\xff'),
    ('get_negative', b'g-1\n'),
    ('get_empty', b'g\n'),
    ('get_text', b'gabc\n'),
    ('get_huge', b'g99999999999999999999\n'),
    ('get_trailing', b'K\x01p5\n0g5x\n'),
]:
    extra('p06_memo_' + slug, opcodes, 'refuse', 'memo: ' + slug)
for slug, opcodes in [
    ('negative', b'p-1\n'),
    ('huge', b'p99999999999999999999\n'),
    ('text', b'pabc\n'),
    ('empty', b'p\n'),
]:
    extra('p06_put_' + slug, NONE + opcodes, 'refuse', 'PUT at ' + slug)
for slug, opcodes, what in [
    ('setitems_odd', EMPTY_DICT + MARK + uni('a') + SETITEMS, 'SETITEMS with an odd count'),
    ('dict_odd', MARK + uni('a') + DICT, 'DICT with an odd count'),
    ('append_dict', EMPTY_DICT + NONE + APPEND, 'APPEND to a dictionary'),
    ('appends_dict', EMPTY_DICT + MARK + NONE + APPENDS, 'APPENDS to a dictionary'),
    ('append_tuple', EMPTY_TUPLE + NONE + APPEND, 'APPEND to a tuple'),
    ('append_text', uni('a') + NONE + APPEND, 'APPEND to a text'),
    ('append_none', NONE + NONE + APPEND, 'APPEND to None'),
    ('additems_list', EMPTY_LIST + MARK + NONE + ADDITEMS, 'ADDITEMS to a list'),
    ('additems_dict', EMPTY_DICT + MARK + NONE + ADDITEMS, 'ADDITEMS to a dictionary'),
    ('setitem_list', EMPTY_LIST + uni('a') + NONE + SETITEM, 'SETITEM on a list'),
    ('setitem_tuple', EMPTY_TUPLE + integer(0) + NONE + SETITEM, 'SETITEM on a tuple'),
    ('setitem_global', name('os', 'environ') + uni('a') + NONE + SETITEM, 'SETITEM on a bare name'),
]:
    extra('p06_' + slug, opcodes, 'refuse', what, proto=PROTO4)
extra('p06_list_in_itself', EMPTY_LIST + put(90) + get(90) + APPEND, 'either', 'a list that contains itself')
extra(
    'p06_dict_in_itself',
    EMPTY_DICT + put(90) + uni('a') + get(90) + SETITEM,
    'either',
    'a dictionary that contains itself',
)
extra(
    'p06_tuple_in_itself',
    EMPTY_LIST + put(90) + get(90) + TUPLE1 + APPEND,
    'either',
    'a list that contains a tuple that contains it',
)
extra(
    'p06_ring',
    EMPTY_LIST + put(90) + EMPTY_LIST + put(91) + get(90) + APPEND + APPEND,
    'either',
    'two lists that contain each other',
)
extra(
    'p06_object_in_itself',
    call(name('evil', 'f')) + put(90) + dictionary((uni('a'), get(90))) + BUILD,
    'either',
    'an object that is its own state',
)
extra(
    'p06_set_in_itself',
    EMPTY_SET + put(90) + MARK + get(90) + ADDITEMS,
    'either',
    'a set that contains itself',
    proto=PROTO4,
)
object_case(
    'p06_root_in_itself',
    EMPTY_DICT + put(90) + MARK + uni('weight') + tensor() + uni('state_dict') + get(90) + SETITEMS,
    'either',
    'the dictionary is its own state_dict',
)
module = call(
    name('copy_reg', '_reconstructor'),
    name('torch.nn.modules.container', 'Sequential'),
    name('__builtin__', 'object'),
    NONE,
)
object_case(
    'p06_module_in_itself',
    module
    + put(90)
    + dictionary(
        (uni('_parameters'), dictionary((uni('weight'), tensor()))),
        (uni('_buffers'), EMPTY_DICT),
        (uni('_modules'), dictionary((uni('a'), get(90)))),
    )
    + BUILD,
    'either',
    'a module that is its own child',
)

# ---- P7
for slug, opcodes in [
    ('binunicode_4g', b'X\xf0\xff\xff\xff'),
    ('binunicode8_2e63', b'\x8d' + struct.pack('<Q', 2**63)),
    ('binunicode8_max', b'\x8d' + b'\xff' * 8),
    ('binbytes_4g', b'B\xf0\xff\xff\xff'),
    ('binbytes8_2e40', b'\x8e' + struct.pack('<Q', 2**40)),
    ('binbytes8_wrap', b'\x8e' + struct.pack('<Q', 2**64 - 64)),
    ('bytearray8_2e63', b'\x96' + struct.pack('<Q', 2**63)),
    ('long4_2g', b'\x8b\xff\xff\xff\x7f'),
    ('long4_negative', b'\x8b' + struct.pack('<i', -5)),
    ('long4_min', b'\x8b\0\0\0\x80'),
    ('binstring_2g', b'T\xff\xff\xff\x7f'),
    ('binstring_negative', b'T\xff\xff\xff\xff'),
    ('binstring_min', b'T\0\0\0\x80'),
]:
    extra(
        'p07_' + slug, opcodes + b'abc', 'refuse', slug.replace('_', ' of ') + ', three bytes follow', proto=b'\x80\x05'
    )
for slug, opcodes in [
    ('short_binstring', b'U\xffab'),
    ('short_binbytes', b'C\xffab'),
    ('short_binunicode', b'\x8c\xffab'),
    ('long1', b'\x8a\xffab'),
    ('binint', b'J\0\0'),
    ('binfloat', b'G\0\0\0'),
    ('int_line', b'I123'),
    ('string_line', b"S'abc"),
]:
    object_case(
        'p07_cut_' + slug,
        good()[:-1] + uni('extra') + opcodes,
        'refuse',
        slug + ' runs over the end of the file',
        proto=PROTO4,
        stop=b'',
        data=(),
        keys=b'',
    )
for slug, line, expect in [
    ('int_text', b'Iabc\n', 'refuse'),
    ('int_empty', b'I\n', 'refuse'),
    ('int_tail', b'I12x\n', 'refuse'),
    ('int_2e64', b'I18446744073709551616\n', 'either'),
    ('int_sign', b'I--1\n', 'refuse'),
    ('int_nul', b'I1\x002\n', 'refuse'),
    ('long_text', b'Lxyz\n', 'refuse'),
    ('long_empty', b'L\n', 'refuse'),
    ('long_no_suffix', b'L12\n', 'either'),
    ('float_text', b'Fabc\n', 'refuse'),
    ('float_empty', b'F\n', 'refuse'),
    ('float_1e999', b'F1e999\n', 'either'),
    ('float_hex', b'F0x1p3\n', 'either'),
    ('float_locale', b'F1,5\n', 'refuse'),
    ('string_bare', b'Sabc\n', 'refuse'),
    ('string_half', b"S'abc\n", 'refuse'),
    ('string_mixed', b"S'abc\"\n", 'refuse'),
    ('string_escape', b"S'\\x4\\q'\n", 'either'),
    ('unicode_escape', b'V\\ud800\\U00110000\\u12\n', 'either'),
    ('bool_02', b'I02\n', 'either'),
]:
    extra('p07_line_' + slug, line, expect, 'text form: ' + slug)
for slug, line in [
    ('string', rb"S'a\n\t\r\x41\101\\\'\"\a\b\f\v\7'" + b'\n'),
    ('string_double', b'S"it\'s"\n'),
    ('string_cut', b"S'a\\'\n"),
    ('string_hex_cut', b"S'\\x4'\n"),
    ('unicode', rb'V\u00e9\U0001f600\u20ac\\n' + b'\n'),
    ('unicode_cut', b'V\\u00e\n'),
    ('unicode_pair', rb'V\ud83d\ude00' + b'\n'),
    ('unicode_beyond', rb'V\U00110000' + b'\n'),
    ('unicode_not_hex', rb'V\u00zz' + b'\n'),
    ('unicode_latin', b'V\xe9\n'),
]:
    extra('p07_escape_' + slug, line, 'either', 'text form: ' + slug)
object_case(
    'p07_name_long',
    dictionary((uni('weight'), tensor()), (uni('\u20ac' * 1000), tensor(size=(5,)))),
    'refuse',
    'a broken tensor with a name of 1,000 letters of three bytes',
)
extra('p07_key_surrogate', dictionary((uni('\ud800'), integer(1))), 'either', 'a lone surrogate as a key')
object_case(
    'p07_name_not_utf8',
    dictionary((uni('weight'), tensor()), (uni(b'\xff\xfe'), tensor())),
    'either',
    'a tensor whose name is not UTF-8',
)
object_case(
    'p07_name_control',
    dictionary((uni('weight'), tensor()), (uni('a\n\x1b[2J\0b'), tensor(size=(5,)))),
    'refuse',
    'a broken tensor whose name holds a newline, an escape and NUL',
)

# ---- P8, P9
extra('p08_dup_laughs', uni('ha') + (DUP + TUPLE2) * 45, 'either', 'DUP and TUPLE2 45 times: 2^45 leaves in 90 bytes')
extra(
    'p08_memo_laughs',
    uni('ha') + b''.join(put(100 + i) + POP + get(100 + i) * 2 + TUPLE2 for i in range(45)),
    'either',
    'the same by the memo',
)
extra(
    'p08_list_laughs',
    EMPTY_LIST + b''.join(put(100 + i) + POP + EMPTY_LIST + MARK + get(100 + i) * 2 + APPENDS for i in range(45)),
    'either',
    'lists of the same list twice',
)


def shared(leaf, wrap, levels=40):
    return leaf + b''.join(put(100 + i) + POP + wrap(get(100 + i)) for i in range(levels))


def doubled(child):
    return dictionary((uni('a'), child), (uni('b'), child))


def twin(child):
    return (
        module
        + dictionary((uni('_parameters'), EMPTY_DICT), (uni('_buffers'), EMPTY_DICT), (uni('_modules'), doubled(child)))
        + BUILD
    )


extra(
    'p08_dict_laughs', shared(NONE, doubled), 'either', 'dictionaries of the same dictionary twice, nothing at the end'
)
extra(
    'p08_dict_laughs_tensor',
    shared(tensor(), doubled),
    'either',
    'the same with a tensor at the end: 2^40 names for it',
)


def leaf(parameters):
    return (
        module
        + dictionary(
            (uni('_parameters'), dictionary(*parameters)), (uni('_buffers'), EMPTY_DICT), (uni('_modules'), EMPTY_DICT)
        )
        + BUILD
    )


object_case(
    'p08_module_laughs',
    shared(leaf([(uni('weight'), tensor())]), twin),
    'refuse',
    'modules of the same module twice: 2^40 state-dict names',
)
extra(
    'p08_module_laughs_hidden',
    shared(leaf([(uni('weight'), dictionary((uni('a'), tensor())))]), twin),
    'either',
    'the same, and the tensor is where no state dict would look',
)
extra(
    'p08_dict_laughs_overwritten',
    shared(dictionary((uni('a'), tensor()), (uni('a'), NONE)), doubled),
    'either',
    'dictionaries of the same dictionary twice, and the tensor at the end is overwritten',
)
extra(
    'p08_attribute_laughs',
    shared(call(name('evil', 'f')) + dictionary((uni('a'), tensor())) + BUILD, doubled),
    'either',
    'the same, and the tensor is an attribute',
)
object_case(
    'p08_state_dict_laughs',
    dictionary((uni('weight'), tensor()), (uni('state_dict'), shared(tensor(), doubled))),
    'either',
    'below state_dict',
)
extra(
    'p08_reduce_laughs',
    shared(NONE, lambda x: call(name('evil', 'f'), x, x)),
    'opaque',
    'calls of the same call twice',
    'evil.f',
)
extra('p08_memo_index_max', uni('x') + b'r\xff\xff\xff\xff', 'either', 'LONG_BINPUT at 2^32 - 1')
extra('p08_memo_index_2e31', uni('x') + b'r\0\0\0\x80', 'either', 'LONG_BINPUT at 2^31')
extra('p09_depth_200', NONE + TUPLE1 * 200, 'accept', 'nothing: 200 nested tuples are allowed')
extra('p09_depth_400', NONE + TUPLE1 * 400, 'refuse', '400 nested tuples')
extra('p09_depth_400_lists', EMPTY_LIST * 400 + APPEND * 399, 'refuse', '400 nested lists')
extra(
    'p09_depth_400_calls',
    name('evil', 'f') + (EMPTY_TUPLE + REDUCE) * 400,
    'refuse',
    'the result of the result of ... is called, 400 times',
)
extra(
    'p09_depth_400_states',
    b''.join(call(name('evil', 'f')) for _ in range(300)) + NONE + BUILD * 300,
    'refuse',
    'states in states, 300 times',
)
# Built from the outside in: each value is put into one that is already inside another.
extra(
    'p09_depth_400_late',
    EMPTY_LIST + b''.join(EMPTY_LIST + put(99) + APPEND + get(99) for _ in range(400)) + POP * 400,
    'either',
    '400 nested lists, each filled after it was put in its parent',
)
