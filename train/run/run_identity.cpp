#include "train/run/run_identity.h"

#include <charconv>
#include <set>
#include <unordered_map>

#include "base/environment.h"
#include "base/escape.h"
#include "data/datasets/annotated.h"
#include "kernels/api/backend.h"
#include "kernels/api/reproducibility.h"
#include "tensor/context.h"

namespace fledge {
namespace {

constexpr const char* kIdentityFormat = "fledge-identity-1";
constexpr std::size_t kShown = 5, kPictureFields = 10;  // an eleventh, the origin, where there is one

std::string box_text(const std::optional<PixelBox>& box) {
  if (!box) return "-";
  return std::to_string(box->left) + "," + std::to_string(box->top) + "," + std::to_string(box->width) + "," +
         std::to_string(box->height);
}

/// What of a picture the result depends on, as a line's beginning.
std::string result_text(const PictureIdentity& p) {
  return escaped_for_line(p.name) + "\t" + escaped_for_line(p.class_name) + "\t" + std::to_string(p.label) + "\t" +
         std::to_string(p.super_class) + "\t" + box_text(p.box) + "\t" + (p.upright ? "upright" : "stored") + "\t" +
         to_text(p.content);
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '\t')
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

bool whole(const std::string& text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_box(const std::string& text, std::optional<PixelBox>& box) {
  if (text == "-") return true;
  std::int64_t v[4];
  const char *at = text.data(), *const end = at + text.size();
  for (int i = 0; i < 4; ++i) {
    const auto [stop, error] = std::from_chars(at, end, v[i]);
    if (error != std::errc() || (i < 3 ? stop == end || *stop != ',' : stop != end)) return false;
    at = stop + 1;
  }
  box = PixelBox{static_cast<int>(v[0]), static_cast<int>(v[1]), static_cast<int>(v[2]), static_cast<int>(v[3])};
  return true;
}

std::optional<PictureIdentity> parse_picture(const std::string& line) {
  const std::vector<std::string> f = fields_of(line);
  PictureIdentity p;
  if ((f.size() != kPictureFields && f.size() != kPictureFields + 1) || !whole(f[2], p.label) ||
      !whole(f[3], p.super_class) || !parse_box(f[4], p.box) || !whole(f[7], p.stamp.size) ||
      !whole(f[8], p.stamp.modified) || !whole(f[9], p.stamp.changed))
    return std::nullopt;
  const auto content = content_from_text(f[6]);
  const auto origin = f.size() > kPictureFields ? content_from_text(f.back()) : Content{};
  if (!content || !origin) return std::nullopt;
  p.origin = *origin;
  p.name = unescaped(f[0]), p.class_name = unescaped(f[1]), p.upright = f[5] == "upright", p.content = *content;
  return p;
}

/// Names that have changed in one way: how many, and the first.
class Change {
 public:
  void add(const std::string& name) {
    if (count_++ < static_cast<std::int64_t>(kShown)) names_ += (names_.empty() ? "'" : ", '") + shown(name) + "'";
  }
  std::int64_t count() const { return count_; }
  /// "2 pictures are gone ('a', 'b')"
  void say(const std::string& one, const std::string& many, std::vector<std::string>& lines) const {
    if (count_ == 0) return;
    lines.push_back(with_thousands(count_) + " " + (count_ == 1 ? one : many) + " (" + names_ +
                    (count_ > static_cast<std::int64_t>(kShown) ? ", ...)" : ")"));
  }

 private:
  std::int64_t count_ = 0;
  std::string names_;
};

std::set<std::string> classes_of(const std::vector<PictureIdentity>& pictures) {
  std::set<std::string> classes;
  for (const PictureIdentity& p : pictures)
    if (p.label >= 0) classes.insert(p.class_name);
  return classes;
}

void compare_classes(const std::vector<PictureIdentity>& before, const std::vector<PictureIdentity>& now,
                     std::vector<std::string>& lines) {
  const std::set<std::string> then = classes_of(before), today = classes_of(now);
  Change gone, fresh;
  for (const std::string& name : then)
    if (!today.contains(name)) gone.add(name);
  for (const std::string& name : today)
    if (!then.contains(name)) fresh.add(name);
  gone.say("class is gone", "classes are gone", lines);
  fresh.say("class is new", "classes are new", lines);
}

/// A picture is the one of its name; where names repeat (labelled and unlabelled parts), in their order.
void compare_pictures(const std::vector<PictureIdentity>& before, const std::vector<PictureIdentity>& now,
                      std::vector<std::string>& lines) {
  std::unordered_map<std::string, std::vector<const PictureIdentity*>> then;
  for (auto p = before.rbegin(); p != before.rend(); ++p) then[p->name].push_back(&*p);
  Change gone, fresh, content, label, box, turned, order;
  std::vector<const PictureIdentity*> kept;
  for (const PictureIdentity& p : now) {
    auto& candidates = then[p.name];
    if (candidates.empty()) {
      fresh.add(p.name);
      continue;
    }
    const PictureIdentity& old = *candidates.back();
    candidates.pop_back();
    kept.push_back(&old);
    if (!(old.content == p.content)) content.add(p.name);
    if (old.class_name != p.class_name || (old.label < 0) != (p.label < 0)) label.add(p.name);
    if (box_text(old.box) != box_text(p.box) || old.super_class != p.super_class) box.add(p.name);
    if (old.upright != p.upright) turned.add(p.name);
  }
  for (const PictureIdentity& p : before) {
    auto& left = then[p.name];
    if (left.empty()) continue;
    gone.add(p.name);
    left.pop_back();
  }
  for (std::size_t i = 1; i < kept.size(); ++i)
    if (kept[i] < kept[i - 1]) order.add(kept[i]->name);
  gone.say("picture is gone", "pictures are gone", lines);
  fresh.say("picture is new", "pictures are new", lines);
  content.say("picture has another content", "pictures have other contents", lines);
  label.say("picture has another label", "pictures have other labels", lines);
  box.say("picture has another box or super-class", "pictures have other boxes or super-classes", lines);
  turned.say("picture is read with another EXIF choice", "pictures are read with another EXIF choice", lines);
  order.say("picture stands in another place", "pictures stand in another order", lines);
}

const std::vector<PictureIdentity>* find_set(const RunIdentity& identity, const std::string& name) {
  for (const auto& [set, pictures] : identity.sets)
    if (set == name) return &pictures;
  return nullptr;
}

}  // namespace

std::string RunIdentity::hash() const {
  std::string text = "teacher\t" + teacher + "\n";
  for (const auto& [name, pictures] : sets) {
    text += "set\t" + name + "\n";
    for (const PictureIdentity& p : pictures) text += result_text(p) + "\n";
  }
  return to_text(content_of(text.data(), text.size()));
}

std::vector<FileStamp> stamps_of(const Dataset& dataset) {
  std::vector<FileStamp> stamps(static_cast<std::size_t>(dataset.size()));
  for (std::int64_t i = 0; i < dataset.size(); ++i)
    if (const std::string path = dataset.file(i).path; !path.empty()) stamps[i] = stamp_of_file(path);
  return stamps;
}

std::vector<PictureIdentity> identify(Contents& contents, const std::vector<FileStamp>& stamps) {
  const Dataset& d = contents.dataset();
  std::vector<PictureIdentity> pictures;
  pictures.reserve(static_cast<std::size_t>(d.size()));
  for (std::int64_t i = 0; i < d.size(); ++i) {
    const std::int64_t label = d.label(i);
    pictures.push_back({d.name(i), label < 0 ? "" : d.class_names()[label], label, d.super_class(i), d.box(i),
                        d.file(i).upright, contents.of(i), stamps[i], d.origin(i)});
  }
  return pictures;
}

void remember(Contents& contents, const std::vector<FileStamp>& stamps, const std::vector<PictureIdentity>& before) {
  std::unordered_map<std::string, const PictureIdentity*> known;
  for (const PictureIdentity& p : before)
    if (p.content.known() && p.stamp.size >= 0) known.emplace(p.name, &p);
  if (known.empty()) return;
  for (std::int64_t i = 0; i < contents.size(); ++i) {
    const auto at = known.find(contents.dataset().name(i));
    if (at != known.end() && at->second->stamp == stamps[i]) contents.remember(i, at->second->content);
  }
}

std::map<std::string, std::string> machine_identity(const std::string& gpu) {
  const std::string kernels = environment("FLEDGE_CPU_KERNELS");
  const CpuLibrary library = cpu_library();
  std::map<std::string, std::string> machine = {
      {"build", FLEDGE_VERSION ", compiler " __VERSION__},
      {"instruction set", cpu_isa()},
      {"kernels", kernels.empty() ? "onednn" : kernels},
      {library.name, library.version},
      {library.name + "'s instruction set", library.isa},
      {"threads", thread_invariant() ? "any number of" : std::to_string(num_threads())}};
  if (!gpu.empty()) machine["gpu"] = gpu;
  return machine;
}

std::vector<std::string> differences(const RunIdentity& before, const RunIdentity& now) {
  std::vector<std::string> lines;
  if (before.teacher != now.teacher) lines.push_back("the teacher's weights are others, or how it sees pictures");
  for (const auto& [name, pictures] : now.sets) {
    const auto* then = find_set(before, name);
    std::vector<std::string> own;
    if (!then) {
      own.push_back("they are new");
    } else {
      compare_classes(*then, pictures, own);
      compare_pictures(*then, pictures, own);
    }
    for (const std::string& line : own) lines.push_back(name + ": " + line);
  }
  for (const auto& [name, pictures] : before.sets)
    if (!find_set(now, name)) lines.push_back(name + ": they are gone");
  return lines;
}

std::string machine_difference(const RunIdentity& before, const RunIdentity& now) {
  std::string text;
  std::set<std::string> keys;
  for (const auto& machine : {before.machine, now.machine})
    for (const auto& [key, value] : machine) keys.insert(key);
  const auto value = [](const RunIdentity& identity, const std::string& key) {
    const auto at = identity.machine.find(key);
    return at == identity.machine.end() ? std::string("none") : at->second;
  };
  for (const std::string& key : keys)
    if (value(before, key) != value(now, key))
      text += (text.empty() ? "" : "; ") +
              (key == "threads" ? value(now, key) + " threads" : key + " " + value(now, key)) + ", was " +
              value(before, key);
  return text;
}

std::string identity_text(const RunIdentity& identity) {
  std::string text =
      std::string(kIdentityFormat) + "\nteacher\t" + (identity.teacher.empty() ? "-" : identity.teacher) + "\n";
  for (const auto& [key, value] : identity.machine) text += "machine\t" + key + "\t" + escaped_for_line(value) + "\n";
  for (const auto& [name, pictures] : identity.sets) {
    text += "set\t" + name + "\t" + std::to_string(pictures.size()) + "\n";
    for (const PictureIdentity& p : pictures)
      text += result_text(p) + "\t" + std::to_string(p.stamp.size) + "\t" + std::to_string(p.stamp.modified) + "\t" +
              std::to_string(p.stamp.changed) + (p.origin.known() ? "\t" + to_text(p.origin) : "") + "\n";
  }
  return text + "hash\t" + identity.hash() + "\n";
}

std::optional<RunIdentity> parse_identity(const std::string& text) {
  RunIdentity identity;
  std::size_t at = 0;
  const auto next = [&](std::string& line) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) return false;
    line = text.substr(at, end - at);
    at = end + 1;
    return true;
  };
  std::string line;
  if (!next(line) || line != kIdentityFormat) return std::nullopt;
  while (next(line)) {
    const std::vector<std::string> f = fields_of(line);
    std::int64_t count = 0;
    if (f[0] == "teacher" && f.size() == 2) {
      identity.teacher = f[1] == "-" ? "" : f[1];
    } else if (f[0] == "machine" && f.size() == 3) {
      identity.machine[f[1]] = unescaped(f[2]);
    } else if (f[0] == "set" && f.size() == 3 && whole(f[2], count) && count >= 0) {
      auto& pictures = identity.sets.emplace_back(f[1], std::vector<PictureIdentity>{}).second;
      for (std::int64_t i = 0; i < count; ++i) {
        if (!next(line)) return std::nullopt;
        const auto picture = parse_picture(line);
        if (!picture) return std::nullopt;
        pictures.push_back(*picture);
      }
    } else if (f[0] == "hash" && f.size() == 2) {
      return at == text.size() && f[1] == identity.hash() ? std::optional(identity) : std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace fledge
