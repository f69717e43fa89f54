#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>

#include "io/checkpoint/safetensors.h"
#include "io/file.h"
#include "io/npy.h"
#include "io/table.h"
#include "tensor/creation.h"
#include "tests/io/sha256.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

/// The error of a safetensors file with this header and so many bytes of data.
std::string safetensors_error(const std::string& header, std::size_t data_bytes, std::uint64_t length = ~0ull) {
  const TempFolder folder;
  if (length == ~0ull) length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  spill(folder / "w.safetensors", text + header + std::string(data_bytes, 'x'));
  ErrorKind kind = ErrorKind::Internal;
  const std::string error = error_of([&] { load_safetensors(folder / "w.safetensors"); }, &kind);
  if (!error.empty()) {
    CHECK(kind == ErrorKind::BadInput);
    CHECK_THAT(error, Contains("w.safetensors"));
  }
  return error;
}

std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

std::int64_t files_in(const std::string& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
}

}  // namespace

TEST_CASE("safetensors: every broken header gets its own message") {
  CHECK(safetensors_error(one("F32", "[2]", "[0,8]"), 8).empty());
  CHECK(safetensors_error(one("F32", "[]", "[0,4]"), 4).empty());
  CHECK(safetensors_error(one("F32", "[0,3]", "[0,0]"), 0).empty());
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[0,8]"), 10), Contains("2 bytes behind the last tensor"));
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[0,8]"), 7),
             Contains("ends at byte 8 of 7") && Contains("truncated"));
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[4,12]"), 12),
             Contains("bytes 0 to 4 of the data belong to no tensor"));
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[8,0]"), 8), Contains("ends before it begins"));
  CHECK_THAT(safetensors_error(one("F32", "[3]", "[0,8]"), 8), Contains("needs 12 bytes but its range holds 8"));
  CHECK_THAT(safetensors_error(one("F24", "[2]", "[0,8]"), 8), Contains("unknown dtype 'F24'"));
  CHECK_THAT(safetensors_error(one("U64", "[1]", "[0,8]"), 8), Contains("no type for"));
  CHECK_THAT(safetensors_error(one("F32", "[-2]", "[0,8]"), 8), Contains("negative number -2"));
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[0.0,8]"), 8), Contains("the number 0.0"));
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[\"0\",8]"), 8), Contains("the text \"0\""));
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[0,8,9]"), 8), Contains("data_offsets"));
  CHECK_THAT(safetensors_error(one("F32", "[2]", "[0]"), 8), Contains("must be two numbers"));
  CHECK_THAT(safetensors_error(one("F32", "[4294967296,4294967296]", "[0,8]"), 8), Contains("impossible shape"));
  CHECK_THAT(safetensors_error(one("F32", "[0,4611686018427387904,8]", "[0,0]"), 0), Contains("impossible shape"));
  CHECK_THAT(safetensors_error(one("U8", "[1,1,1,1,1,1,1]", "[0,1]"), 1), Contains("7 axes"));
  CHECK_THAT(safetensors_error(R"({"w":{"dtype":"F32","shape":[2]}})", 8),
             Contains("lacks dtype, shape or data_offsets"));
  CHECK_THAT(safetensors_error(R"({"w":{"dtype":"F32","shape":[2],"x":1}})", 8), Contains("unknown field 'x'"));
  CHECK_THAT(safetensors_error(R"({"w":{"dtype":"F32","dtype":"F32"}})", 8), Contains("'dtype' is there twice"));
  CHECK_THAT(safetensors_error(R"({"w":[1]})", 8), Contains("must be an object, not a list"));
  CHECK_THAT(safetensors_error(R"({"__metadata__":{"a":1}})", 0), Contains("__metadata__ 'a' must be text"));
  CHECK_THAT(safetensors_error("[]", 0), Contains("must start with '{'"));
  CHECK_THAT(safetensors_error("{\"a\":", 0), Contains("no valid JSON"));
  CHECK_THAT(safetensors_error("{}", 0, 1000), Contains("the header has 1000 bytes"));
  CHECK_THAT(safetensors_error("{}", 0, 1ull << 63), Contains("9223372036854775808"));
  const std::string a = R"("dtype":"U8","shape":[4],"data_offsets":[0,4]})",
                    b = R"("dtype":"U8","shape":[4],"data_offsets":[2,6]})";
  CHECK_THAT(safetensors_error("{\"a\":{" + a + ",\"b\":{" + b + "}", 6),
             Contains("'b' overlaps the one before it at byte 2"));
  CHECK_THAT(safetensors_error("{\"a\":{" + a + ",\"a\":{" + b + "}", 6), Contains("two entries are named 'a'"));
  const TempFolder folder;
  spill(folder / "short", std::string("abc"));
  CHECK_THAT(error_of([&] { load_safetensors(folder / "short"); }), Contains("only 3 bytes"));
  CHECK_THAT(error_of([&] { load_safetensors(folder / "none"); }), Contains("no such file"));
  CHECK_THAT(error_of([&] { load_safetensors(folder.path()); }), Contains("it is a folder"));
}

TEST_CASE("safetensors: a written file reads back, and is the same each time") {
  const TempFolder folder;
  const Tensor matrix = from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const NamedTensors tensors = {{"z", matrix.transpose(0, 1)},
                                {"a", scalar(2.5)},
                                {"ids", from_vector<std::int64_t>({-1, 1ll << 40}, {2})},
                                {"größe", Tensor::empty({0, 3})},
                                {"half", matrix.to(DType::BFloat16)}};
  const std::map<std::string, std::string> metadata = {{"width", "0.25"}, {"arch", "mobilenet \"v1\""}};
  save_safetensors(folder / "a", tensors, metadata);
  save_safetensors(folder / "b", tensors, metadata);
  const Bytes bytes = slurp(folder / "a");
  CHECK(bytes == slurp(folder / "b"));
  CHECK(bytes[0] % 8 == 0);
  CHECK(files_in(folder.path()) == 2);
  const SafetensorsFile back = load_safetensors(folder / "a");
  CHECK(back.metadata == metadata);
  REQUIRE(back.tensors.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(back.tensors[i].first == tensors[i].first);
    CHECK(back.tensors[i].second.dims() == tensors[i].second.dims());
    CHECK(back.tensors[i].second.dtype() == tensors[i].second.dtype());
    CHECK(back.tensors[i].second.is_contiguous());
    CHECK(back.tensors[i].second.to_vector<double>() == tensors[i].second.to_vector<double>());
  }
  CHECK_THAT(error_of([&] {
               save_safetensors(folder / "c", {{"x", matrix}, {"x", matrix}}, {});
             }),
             Contains("'x' is used twice"));
  CHECK_THAT(error_of([&] { save_safetensors(folder / "c", {{"__metadata__", matrix}}, {}); }), Contains("reserved"));
  CHECK_THAT(error_of([&] { save_safetensors(folder / "c", {{"x", Tensor()}}, {}); }), Contains("undefined"));
  CHECK(files_in(folder.path()) == 2);
  // cut at every byte: refused
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    spill(folder / "cut", Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)));
    CHECK(!error_of([&] { load_safetensors(folder / "cut"); }).empty());
  }
}

TEST_CASE("safetensors: the shared fixtures") {
  const std::string folder = shared_folder("fixtures");
  if (folder.empty()) {
    WARN("skipped: no shared fixtures (set FLEDGE_SHARED)");
    return;
  }
  const std::map<std::string, DType> same = {
      {"float32", DType::Float32}, {"float64", DType::Float64}, {"bfloat16", DType::BFloat16}, {"int32", DType::Int32},
      {"int64", DType::Int64},     {"uint8", DType::UInt8},     {"bool", DType::UInt8}};
  for (const std::string name : {"safetensors_dtypes", "safetensors_empty", "safetensors_resnet18"}) {
    const Bytes text = slurp(folder + "/" + name + ".expected.json");
    const nlohmann::json expected = nlohmann::json::parse(text.begin(), text.end());
    const SafetensorsFile file = load_safetensors(folder + "/" + name + ".safetensors");
    REQUIRE(file.tensors.size() == expected["tensors"].size());
    CHECK(file.metadata == expected["metadata"].get<std::map<std::string, std::string>>());
    const std::map<std::string, Tensor> found(file.tensors.begin(), file.tensors.end());
    for (const auto& e : expected["tensors"]) {
      CAPTURE(name, e["name"].get<std::string>());
      const Tensor t = found.at(e["name"]);
      CHECK(std::vector<std::int64_t>(t.dims().begin(), t.dims().end()) == e["shape"].get<std::vector<std::int64_t>>());
      const auto dtype = same.find(e["dtype"]);
      if (dtype != same.end()) {
        CHECK(t.dtype() == dtype->second);
        CHECK(sha256(t.raw(), static_cast<std::size_t>(t.numel()) * size_of(t.dtype())) ==
              e["sha256"].get<std::string>());
      } else {  // widened: compare the values
        const std::vector<double> values = t.to_vector<double>();
        for (std::size_t i = 0; i < e["first"].size(); ++i) CHECK(values[i] == e["first"][i].get<double>());
        double sum = 0;
        for (const double v : values) sum += v;
        CHECK(sum == Approx(e["sum"].get<double>()));
      }
    }
  }
  int hostile = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/hostile")) {
    const std::string name = entry.path().filename().string();
    if (name[0] != 's') continue;
    CAPTURE(name);
    ++hostile;
    ErrorKind kind = ErrorKind::Internal;
    const std::string error = error_of([&] { load_safetensors(entry.path().string()); }, &kind);
    if (name == "s00_good.safetensors") {
      CHECK(load_safetensors(entry.path().string()).tensors[0].second.to_vector<float>() ==
            std::vector<float>{1, 2, 3, 4});
    } else {
      CHECK(!error.empty());
      CHECK(kind == ErrorKind::BadInput);
    }
  }
  CHECK(hostile >= 18);
}

TEST_CASE("npy: round trip and refusals") {
  const TempFolder folder;
  const Tensor t = from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  for (const DType dtype : {DType::Float32, DType::Float64, DType::Int32, DType::Int64, DType::UInt8}) {
    save_npy(folder / "t.npy", t.to(dtype).transpose(0, 1));
    CHECK(slurp(folder / "t.npy").size() == 128 + 6 * size_of(dtype));
    const Tensor back = load_npy(folder / "t.npy");
    CHECK(back.dtype() == dtype);
    CHECK(back.dims() == Dims{3, 2});
    CHECK(back.to_vector<double>() == std::vector<double>{1, 4, 2, 5, 3, 6});
  }
  save_npy(folder / "s.npy", scalar(7));
  CHECK(load_npy(folder / "s.npy").item() == 7);
  save_npy(folder / "v.npy", arange(5));
  CHECK(load_npy(folder / "v.npy").dims() == Dims{5});
  CHECK_THAT(error_of([&] { save_npy(folder / "x", t.to(DType::BFloat16)); }), Contains("no type for bfloat16"));

  const auto error = [&](const std::string& header, std::size_t data, char version = 1) {
    std::string text = "\x93NUMPY";
    text += version;
    text += '\0';
    text += static_cast<char>(header.size());
    text += '\0';
    spill(folder / "bad.npy", text + header + std::string(data, 'x'));
    return error_of([&] { load_npy(folder / "bad.npy"); });
  };
  CHECK(error("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8).empty());
  CHECK_THAT(error("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 8), Contains("Python objects"));
  CHECK_THAT(error("{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8), Contains("big-endian"));
  CHECK_THAT(error("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8),
             Contains("dtype '<c8' is not supported"));
  CHECK_THAT(error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8), Contains("structured"));
  CHECK_THAT(error("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", 8), Contains("Fortran order"));
  CHECK_THAT(error("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 8),
             Contains("needs 12 bytes but the file holds 8"));
  CHECK_THAT(error("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296,4), }", 8),
             Contains("impossible"));
  CHECK_THAT(error("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8),
             Contains("malformed"));
  CHECK_THAT(error("{'descr': '<f4', 'shape': (2,), }", 8), Contains("malformed"));
  CHECK_THAT(error("__import__('os').system('true')", 8), Contains("malformed"));
  CHECK_THAT(error("{}", 0, 3), Contains("version 3"));
  spill(folder / "no", std::string("hello"));
  CHECK_THAT(error_of([&] { load_npy(folder / "no"); }), Contains("no npy file"));
}

TEST_CASE("table: round trip and refusals") {
  const TempFolder folder;
  save_table(folder / "t.tsv", {{"a/1.jpg", "b/ü 2.jpg"}, {"a", "b"}});
  const LabelTable back = load_table(folder / "t.tsv");
  CHECK(back.paths == std::vector<std::string>{"a/1.jpg", "b/ü 2.jpg"});
  CHECK(back.labels == std::vector<std::string>{"a", "b"});
  const auto error = [&](const std::string& text) {
    spill(folder / "bad.tsv", text);
    return error_of([&] { load_table(folder / "bad.tsv"); });
  };
  CHECK(error("path\tlabel\r\nx\ty\r\n").empty());
  CHECK_THAT(error(""), Contains("line 1") && Contains("empty"));
  CHECK_THAT(error("a\tb\n"), Contains("line 1") && Contains("path<TAB>label"));
  CHECK_THAT(error("path\tlabel\nx\ty\nz\n"), Contains("bad.tsv', line 3: 1 column instead of 2"));
  CHECK_THAT(error("path\tlabel\nx\ty\tz\n"), Contains("line 2: more than 2 columns"));
  save_table(folder / "x", {{"a\tb\n\\x41"}, {"caf\xe9"}});
  CHECK(load_table(folder / "x").paths == std::vector<std::string>{"a\tb\n\\x41"});
  CHECK(load_table(folder / "x").labels == std::vector<std::string>{"caf\xe9"});
  CHECK_THAT(error_of([&] { save_table(folder / "x", {{"a"}, {}}); }), Contains("1 paths but 0 labels"));
}

TEST_CASE("an interrupted or failed write leaves the old file and no temporary") {
  const TempFolder folder;
  write_file_atomic(folder / "f", "old");
  {
    AtomicFile file(folder / "f");
    file.append("new", 3);
  }
  CHECK(slurp(folder / "f") == Bytes{'o', 'l', 'd'});
  CHECK(files_in(folder.path()) == 1);
  ErrorKind kind = ErrorKind::Internal;
  CHECK_THAT(error_of([&] { write_file_atomic(folder / "no/f", "x"); }, &kind),
             Contains("no such file or directory: cannot write"));
  CHECK(kind == ErrorKind::Resource);

  // A limit on the size of files makes write() fail half-way, as a full disk does.
  rlimit before{}, small{4096, 4096};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  small.rlim_max = before.rlim_max;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  kind = ErrorKind::Internal;
  const std::string error = error_of([&] { write_file_atomic(folder / "f", std::string(10000, 'x')); }, &kind);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK_THAT(error, Contains("cannot write") && Contains("/f'"));
  CHECK(kind == ErrorKind::Resource);
  CHECK(slurp(folder / "f") == Bytes{'o', 'l', 'd'});
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a full disk says so and keeps the old file") {
  const TempFolder folder;
  if (mount("none", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    WARN("skipped: cannot mount a small file system here");
    return;
  }
  write_file_atomic(folder / "f", "old");
  ErrorKind kind = ErrorKind::Internal;
  const std::string error = error_of([&] { save_safetensors(folder / "f", {{"w", zeros({100, 1000})}}, {}); }, &kind);
  const bool kept = slurp(folder / "f") == Bytes{'o', 'l', 'd'} && files_in(folder.path()) == 1;
  umount(folder.path().c_str());
  CHECK_THAT(error, Contains("no space left on device: cannot write") && Contains("is untouched"));
  CHECK(kind == ErrorKind::Resource);
  CHECK(kept);
}
