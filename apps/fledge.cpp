// The fledge binary.
#include "apps/command_line.h"

int main(int argc, char** argv) { return fledge::run_command_line(argc, argv); }
