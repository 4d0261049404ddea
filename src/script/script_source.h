// Prepares the text of a transform's file for a script engine without modules.
#ifndef MILLRACE_SCRIPT_SCRIPT_SOURCE_H_
#define MILLRACE_SCRIPT_SCRIPT_SOURCE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace millrace {

// Turns `text`, a file that has one of
//   export default function (event) {...}      (named or not, or any expression)
//   module.exports = function (event) {...}
//   function transform(event) {...}
// into the body of a function expression of (module, exports), which returns the list of
// module.exports and of `transform` (undefined if there is none). Lines keep their numbers.
// InvalidArgument, with the line, for async functions: nothing would await their promises.
absl::StatusOr<std::string> ModuleExpression(std::string_view text);

}  // namespace millrace

#endif  // MILLRACE_SCRIPT_SCRIPT_SOURCE_H_
