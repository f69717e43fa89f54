// The page of fledge report on small runs of the real binary: does it say what the runs' folders say, does it need
// nothing else, does it live with what is missing.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <regex>
#include <set>

#include "tests/apps/runner.h"

namespace fs = std::filesystem;
using namespace fledge::test;
using Catch::Contains;

namespace {

const std::string kOddClass = "<b>&\"odd";

/// Three runs: two seeds of a kind, and a student that learns from the first. One
/// class has a name that means something in HTML.
struct Runs {
  TempFolder folder;
  Runs() {
    make_pictures(folder / "train", 4, 6, 28, 21);
    make_pictures(folder / "test", 3, 5, 28, 22);
    fs::rename(folder / "test/class1", folder / ("test/" + kOddClass));
    const Arguments more = {"--eval-every", "1", "--epochs", "2", "--lr", "1e-3"};
    must(folder, Arguments{"train"} + tiny() + more + Arguments{"--run", "big-0"});
    must(folder, Arguments{"train"} + tiny() + more + Arguments{"--run", "big-1", "--seed", "1"});
    must(folder, Arguments{"distill"} + tiny() + more +
                     Arguments{"--teacher", "big-0", "--distill", "relative=0.5", "--run", "small"});
  }
  Arguments all() const { return {"report", "big-0", "big-1", "small", "--threads", "1", "--quiet"}; }
  std::string page() const { return text_of(folder / "report.html"); }
};

const Runs& runs() {
  static const Runs shared;
  return shared;
}

std::string two_decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++n;
  return n;
}

/// The name of the tag that starts at `at`, "/" before it when it closes, "/" behind it when it closes itself; "" when
/// it is no tag whose attributes are all quoted. `at` moves behind it.
std::string take_tag(const std::string& text, std::size_t& at) {
  const auto word = [&] {
    const std::size_t from = at;
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '-')) ++at;
    return text.substr(from, at - from);
  };
  const auto take = [&](char c) { return at < text.size() && text[at] == c && ++at; };
  const auto spaces = [&] {
    while (take(' ') || take('\n')) continue;
  };
  ++at;  // '<'
  std::string name = take('/') ? "/" : "";
  name += word();
  for (spaces(); at < text.size(); spaces()) {
    if (take('/')) return take('>') ? name + "/" : "";
    if (take('>')) return name;
    if (word().empty() || !take('=') || !take('"')) return "";
    while (at < text.size() && text[at] != '"') {
      if (text[at] == '<' || text[at] == '>') return "";
      ++at;
    }
    if (!take('"')) return "";
  }
  return "";
}

/// "" when every element that is opened is closed in order and every attribute is quoted; else where it goes wrong.
std::string markup_error(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at)) {
    if (text.compare(at, 15, "<!DOCTYPE html>") == 0) {
      at += 15;
      continue;
    }
    const std::size_t start = at;
    const std::string name = take_tag(text, at);
    if (name.empty()) return "no tag: " + text.substr(start, 120);
    if (name == "meta" || name.back() == '/') continue;
    if (name[0] != '/') {
      open.push_back(name);
    } else {
      if (open.empty() || "/" + open.back() != name) return "closed but not open: " + name;
      open.pop_back();
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

std::string without_style(std::string html) {
  const std::size_t from = html.find("<style>"), to = html.find("</style>");
  return html.erase(from, to - from + 8);
}

/// Cells of the first table row behind `start` that has this heading, without markup.
std::vector<std::string> cells(const std::string& html, const std::string& heading, std::size_t start) {
  const std::size_t from = html.find("<th scope=\"row\">" + heading + "</th>", start);
  REQUIRE(from != std::string::npos);
  const std::string row = html.substr(from, html.find("</tr>", from) - from);
  std::vector<std::string> out;
  for (std::size_t at = row.find("<td"); at != std::string::npos; at = row.find("<td", at + 1)) {
    const std::size_t inner = row.find('>', at) + 1;
    out.push_back(std::regex_replace(row.substr(inner, row.find("</td>", inner) - inner), std::regex("<[^>]*>"), ""));
  }
  return out;
}

}  // namespace

TEST_CASE("report: the tables say what metrics.json says", "[e2e][report]") {
  const Runs& r = runs();
  const Outcome outcome = must(r.folder, r.all());
  CHECK_THAT(outcome.out, Contains("report.html"));
  CHECK(outcome.err.empty());
  const std::string html = r.page();
  const std::size_t each = html.find("Each run:");
  REQUIRE(each != std::string::npos);
  std::vector<nlohmann::json> metrics;
  const std::vector<std::string> shares = {"recall@1", "recall@2",    "recall@4",   "recall@8",
                                           "map@r",    "r_precision", "precision@1"};
  for (const std::string name : {"big-0", "big-1", "small"}) {
    INFO(name);
    metrics.push_back(read_json(r.folder / (name + "/metrics.json")));
    const std::vector<std::string> row = cells(html, name, each);
    REQUIRE(row.size() >= shares.size());
    for (std::size_t i = 0; i < shares.size(); ++i) {
      INFO(shares[i]);
      const nlohmann::json& m = metrics.back();
      std::string expected = two_decimals(100 * m[shares[i]].get<double>());
      if (const auto ci = m.find(shares[i] + "_ci"); ci != m.end())
        expected +=
            " [" + two_decimals(100 * (*ci)[0].get<double>()) + ", " + two_decimals(100 * (*ci)[1].get<double>()) + "]";
      CHECK(row[i] == expected);
    }
    CHECK(std::find(row.begin(), row.end(), "15") != row.end());  // queries
  }
  const std::vector<std::string> kind = cells(html, "big", 0);
  CHECK(kind[0] == "2");
  const double a = 100 * metrics[0]["map@r"].get<double>(), b = 100 * metrics[1]["map@r"].get<double>();
  CHECK(kind[5] == two_decimals((a + b) / 2) + " ± " + two_decimals(std::abs(a - b) / std::sqrt(2.0)));

  // The best R@1 of the runs is marked, once for each run that has it.
  std::size_t best = 0, marked = 0;
  double most = 0;
  for (const auto& m : metrics) most = std::max(most, m["recall@1"].get<double>());
  for (const auto& m : metrics) best += m["recall@1"].get<double>() == most;
  for (const std::string name : {"big-0", "big-1", "small"}) {
    const std::string start = "<th scope=\"row\">" + name + "</th><td";
    const std::size_t at = html.find(start, each);
    REQUIRE(at != std::string::npos);
    marked += html.compare(at + start.size(), 13, " class=\"best\"") == 0;
  }
  CHECK(marked == best);
}

TEST_CASE("report: one sound page that needs nothing else, the same every time", "[e2e][report]") {
  const Runs& r = runs();
  must(r.folder, r.all() + Arguments{"--queries", "4", "--title", "a < b & \"c\""});
  const std::string html = r.page(), body = without_style(html);
  CHECK(markup_error(body) == "");
  CHECK_THAT(html, Contains("<title>a &lt; b &amp; &quot;c&quot;</title>"));
  CHECK_THAT(html, Contains("&lt;b&gt;&amp;&quot;odd") && !Contains("<b>"));
  for (const std::string part : {"Summary", "Results", "Training", "Nearest pictures", "Maps", "Runs"})
    CHECK_THAT(html, Contains(part + "</h2>"));

  std::string rest = html;
  for (const std::string space = "xmlns=\"http://www.w3.org/2000/svg\""; rest.find(space) != std::string::npos;)
    rest.erase(rest.find(space), space.size());
  CHECK_THAT(rest, !Contains("http") && !Contains("src=") && !Contains("<script") && !Contains("@import") &&
                       !Contains("<link"));
  CHECK(count(rest, "url(") == count(rest, "url(#cells"));

  // R@1, Recall@K and size; R@1 and MAP@R while training; a curve for each quantity of
  // the log; cards; maps of the two kinds, twice.
  std::set<std::string> quantities;
  for (const std::string run : {"big-0", "big-1", "small"})
    for (const std::string& line : log_lines(r.folder / run, "epoch")) {
      const nlohmann::json numbers = nlohmann::json::parse(line);
      for (const auto& entry : numbers.items()) quantities.insert(entry.key());
    }
  for (const std::string other : {"type", "step", "epoch", "seconds", "images_per_second"}) quantities.erase(other);
  CHECK(quantities.count("relative") == 1);
  CHECK(count(body, "<svg xmlns") == 3 + 2 + quantities.size() + 4 + 4);
  CHECK(count(body, "class=\"plot gallery\"") == 4);
  CHECK(count(body, "href=\"data:image/") == 4);

  // "7 of 10 right" and the marks agree: rows of ten, as there are 14 others.
  std::size_t right = 0, rows = 0;
  const std::string told = " of 10 right";
  for (std::size_t at = body.find(told); at != std::string::npos; at = body.find(told, at + 1), ++rows)
    right += std::stoul(body.substr(body.rfind('>', at) + 1));
  CHECK(rows == 4 * 2);
  CHECK(count(body, "class=\"goodfill halo\"") == right);
  CHECK(count(body, "class=\"badfill halo\"") == 10 * rows - right);

  must(r.folder, r.all() + Arguments{"--queries", "4", "--title", "a < b & \"c\"", "-o", "again.html"});
  CHECK(text_of(r.folder / "again.html") == html);
  must(r.folder, r.all() + Arguments{"--queries", "0", "--map", "none", "-o", "bare.html"});
  CHECK_THAT(text_of(r.folder / "bare.html"), !Contains("data:image") && Contains("Results</h2>"));
}

TEST_CASE("report: plots as files", "[e2e][report]") {
  const Runs& r = runs();
  const Outcome outcome = must(r.folder, r.all() + Arguments{"--plots", "plots/deep", "--queries", "2", "--json"});
  const auto told = nlohmann::json::parse(outcome.out);
  CHECK(told["output"] == "report.html");
  CHECK(told["bytes"] == r.page().size());
  std::size_t files = 0, pictures = 0, drawings = 0;
  for (const auto& entry : fs::directory_iterator(r.folder / "plots/deep")) {
    const std::string path = entry.path().string();
    INFO(path);
    ++files;
    if (entry.path().extension() == ".png") {
      const fledge::Image image = fledge::decode_image_file(path);
      CHECK(image.width > 10 * 68);
      // Green or red of a frame is in it.
      bool marked = false;
      for (std::size_t i = 0; i + 2 < image.rgb.size(); i += 3)
        marked = marked || (image.rgb[i] == 0 && image.rgb[i + 1] == 132 && image.rgb[i + 2] == 95) ||
                 (image.rgb[i] == 201 && image.rgb[i + 1] == 71 && image.rgb[i + 2] == 27);
      CHECK(marked);
      ++pictures;
    } else {
      const std::string svg = text_of(path);
      CHECK(svg.rfind("<svg xmlns=\"http://www.w3.org/2000/svg\"", 0) == 0);
      CHECK_THAT(svg, Contains("<style>"));
      CHECK(markup_error(without_style(svg)) == "");
      ++drawings;
    }
  }
  CHECK(files == told["plots"].size());
  CHECK(pictures == 2);
  CHECK(drawings == files - 2);
  CHECK(fs::exists(r.folder / "plots/deep/train-loss.svg"));
}

TEST_CASE("report: pictures that are elsewhere, runs that are not done", "[e2e][report]") {
  const Runs& r = runs();
  fs::rename(r.folder / "test", r.folder / "moved");
  Arguments loud = r.all();
  loud.pop_back();
  const Outcome away = run_fledge(r.folder, loud);
  CHECK(away.code == 0);
  CHECK_THAT(away.err, Contains("note: ") && Contains("'test'") && Contains("--data"));
  CHECK_THAT(r.page(), Contains("are not here") && !Contains("data:image") && Contains("Results</h2>"));
  CHECK(markup_error(without_style(r.page())) == "");
  must(r.folder, r.all() + Arguments{"--data", "moved"});
  CHECK(count(r.page(), "href=\"data:image/") == 6);
  CHECK(run_fledge(r.folder, r.all() + Arguments{"--data", "nowhere"}).code == 3);
  fs::rename(r.folder / "moved", r.folder / "test");

  // What newer metrics.json say besides numbers: intervals, and which checkpoint they are of.
  fs::copy(r.folder / "big-1", r.folder / "chosen", fs::copy_options::recursive);
  nlohmann::json metrics = read_json(r.folder / "chosen/metrics.json");
  metrics["recall@1_ci"] = {0.25, 0.75};
  metrics["selected_by"] = "test";
  metrics["epoch"] = 1;
  spill(r.folder / "chosen/metrics.json", metrics.dump());
  spill(r.folder / "chosen/log.jsonl", text_of(r.folder / "big-1/log.jsonl") +
                                           "{\"type\":\"validation\",\"epoch\":1,\"step\":3,\"recall@1\":0.5}\n"
                                           "{\"type\":\"validation\",\"epoch\":2,\"step\":6,\"recall@1\":0.6}\n");
  must(r.folder, {"report", "chosen", "--quiet", "--threads", "1", "--map", "none", "--queries", "0"});
  CHECK_THAT(r.page(), Contains("[25.00, 75.00]") && Contains("chosen was chosen by its figures") &&
                           Contains("epoch 1, the best on the test pictures") &&
                           Contains("R@1 on the validation pictures"));
  fs::remove_all(r.folder / "chosen");

  // A run that was cut off: no metrics, half a line at the end of its log, no checkpoint.
  fs::copy(r.folder / "big-1", r.folder / "cut", fs::copy_options::recursive);
  fs::remove(r.folder / "cut/metrics.json");
  fs::remove_all(r.folder / "cut/checkpoints");
  const std::string line = log_lines(r.folder / "cut", "epoch")[0];
  spill(r.folder / "cut/log.jsonl", line + "\n" + line.substr(0, line.size() / 2));
  must(r.folder, {"report", "cut", "big-0", "--quiet", "--threads", "1"});
  CHECK_THAT(r.page(), Contains("unfinished: epoch 1 of 2") && Contains("Run cut has no sound checkpoint"));
  CHECK(count(r.page(), "href=\"data:image/") == 6);  // of the other
  must(r.folder, {"report", "cut", "--quiet", "--threads", "1"});
  CHECK_THAT(r.page(), Contains("No run has a Recall@1 yet"));
  fs::remove(r.folder / "cut/log.jsonl");
  fs::remove(r.folder / "cut/run.json");
  must(r.folder, {"report", "cut", "--quiet", "--threads", "1"});
  CHECK_THAT(r.page(), Contains("No run has finished an epoch yet"));
  CHECK(markup_error(without_style(r.page())) == "");
  fs::remove_all(r.folder / "cut");
}

TEST_CASE("report: what is refused", "[e2e][report][errors]") {
  const Runs& r = runs();
  fs::remove(r.folder / "report.html");
  const auto fails = [&](const Arguments& arguments, int code, const std::vector<std::string>& words) {
    const Outcome outcome = run_fledge(r.folder, Arguments{"report"} + arguments + Arguments{"--threads", "1"});
    INFO(outcome.err);
    CHECK(outcome.code == code);
    CHECK_THAT(outcome.err, Contains("error: "));
    for (const auto& word : words) CHECK_THAT(outcome.err, Contains(word));
  };
  CHECK_THAT(must(r.folder, {"report", "--help"}).out,
             Contains("Examples:\n  fledge report") && Contains("Exit codes:"));
  fails({}, 2, {"no runs"});
  fails({"big-0", "nowhere"}, 3, {"nowhere", "no such folder"});
  fails({"train"}, 3, {"'train' is no run's folder", "config.toml", "--run"});
  fails({"big-0", "./big-0/"}, 2, {"twice"});
  fails({"big-0", "-o", "no/folder/x.html"}, 4, {"no/folder"});
  fails({"big-0", "-o", "train"}, 4, {"it is a folder"});
  fails({"big-0", "--plots", "big-0/config.toml"}, 4, {"--plots"});
  fails({"big-0", "--map", "umap"}, 2, {"--map"});
  fails({"big-0", "--quieres", "3"}, 2, {"quieres", "queries"});
  for (const std::string file : {"metrics.json", "run.json", "config.toml"}) {
    fs::copy(r.folder / "big-0", r.folder / "torn", fs::copy_options::recursive);
    spill(r.folder / ("torn/" + file), std::string("{\"recall@1\": "));
    fails({"torn"}, 3, {"torn/" + file});
    fs::remove_all(r.folder / "torn");
  }
  // Numbers that no run has: a page or a refusal, no crash.
  fs::copy(r.folder / "big-0", r.folder / "odd", fs::copy_options::recursive);
  nlohmann::json metrics = nlohmann::json::parse(text_of(r.folder / "odd/metrics.json"));
  metrics["lone_queries"] = 1e17, metrics["gallery"] = 1e300;
  spill(r.folder / "odd/metrics.json", metrics.dump());
  spill(
      r.folder / "odd/log.jsonl",
      std::string(R"({"type":"epoch","epoch":1e308,"step":1e300,"seconds":[1,2],"images_per_second":3,"loss":1e17})") +
          "\n");
  const Outcome odd = run_fledge(r.folder, {"report", "odd", "--map", "none", "-o", "odd.html", "--quiet"});
  INFO(odd.err);
  CHECK((odd.code == 0 || odd.code == 3));
  fs::remove_all(r.folder / "odd");
  CHECK_FALSE(fs::exists(r.folder / "report.html"));
}
