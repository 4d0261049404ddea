// Values of flags as text: as they are written on the command line, in the environment and in
// config files.
#ifndef MILLRACE_CLI_FLAG_VALUE_H_
#define MILLRACE_CLI_FLAG_VALUE_H_

#include <string>

#include "cli/command.h"

namespace millrace::cli {

// Parses `text` into the flag's target, which it replaces; a list is separated by ','. Returns what
// is wrong with it, without a secret; "" if nothing is.
std::string SetFlag(const Flag& flag, const std::string& text);

// The value that the flag has, which SetFlag() takes; "" for a number that is not given.
std::string ValueOf(const Flag& flag);

bool IsList(const Flag& flag);
// Neither a number nor true or false. Durations are texts.
bool IsText(const Flag& flag);

}  // namespace millrace::cli

#endif  // MILLRACE_CLI_FLAG_VALUE_H_
