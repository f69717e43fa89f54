// The hostile files that are too large to lie in the repository: growth without end, made when asked for. A tiny pickle
// assembler; see corpus/assembler.py for the small ones.
#include <cstring>

#include "tests/io/hostile_case.h"

namespace fledge::test {

namespace {

template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string text(const std::string& s) { return "X" + raw(static_cast<std::uint32_t>(s.size())) + s; }
std::string integer(std::int32_t n) { return "J" + raw(n); }
std::string name(const std::string& module, const std::string& attribute) {
  return "c" + module + "\n" + attribute + "\n";
}
std::string put(std::uint32_t n) { return "r" + raw(n); }
std::string get(std::uint32_t n) { return "j" + raw(n); }
std::string bytes(const char* s, std::size_t n) { return std::string(s, n); }
const std::string kProto = "\x80\x02";
const std::string kFour = raw(1.0f) + raw(2.0f) + raw(3.0f) + raw(4.0f);

std::string times(std::size_t n, const std::string& s) {
  std::string all;
  all.reserve(n * s.size());
  for (std::size_t i = 0; i < n; ++i) all += s;
  return all;
}

std::string storage() {
  return "(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu") + integer(4) + "NtQ";
}
std::string rebuild(const std::string& store, const std::string& size, const std::string& stride) {
  return name("torch._utils", "_rebuild_tensor_v2") + "(" + store + integer(0) + size + stride + "\x89N" + "tR";
}
std::string weight() { return text("weight") + rebuild(storage(), integer(4) + "\x85", integer(1) + "\x85"); }

/// A stacked file with the good tensor `weight` and, under the key `extra`, what the opcodes push.
std::string stacked(const std::string& extra, const std::string& more_pairs = "", const std::string& before = "") {
  const std::string magic = "\x8a\x0a" + bytes("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
  const std::string info = "}(" + text("protocol_version") + integer(1001) + text("little_endian") + "\x88u";
  const std::string pairs = weight() + (extra.empty() ? "" : text("extra") + extra) + more_pairs;
  return kProto + magic + "." + kProto + integer(1001) + "." + kProto + info + "." + kProto + before + "}(" + pairs +
         "u." + kProto + "](" + text("0") + "e." + raw(std::int64_t{4}) + kFour;
}

std::string safetensors(const std::string& header, const std::string& data) {
  return raw(static_cast<std::uint64_t>(header.size())) + header + data;
}

std::string many_entries(std::size_t n, const std::string& offsets, const std::string& shape, const std::string& data) {
  std::string header = "{";
  for (std::size_t i = 0; i < n; ++i)
    header += (i ? ",\"t" : "\"t") + std::to_string(i) + R"(":{"dtype":"F32","shape":)" + shape +
              ",\"data_offsets\":" + offsets + "}";
  return safetensors(header + "}", data);
}

/// `n` tensors over one storage, names and arguments from the memo where they are the same.
std::string many_tensors(std::size_t n, const std::string& size, const std::string& stride) {
  const std::string before = name("torch._utils", "_rebuild_tensor_v2") + put(1) + "0" + storage() + put(2) + "0" +
                             size + put(3) + "0" + stride + put(4) + "0";
  std::string pairs;
  for (std::size_t i = 0; i < n; ++i)
    pairs += text("t" + std::to_string(i)) + get(1) + "(" + get(2) + integer(0) + get(3) + get(4) + "\x89N" + "tR";
  return stacked("", pairs, before);
}

std::string rank(std::size_t n) {
  const std::string axes = "(" + times(n, integer(1)) + "t";
  return stacked(rebuild(storage(), axes, axes));
}

std::string same_keys(std::size_t n) { return stacked("}(" + times(n, "K\x01N") + "u"); }

/// Python's hash of an integer is its remainder by 2^61 - 1: all of these are equal.
std::string equal_hashes(std::size_t n) {
  std::string pairs;
  for (std::uint64_t i = 0; i < n; ++i) {
    const unsigned __int128 key = static_cast<unsigned __int128>(i + 1) * ((std::uint64_t{1} << 61) - 1);
    pairs += "\x8a\x0b" + bytes(reinterpret_cast<const char*>(&key), 11) + "N";
  }
  return stacked("}(" + pairs + "u");
}

/// A header of more than 100 MB that really is there; mostly spaces.
std::string huge_header() {
  std::string header = R"({"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})";
  header.append(100'000'001 - header.size(), ' ');
  return safetensors(header, kFour);
}

}  // namespace

std::vector<HostileCase> large_cases() {
  std::vector<HostileCase> cases;
  const auto add = [&](const std::string& file, const std::string& expect, const std::string& what,
                       std::function<std::string()> make) {
    cases.push_back({.file = file, .expect = expect, .words = {}, .what = what, .path = "", .make = std::move(make)});
  };
  const auto refuse = [&](const std::string& file, const std::string& what, std::function<std::string()> make) {
    add(file, "refuse", what, std::move(make));
  };
  const auto either = [&](const std::string& file, const std::string& what, std::function<std::string()> make) {
    add(file, "either", what, std::move(make));
  };
  const std::size_t k100 = 100'000, m2 = 2'000'000;

  // ---- nesting
  refuse("nested_tuples_100k.pth", "100,000 nested tuples", [=] { return stacked("N" + times(k100, "\x85")); });
  refuse("nested_tuples_2m.pth", "2,000,000 nested tuples", [=] { return stacked("N" + times(m2, "\x85")); });
  refuse("nested_lists.pth", "nested lists", [=] { return stacked(times(60000, "]") + times(59999, "a")); });
  refuse("nested_dicts.pth", "nested dictionaries",
         [=] { return stacked(times(20000, "}K\x01") + "N" + times(20000, "s")); });
  refuse("nested_sets.pth", "nested frozen sets",
         [=] { return stacked(times(60000, "(") + "N" + times(60000, "\x91")); });
  refuse("nested_calls.pth", "f()()()...", [=] { return stacked(name("evil", "f") + times(k100, ")R")); });
  refuse("nested_arguments.pth", "f(f(f(...",
         [=] { return stacked(times(20000, "cevil\nf\n(") + "N" + times(20000, "tR")); });
  refuse("nested_states.pth", "states in states",
         [=] { return stacked(times(20000, "cevil\nf\n)R") + "N" + times(20000, "b")); });
  refuse("nested_ids.pth", "persistent ids in persistent ids", [=] { return stacked("N" + times(k100, "\x85Q")); });
  refuse("nested_late.pth", "nested lists, each filled after it was put in its parent",
         [=] { return stacked("]" + times(30000, "]" + put(7) + "a" + get(7)) + times(30000, "0")); });
  refuse("marks.pth", "100,000 marks", [=] { return stacked(times(k100, "(")); });
  refuse("stack.pth", "100,000 values on the stack", [=] { return stacked(times(k100, "N")); });
  refuse("json_nested.safetensors", "100,000 nested lists in the header",
         [=] { return safetensors("{\"weight\":" + times(k100, "[") + times(k100, "]") + "}", kFour); });
  refuse("json_nested_metadata.safetensors", "100,000 nested objects in the metadata",
         [=] { return safetensors("{\"__metadata__\":" + times(k100, "{\"a\":") + "1" + times(k100, "}") + "}", ""); });

  // ---- many
  refuse("opcodes.pth", "2,200,000 opcodes", [=] { return stacked("N", "", times(1'100'000, "N0")); });
  refuse("memo_1m.pth", "1,100,000 memo entries", [=] {
    std::string before = "N";
    for (std::uint32_t i = 0; i < 1'100'000; ++i) before += put(i);
    return stacked("", "", before + "0");
  });
  either("memoize_900k.pth", "900,000 MEMOIZE", [=] { return stacked("", "", "N" + times(900'000, "\x94") + "0"); });
  either("memo_laughs.pth", "500,000 tuples of the tuple before it, twice",
         [=] { return stacked("N" + times(250, "2\x86") + times(k100, "02\x86")); });
  either("ints_1m.pth", "a list of a million integers",
         [=] { return stacked("](" + times(60000, "K\x01") + "e" + times(15, "(" + times(60000, "K\x01") + "e")); });
  either("same_keys_60k.pth", "a dictionary with 30,000 times the same key", [=] { return same_keys(30000); });
  refuse("same_keys_1m.pth", "a dictionary with a million times the same key", [=] { return same_keys(1'000'000); });
  either("same_keys_slowly.pth", "the same key 400,000 times, one SETITEM each",
         [=] { return stacked("}" + times(400'000, "K\x01Ns")); });
  either("same_names.pth", "one tensor under the same name 50,000 times",
         [=] { return stacked("}" + times(50000, text("a") + "Ns")); });
  either("equal_hashes.pth", "30,000 keys of equal hash", [=] { return equal_hashes(30000); });
  either("equal_hashes_slowly.pth", "200,000 integers of equal hash", [=] {
    std::string pairs;
    for (std::uint64_t i = 0; i < 200'000; ++i)
      pairs += "\x8a\x09" + raw(((std::uint64_t{1} << 61) - 1) * (i % 4)) + bytes("\0", 1) + "Ns";
    return stacked("}" + pairs);
  });
  either("names_200k.pth", "200,000 foreign names, all different", [=] {
    std::string before;
    for (int i = 0; i < 200'000; ++i) before += "cevil\nf" + std::to_string(i) + "\n0";
    return stacked("", "", before);
  });
  either("storages_unread.pth", "100,000 ids of the same storage",
         [=] { return stacked("", "", times(k100, storage() + "0")); });
  refuse("tensors_100k_expanded.pth", "90,000 tensors over one storage, each expanded to 1,000 elements",
         [=] { return many_tensors(90'000, integer(1000) + "\x85", integer(0) + "\x85"); });
  either("tensors_90k.pth", "90,000 tensors over one storage of four",
         [=] { return many_tensors(90'000, integer(4) + "\x85", integer(1) + "\x85"); });
  refuse("tensors_110k.pth", "110,000 tensors over one storage",
         [=] { return many_tensors(110'000, integer(4) + "\x85", integer(1) + "\x85"); });
  refuse("rank_9000.pth", "9,000 axes", [=] { return rank(9000); });
  refuse("rank_70000.pth", "70,000 axes", [=] { return rank(70000); });

  // ---- the same long or large thing, used again and again: small files, large work
  const std::string long_text = text(times(900'000, "k"));
  either("long_path.pth", "20,000 tensors below a key of 900,000 letters", [=] {
    const std::string before = long_text + put(9) + "0";
    const std::string one = rebuild(storage(), integer(4) + "\x85", integer(1) + "\x85") + put(8) + "0";
    std::string pairs;
    for (int i = 0; i < 20'000; ++i) pairs += integer(i) + get(8);
    return stacked("", get(9) + "}(" + pairs + "u", before + one);
  });
  either("long_key_again.pth", "one key of 900,000 letters 30,000 times in the dictionary of the tensors",
         [=] { return stacked("", times(30'000, get(9) + "N"), long_text + put(9) + "0"); });
  either("long_key_warnings.pth", "30,000 doubled names below a key of 900,000 letters", [=] {
    const std::string one = rebuild(storage(), integer(4) + "\x85", integer(1) + "\x85") + put(8) + "0";
    return stacked("", get(9) + "}(" + times(30'000, "K\x01" + get(8)) + "u", long_text + put(9) + "0" + one);
  });
  either("long_storage_key.pth", "30,000 ids of a storage whose key has 900,000 letters", [=] {
    const std::string id =
        "(" + text("storage") + name("torch", "FloatStorage") + long_text + text("cpu") + integer(4) + "Nt";
    return stacked("", "", id + put(9) + times(30'000, "Q0" + get(9)) + "0");
  });
  either("long_labels.pth", "30,000 class labels of 900,000 letters",
         [=] { return stacked("", text("classes") + "](" + times(30'000, get(9)) + "e", long_text + put(9) + "0"); });
  either("long_labels_numbered.pth", "class_to_idx with 30,000 labels of 900,000 letters", [=] {
    std::string pairs;
    for (int i = 0; i < 30'000; ++i) pairs += get(9) + integer(i);
    return stacked("", text("class_to_idx") + "}(" + pairs + "u", long_text + put(9) + "0");
  });
  either("long_names.pth", "150,000 names of 4,000 letters, put together from the memo", [=] {
    std::string before = text(times(4000, "m")) + put(9) + "0";
    for (int i = 0; i < 150'000; ++i) before += get(9) + text(std::to_string(i)) + "\x93" + "0";
    return stacked("", "", before);
  });
  const std::string list_30k = "](" + times(30'000, "N") + "e";
  const std::string dict_30k = "}(" + times(30'000, "K\x01N") + "u";
  either("shared_states.pth", "30,000 objects with the same state of 30,000 attributes", [=] {
    return stacked("](" + times(30'000, "cevil\nf\n)R" + get(9) + "b") + "e", "", dict_30k + put(9) + "0");
  });
  either("shared_arguments.pth", "30,000 calls with the same 30,000 arguments", [=] {
    return stacked("](" + times(30'000, "cevil\nf\n" + get(9) + "R") + "e", "",
                   "(" + times(30'000, "N") + "t" + put(9) + "0");
  });
  either("shared_items.pth", "30,000 ordered dictionaries of the same list of 30,000", [=] {
    return stacked("](" + times(30'000, "ccollections\nOrderedDict\n" + get(9) + "\x85R") + "e", "",
                   list_30k + put(9) + "0");
  });
  const std::string module =
      name("copy_reg", "_reconstructor") + "(" + name("torch.nn", "M") + name("__builtin__", "object") + "NtR";
  const auto module_of = [=](const std::string& parameters, const std::string& buffers, const std::string& more) {
    return module + "}(" + text("_parameters") + parameters + text("_buffers") + buffers + text("_modules") + "}" +
           more + "ub";
  };
  either("hidden_buffers.pth", "30,000 buffers and 30,000 names that are not to be saved", [=] {
    std::string buffers, hidden;
    for (int i = 0; i < 30'000; ++i)
      buffers += text("b" + std::to_string(i)) + get(8), hidden += text("h" + std::to_string(i));
    const std::string one = rebuild(storage(), integer(4) + "\x85", integer(1) + "\x85") + put(8) + "0";
    return stacked(
        module_of("}", "}(" + buffers + "u", text("_non_persistent_buffers_set") + "\x8f(" + hidden + "\x90"), "", one);
  });
  either("hidden_long.pth", "30,000 names of 900,000 letters that are not to be saved", [=] {
    return stacked(module_of("}(" + weight() + "u", "}",
                             text("_non_persistent_buffers_set") + "\x8f(" + times(30'000, get(9)) + "\x90"),
                   "", long_text + put(9) + "0");
  });
  either("keys_800k.pth", "800,000 different keys beside the tensor", [=] {
    std::string all;
    for (int batch = 0; batch < 32; ++batch) {
      all += "(";
      for (int i = 0; i < 25'000; ++i) all += integer(batch * 25'000 + i) + "N";
      all += "u";
    }
    return stacked("", "u" + all + "(");
  });
  either("dicts_1m.pth", "a million empty dictionaries", [=] { return stacked("", "", times(980'000, "}0")); });
  either("tuples_600k.pth", "600,000 tuples of the same three values", [=] {
    return stacked("", "",
                   times(480'000,
                         "NNN\x87"
                         "0")
                       .substr(0, 1'900'000));
  });
  either("floats_1m.pth", "a list of 1,900,000 numbers",
         [=] { return stacked("]" + times(31, "(" + times(60'000, "K\x01") + "e")); });
  refuse("late_dicts.pth",
         "20,000 nested dictionaries with a tensor at the end, each filled after it was put in its parent", [=] {
           std::string all = "}" + put(9) + "0" + get(9) + put(7);
           for (int i = 0; i < 20'000; ++i) all += "0" + get(9) + "K\x01}" + put(9) + "s";
           return stacked(all + "0" + get(9) + "(" + weight() + "u0" + get(7));
         });
  refuse("late_modules.pth", "20,000 nested modules, each filled after it was put in its parent", [=] {
    std::string all = "}" + put(9) + put(7) + "0";
    for (int i = 0; i < 20'000; ++i)
      all += get(9) + "K\x01" + module + "}(" + text("_parameters") + "}" + text("_buffers") + "}" + text("_modules") +
             "}" + put(9) + "ub" + "s0";
    return stacked(all + get(9) + "(" + weight() + "u0" + get(7));
  });

  // ---- long
  refuse("long_digits.pth", "LONG with a million digits", [=] { return stacked("L" + times(1'000'000, "9") + "L\n"); });
  refuse("int_digits.pth", "INT with a million digits", [=] { return stacked("I" + times(1'000'000, "9") + "\n"); });
  either("float_digits.pth", "FLOAT with a million digits",
         [=] { return stacked("F0." + times(1'000'000, "9") + "\n"); });
  either("long4_1m.pth", "LONG4 of a million bytes",
         [=] { return stacked("\x8b" + raw(std::int32_t{1'000'000}) + times(1'000'000, "\x7f")); });
  either("text_2m.pth", "a text of 2 MB", [=] { return stacked(text(times(m2, "a"))); });
  either("name_2m.pth", "a module name of 2 MB", [=] { return stacked(name(times(m2, "a"), "b")); });
  refuse("line_without_end.pth", "GLOBAL whose line never ends",
         [=] { return stacked("c" + times(m2, "a")).substr(0, 1'900'000); });
  refuse("key_2m.pth", "a broken tensor with a name of 900,000 letters", [=] {
    return stacked("", text(times(900'000, "k")) + rebuild(storage(), integer(5) + "\x85", integer(1) + "\x85"));
  });

  // ---- safetensors
  refuse("header_100mb.safetensors", "a header of 100,000,001 bytes", huge_header);
  refuse("one_range.safetensors", "200,000 tensors on one range",
         [=] { return many_entries(200'000, "[0,4]", "[1]", bytes("\0\0\0\0", 4)); });
  refuse("empty_150k.safetensors", "150,000 empty tensors", [=] { return many_entries(150'000, "[0,0]", "[0]", ""); });
  refuse("rank_70000.safetensors", "70,000 axes", [=] {
    return safetensors(R"({"weight":{"dtype":"F32","shape":[)" + times(70000, "1,") + R"(4],"data_offsets":[0,16]}})",
                       kFour);
  });
  refuse("digits.safetensors", "an offset of a million digits", [=] {
    return safetensors(R"({"weight":{"dtype":"F32","shape":[4],"data_offsets":[0,)" + times(1'000'000, "9") + "]}}",
                       kFour);
  });
  return cases;
}

}  // namespace fledge::test
