// The JavaScript of JQL's functions, embedded from jql_library.js.
#ifndef MILLRACE_SANDBOX_JQL_LIBRARY_H_
#define MILLRACE_SANDBOX_JQL_LIBRARY_H_

#include <string_view>

namespace millrace::sandbox {

std::string_view JqlLibrary();

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_JQL_LIBRARY_H_
