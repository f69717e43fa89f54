"""P1-P4: calls, names, persistent ids."""

import struct

from assembler import *
from containers import FOUR, stacked
from registry import add, object_case


def extra(slug, opcodes, expect, what, words='', proto=PROTO2, **options):
    object_case(slug, good(opcodes), expect, what, words, proto=proto, **options)


shell, code = uni(PAYLOAD), uni("open('HOSTILE_PAYLOAD_RAN','w')")
inner = PROTO2 + call(name('os', 'system'), shell) + STOP
inner_bytes = b'B' + struct.pack('<I', len(inner)) + inner

# ---- P1: REDUCE
for module, function, arguments in [
    ('os', 'system', (shell,)),
    ('posix', 'system', (shell,)),
    ('nt', 'system', (shell,)),
    ('os', 'popen', (shell,)),
    ('os', 'execvp', (uni('sh'), lst(uni('sh')))),
    ('subprocess', 'Popen', (lst(uni('sh'), uni('-c'), shell),)),
    ('subprocess', 'check_output', (lst(uni('sh')),)),
    ('builtins', 'eval', (code,)),
    ('__builtin__', 'eval', (code,)),
    ('builtins', 'exec', (code,)),
    ('__builtin__', 'execfile', (uni('x.py'),)),
    ('builtins', '__import__', (uni('os'),)),
    ('builtins', 'open', (uni('HOSTILE_PAYLOAD_RAN'), uni('w'))),
    ('builtins', 'compile', (code, uni('x'), uni('exec'))),
    ('runpy', '_run_code', (code, dictionary((uni('a'), NONE)))),
    ('runpy', 'run_path', (uni('x.py'),)),
    ('pty', 'spawn', (uni('sh'),)),
    ('ctypes', 'CDLL', (NONE,)),
    ('importlib', 'import_module', (uni('os'),)),
    ('pickle', 'loads', (inner_bytes,)),
    ('_pickle', 'loads', (inner_bytes,)),
    ('dill', 'loads', (inner_bytes,)),
    ('shutil', 'rmtree', (uni('HOSTILE_PAYLOAD_RAN'),)),
    ('socket', 'create_connection', (tup(uni('localhost'), integer(9)),)),
    ('urllib.request', 'urlopen', (uni('http://localhost:9/'),)),
    ('webbrowser', 'open', (uni('http://localhost:9/'),)),
    ('timeit', 'timeit', (code,)),
    ('bdb', 'Bdb.run', (code,)),
    ('cProfile', 'run', (code,)),
    ('pip', 'main', (lst(),)),
    ('code', 'InteractiveInterpreter.runcode', (code,)),
    ('operator', 'methodcaller', (uni('system'), shell)),
    ('functools', 'partial', (name('os', 'system'), shell)),
    ('numpy.testing._private.utils', 'runstring', (code, EMPTY_DICT)),
    ('torch', 'load', (uni('x.pth'),)),
    ('torch.hub', 'load', (uni('a/b'), uni('c'))),
    ('torch', 'FloatStorage.from_file', (uni('x'),)),
    ('torch.storage', '_load_from_bytes', (inner_bytes,)),
    ('torch.utils.cpp_extension', 'load_inline', (uni('a'),)),
    ('torch.serialization', 'load', (uni('x'),)),
    ('torch.jit', 'load', (uni('x'),)),
]:
    slug = 'p01_' + (module + '_' + function).replace('.', '_').replace('__', '_').lower()
    slug = slug.replace('builtin_eval', 'builtin_py2_eval') if module == '__builtin__' else slug
    extra(
        slug,
        call(name(module, function), *arguments),
        'opaque',
        'REDUCE of %s.%s' % (module, function),
        '%s.%s' % (module, function),
        proto=b'\x80\x03',
    )
extra(
    'p01_getattr_chain',
    call(call(name('builtins', 'getattr'), call(name('builtins', '__import__'), uni('os')), uni('system')), shell),
    'opaque',
    'getattr(__import__("os"), "system") by nested REDUCE',
    'builtins.getattr',
)
extra(
    'p01_marshal_types',
    call(call(name('types', 'FunctionType'), call(name('marshal', 'loads'), byte_string(b'c\0\0')), EMPTY_DICT)),
    'opaque',
    'a function made of marshalled code, called',
    'marshal.loads',
    proto=b'\x80\x03',
)
extra(
    'p01_code_type',
    call(call(name('types', 'FunctionType'), call(name('types', 'CodeType'), integer(0)), EMPTY_DICT)),
    'opaque',
    'a function made of a code object',
    'types.CodeType',
)
extra(
    'p01_ctypes_dotted',
    call(stack_name('ctypes', 'cdll.LoadLibrary'), uni('x.so')),
    'opaque',
    'STACK_GLOBAL of a dotted attribute of ctypes',
    'ctypes.cdll.LoadLibrary',
    proto=PROTO4,
)
extra(
    'p01_exec_py3',
    call(stack_name('builtins', 'exec'), code),
    'opaque',
    'STACK_GLOBAL of builtins.exec, protocol 4',
    'builtins.exec',
    proto=PROTO4,
)
object_case(
    'p01_key',
    dictionary((uni('weight'), tensor()), (call(name('os', 'system'), shell), integer(1))),
    'either',
    'the call is a key of the dictionary',
    'os.system',
)
extra(
    'p01_in_ordered_dict',
    call(ORDERED_DICT, lst(lst(uni('a'), call(name('os', 'system'), shell)))),
    'opaque',
    'the call is an item of an OrderedDict',
    'os.system',
)
extra(
    'p01_as_storage',
    call(REBUILD, call(name('os', 'system'), shell), integer(0), ints([4]), ints([1]), FALSE, NONE),
    'refuse',
    'the call stands in the place of a storage',
)
extra(
    'p01_as_size',
    call(REBUILD, storage(), integer(0), call(name('os', 'system'), shell), ints([1]), FALSE, NONE),
    'refuse',
    'the call stands in the place of a size',
)
object_case(
    'p01_as_hooks',
    good(
        weight=call(
            REBUILD,
            storage(),
            integer(0),
            ints([4]),
            ints([1]),
            FALSE,
            call(ORDERED_DICT, lst(lst(integer(0), call(name('os', 'system'), shell)))),
        )
    ),
    'opaque',
    'the call hides in the backward hooks',
    'os.system',
)
extra(
    'p01_in_tuple_in_list',
    lst(tup(integer(1), tup(call(name('os', 'system'), shell)))),
    'opaque',
    'nested in tuples and lists',
    'os.system',
)
object_case('p01_root', call(name('os', 'system'), shell), 'nothing', 'the whole object is the call', 'os.system')
object_case(
    'p01_rebuild_from_type',
    dictionary(
        (uni('weight'), tensor()),
        (
            uni('extra'),
            call(
                name('torch._tensor', '_rebuild_from_type_v2'),
                name('os', 'system'),
                name('torch', 'Tensor'),
                tup(shell),
                NONE,
            ),
        ),
    ),
    'either',
    '_rebuild_from_type_v2 with os.system as the function',
    'os.system',
)
add('p01_bare_pickle.pkl', inner, 'refuse', 'a bare pickle, no container')
add(
    'p01_bare_protocol0.pkl',
    b"cos\nsystem\n(S'" + PAYLOAD.encode() + b"'\ntR.",
    'refuse',
    'a bare pickle of protocol 0',
)
object_case(
    'p01_in_sys_info', good(), 'either', 'the call is the sys_info pickle', info=call(name('os', 'system'), shell)
)
object_case('p01_in_keys', good(), 'refuse', 'the call is the key list', keys=call(name('os', 'system'), shell))
add(
    'p01_in_magic.pth',
    stacked(good(), magic=call(name('os', 'system'), shell)),
    'refuse',
    'the call is the magic number',
)
add(
    'p01_in_version.pth',
    stacked(good(), version=call(name('os', 'system'), shell)),
    'refuse',
    'the call is the version',
)

# ---- P2: other ways to call
extra('p02_inst', MARK + shell + b'ios\nsystem\n', 'opaque', 'INST of os.system', 'os.system')
extra('p02_obj', MARK + name('os', 'system') + shell + OBJ, 'opaque', 'OBJ of os.system', 'os.system')
extra('p02_newobj', name('subprocess', 'Popen') + tup(shell) + NEWOBJ, 'opaque', 'NEWOBJ', 'subprocess.Popen')
extra(
    'p02_newobj_ex',
    name('subprocess', 'Popen') + tup(shell) + dictionary((uni('shell'), TRUE)) + NEWOBJ_EX,
    'opaque',
    'NEWOBJ_EX with keywords',
    'subprocess.Popen',
    proto=PROTO4,
)
evil = call(name('copy_reg', '_reconstructor'), name('evil', 'Class'), name('__builtin__', 'object'), NONE)
extra(
    'p02_build_dict',
    evil + dictionary((uni('a'), integer(1))) + BUILD,
    'opaque',
    'BUILD with a dictionary',
    'evil.Class',
)
extra(
    'p02_build_setstate',
    evil + dictionary((uni('__setstate__'), name('os', 'system'))) + BUILD,
    'opaque',
    'BUILD that would plant a __setstate__',
    'os.system',
)
extra(
    'p02_build_setstate_twice',
    evil + dictionary((uni('__setstate__'), name('os', 'system'))) + BUILD + shell + BUILD,
    'either',
    'BUILD plants __setstate__, a second BUILD calls it',
    'os.system',
)
extra('p02_build_text_state', evil + shell + BUILD, 'opaque', 'BUILD whose state is a text', 'evil.Class')
extra(
    'p02_build_slots',
    evil + tup(NONE, dictionary((uni('slot'), call(name('os', 'system'), shell)))) + BUILD,
    'opaque',
    'BUILD with slot state',
    'os.system',
)
extra(
    'p02_build_both_states',
    evil + tup(dictionary((uni('a'), integer(1))), dictionary((uni('slot'), NONE))) + BUILD,
    'opaque',
    'BUILD with a dictionary and slots',
    'evil.Class',
)
extra(
    'p02_reconstructor_base',
    call(name('copy_reg', '_reconstructor'), name('evil', 'Class'), name('os', 'system'), shell),
    'opaque',
    '_reconstructor with os.system as the base class',
    'os.system',
)
extra(
    'p02_build_on_function',
    name('os', 'system') + dictionary((uni('a'), integer(1))) + BUILD,
    'either',
    'BUILD on a bare name',
    'os.system',
)
extra(
    'p02_discarded_obj', MARK + name('os', 'system') + shell + OBJ + POP + NONE, 'opaque', 'OBJ, then POP', 'os.system'
)
extra('p02_discarded_reduce', call(name('os', 'system'), shell) + POP + NONE, 'opaque', 'REDUCE, then POP', 'os.system')
extra(
    'p02_discarded_by_mark',
    MARK + MARK + shell + b'ios\nsystem\n' + POP_MARK + NONE,
    'opaque',
    'INST, then POP_MARK',
    'os.system',
)
extra(
    'p02_discarded_name',
    name('os', 'system') + POP + NONE,
    'opaque',
    'a name that is never called, then POP',
    'os.system',
)
extra(
    'p02_only_in_memo',
    call(name('os', 'system'), shell) + put(200) + POP + NONE,
    'opaque',
    'the result lives in the memo only',
    'os.system',
)
object_case(
    'p02_before_root',
    call(name('os', 'system'), shell) + POP + good(),
    'opaque',
    'called and dropped before the object',
    'os.system',
)
object_case(
    'p02_below_root',
    call(name('os', 'system'), shell) + good(),
    'either',
    'left on the stack below the object',
    'os.system',
)
extra(
    'p02_callable_result',
    call(call(name('operator', 'attrgetter'), uni('system')), name('os', 'path')),
    'opaque',
    'the result of a call is called',
    'operator.attrgetter',
)
extra('p02_append_to_object', evil + MARK + shell + APPENDS, 'opaque', 'APPENDS to an unknown object', 'evil.Class')
extra(
    'p02_setitems_on_object',
    evil + MARK + uni('a') + shell + SETITEMS,
    'opaque',
    'SETITEMS on an unknown object',
    'evil.Class',
)
extra('p02_inst_of_known', MARK + b'icollections\nOrderedDict\n', 'either', 'INST of collections.OrderedDict')
for slug, opcodes, what in [
    ('newobj_no_tuple', name('evil', 'Class') + integer(3) + NEWOBJ, 'NEWOBJ whose arguments are an integer'),
    (
        'newobj_ex_no_dict',
        name('evil', 'Class') + EMPTY_TUPLE + integer(3) + NEWOBJ_EX,
        'NEWOBJ_EX whose keywords are an integer',
    ),
    ('reduce_no_tuple', name('evil', 'f') + integer(3) + REDUCE, 'REDUCE whose arguments are an integer'),
    ('reduce_list', name('evil', 'f') + EMPTY_LIST + REDUCE, 'REDUCE whose arguments are a list'),
    ('obj_without_class', MARK + OBJ, 'OBJ without a class'),
    ('obj_of_text', MARK + uni('os') + shell + OBJ, 'OBJ of a text'),
    ('reduce_of_text', uni('os.system') + tup(shell) + REDUCE, 'REDUCE of a text'),
    ('reduce_of_int', integer(3) + tup(shell) + REDUCE, 'REDUCE of an integer'),
    ('build_on_list', EMPTY_LIST + EMPTY_DICT + BUILD, 'BUILD on a list'),
    ('build_on_int', integer(3) + EMPTY_DICT + BUILD, 'BUILD on an integer'),
    ('build_on_tuple', EMPTY_TUPLE + EMPTY_DICT + BUILD, 'BUILD on a tuple'),
]:
    extra('p02_' + slug, opcodes, 'refuse', what, proto=PROTO4)
object_case(
    'p02_metadata_state',
    call(ORDERED_DICT)
    + MARK
    + uni('weight')
    + tensor()
    + SETITEMS
    + dictionary((uni('_metadata'), call(ORDERED_DICT)))
    + BUILD,
    'accept',
    'nothing: an OrderedDict with _metadata, as state dicts are',
)

# ---- P3: names
extra(
    'p03_name_from_memo',
    uni('os') + put(90) + POP + uni('system') + put(91) + POP + get(90) + get(91) + STACK_GLOBAL + tup(shell) + REDUCE,
    'opaque',
    'STACK_GLOBAL whose names come from the memo',
    'os.system',
    proto=PROTO4,
)
# MEMOIZE stores at the number of entries there are, which a reader that counts otherwise mistakes for another entry.
mixed = uni('collections') + put(1) + POP + uni('os') + MEMOIZE + POP + uni('system') + put(9) + POP
object_case(
    'p03_put_and_memoize',
    mixed + good(get(1) + get(9) + STACK_GLOBAL + tup(shell) + REDUCE),
    'opaque',
    'MEMOIZE overwrites entry 1 because there was one entry',
    'os.system',
    proto=PROTO4,
)
mixed = uni('os') + MEMOIZE + POP + uni('collections') + put(7) + POP + uni('system') + MEMOIZE + POP
object_case(
    'p03_memoize_after_gap',
    mixed + good(get(0) + get(2) + STACK_GLOBAL + tup(shell) + REDUCE),
    'opaque',
    'MEMOIZE after a PUT that left a gap',
    'os.system',
    proto=PROTO4,
)
extra(
    'p03_put_twice',
    uni('collections')
    + put(90)
    + POP
    + uni('os')
    + put(90)
    + POP
    + get(90)
    + uni('system')
    + STACK_GLOBAL
    + tup(shell)
    + REDUCE,
    'opaque',
    'a memo entry is overwritten before it is used',
    'os.system',
    proto=PROTO4,
)
extra(
    'p03_itemgetter',
    call(call(name('operator', 'itemgetter'), integer(0)), tup(uni('os'), uni('x'))) + uni('system') + STACK_GLOBAL,
    'refuse',
    'STACK_GLOBAL of a name that a call would give',
    proto=PROTO4,
)
rebuilt = tup(storage(), integer(0), ints([4]), ints([1]), FALSE, NONE) + REDUCE
for slug, module, attribute, what in [
    ('dotted_attribute', 'torch._utils', '_rebuild_tensor_v2.__globals__.get', 'a known name with a dotted tail'),
    ('dotted_split', 'torch', '_utils._rebuild_tensor_v2', 'the known name, split elsewhere'),
    ('dotted_both', 'torch._utils._rebuild_tensor_v2', '__call__', 'a method of a known name'),
    ('case', 'Torch._utils', '_rebuild_tensor_v2', 'a known name in other case'),
    ('space_behind', 'torch._utils ', '_rebuild_tensor_v2', 'a space behind the module'),
    ('space_before', 'torch._utils', ' _rebuild_tensor_v2', 'a space before the name'),
    ('homoglyph', 't\u043erch._utils', '_rebuild_tensor_v2', 'a Cyrillic letter in the module'),
    ('fullwidth', '\uff54orch._utils', '_rebuild_tensor_v2', 'a full-width letter in the module'),
    ('zero_width', 'torch\u200b._utils', '_rebuild_tensor_v2', 'a zero-width space in the module'),
    ('double_dot', 'torch.._utils', '_rebuild_tensor_v2', 'two dots in the module'),
]:
    extra('p03_' + slug, name(module, attribute) + rebuilt, 'opaque', what)
for module in ('__builtins__', 'builtin', 'Builtins'):
    extra(
        'p03_' + module.strip('_') + '_eval',
        call(name(module, 'eval'), code),
        'opaque',
        'eval of ' + module,
        module + '.eval',
    )
for slug, module, attribute, what in [
    ('cr', 'torch._utils\r', '_rebuild_tensor_v2\r', 'carriage returns behind the names'),
    ('nul', 'torch._utils\0', '_rebuild_tensor_v2', 'NUL behind the module'),
    ('nul_inside', 'os\0.path', 'system', 'NUL inside the module'),
    ('escape', 'os\x1b[2J', 'system', 'a terminal escape in the module'),
    ('not_utf8', b'\xff\xfeos', 'system', 'the module is not UTF-8'),
    ('overlong_utf8', b'torch\xc0\xae_utils', '_rebuild_tensor_v2', 'an overlong UTF-8 dot'),
    ('empty', '', '', 'empty names'),
    ('long', 'a' * 3000, 'b', 'a module of 3,000 letters'),
]:
    extra('p03_name_' + slug, name(module, attribute) + rebuilt, 'either', what)
extra(
    'p03_stack_name_newline',
    uni('os\nsystem') + uni('x') + STACK_GLOBAL,
    'either',
    'a newline inside a STACK_GLOBAL name',
    proto=PROTO4,
)
for slug, operands in [
    ('ints', integer(1) + integer(2)),
    ('bytes', byte_string(b'os') + byte_string(b'system')),
    ('none', NONE + uni('system')),
    ('tuple', tup(uni('os')) + uni('system')),
    ('text_int', uni('os') + integer(1)),
    ('global', name('os', 'path') + uni('system')),
    ('mark', uni('os') + MARK),
]:
    extra('p03_stack_global_of_' + slug, operands + STACK_GLOBAL, 'refuse', 'STACK_GLOBAL of ' + slug, proto=PROTO4)
extra(
    'p03_stack_global_of_py2_strings',
    short_string('os') + short_string('system') + STACK_GLOBAL,
    'either',
    'STACK_GLOBAL of Python 2 strings',
    proto=PROTO4,
)
object_case(
    'p03_name_cut',
    good(b'cos'),
    'refuse',
    'GLOBAL without an end of line up to the end of the file',
    data=(),
    keys=b'',
    stop=b'',
)

# ---- P4: extension codes and persistent ids
for slug, opcodes in [
    ('ext1', b'\x82\x01'),
    ('ext2', b'\x83\x01\x00'),
    ('ext4', b'\x84\x01\x00\x00\x00'),
    ('ext1_zero', b'\x82\x00'),
]:
    extra('p04_' + slug, opcodes, 'refuse', slug[:4].upper() + ': extension registry')
extra('p04_persid_opcode', b'Pabc\n', 'refuse', 'PERSID, the text form')
kind = name('torch', 'FloatStorage')
for slug, pid, what in [
    ('text', uni('storage'), 'a text'),
    ('decimal', uni('7'), 'a decimal, as in tar files'),
    ('int', integer(7), 'an integer'),
    ('none', NONE, 'None'),
    ('list', lst(uni('storage'), kind, uni('0'), uni('cpu'), integer(4), NONE), 'a list'),
    ('dict', EMPTY_DICT, 'a dictionary'),
    ('global', kind, 'a name'),
    ('empty', EMPTY_TUPLE, 'an empty tuple'),
    ('1', tup(uni('storage')), 'a 1-tuple'),
    ('3', tup(uni('storage'), kind, uni('0')), 'a 3-tuple storage'),
    ('4', tup(uni('storage'), kind, uni('0'), uni('cpu')), 'a 4-tuple storage'),
    ('7', tup(uni('storage'), kind, uni('0'), uni('cpu'), integer(4), NONE, NONE), 'a 7-tuple storage'),
    ('unknown_kind', tup(uni('banana'), kind, uni('0'), uni('cpu'), integer(4), NONE), 'of unknown kind'),
    ('case', tup(uni('Storage'), kind, uni('0'), uni('cpu'), integer(4), NONE), 'of kind Storage'),
    ('int_kind', tup(integer(1), kind, uni('0'), uni('cpu'), integer(4), NONE), 'whose kind is an integer'),
    (
        'type_text',
        tup(uni('storage'), uni('FloatStorage'), uni('0'), uni('cpu'), integer(4), NONE),
        'whose type is a text',
    ),
    (
        'type_tensor',
        tup(uni('storage'), name('torch', 'FloatTensor'), uni('0'), uni('cpu'), integer(4), NONE),
        'whose type is a tensor class',
    ),
    (
        'type_foreign',
        tup(uni('storage'), name('os', 'system'), uni('0'), uni('cpu'), integer(4), NONE),
        'whose type is os.system',
    ),
    (
        'type_foreign_module',
        tup(uni('storage'), name('evil', 'FloatStorage'), uni('0'), uni('cpu'), integer(4), NONE),
        'whose type is evil.FloatStorage',
    ),
    ('type_call', tup(uni('storage'), call(kind), uni('0'), uni('cpu'), integer(4), NONE), 'whose type is a call'),
    ('key_tuple', tup(uni('storage'), kind, EMPTY_TUPLE, uni('cpu'), integer(4), NONE), 'whose key is a tuple'),
    ('numel_text', tup(uni('storage'), kind, uni('0'), uni('cpu'), uni('4'), NONE), 'whose count is a text'),
    ('numel_float', tup(uni('storage'), kind, uni('0'), uni('cpu'), real(4), NONE), 'whose count is 4.0'),
    ('numel_none', tup(uni('storage'), kind, uni('0'), uni('cpu'), NONE, NONE), 'whose count is None'),
    ('numel_big', tup(uni('storage'), kind, uni('0'), uni('cpu'), long1(2**64 + 4), NONE), 'whose count is 2^64 + 4'),
    ('module_3', tup(uni('module'), name('evil', 'Net'), uni('net.py')), 'a 3-tuple module'),
    ('module_5', tup(uni('module'), name('evil', 'Net'), uni('net.py'), uni(''), NONE), 'a 5-tuple module'),
    ('module_text', tup(uni('module'), uni('evil.Net'), uni('net.py'), uni('')), 'a module whose class is a text'),
    ('nested', tup(uni('storage'), kind, storage(), uni('cpu'), integer(4), NONE), 'whose key is a storage'),
]:
    extra('p04_persid_' + slug, pid + BINPERSID, 'refuse', 'persistent id ' + what)
extra(
    'p04_persid_bytes_kind',
    tup(byte_string(b'storage'), kind, uni('0'), uni('cpu'), integer(4), NONE) + BINPERSID,
    'either',
    'persistent id whose kind is bytes',
    proto=b'\x80\x03',
)
extra(
    'p04_persid_location_int',
    tup(uni('storage'), kind, uni('0'), integer(0), integer(4), NONE) + BINPERSID,
    'either',
    'location is an integer',
)
object_case('p04_persid_5', good(weight=tensor(storage5())), 'either', 'a storage id of five parts in a stacked file')
extra(
    'p04_module_foreign',
    call(
        name('copy_reg', '_reconstructor'),
        tup(uni('module'), name('evil', 'Net'), uni('/etc/passwd'), uni('import os')) + BINPERSID,
        name('__builtin__', 'object'),
        NONE,
    ),
    'opaque',
    'a module with source text, as torch writes them',
    'evil.Net',
)
object_case('p04_persid_root', storage(), 'nothing', 'the object is a storage')
