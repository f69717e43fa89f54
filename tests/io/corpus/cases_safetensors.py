"""S1-S9: safetensors. P18: other formats, mixed formats, wrong extensions."""

import bz2
import gzip
import lzma
import struct

from assembler import *
from containers import FOUR, Entry, make_tar, make_zip, members, safetensors, st_entry, stacked, tar_header
from registry import add


def st(slug, data, expect, what, words=''):
    add(slug + '.safetensors', data, expect, what, words)


def header(slug, text, what, words='', expect='refuse', data=FOUR):
    st(slug, safetensors(text, data), expect, what, words)


def one(**fields):
    return '{"weight":%s}' % st_entry(**fields)


def two(a='[0,16]', b='[16,32]', names=('a', 'weight')):
    return '{"%s":%s,"%s":%s}' % (names[0], st_entry(offsets=a), names[1], st_entry(offsets=b))


header('s00_good', one(), 'nothing: the base of these cases', expect='accept')
header('s00_padded', one() + ' ' * 7, 'nothing: spaces behind the header', expect='accept')
header(
    's00_metadata',
    '{"__metadata__":{"format":"pt"},"weight":%s}' % st_entry(),
    'nothing: with metadata',
    expect='accept',
)
header(
    's00_spaces', '{ "weight" :\n\t' + st_entry().replace(',', ' , ') + ' }', 'nothing: white space', expect='accept'
)
header('s00_matrix', one(shape='[2,2]'), 'nothing: a matrix', expect='accept')
header(
    's00_empty_beside',
    '{"none":%s,"weight":%s}' % (st_entry(shape='[0]', offsets='[0,0]'), st_entry()),
    'nothing: an empty tensor beside it',
    expect='either',
)
# S1: length of the header
for slug, length in [
    ('2e63', 2**63),
    ('max', 2**64 - 1),
    ('wraps', 2**64 - 8),
    ('100mb', 100000001),
    ('beyond_file', 4096),
    ('one_more', len(one()) + 17),
    ('one_less', len(one()) - 1),
    ('zero', 0),
    ('eight', 8),
]:
    st('s01_header_' + slug, safetensors(one(), length=length), 'refuse', 'header length ' + slug)
for n in (0, 1, 7, 8, 9):
    st('s01_file_of_%d' % n, safetensors(one())[:n], 'refuse', 'the first %d bytes of a good file' % n)
# S2: no object, no JSON
for slug, text in [
    ('list', '[1]    '),
    ('space_first', ' ' + one()),
    ('newline_first', '\n' + one()),
    ('bom', '\ufeff' + one()),
    ('text', '"weight"'),
    ('number', '12345678'),
    ('trailing_comma', '{"weight":' + st_entry() + ',}'),
    ('no_end', one()[:-1]),
    ('two_objects', one() + one()),
    ('behind', one() + 'x'),
    ('nul_padded', one() + '\0' * 7),
    ('comment', '{/* */"weight":%s}' % st_entry()),
    ('single_quotes', one().replace('"', "'")),
    ('no_quotes', one().replace('"weight"', 'weight')),
    ('empty_object', '{}'),
    ('nested_list', '{"weight":%s}' % ('[' * 60 + ']' * 60)),
    ('control', one().replace('weight', 'wei\x01ght')),
    ('newline_in_name', one().replace('weight', 'wei\nght')),
    ('bad_escape', one().replace('weight', 'wei\\xght')),
    ('half_escape', one().replace('weight', 'wei\\u12ght')),
]:
    header('s02_' + slug, text, 'header: ' + slug)
st('s02_not_utf8', safetensors(one().encode().replace(b'weight', b'w\xffight')), 'refuse', 'the name is not UTF-8')
st(
    's02_overlong',
    safetensors(one().encode().replace(b'weight', b'w\xc1\xa5ight')),
    'refuse',
    'the name has an overlong UTF-8 letter',
)
header('s02_surrogate', one().replace('weight', '\\ud800'), 'the name is a lone surrogate')
header('s02_nul_escape', '{"a\\u0000b":%s}' % st_entry(shape='[5]'), 'a broken tensor whose name holds NUL', 'byte')
header(
    's02_control_escape',
    '{"a\\u001b[2J\\n":%s}' % st_entry(shape='[5]'),
    'a broken tensor whose name holds an escape and a newline',
    'byte',
)
# S3, S9: the data's end
for slug, data in [('one', FOUR + b'x'), ('many', FOUR * 3), ('zip', FOUR + make_zip(members()))]:
    header('s03_trailing_' + slug, one(), 'bytes behind the last tensor: ' + slug, data=data)
for slug, data in [('cut', FOUR[:15]), ('half', FOUR[:8]), ('none', b'')]:
    header('s09_data_' + slug, one(), 'the data is cut: ' + slug, 'weight', data=data)
# S4: offsets
for slug, offsets in [
    ('negative', '[-16,0]'),
    ('negative_end', '[0,-16]'),
    ('minus_zero', '[-0,16]'),
    ('float', '[0.0,16.0]'),
    ('exponent', '[0,1.6e1]'),
    ('text', '["0","16"]'),
    ('bool', '[false,16]'),
    ('null', '[null,16]'),
    ('one', '[16]'),
    ('three', '[0,16,16]'),
    ('none', '[]'),
    ('object', '{"0":0,"1":16}'),
    ('nested', '[[0,16]]'),
    ('number', '16'),
    ('backwards', '[16,0]'),
    ('2e64', '[0,18446744073709551632]'),
    ('2e63', '[0,9223372036854775824]'),
    ('both_2e64', '[18446744073709551616,18446744073709551632]'),
    ('max', '[0,18446744073709551615]'),
    ('leading_zero', '[0,016]'),
    ('hex', '[0,0x10]'),
    ('nan', '[0,NaN]'),
]:
    header(
        's04_offsets_' + slug,
        one(offsets=offsets),
        'data_offsets ' + offsets,
        '' if slug in ('leading_zero', 'hex', 'nan') else 'weight',
    )
# S5, S6: holes and overlaps
header('s05_hole_first', one(offsets='[4,20]'), 'four bytes before the first tensor', data=b'xxxx' + FOUR)
header('s05_hole', two(b='[20,36]'), 'four bytes between two tensors', data=FOUR + b'xxxx' + FOUR)
header('s05_only_hole', '{"__metadata__":{"a":"b"}}', 'data, but no tensor')
header('s06_overlap', two(b='[8,24]'), 'two tensors share bytes', 'weight', data=FOUR + FOUR[8:])
header('s06_same', two(b='[0,16]'), 'two tensors share all bytes')
header(
    's06_inside',
    '{"a":%s,"weight":%s}' % (st_entry(shape='[8]', offsets='[0,32]'), st_entry(offsets='[8,24]')),
    'one tensor lies inside another',
    data=FOUR * 2,
)
header('s06_order', two('[16,32]', '[0,16]'), 'the later bytes are listed first', expect='either', data=FOUR * 2)
# S7: twice
header('s07_name', two(names=('weight', 'weight')), 'the same name twice', 'weight', data=FOUR * 2)
header(
    's07_name_escaped',
    two(names=('weight', 'we\\u0069ght')),
    'the same name twice, once with an escape',
    'weight',
    data=FOUR * 2,
)
header('s07_dtype', '{"weight":{"dtype":"F32","dtype":"I32","shape":[4],"data_offsets":[0,16]}}', 'dtype twice')
header('s07_shape', '{"weight":{"dtype":"F32","shape":[4],"shape":[2,2],"data_offsets":[0,16]}}', 'shape twice')
header(
    's07_offsets',
    '{"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"data_offsets":[0,16]}}',
    'data_offsets twice',
)
header('s07_metadata', '{"__metadata__":{"a":"b"},"__metadata__":{},"weight":%s}' % st_entry(), '__metadata__ twice')
header('s07_metadata_key', '{"__metadata__":{"a":"b","a":"c"},"weight":%s}' % st_entry(), 'a metadata key twice')
# S8: dtype and shape
for slug, dtype in [
    ('unknown', '"F24"'),
    ('case', '"f32"'),
    ('space', '"F32 "'),
    ('empty', '""'),
    ('number', '32'),
    ('null', 'null'),
    ('list', '["F32"]'),
    ('torch', '"float32"'),
    ('f4', '"F4"'),
]:
    header('s08_dtype_' + slug, one(dtype=dtype), 'dtype ' + dtype, 'weight')
for slug, shape in [
    ('five', '[5]'),
    ('three', '[3]'),
    ('scalar', '[]'),
    ('zero', '[0]'),
    ('negative', '[-4]'),
    ('negatives', '[-2,-2]'),
    ('float', '[4.0]'),
    ('text', '["4"]'),
    ('number', '4'),
    ('null', 'null'),
    ('nested', '[[4]]'),
    ('object', '{}'),
    ('2e63', '[9223372036854775808]'),
    ('2e64', '[18446744073709551620]'),
    ('wraps_0', '[4294967296,4294967296,2]'),
    ('wraps_16', '[4611686018427387908]'),
    ('zero_hides', '[4294967296,4294967296,0]'),
    ('rank_9', '[1,1,1,1,1,1,1,1,4]'),
]:
    header('s08_shape_' + slug, one(shape=shape), 'shape ' + shape, 'weight')
header('s08_shape_rank_300', one(shape='[' + '1,' * 300 + '4]'), '301 axes', 'weight')
for slug, text in [
    ('no_dtype', '{"weight":{"shape":[4],"data_offsets":[0,16]}}'),
    ('no_shape', '{"weight":{"dtype":"F32","data_offsets":[0,16]}}'),
    ('no_offsets', '{"weight":{"dtype":"F32","shape":[4]}}'),
    ('no_fields', '{"weight":{}}'),
    ('null', '{"weight":null}'),
    ('number', '{"weight":4}'),
    ('list', '{"weight":[]}'),
    ('more', '{"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"exec":"os.system"}}'),
]:
    header('s08_entry_' + slug, text, 'entry: ' + slug, 'weight')
for slug, text in [
    ('number', '{"a":1}'),
    ('null', '{"a":null}'),
    ('nested', '{"a":{}}'),
    ('list', '[]'),
    ('text', '"a"'),
]:
    header(
        's09_metadata_' + slug, '{"__metadata__":%s,"weight":%s}' % (text, st_entry()), 'metadata: ' + slug, 'metadata'
    )

# ---- P18
good_stacked, good_zip, good_tar, good_st = stacked(good()), make_zip(members()), make_tar(), safetensors(one())
add('p18_safetensors_named.pth', good_st, 'accept', 'nothing: safetensors under another extension')
add('p18_zip_named.safetensors', good_zip, 'accept', 'nothing: zip under another extension')
add('p18_stacked_named.safetensors', good_stacked, 'accept', 'nothing: stacked pickles under another extension')
add('p18_tar_named.safetensors', good_tar, 'accept', 'nothing: tar under another extension')
for slug, data, what in [
    ('stacked_zip', good_stacked + good_zip, 'stacked, then zip'),
    ('stacked_zip_shifted', make_zip(members(), prefix=good_stacked), 'stacked, then zip whose offsets fit'),
    ('zip_stacked', good_zip + good_stacked, 'zip, then stacked'),
    ('tar_zip', make_zip(members(), prefix=good_tar), 'tar, then zip'),
    ('safetensors_zip', make_zip(members(), prefix=good_st), 'safetensors, then zip'),
    ('stacked_twice', good_stacked * 2, 'a stacked file twice'),
    ('tar_twice', good_tar * 2, 'a tar file twice'),
    ('safetensors_twice', good_st * 2, 'a safetensors file twice'),
    ('zip_named_tar', make_tar(sys_info=tar_header(b'PK\3\4', 0)), 'a tar whose first member is called PK\\3\\4'),
    (
        'tar_in_zip_start',
        make_zip(members(), prefix=b'PK\3\4' + good_tar[4:]),
        'the bytes of a zip at the start of a tar',
    ),
    ('zip_in_zip', make_zip([Entry('archive.zip', good_zip)]), 'a zip inside a zip'),
    ('stacked_in_zip', make_zip([Entry('model.pth', good_stacked)]), 'a stacked file inside a zip'),
    (
        'tar_of_pth',
        make_tar(order=(), extra=tar_header(b'model.pth', len(good_stacked)) + good_stacked.ljust(1024, b'\0')),
        'a stacked file inside a tar',
    ),
    ('gzip', gzip.compress(good_stacked, mtime=0), 'gzip'),
    ('bzip2', bz2.compress(good_stacked), 'bzip2'),
    ('xz', lzma.compress(good_stacked), 'xz'),
    ('zstd', b'\x28\xb5\x2f\xfd\x04\x00' + bytes(20), 'zstd'),
    ('7z', b'7z\xbc\xaf\x27\x1c\0\4' + bytes(24), '7z'),
    ('rar', b'Rar!\x1a\7\1\0' + bytes(24), 'rar'),
    ('html', b'<!DOCTYPE html>\n<html><title>404 Not Found</title></html>\n', 'a web page'),
    ('html_bare', b'<html>404 not found</html>\n', 'a web page without a document type'),
    ('json', b'{"error":"not found"}\n', 'JSON'),
    ('xml', b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', 'XML'),
    (
        'git_lfs',
        b'version https://git-lfs.github.com/spec/v1\noid sha256:' + b'4d7a2146' * 8 + b'\nsize 46830571\n',
        'a git-LFS pointer',
    ),
    ('onnx', b'\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x10\n\x01x\x12\x01y"\x04Relu', 'ONNX'),
    ('hdf5', b'\x89HDF\r\n\x1a\n' + bytes(88), 'HDF5'),
    ('npy', b"\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }".ljust(128) + FOUR, 'npy'),
    ('gguf', b'GGUF\3\0\0\0' + bytes(16), 'GGUF'),
    ('tflite', b'\x1c\0\0\0TFL3' + bytes(24), 'TFLite'),
    ('png', b'\x89PNG\r\n\x1a\n' + bytes(30), 'a PNG picture'),
    ('jpeg', b'\xff\xd8\xff\xe0\0\x10JFIF\0' + bytes(30), 'a JPEG picture'),
    ('elf', b'\x7fELF\2\1\1' + bytes(57), 'a program'),
    ('script', b'#!/bin/sh\necho ran > HOSTILE_PAYLOAD_RAN\n', 'a script'),
    ('text', b'epoch 1 loss 0.5\n', 'text'),
    ('empty', b'', 'an empty file'),
    ('nul', b'\0', 'one NUL'),
    ('zeros', bytes(1024), '1,024 zeros'),
    ('pk', b'PK', 'PK'),
    ('proto', b'\x80\x02', 'the start of a pickle'),
    ('plain_pickle', PROTO2 + dictionary((uni('weight'), integer(1))) + STOP, 'a plain pickle'),
    (
        'joblib',
        PROTO4 + b'\x95\x10\0\0\0\0\0\0\0' + stack_name('joblib.numpy_pickle', 'NumpyArrayWrapper') + STOP,
        'a pickle of joblib',
    ),
]:
    add('p18_%s.pth' % slug, data, 'refuse', what)
