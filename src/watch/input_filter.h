// Which objects the inputs of a watch name, without listing them.
#ifndef MILLRACE_WATCH_INPUT_FILTER_H_
#define MILLRACE_WATCH_INPUT_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "io/glob.h"

namespace millrace::watch {

// A parsed input: the folder that contains its first wildcard, and the rest.
struct InputRoot {
  std::string folder;   // ends with '/'; local: absolute, symbolic links resolved
  std::string pattern;  // a glob below it; "**" for a whole folder
  bool local = false;
  bool one_object = false;  // the input is the name of one file
};

// Of a path, file:// or any other URI. NotFound if a local folder does not exist.
absl::StatusOr<InputRoot> RootOf(std::string_view input);

class InputFilter {
 public:
  // Without inputs everything matches.
  explicit InputFilter(const std::vector<InputRoot>& roots);

  // Whether a listing of the inputs would show `uri`; omits hidden names, as a listing does.
  bool Names(std::string_view uri) const;
  // Whether it would if no name were hidden.
  bool Hides(std::string_view uri) const;

 private:
  bool Matches(std::string_view uri, bool hidden) const;

  struct Rule {
    std::string folder;
    Glob glob;
    std::string object;      // the object that the input names exactly; empty: none
    bool only_that = false;  // the pattern is that name, not a glob
  };
  std::vector<Rule> rules_;
};

}  // namespace millrace::watch

#endif  // MILLRACE_WATCH_INPUT_FILTER_H_
