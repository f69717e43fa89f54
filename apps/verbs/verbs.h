// The verbs of the fledge binary, one file each: their flags, and what they do when they were chosen.
#pragma once
#include "apps/cli/verb.h"

namespace fledge {

Verb train_verb();
Verb distill_verb();
Verb eval_verb();
Verb embed_verb();
Verb inspect_verb();
Verb convert_verb();
Verb data_verb();
Verb report_verb();
Verb doctor_verb();
Verb search_verb();
Verb bench_verb();

}  // namespace fledge
