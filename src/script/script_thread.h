// A script in its own thread.
#ifndef MILLRACE_SCRIPT_SCRIPT_THREAD_H_
#define MILLRACE_SCRIPT_SCRIPT_THREAD_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "script/script.h"

namespace millrace {

// As Script::Load(), but all of the script's code runs in one thread that ends with it, whichever
// thread calls Run(). During garbage collection JavaScriptCore stops every thread that has ever run
// code of a heap; if several of our threads took turns, each would be stopped for all heaps.
absl::StatusOr<std::unique_ptr<Script>> LoadInThread(std::string path, std::string_view text,
                                                     const ScriptLimits& limits);

}  // namespace millrace

#endif  // MILLRACE_SCRIPT_SCRIPT_THREAD_H_
