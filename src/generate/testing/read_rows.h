// Reads generated files.
#ifndef MILLRACE_GENERATE_TESTING_READ_ROWS_H_
#define MILLRACE_GENERATE_TESTING_READ_ROWS_H_

#include <string>
#include <vector>

namespace millrace {

// The rows of a file as text, one per row: cells as name=value|, nulls left out.
std::vector<std::string> ReadRows(const std::string& path);

}  // namespace millrace

#endif  // MILLRACE_GENERATE_TESTING_READ_ROWS_H_
