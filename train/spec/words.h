// The words of the settings that are one of a few: each enum's, once.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "train/spec/options.h"

namespace fledge {

template <class E>
struct Word {
  const char* text;
  E value;
};

/// The words of an enum, each overload one.
constexpr auto words_of(SmallClasses) {
  return std::to_array<Word<SmallClasses>>({{"repeat", SmallClasses::Repeat}, {"shrink", SmallClasses::Shrink}});
}
constexpr auto words_of(OnBadImage) {
  return std::to_array<Word<OnBadImage>>({{"fail", OnBadImage::Fail}, {"skip", OnBadImage::Skip}});
}
constexpr auto words_of(BoxUse) {
  return std::to_array<Word<BoxUse>>({{"none", BoxUse::None}, {"both", BoxUse::Both}, {"teacher", BoxUse::Teacher}});
}
constexpr auto words_of(BoxChoice) {
  return std::to_array<Word<BoxChoice>>({{"", BoxChoice::Model}, {"on", BoxChoice::On}, {"off", BoxChoice::Off}});
}
constexpr auto words_of(Augmentation) {
  return std::to_array<Word<Augmentation>>({{"modern", Augmentation::Modern},
                                            {"paper", Augmentation::Paper},
                                            {"rkd", Augmentation::Rkd},
                                            {"shift", Augmentation::Shift},
                                            {"none", Augmentation::None}});
}
constexpr auto words_of(Selection) {
  return std::to_array<Word<Selection>>(
      {{"auto", Selection::Auto}, {"last", Selection::Last}, {"test", Selection::Test}});
}
constexpr auto words_of(Resume) {
  return std::to_array<Word<Resume>>({{"auto", Resume::Auto}, {"anew", Resume::Anew}, {"never", Resume::Never}});
}
constexpr auto words_of(OnNan) {
  return std::to_array<Word<OnNan>>({{"stop", OnNan::Stop}, {"skip", OnNan::Skip}, {"rollback", OnNan::Rollback}});
}
constexpr auto words_of(StepGraph) {
  return std::to_array<Word<StepGraph>>({{"auto", StepGraph::Auto}, {"off", StepGraph::Off}});
}
constexpr auto words_of(Checkpoints) {
  return std::to_array<Word<Checkpoints>>(
      {{"off", Checkpoints::Off}, {"norms", Checkpoints::Norms}, {"blocks", Checkpoints::Blocks}});
}
constexpr auto words_of(ScheduleKind) {
  return std::to_array<Word<ScheduleKind>>(
      {{"constant", ScheduleKind::Constant}, {"cosine", ScheduleKind::Cosine}, {"step", ScheduleKind::Step}});
}
constexpr auto words_of(AdamEps) {
  return std::to_array<Word<AdamEps>>({{"modern", AdamEps::Modern}, {"legacy", AdamEps::Legacy}});
}
constexpr auto words_of(ExifChoice) {
  return std::to_array<Word<ExifChoice>>(
      {{"auto", ExifChoice::Auto}, {"on", ExifChoice::On}, {"off", ExifChoice::Off}});
}
constexpr auto words_of(Autotune) {
  return std::to_array<Word<Autotune>>({{"off", Autotune::Off}, {"quick", Autotune::Quick}, {"full", Autotune::Full}});
}
constexpr auto words_of(Determinism) {
  return std::to_array<Word<Determinism>>({{"repeat", Determinism::Repeat}, {"strict", Determinism::Strict}});
}
constexpr auto words_of(RunPrecision) {
  return std::to_array<Word<RunPrecision>>({{"f32", RunPrecision::F32},
                                            {"tf32", RunPrecision::TF32},
                                            {"bf16", RunPrecision::BF16},
                                            {"int16", RunPrecision::Int16},
                                            {"int8", RunPrecision::Int8}});
}
constexpr auto words_of(TeacherPrecision) {
  return std::to_array<Word<TeacherPrecision>>(
      {{"same", TeacherPrecision::Same}, {"int16", TeacherPrecision::Int16}, {"int8", TeacherPrecision::Int8}});
}

/// How a value is said.
template <class E>
std::string word(E value) {
  for (const auto& w : words_of(value))
    if (w.value == value) return w.text;
  return "";
}

/// A row for a variable that is one of a few words, which its help names.
template <class E>
Field& add_word(Fields& fields, const std::string& key, E& variable, const std::string& help) {
  std::vector<std::string> all;
  for (const auto& w : words_of(variable)) all.push_back(w.text);
  const auto set = [&variable, key, all](const std::string& text) {
    for (const auto& w : words_of(variable))
      if (text == w.text) return void(variable = w.value);
    std::string known;
    for (const std::string& one : all) known += (known.empty() ? "" : ", ") + one;
    throw Error(ErrorKind::Usage, "", "--" + key + ": '" + text + "' is none of " + known);
  };
  return fields.add_words(key, {[&variable] { return word(variable); }, set, all}, help);
}

/// The same, with the words listed in the help's form of a choice.
template <class E>
Field& add_choice(Fields& fields, const std::string& key, E& variable, const std::string& help) {
  Field& field = add_word(fields, key, variable, help);
  return field.one_of(std::get<Words>(field.target).all);
}

}  // namespace fledge
