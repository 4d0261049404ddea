// Files of environment variables, as Node's dotenv reads them:
//
//   file    = *line
//   line    = [ ["export" blank] name "=" value ] [ "#" comment ]
//   name    = a letter or "_", then letters, digits, "_", "." and "-"
//   value   = '...' | `...`      as it is, over several lines too
//           | "..."              the same, with \n, \r, \t, \" and \\ for what they stand for
//           | anything else      up to "#" or the end of the line, without blanks around it
//
// Nothing is replaced in values: "$HOME" stays what it is. Of two values of one name the last
// counts.
#ifndef MILLRACE_PROXY_CONFIG_DOTENV_H_
#define MILLRACE_PROXY_CONFIG_DOTENV_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/config_reader.h"
#include "base/environment.h"

namespace millrace::proxy_config {

struct DotenvVariable {
  std::string name;  // as written
  std::string value;
};

// At most 1 MB of text. What is wrong is added to `problems`, with `path` and the line, and without
// the value; a name that is there twice, in any letter case, to `warnings`.
std::vector<DotenvVariable> ParseDotenv(std::string_view text, std::string_view path,
                                        ConfigProblems& problems,
                                        std::vector<std::string>& warnings);

// `environment`, and the variables of the file where it has none. Names are found in any letter
// case, and an empty value counts as not set.
Environment AddVariables(Environment environment, std::vector<DotenvVariable> variables);

}  // namespace millrace::proxy_config

#endif  // MILLRACE_PROXY_CONFIG_DOTENV_H_
