#include "staypoints/output_overlap.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/glob.h"
#include "io/local_path.h"

namespace millrace {
namespace {

bool IsLocal(std::string_view uri) {
  return uri.find("://") == uri.npos || uri.starts_with("file://");
}

absl::Status Overlap(std::string_view output, std::string_view relation, std::string_view input) {
  return absl::InvalidArgumentError(StrCat("the output ", output, " ", relation, " the input ",
                                           input, "; choose an --output outside all inputs"));
}

constexpr std::string_view kContains = "contains";
constexpr std::string_view kIsInside = "is inside";

// Empty if there is nothing at `path`.
std::string RealPath(const std::string& path) {
  struct FreeText {
    void operator()(char* text) const { std::free(text); }
  };
  const std::unique_ptr<char, FreeText> real(::realpath(path.c_str(), nullptr));
  return real == nullptr ? "" : real.get();
}

// The text up to the last '/' before the first wildcard, and the rest.
std::pair<std::string, std::string> SplitPattern(const std::string& pattern) {
  const size_t wildcard = pattern.find_first_of("*?[");
  const size_t rest = wildcard == pattern.npos ? pattern.size() : pattern.rfind('/', wildcard) + 1;
  return {pattern.substr(0, rest), pattern.substr(rest)};
}

// How `output` and the input below `folder` overlap; empty: not at all. Both without a trailing
// '/'. `glob` is the input, relative to `folder`; empty: everything.
std::string_view Relation(std::string_view output, std::string_view folder,
                          const std::string& glob) {
  if (IsWithin(folder, output)) return kContains;
  if (!IsWithin(output, folder)) return "";
  if (glob.empty()) return kIsInside;
  const Glob compiled(glob);
  Glob::State state = compiled.Start();
  std::string_view rest = output.substr(folder == "/" ? 0 : folder.size());
  while (!rest.empty() && !state.empty()) {
    rest.remove_prefix(1);  // '/'
    const std::string_view name = rest.substr(0, rest.find('/'));
    state = compiled.Advance(state, name, SegmentKind::kFolder);
    rest.remove_prefix(name.size());
  }
  return state.empty() ? "" : kIsInside;
}

absl::Status CheckLocalInput(const std::string& output, const std::string& input) {
  ASSIGN_OR_RETURN(const std::string path, LocalPathOf(input));
  std::string folder = RealPath(path);
  std::string glob;
  if (folder.empty()) {  // else a name that exists, though it may look like a glob
    const auto [named, rest] = SplitPattern(path);
    folder = RealPath(named.empty() ? "." : named);
    if (folder.empty()) return absl::OkStatus();
    glob = rest;
  }
  const std::string_view relation = Relation(output, folder, glob);
  return relation.empty() ? absl::OkStatus() : Overlap(output, relation, input);
}

// Files are listed folder by folder, so only the last folder is remembered.
class RealFiles {
 public:
  std::string Of(const std::string& path) {
    struct stat stat;
    if (::lstat(path.c_str(), &stat) != 0) return "";
    if (S_ISLNK(stat.st_mode)) return RealPath(path);
    const size_t name = path.rfind('/') + 1;
    const std::string_view folder = std::string_view(path).substr(0, name);
    if (folder != folder_) {
      folder_ = folder;
      real_folder_ = RealPath(folder_);
    }
    return StrCat(real_folder_, real_folder_ == "/" ? "" : "/", path.substr(name));
  }

 private:
  std::string folder_;
  std::string real_folder_;
};

absl::Status CheckLocal(const RunPlaces& places) {
  ASSIGN_OR_RETURN(const std::string named, LocalPathOf(places.output));
  ASSIGN_OR_RETURN(const std::string output, ResolvePath(named));
  for (const std::string& input : places.inputs) {
    if (IsLocal(input)) RETURN_IF_ERROR(CheckLocalInput(output, input));
  }
  if (RealPath(output).empty()) return absl::OkStatus();  // so there are no files in it
  RealFiles real;
  for (const TripFile& file : places.files) {
    ASSIGN_OR_RETURN(const std::string path, LocalPathOf(file.object.uri));
    if (IsLocal(file.object.uri) && IsWithin(real.Of(path), output)) {
      return Overlap(output, kContains, file.object.uri);
    }
  }
  return absl::OkStatus();
}

// The URI of a bucket, normalized.
struct BucketPlace {
  std::string_view kind;     // "gs", "s3" or "az"
  std::string_view bucket;   // or container
  std::string_view account;  // of Azure; empty: the default
  std::string path;          // "/" and the key, without '/' at its end
};

BucketPlace PlaceOf(std::string_view uri) {
  BucketPlace place;
  const size_t colon = uri.find("://");
  place.kind = uri.substr(0, colon);
  if (place.kind == "azure" || place.kind == "abfs" || place.kind == "abfss") place.kind = "az";
  const std::string_view rest = uri.substr(colon + 3);
  place.bucket = rest.substr(0, rest.find('/'));
  place.path = rest.substr(place.bucket.size());
  while (place.path.ends_with('/')) place.path.pop_back();
  if (const size_t at = place.bucket.find('@'); place.kind == "az" && at != rest.npos) {
    const std::string_view host = place.bucket.substr(at + 1);
    place.account = host.substr(0, host.find('.'));
    place.bucket = place.bucket.substr(0, at);
  }
  return place;
}

bool SameBucket(const BucketPlace& a, const BucketPlace& b) {
  return a.kind == b.kind && a.bucket == b.bucket &&
         (a.account == b.account || a.account.empty() || b.account.empty());
}

absl::Status CheckBucket(const RunPlaces& places) {
  const BucketPlace output = PlaceOf(places.output);
  for (const std::string& input : places.inputs) {
    if (IsLocal(input)) continue;
    const BucketPlace place = PlaceOf(input);
    if (!SameBucket(output, place)) continue;
    auto [folder, glob] = SplitPattern(place.path);
    while (folder.ends_with('/')) folder.pop_back();
    // A name that exists is taken literally, even if it looks like a glob.
    std::string_view relation = Relation(output.path, place.path, "");
    if (relation.empty()) relation = Relation(output.path, folder, glob);
    if (!relation.empty()) return Overlap(places.output, relation, input);
  }
  for (const TripFile& file : places.files) {
    if (IsLocal(file.object.uri)) continue;
    const BucketPlace place = PlaceOf(file.object.uri);
    if (SameBucket(output, place) && IsWithin(place.path, output.path)) {
      return Overlap(places.output, kContains, file.object.uri);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckReport(const RunPlaces& places) {
  struct stat stat;
  if (::stat(places.report.c_str(), &stat) == 0 && !S_ISREG(stat.st_mode)) {
    return absl::OkStatus();  // a device or a pipe, which replaces nothing
  }
  const std::string report = RealPath(places.report);
  for (const TripFile& file : places.files) {
    if (report.empty() || !IsLocal(file.object.uri)) continue;
    ASSIGN_OR_RETURN(const std::string path, LocalPathOf(file.object.uri));
    if (RealPath(path) != report) continue;
    return absl::InvalidArgumentError(
        StrCat("--report ", places.report, " is one of the inputs; choose another file"));
  }
  if (!IsLocal(places.output)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string named, LocalPathOf(places.output));
  ASSIGN_OR_RETURN(const std::string output, ResolvePath(named));
  ASSIGN_OR_RETURN(const std::string resolved, ResolvePath(places.report));
  if (!IsWithin(resolved, output)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("--report ", places.report, " is inside the output ", output,
             ", which is replaced as a whole; choose a file outside"));
}

}  // namespace

absl::Status CheckPlacesAreApart(const RunPlaces& places) {
  RETURN_IF_ERROR(IsLocal(places.output) ? CheckLocal(places) : CheckBucket(places));
  return places.report.empty() ? absl::OkStatus() : CheckReport(places);
}

}  // namespace millrace
