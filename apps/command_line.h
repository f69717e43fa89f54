// The command line of fledge, for its binary and for programs that add losses, models or optimisers of their own.
#pragma once

namespace fledge {

/// All of it: signals and descriptors, the verb and its flags, one message and an exit code for every failure. For
/// main() alone to call, after what the program adds has been registered.
int run_command_line(int argc, char** argv);

}  // namespace fledge
