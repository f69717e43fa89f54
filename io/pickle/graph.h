// Graph: the values of a pickle as inert data, in one arena. A value is an index (Ref); nothing is looked up, called or
// built. Python's objects stay what the opcodes said: "call this name with these arguments", "set this state".
// Texts are views into the bytes that were read, which must outlive the graph.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace fledge::pickle {

using Ref = std::uint32_t;
constexpr Ref kNoRef = 0xffffffffu;

enum class Kind : std::uint8_t {
  None,
  Bool,
  Int,     // fits 64 bits
  BigInt,  // does not; kept as its bytes (binary: little-endian two's complement)
  Float,
  Text,        // unicode, UTF-8 as in the stream, not validated
  Bytes,       // bytes or bytearray
  ByteString,  // Python 2's str
  Tuple,
  List,
  Dict,
  Set,           // set or frozenset
  Global,        // a name: module and attribute
  Object,        // what a call would give: class or function, arguments, state, items added later
  PersistentId,  // what the container should put in: its only item is the id
};

/// How much a pickle may hold (robustness: C.2).
constexpr std::size_t kMaxGraphBytes = std::size_t{64} << 20;
constexpr int kMaxDepth = 256;

/// Limits: Full when the arena would outgrow kMaxGraphBytes, Deep when values would nest deeper than kMaxDepth.
enum class GraphLimit { Full, Deep };

class Graph {
 public:
  // ---- reading ----
  Kind kind(Ref r) const { return nodes_[r].kind; }
  bool is_string(Ref r) const { return kind(r) == Kind::Text || kind(r) == Kind::ByteString || kind(r) == Kind::Bytes; }
  bool truth(Ref r) const { return nodes_[r].integer != 0; }                          // Bool
  std::int64_t integer(Ref r) const { return nodes_[r].integer; }                     // Int
  double real(Ref r) const { return nodes_[r].real; }                                 // Float
  std::string_view text(Ref r) const;                                                 // Text, Bytes, ByteString, BigInt
  std::string_view module_of(Ref r) const { return names_[nodes_[r].index].module; }  // Global
  std::string_view name_of(Ref r) const { return names_[nodes_[r].index].name; }      // Global
  /// Tuple, List, Set: the items; Dict: keys and values in turn; PersistentId: the id.
  std::vector<Ref> items(Ref r) const;
  /// Tuple, without copying it: how many items, and one of them.
  std::size_t tuple_size(Ref r) const { return nodes_[r].kind == Kind::Tuple ? nodes_[r].length : 0; }
  Ref tuple_item(Ref r, std::size_t i) const { return items_[nodes_[r].index + i]; }
  Ref class_of(Ref r) const { return objects_[nodes_[r].index].callee; }  // Object: a Global, Object or PersistentId
  Ref arguments(Ref r) const { return objects_[nodes_[r].index].arguments; }  // Object: usually a Tuple
  Ref state(Ref r) const { return objects_[nodes_[r].index].state; }          // Object: of BUILD; kNoRef without
  std::vector<Ref> appended(Ref r) const;                                     // Object: by APPEND(S), ADDITEMS
  std::vector<Ref> set_items(Ref r) const;  // Object: by SETITEM(S): keys and values in turn
  std::uint64_t position(Ref r) const { return objects_[nodes_[r].index].at; }  // Object: byte of its opcode
  std::size_t size() const { return nodes_.size(); }

  struct Mention {
    Ref ref;
    std::uint64_t at;  // byte of the opcode, in its pickle's source
  };
  /// Every Global and PersistentId that was made, discarded ones too.
  const std::vector<Mention>& globals() const { return globals_; }
  const std::vector<Mention>& persistent_ids() const { return persistent_ids_; }

  // ---- building (by the reader); all may throw GraphLimit ----
  Ref add(Kind kind) { return add_node(kind, 0); }  // None, or an empty List, Dict, Set
  Ref add_bool(bool value) { return add_node(Kind::Bool, value); }
  Ref add_int(std::int64_t value) { return add_node(Kind::Int, value); }
  Ref add_float(double value);
  Ref add_text(Kind kind, std::string_view bytes);
  Ref add_owned_text(Kind kind, std::string bytes);  // unescaped: not in the source
  Ref add_tuple(const Ref* items, std::size_t count);
  Ref add_global(std::string_view module, std::string_view name, std::uint64_t at);
  Ref add_object(Ref callee, Ref arguments, std::uint64_t at);
  Ref add_persistent_id(Ref id, std::uint64_t at);
  /// List, Set, Dict, or Object (`pairs`: SETITEMS, else APPENDS).
  void append(Ref to, const Ref* items, std::size_t count, bool pairs);
  /// Object without a state so far.
  void set_state(Ref object, Ref state);

 private:
  struct Node {
    Kind kind = Kind::None;
    std::uint32_t length = 0;  // of a text; of a tuple
    union {
      std::int64_t integer;
      double real;
      const char* text;
      std::uint64_t index;  // into names_, objects_, lists_; a tuple's first item
    };
  };
  struct Name {
    std::string_view module, name;
  };
  struct List {  // pieces in order of arrival
    std::uint32_t first = kNoRef, last = kNoRef;
  };
  struct Piece {
    std::uint32_t begin, count, next;
  };
  struct Object {
    Ref callee, arguments, state;
    std::uint64_t appended, pairs;  // into lists_
    std::uint64_t at;
  };

  Ref add_node(Kind kind, std::int64_t value);
  void spend(std::size_t bytes);
  void deepen(Ref r, Ref child);
  std::vector<Ref> list_items(std::uint64_t list) const;

  std::vector<Node> nodes_;
  std::vector<std::uint16_t> depth_;  // of each node
  std::vector<Ref> items_;
  std::vector<Piece> pieces_;
  std::vector<List> lists_;
  std::vector<Name> names_;
  std::vector<Object> objects_;
  std::vector<Mention> globals_, persistent_ids_;
  std::deque<std::string> owned_;
  std::size_t bytes_ = 0;
};

}  // namespace fledge::pickle
