#include "objects/unmatched.h"

#include <algorithm>

#include "base/pluralize.h"
#include "base/strings.h"

namespace millrace {
namespace {

constexpr size_t kMaxNamed = 3;

// "a", "b", "c" and 7 more.
std::string Named(const std::vector<std::string>& names, uint64_t all) {
  const size_t shown = std::min(names.size(), kMaxNamed);
  std::string text;
  for (size_t i = 0; i < shown; ++i) StrAppend(&text, i == 0 ? "'" : ", '", names[i], "'");
  if (all > shown) StrAppend(&text, " and ", all - shown, " more");
  return text;
}

}  // namespace

absl::Status NoObjectFits(const SourcesConfig& sources, uint64_t objects,
                          const std::vector<std::string>& first) {
  std::vector<std::string> prefixes;
  for (const auto& entry : sources.entries()) prefixes.push_back(entry->source_prefix);
  const std::string found =
      objects == 1 ? "the object" : StrCat("any of the ", Pluralize(objects, "object"));
  return absl::InvalidArgumentError(
      StrCat("no entry of the config matches ", found, " of the input: its entries are for ",
             Named(prefixes, prefixes.size()), ", and the input has ", Named(first, objects),
             "; fix source_gcs_prefix or the input"));
}

}  // namespace millrace
