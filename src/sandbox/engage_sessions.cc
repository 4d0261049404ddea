#include "sandbox/engage_sessions.h"

#include <algorithm>

#include "base/strings.h"

namespace millrace::sandbox {
namespace {

constexpr absl::Duration kLifetime = absl::Minutes(30);
constexpr size_t kMaxSessions = 50;
constexpr size_t kMaxProfiles = 2'000'000;  // of all sessions but the newest

}  // namespace

std::string EngageSessions::Add(std::shared_ptr<const EngageResult> result, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  size_t profiles = 0;
  for (const Session& session : sessions_) profiles += session.result->profiles.size();
  while (!sessions_.empty() && (sessions_.size() >= kMaxSessions || profiles > kMaxProfiles)) {
    profiles -= sessions_.front().result->profiles.size();
    sessions_.pop_front();
  }
  sessions_.push_back({StrCat("sandbox-", ++made_), now, std::move(result)});
  return sessions_.back().id;
}

std::shared_ptr<const EngageResult> EngageSessions::Find(std::string_view id,
                                                         std::string_view query, absl::Time now) {
  absl::MutexLock lock(&mutex_);
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const Session& session) { return session.id == id; });
  if (found == sessions_.end() || found->result->query != query) return nullptr;
  if (now - found->used > kLifetime) return nullptr;
  found->used = now;
  return found->result;
}

void EngageSessions::Clear() {
  absl::MutexLock lock(&mutex_);
  sessions_.clear();
}

}  // namespace millrace::sandbox
