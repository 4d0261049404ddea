#include "formats/column_names.h"

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/strings.h"

namespace millrace {

std::vector<std::string> UniqueColumnNames(std::vector<std::string> names,
                                           std::vector<RenamedColumn>& renamed) {
  const absl::flat_hash_set<std::string> given(names.begin(), names.end());
  absl::flat_hash_set<std::string> used;
  // The number from which the search for a free name resumes: many columns of one name take linear
  // time.
  absl::flat_hash_map<std::string, size_t> next_copy;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool unnamed = names[i].empty();
    const std::string base = unnamed ? StrCat("column_", i + 1) : names[i];
    std::string name = base;
    const auto taken = [&] {
      return used.contains(name) || ((unnamed || name != base) && given.contains(name));
    };
    if (taken()) {
      size_t& copy = next_copy.try_emplace(base, 2).first->second;
      do name = StrCat(base, "_", copy++);
      while (taken());
      if (!unnamed) renamed.push_back({base, name});
    }
    used.insert(name);
    names[i] = std::move(name);
  }
  return names;
}

absl::Status AmbiguousColumn(std::string_view name) {
  return absl::InvalidArgumentError(
      StrCat("column \"", name,
             "\" is ambiguous: the file has more than one of that name; rename one of them where "
             "the file is made"));
}

}  // namespace millrace
