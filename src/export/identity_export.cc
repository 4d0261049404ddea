// ExportIdentities().
#include <algorithm>
#include <deque>
#include <memory>
#include <utility>

#include "base/json_writer.h"
#include "base/log.h"
#include "base/retrier.h"
#include "base/status.h"
#include "base/strings.h"
#include "export/export.h"
#include "export/identity_graph.h"
#include "export/identity_store.h"

namespace millrace {
namespace {

constexpr absl::CivilDay kEpoch(1970, 1, 1);
constexpr size_t kRowsPerPage = 1'000;
constexpr int kTriesOfSize = 3;  // a query that is broken off so often is made smaller
constexpr absl::Duration kSavePeriod = absl::Minutes(1);

// The ids that have another one in the end.
class IdentityPages final : public mixpanel::ProfilePages {
 public:
  // Both outlive this. `deleted`: ids that are left out, or null.
  IdentityPages(const IdentityGraph& graph, const DeletedIds* deleted)
      : graph_(graph), deleted_(deleted) {}

  absl::StatusOr<std::vector<mixpanel::Profile>> Next(std::stop_token /*stop*/) override {
    std::vector<mixpanel::Profile> page;
    for (; next_ < graph_.size() && page.size() < kRowsPerPage; ++next_) {
      const std::string_view id = graph_.IdOf(next_), resolved = graph_.ResolvedOf(next_);
      if (id == resolved || IsDeleted(id) || IsDeleted(resolved)) continue;
      std::string properties = "{\"resolved_distinct_id\":";
      AppendJsonString(properties, resolved);
      page.push_back({.distinct_id = std::string(id), .properties = properties + "}"});
    }
    total_ += page.size();
    return page;
  }
  uint64_t total() const override { return total_; }

 private:
  bool IsDeleted(std::string_view id) const {
    return deleted_ != nullptr && deleted_->Contains(id);
  }

  const IdentityGraph& graph_;
  const DeletedIds* const deleted_;
  uint32_t next_ = 0;
  uint64_t total_ = 0;
};

// Brings a graph up to the present day.
class IdentityReading {
 public:
  IdentityReading(const ExportRequest& request, const ExportParts& parts, std::stop_token stop,
                  ExportProgress& progress)
      : request_(request),
        parts_(parts),
        stop_(std::move(stop)),
        progress_(progress),
        path_(StrCat(request.state_folder, "/export/", request.project_id, "-identities-",
                     request.identities.merge == IdMerge::kOriginal ? "original" : "simplified",
                     ".ndjson.zst")),
        retrier_(request.delivery.run.retry, parts.clock),
        graph_(request.identities.max_ids) {}

  const IdentityGraph& graph() const { return graph_; }
  uint64_t retries() const { return retries_; }

  absl::Status Run(const std::function<absl::Status()>& take_query) {
    if (is_read_) return absl::OkStatus();
    RETURN_IF_ERROR(Load());
    EventWindowOptions options = request_.windows;
    options.since = days_.read_until;
    options.selection.events = IdentityEventNames(request_.identities.merge);
    options.selection.where = IdentityEventsWhere(request_.identities.merge);
    const EventWindows windows(std::move(options));
    const absl::Time now = parts_.clock.Now();
    const std::optional<WindowRange> range = windows.Readable(now);
    saved_at_ = parts_.clock.Elapsed();
    for (int64_t day = range ? range->first : 0; range && day <= range->last;) {
      const int64_t last = std::min(range->last, day + windows.max_windows() - 1);
      RETURN_IF_ERROR(Read(windows, {day, last}, take_query));
      for (; day <= last; ++day) {
        const bool follows = days_.read_until == kEpoch + day;
        if (follows && windows.Closes(day, now)) days_.read_until = kEpoch + day + 1;
      }
      if (parts_.clock.Elapsed() - saved_at_ >= kSavePeriod) RETURN_IF_ERROR(Save());
    }
    is_read_ = true;
    return Save();
  }

 private:
  absl::Status Load() {
    const absl::CivilDay since = request_.windows.since;
    const absl::StatusOr<IdentityDays> loaded = LoadIdentities(path_, graph_);
    if (!loaded.ok() && !absl::IsNotFound(loaded.status())) return loaded.status();
    days_ = loaded.ok() ? *loaded : IdentityDays{.since = since, .read_until = since};
    // Days before the first one, or after a gap, make it begin again; what is known remains true.
    if (since < days_.since || since > days_.read_until) days_ = {since, since};
    return absl::OkStatus();
  }

  absl::Status Save() {
    saved_at_ = parts_.clock.Elapsed();
    return SaveIdentities(path_, days_, graph_);
  }

  struct Part {
    WindowRange days;
    int piece = 0, pieces = 1;  // of a single day
  };

  absl::Status Read(const EventWindows& windows, const WindowRange& range,
                    const std::function<absl::Status()>& take_query) {
    for (std::deque<Part> parts = {{range}}; !parts.empty();) {
      const Part part = parts.front();
      parts.pop_front();
      const absl::Status read = Fetch(windows, part, take_query);
      if (!absl::IsAborted(read)) {
        RETURN_IF_ERROR(read);
      } else if (part.days.size() > 1) {
        const int64_t middle = part.days.first + part.days.size() / 2;
        parts.push_front({{middle, part.days.last}});
        parts.push_front({{part.days.first, middle - 1}});
      } else {
        for (int i = 3; i >= 0; --i) {
          parts.push_front({part.days, part.piece * 4 + i, part.pieces * 4});
        }
      }
    }
    return absl::OkStatus();
  }

  // Aborted: the query was broken off several times, and can be made smaller. What a query that is
  // broken off has said remains true.
  absl::Status Fetch(const EventWindows& windows, const Part& part,
                     const std::function<absl::Status()>& take_query) {
    const bool is_divisible = part.days.size() > 1 || part.pieces * 4 <= EventWindows::kMaxPieces;
    int breaks = 0;
    for (RetryLoop tries(retrier_);;) {
      RETURN_IF_ERROR(take_query());
      uint64_t lines = 0, bytes = 0;
      const absl::Status read = parts_.raw_export(
          windows.RequestFor(part.days, part.piece, part.pieces, parts_.clock.Now()),
          [&](std::string_view line) {
            ++lines;
            bytes += line.size() + 1;
            return AddIdentityEvent(line, request_.identities.merge, graph_);
          },
          stop_);
      progress_.bytes += bytes;
      if (read.ok()) {
        Log(Severity::kInfo, StrCat("retrieved: ", lines, " events of identities"),
            {{"window", windows.NameOf(part.days.first)}});
        return absl::OkStatus();
      }
      if (!absl::IsUnavailable(read)) return read;
      const std::string why(ToStd(read.message()));
      Log(Severity::kWarning, "an export query failed and is repeated",
          {{"window", windows.NameOf(part.days.first)}, {"error", why}});
      RETURN_IF_ERROR(tries.WaitToRetry(read, absl::ZeroDuration(), stop_));
      ++retries_;
      breaks += lines > 0;
      if (is_divisible && breaks >= kTriesOfSize) return absl::AbortedError(why);
    }
  }

  const ExportRequest& request_;
  const ExportParts& parts_;
  const std::stop_token stop_;
  ExportProgress& progress_;
  const std::string path_;
  Retrier retrier_;
  IdentityGraph graph_;
  IdentityDays days_;
  absl::Duration saved_at_;
  uint64_t retries_ = 0;
  bool is_read_ = false;
};

}  // namespace

ExportReport ExportIdentities(const ExportRequest& request, const ExportParts& parts,
                              std::stop_token stop, ExportProgress& progress) {
  IdentityReading reading(request, parts, stop, progress);
  ExportParts with_identities = {
      .raw_export = parts.raw_export,
      .open_profiles = [&](const std::function<absl::Status()>& take_query)
          -> absl::StatusOr<std::unique_ptr<mixpanel::ProfilePages>> {
        RETURN_IF_ERROR(reading.Run(take_query));
        return std::make_unique<IdentityPages>(reading.graph(), parts.deleted);
      },
      .destinations = parts.destinations,
      .ledger = parts.ledger,
      .dead_letter = parts.dead_letter,
      .clock = parts.clock};
  ExportReport report = ExportProfiles(request, with_identities, std::move(stop), progress);
  report.retries += reading.retries();
  return report;
}

}  // namespace millrace
