// The words of the settings that are one of a few: each enum's, once.
#pragma once
#include <string>
#include <vector>

#include "train/spec/field.h"
#include "train/spec/run_spec.h"

namespace fledge {

template <class E>
struct Word {
  const char* text;
  E value;
};

inline constexpr Word<SmallClasses> kSmallClassesWords[] = {{"repeat", SmallClasses::Repeat},
                                                            {"shrink", SmallClasses::Shrink}};
inline constexpr Word<OnBadImage> kOnBadImageWords[] = {{"fail", OnBadImage::Fail}, {"skip", OnBadImage::Skip}};
inline constexpr Word<BoxUse> kBoxUseWords[] = {
    {"none", BoxUse::None}, {"both", BoxUse::Both}, {"teacher", BoxUse::Teacher}};
inline constexpr Word<Selection> kSelectionWords[] = {
    {"auto", Selection::Auto}, {"last", Selection::Last}, {"test", Selection::Test}};
inline constexpr Word<Resume> kResumeWords[] = {
    {"auto", Resume::Auto}, {"anew", Resume::Anew}, {"never", Resume::Never}};
inline constexpr Word<OnNan> kOnNanWords[] = {
    {"stop", OnNan::Stop}, {"skip", OnNan::Skip}, {"rollback", OnNan::Rollback}};
inline constexpr Word<StepGraph> kStepGraphWords[] = {{"auto", StepGraph::Auto}, {"off", StepGraph::Off}};
inline constexpr Word<AdamEps> kAdamEpsWords[] = {{"modern", AdamEps::Modern}, {"legacy", AdamEps::Legacy}};
inline constexpr Word<ExifChoice> kExifWords[] = {
    {"auto", ExifChoice::Auto}, {"on", ExifChoice::On}, {"off", ExifChoice::Off}};
inline constexpr Word<Determinism> kDeterminismWords[] = {{"repeat", Determinism::Repeat},
                                                          {"strict", Determinism::Strict}};

inline constexpr const auto& words_of(SmallClasses) { return kSmallClassesWords; }
inline constexpr const auto& words_of(OnBadImage) { return kOnBadImageWords; }
inline constexpr const auto& words_of(BoxUse) { return kBoxUseWords; }
inline constexpr const auto& words_of(Selection) { return kSelectionWords; }
inline constexpr const auto& words_of(Resume) { return kResumeWords; }
inline constexpr const auto& words_of(OnNan) { return kOnNanWords; }
inline constexpr const auto& words_of(StepGraph) { return kStepGraphWords; }
inline constexpr const auto& words_of(AdamEps) { return kAdamEpsWords; }
inline constexpr const auto& words_of(ExifChoice) { return kExifWords; }
inline constexpr const auto& words_of(Determinism) { return kDeterminismWords; }

/// How a value is said.
template <class E>
std::string word(E value) {
  for (const auto& w : words_of(value))
    if (w.value == value) return w.text;
  return "";
}

/// A row for a variable that is one of a few words.
template <class E>
Field& add_choice(Fields& fields, const std::string& key, E& variable, const std::string& help) {
  std::vector<std::string> choices;
  for (const auto& w : words_of(variable)) choices.push_back(w.text);
  const auto set = [&variable](const std::string& text) {
    for (const auto& w : words_of(variable))
      if (text == w.text) variable = w.value;
  };
  return fields.add_words(key, {[&variable] { return word(variable); }, set}, help).one_of(std::move(choices));
}

}  // namespace fledge
