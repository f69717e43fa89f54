// Whether the clock may choose among implementations of one problem on the CPU, and what it chose.
#pragma once
#include <map>
#include <string>

namespace fledge {

enum class Autotune : unsigned char {
  Off,    // a rule chooses from shapes alone: two runs give the same bits
  Quick,  // at a problem's first use those of kernels/cpu/conv take turns, three rounds
  Full,   // ten rounds, and oneDNN's own implementations take turns too
};

/// Of the whole process; to be set before the first kernel. Default: Off.
Autotune autotune();
void set_autotune(Autotune);

/// What was chosen so far in this process, problem by problem. Another run of the same build that is given it computes
/// the same bits, whatever its clock would say.
std::map<std::string, std::string> autotuned();
/// These go before what the clock says and before what earlier runs kept. To be called before the first kernel.
void take_autotuned(const std::map<std::string, std::string>& choices);

}  // namespace fledge
