// The annotations of a project, in memory only.
#ifndef MILLRACE_SANDBOX_ANNOTATIONS_H_
#define MILLRACE_SANDBOX_ANNOTATIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace millrace::sandbox {

struct Annotation {
  int64_t id = 0;
  std::string project_id;
  std::string date;  // "2022-02-15 12:00:00"
  std::string description;
  std::vector<int64_t> tags;
};

struct AnnotationTag {
  int64_t id = 0;
  std::string project_id;
  std::string name;
};

// What a request changes.
struct AnnotationChange {
  std::optional<std::string> date;
  std::optional<std::string> description;
  std::optional<std::vector<int64_t>> tags;
};

// Thread-safe. Every id belongs to one project; NotFound for others. InvalidArgument: a date that
// is none, a missing date or description, or an unknown tag.
class Annotations {
 public:
  absl::StatusOr<Annotation> Create(const std::string& project_id, const AnnotationChange& given);
  absl::StatusOr<Annotation> Update(const std::string& project_id, int64_t id,
                                    const AnnotationChange& change);
  absl::StatusOr<Annotation> Get(const std::string& project_id, int64_t id) const;
  absl::Status Delete(const std::string& project_id, int64_t id);
  // Of the days from `from` to `to` ("2022-02-15"; empty: all), in the order of dates.
  std::vector<Annotation> List(const std::string& project_id, std::string_view from,
                               std::string_view to) const;

  AnnotationTag CreateTag(const std::string& project_id, std::string name);
  std::vector<AnnotationTag> Tags(const std::string& project_id) const;
  void Clear();

 private:
  absl::Status Apply(const std::string& project_id, const AnnotationChange& change,
                     Annotation* annotation) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::map<int64_t, Annotation> annotations_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, AnnotationTag> tags_ ABSL_GUARDED_BY(mutex_);
  int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::sandbox

#endif  // MILLRACE_SANDBOX_ANNOTATIONS_H_
