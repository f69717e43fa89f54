#include "io/pickle/graph.h"

#include <algorithm>

namespace fledge::pickle {

void Graph::spend(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ > kMaxGraphBytes) throw GraphLimit::Full;
}

void Graph::deepen(Ref r, Ref child) {
  const int depth = depth_[child] + 1;
  if (depth > kMaxDepth) throw GraphLimit::Deep;
  depth_[r] = std::max<std::uint16_t>(depth_[r], static_cast<std::uint16_t>(depth));
}

Ref Graph::add_node(Kind kind, std::int64_t value) {
  spend(sizeof(Node) + sizeof(std::uint16_t));
  Node node;
  node.kind = kind;
  node.integer = value;
  if (kind == Kind::List || kind == Kind::Dict || kind == Kind::Set) {
    spend(sizeof(List));
    node.index = lists_.size();
    lists_.emplace_back();
  }
  nodes_.push_back(node);
  depth_.push_back(0);
  return static_cast<Ref>(nodes_.size() - 1);
}

Ref Graph::add_float(double value) {
  const Ref r = add_node(Kind::Float, 0);
  nodes_[r].real = value;
  return r;
}

Ref Graph::add_text(Kind kind, std::string_view bytes) {
  const Ref r = add_node(kind, 0);
  nodes_[r].text = bytes.data();
  nodes_[r].length = static_cast<std::uint32_t>(bytes.size());
  return r;
}

Ref Graph::add_owned_text(Kind kind, std::string bytes) {
  spend(bytes.size() + sizeof(std::string));
  owned_.push_back(std::move(bytes));
  return add_text(kind, owned_.back());
}

Ref Graph::add_tuple(const Ref* items, std::size_t count) {
  const Ref r = add_node(Kind::Tuple, 0);
  spend(count * sizeof(Ref));
  nodes_[r].index = items_.size();
  nodes_[r].length = static_cast<std::uint32_t>(count);
  items_.insert(items_.end(), items, items + count);
  for (std::size_t i = 0; i < count; ++i) deepen(r, items[i]);
  return r;
}

Ref Graph::add_global(std::string_view module, std::string_view name, std::uint64_t at) {
  const Ref r = add_node(Kind::Global, 0);
  spend(sizeof(Name) + sizeof(Mention));
  nodes_[r].index = names_.size();
  names_.push_back({module, name});
  globals_.push_back({r, at});
  return r;
}

Ref Graph::add_object(Ref callee, Ref arguments, std::uint64_t at) {
  const Ref r = add_node(Kind::Object, 0);
  spend(sizeof(Object) + 2 * sizeof(List));
  nodes_[r].index = objects_.size();
  objects_.push_back({callee, arguments, kNoRef, lists_.size(), lists_.size() + 1, at});
  lists_.resize(lists_.size() + 2);
  deepen(r, callee);
  deepen(r, arguments);
  return r;
}

Ref Graph::add_persistent_id(Ref id, std::uint64_t at) {
  const Ref r = add_node(Kind::PersistentId, 0);
  spend(sizeof(Ref) + sizeof(Mention));
  nodes_[r].index = items_.size();
  nodes_[r].length = 1;
  items_.push_back(id);
  deepen(r, id);
  persistent_ids_.push_back({r, at});
  return r;
}

void Graph::append(Ref to, const Ref* items, std::size_t count, bool pairs) {
  if (count == 0) return;
  const Node& node = nodes_[to];
  const std::uint64_t index = node.kind != Kind::Object ? node.index
                              : pairs                   ? objects_[node.index].pairs
                                                        : objects_[node.index].appended;
  List& list = lists_[index];
  spend(count * sizeof(Ref));
  for (std::size_t i = 0; i < count; ++i) deepen(to, items[i]);
  // Items that follow the list's last ones lengthen its last piece: single APPENDs cost no piece each.
  const bool follows = list.last != kNoRef && pieces_[list.last].begin + pieces_[list.last].count == items_.size();
  if (follows) {
    pieces_[list.last].count += static_cast<std::uint32_t>(count);
  } else {
    spend(sizeof(Piece));
    const std::uint32_t piece = static_cast<std::uint32_t>(pieces_.size());
    pieces_.push_back({static_cast<std::uint32_t>(items_.size()), static_cast<std::uint32_t>(count), kNoRef});
    (list.first == kNoRef ? list.first : pieces_[list.last].next) = piece;
    list.last = piece;
  }
  items_.insert(items_.end(), items, items + count);
}

void Graph::set_state(Ref object, Ref state) {
  objects_[nodes_[object].index].state = state;
  deepen(object, state);
}

std::string_view Graph::text(Ref r) const { return {nodes_[r].text, nodes_[r].length}; }

std::vector<Ref> Graph::list_items(std::uint64_t list) const {
  std::vector<Ref> all;
  for (std::uint32_t p = lists_[list].first; p != kNoRef; p = pieces_[p].next) {
    const auto begin = items_.begin() + pieces_[p].begin;
    all.insert(all.end(), begin, begin + pieces_[p].count);
  }
  return all;
}

std::vector<Ref> Graph::items(Ref r) const {
  const Node& node = nodes_[r];
  if (node.kind == Kind::Tuple || node.kind == Kind::PersistentId) {
    const auto begin = items_.begin() + static_cast<std::ptrdiff_t>(node.index);
    return {begin, begin + node.length};
  }
  if (node.kind == Kind::List || node.kind == Kind::Dict || node.kind == Kind::Set) return list_items(node.index);
  return {};
}

std::vector<Ref> Graph::appended(Ref r) const { return list_items(objects_[nodes_[r].index].appended); }
std::vector<Ref> Graph::set_items(Ref r) const { return list_items(objects_[nodes_[r].index].pairs); }

}  // namespace fledge::pickle
