// Which keys of a listing in byte order a pattern names, and which it may skip.
#ifndef MILLRACE_STORES_KEY_FILTER_H_
#define MILLRACE_STORES_KEY_FILTER_H_

#include <string>
#include <string_view>

#include "io/glob.h"

namespace millrace {

// One thread at a time. For a pattern as of ObjectStore::List(), behind the bucket.
class KeyFilter {
 public:
  // What the glob matches.
  explicit KeyFilter(std::string_view glob);
  // Everything below `folder` ("" or with '/' at its end), in which wildcards are characters like
  // others.
  static KeyFilter Below(std::string_view folder);

  // All keys that are named begin with this.
  const std::string& prefix() const { return prefix_; }

  // Keys are given in byte order. Names of folders (with '/' at their end) are never named.
  bool Accepts(std::string_view key);

  // After Accepts() returned false: the name, up to that of the key, that is left out as hidden; ""
  // if it is another reason, or the folder was given before.
  std::string_view hidden() const { return hidden_; }

  // A key above the one last given, before which no key is named; "" if the next one may be.
  std::string NextPossible() const;

 private:
  KeyFilter(std::string_view folder, std::string_view prefix, std::string_view glob);

  std::string folder_;  // the pattern up to the last '/' before its first wildcard
  std::string prefix_;
  Glob glob_;  // of what is behind folder_

  // The state behind the folder of the key last given, which its keys share.
  std::string current_;
  Glob::State state_;
  std::string hidden_;
  std::string dead_;  // the shortest folder of current_ below which nothing is named; "": none
};

}  // namespace millrace

#endif  // MILLRACE_STORES_KEY_FILTER_H_
