#include "export/destination_export.h"

#include <pthread.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/hash.h"
#include "base/json_writer.h"
#include "base/status.h"
#include "base/strings.h"
#include "import/record_run.h"

namespace millrace {
namespace {

// What decides, besides the window, which rows are delivered and how. Part of ledger keys.
std::string SelectionId(const ExportRequest& request) {
  const EventSelection& selection = request.windows.selection;
  std::vector<std::string> events = selection.events;
  std::sort(events.begin(), events.end());
  std::string text;
  for (const std::string& event : events) {
    AppendJsonString(text, event);
    text += ',';
  }
  AppendJsonString(text, selection.where);
  AppendJsonString(text, ToStd(selection.zone.name()));
  if (!selection.script.empty()) AppendJsonString(text, selection.script);
  std::vector<std::string> properties = selection.properties;
  std::sort(properties.begin(), properties.end());
  for (const std::string& property : properties) AppendJsonString(text += ';', property);
  return "export:" + ToHex(HashBytes(text));
}

std::string FolderOf(const ExportRequest& request, const std::string& destination) {
  return StrCat(request.state_folder, "/export/", request.project_id, "-", request.stream, "-",
                ToHex(HashBytes(destination)).substr(0, 16));
}

}  // namespace

DestinationExport::DestinationExport(const ExportRequest& request, const ExportParts& parts,
                                     Destination& destination, const std::atomic<int>& sharing_runs,
                                     ImportProgress& progress, std::stop_token stop)
    : request_(request),
      parts_(parts),
      destination_(destination),
      delivery_(request.delivery),
      sources_(request.delivery.sources),
      progress_(progress),
      begin_(parts.clock.Elapsed()),
      traffic_before_{destination.traffic().requests, destination.traffic().bytes_sent},
      on_outer_stop_(std::move(stop), [this] { stop_.request_stop(); }) {
  delivery_.run.sharing_runs = &sharing_runs;
  if (delivery_.strict) progress_.warnings.MakeErrors();
}

DestinationExport::~DestinationExport() { stop_.request_stop(); }

std::string DestinationExport::StreamName() const {
  return StrCat("mixpanel:", request_.project_id, "/", request_.stream);
}

std::string DestinationExport::ObjectOf(const std::string& window) const {
  return StrCat(StreamName(), "/", window);
}

std::unique_ptr<WindowClaims> DestinationExport::NewClaims(std::string selection) {
  return std::make_unique<WindowClaims>(
      parts_.ledger, WindowClaimOptions{.destination = destination_.LedgerName(request_.type),
                                        .label = destination_.label(),
                                        .selection = std::move(selection),
                                        .lease = delivery_.run.lease,
                                        .retry = delivery_.run.retry,
                                        .on_lost = [this](absl::Status why) {
                                          absl::MutexLock lock(&mutex_);
                                          lost_.Update(why);
                                          stop_.request_stop();
                                        }});
}

absl::Status DestinationExport::Begin(const std::vector<std::string>& windows) {
  // First, because what another process has not finished yet must not be removed.
  running_ = NewClaims(request_.windows.by == WindowsBy::kEventDate ? WindowClaims::kAllDays
                                                                    : WindowClaims::kAllHours);
  ASSIGN_OR_RETURN(running_state_, running_->Claim(StreamName(), stop_.get_token()));
  claims_ = NewClaims(SelectionId(request_));
  if (request_.replace && !windows.empty()) {
    RETURN_IF_ERROR(OpenReplacement(windows.front()).status());  // it can replace days
  }
  for (const std::string& window : windows) RETURN_IF_ERROR(Claim(window));
  ASSIGN_OR_RETURN(
      folder_, DeliveryFolder::Open(FolderOf(request_, destination_.LedgerName(request_.type))));
  for (const PendingWindow& window : folder_->pending()) {
    if (!states_.contains(window.name)) RETURN_IF_ERROR(Claim(window.name));
  }
  for (auto& [window, state] : states_) RETURN_IF_ERROR(Compare(window, state));
  for (const std::string& window : windows) report_.windows_skipped += !wants(window);
  return absl::OkStatus();
}

absl::Status DestinationExport::Claim(const std::string& window) {
  ASSIGN_OR_RETURN(states_[window], claims_->Claim(ObjectOf(window), stop_.get_token()));
  return absl::OkStatus();
}

// Compares what the ledger says with what the folder has.
absl::Status DestinationExport::Compare(const std::string& window, WindowState& state) {
  const auto is_window = [&](const PendingWindow& one) { return one.name == window; };
  const auto& pending = folder_->pending();
  if (std::any_of(pending.begin(), pending.end(), is_window)) return absl::OkStatus();
  if (state.closed) return folder_->Forget(window);
  ASSIGN_OR_RETURN(const uint64_t delivered, folder_->Delivered(window));
  const bool was_completed = delivered > state.delivered;  // and then the process was killed
  if (was_completed) {
    state = {.delivered = delivered};
    return claims_->Store(ObjectOf(window), state, stop_.get_token());
  }
  if (delivered == state.delivered && state.in_flight == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat(ObjectOf(window), " was exported to ", destination_.label(),
             " with another state folder, which alone knows what was delivered: use it again "
             "(--state DIR), because all rows of the window would be there twice"));
}

bool DestinationExport::wants(const std::string& window) const {
  const auto state = states_.find(window);
  return state != states_.end() && (request_.replace || !state->second.closed);
}

std::optional<uint64_t> DestinationExport::rows_of(const std::string& window) const {
  const auto state = states_.find(window);
  if (state == states_.end() || state->second.delivered == 0) return std::nullopt;
  return state->second.delivered;
}

bool DestinationExport::is_closed(const std::string& window) const {
  const auto state = states_.find(window);
  return state != states_.end() && state->second.closed;
}

bool DestinationExport::Replaces(const PendingWindow& window) const {
  if (request_.type == RecordType::kEvent) return window.replaces;
  return !request_.profiles.append;
}

absl::Status DestinationExport::Start() {
  feed_ = std::make_unique<WindowFeed>();
  replacing_.clear();
  part_ = {};
  const std::vector<PendingWindow> pending = folder_->pending();
  for (const PendingWindow& window : pending) {
    std::unique_ptr<Replacement> replacement;
    if (Replaces(window)) {
      ASSIGN_OR_RETURN(replacement, OpenReplacement(window.name));
    }
    if (replacement == nullptr) {
      RETURN_IF_ERROR(Offer(window, *feed_));
      continue;
    }
    Replacing one{ObjectOf(window.name), std::move(replacement), std::make_unique<WindowFeed>()};
    RETURN_IF_ERROR(Offer(window, *one.feed));
    one.feed->End();
    replacing_.push_back(std::move(one));
  }
  thread_ = std::jthread([this] { Deliver(); });
  pthread_setname_np(thread_.native_handle(), "deliver");
  return absl::OkStatus();
}

void DestinationExport::Deliver() {
  for (const Replacing& one : replacing_) {
    part_.Add(RunFeed(*one.feed, one.replacement.get(), one.object));
    if (!part_.status.ok()) break;
  }
  if (part_.status.ok()) part_.Add(RunFeed(*feed_, nullptr, ""));
  feed_->ReaderEnded();
}

ImportReport DestinationExport::RunFeed(WindowFeed& feed, Replacement* replacement,
                                        const std::string& replacing) {
  return RunRecords({.request = delivery_,
                     .sources = sources_,
                     .type = request_.type,
                     .feed = feed,
                     .scripts = scripts_,
                     .destination = destination_,
                     .ledger = parts_.ledger,
                     .dead_letter = parts_.dead_letter,
                     .progress = progress_,
                     .replacement = replacement,
                     .replacing_object = replacing},
                    stop_.get_token());
}

absl::StatusOr<std::unique_ptr<Replacement>> DestinationExport::OpenReplacement(
    const std::string& window) {
  Scope scope;
  if (request_.type == RecordType::kEvent) {
    ASSIGN_OR_RETURN(std::tie(scope.since, scope.until),
                     EventWindows(request_.windows).TimesOf(window));
  }
  absl::StatusOr<std::unique_ptr<Replacement>> opened =
      destination_.NewReplacement(request_.type, scope);
  const bool may_append = request_.type != RecordType::kEvent;
  if (may_append && absl::IsInvalidArgument(opened.status())) return nullptr;
  return opened;
}

absl::Status DestinationExport::Offer(const PendingWindow& window, WindowFeed& feed) {
  WindowState& state = states_[window.name];
  if (!state.closed) {
    state.in_flight = window.rows;
    RETURN_IF_ERROR(claims_->Store(ObjectOf(window.name), state, stop_.get_token()));
  }
  progress_.objects_listed += 1;
  return feed.Add(ObjectOf(window.name), window.version, folder_->RowsPath(window.name));
}

void DestinationExport::CountRepeats(uint64_t rows) {
  report_.delivery.counts.read += rows;
  report_.delivery.counts.filtered += rows;
}

absl::Status DestinationExport::Keep(const std::string& window, const WindowFile& file,
                                     RowHashes& hashes) {
  const bool replaces = request_.profiles.allow_empty && !request_.profiles.append;
  if (file.rows == 0 && replaces) {
    return folder_->AddReplacement(window, file, hashes, /*closes=*/true).status();
  }
  ASSIGN_OR_RETURN(const PendingWindow pending,
                   folder_->Add(window, file, hashes, /*closes=*/true));
  CountRepeats(file.rows - pending.rows);
  return pending.rows > 0 ? absl::OkStatus() : Record(pending);
}

absl::Status DestinationExport::KeepReplacement(const std::string& window, const WindowFile& file,
                                                RowHashes& hashes, bool closes) {
  ASSIGN_OR_RETURN(const PendingWindow pending,
                   folder_->AddReplacement(window, file, hashes, closes || is_closed(window)));
  CountRepeats(file.rows - pending.rows);
  return absl::OkStatus();
}

absl::Status DestinationExport::KeepMissing(const std::string& window, const WindowFile& missing,
                                            RowHashes& hashes, bool closes) {
  return folder_->AddMissing(window, missing, hashes, closes || is_closed(window)).status();
}

absl::Status DestinationExport::Add(const std::string& window, const WindowFile& file,
                                    RowHashes& hashes, bool closes) {
  ASSIGN_OR_RETURN(const PendingWindow pending, folder_->Add(window, file, hashes, closes));
  CountRepeats(file.rows - pending.rows);
  if (pending.rows > 0) return Offer(pending, *feed_);
  return Record(pending);
}

// The destination has all rows of the window.
absl::Status DestinationExport::Record(const PendingWindow& window) {
  ++report_.windows;
  if (window.delivered > 0 && running_state_.delivered == 0) {
    // From now on, the other kind of windows is refused.
    running_state_.delivered = 1;
    RETURN_IF_ERROR(running_->Store(StreamName(), running_state_, stop_.get_token()));
  }
  WindowState& state = states_[window.name];
  const WindowState now = {.closed = window.closes, .delivered = window.delivered};
  // A closed one is not claimed: what repairs deliver of it does not open it.
  if (!state.closed && std::exchange(state, now) != now) {
    RETURN_IF_ERROR(claims_->Store(ObjectOf(window.name), now, stop_.get_token()));
  }
  return window.closes ? folder_->Forget(window.name) : absl::OkStatus();
}

absl::Status DestinationExport::Settle() {
  for (const Replacing& one : replacing_) RETURN_IF_ERROR(SettleFeed(*one.feed));
  return SettleFeed(*feed_);
}

absl::Status DestinationExport::SettleFeed(WindowFeed& feed) {
  const std::vector<PendingWindow> pending = folder_->pending();
  for (const auto& [object, outcome] : feed.TakeOutcomes()) {
    if (outcome.kind != ObjectOutcome::Kind::kImported &&
        outcome.kind != ObjectOutcome::Kind::kDoneBefore) {
      continue;
    }
    const auto is_its = [&, &object = object](const PendingWindow& one) {
      return ObjectOf(one.name) == object;
    };
    const auto window = std::find_if(pending.begin(), pending.end(), is_its);
    RETURN_IF_ERROR(folder_->Complete(window->name));
    RETURN_IF_ERROR(Record(*window));
  }
  return absl::OkStatus();
}

absl::Status DestinationExport::Finish() {
  feed_->End();
  thread_.join();
  report_.delivery.Add(part_);
  const absl::Status settled = Settle();
  feed_.reset();
  replacing_.clear();
  absl::MutexLock lock(&mutex_);
  if (!lost_.ok()) report_.delivery.status = lost_;
  report_.delivery.status.Update(settled);
  return settled;
}

DestinationReport DestinationExport::TakeReport() {
  ImportReport& delivery = report_.delivery;
  delivery.destination = destination_.label();
  delivery.requests = destination_.traffic().requests - traffic_before_[0];
  delivery.bytes_sent = destination_.traffic().bytes_sent - traffic_before_[1];
  delivery.AddProgress(progress_, parts_.clock.Elapsed() - begin_);
  if (delivery.first_error.empty() && !delivery.status.ok()) {
    delivery.first_error = ToStd(delivery.status.message());
  }
  return std::move(report_);
}

}  // namespace millrace
