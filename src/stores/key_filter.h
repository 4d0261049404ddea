// Finds the keys of a listing in byte order that a pattern matches, and the keys that the listing
// may skip.
#ifndef MILLRACE_STORES_KEY_FILTER_H_
#define MILLRACE_STORES_KEY_FILTER_H_

#include <string>
#include <string_view>

#include "io/glob.h"

namespace millrace {

// One thread at a time. For a pattern as in ObjectStore::List(), after the bucket.
class KeyFilter {
 public:
  // The keys that the glob matches.
  explicit KeyFilter(std::string_view glob);
  // Everything below `folder` ("" or with '/' at its end), in which wildcards are ordinary
  // characters.
  static KeyFilter Below(std::string_view folder);

  // All matching keys start with this.
  const std::string& prefix() const { return prefix_; }

  // Keys are passed in byte order. Names of folders (with a final '/') never match.
  bool Accepts(std::string_view key);

  // After Accepts() returned false: the prefix of the key, or the whole key, that is skipped as
  // hidden; "" if there is another reason or the folder was returned before.
  std::string_view hidden() const { return hidden_; }

  // A key after the last one passed, before which no key matches; "" if the next key may match.
  std::string NextPossible() const;

 private:
  KeyFilter(std::string_view folder, std::string_view prefix, std::string_view glob);

  std::string folder_;  // the pattern up to the last '/' before its first wildcard
  std::string prefix_;
  Glob glob_;  // of the part after folder_

  // The state after the folder of the last key, which all keys in it share.
  std::string current_;
  Glob::State state_;
  std::string hidden_;
  std::string dead_;  // the shortest folder of current_ below which nothing matches; "": none
};

}  // namespace millrace

#endif  // MILLRACE_STORES_KEY_FILTER_H_
