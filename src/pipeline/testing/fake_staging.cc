#include "pipeline/testing/fake_staging.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace millrace {
namespace {

bool HasLetter(std::string_view line, char letter) {
  return line.find(StrCat("\"is\":\"", std::string_view(&letter, 1), "\"}")) != line.npos;
}

CommitResult Unknown() {
  return {.kind = CommitResult::Kind::kRetry, .status = absl::UnavailableError("no answer")};
}

}  // namespace

class FakeStagedDestination::FakeStagedSink : public StagedSink {
 public:
  FakeStagedSink(FakeStagedDestination& destination, uint64_t process)
      : destination_(destination), process_(process) {}

  WriteResult Stage(const Batch& batch, absl::Span<const BatchSpan> spans,
                    std::stop_token) override {
    WriteResult result = destination_.Stage(process_, part_, batch, spans);
    if (result.durable()) staged_bytes_ += batch.bytes.size();
    return result;
  }
  absl::StatusOr<std::vector<std::string>> Seal(const std::string&, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    absl::StatusOr<std::vector<std::string>> parts = destination_.Seal(part_);
    if (parts.ok()) staged_bytes_ = 0;
    return parts;
  }
  size_t staged_bytes() const override { return staged_bytes_; }

 private:
  FakeStagedDestination& destination_;
  const uint64_t process_;
  std::string part_;  // that is being staged; empty: none
  size_t staged_bytes_ = 0;
};

class FakeStagedDestination::FakeCommitter : public Committer {
 public:
  explicit FakeCommitter(FakeStagedDestination& destination) : destination_(destination) {}
  CommitResult Commit(const Intent& intent, std::stop_token stop) override {
    if (stop.stop_requested()) {
      return {.kind = CommitResult::Kind::kRetry, .status = StopRequested()};
    }
    return destination_.TryCommit(intent);
  }
  absl::Status Abandon(const Intent& intent, std::stop_token stop) override {
    return stop.stop_requested() ? StopRequested() : destination_.TryAbandon(intent);
  }

 private:
  FakeStagedDestination& destination_;
};

class FakeStagedDestination::Process : public Staging {
 public:
  Process(FakeStagedDestination& destination, uint64_t number)
      : destination_(destination), number_(number) {}
  ~Process() override { destination_.EndProcess(number_); }

  std::unique_ptr<StagedSink> NewSink() override {
    return std::make_unique<FakeStagedSink>(destination_, number_);
  }
  std::unique_ptr<Committer> NewCommitter() override {
    return std::make_unique<FakeCommitter>(destination_);
  }
  absl::Status RemoveOrphans(absl::Span<const Intent> open, std::stop_token stop) override {
    if (stop.stop_requested()) return StopRequested();
    destination_.RemoveOrphans(open);
    return absl::OkStatus();
  }

 private:
  FakeStagedDestination& destination_;
  const uint64_t number_;
};

std::unique_ptr<Staging> FakeStagedDestination::NewStaging() {
  absl::MutexLock lock(&mutex_);
  const uint64_t number = processes_.size();
  processes_[number] = true;
  return std::make_unique<Process>(*this, number);
}

void FakeStagedDestination::EndProcess(uint64_t process) {
  absl::MutexLock lock(&mutex_);
  processes_[process] = false;
}

void FakeStagedDestination::set_stage_script(FakeDestination::Script script) {
  absl::MutexLock lock(&mutex_);
  stage_script_ = std::move(script);
}

void FakeStagedDestination::set_seal_script(std::function<bool(uint64_t)> script) {
  absl::MutexLock lock(&mutex_);
  seal_script_ = std::move(script);
}

void FakeStagedDestination::set_commit_script(CommitScript script) {
  absl::MutexLock lock(&mutex_);
  commit_script_ = std::move(script);
}

WriteResult FakeStagedDestination::Stage(uint64_t process, std::string& part, const Batch& batch,
                                         absl::Span<const BatchSpan> spans) {
  absl::MutexLock lock(&mutex_);
  const uint64_t number = batch_sizes_.size();
  batch_sizes_.push_back(batch.rows());
  switch (stage_script_(number)) {
    case FakeWrite::kDurable:
      break;
    case FakeWrite::kThrottled:
      return WriteResult::Retry(absl::ResourceExhaustedError("too many requests"), absl::Seconds(1),
                                /*throttled=*/true);
    case FakeWrite::kRetry:
    case FakeWrite::kResponseLost:
      return WriteResult::Retry(absl::UnavailableError("no answer"));
    case FakeWrite::kStop:
      return WriteResult::Stop(absl::UnauthenticatedError("wrong credentials"));
    case FakeWrite::kRefusedWhole:
      return WriteResult::RefusedWhole(absl::FailedPreconditionError("project is archived"));
  }
  if (part.empty()) part = StrCat("part ", names_++);
  Part& staged = parts_[part];
  staged.process = process;
  return WriteResult::Durable(AddRows(batch, spans, staged));
}

std::vector<RefusedRow> FakeStagedDestination::AddRows(const Batch& batch,
                                                       absl::Span<const BatchSpan> spans,
                                                       Part& part) {
  std::vector<RefusedRow> refused;
  for (const BatchSpan& span : spans) {
    const size_t end = span.first + span.rows;
    for (size_t first = span.first, next = first; first < end; first = next) {
      bool refuses = false;
      for (; next < end && batch.source_rows[next] == batch.source_rows[first]; ++next) {
        refuses = refuses || HasLetter(batch.row(next), 'x');
      }
      for (size_t row = first; row < next; ++row) {
        if (refuses) {
          refused.push_back({.row = row, .field = "is", .message = "x is not accepted"});
        } else {
          part.rows.push_back({*span.object, batch.source_rows[row], std::string(batch.row(row))});
        }
      }
    }
  }
  return refused;
}

absl::StatusOr<std::vector<std::string>> FakeStagedDestination::Seal(std::string& part) {
  absl::MutexLock lock(&mutex_);
  if (part.empty()) return std::vector<std::string>();
  if (!seal_script_(seals_++)) return absl::UnavailableError("no answer");
  return std::vector<std::string>{std::exchange(part, "")};
}

void FakeStagedDestination::Show(const Row& row, int times) {
  const auto found = visible_.try_emplace(row.line).first;
  found->second += times;
  if (found->second > 1) ever_twice_ = row.line;
  if (found->second == 0) visible_.erase(found);
}

bool FakeStagedDestination::MakeVisible(const Intent& intent, size_t parts) {
  Commit& commit = commits_[intent.id];
  if (commit.fenced) return false;
  for (size_t i = 0; i < parts; ++i) {
    const std::string& name = intent.parts[i];
    if (commit.visible.contains(name)) continue;
    const auto staged = parts_.find(name);
    if (staged == parts_.end()) return false;
    for (const Row& row : staged->second.rows) {
      if (!HasLetter(row.line, 'y')) Show(row, 1);
    }
    commit.visible[name] = std::move(staged->second);
    parts_.erase(staged);
    if (commit.visible.size() == intent.parts.size()) ++commits_done_;
  }
  return true;
}

CommitResult FakeStagedDestination::ResultOf(const Intent& intent) const {
  std::map<LedgerKey, size_t> spans;
  for (size_t i = 0; i < intent.spans.size(); ++i) spans[intent.spans[i].object] = i;
  std::map<std::pair<size_t, uint64_t>, Rejection> refused;
  for (const auto& [name, part] : commits_.at(intent.id).visible) {
    for (const Row& row : part.rows) {
      if (!HasLetter(row.line, 'y')) continue;
      Rejection& rejection = refused[{spans.at(row.object), row.source_row}];
      rejection.source_row = row.source_row;
      rejection.code = "rejected_by_destination";
      rejection.field = "is";
      rejection.message = "y does not fit";
      if (!rejection.payload_after.empty()) rejection.payload_after += '\n';
      rejection.payload_after += row.line;
    }
  }
  CommitResult result{.kind = CommitResult::Kind::kCommitted};
  for (auto& [place, rejection] : refused) {
    result.refused.push_back({place.first, std::move(rejection)});
  }
  return result;
}

CommitResult FakeStagedDestination::TryCommit(const Intent& intent) {
  absl::MutexLock lock(&mutex_);
  const FakeCommit outcome = commit_script_(commit_calls_++);
  const size_t all = intent.parts.size();
  if (outcome == FakeCommit::kStop) {
    return {.kind = CommitResult::Kind::kStop,
            .status = absl::PermissionDeniedError("no permission to commit")};
  }
  if (outcome == FakeCommit::kGone) {
    for (const std::string& part : intent.parts) parts_.erase(part);
  }
  if (outcome == FakeCommit::kLate) late_.push_back(intent);
  if (outcome == FakeCommit::kPartly) (void)MakeVisible(intent, all / 2);
  if (outcome != FakeCommit::kDone && outcome != FakeCommit::kResponseLost &&
      outcome != FakeCommit::kGone) {
    return Unknown();
  }
  const bool is_visible = MakeVisible(intent, all);
  if (outcome == FakeCommit::kResponseLost) return Unknown();
  if (!is_visible) {
    return {.kind = CommitResult::Kind::kGone, .status = absl::NotFoundError("a part is gone")};
  }
  DeliverLateLocked();
  return ResultOf(intent);
}

absl::Status FakeStagedDestination::TryAbandon(const Intent& intent) {
  absl::MutexLock lock(&mutex_);
  const FakeCommit outcome = commit_script_(commit_calls_++);
  if (outcome == FakeCommit::kNoAnswer) return absl::UnavailableError("no answer");
  Commit& commit = commits_[intent.id];
  if (!intent.parts.empty() && commit.visible.size() == intent.parts.size()) {
    return absl::FailedPreconditionError("all of it is visible");
  }
  commit.fenced = true;
  for (const auto& [name, part] : commit.visible) {
    for (const Row& row : part.rows) {
      if (!HasLetter(row.line, 'y')) Show(row, -1);
    }
  }
  commit.visible.clear();
  for (const std::string& part : intent.parts) parts_.erase(part);
  DeliverLateLocked();
  if (outcome == FakeCommit::kResponseLost) return absl::UnavailableError("the answer was lost");
  return absl::OkStatus();
}

void FakeStagedDestination::DeliverLateLocked() {
  for (const Intent& intent : std::exchange(late_, {})) {
    (void)MakeVisible(intent, intent.parts.size());
  }
}

void FakeStagedDestination::DeliverLate() {
  absl::MutexLock lock(&mutex_);
  DeliverLateLocked();
}

void FakeStagedDestination::LoseParts(const std::vector<std::string>& parts) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& part : parts) parts_.erase(part);
}

void FakeStagedDestination::RemoveOrphans(absl::Span<const Intent> open) {
  std::set<std::string> announced;
  for (const Intent& intent : open) announced.insert(intent.parts.begin(), intent.parts.end());
  absl::MutexLock lock(&mutex_);
  std::erase_if(parts_, [&](const auto& part) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !processes_.at(part.second.process) && !announced.contains(part.first);
  });
}

std::map<std::string, int> FakeStagedDestination::Visible() const {
  absl::MutexLock lock(&mutex_);
  return visible_;
}

std::string FakeStagedDestination::EverTwice() const {
  absl::MutexLock lock(&mutex_);
  return ever_twice_;
}

std::vector<std::string> FakeStagedDestination::Parts() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> names;
  for (const auto& [name, part] : parts_) names.push_back(name);
  return names;
}

std::vector<size_t> FakeStagedDestination::BatchSizes() const {
  absl::MutexLock lock(&mutex_);
  return batch_sizes_;
}

uint64_t FakeStagedDestination::Commits() const {
  absl::MutexLock lock(&mutex_);
  return commits_done_;
}

}  // namespace millrace
