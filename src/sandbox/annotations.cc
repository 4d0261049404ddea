#include "sandbox/annotations.h"

#include <algorithm>
#include <tuple>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"

namespace millrace::sandbox {
namespace {

absl::Status NotFound(int64_t id) {
  return absl::NotFoundError(StrCat("there is no annotation ", id));
}

// "2022-02-15 12:00:00", as it must be written.
bool IsDate(const std::string& text) {
  absl::Time time;
  return absl::ParseTime("%E4Y-%m-%d %H:%M:%S", text, &time, nullptr) &&
         absl::FormatTime("%E4Y-%m-%d %H:%M:%S", time, absl::UTCTimeZone()) == text;
}

}  // namespace

absl::Status Annotations::Apply(const std::string& project_id, const AnnotationChange& change,
                                Annotation* annotation) const {
  if (change.date) {
    if (!IsDate(*change.date)) {
      return absl::InvalidArgumentError("date must be written as YYYY-MM-DD HH:mm:ss");
    }
    annotation->date = *change.date;
  }
  if (change.description) annotation->description = *change.description;
  if (change.tags) {
    for (const int64_t tag : *change.tags) {
      const auto found = tags_.find(tag);
      if (found == tags_.end() || found->second.project_id != project_id) {
        return absl::InvalidArgumentError(StrCat("there is no annotation tag ", tag));
      }
    }
    annotation->tags = *change.tags;
  }
  return absl::OkStatus();
}

absl::StatusOr<Annotation> Annotations::Create(const std::string& project_id,
                                               const AnnotationChange& given) {
  if (!given.date || !given.description) {
    return absl::InvalidArgumentError("date and description are required");
  }
  absl::MutexLock lock(&mutex_);
  Annotation annotation;
  annotation.project_id = project_id;
  RETURN_IF_ERROR(Apply(project_id, given, &annotation));
  annotation.id = ++last_id_;
  annotations_[annotation.id] = annotation;
  return annotation;
}

absl::StatusOr<Annotation> Annotations::Update(const std::string& project_id, int64_t id,
                                               const AnnotationChange& change) {
  absl::MutexLock lock(&mutex_);
  const auto found = annotations_.find(id);
  if (found == annotations_.end() || found->second.project_id != project_id) return NotFound(id);
  Annotation changed = found->second;
  RETURN_IF_ERROR(Apply(project_id, change, &changed));
  found->second = changed;
  return changed;
}

absl::StatusOr<Annotation> Annotations::Get(const std::string& project_id, int64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = annotations_.find(id);
  if (found == annotations_.end() || found->second.project_id != project_id) return NotFound(id);
  return found->second;
}

absl::Status Annotations::Delete(const std::string& project_id, int64_t id) {
  absl::MutexLock lock(&mutex_);
  const auto found = annotations_.find(id);
  if (found == annotations_.end() || found->second.project_id != project_id) return NotFound(id);
  annotations_.erase(found);
  return absl::OkStatus();
}

std::vector<Annotation> Annotations::List(const std::string& project_id, std::string_view from,
                                          std::string_view to) const {
  std::vector<Annotation> list;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, annotation] : annotations_) {
    const std::string_view day = std::string_view(annotation.date).substr(0, 10);
    if (annotation.project_id != project_id || (!from.empty() && day < from) ||
        (!to.empty() && day > to)) {
      continue;
    }
    list.push_back(annotation);
  }
  std::sort(list.begin(), list.end(), [](const Annotation& a, const Annotation& b) {
    return std::tie(a.date, a.id) < std::tie(b.date, b.id);
  });
  return list;
}

AnnotationTag Annotations::CreateTag(const std::string& project_id, std::string name) {
  absl::MutexLock lock(&mutex_);
  const int64_t id = ++last_id_;
  return tags_[id] = {id, project_id, std::move(name)};
}

std::vector<AnnotationTag> Annotations::Tags(const std::string& project_id) const {
  std::vector<AnnotationTag> list;
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, tag] : tags_) {
    if (tag.project_id == project_id) list.push_back(tag);
  }
  return list;
}

void Annotations::Clear() {
  absl::MutexLock lock(&mutex_);
  annotations_.clear();
  tags_.clear();
}

}  // namespace millrace::sandbox
