#include "connectors/mixpanel/testing/fake_project.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/status.h"
#include "connectors/mixpanel/identity_reader.h"

namespace millrace {
namespace {

bool Contains(const std::string& line, const std::string& text) {
  return !text.empty() && line.find(text) != std::string::npos;
}

}  // namespace

class FakeProject::FakeSink : public Sink {
 public:
  explicit FakeSink(FakeProject& project) : project_(project) {}

  WriteResult Write(const Batch& batch, absl::Span<const BatchSpan>, std::stop_token) override {
    std::vector<RefusedRow> refused;
    absl::MutexLock lock(&project_.mutex_);
    for (size_t i = 0; i < batch.rows(); ++i) {
      std::string line(batch.row(i));
      if (Contains(line, project_.refuse_)) {
        refused.push_back({.row = i, .message = "the project does not want it"});
      } else if (!Contains(line, project_.lose_)) {
        project_.events_.push_back(std::move(line));
      }
    }
    return WriteResult::Durable(std::move(refused));
  }

 private:
  FakeProject& project_;
};

SinkFactory FakeProject::Sinks() {
  return [this] { return std::make_unique<FakeSink>(*this); };
}

mixpanel::RawExport FakeProject::Export() {
  return [this](const mixpanel::RawExportRequest& request,
                const std::function<absl::Status(std::string_view)>& on_line,
                std::stop_token) -> absl::Status {
    {
      absl::MutexLock lock(&mutex_);
      ++exports_;
    }
    const absl::CivilDay epoch(1970, 1, 1);
    mixpanel::IdentityReader reader;
    EventIdentity identity;
    for (const std::string& event : events()) {
      RETURN_IF_ERROR(reader.Read(event, identity));
      const bool asked =
          identity.day() >= request.from - epoch && identity.day() <= request.to - epoch &&
          (request.events.empty() || std::find(request.events.begin(), request.events.end(),
                                               identity.event) != request.events.end());
      if (asked) RETURN_IF_ERROR(on_line(event));
    }
    return absl::OkStatus();
  };
}

void FakeProject::Refuse(std::string text) {
  absl::MutexLock lock(&mutex_);
  refuse_ = std::move(text);
}

void FakeProject::Lose(std::string text) {
  absl::MutexLock lock(&mutex_);
  lose_ = std::move(text);
}

void FakeProject::Add(std::string event) {
  absl::MutexLock lock(&mutex_);
  events_.push_back(std::move(event));
}

size_t FakeProject::Remove(const std::string& text) {
  absl::MutexLock lock(&mutex_);
  return std::erase_if(events_, [&](const std::string& line) { return Contains(line, text); });
}

std::vector<std::string> FakeProject::events() const {
  absl::MutexLock lock(&mutex_);
  return events_;
}

int FakeProject::exports() const {
  absl::MutexLock lock(&mutex_);
  return exports_;
}

}  // namespace millrace
